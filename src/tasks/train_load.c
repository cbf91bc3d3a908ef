#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage/storage.h"
#include "tasks/alike.h"
#include "tasks/photos.h"
#include "tasks/precision.h"
#include "tasks/train_job.h"
#include "tasks/tune.h"

#include <stdlib.h>
#include <string.h>

enum tw_status tw_train_classify(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    enum tw_status status = tw_input_classify(options->inputs, options->input_count, &job->input, error);
    bool grows = options->from != NULL, has_photos = job->grown.model.has_backbone;
    if (!status && grows && options->input_count == 0)
        job->input.has_records = !has_photos;
    if (!status && grows && job->input.has_records == has_photos)
        status =
            tw_fail(error, TW_INVALID, "%s was trained on %s, and %s holds %s: give the same kind", options->from,
                    has_photos ? "photos" : "records", options->inputs[0], has_photos ? "embedding records" : "photos");
    job->manifest = job->input.manifest;
    if (!status && options->eval_inputs)
        status = tw_input_classify(options->eval_inputs, options->eval_input_count, &job->eval_input, error);
    if (!status && options->eval_inputs && job->input.has_records != job->eval_input.has_records)
        status =
            tw_fail(error, TW_INVALID, "the input is %s and --eval is %s: both must be of one kind",
                    job->input.has_records ? "records" : "photos", job->eval_input.has_records ? "records" : "photos");
    if (!status && job->input.manifest && job->eval_input.manifest)
        status = tw_input_agree(job->input.manifest, options->inputs[0], job->eval_input.manifest,
                                options->eval_inputs[0], error);
    return status;
}

static enum tw_status label_records(struct tw_train_job *job, struct tw_error *error)
{
    int64_t greatest = job->train.count || !job->eval.count ? job->train.greatest_label : job->eval.greatest_label;
    if (job->eval.count && job->eval.greatest_label > greatest)
        greatest = job->eval.greatest_label;
    return tw_input_labels(&job->input, job->options->labels_uri, greatest, &job->labels, error);
}

static enum tw_status read_records(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    struct tw_example_set *eval = options->eval_inputs ? NULL : &job->eval;
    enum tw_status status = TW_OK;
    if (options->input_count)
        status = tw_example_set_from_records(&job->input, job->eval_share, &options->task, &job->train, eval, error);
    if (!status && options->eval_inputs)
        status = tw_example_set_from_records(&job->eval_input, 0, &options->task, &job->eval, NULL, error);
    if (!status && options->eval_inputs)
        status = tw_example_set_sort(&job->eval, TW_ROWS_BY_KEY, error);
    if (!status && job->eval.count && job->train.count && job->eval.width != job->train.width)
        status = tw_fail(error, TW_CONFLICT,
                         "the evaluation records have embeddings of %zu values, the training ones of %zu",
                         job->eval.width, job->train.width);
    return status;
}

static enum tw_status load_records(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    if (options->task.backbone)
        tw_log(options->task.sink, TW_LOG_WARNING, "the input is embedding records: --backbone %s is not used",
               options->task.backbone);
    size_t shared = 0;
    enum tw_status status = read_records(job, error);
    if (!status && (job->train.count || job->eval.count))
        status = label_records(job, error);
    if (!status && options->from)
        status = tw_train_grow_records(job, error);
    if (!status)
        status = tw_example_set_shared_keys(&job->eval, &job->train, &shared, error);
    if (shared && shared == job->eval.count && shared == job->train.count)
        tw_log(options->task.sink, TW_LOG_WARNING,
               "--eval and the input are the same records: the accuracy says nothing about other photos");
    else if (shared)
        tw_log(options->task.sink, TW_LOG_WARNING,
               "%zu of the %zu evaluation records are training records too: the accuracy will look better than it is",
               shared, job->eval.count);
    return status;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, TW_DIGEST_BYTES);
}

/* A photo that is also an evaluation photo would be learnt by heart and asked again. */
static enum tw_status drop_shared_photos(struct tw_train_job *job, struct tw_error *error)
{
    struct tw_dataset *eval = &job->eval_dataset;
    struct tw_digest *seen = tw_alloc(eval->count, sizeof *seen);
    if (!seen)
        return tw_fail_memory(error, eval->count * sizeof *seen, "comparing photos");
    size_t count = 0;
    for (size_t i = 0; i < eval->count; i++) {
        if (eval->items[i].status == TW_ITEM_OK)
            seen[count++] = eval->items[i].content;
    }
    qsort(seen, count, sizeof *seen, compare_digests);
    enum tw_status status = TW_OK;
    size_t left = 0, dropped = 0;
    for (size_t i = 0; i < job->dataset.count && !status; i++) {
        struct tw_item *item = &job->dataset.items[i];
        bool is_shared =
            item->status == TW_ITEM_OK && bsearch(&item->content, seen, count, sizeof *seen, compare_digests);
        if (is_shared)
            status = tw_item_skip(item, "the same photo is in the evaluation set", error);
        dropped += is_shared;
        left += item->status == TW_ITEM_OK;
    }
    tw_free(seen);
    if (!status && dropped && !left)
        status =
            tw_fail(error, TW_CONFLICT,
                    "--eval and the input are the same photos: nothing is left to train on (--eval-share keeps a part "
                    "of them aside)");
    return status;
}

static enum tw_status list_eval_photos(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    enum tw_status status = tw_photos_list_known(options->eval_inputs, options->eval_input_count, &job->dataset.labels,
                                                 &options->task, &job->eval_dataset, error);
    for (size_t i = 0; i < job->eval_dataset.count; i++)
        job->eval_dataset.items[i].side = TW_SIDE_EVAL;
    if (!status)
        status = drop_shared_photos(job, error);
    if (!status)
        status = tw_embed_items(&job->eval_dataset, &options->task, &job->backbone, &job->store, error);
    if (!status)
        status = tw_photos_check_any(&job->eval_dataset, error);
    return status ? tw_fail_within(error, status, "evaluation photos") : TW_OK;
}

/* RUN/examples/ remembers the sides: growing a folder moves no photo. */
static enum tw_status split_photos(struct tw_train_job *job, struct tw_error *error)
{
    char *folder = tw_uri_join(job->options->output, "examples");
    if (!folder)
        return tw_fail_memory(error, 1, "a path");
    enum tw_status status = tw_photos_split(&job->dataset, job->eval_share, folder, job->options->task.sink, error);
    tw_free(folder);
    return status;
}

/* Where not one is, the audit tells what is wrong with them; another run's audit stays. */
static enum tw_status check_any_photo(struct tw_train_job *job, struct tw_error *error)
{
    struct tw_error second = {0};
    enum tw_status status = tw_photos_check_any(&job->dataset, error);
    if (status && !job->output.replaces && tw_train_write_audit(job, &second))
        tw_log(job->options->task.sink, TW_LOG_WARNING, "%s", second.text);
    return status;
}

static enum tw_status load_photos(struct tw_train_job *job, struct tw_train_result *result, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    double start = tw_clock_seconds();
    enum tw_status status = options->from
                                ? tw_photos_list_beside(&job->grown.items, options->inputs, options->input_count,
                                                        &options->task, &job->dataset, error)
                                : tw_photos_list(options->inputs, options->input_count, options->labels_uri,
                                                 &options->task, &job->dataset, error);
    if (!status)
        status = tw_backbone_choose_precision(&job->backbone, &options->task, &job->dataset, error);
    if (!status)
        status = tw_backbone_choose_kernels(&job->backbone, &options->task, &job->output, error);
    if (!status)
        status = tw_embedding_store_open(&options->task, &job->backbone, options->output, true, &job->store, error);
    if (!status && options->from)
        job->store.known = tw_kept_examples_source(&job->grown.examples);
    if (!status && options->eval_inputs)
        status = list_eval_photos(job, error);
    size_t computed = job->store.computed, reused = job->store.reused;
    if (!status)
        status = tw_embed_items(&job->dataset, &options->task, &job->backbone, &job->store, error);
    result->computed = computed + job->store.computed;
    result->reused = reused + job->store.reused;
    if (status)
        return status;
    size_t id;
    for (size_t i = 0; i < job->dataset.labels.count && !status; i++)
        status = tw_labels_add(&job->labels, job->dataset.labels.names[i], &id, error);
    if (!status)
        status = tw_photos_cluster(&job->dataset, &job->eval_dataset, &job->store, &job->backbone.policy.decode,
                                   &options->task, error);
    if (!status && options->eval_inputs)
        status = tw_photos_tell_shared(&job->dataset, &job->eval_dataset, options->task.sink, error);
    if (!status && !options->eval_inputs)
        status = split_photos(job, error);
    if (!status)
        status = check_any_photo(job, error);
    if (!status)
        status = tw_example_set_from_items(&job->dataset, TW_SIDE_TRAIN, &job->store, &job->train, error);
    if (!status)
        status = tw_example_set_from_items(&job->dataset, TW_SIDE_EVAL, &job->store, &job->eval, error);
    if (!status && options->eval_inputs)
        status = tw_example_set_from_items(&job->eval_dataset, TW_SIDE_EVAL, &job->store, &job->eval, error);
    result->skipped = tw_photos_skipped(&job->dataset) + tw_photos_skipped(&job->eval_dataset);
    result->embed_seconds = tw_clock_seconds() - start;
    return status;
}

enum tw_status tw_train_load(struct tw_train_job *job, struct tw_train_result *result, struct tw_error *error)
{
    enum tw_status status = job->input.has_records ? load_records(job, error) : load_photos(job, result, error);
    if (!status && job->options->folds)
        status = tw_train_join_sides(job, error);
    return status ? status : tw_train_check_classes(job, error);
}
