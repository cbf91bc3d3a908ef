#include "cli/command.h"
#include "cli/supervisor.h"

#include "base/memory.h"
#include "base/text.h"
#include "serve/server.h"

#include <stdio.h>
#include <string.h>

/* ADDRESS:PORT, [IPV6]:PORT, :PORT or PORT. *owned holds the address. */
static enum tw_status read_listen(const char *text, const char *option, struct tw_listen *listen, char **owned,
                                  struct tw_error *error)
{
    const char *colon = strrchr(text, ':'), *number = colon != NULL ? colon + 1 : text;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    bool is_bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    int64_t port;
    if (!tw_parse_int64(number, 0, 65535, &port))
        return tw_fail(error, TW_INVALID, "%s %s names no port from 0 to 65535: it is ADDRESS:PORT", option, text);
    *owned = length == 0 ? tw_strdup("127.0.0.1") : tw_strndup(text + is_bracketed, length - 2 * (size_t)is_bracketed);
    if (*owned == NULL)
        return tw_fail_memory(error, length, "an address");
    *listen = (struct tw_listen){.address = *owned, .port = (uint16_t)port};
    return TW_OK;
}

static void read_limits(const struct tw_arguments *arguments, struct tw_serve_limits *limits)
{
    limits->most_body_bytes = (size_t)tw_integer(arguments, TW_OPTION_MAX_BODY, (int64_t)limits->most_body_bytes);
    limits->most_photos = (size_t)tw_integer(arguments, TW_OPTION_MAX_PHOTOS, (int64_t)limits->most_photos);
    limits->most_waiting = (size_t)tw_integer(arguments, TW_OPTION_MAX_QUEUE, (int64_t)limits->most_waiting);
    limits->most_connections =
        (unsigned)tw_integer(arguments, TW_OPTION_MAX_CONNECTIONS, (int64_t)limits->most_connections);
    limits->answer_s = tw_number(arguments, TW_OPTION_DEADLINE, limits->answer_s);
    limits->rate = tw_number(arguments, TW_OPTION_RATE, limits->rate);
}

struct greeting {
    const struct tw_serve_options *options;
    struct tw_console *console;
};

static enum tw_status put_address(struct tw_buffer *out, const struct tw_serve_options *options,
                                  const struct tw_listen *listen, uint16_t port)
{
    bool is_v6 = strchr(listen->address, ':') != NULL;
    return tw_buffer_printf(out, NULL, "http%s://%s%s%s:%u/", options->certificate != NULL ? "s" : "", is_v6 ? "[" : "",
                            listen->address, is_v6 ? "]" : "", port);
}

/* The one line that a script may wait for. */
static void greet(void *context, uint16_t port, uint16_t admin_port)
{
    const struct greeting *greeting = context;
    const struct tw_serve_options *options = greeting->options;
    bool is_json = greeting->console->is_json;
    struct tw_buffer out = {0};
    enum tw_status status = is_json ? tw_buffer_append_text(&out, "{\"url\":\"", NULL)
                                    : tw_buffer_printf(&out, NULL, "serving %s at ", options->source);
    if (status == TW_OK)
        status = put_address(&out, options, &options->listen, port);
    if (status == TW_OK && admin_port != 0)
        status = tw_buffer_append_text(&out, is_json ? "\",\"admin_url\":\"" : ", for changes ", NULL);
    if (status == TW_OK && admin_port != 0)
        status = put_address(&out, options, &options->admin, admin_port);
    if (status == TW_OK)
        status = tw_buffer_append_text(&out, is_json ? "\"}\n" : "\n", NULL);
    if (status == TW_OK)
        (void)!tw_console_print(greeting->console, &out);
    fflush(stdout);
    tw_supervisor_notify("READY=1");
    tw_buffer_release(&out);
}

enum tw_exit tw_command_serve(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_task_options task = {0};
    struct tw_serve_options options = {.source = arguments->operands[0],
                                       .single_name = tw_text(arguments, TW_OPTION_NAME, NULL),
                                       .general = tw_text(arguments, TW_OPTION_GENERAL, NULL),
                                       .tokens = tw_text(arguments, TW_OPTION_TOKENS, NULL),
                                       .is_open = tw_has(arguments, TW_OPTION_OPEN),
                                       .takes_corrections = !tw_has(arguments, TW_OPTION_NO_CORRECTIONS),
                                       .certificate = tw_text(arguments, TW_OPTION_TLS_CERTIFICATE, NULL),
                                       .key = tw_text(arguments, TW_OPTION_TLS_KEY, NULL),
                                       .access_log = tw_text(arguments, TW_OPTION_ACCESS_LOG, NULL),
                                       .poll_s = tw_number(arguments, TW_OPTION_POLL, 1),
                                       .limits = tw_serve_limits_default,
                                       .sink = &console->sink,
                                       .ready = greet};
    struct greeting greeting = {&options, console};
    char *addresses[2] = {0};
    struct tw_socket given;
    bool is_given = false;
    options.context = &greeting;
    read_limits(arguments, &options.limits);
    enum tw_status status = read_listen(tw_text(arguments, TW_OPTION_LISTEN, "127.0.0.1:8080"), "--listen",
                                        &options.listen, &addresses[0], &error);
    if (status == TW_OK)
        status = tw_supervisor_socket(&given, &is_given, &error);
    if (is_given)
        options.listen = (struct tw_listen){given.address, given.port, true, given.file};
    if (status == TW_OK && tw_has(arguments, TW_OPTION_ADMIN))
        status =
            read_listen(tw_text(arguments, TW_OPTION_ADMIN, NULL), "--admin", &options.admin, &addresses[1], &error);
    if (status == TW_OK)
        status = tw_console_task(arguments, console, &task, &error);
    options.threads = task.threads;
    options.image_limits = task.limits;
    if (status == TW_OK)
        status = tw_serve(&options, &error);
    tw_free(addresses[0]);
    tw_free(addresses[1]);
    return status == TW_OK ? TW_EXIT_DONE : tw_console_fail(console, &error);
}
