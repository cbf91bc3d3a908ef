/* GET /live, /ready, /metrics and TensorFlow Serving's /monitoring/prometheus/metrics. Liveness says that the process answers,
 * readiness that it should be sent requests. */
#include "serve/dialect.h"

#include "serve/server.h"

#include <string.h>

static bool owns(const char *path)
{
    static const char *const paths[] = {"/live", "/ready", "/metrics", "/monitoring/prometheus/metrics"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (strcmp(path, paths[i]) == 0)
            return true;
    }
    return false;
}

static bool is_public(const char *path)
{
    return strcmp(path, "/live") == 0 || strcmp(path, "/ready") == 0;
}

static bool begin(struct tw_exchange *exchange)
{
    struct tw_error error = {0};
    struct tw_response *response = &exchange->response;
    const char *path = exchange->request.path;
    bool is_ready = tw_server_is_ready(exchange->server);
    if (strcmp(exchange->request.method, "GET") != 0 && strcmp(exchange->request.method, "HEAD") != 0)
        return tw_refuse(exchange, 405, "%s takes GET", path);
    response->content_type = "text/plain; charset=utf-8";
    response->code = 200;
    if (strcmp(path, "/live") == 0)
        return tw_response_text(exchange, "live\n");
    if (strcmp(path, "/ready") == 0)
        return is_ready ? tw_response_text(exchange, "ready\n")
                        : tw_refuse(exchange, 503, "the server loads its models, or ends");
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return tw_metrics_text(tw_server_metrics(exchange->server), exchange->server, &response->body, &error)
               ? tw_refuse_by(exchange, &error)
               : true;
}

static void refuse(struct tw_exchange *exchange)
{
    exchange->response.content_type = "text/plain; charset=utf-8";
    (void)!tw_response_text(exchange, "%s\n", exchange->refusal);
}

const struct tw_dialect tw_dialect_health = {
    .name = "health", .owns = owns, .is_public = is_public, .begin = begin, .refuse = refuse};
