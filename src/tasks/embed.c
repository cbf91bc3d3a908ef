#include "tasks/embed.h"

#include "base/memory.h"
#include "engine/engine.h"
#include "records/example.h"
#include "records/shards.h"
#include "records/tfrecord.h"
#include "tasks/alike.h"
#include "tasks/output.h"
#include "tasks/photos.h"
#include "tasks/precision.h"
#include "tasks/tune.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { RECORDS_PER_SHARD = 1500 };

struct job {
    const struct tw_embed_options *options;
    struct tw_backbone backbone;
    struct tw_dataset dataset;
    struct tw_embedding_store store;
    struct tw_manifest manifest;
    struct tw_output output;
};

static enum tw_status hash_settings(const struct job *job, struct tw_digest *digest, struct tw_error *error)
{
    const struct tw_embed_options *options = job->options;
    char *policy = tw_image_policy_to_json(&job->backbone.policy);
    struct tw_hasher *hasher;
    enum tw_status status = policy ? tw_hasher_new(&hasher, error) : tw_fail_memory(error, 1, "a policy");
    if (!status) {
        const char *const files[] = {options->labels_uri, options->task.corrections};
        tw_hasher_add_text(hasher, "embed");
        status = tw_output_hash_inputs(options->inputs, options->input_count, hasher, error);
        for (size_t i = 0; i < 2 && !status; i++)
            status = tw_output_hash_inputs(&files[i], files[i] != NULL, hasher, error);
        tw_hasher_add(hasher, job->backbone.digest.bytes, TW_DIGEST_BYTES);
        tw_hasher_add_text(hasher, job->backbone.layer);
        tw_hasher_add_text(hasher, policy);
        tw_hasher_add_text(hasher, tw_engine_identity(job->backbone.precision));
        tw_hasher_add(hasher, &options->eval_share, sizeof options->eval_share);
        tw_hasher_finish(hasher, digest);
        tw_hasher_free(hasher);
    }
    tw_free(policy);
    return status;
}

static enum tw_status hash_inputs(const struct tw_dataset *dataset, struct tw_digest *digest, struct tw_error *error)
{
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    for (size_t i = 0; i < dataset->count; i++) {
        const struct tw_item *item = &dataset->items[i];
        tw_hasher_add_text(hasher, item->uri);
        tw_hasher_add(hasher, item->content.bytes, TW_DIGEST_BYTES);
        tw_hasher_add(hasher, item->labels, item->label_count * sizeof *item->labels);
    }
    tw_hasher_finish(hasher, digest);
    tw_hasher_free(hasher);
    return TW_OK;
}

static size_t count_side(const struct tw_dataset *dataset, enum tw_side side)
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->count; i++)
        count += dataset->items[i].status == TW_ITEM_OK && dataset->items[i].side == side;
    return count;
}

/* Writes up to RECORDS_PER_SHARD records of one side, from item *next on. */
static enum tw_status write_shard(struct job *job, enum tw_side side, size_t *next, struct tw_shard_entry *shard,
                                  struct tw_error *error)
{
    struct tw_record_writer *writer = NULL;
    struct tw_buffer record = {0}, scratch = {0};
    float *values = tw_alloc(job->store.embedding_size, sizeof *values);
    char *path = tw_uri_join(job->options->output, shard->name);
    enum tw_status status = values && path ? tw_record_writer_open(path, TW_GZIP, &writer, error)
                                           : tw_fail_memory(error, job->store.embedding_size, "a shard");
    for (; !status && *next < job->dataset.count && shard->count < RECORDS_PER_SHARD; ++*next) {
        const struct tw_item *item = &job->dataset.items[*next];
        if (item->status != TW_ITEM_OK || item->side != side)
            continue;
        tw_buffer_clear(&record);
        status = tw_embedding_load(&job->store, item, &scratch, values, error);
        if (!status)
            status = tw_example_serialise(item->uri, values, job->store.embedding_size, item->labels, item->label_count,
                                          &record, error);
        if (!status)
            status = tw_record_writer_add(writer, tw_buffer_span(&record), error);
        shard->count += !status;
    }
    if (!status)
        status = tw_record_writer_commit(writer, &shard->digest, error);
    else
        tw_record_writer_abandon(writer);
    tw_buffer_release(&record);
    tw_buffer_release(&scratch);
    tw_free(values);
    tw_free(path);
    return status;
}

static enum tw_status write_side(struct job *job, enum tw_side side, struct tw_error *error)
{
    const char *name = side == TW_SIDE_EVAL ? "eval" : "train";
    size_t count = count_side(&job->dataset, side), next = 0;
    size_t shards = (count + RECORDS_PER_SHARD - 1) / RECORDS_PER_SHARD;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < shards && !status; i++) {
        struct tw_shard_entry *shard = &job->manifest.shards[job->manifest.shard_count];
        *shard = (struct tw_shard_entry){.name = tw_shard_name(name, i, shards), .side = tw_strdup(name)};
        job->manifest.shard_count++;
        status = shard->name && shard->side ? write_shard(job, side, &next, shard, error)
                                            : tw_fail_memory(error, 1, "a shard's name");
    }
    return status;
}

static enum tw_status remove_file(const char *folder, const char *name, struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    enum tw_status status = path ? tw_storage_remove(path, error) : tw_fail_memory(error, strlen(folder), "a path");
    tw_free(path);
    return status;
}

/* The manifest of an earlier run goes first: until the new one is there, the folder says that it is not whole. All shards
 * go too, those of a killed run as well, which no manifest names: a glob must not find records of two runs. */
static enum tw_status remove_old(const char *folder, struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_status status = remove_file(folder, "manifest.json", error);
    if (!status)
        status = tw_storage_list(folder, &listing, error);
    for (size_t i = 0; i < listing.count && !status; i++) {
        const char *name = listing.entries[i].name;
        if (fnmatch("train-*-of-*.tfrecord.gz", name, 0) == 0 || fnmatch("eval-*-of-*.tfrecord.gz", name, 0) == 0)
            status = remove_file(folder, name, error);
    }
    tw_listing_release(&listing);
    return status;
}

static enum tw_status fill_manifest(struct job *job, const struct tw_digest *settings, struct tw_error *error)
{
    struct tw_manifest *manifest = &job->manifest;
    size_t most = job->dataset.count / RECORDS_PER_SHARD + 2;
    manifest->version = 1;
    manifest->backbone = tw_strdup(job->backbone.name);
    manifest->backbone_digest = job->backbone.digest;
    manifest->layer = tw_strdup(job->backbone.layer);
    manifest->policy_json = tw_image_policy_to_json(&job->backbone.policy);
    manifest->precision = tw_strdup(tw_precision_name(job->backbone.precision));
    manifest->engine = tw_strdup(tw_engine_identity(job->backbone.precision));
    manifest->choices = tw_backbone_kernels(&job->backbone);
    manifest->settings_digest = *settings;
    manifest->embedding_size = job->backbone.embedding_size;
    manifest->eval_share = job->options->eval_share;
    manifest->skipped = tw_photos_skipped(&job->dataset);
    manifest->labels = tw_alloc(job->dataset.labels.count, sizeof *manifest->labels);
    manifest->shards = tw_alloc(most, sizeof *manifest->shards);
    if (!manifest->backbone || !manifest->layer || !manifest->policy_json || !manifest->precision ||
        !manifest->engine || !manifest->choices || !manifest->labels || !manifest->shards)
        return tw_fail_memory(error, most * sizeof *manifest->shards, "the manifest");
    for (size_t i = 0; i < job->dataset.labels.count; i++) {
        manifest->labels[i] = tw_strdup(job->dataset.labels.names[i]);
        if (!manifest->labels[i])
            return tw_fail_memory(error, 1, "a label");
        manifest->label_count++;
    }
    enum tw_status status =
        tw_dataset_contents(&job->dataset, TW_SIDE_EVAL, &manifest->kept_on_eval, &manifest->kept_on_eval_count, error);
    if (!status)
        status = tw_dataset_contents(&job->dataset, TW_SIDE_TRAIN, &manifest->kept_on_train,
                                     &manifest->kept_on_train_count, error);
    return status ? status : hash_inputs(&job->dataset, &manifest->input_digest, error);
}

static enum tw_status write_audit(const struct job *job, struct tw_error *error)
{
    char *path = tw_uri_join(job->options->output, "audit.csv");
    enum tw_status status = path ? tw_audit_write(path, &job->dataset, error) : tw_fail_memory(error, 1, "a path");
    tw_free(path);
    return status;
}

static enum tw_status write_text_files(const struct job *job, struct tw_error *error)
{
    char *labels = tw_uri_join(job->options->output, "labels.txt");
    enum tw_status status =
        labels ? tw_labels_write(labels, &job->dataset.labels, error) : tw_fail_memory(error, 1, "a path");
    tw_free(labels);
    return status ? status : write_audit(job, error);
}

static enum tw_status write_results(struct job *job, struct tw_error *error)
{
    enum tw_status status = tw_output_take(&job->output, error);
    if (!status)
        status = remove_old(job->options->output, error);
    if (!status)
        status = write_text_files(job, error);
    if (!status)
        status = fill_manifest(job, &job->output.settings, error);
    if (!status)
        status = write_side(job, TW_SIDE_TRAIN, error);
    if (!status)
        status = write_side(job, TW_SIDE_EVAL, error);
    return status ? status : tw_manifest_write(job->options->output, &job->manifest, error);
}

static enum tw_status run(struct job *job, struct tw_error *error)
{
    const struct tw_embed_options *options = job->options;
    static const char *const results[] = {"manifest.json", "labels.txt", "audit.csv", NULL};
    job->output = (struct tw_output){
        .folder = options->output, .command = "embed", .is_forced = options->is_forced, .results = results};
    enum tw_status status = tw_backbone_open(&options->task, &job->backbone, error);
    if (!status)
        status = tw_photos_list(options->inputs, options->input_count, options->labels_uri, &options->task,
                                &job->dataset, error);
    if (!status)
        status = tw_backbone_choose_precision(&job->backbone, &options->task, &job->dataset, error);
    if (!status)
        status = hash_settings(job, &job->output.settings, error);
    if (!status)
        status = tw_output_begin(&job->output, error);
    if (!status)
        status = tw_backbone_choose_kernels(&job->backbone, &options->task, &job->output, error);
    if (!status)
        status = tw_embedding_store_open(&options->task, &job->backbone, options->output, false, &job->store, error);
    if (!status)
        status = tw_embed_items(&job->dataset, &options->task, &job->backbone, &job->store, error);
    if (status)
        return status;
    /* Sides after decoding: a class must not lose its one evaluation photo to a broken file. */
    status = tw_photos_check_any(&job->dataset, error);
    if (!status)
        status =
            tw_photos_cluster(&job->dataset, NULL, &job->store, &job->backbone.policy.decode, &options->task, error);
    if (!status)
        status = tw_photos_split(&job->dataset, options->eval_share, options->output, options->task.sink, error);
    if (!status)
        return write_results(job, error);
    /* Old shards stay; the audit tells what is wrong with the photos, where it is not another run's. */
    struct tw_error second = {0};
    if (!job->output.replaces && write_audit(job, &second))
        tw_log(options->task.sink, TW_LOG_WARNING, "%s", second.text);
    return status;
}

enum tw_status tw_embed(const struct tw_embed_options *options, struct tw_embed_result *result, struct tw_error *error)
{
    struct job job = {.options = options};
    enum tw_status status = run(&job, error);
    if (!status) {
        *result = (struct tw_embed_result){
            .photos = job.dataset.count,
            .skipped = tw_photos_skipped(&job.dataset),
            .computed = job.store.computed,
            .reused = job.store.reused,
            .train = count_side(&job.dataset, TW_SIDE_TRAIN),
            .eval = count_side(&job.dataset, TW_SIDE_EVAL),
            .labels = job.dataset.labels.count,
            .shards = job.manifest.shard_count,
        };
        result->embedded = result->photos - result->skipped;
        snprintf(result->backbone, sizeof result->backbone, "%s", job.backbone.name);
    }
    tw_embedding_store_close(&job.store, !status);
    tw_output_end(&job.output);
    tw_manifest_release(&job.manifest);
    tw_dataset_release(&job.dataset);
    tw_backbone_release(&job.backbone);
    return status;
}
