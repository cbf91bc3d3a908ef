#include "cli/command.h"

#include "storage/storage.h"
#include "tasks/evaluate.h"
#include "tasks/evaluation.h"

static enum tw_exit report(const struct tw_arguments *arguments, struct tw_console *console,
                           const struct tw_evaluate_result *result, struct tw_error *error)
{
    struct tw_buffer out = {0};
    const char *const *labels = (const char *const *)result->labels.names,
                      *file = tw_text(arguments, TW_OPTION_PREDICTIONS, NULL);
    enum tw_status status = TW_OK;
    if (file != NULL)
        status = tw_storage_write(file, tw_buffer_span(&result->predictions_csv), error);
    if (status == TW_OK && console->is_json)
        status = tw_evaluation_json(&result->metrics, labels, &out, error);
    else if (status == TW_OK && !console->is_quiet)
        status = tw_evaluation_text(&result->metrics, labels, &out, error);
    for (size_t i = 0; i < result->items.count; i++) {
        const struct tw_item *item = &result->items.items[i];
        if (item->status == TW_ITEM_SKIPPED)
            tw_log(&console->sink, TW_LOG_WARNING, "%s is skipped: %s", item->uri, item->reason);
    }
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, error);
    tw_buffer_release(&out);
    if (code != TW_EXIT_DONE)
        return code;
    if (!(result->metrics.accuracy >= tw_number(arguments, TW_OPTION_FAIL_UNDER, -1)) &&
        tw_has(arguments, TW_OPTION_FAIL_UNDER))
        return TW_EXIT_NO;
    return tw_exit_of_skips(arguments, result->skipped);
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
    if (status == TW_OK)
        status = tw_evaluate(&options, &result, &error);
    if (status != TW_OK)
        return tw_console_fail(console, &error);
    enum tw_exit code = report(arguments, console, &result, &error);
    tw_evaluate_result_release(&result);
    return code;
}
