#include "cli/command.h"

#include "base/memory.h"
#include "tasks/check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 5 }; /* of a kind */

static enum tw_status put_classes(const struct tw_check_result *result, struct tw_buffer *out, struct tw_error *error)
{
    struct tw_table table = {.column_count = 2, .right_aligned = 2};
    const struct tw_labels *labels = &result->photos.labels;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < labels->count && status == TW_OK; i++) {
        status = tw_table_cell(&table, error, "%s", labels->names[i]);
        if (status == TW_OK)
            status = tw_table_cell(&table, error, "%zu", result->class_counts[i]);
    }
    if (status == TW_OK && labels->count > 0)
        status = tw_buffer_append_text(out, "\nphotos of each class\n", error);
    if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    tw_table_release(&table);
    return status;
}

static enum tw_status put_example(const struct tw_check_result *result, const struct tw_finding *finding,
                                  struct tw_table *table, struct tw_error *error)
{
    const char *uri = finding->item == SIZE_MAX ? "" : tw_check_item(result, finding->item)->uri;
    const char *other = finding->other == SIZE_MAX ? "" : tw_check_item(result, finding->other)->uri;
    const char *detail = finding->detail ? finding->detail : "";
    enum tw_status status = tw_table_cell(table, error, "    %s", *uri ? uri : detail);
    if (status != TW_OK)
        return status;
    return *other ? tw_table_cell(table, error, "%s (%s)", other, detail)
                  : tw_table_cell(table, error, "%s", *uri ? detail : "");
}

/* The findings of one kind, which stand together from `first` on. */
static enum tw_status put_kind(const struct tw_check_result *result, enum tw_finding_kind kind, size_t first,
                               struct tw_buffer *out, struct tw_error *error)
{
    struct tw_table table = {.column_count = 2};
    size_t count = result->counts[kind], shown = count < SHOWN ? count : SHOWN;
    enum tw_status status =
        tw_buffer_printf(out, error, "\n%s%s: %zu\n", tw_finding_names[kind].is_problem ? "! " : "  ",
                         tw_finding_names[kind].sentence, count);
    for (size_t i = 0; i < shown && status == TW_OK; i++)
        status = put_example(result, &result->findings[first + i], &table, error);
    if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    if (status == TW_OK && count > shown)
        status = tw_buffer_printf(out, error, "    ... and %zu more\n", count - shown);
    tw_table_release(&table);
    return status;
}

static enum tw_status put_text(const struct tw_check_result *result, const char *folder, struct tw_buffer *out,
                               struct tw_error *error)
{
    size_t first = 0, photos = result->photos.count + result->eval_photos.count;
    enum tw_status status =
        tw_buffer_printf(out, error, "%zu photos, %zu classes: ", photos, result->photos.labels.count);
    if (status == TW_OK && result->problems == 0)
        status = tw_buffer_append_text(out, "no problem found\n", error);
    else if (status == TW_OK)
        status = tw_buffer_printf(out, error, "%zu problem%s (marked !)\n", result->problems,
                                  result->problems == 1 ? "" : "s");
    for (enum tw_finding_kind kind = 0; kind < TW_FINDING_KINDS && status == TW_OK; kind++) {
        if (result->counts[kind] > 0)
            status = put_kind(result, kind, first, out, error);
        first += result->counts[kind];
    }
    if (status == TW_OK)
        status = put_classes(result, out, error);
    if (status == TW_OK && folder != NULL)
        status = tw_buffer_printf(
            out, error,
            "\nall of it: %s/findings.csv\nto decide: %s/corrections.csv (fill in new_label, - leaves a "
            "photo out; then train --corrections)\nto leave out: %s/quarantine.csv (broken and blank photos; train "
            "--corrections %s reads both)\n",
            folder, folder, folder, folder);
    return status;
}

static json_t *json_of_finding(const struct tw_check_result *result, const struct tw_finding *finding)
{
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(tw_finding_names[finding->kind].name));
    if (finding->item != SIZE_MAX)
        json_object_set_new(object, "uri", json_string(tw_check_item(result, finding->item)->uri));
    if (finding->other != SIZE_MAX)
        json_object_set_new(object, "other", json_string(tw_check_item(result, finding->other)->uri));
    if (finding->detail != NULL)
        json_object_set_new(object, "detail", json_string(finding->detail));
    json_object_set_new(object, "is_problem", json_boolean(tw_finding_names[finding->kind].is_problem));
    return object;
}

static enum tw_status put_json(const struct tw_check_result *result, struct tw_buffer *out, struct tw_error *error)
{
    json_t *root = json_object(), *classes = json_object(), *findings = json_array();
    json_object_set_new(root, "photos", json_integer((json_int_t)(result->photos.count + result->eval_photos.count)));
    json_object_set_new(root, "problems", json_integer((json_int_t)result->problems));
    for (size_t i = 0; i < result->photos.labels.count; i++)
        json_object_set_new(classes, result->photos.labels.names[i], json_integer((json_int_t)result->class_counts[i]));
    for (size_t i = 0; i < result->finding_count; i++)
        json_array_append_new(findings, json_of_finding(result, &result->findings[i]));
    json_object_set_new(root, "classes", classes);
    json_object_set_new(root, "findings", findings);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    enum tw_status status =
        text != NULL ? tw_buffer_printf(out, error, "%s\n", text) : tw_fail_memory(error, 1, "JSON");
    free(text);
    return status;
}

enum tw_exit tw_command_check(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_check_result result = {0};
    struct tw_buffer out = {0};
    struct tw_check_options options = {
        .inputs = arguments->operands,
        .input_count = arguments->operand_count,
        .labels_uri = tw_text(arguments, TW_OPTION_LABELS, NULL),
        .output = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
        .wants_suspects = tw_has(arguments, TW_OPTION_SUSPECTS),
        .seed = (uint64_t)tw_integer(arguments, TW_OPTION_SEED, 0),
    };
    options.eval_inputs = tw_texts(arguments, TW_OPTION_EVAL, &options.eval_input_count);
    enum tw_status status = tw_console_task(arguments, console, &options.task, &error);
    if (status == TW_OK && options.wants_suspects && options.output == NULL)
        status = tw_fail(&error, TW_INVALID, "--suspects needs -o DIR, the folder for labels.csv");
    if (status == TW_OK)
        status = tw_check(&options, &result, &error);
    if (status == TW_OK && options.output != NULL)
        status = tw_check_write(&result, options.output, &error);
    if (status == TW_OK)
        status = console->is_json ? put_json(&result, &out, &error) : put_text(&result, options.output, &out, &error);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    if (code == TW_EXIT_DONE && result.problems > 0)
        code = TW_EXIT_NO;
    tw_check_result_release(&result);
    tw_buffer_release(&out);
    return code;
}
