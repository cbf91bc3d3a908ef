#include "cli/command.h"

#include "base/memory.h"
#include "base/text.h"
#include "serve/server.h"

#include <stdio.h>
#include <string.h>

/* ADDRESS:PORT, [IPV6]:PORT, :PORT or PORT; `address` has room for the whole text. */
static enum tw_status read_listen(const char *text, char *address, uint16_t *port, struct tw_error *error)
{
    const char *colon = strrchr(text, ':'), *number = colon != NULL ? colon + 1 : text;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    int64_t value;
    if (!tw_parse_int64(number, 0, 65535, &value))
        return tw_fail(error, TW_INVALID, "--listen %s names no port from 0 to 65535: it is ADDRESS:PORT", text);
    bool is_bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (length == 0)
        strcpy(address, "127.0.0.1");
    else
        snprintf(address, length + 1, "%.*s", (int)length - 2 * is_bracketed, text + is_bracketed);
    *port = (uint16_t)value;
    return TW_OK;
}

struct greeting {
    const struct tw_serve_options *options;
    struct tw_console *console;
};

/* The one line that a script may wait for. */
static void greet(void *context, uint16_t port)
{
    const struct greeting *greeting = context;
    struct tw_buffer out = {0};
    const char *address = greeting->options->address;
    bool is_v6 = strchr(address, ':') != NULL;
    enum tw_status status =
        greeting->console->is_json
            ? tw_buffer_printf(&out, NULL, "{\"address\":\"%s\",\"port\":%u}\n", address, port)
            : tw_buffer_printf(&out, NULL, "serving %s at http://%s%s%s:%u/\n", greeting->options->source,
                               is_v6 ? "[" : "", address, is_v6 ? "]" : "", port);
    if (status == TW_OK)
        (void)!tw_console_print(greeting->console, &out);
    fflush(stdout);
    tw_buffer_release(&out);
}

enum tw_exit tw_command_serve(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_task_options task = {0};
    const char *listen = tw_text(arguments, TW_OPTION_LISTEN, "127.0.0.1:8080");
    char *address = tw_alloc(strlen(listen) + sizeof "127.0.0.1", 1);
    struct tw_serve_options options = {.source = arguments->operands[0],
                                       .single_name = tw_text(arguments, TW_OPTION_NAME, NULL),
                                       .address = address,
                                       .poll_s = tw_number(arguments, TW_OPTION_POLL, 1),
                                       .limits = tw_serve_limits_default,
                                       .sink = &console->sink,
                                       .ready = greet};
    struct greeting greeting = {&options, console};
    options.context = &greeting;
    enum tw_status status = address != NULL ? read_listen(listen, address, &options.port, &error)
                                            : tw_fail_memory(&error, strlen(listen), "an address");
    if (status == TW_OK)
        status = tw_console_task(arguments, console, &task, &error);
    options.threads = task.threads;
    options.image_limits = task.limits;
    if (status == TW_OK)
        status = tw_serve(&options, &error);
    tw_free(address);
    return status == TW_OK ? TW_EXIT_DONE : tw_console_fail(console, &error);
}
