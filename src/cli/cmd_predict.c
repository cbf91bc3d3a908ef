#include "cli/command.h"

#include "base/memory.h"
#include "base/text.h"
#include "tasks/predict.h"
#include "tasks/ranking.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* File names are bytes; JSON is UTF-8: what is not becomes U+FFFD. */
static json_t *json_of_name(const char *name)
{
    struct tw_buffer text = {0};
    enum tw_status status = TW_OK;
    for (const char *at = name; *at && !status;) {
        size_t length = 4;
        while (length && (strnlen(at, length) < length || !tw_is_utf8(tw_span_of(at, length))))
            length--;
        status =
            length ? tw_buffer_append(&text, at, length, NULL) : tw_buffer_append_text(&text, "\xef\xbf\xbd", NULL);
        at += length ? length : 1;
    }
    json_t *json = status ? NULL : json_stringn((const char *)text.data, text.size);
    tw_buffer_release(&text);
    return json;
}

static const char *sureness(const struct tw_predictions *predictions, size_t index, float score)
{
    const float *known = predictions->known != NULL ? &predictions->known[index] : NULL;
    return tw_sureness(known, predictions->known_threshold, score);
}

/* Multi-label: those whose score reaches its threshold, the best first. */
static json_t *labels_of(const struct tw_predictions *predictions, const struct tw_ranked *ranking)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < predictions->labels.count; i++) {
        if (ranking[i].score >= predictions->thresholds[ranking[i].label])
            json_array_append_new(labels, json_string(predictions->labels.names[ranking[i].label]));
    }
    return labels;
}

static enum tw_status put_json(const struct tw_predictions *predictions, size_t index, const struct tw_ranked *ranking,
                               size_t top, struct tw_buffer *out, struct tw_error *error)
{
    const struct tw_item *item = &predictions->items.items[index];
    json_t *object = json_object(), *scores = json_object();
    json_object_set_new(object, "key", json_of_name(item->uri));
    if (item->status == TW_ITEM_SKIPPED) {
        json_object_set_new(object, "error", json_of_name(item->reason));
    } else {
        for (size_t i = 0; i < top; i++)
            json_object_set_new(scores, predictions->labels.names[ranking[i].label],
                                json_real((double)ranking[i].score));
        json_object_set_new(object, "prediction", json_string(predictions->labels.names[ranking[0].label]));
        json_object_set_new(object, "score", json_real((double)ranking[0].score));
        json_object_set(object, "scores", scores);
        if (predictions->thresholds != NULL)
            json_object_set_new(object, "labels", labels_of(predictions, ranking));
        json_object_set_new(object, "sureness", json_string(sureness(predictions, index, ranking[0].score)));
        if (predictions->known != NULL)
            json_object_set_new(object, "known", json_real((double)predictions->known[index]));
    }
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(scores);
    json_decref(object);
    enum tw_status status =
        text != NULL ? tw_buffer_printf(out, error, "%s\n", text) : tw_fail_memory(error, strlen(item->uri), "JSON");
    free(text);
    return status;
}

/* One row: labels joined, the best one's score. */
static enum tw_status put_labels(const struct tw_predictions *predictions, size_t index,
                                 const struct tw_ranked *ranking, struct tw_table *table, struct tw_error *error)
{
    struct tw_buffer joined = {0};
    enum tw_status status = tw_table_cell(table, error, "%s", predictions->items.items[index].uri);
    for (size_t i = 0; i < predictions->labels.count && status == TW_OK; i++) {
        if (ranking[i].score >= predictions->thresholds[ranking[i].label])
            status = tw_buffer_printf(&joined, error, "%s%s", joined.size > 0 ? ";" : "",
                                      predictions->labels.names[ranking[i].label]);
    }
    if (status == TW_OK)
        status = tw_buffer_append(&joined, "", 1, error);
    if (status == TW_OK)
        status = tw_table_cell(table, error, "%s", joined.size > 1 ? (const char *)joined.data : "(none)");
    if (status == TW_OK)
        status = tw_table_cell(table, error, "%.4f", (double)ranking[0].score);
    if (status == TW_OK)
        status = tw_table_cell(table, error, "%s", sureness(predictions, index, ranking[0].score));
    tw_buffer_release(&joined);
    return status;
}

static enum tw_status put_row(const struct tw_predictions *predictions, size_t index, const struct tw_ranked *ranking,
                              size_t top, struct tw_table *table, struct tw_error *error)
{
    const struct tw_item *item = &predictions->items.items[index];
    enum tw_status status = TW_OK;
    if (item->status == TW_ITEM_SKIPPED)
        return TW_OK;
    if (top == 1 && predictions->thresholds != NULL)
        return put_labels(predictions, index, ranking, table, error);
    for (size_t i = 0; i < top && status == TW_OK; i++) {
        status = tw_table_cell(table, error, "%s", item->uri);
        if (status == TW_OK)
            status = tw_table_cell(table, error, "%s", predictions->labels.names[ranking[i].label]);
        if (status == TW_OK)
            status = tw_table_cell(table, error, "%.4f", (double)ranking[i].score);
        if (status == TW_OK && top == 1)
            status = tw_table_cell(table, error, "%s", sureness(predictions, index, ranking[0].score));
    }
    return status;
}

static enum tw_status format(const struct tw_arguments *arguments, struct tw_console *console,
                             const struct tw_predictions *predictions, struct tw_buffer *out, struct tw_error *error)
{
    size_t labels = predictions->labels.count;
    size_t top = (size_t)tw_integer(arguments, TW_OPTION_TOP, console->is_json ? (int64_t)labels : 1);
    struct tw_table table = {.column_count = 3, .right_aligned = 4};
    struct tw_ranked *ranking = tw_alloc(labels, sizeof *ranking);
    enum tw_status status = ranking != NULL ? TW_OK : tw_fail_memory(error, labels * sizeof *ranking, "a ranking");
    top = top < labels ? top : labels;
    table.column_count = top == 1 ? 4 : 3;
    for (size_t i = 0; i < predictions->items.count && status == TW_OK; i++) {
        const struct tw_item *item = &predictions->items.items[i];
        tw_rank(predictions->scores + i * labels, labels, ranking);
        status = console->is_json ? put_json(predictions, i, ranking, top, out, error)
                                  : put_row(predictions, i, ranking, top, &table, error);
        if (item->status == TW_ITEM_SKIPPED)
            tw_log(&console->sink, TW_LOG_WARNING, "%s is skipped: %s", item->uri, item->reason);
    }
    if (status == TW_OK && !console->is_json)
        status = tw_table_print(&table, out, error);
    tw_table_release(&table);
    tw_free(ranking);
    return status;
}

static enum tw_status take_inputs(const struct tw_arguments *arguments, struct tw_predict_options *options,
                                  const char **inputs, struct tw_buffer *bytes, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 1; i < arguments->operand_count && status == TW_OK; i++) {
        if (strcmp(arguments->operands[i], "-") != 0) {
            inputs[options->input_count++] = arguments->operands[i];
        } else if (!options->has_bytes) {
            status = tw_console_read(options->task.limits.max_bytes, bytes, error);
            options->has_bytes = true;
            options->bytes = tw_buffer_span(bytes);
        }
    }
    options->inputs = inputs;
    return status;
}

/* Nothing at all could be answered. */
static enum tw_status check_any(const struct tw_predictions *predictions, struct tw_error *error)
{
    if (predictions->skipped < predictions->items.count)
        return TW_OK;
    const struct tw_item *first = &predictions->items.items[0];
    return tw_fail(error, TW_CORRUPT, "no photo could be used; %s: %s", first->uri, first->reason);
}

enum tw_exit tw_command_predict(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_predictions predictions = {0};
    struct tw_buffer bytes = {0}, out = {0};
    struct tw_predict_options options = {.model = arguments->operands[0]};
    const char **inputs = tw_alloc(arguments->operand_count, sizeof *inputs);
    enum tw_status status = inputs != NULL ? tw_console_task(arguments, console, &options.task, &error)
                                           : tw_fail_memory(&error, 1, "the arguments");
    if (status == TW_OK)
        status = take_inputs(arguments, &options, inputs, &bytes, &error);
    if (status == TW_OK)
        status = tw_predict(&options, &predictions, &error);
    bool is_done = status == TW_OK;
    if (status == TW_OK)
        status = format(arguments, console, &predictions, &out, &error);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    if (code == TW_EXIT_DONE && is_done)
        code = check_any(&predictions, &error) == TW_OK ? tw_exit_of_skips(arguments, predictions.skipped)
                                                        : tw_console_fail(console, &error);
    tw_predictions_release(&predictions);
    tw_buffer_release(&bytes);
    tw_buffer_release(&out);
    tw_free(inputs);
    return code;
}
