#include "cli/command.h"

#include "storage/storage.h"
#include "tasks/evaluate.h"
#include "tasks/evaluation.h"

static void name_skipped(const struct tw_evaluate_result *result, struct tw_console *console)
{
    for (size_t i = 0; i < result->items.count; i++) {
        const struct tw_item *item = &result->items.items[i];
        if (item->status == TW_ITEM_SKIPPED)
            tw_log(&console->sink, TW_LOG_WARNING, "%s is skipped: %s", item->uri, item->reason);
    }
}

static enum tw_exit finish(const struct tw_arguments *arguments, struct tw_console *console,
                           const struct tw_evaluate_result *result, const struct tw_buffer *out)
{
    enum tw_exit code = tw_console_print(console, out);
    if (code != TW_EXIT_DONE)
        return code;
    if (!(result->metrics.accuracy >= tw_number(arguments, TW_OPTION_FAIL_UNDER, -1)) &&
        tw_has(arguments, TW_OPTION_FAIL_UNDER))
        return TW_EXIT_NO;
    return tw_exit_of_skips(arguments, result->skipped);
}

/* `result` is the whole evaluation, or the second of two that are compared. */
static enum tw_exit report(const struct tw_arguments *arguments, struct tw_console *console,
                           const struct tw_evaluate_result *result, const struct tw_comparison *comparison,
                           struct tw_error *error)
{
    struct tw_buffer out = {0};
    const char *const *labels = (const char *const *)result->labels.names,
                      *file = tw_text(arguments, TW_OPTION_PREDICTIONS, NULL);
    enum tw_status status = TW_OK;
    if (file != NULL)
        status = tw_storage_write(file, tw_buffer_span(&result->predictions_csv), error);
    if (status == TW_OK && comparison != NULL && (console->is_json || !console->is_quiet))
        status = tw_comparison_text(comparison, arguments->operands[0], arguments->operands[1], console->is_json, &out,
                                    error);
    else if (status == TW_OK && console->is_json)
        status = tw_evaluation_json(&result->metrics, labels, NULL, &out, error);
    else if (status == TW_OK && !console->is_quiet)
        status = tw_evaluation_text(&result->metrics, labels, &out, error);
    name_skipped(result, console);
    enum tw_exit code = status == TW_OK ? finish(arguments, console, result, &out) : tw_console_fail(console, error);
    tw_buffer_release(&out);
    return code;
}

static enum tw_exit compare(const struct tw_arguments *arguments, struct tw_console *console,
                            struct tw_predict_options *options, struct tw_error *error)
{
    struct tw_compare_result result = {0};
    enum tw_status status = TW_OK;
    if (arguments->operand_count < 3)
        status =
            tw_fail(error, TW_INVALID, "evaluate --compare takes two models and what to compare them on: A B INPUT");
    options->inputs++;
    options->input_count--;
    if (status == TW_OK)
        status = tw_compare_models(options, arguments->operands[1], &result, error);
    if (status != TW_OK)
        return tw_console_fail(console, error);
    enum tw_exit code = report(arguments, console, &result.b, &result.comparison, error);
    tw_compare_result_release(&result);
    return code;
}

enum tw_exit tw_command_evaluate(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_evaluate_result result = {0};
    struct tw_predict_options options = {
        .model = arguments->operands[0],
        .inputs = arguments->operands + 1,
        .input_count = arguments->operand_count - 1,
    };
    enum tw_status status = tw_console_task(arguments, console, &options.task, &error);
    if (status == TW_OK && tw_has(arguments, TW_OPTION_COMPARE))
        return compare(arguments, console, &options, &error);
    if (status == TW_OK)
        status = tw_evaluate(&options, &result, &error);
    if (status != TW_OK)
        return tw_console_fail(console, &error);
    enum tw_exit code = report(arguments, console, &result, NULL, &error);
    tw_evaluate_result_release(&result);
    return code;
}
