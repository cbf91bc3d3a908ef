#include "cli/command.h"
#include "cli/verify_server.h"

#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>

static enum tw_status put_row(const struct tw_verify_way *way, struct tw_table *table, struct tw_error *error)
{
    enum tw_status status = tw_table_cell(table, error, "%s", way->name);
    bool is_left = way->note && !way->has_failed;
    if (!status)
        status = is_left ? tw_table_cell(table, error, "-") : tw_table_cell(table, error, "%zu", way->photos);
    if (!status)
        status = is_left ? tw_table_cell(table, error, "-") : tw_table_cell(table, error, "%.2g", way->greatest);
    if (!status)
        status = is_left ? tw_table_cell(table, error, "-") : tw_table_cell(table, error, "%zu", way->other_labels);
    if (!status && way->note)
        return tw_table_cell(table, error, "%s%s", way->has_failed ? "failed: " : "not checked: ", way->note);
    return status ? status : tw_table_cell(table, error, "%s", way->worst ? way->worst : "");
}

static enum tw_status put_table(const struct tw_verify *verify, struct tw_buffer *out, struct tw_error *error)
{
    static const char *const heads[] = {"WAY", "PHOTOS", "DIFFERENCE", "OTHER LABELS", "GREATEST AT"};
    enum { COLUMNS = sizeof heads / sizeof *heads };
    struct tw_table table = {.column_count = COLUMNS, .right_aligned = 0x0e};
    enum tw_status status = TW_OK;
    size_t gone = 0;
    for (size_t i = 0; i < COLUMNS && status == TW_OK; i++)
        status = tw_table_cell(&table, error, "%s", heads[i]);
    for (size_t i = 0; i < verify->way_count && status == TW_OK; i++) {
        status = put_row(&verify->ways[i], &table, error);
        gone += !verify->ways[i].note;
    }
    if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    tw_table_release(&table);
    const char *verdict = tw_verify_agrees(verify) ? "all agree with predict" : "not all agree with predict";
    return status != TW_OK ? status
                           : tw_buffer_printf(out, error, "%s within %g: %zu of %zu ways were gone, %zu photos\n",
                                              verdict, verify->tolerance, gone, verify->way_count,
                                              verify->predictions.items.count - verify->predictions.skipped);
}

static json_t *way_json(const struct tw_verify_way *way)
{
    json_t *object =
        json_pack("{s:s, s:I, s:f, s:I}", "way", way->name, "photos", (json_int_t)way->photos, "greatest_difference",
                  way->greatest > 1e30 ? 1e30 : way->greatest, "other_labels", (json_int_t)way->other_labels);
    if (way->note)
        json_object_set_new(object, way->has_failed ? "failed" : "not_checked", json_string(way->note));
    if (way->worst)
        json_object_set_new(object, "greatest_at", json_string(way->worst));
    return object;
}

static enum tw_status put_json(const struct tw_verify *verify, struct tw_buffer *out, struct tw_error *error)
{
    json_t *root = json_object(), *ways = json_array();
    for (size_t i = 0; i < verify->way_count; i++)
        json_array_append_new(ways, way_json(&verify->ways[i]));
    json_object_set_new(root, "agrees", json_boolean(tw_verify_agrees(verify)));
    json_object_set_new(root, "tolerance", json_real(verify->tolerance));
    json_object_set_new(root, "photos",
                        json_integer((json_int_t)(verify->predictions.items.count - verify->predictions.skipped)));
    json_object_set_new(root, "skipped", json_integer((json_int_t)verify->predictions.skipped));
    json_object_set_new(root, "ways", ways);
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(root);
    enum tw_status status = text ? tw_buffer_printf(out, error, "%s\n", text) : tw_fail_memory(error, 1, "JSON");
    free(text);
    return status;
}

static enum tw_status run(const struct tw_arguments *arguments, struct tw_verify *verify, struct tw_error *error)
{
    enum tw_status status = tw_verify_begin(verify, error);
    const struct tw_predictions *made = &verify->predictions;
    if (status == TW_OK && made->skipped == made->items.count)
        return tw_fail(error, TW_CORRUPT, "no photo could be used; %s: %s", made->items.items[0].uri,
                       made->items.items[0].reason);
    const char *url = tw_text(arguments, TW_OPTION_SERVER, NULL);
    if (status == TW_OK && verify->options.task.backbone != NULL && url == NULL)
        status = tw_verify_leave(verify, "server", "a model that is served holds its network itself", error);
    else if (status == TW_OK)
        status = tw_verify_server(verify, url, error);
    if (status == TW_OK)
        status = tw_verify_runtimes(verify, tw_text(arguments, TW_OPTION_PYTHON, NULL),
                                    tw_text(arguments, TW_OPTION_SAVEDMODEL, NULL),
                                    tw_text(arguments, TW_OPTION_ONNX, NULL), error);
    return status;
}

enum tw_exit tw_command_verify(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_buffer out = {0};
    struct tw_verify verify = {.tolerance = tw_number(arguments, TW_OPTION_TOLERANCE, 1e-4)};
    verify.options.model = arguments->operands[0];
    verify.options.inputs = arguments->operands + 1;
    verify.options.input_count = arguments->operand_count - 1;
    enum tw_status status = tw_console_task(arguments, console, &verify.options.task, &error);
    if (status == TW_OK)
        status = run(arguments, &verify, &error);
    for (size_t i = 0; status == TW_OK && i < verify.predictions.items.count; i++) {
        const struct tw_item *item = &verify.predictions.items.items[i];
        if (item->status == TW_ITEM_SKIPPED)
            tw_log(&console->sink, TW_LOG_WARNING, "%s is skipped: %s", item->uri, item->reason);
    }
    if (status == TW_OK)
        status = console->is_json ? put_json(&verify, &out, &error) : put_table(&verify, &out, &error);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    if (code == TW_EXIT_DONE)
        code = tw_verify_agrees(&verify) ? tw_exit_of_skips(arguments, verify.predictions.skipped) : TW_EXIT_NO;
    tw_verify_release(&verify);
    tw_buffer_release(&out);
    return code;
}
