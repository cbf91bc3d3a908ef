#include "cli/command.h"

#include "base/text.h"
#include "storage/storage.h"
#include "tasks/evaluate.h"
#include "tasks/evaluation.h"

#include <math.h>
#include <string.h>

static void name_skipped(const struct tw_evaluate_result *result, struct tw_console *console)
{
    for (size_t i = 0; i < result->items.count; i++) {
        const struct tw_item *item = &result->items.items[i];
        if (item->status == TW_ITEM_SKIPPED)
            tw_log(&console->sink, TW_LOG_WARNING, "%s is skipped: %s", item->uri, item->reason);
    }
}

/* The measure of that name; TW_MEASURES: there is none. */
static enum tw_measure find_measure(const char *name)
{
    size_t i = 0;
    while (i < TW_MEASURES && strcmp(tw_measure_names[i], name) != 0)
        i++;
    return (enum tw_measure)i;
}

static enum tw_status check_measure(const struct tw_arguments *arguments, struct tw_error *error)
{
    const char *name = tw_text(arguments, TW_OPTION_MEASURE, tw_measure_names[TW_ACCURACY]), *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < TW_MEASURES; i++) {
        size_t distance = tw_edit_distance(name, tw_measure_names[i]);
        if (distance < least)
            least = distance, nearest = tw_measure_names[i];
    }
    if (least > 0)
        return tw_fail(error, TW_INVALID, "there is no measure %s: did you mean %s?", name, nearest);
    if (tw_has(arguments, TW_OPTION_MEASURE) && !tw_has(arguments, TW_OPTION_FAIL_UNDER))
        return tw_fail(error, TW_INVALID, "--measure says what --fail-under looks at, which is missing");
    return TW_OK;
}

/* Says it, too: a log of a build is all that is read of it. */
static bool is_worse(const struct tw_arguments *arguments, struct tw_console *console,
                     const struct tw_evaluate_result *result)
{
    enum tw_measure measure = find_measure(tw_text(arguments, TW_OPTION_MEASURE, tw_measure_names[TW_ACCURACY]));
    double value = tw_metrics_measure(&result->metrics, measure), limit = tw_number(arguments, TW_OPTION_FAIL_UNDER, 0);
    bool is_less_better = measure == TW_LOG_LOSS || measure == TW_CALIBRATION_ERROR;
    if (is_less_better ? value <= limit : value >= limit)
        return false;
    if (isnan(value))
        tw_log(&console->sink, TW_LOG_WARNING, "%s is not defined for this input", tw_measure_names[measure]);
    else
        tw_log(&console->sink, TW_LOG_WARNING, "%s is %.4f, %s %g", tw_measure_names[measure], value,
               is_less_better ? "above" : "below", limit);
    return true;
}

static enum tw_exit finish(const struct tw_arguments *arguments, struct tw_console *console,
                           const struct tw_evaluate_result *result, const struct tw_buffer *out)
{
    enum tw_exit code = tw_console_print(console, out);
    if (code != TW_EXIT_DONE)
        return code;
    if (tw_has(arguments, TW_OPTION_FAIL_UNDER) && is_worse(arguments, console, result))
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
    if (status == TW_OK)
        status = check_measure(arguments, &error);
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
