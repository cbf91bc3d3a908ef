#include "serve/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "serve/http.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MOST_SECRET_BYTES = 1 << 20 };

const struct tw_serve_limits tw_serve_limits_default = {
    .most_body_bytes = 32u << 20,
    .most_photos = 256,
    .most_waiting = 512,
    .most_connections = 16384,
    .most_of_address = 256,
    .idle_s = 30,
    .request_s = 60,
    .answer_s = 30,
    .drain_s = 30,
};

struct tw_server {
    struct tw_serve_options options;
    struct tw_catalogue *catalogue;
    struct tw_workers *workers;
    struct tw_metrics *metrics;
    struct tw_tokens *tokens; /* NULL where there are none, as the next two */
    struct tw_rate *rate;
    struct tw_access_log *log;
    struct tw_buffer certificate, key; /* zero-ended texts; empty: without TLS */
    struct tw_http *http, *admin;      /* admin: NULL where there is no such address */
    atomic_bool is_ready;
};

struct tw_catalogue *tw_server_catalogue(struct tw_server *server)
{
    return server->catalogue;
}

struct tw_workers *tw_server_workers(struct tw_server *server)
{
    return server->workers;
}

struct tw_metrics *tw_server_metrics(struct tw_server *server)
{
    return server->metrics;
}

const char *tw_server_general(const struct tw_server *server)
{
    return server->options.general;
}

bool tw_server_takes_corrections(const struct tw_server *server)
{
    return server->options.takes_corrections;
}

const char *tw_server_store(const struct tw_server *server)
{
    return tw_catalogue_is_store(server->catalogue) ? server->options.source : NULL;
}

size_t tw_server_in_progress(struct tw_server *server)
{
    return tw_http_in_progress(server->http);
}

const struct tw_serve_limits *tw_server_limits(const struct tw_server *server)
{
    return &server->options.limits;
}

bool tw_server_is_ready(const struct tw_server *server)
{
    return atomic_load(&server->is_ready);
}

static void pause_for(double seconds)
{
    const struct timespec time = {.tv_sec = (time_t)seconds,
                                  .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

/* A store may be away for a moment (a share, a disk): what is served goes on being served. */
static void look_again(struct tw_server *server, char *complaint, size_t size)
{
    struct tw_error error = {0};
    if (!tw_catalogue_poll(server->catalogue, &error))
        *complaint = 0;
    else if (strcmp(complaint, error.text) != 0) {
        snprintf(complaint, size, "%s", error.text);
        tw_log(server->options.sink, TW_LOG_WARNING, "the store cannot be read: %s", error.text);
    }
}

static void run(struct tw_server *server)
{
    char complaint[TW_ERROR_SIZE] = "";
    double next = tw_clock_seconds() + server->options.poll_s;
    while (!tw_is_stopped(server->options.sink)) {
        pause_for(0.05);
        if (tw_clock_seconds() < next)
            continue;
        look_again(server, complaint, sizeof complaint);
        next = tw_clock_seconds() + server->options.poll_s;
    }
}

/* Bytes that were on their way when the end came get a moment to be a request; then requests in progress get their answers. */
static void drain(struct tw_server *server)
{
    double end = tw_clock_seconds() + server->options.limits.drain_s;
    atomic_store(&server->is_ready, false);
    tw_http_quiesce(server->http);
    if (server->admin)
        tw_http_quiesce(server->admin);
    pause_for(0.2);
    while (tw_http_in_progress(server->http) && tw_clock_seconds() < end)
        pause_for(0.02);
    if (tw_http_in_progress(server->http))
        tw_log(server->options.sink, TW_LOG_WARNING, "%zu requests were not answered within %g s and are cut off",
               tw_http_in_progress(server->http), server->options.limits.drain_s);
}

/* Certificate and key as texts. */
static enum tw_status read_secret(const char *path, struct tw_buffer *text, struct tw_error *error)
{
    enum tw_status status = path ? tw_storage_read(path, MOST_SECRET_BYTES, text, error) : TW_OK;
    return status || !path ? status : tw_buffer_append(text, "", 1, error);
}

static enum tw_status check_options(const struct tw_serve_options *options, struct tw_error *error)
{
    const struct tw_listen *both[] = {&options->listen, &options->admin};
    for (size_t i = 0; i < 2 && both[i]->address; i++) {
        if (tw_listen_check(both[i], error))
            return TW_INVALID;
        if (!tw_listen_is_local(both[i]) && !options->tokens && !options->is_open)
            return tw_fail(
                error, TW_INVALID,
                "%s is open to others than this machine: name a file of --tokens, or say --open to let anybody ask",
                both[i]->address);
    }
    if (!options->certificate != !options->key)
        return tw_fail(error, TW_INVALID, "TLS needs both a certificate and its key");
    return TW_OK;
}

static enum tw_status open_gates(struct tw_server *server, struct tw_error *error)
{
    const struct tw_serve_options *options = &server->options;
    enum tw_status status = check_options(options, error);
    if (!status && options->tokens)
        status = tw_tokens_read(options->tokens, &server->tokens, error);
    if (!status && options->limits.rate > 0)
        status = tw_rate_new(options->limits.rate, &server->rate, error);
    if (!status && options->access_log)
        status = tw_access_log_open(options->access_log, &server->log, error);
    if (!status)
        status = read_secret(options->certificate, &server->certificate, error);
    return status ? status : read_secret(options->key, &server->key, error);
}

static enum tw_status start_http(struct tw_server *server, bool is_admin, uint16_t *port, struct tw_error *error)
{
    const struct tw_serve_options *options = &server->options;
    const struct tw_http_options http = {.listen = is_admin ? options->admin : options->listen,
                                         .limits = options->limits,
                                         .is_admin = is_admin,
                                         .certificate = (const char *)server->certificate.data,
                                         .key = (const char *)server->key.data,
                                         .tokens = server->tokens,
                                         .rate = server->rate,
                                         .log = server->log};
    if (!http.listen.address)
        return TW_OK;
    return tw_http_start(&http, server, is_admin ? &server->admin : &server->http, port, error);
}

static enum tw_status start(struct tw_server *server, uint16_t ports[2], struct tw_error *error)
{
    const struct tw_serve_options *options = &server->options;
    const struct tw_catalogue_options catalogue = {.source = options->source,
                                                   .single_name = options->single_name,
                                                   .workers = options->threads,
                                                   .limits = options->image_limits,
                                                   .sink = options->sink};
    const struct tw_workers_options workers = {options->threads, options->limits.most_waiting};
    enum tw_status status = open_gates(server, error);
    if (!status)
        status = tw_metrics_new(&server->metrics, error);
    if (!status)
        status = tw_catalogue_new(&catalogue, &server->catalogue, error);
    if (!status)
        status = tw_workers_new(&workers, &server->workers, error);
    if (!status) /* first, so that a port that is taken is said at once, and a probe is answered while models load */
        status = start_http(server, false, &ports[0], error);
    if (!status)
        status = start_http(server, true, &ports[1], error);
    return status ? status : tw_catalogue_poll(server->catalogue, error);
}

/* One model that cannot be loaded is no server; a store may still get its models. */
static enum tw_status check_single(struct tw_server *server, struct tw_error *error)
{
    struct tw_catalogue_view view = {0};
    if (tw_catalogue_is_store(server->catalogue))
        return TW_OK;
    enum tw_status status = tw_catalogue_look(server->catalogue, NULL, &view, error);
    if (!status && view.model_count && view.models[0].versions[0].state == TW_SERVED_FAILED)
        status = tw_fail(error, TW_UNSUPPORTED, "%s", view.models[0].versions[0].reason);
    tw_catalogue_view_release(&view);
    return status;
}

static void end(struct tw_server *server)
{
    tw_workers_close(server->workers); /* a connection that waits for an answer cannot be ended */
    tw_http_free(server->http);
    tw_http_free(server->admin);
    tw_workers_free(server->workers);
    tw_catalogue_free(server->catalogue);
    tw_metrics_free(server->metrics);
    tw_tokens_free(server->tokens);
    tw_rate_free(server->rate);
    tw_access_log_close(server->log);
    tw_buffer_release(&server->certificate);
    tw_buffer_release(&server->key);
    tw_free(server);
}

enum tw_status tw_serve(const struct tw_serve_options *options, struct tw_error *error)
{
    uint16_t ports[2] = {0};
    struct tw_server *server = tw_alloc(1, sizeof *server);
    if (!server)
        return tw_fail_memory(error, sizeof *server, "the server");
    server->options = *options;
    enum tw_status status = start(server, ports, error);
    if (!status)
        status = check_single(server, error);
    if (!status) {
        atomic_store(&server->is_ready, true);
        if (options->ready)
            options->ready(options->context, ports[0], ports[1]);
        run(server);
        drain(server);
    }
    end(server);
    return status;
}
