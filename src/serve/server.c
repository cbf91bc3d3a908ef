#include "serve/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "serve/http.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
    struct tw_http *http;
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
    pause_for(0.2);
    while (tw_http_in_progress(server->http) && tw_clock_seconds() < end)
        pause_for(0.02);
    if (tw_http_in_progress(server->http))
        tw_log(server->options.sink, TW_LOG_WARNING, "%zu requests were not answered within %g s and are cut off",
               tw_http_in_progress(server->http), server->options.limits.drain_s);
}

static enum tw_status start(struct tw_server *server, uint16_t *port, struct tw_error *error)
{
    const struct tw_serve_options *options = &server->options;
    const struct tw_catalogue_options catalogue = {.source = options->source,
                                                   .single_name = options->single_name,
                                                   .workers = options->threads,
                                                   .limits = options->image_limits,
                                                   .sink = options->sink};
    const struct tw_workers_options workers = {options->threads, options->limits.most_waiting};
    enum tw_status status = tw_metrics_new(&server->metrics, error);
    if (!status)
        status = tw_catalogue_new(&catalogue, &server->catalogue, error);
    if (!status)
        status = tw_workers_new(&workers, &server->workers, error);
    if (!status) /* first, so that a port that is taken is said at once, and a probe is answered while models load */
        status = tw_http_start(options, server, &server->http, port, error);
    if (!status)
        status = tw_catalogue_poll(server->catalogue, error);
    return status;
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

enum tw_status tw_serve(const struct tw_serve_options *options, struct tw_error *error)
{
    uint16_t port = 0;
    struct tw_server *server = tw_alloc(1, sizeof *server);
    if (!server)
        return tw_fail_memory(error, sizeof *server, "the server");
    server->options = *options;
    enum tw_status status = start(server, &port, error);
    if (!status)
        status = check_single(server, error);
    if (!status) {
        atomic_store(&server->is_ready, true);
        if (options->ready)
            options->ready(options->context, port);
        run(server);
        drain(server);
    }
    tw_workers_close(server->workers); /* a connection that waits for an answer cannot be ended */
    tw_http_free(server->http);
    tw_workers_free(server->workers);
    tw_catalogue_free(server->catalogue);
    tw_metrics_free(server->metrics);
    tw_free(server);
    return status;
}
