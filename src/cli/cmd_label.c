#include "cli/command.h"

#include "base/memory.h"
#include "storage/storage.h"
#include "tasks/general.h"
#include "tasks/predict.h"
#include "tasks/ranking.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 5 };

/* As the Vision API has them: a description and a score each. */
static enum tw_status put_json(const struct tw_predictions *predictions, const struct tw_item *item,
                               const struct tw_ranked *ranking, size_t top, struct tw_buffer *out,
                               struct tw_error *error)
{
    json_t *object = json_object(), *list = json_array();
    json_object_set_new(object, "key", json_string(item->uri));
    if (item->status == TW_ITEM_SKIPPED)
        json_object_set_new(object, "error", json_pack("{s:i, s:s}", "code", 3, "message", item->reason));
    for (size_t i = 0; i < top && item->status != TW_ITEM_SKIPPED && ranking[i].score > 0; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "description", predictions->labels.names[ranking[i].label],
                                              "score", (double)ranking[i].score));
    json_object_set_new(object, "labelAnnotations", list);
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    enum tw_status status =
        text != NULL ? tw_buffer_printf(out, error, "%s\n", text) : tw_fail_memory(error, 1, "JSON");
    free(text);
    return status;
}

static enum tw_status put_rows(const struct tw_predictions *predictions, const struct tw_item *item,
                               const struct tw_ranked *ranking, size_t top, struct tw_table *table,
                               struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < top && item->status != TW_ITEM_SKIPPED && ranking[i].score > 0 && status == TW_OK; i++) {
        status = tw_table_cell(table, error, "%s", i == 0 ? item->uri : "");
        if (status == TW_OK)
            status = tw_table_cell(table, error, "%s", predictions->labels.names[ranking[i].label]);
        if (status == TW_OK)
            status = tw_table_cell(table, error, "%.4f", (double)ranking[i].score);
    }
    return status;
}

static enum tw_status format(const struct tw_arguments *arguments, struct tw_console *console,
                             const struct tw_predictions *predictions, struct tw_buffer *out, struct tw_error *error)
{
    size_t count = predictions->labels.count, top = (size_t)tw_integer(arguments, TW_OPTION_TOP, SHOWN);
    struct tw_table table = {.column_count = 3, .right_aligned = 4};
    struct tw_ranked *ranking = tw_alloc(count, sizeof *ranking);
    enum tw_status status = ranking != NULL ? TW_OK : tw_fail_memory(error, count * sizeof *ranking, "a ranking");
    top = top < count ? top : count;
    for (size_t i = 0; i < predictions->items.count && status == TW_OK; i++) {
        const struct tw_item *item = &predictions->items.items[i];
        tw_rank(predictions->scores + i * count, count, ranking);
        status = console->is_json ? put_json(predictions, item, ranking, top, out, error)
                                  : put_rows(predictions, item, ranking, top, &table, error);
        if (item->status == TW_ITEM_SKIPPED)
            tw_log(&console->sink, TW_LOG_WARNING, "%s is skipped: %s", item->uri, item->reason);
    }
    if (status == TW_OK && !console->is_json)
        status = tw_table_print(&table, out, error);
    tw_table_release(&table);
    tw_free(ranking);
    return status;
}

static enum tw_status install(const struct tw_arguments *arguments, const struct tw_task_options *task, const char *uri,
                              struct tw_buffer *out, struct tw_error *error)
{
    struct tw_general_options options = {
        .task = *task, .labels = tw_text(arguments, TW_OPTION_LABELS, NULL), .output_uri = uri};
    struct tw_general_info info;
    options.task.backbone = tw_text(arguments, TW_OPTION_INSTALL, NULL);
    if (options.labels == NULL)
        return tw_fail(error, TW_INVALID,
                       "label --install wants the names of the classes too: --labels FILE, a line each");
    enum tw_status status = tw_general_install(&options, &info, error);
    return status != TW_OK
               ? status
               : tw_buffer_printf(out, error, "%s: %zu labels; topwork label PHOTO\n", uri, info.label_count);
}

static enum tw_status answer(const struct tw_arguments *arguments, struct tw_console *console, const char *uri,
                             struct tw_predictions *predictions, struct tw_error *error)
{
    struct tw_predict_options options = {
        .model = uri, .inputs = arguments->operands, .input_count = arguments->operand_count};
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    enum tw_status status = tw_console_task(arguments, console, &options.task, error);
    if (status == TW_OK)
        status = tw_storage_kind(uri, &kind, &size, error);
    if (status == TW_OK && kind == TW_ENTRY_MISSING)
        status = tw_fail(error, TW_NOT_FOUND,
                         "no general classifier is installed: topwork label --install NETWORK --labels FILE takes one");
    return status != TW_OK ? status : tw_predict(&options, predictions, error);
}

enum tw_exit tw_command_label(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_predictions predictions = {0};
    struct tw_task_options task = {0};
    struct tw_buffer out = {0};
    char *uri = tw_general_uri();
    bool is_install = tw_has(arguments, TW_OPTION_INSTALL);
    enum tw_status status =
        uri != NULL ? TW_OK : tw_fail(&error, TW_INVALID, "neither TOPWORK_LABEL_MODEL nor HOME is set");
    if (status == TW_OK && is_install == (arguments->operand_count > 0))
        status = tw_fail(&error, TW_INVALID,
                         "it is: topwork label PHOTO..., or topwork label --install NETWORK --labels FILE");
    if (status == TW_OK && is_install)
        status = tw_console_task(arguments, console, &task, &error);
    if (status == TW_OK && is_install)
        status = install(arguments, &task, uri, &out, &error);
    else if (status == TW_OK)
        status = answer(arguments, console, uri, &predictions, &error);
    if (status == TW_OK && !is_install)
        status = format(arguments, console, &predictions, &out, &error);
    if (status == TW_OK && !is_install && predictions.skipped == predictions.items.count)
        status = tw_fail(&error, TW_CORRUPT, "no photo could be used; %s: %s", predictions.items.items[0].uri,
                         predictions.items.items[0].reason);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    if (code == TW_EXIT_DONE && !is_install)
        code = tw_exit_of_skips(arguments, predictions.skipped);
    tw_predictions_release(&predictions);
    tw_buffer_release(&out);
    tw_free(uri);
    return code;
}
