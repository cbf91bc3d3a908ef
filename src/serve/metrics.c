#include "serve/metrics.h"

#include "base/memory.h"
#include "serve/dialect.h"
#include "serve/server.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Upper ends of the histogram's buckets, in seconds. */
static const double ends[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
enum { BUCKETS = sizeof ends / sizeof *ends, LOWEST_CODE = 200, CODES = 400, MOST_LABELS = 200 };

struct tally {
    atomic_ulong codes[CODES];
    atomic_ulong buckets[BUCKETS + 1];
    atomic_ulong microseconds;
};

struct tw_metrics {
    struct tally dialects[TW_MOST_DIALECTS];
};

enum tw_status tw_metrics_new(struct tw_metrics **metrics, struct tw_error *error)
{
    *metrics = tw_alloc(1, sizeof **metrics);
    return *metrics ? TW_OK : tw_fail_memory(error, sizeof **metrics, "metrics");
}

void tw_metrics_free(struct tw_metrics *metrics)
{
    tw_free(metrics);
}

void tw_metrics_request(struct tw_metrics *metrics, const struct tw_exchange *exchange, double seconds)
{
    struct tally *tally = &metrics->dialects[tw_dialect_index(exchange->dialect)];
    unsigned code = exchange->response.code;
    size_t bucket = 0;
    while (bucket < BUCKETS && seconds > ends[bucket])
        bucket++;
    if (code >= LOWEST_CODE && code < LOWEST_CODE + CODES)
        atomic_fetch_add(&tally->codes[code - LOWEST_CODE], 1);
    atomic_fetch_add(&tally->buckets[bucket], 1);
    atomic_fetch_add(&tally->microseconds, (unsigned long)(seconds * 1e6));
}

static enum tw_status put_help(struct tw_buffer *out, const char *name, const char *type, const char *help,
                               struct tw_error *error)
{
    return tw_buffer_printf(out, error, "# HELP topwork_%s %s\n# TYPE topwork_%s %s\n", name, help, name, type);
}

static enum tw_status put_codes(const struct tw_metrics *metrics, struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status = put_help(out, "requests_total", "counter", "Requests by dialect and HTTP status.", error);
    for (size_t i = 0; i < tw_dialect_count && !status; i++) {
        for (unsigned code = 0; code < CODES && !status; code++) {
            unsigned long count = atomic_load(&metrics->dialects[i].codes[code]);
            if (count)
                status = tw_buffer_printf(out, error, "topwork_requests_total{dialect=\"%s\",code=\"%u\"} %lu\n",
                                          tw_dialects[i]->name, code + LOWEST_CODE, count);
        }
    }
    return status;
}

static enum tw_status put_histogram(const struct tally *tally, const char *dialect, struct tw_buffer *out,
                                    struct tw_error *error)
{
    unsigned long sum = 0;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i <= BUCKETS && !status; i++) {
        char end[24] = "+Inf";
        sum += atomic_load(&tally->buckets[i]);
        if (i < BUCKETS)
            snprintf(end, sizeof end, "%g", ends[i]);
        status = tw_buffer_printf(out, error, "topwork_request_seconds_bucket{dialect=\"%s\",le=\"%s\"} %lu\n", dialect,
                                  end, sum);
    }
    if (status)
        return status;
    return tw_buffer_printf(out, error,
                            "topwork_request_seconds_sum{dialect=\"%s\"} %.6f\n"
                            "topwork_request_seconds_count{dialect=\"%s\"} %lu\n",
                            dialect, (double)atomic_load(&tally->microseconds) * 1e-6, dialect, sum);
}

static enum tw_status put_histograms(const struct tw_metrics *metrics, struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status =
        put_help(out, "request_seconds", "histogram", "Time from a request's header to the end of its answer.", error);
    for (size_t i = 0; i < tw_dialect_count && !status; i++)
        status = put_histogram(&metrics->dialects[i], tw_dialects[i]->name, out, error);
    return status;
}

/* A label value: backslash, quote and line feed escaped. */
static enum tw_status put_value(struct tw_buffer *out, const char *value, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (; *value && !status; value++) {
        if (*value == '\n')
            status = tw_buffer_append_text(out, "\\n", error);
        else if (*value == '\\' || *value == '"')
            status = tw_buffer_printf(out, error, "\\%c", *value);
        else
            status = tw_buffer_append(out, value, 1, error);
    }
    return status;
}

/* Of one metric the lines of all versions stand together, so that versions are visited once for each metric. */
struct visit {
    const char *name;
    double (*value)(const struct tw_served *served);
    struct tw_buffer *out;
    struct tw_error *error;
    enum tw_status status;
};

static void put_version(void *context, const struct tw_served *served)
{
    struct visit *visit = context;
    double value = visit->value(served);
    if (!visit->status && !isnan(value)) /* not known */
        visit->status = tw_buffer_printf(visit->out, visit->error, "topwork_%s{model=\"%s\",version=\"%lld\"} %.15g\n",
                                         visit->name, served->model, (long long)served->number, value);
}

static double photos(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->photos);
}

static double refused(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->refused);
}

static double unknown(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->unknown);
}

static double unsure(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->unsure);
}

static double score_sum(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->score_millionths) * 1e-6;
}

static double decode_seconds(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->decode_us) * 1e-6;
}

static double compute_seconds(const struct tw_served *served)
{
    return (double)atomic_load(&served->tally->compute_us) * 1e-6;
}

static double trained_score(const struct tw_served *served)
{
    return served->trained_score;
}

/* Below 0: the photos are less like those of the training than its evaluation was. */
static double score_drift(const struct tw_served *served)
{
    double count = photos(served);
    return count > 0 ? score_sum(served) / count - served->trained_score : NAN;
}

static void put_labels(void *context, const struct tw_served *served)
{
    struct visit *visit = context;
    for (size_t i = 0; i < served->labels.count && served->labels.count <= MOST_LABELS && !visit->status; i++) {
        unsigned long count = atomic_load(&served->tally->labels[i]);
        if (!count)
            continue;
        visit->status = tw_buffer_printf(visit->out, visit->error,
                                         "topwork_predictions_total{model=\"%s\",version=\"%lld\",label=\"",
                                         served->model, (long long)served->number);
        if (!visit->status)
            visit->status = put_value(visit->out, served->labels.names[i], visit->error);
        if (!visit->status)
            visit->status = tw_buffer_printf(visit->out, visit->error, "\"} %lu\n", count);
    }
}

static enum tw_status put_versions(struct tw_server *server, struct tw_buffer *out, struct tw_error *error)
{
    static const struct {
        const char *name, *type, *help;
        double (*value)(const struct tw_served *served);
    } of_version[] = {
        {"photos_total", "counter", "Photos that were answered.", photos},
        {"photos_refused_total", "counter", "Photos that could not be used.", refused},
        {"photos_unknown_total", "counter", "Photos that are like none of the training's.", unknown},
        {"photos_unsure_total", "counter", "Photos whose best score is below 0.5.", unsure},
        {"best_score_sum_total", "counter", "Sum of the best scores; by photos_total: their mean.", score_sum},
        {"decode_seconds_total", "counter", "Time that decoding photos took.", decode_seconds},
        {"compute_seconds_total", "counter", "Time that resizing and computing took.", compute_seconds},
        {"trained_score", "gauge", "Mean of the best scores when the training was evaluated.", trained_score},
        {"score_drift", "gauge", "Mean of the best scores less trained_score: below 0, photos have become stranger.",
         score_drift},
    };
    struct tw_catalogue *catalogue = tw_server_catalogue(server);
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < sizeof of_version / sizeof *of_version && !status; i++) {
        struct visit visit = {of_version[i].name, of_version[i].value, out, error, TW_OK};
        status = put_help(out, visit.name, of_version[i].type, of_version[i].help, error);
        if (!status)
            tw_catalogue_each(catalogue, put_version, &visit);
        status = status ? status : visit.status;
    }
    struct visit visit = {.out = out, .error = error};
    if (!status)
        status = put_help(out, "predictions_total", "counter", "How often a label was the best one.", error);
    if (!status)
        tw_catalogue_each(catalogue, put_labels, &visit);
    return status ? status : visit.status;
}

static enum tw_status put_gauge(struct tw_buffer *out, const char *name, const char *help, size_t value,
                                struct tw_error *error)
{
    enum tw_status status = put_help(out, name, "gauge", help, error);
    return status ? status : tw_buffer_printf(out, error, "topwork_%s %zu\n", name, value);
}

enum tw_status tw_metrics_text(struct tw_metrics *metrics, struct tw_server *server, struct tw_buffer *out,
                               struct tw_error *error)
{
    struct tw_workers *workers = tw_server_workers(server);
    enum tw_status status = put_codes(metrics, out, error);
    if (!status)
        status = put_histograms(metrics, out, error);
    if (!status)
        status = put_gauge(out, "queue_photos", "Photos that wait or are being answered.", tw_workers_waiting(workers),
                           error);
    if (!status)
        status =
            put_gauge(out, "queue_capacity_photos", "Photos that there is room for.", tw_workers_room(workers), error);
    if (!status)
        status = put_gauge(out, "requests_in_progress", "Requests whose header was read and that are not answered yet.",
                           tw_server_in_progress(server), error);
    if (!status)
        status = put_gauge(out, "backbones", "Backbones that are compiled.",
                           tw_catalogue_backbones(tw_server_catalogue(server)), error);
    return status ? status : put_versions(server, out, error);
}
