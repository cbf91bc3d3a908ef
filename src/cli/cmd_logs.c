#include "cli/command.h"

#include "report/log_text.h"
#include "tasks/logs.h"

struct show {
    struct tw_console *console;
    bool is_cut_off; /* standard output takes no more: the console has said so */
};

static enum tw_status show_line(void *context, struct tw_span line, struct tw_error *error)
{
    struct show *show = context;
    struct tw_console *console = show->console;
    struct tw_buffer out = {0};
    enum tw_status status =
        console->is_json ? tw_buffer_append(&out, line.data, line.size, error) : tw_log_line_to_text(line, &out, error);
    if (status == TW_OK && console->is_json)
        status = tw_buffer_append_text(&out, "\n", error);
    if (status == TW_OK && tw_console_print(console, &out) != TW_EXIT_DONE) {
        show->is_cut_off = true;
        status = tw_fail(error, TW_IO, "standard output is closed");
    }
    tw_buffer_release(&out);
    return status;
}

enum tw_exit tw_command_logs(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct show show = {.console = console};
    const struct tw_logs_options options = {
        .run = arguments->operands[0],
        .follows = tw_has(arguments, TW_OPTION_FOLLOW),
        .sink = &console->sink,
        .context = &show,
        .line = show_line,
    };
    enum tw_status status = tw_logs(&options, &error);
    if (show.is_cut_off)
        return TW_EXIT_SYSTEM;
    return status == TW_OK ? TW_EXIT_DONE : tw_console_fail(console, &error);
}
