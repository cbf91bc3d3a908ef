#include "tasks/quantize.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/threads.h"
#include "formats/format.h"
#include "graph/passes.h"
#include "tasks/backbone.h"
#include "tasks/photos.h"
#include "tasks/precision.h"
#include "tasks/runner.h"

#include <math.h>
#include <string.h>

/* A value that the calibration looks at: an output of the network while it lasts. */
struct watched {
    int id, group;
    size_t size, channels; /* numbers of one photo */
    float *values;
    double *sums; /* by channel, over all photos */
    float *means;
};

struct job {
    const struct tw_quantize_options *options;
    struct tw_backbone backbone; /* cut at the embedding: policy and comparison */
    struct tw_network network;   /* whole: what is written */
    struct tw_dataset dataset;
    struct tw_item **items; /* those that calibrate */
    size_t item_count;
    struct tw_grid_groups groups;
    struct tw_calibration *calibrations; /* by group */
    struct tw_grid *grids;
    struct watched *watched;
    size_t watched_count;
    float **outputs; /* of the watched, and their names */
    const char **names;
};

static void release(struct job *job)
{
    for (size_t i = 0; i < job->watched_count; i++) {
        tw_free(job->watched[i].values);
        tw_free(job->watched[i].sums);
        tw_free(job->watched[i].means);
    }
    tw_free(job->watched);
    tw_free(job->outputs);
    tw_free(job->names);
    tw_free(job->calibrations);
    tw_free(job->grids);
    tw_free(job->items);
    tw_grid_groups_release(&job->groups);
    tw_dataset_release(&job->dataset);
    tw_network_release(&job->network);
    tw_backbone_release(&job->backbone);
}

static enum tw_status choose_photos(struct job *job, struct tw_error *error)
{
    const struct tw_quantize_options *options = job->options;
    enum tw_status status = tw_photos_list(&options->photos_uri, 1, NULL, &options->task, &job->dataset, error);
    if (status)
        return status;
    size_t usable = 0, count = job->dataset.count - tw_photos_skipped(&job->dataset);
    size_t taken = count < TW_QUANTIZE_MOST_PHOTOS ? count : TW_QUANTIZE_MOST_PHOTOS;
    job->items = tw_alloc(taken + 1, sizeof(struct tw_item *));
    if (!job->items)
        return tw_fail_memory(error, taken * sizeof(struct tw_item *), "photos");
    for (size_t i = 0; i < job->dataset.count; i++) {
        struct tw_item *item = &job->dataset.items[i];
        if (item->status != TW_ITEM_OK)
            continue;
        if (usable * taken / count == job->item_count && job->item_count < taken)
            job->items[job->item_count++] = item;
        usable++;
    }
    return TW_OK;
}

/* Every value that gets a grid. */
static enum tw_status watch(struct job *job, struct tw_error *error)
{
    const struct tw_graph *graph = job->network.graph;
    job->names = tw_alloc(job->groups.value_count + 1, sizeof *job->names);
    job->watched = tw_alloc(job->groups.value_count + 1, sizeof *job->watched);
    job->outputs = tw_alloc(job->groups.value_count + 1, sizeof *job->outputs);
    job->calibrations = tw_alloc(job->groups.count + 1, sizeof *job->calibrations);
    job->grids = tw_alloc(job->groups.count + 1, sizeof *job->grids);
    enum tw_status status = job->names && job->watched && job->outputs && job->calibrations && job->grids
                                ? TW_OK
                                : tw_fail_memory(error, job->groups.count * sizeof *job->calibrations, "calibration");
    for (size_t id = 0; id < job->groups.value_count && !status; id++) {
        const struct tw_shape *shape = &graph->values[id].shape;
        int64_t count = 1;
        if (job->groups.group[id] < 0)
            continue;
        for (int i = 1; i < shape->rank; i++)
            count *= shape->dims[i];
        if (shape->rank != 4 || count < 1) {
            status =
                tw_fail(error, TW_UNSUPPORTED, "the shape of %s is not known before it runs", graph->values[id].name);
            continue;
        }
        struct watched *w = &job->watched[job->watched_count];
        *w = (struct watched){.id = (int)id, .group = job->groups.group[id]};
        w->size = (size_t)count;
        w->channels = (size_t)shape->dims[1];
        w->values = tw_alloc(w->size, sizeof *w->values);
        w->sums = tw_alloc(w->channels, sizeof *w->sums);
        w->means = tw_alloc(w->channels, sizeof *w->means);
        job->names[job->watched_count] = graph->values[id].name;
        job->outputs[job->watched_count++] = w->values;
        if (!w->values || !w->sums || !w->means)
            status = tw_fail_memory(error, w->size * sizeof *w->values, "calibration");
    }
    return status;
}

struct look {
    struct job *job;
    bool is_counting;
};

/* One group on one thread, its values in their order: so sums do not hang on the threads. */
static enum tw_status see_group(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct look *look = context;
    struct tw_calibration *calibration = &look->job->calibrations[index];
    (void)worker;
    (void)error;
    for (size_t i = 0; i < look->job->watched_count; i++) {
        struct watched *w = &look->job->watched[i];
        if (w->group != (int)index)
            continue;
        if (!look->is_counting) {
            tw_calibration_widen(calibration, w->values, w->size);
            continue;
        }
        tw_calibration_count(calibration, w->values, w->size);
        size_t plane = w->size / w->channels;
        for (size_t c = 0; c < w->channels; c++) {
            for (size_t k = 0; k < plane; k++)
                w->sums[c] += (double)w->values[c * plane + k];
        }
    }
    return TW_OK;
}

static enum tw_status see(struct job *job, bool is_counting, struct tw_error *error)
{
    struct look look = {job, is_counting};
    return tw_parallel_for(job->options->task.threads, job->groups.count, see_group, &look, error);
}

struct wanted {
    const struct tw_graph *graph;
    const char *const *names; /* of outputs */
    size_t count;
    enum tw_precision precision;
};

static enum tw_status new_runner(const struct job *job, const struct wanted *wanted, struct tw_runner **runner,
                                 struct tw_error *error)
{
    const struct tw_runner_options options = {
        .outputs = wanted->names,
        .output_count = wanted->count,
        .policy = &job->backbone.policy,
        .limits = &job->options->task.limits,
        .workers = 1,
        .threads_inside = job->options->task.threads,
        .precision = wanted->precision,
    };
    return tw_runner_new(wanted->graph, &options, runner, error);
}

static enum tw_status run_photo(const struct job *job, struct tw_runner *runner, const struct tw_item *item,
                                float *const *outputs, struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    struct tw_photo_size size;
    enum tw_status status = tw_storage_read(item->location, job->options->task.limits.max_bytes, &bytes, error);
    if (!status)
        status = tw_runner_photo(runner, 0, tw_buffer_span(&bytes), outputs, &size, NULL, error);
    tw_buffer_release(&bytes);
    return status;
}

static void show(const struct job *job, const char *stage, size_t done)
{
    const struct tw_progress progress = {.stage = stage, .unit = "photos", .done = done, .total = job->item_count};
    tw_progress(job->options->task.sink, &progress);
}

/* The first sweep also finds out which photos can be decoded. */
static enum tw_status sweep(struct job *job, struct tw_runner *runner, bool is_counting, struct tw_error *error)
{
    size_t kept = 0;
    for (size_t i = 0; i < job->item_count; i++) {
        struct tw_item *item = job->items[i];
        struct tw_error reason = {0};
        if (tw_is_stopped(job->options->task.sink))
            return tw_fail(error, TW_INTERRUPTED, "interrupted after %zu of %zu photos", i, job->item_count);
        enum tw_status status = run_photo(job, runner, item, job->outputs, &reason);
        if (status == TW_NO_MEMORY || status == TW_INVALID || (status && is_counting))
            return tw_fail(error, status, "%s", reason.text);
        if (status) {
            tw_log(job->options->task.sink, TW_LOG_WARNING, "%s is left out: %s", item->uri, reason.text);
            if ((status = tw_item_skip(item, reason.text, error)) != TW_OK)
                return status;
            continue;
        }
        job->items[kept++] = item;
        if ((status = see(job, is_counting, error)) != TW_OK)
            return status;
        show(job, is_counting ? "count" : "calibrate", i + 1);
    }
    job->item_count = kept;
    if (kept < TW_QUANTIZE_LEAST_PHOTOS)
        return tw_fail(error, TW_INVALID, "calibration wants at least %d photos that can be read, and %s gives %zu",
                       TW_QUANTIZE_LEAST_PHOTOS, job->options->photos_uri, kept);
    return TW_OK;
}

static enum tw_status calibrate(struct job *job, struct tw_error *error)
{
    struct tw_runner *runner = NULL;
    enum tw_status status = watch(job, error);
    const struct wanted wanted = {job->network.graph, job->names, job->watched_count, TW_PRECISION_F32};
    if (!status)
        status = new_runner(job, &wanted, &runner, error);
    if (!status)
        status = sweep(job, runner, false, error);
    if (!status)
        status = sweep(job, runner, true, error);
    tw_runner_free(runner);
    for (size_t i = 0; i < job->groups.count && !status; i++)
        job->grids[i] = tw_calibration_grid(&job->calibrations[i], job->options->method);
    for (size_t i = 0; i < job->watched_count && !status; i++) {
        struct watched *w = &job->watched[i];
        for (size_t c = 0; c < w->channels; c++)
            w->means[c] = (float)(w->sums[c] / ((double)job->item_count * (double)(w->size / w->channels)));
    }
    return status;
}

static enum tw_status rewrite(struct job *job, struct tw_error *error)
{
    const float **means = tw_alloc(job->groups.value_count + 1, sizeof *means);
    if (!means)
        return tw_fail_memory(error, job->groups.value_count * sizeof *means, "means");
    for (size_t i = 0; i < job->watched_count; i++)
        means[job->watched[i].id] = job->watched[i].means;
    enum tw_status status = tw_graph_quantise(job->network.graph, &job->groups, job->grids, means, error);
    tw_free(means);
    return status;
}

/* The picture's size that is free becomes the policy's; the batch stays free. */
static enum tw_status prepare(struct job *job, struct tw_error *error)
{
    struct tw_graph *graph = job->network.graph;
    const struct tw_image_policy *policy = &job->backbone.policy;
    struct tw_shape *shape = graph->input_count == 1 ? &graph->values[graph->inputs[0]].shape : NULL;
    if (!shape || shape->rank != 4)
        return tw_fail(error, TW_UNSUPPORTED, "the network's input is not one picture");
    for (int i = 0; i < 2; i++) {
        int64_t *dim = &shape->dims[(policy->is_nhwc ? 1 : 2) + i];
        *dim = *dim < 0 ? (i == 0 ? policy->height : policy->width) : *dim;
    }
    enum tw_status status = tw_graph_sort(graph, error);
    if (!status)
        status = tw_graph_infer(graph, &tw_graph_limits_default, error);
    if (!status)
        status = tw_graph_optimise(graph, error);
    if (!status)
        status = tw_grid_groups_find(graph, &job->groups, error);
    if (!status && job->groups.count == 0)
        status = tw_fail(error, TW_UNSUPPORTED, "the network has no convolution of constant weights to quantise");
    return status;
}

static enum tw_status compare_photos(const struct job *job, struct tw_runner *const runners[2], float *const vectors[2],
                                     struct tw_quantize_result *result, struct tw_error *error)
{
    result->least_cosine = 1;
    for (size_t i = 0; i < job->item_count; i++) {
        for (int k = 0; k < 2; k++) {
            enum tw_status status = run_photo(job, runners[k], job->items[i], &vectors[k], error);
            if (status)
                return status;
        }
        double is = tw_cosine(vectors[0], vectors[1], job->backbone.embedding_size);
        result->least_cosine = fmin(result->least_cosine, is);
        result->mean_cosine += is / (double)job->item_count;
        show(job, "compare", i + 1);
    }
    return TW_OK;
}

/* What was written, opened as everybody will, beside the network that it was made of. */
static enum tw_status compare(const struct job *job, struct tw_span bytes, struct tw_quantize_result *result,
                              struct tw_error *error)
{
    struct tw_graph *graph = NULL;
    struct tw_runner *runners[2] = {NULL, NULL};
    size_t size = job->backbone.embedding_size;
    float *vectors[2] = {tw_alloc(size, sizeof(float)), tw_alloc(size, sizeof(float))};
    enum tw_status status = vectors[0] && vectors[1] ? TW_OK : tw_fail_memory(error, size * sizeof(float), "vectors");
    if (!status)
        status = tw_model_read("the quantised network", bytes, &tw_format_limits_default, &graph, error);
    static const char *const names[] = {"embedding"};
    const char *layer = job->backbone.layer;
    const struct wanted before = {job->backbone.graph, names, 1, TW_PRECISION_F32},
                        after = {graph, &layer, 1, TW_PRECISION_INT8};
    if (!status)
        status = new_runner(job, &before, &runners[0], error);
    if (!status)
        status = new_runner(job, &after, &runners[1], error);
    if (!status)
        status = compare_photos(job, runners, vectors, result, error);
    for (int i = 0; i < 2; i++) {
        tw_runner_free(runners[i]);
        tw_free(vectors[i]);
    }
    tw_graph_free(graph);
    return status;
}

static enum tw_status set_properties(struct job *job, struct tw_error *error)
{
    struct tw_graph *graph = job->network.graph;
    char *policy = tw_image_policy_to_json(&job->backbone.policy);
    char *calibration = tw_format("%s, %zu photos", tw_calibration_name(job->options->method), job->item_count);
    bool is_set = policy && calibration && tw_graph_set_property(graph, "topwork.policy", policy) &&
                  tw_graph_set_property(graph, "topwork.embedding", job->backbone.layer) &&
                  tw_graph_set_property(graph, "topwork.calibration", calibration);
    tw_free(policy);
    tw_free(calibration);
    return is_set ? TW_OK : tw_fail_memory(error, 1, "a network's properties");
}

static enum tw_status check_output(const struct tw_quantize_options *options, struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    enum tw_status status = tw_storage_kind(options->output_uri, &kind, &size, error);
    if (!status && kind != TW_ENTRY_MISSING && !options->is_forced)
        status = tw_fail(error, TW_CONFLICT, "%s is there already: name another file, or replace it by --force",
                         options->output_uri);
    return status;
}

static enum tw_status quantize(struct job *job, struct tw_quantize_result *result, struct tw_error *error)
{
    const struct tw_quantize_options *options = job->options;
    struct tw_buffer bytes = {0};
    enum tw_status status = check_output(options, error);
    if (!status)
        status = tw_backbone_open(&options->task, &job->backbone, error);
    if (!status && tw_graph_is_quantised(job->backbone.graph))
        status = tw_fail(error, TW_INVALID, "%s is quantised already", job->backbone.name);
    if (!status)
        status = tw_network_open(options->task.backbone, &job->network, error);
    if (!status)
        status = prepare(job, error);
    if (!status)
        status = choose_photos(job, error);
    if (!status)
        status = calibrate(job, error);
    if (!status)
        status = rewrite(job, error);
    if (!status)
        status = set_properties(job, error);
    if (!status)
        status = tw_onnx_write(job->network.graph, "topwork", TW_VERSION, &bytes, error);
    *result = (struct tw_quantize_result){.grids = job->groups.count, .photos = job->item_count};
    result->skipped = tw_photos_skipped(&job->dataset);
    if (!status)
        status = compare(job, tw_buffer_span(&bytes), result, error);
    if (!status)
        status = tw_storage_write(options->output_uri, tw_buffer_span(&bytes), error);
    tw_buffer_release(&bytes);
    return status;
}

enum tw_status tw_backbone_quantize(const struct tw_quantize_options *options, struct tw_quantize_result *result,
                                    struct tw_error *error)
{
    struct job job = {.options = options};
    enum tw_status status = quantize(&job, result, error);
    release(&job);
    return status;
}
