#include "tasks/embedding.h"

#include "base/memory.h"
#include "base/threads.h"
#include "tasks/runner.h"
#include "tasks/tune.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE_BYTES = 8, LOOK_BYTES = 12 + TW_LOOK_EDGE * TW_LOOK_EDGE, QUEUED_PER_WORKER = 2 };

static enum tw_status store_key(const struct tw_backbone *backbone, char hex[TW_DIGEST_HEX], struct tw_error *error)
{
    char *policy = tw_image_policy_to_json(&backbone->policy), *kernels = tw_backbone_kernels(backbone);
    struct tw_hasher *hasher;
    enum tw_status status = policy && kernels ? tw_hasher_new(&hasher, error) : tw_fail_memory(error, 1, "a policy");
    if (status) {
        tw_free(policy);
        tw_free(kernels);
        return status;
    }
    struct tw_digest digest;
    tw_hasher_add(hasher, backbone->digest.bytes, TW_DIGEST_BYTES);
    tw_hasher_add_text(hasher, backbone->layer);
    tw_hasher_add_text(hasher, policy);
    tw_hasher_add_text(hasher, tw_precision_name(backbone->precision));
    tw_hasher_add_text(hasher, tw_engine_identity(backbone->precision));
    if (*kernels)
        tw_hasher_add_text(hasher, kernels);
    tw_hasher_finish(hasher, &digest);
    tw_hasher_free(hasher);
    tw_free(policy);
    tw_free(kernels);
    tw_digest_hex(&digest, hex);
    return TW_OK;
}

/* A file in the cache's place that is no cache stops no run; it may be dear to somebody, and is moved aside. */
static enum tw_status open_file(const char *folder, const char *name, const struct tw_sink *sink,
                                struct tw_cache **cache, struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    if (!path)
        return tw_fail_memory(error, strlen(folder), "a path");
    struct tw_error why = {0};
    enum tw_status status = tw_cache_open(path, cache, &why);
    if (status == TW_CONFLICT) {
        char *aside = tw_format("%s.foreign", path);
        tw_log(sink, TW_LOG_WARNING, "%s: it is moved to %s.foreign and built anew", why.text, path);
        if (!aside || rename(path, aside))
            status = tw_fail(&why, TW_IO, "cannot move %s aside", path);
        else
            status = tw_cache_open(path, cache, &why);
        tw_free(aside);
    }
    if (status && error)
        *error = why;
    tw_free(path);
    return status;
}

/* Thumbnails and looks hang on the policy as embeddings do: on orientation, on what lies behind transparency. */
static enum tw_status open_files(const char *folder, const char *key, bool wants_thumbnails, const struct tw_sink *sink,
                                 struct tw_embedding_store *store, struct tw_error *error)
{
    static const char *const names[] = {"embeddings", "thumbnails", "looks"};
    struct tw_cache *opened[3] = {NULL};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < 3 && !status; i++) {
        if (i == 1 && !wants_thumbnails)
            continue;
        char *name = tw_format("%s-%.32s.cache", names[i], key);
        status =
            name ? open_file(folder, name, sink, &opened[i], error) : tw_fail_memory(error, strlen(folder), "a path");
        tw_free(name);
    }
    if (status) {
        for (size_t i = 0; i < 3; i++)
            tw_cache_free(opened[i]);
        return status;
    }
    store->embeddings = opened[0];
    store->thumbnails = opened[1];
    store->looks = opened[2];
    return TW_OK;
}

enum tw_status tw_embedding_store_open(const struct tw_task_options *options, const struct tw_backbone *backbone,
                                       const char *output_folder, bool wants_thumbnails,
                                       struct tw_embedding_store *store, struct tw_error *error)
{
    struct tw_embedding_store made = {.embedding_size = backbone->embedding_size};
    char hex[TW_DIGEST_HEX];
    enum tw_status status = store_key(backbone, hex, error);
    if (status)
        return status;
    char *shared = options->uses_cache ? tw_cache_folder() : NULL;
    made.journal_folder = tw_uri_join(output_folder, ".unfinished");
    if (!made.journal_folder)
        status = tw_fail_memory(error, strlen(output_folder), "a path");
    else if (shared)
        status = open_files(shared, hex, wants_thumbnails, options->sink, &made, error);
    if (shared && status == TW_IO)
        tw_log(options->sink, TW_LOG_WARNING, "%s: embeddings are not kept for later runs", error->text);
    if (status == TW_IO || (!status && !shared))
        status = open_files(made.journal_folder, hex, wants_thumbnails, options->sink, &made, error);
    tw_free(shared);
    if (status) {
        tw_embedding_store_close(&made, false);
        return status;
    }
    *store = made;
    return TW_OK;
}

void tw_embedding_store_close(struct tw_embedding_store *store, bool is_done)
{
    tw_cache_free(store->embeddings);
    tw_cache_free(store->thumbnails);
    tw_cache_free(store->looks);
    struct tw_listing listing = {0};
    if (is_done && store->journal_folder && !tw_storage_list(store->journal_folder, &listing, NULL)) {
        for (size_t i = 0; i < listing.count; i++) {
            char *path = tw_uri_join(store->journal_folder, listing.entries[i].name);
            if (path)
                unlink(path);
            tw_free(path);
        }
        rmdir(store->journal_folder);
    }
    tw_listing_release(&listing);
    tw_free(store->journal_folder);
    *store = (struct tw_embedding_store){0};
}

/* A photo on its way: bytes read, waiting for a worker. */
struct job {
    size_t item;
    struct tw_buffer bytes;
};

struct pipeline {
    struct tw_dataset *dataset;
    const struct tw_task_options *options;
    struct tw_embedding_store *store;
    struct tw_runner *runner;
    struct tw_queue *queue;
    const size_t *wanted; /* items to compute, one for each content */
    size_t wanted_count;
    pthread_mutex_t lock; /* guards what follows */
    struct tw_progress progress;
    enum tw_status status; /* of the run as a whole, not of one photo */
    struct tw_error error;
};

struct pipeline_worker {
    struct pipeline *pipeline;
    pthread_t thread;
    int number;
};

static void fail_pipeline(struct pipeline *pipeline, enum tw_status status, const struct tw_error *error)
{
    pthread_mutex_lock(&pipeline->lock);
    if (!pipeline->status) {
        pipeline->status = status;
        pipeline->error = *error;
    }
    pthread_mutex_unlock(&pipeline->lock);
    tw_queue_close(pipeline->queue);
}

/* A photo that is no photo is skipped; a system that says no ends the run. */
static bool is_photos_fault(enum tw_status status)
{
    return status == TW_CORRUPT || status == TW_UNSUPPORTED || status == TW_LIMIT || status == TW_NOT_FOUND ||
           status == TW_DENIED || status == TW_INVALID;
}

static void report(struct pipeline *pipeline, bool is_skipped)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->progress.done++;
    pipeline->progress.skipped += is_skipped;
    tw_progress(pipeline->options->sink, &pipeline->progress);
    pthread_mutex_unlock(&pipeline->lock);
}

static enum tw_status put_look(struct tw_embedding_store *store, const struct tw_digest *content,
                               const struct tw_look *look, struct tw_error *error)
{
    uint8_t payload[LOOK_BYTES];
    uint32_t contrast;
    memcpy(&contrast, &look->contrast, sizeof contrast);
    tw_store_u32le(payload, contrast);
    tw_store_u64le(payload + 4, look->fingerprint);
    memcpy(payload + 12, look->grey, sizeof look->grey);
    return tw_cache_put(store->looks, content, tw_span_of(payload, sizeof payload), error);
}

static bool get_look(struct tw_embedding_store *store, const struct tw_digest *content, struct tw_look *look)
{
    struct tw_buffer payload = {0};
    bool is_there = tw_cache_get(store->looks, content, &payload) && payload.size == LOOK_BYTES;
    if (is_there) {
        uint32_t contrast = tw_load_u32le(payload.data);
        memcpy(&look->contrast, &contrast, sizeof contrast);
        look->fingerprint = tw_load_u64le(payload.data + 4);
        memcpy(look->grey, payload.data + 12, sizeof look->grey);
    }
    tw_buffer_release(&payload);
    return is_there;
}

bool tw_look_load(struct tw_embedding_store *store, const struct tw_item *item, const struct tw_decode_policy *policy,
                  const struct tw_image_limits *limits, struct tw_look *look)
{
    struct tw_buffer bytes = {0};
    struct tw_image image = {0};
    if (get_look(store, &item->content, look))
        return true;
    bool is_seen = !tw_storage_read(item->location, limits->max_bytes, &bytes, NULL) &&
                   !tw_image_decode(tw_buffer_span(&bytes), policy, limits, &image, NULL) &&
                   !tw_image_look(&image, look, NULL);
    /* Where it cannot be kept it is seen again the next time. */
    if (is_seen && put_look(store, &item->content, look, NULL))
        is_seen = true;
    tw_image_release(&image);
    tw_buffer_release(&bytes);
    return is_seen;
}

static enum tw_status compute(struct pipeline *pipeline, int worker, const struct job *job, struct tw_buffer *payload,
                              struct tw_buffer *thumbnail, struct tw_error *error)
{
    struct tw_embedding_store *store = pipeline->store;
    struct tw_item *item = &pipeline->dataset->items[job->item];
    size_t size = SIZE_BYTES + store->embedding_size * sizeof(float);
    enum tw_status status = tw_buffer_reserve(payload, size, error);
    if (status)
        return status;
    payload->size = size;
    float *values = (float *)(void *)(payload->data + SIZE_BYTES);
    struct tw_look look;
    struct tw_photo_size photo;
    const struct tw_photo_asides asides = {.thumbnail = store->thumbnails ? thumbnail : NULL, .look = &look};
    status = tw_runner_photo(pipeline->runner, worker, tw_buffer_span(&job->bytes), &values, &photo, &asides, error);
    item->width = photo.width;
    item->height = photo.height;
    if (status)
        return status;
    tw_store_u32le(payload->data, (uint32_t)photo.width);
    tw_store_u32le(payload->data + 4, (uint32_t)photo.height);
    status = put_look(store, &item->content, &look, error);
    if (!status && store->thumbnails)
        status = tw_cache_put(store->thumbnails, &item->content, tw_buffer_span(thumbnail), error);
    /* The embedding last: its presence says that the photo is done. */
    return status ? status : tw_cache_put(store->embeddings, &item->content, tw_buffer_span(payload), error);
}

static void *run_worker(void *argument)
{
    struct pipeline_worker *worker = argument;
    struct pipeline *pipeline = worker->pipeline;
    struct tw_buffer payload = {0}, thumbnail = {0};
    struct job *job;
    while ((job = tw_queue_pop(pipeline->queue))) {
        struct tw_error error = {0};
        enum tw_status status = compute(pipeline, worker->number, job, &payload, &thumbnail, &error);
        if (is_photos_fault(status))
            status = tw_item_skip(&pipeline->dataset->items[job->item], error.text, &error);
        if (status)
            fail_pipeline(pipeline, status, &error);
        else
            report(pipeline, pipeline->dataset->items[job->item].status == TW_ITEM_SKIPPED);
        tw_buffer_release(&job->bytes);
        tw_free(job);
    }
    tw_buffer_release(&payload);
    tw_buffer_release(&thumbnail);
    return NULL;
}

/* The caller's thread reads ahead of the workers. */
static void feed(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->wanted_count; i++) {
        struct tw_error error = {0};
        struct tw_item *item = &pipeline->dataset->items[pipeline->wanted[i]];
        if (tw_is_stopped(pipeline->options->sink)) {
            tw_fail(&error, TW_INTERRUPTED, "interrupted after %zu of %zu photos: the same command goes on from there",
                    i, pipeline->wanted_count);
            fail_pipeline(pipeline, TW_INTERRUPTED, &error);
            return;
        }
        struct job *job = tw_alloc(1, sizeof *job);
        if (!job) {
            fail_pipeline(pipeline, tw_fail_memory(&error, sizeof *job, "a photo"), &error);
            return;
        }
        job->item = pipeline->wanted[i];
        enum tw_status status =
            tw_storage_read(item->location, pipeline->options->limits.max_bytes, &job->bytes, &error);
        bool is_queued = !status && tw_queue_push(pipeline->queue, job);
        if (is_queued)
            continue;
        tw_buffer_release(&job->bytes);
        tw_free(job);
        if (!status)
            return; /* closed: a worker failed */
        if (is_photos_fault(status))
            status = tw_item_skip(item, error.text, &error);
        if (status) {
            fail_pipeline(pipeline, status, &error);
            return;
        }
        report(pipeline, true);
    }
}

static enum tw_status run_pipeline(struct pipeline *pipeline, struct tw_error *error)
{
    size_t count = (size_t)pipeline->options->threads;
    struct pipeline_worker *workers = tw_alloc(count, sizeof *workers);
    if (!workers)
        return tw_fail_memory(error, count * sizeof *workers, "threads");
    size_t started = 0;
    for (; started < count; started++) {
        workers[started] = (struct pipeline_worker){.pipeline = pipeline, .number = (int)started};
        if (pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]))
            break;
    }
    if (started)
        feed(pipeline);
    else
        pipeline->status = tw_fail(&pipeline->error, TW_NO_MEMORY, "no thread can be started");
    tw_queue_close(pipeline->queue);
    for (size_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    tw_free(workers);
    if (pipeline->status && error)
        *error = pipeline->error;
    return pipeline->status;
}

static enum tw_status compute_wanted(struct pipeline *pipeline, const struct tw_backbone *backbone,
                                     struct tw_error *error)
{
    static const char *const outputs[] = {"embedding"};
    const struct tw_runner_options options = {
        .policy = &backbone->policy,
        .limits = &pipeline->options->limits,
        .outputs = outputs,
        .output_count = 1,
        .workers = pipeline->options->threads,
        .threads_inside = 1,
        .precision = backbone->precision,
        .choices = backbone->choices,
    };
    enum tw_status status = tw_runner_new(backbone->graph, &options, &pipeline->runner, error);
    if (status)
        return tw_fail_within(error, status, "backbone %s", backbone->name);
    if (tw_runner_output_size(pipeline->runner, 0) != backbone->embedding_size)
        status = tw_fail(error, TW_UNSUPPORTED, "backbone %s has no embedding of %zu values", backbone->name,
                         backbone->embedding_size);
    if (!status)
        status = tw_queue_new((size_t)options.workers * QUEUED_PER_WORKER, &pipeline->queue, error);
    if (!status)
        status = run_pipeline(pipeline, error);
    tw_queue_free(pipeline->queue);
    tw_runner_free(pipeline->runner);
    return status;
}

/* Size and embedding of a content; false: there is none of the right size. */
static bool find_embedding(struct tw_embedding_store *store, const struct tw_digest *content, struct tw_buffer *payload)
{
    if (store->known.embedding && store->known.embedding(store->known.context, content, payload))
        return true;
    return tw_cache_get(store->embeddings, content, payload) &&
           payload->size == SIZE_BYTES + store->embedding_size * sizeof(float);
}

bool tw_thumbnail_load(struct tw_embedding_store *store, const struct tw_digest *content, struct tw_buffer *jpeg)
{
    if (store->known.thumbnail && store->known.thumbnail(store->known.context, content, jpeg))
        return true;
    return store->thumbnails && tw_cache_get(store->thumbnails, content, jpeg);
}

/* Sizes of photos that were embedded in earlier runs come from the store, so that an audit is the same either way; a copy
 * of a photo shares what happened to the one that was computed. */
static enum tw_status settle(struct tw_dataset *dataset, struct tw_embedding_store *store, struct tw_error *error)
{
    struct tw_buffer payload = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < dataset->count && !status; i++) {
        struct tw_item *item = &dataset->items[i];
        if (item->status != TW_ITEM_OK)
            continue;
        if (!find_embedding(store, &item->content, &payload)) {
            status = tw_item_skip(item, "a copy of a photo that was skipped", error);
            continue;
        }
        item->width = (int)tw_load_u32le(payload.data);
        item->height = (int)tw_load_u32le(payload.data + 4);
    }
    tw_buffer_release(&payload);
    return status;
}

static bool is_done(struct tw_embedding_store *store, const struct tw_digest *content, struct tw_buffer *payload)
{
    if (store->known.embedding && store->known.embedding(store->known.context, content, payload))
        return true; /* a thumbnail that it lacks is not worth a photo that may be gone */
    return find_embedding(store, content, payload) &&
           (!store->thumbnails || tw_cache_get(store->thumbnails, content, payload));
}

struct content_ref {
    struct tw_digest content;
    size_t item;
};

static int compare_refs(const void *a, const void *b)
{
    const struct content_ref *left = a, *right = b;
    int order = memcmp(left->content.bytes, right->content.bytes, TW_DIGEST_BYTES);
    return order ? order : (left->item > right->item) - (left->item < right->item);
}

static int compare_items(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

/* One item for each content that the store does not have, in the listing's order. */
static enum tw_status find_wanted(struct tw_dataset *dataset, struct tw_embedding_store *store, size_t **wanted,
                                  size_t *count, struct tw_error *error)
{
    struct content_ref *refs = tw_alloc(dataset->count, sizeof *refs);
    size_t *found = tw_alloc(dataset->count, sizeof *found), used = 0, kept = 0;
    struct tw_buffer payload = {0};
    if (!refs || !found) {
        tw_free(refs);
        tw_free(found);
        return tw_fail_memory(error, dataset->count * sizeof *refs, "a list of photos");
    }
    for (size_t i = 0; i < dataset->count; i++) {
        if (dataset->items[i].status == TW_ITEM_OK)
            refs[used++] = (struct content_ref){dataset->items[i].content, i};
    }
    qsort(refs, used, sizeof *refs, compare_refs);
    for (size_t i = 0; i < used; i++) {
        bool is_copy = i && tw_digest_equal(&refs[i].content, &refs[i - 1].content);
        if (!is_copy && !is_done(store, &refs[i].content, &payload))
            found[kept++] = refs[i].item;
    }
    qsort(found, kept, sizeof *found, compare_items);
    tw_buffer_release(&payload);
    tw_free(refs);
    store->reused = used - kept;
    store->computed = kept;
    *wanted = found;
    *count = kept;
    return TW_OK;
}

enum tw_status tw_embed_items(struct tw_dataset *dataset, const struct tw_task_options *options,
                              const struct tw_backbone *backbone, struct tw_embedding_store *store,
                              struct tw_error *error)
{
    size_t *wanted = NULL, count = 0;
    enum tw_status status = find_wanted(dataset, store, &wanted, &count, error);
    if (status)
        return status;
    if (count) {
        struct pipeline pipeline = {
            .dataset = dataset,
            .options = options,
            .store = store,
            .wanted = wanted,
            .wanted_count = count,
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .progress = {.stage = "embed", .unit = "photos", .total = count},
        };
        status = compute_wanted(&pipeline, backbone, error);
        enum tw_status synced = tw_cache_sync(store->embeddings, status ? NULL : error);
        status = status ? status : synced;
        pthread_mutex_destroy(&pipeline.lock);
    }
    tw_free(wanted);
    return status ? status : settle(dataset, store, error);
}

enum tw_status tw_embedding_load(struct tw_embedding_store *store, const struct tw_item *item,
                                 struct tw_buffer *scratch, float *values, struct tw_error *error)
{
    size_t size = store->embedding_size * sizeof(float);
    if (!find_embedding(store, &item->content, scratch))
        return tw_fail(error, TW_CORRUPT, "the embedding of %s is gone from the cache", item->uri);
    memcpy(values, scratch->data + SIZE_BYTES, size);
    return TW_OK;
}
