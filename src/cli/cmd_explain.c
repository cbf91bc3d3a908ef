#include "cli/command.h"

#include "tasks/explain.h"

#include <string.h>

enum { DEFAULT_GRID = 10, DEFAULT_NEAREST = 8 };

static enum tw_status format(const struct tw_explanation *explanation, const struct tw_console *console,
                             const char *output, struct tw_buffer *out, struct tw_error *error)
{
    const struct tw_explanation_view *view = &explanation->view;
    if (console->is_json)
        return tw_explanation_to_json(view, out, error);
    if (console->is_quiet)
        return TW_OK;
    enum tw_status status = tw_explanation_to_text(view, out, error);
    if (status == TW_OK)
        status = tw_buffer_printf(out, error, "\n%zu runs of the network took %.1f s\n", view->rows * view->columns + 2,
                                  explanation->seconds);
    if (status == TW_OK && output != NULL)
        status = tw_buffer_printf(out, error, "map: %s/map.png\n", output);
    return status;
}

enum tw_exit tw_command_explain(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_explanation explanation = {0};
    struct tw_buffer bytes = {0}, out = {0};
    struct tw_explain_options options = {
        .predict = {.model = arguments->operands[0]},
        .label = tw_text(arguments, TW_OPTION_LABEL, NULL),
        .grid = (size_t)tw_integer(arguments, TW_OPTION_GRID, DEFAULT_GRID),
        .nearest = (size_t)tw_integer(arguments, TW_OPTION_TOP, DEFAULT_NEAREST),
        .output = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
    };
    enum tw_status status = tw_console_task(arguments, console, &options.predict.task, &error);
    if (status == TW_OK && arguments->operand_count > 2)
        status = tw_fail(&error, TW_INVALID, "explain takes one photo; %zu are named", arguments->operand_count - 1);
    options.predict.has_bytes = strcmp(arguments->operands[1], "-") == 0;
    if (status == TW_OK && options.predict.has_bytes) {
        status = tw_console_read(options.predict.task.limits.max_bytes, &bytes, &error);
        options.predict.bytes = tw_buffer_span(&bytes);
    } else {
        options.predict.inputs = &arguments->operands[1];
        options.predict.input_count = 1;
    }
    if (status == TW_OK)
        status = tw_explain(&options, &explanation, &error);
    if (status == TW_OK)
        status = format(&explanation, console, options.output, &out, &error);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    tw_explanation_release(&explanation);
    tw_buffer_release(&bytes);
    tw_buffer_release(&out);
    return code;
}
