#include "tasks/train.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/engine.h"
#include "tasks/evaluation.h"
#include "tasks/example_set.h"
#include "tasks/examples_folder.h"
#include "tasks/model.h"
#include "tasks/monitor.h"
#include "tasks/output.h"
#include "tasks/photos.h"
#include "tasks/precision.h"
#include "tasks/run_report.h"

#include <math.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>

static const char unlabelled_name[] = "(unlabelled)";

struct job {
    const struct tw_train_options *options;
    struct tw_input input, eval_input;
    struct tw_backbone backbone; /* photos only */
    struct tw_dataset dataset, eval_dataset;
    struct tw_embedding_store store;
    struct tw_example_set train, eval;
    struct tw_labels labels;
    int64_t unlabelled_class;
    struct tw_recipe_options recipe_options;
    char *recipe_json, *checkpoints;
    struct tw_output output;
    struct tw_monitor monitor;
    float *scores;           /* of eval's rows */
    struct tw_buffer choice; /* what the recipe chose, as JSON; empty where it does not choose */
    struct tw_head head;
};

static enum tw_status hash_settings(const struct job *job, struct tw_digest *digest, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    tw_hasher_add_text(hasher, "train");
    for (size_t i = 0; i < options->input_count; i++)
        tw_hasher_add_text(hasher, options->inputs[i]);
    tw_hasher_add_text(hasher, "eval");
    for (size_t i = 0; i < options->eval_input_count; i++)
        tw_hasher_add_text(hasher, options->eval_inputs[i]);
    tw_hasher_add_text(hasher, options->labels_uri ? options->labels_uri : "");
    tw_hasher_add_text(hasher, options->task.corrections ? options->task.corrections : "");
    tw_hasher_add(hasher, &options->eval_share, sizeof options->eval_share);
    tw_hasher_add_text(hasher, options->recipe);
    tw_hasher_add_text(hasher, job->recipe_json);
    tw_hasher_add(hasher, job->backbone.digest.bytes, TW_DIGEST_BYTES);
    if (job->backbone.layer) {
        char *policy = tw_image_policy_to_json(&job->backbone.policy);
        tw_hasher_add_text(hasher, job->backbone.layer);
        tw_hasher_add_text(hasher, tw_precision_name(options->task.precision));
        tw_hasher_add_text(hasher, policy ? policy : "");
        tw_free(policy);
    }
    tw_hasher_finish(hasher, digest);
    tw_hasher_free(hasher);
    return TW_OK;
}

static enum tw_status begin_output(struct job *job, const struct tw_recipe *recipe, struct tw_error *error)
{
    static const char *const results[] = {
        "model.onnx",
        "metrics.json",
        "predictions.csv",
        "report.html",
        "labels.txt",
        "audit.csv",
        "events/*/events.out.tfevents.*",
        "checkpoints/*.twc",
        NULL}; /* not the log, which this run writes already, nor examples/, which hold the sides */
    job->output = (struct tw_output){
        .folder = job->options->output, .command = "train", .is_forced = job->options->is_forced, .results = results};
    job->recipe_options = job->options->recipe_options;
    job->recipe_options.threads = job->options->task.threads;
    job->recipe_options.sink = job->options->task.sink;
    job->recipe_json = recipe->describe(&job->recipe_options);
    job->checkpoints = tw_uri_join(job->options->output, "checkpoints");
    if (!job->recipe_json || !job->checkpoints)
        return tw_fail_memory(error, 1, "the settings");
    enum tw_status status = hash_settings(job, &job->output.settings, error);
    if (!status)
        status = tw_output_begin(&job->output, error);
    if (!status)
        status = tw_monitor_open(&job->monitor, job->options->output, "train", error);
    if (!status)
        status = tw_storage_make_folders(job->checkpoints, error);
    return status ? status : tw_storage_sweep(job->checkpoints, error);
}

static enum tw_status label_records(struct job *job, struct tw_error *error)
{
    int64_t greatest = job->train.count || !job->eval.count ? job->train.greatest_label : job->eval.greatest_label;
    if (job->eval.count && job->eval.greatest_label > greatest)
        greatest = job->eval.greatest_label;
    return tw_input_labels(&job->input, job->options->labels_uri, greatest, &job->labels, error);
}

static enum tw_status load_records(struct job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    if (options->task.backbone)
        tw_log(options->task.sink, TW_LOG_WARNING, "the input is embedding records: --backbone %s is not used",
               options->task.backbone);
    struct tw_example_set *eval = options->eval_inputs ? NULL : &job->eval;
    enum tw_status status = tw_example_set_from_records(&job->input, options->eval_share, &job->train, eval, error);
    if (!status && options->eval_inputs)
        status = tw_example_set_from_records(&job->eval_input, 0, &job->eval, NULL, error);
    if (!status && options->eval_inputs)
        status = tw_example_set_sort(&job->eval, TW_ROWS_BY_KEY, error);
    if (!status && job->eval.count && job->train.count && job->eval.width != job->train.width)
        status = tw_fail(error, TW_CONFLICT,
                         "the evaluation records have embeddings of %zu values, the training ones of %zu",
                         job->eval.width, job->train.width);
    size_t shared = 0;
    if (!status)
        status = tw_example_set_shared_keys(&job->eval, &job->train, &shared, error);
    if (shared && shared == job->eval.count && shared == job->train.count)
        tw_log(options->task.sink, TW_LOG_WARNING,
               "--eval and the input are the same records: the accuracy says nothing about other photos");
    else if (shared)
        tw_log(options->task.sink, TW_LOG_WARNING,
               "%zu of the %zu evaluation records are training records too: the accuracy will look better than it is",
               shared, job->eval.count);
    return status ? status : label_records(job, error);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, TW_DIGEST_BYTES);
}

/* A photo that is also an evaluation photo would be learnt by heart and asked again. */
static enum tw_status drop_shared_photos(struct job *job, struct tw_error *error)
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

static enum tw_status list_eval_photos(struct job *job, struct tw_error *error)
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

/* The audit of photos is the listings' own; records are all used, or the run has failed. */
static enum tw_status write_audit(struct job *job, struct tw_error *error)
{
    char *path = tw_uri_join(job->options->output, "audit.csv");
    if (!path)
        return tw_fail_memory(error, 1, "a path");
    struct tw_dataset all = {.labels = job->labels};
    enum tw_status status = TW_OK;
    const struct tw_dataset *parts[] = {&job->dataset, &job->eval_dataset};
    size_t count = job->dataset.count + job->eval_dataset.count;
    all.items = tw_alloc(count, sizeof *all.items);
    if (!all.items)
        status = tw_fail_memory(error, count * sizeof *all.items, "the audit");
    for (size_t i = 0; i < 2 && !status; i++) {
        if (parts[i]->count)
            memcpy(all.items + all.count, parts[i]->items, parts[i]->count * sizeof *all.items);
        all.count += parts[i]->count;
    }
    if (!status)
        status = tw_audit_write(path, &all, error);
    tw_free(all.items);
    tw_free(path);
    return status;
}

/* RUN/examples/ remembers what was moved for a class's sake: growing a folder moves no photo. */
static enum tw_status split_photos(struct job *job, struct tw_error *error)
{
    char *folder = tw_uri_join(job->options->output, "examples");
    if (!folder)
        return tw_fail_memory(error, 1, "a path");
    tw_photos_split(&job->dataset, job->options->eval_share, folder);
    tw_free(folder);
    return TW_OK;
}

/* Where not one is, the audit tells what is wrong with them; another run's audit stays. */
static enum tw_status check_any_photo(struct job *job, struct tw_error *error)
{
    struct tw_error second = {0};
    enum tw_status status = tw_photos_check_any(&job->dataset, error);
    if (status && !job->output.replaces && write_audit(job, &second))
        tw_log(job->options->task.sink, TW_LOG_WARNING, "%s", second.text);
    return status;
}

static enum tw_status load_photos(struct job *job, struct tw_train_result *result, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    double start = tw_clock_seconds();
    enum tw_status status = tw_photos_list(options->inputs, options->input_count, options->labels_uri, &options->task,
                                           &job->dataset, error);
    if (!status)
        status = tw_backbone_choose_precision(&job->backbone, &options->task, &job->dataset, error);
    if (!status)
        status = tw_embedding_store_open(&options->task, &job->backbone, options->output, true, &job->store, error);
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
    if (!status && !options->eval_inputs)
        status = split_photos(job, error);
    if (!status)
        status = check_any_photo(job, error);
    if (!status)
        status = tw_example_set_from_items(&job->dataset, TW_SIDE_TRAIN, &job->store, &job->train, error);
    if (!status)
        status = tw_example_set_from_items(options->eval_inputs ? &job->eval_dataset : &job->dataset, TW_SIDE_EVAL,
                                           &job->store, &job->eval, error);
    result->skipped = tw_photos_skipped(&job->dataset) + tw_photos_skipped(&job->eval_dataset);
    result->embed_seconds = tw_clock_seconds() - start;
    return status;
}

static enum tw_status check_classes(struct job *job, struct tw_error *error)
{
    job->unlabelled_class = -1;
    if (job->train.count == 0)
        return tw_fail(error, TW_CORRUPT, "there is nothing to train on: all %zu examples are on the evaluation side",
                       job->eval.count);
    size_t named = job->labels.count;
    if (named == 0)
        return tw_fail(error, TW_CORRUPT,
                       "no example has a label: put photos in one folder per class, or name labels in a CSV");
    if (job->train.has_unlabelled) {
        size_t id;
        enum tw_status status = tw_labels_add(&job->labels, unlabelled_name, &id, error);
        if (status)
            return status;
        job->unlabelled_class = (int64_t)id;
        tw_log(job->options->task.sink, TW_LOG_INFO, "examples without a label train one more class, %s",
               unlabelled_name);
    }
    for (size_t i = 0; i < named; i++) {
        if (!tw_is_utf8(tw_span_of_text(job->labels.names[i])))
            return tw_fail(error, TW_CORRUPT, "label %zu (%s) is not UTF-8 text, which a model file holds: rename it",
                           i, job->labels.names[i]);
    }
    if (job->labels.count < 2)
        return tw_fail(error, TW_CORRUPT, "there is only one class (%s): a classifier needs two or more",
                       job->labels.names[0]);
    return TW_OK;
}

static void observe(void *context, const struct tw_training_point *point)
{
    struct job *job = context;
    tw_monitor_point(&job->monitor, point);
    if (point->eval_loss >= 0 && point->eval_accuracy >= 0)
        tw_log(job->options->task.sink, TW_LOG_DEBUG,
               "step %zu: loss %.4f, accuracy %.4f, on the evaluation sample %.4f, %.4f", point->step,
               point->train_loss, point->train_accuracy, point->eval_loss, point->eval_accuracy);
}

/* What the recipe chose stands in place of what it was asked. */
static enum tw_status take_choice(struct job *job, struct tw_error *error)
{
    if (job->choice.size == 0)
        return TW_OK;
    char *chosen = tw_strndup((const char *)job->choice.data, job->choice.size);
    if (!chosen)
        return tw_fail_memory(error, job->choice.size, "the recipe's choice");
    tw_free(job->recipe_json);
    job->recipe_json = chosen;
    return TW_OK;
}

static enum tw_status train_head(struct job *job, const struct tw_recipe *recipe, struct tw_error *error)
{
    struct tw_examples train = tw_example_set_view(&job->train), eval = tw_example_set_view(&job->eval);
    struct tw_recipe_options *options = &job->recipe_options;
    options->class_count = job->labels.count;
    options->unlabelled_class = job->unlabelled_class;
    options->checkpoint_folder = job->checkpoints;
    options->eval = eval.count ? &eval : NULL;
    options->observe = observe;
    options->observer_context = job;
    options->choice_json = &job->choice;
    enum tw_status status = recipe->train(&train, options, &job->head, error);
    if (!status)
        status = tw_monitor_status(&job->monitor, error);
    return status ? status : take_choice(job, error);
}

static enum tw_status write_model(struct job *job, struct tw_train_result *result, struct tw_error *error)
{
    struct tw_model_parts parts = {
        .backbone = job->backbone.graph ? &job->backbone : NULL,
        .head = &job->head,
        .labels = (const char *const *)job->labels.names,
        .unlabelled_class = job->unlabelled_class,
        .recipe_json = job->recipe_json,
    };
    if (job->input.manifest) {
        parts.records_backbone = job->input.manifest->backbone;
        parts.records_policy = job->input.manifest->policy_json;
        parts.records_layer = job->input.manifest->layer;
        parts.records_backbone_digest = job->input.manifest->backbone_digest;
    }
    struct tw_examples train = tw_example_set_view(&job->train);
    struct tw_known known = {0};
    parts.known = &known;
    enum tw_status status = tw_example_set_digest(&job->train, &parts.data_digest, error);
    if (!status)
        status = tw_known_fit(&train, job->labels.count, job->options->task.threads, &known, error);
    result->model_path = status ? NULL : tw_uri_join(job->options->output, "model.onnx");
    if (!status && !result->model_path)
        status = tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_model_write(result->model_path, &parts, error);
    tw_known_release(&known);
    return status;
}

static enum tw_status write_evaluation(struct job *job, struct tw_train_result *result, struct tw_error *error)
{
    const char *output = job->options->output;
    const char *const *labels = (const char *const *)job->labels.names;
    struct tw_examples eval = tw_example_set_view(&job->eval);
    if (eval.count == 0) {
        tw_log(job->options->task.sink, TW_LOG_WARNING,
               "nothing to evaluate on: the model's accuracy is not known (give --eval or --eval-share)");
        return tw_output_write(output, "predictions.csv", tw_span_of_text("key,label,prediction,score\n"), error);
    }
    struct tw_buffer json = {0}, csv = {0};
    float *scores = job->scores = tw_alloc(eval.count * job->labels.count, sizeof *scores);
    enum tw_status status =
        scores ? TW_OK : tw_fail_memory(error, eval.count * job->labels.count * sizeof *scores, "the scores");
    if (!status)
        status = tw_head_scores(&job->head, eval.embeddings, eval.count, job->options->task.threads, scores, error);
    if (!status)
        status = tw_metrics_compute(&eval, scores, job->labels.count, job->unlabelled_class, &result->metrics, error);
    if (!status)
        status = tw_metrics_complete(&eval, scores, job->unlabelled_class, job->options->task.threads, &result->metrics,
                                     error);
    if (!status)
        status = tw_evaluation_json(&result->metrics, labels, job->recipe_json, &json, error);
    if (!status)
        status = tw_predictions_csv(&eval, scores, &result->metrics, labels, &csv, error);
    if (!status)
        status = tw_output_write(output, "metrics.json", tw_buffer_span(&json), error);
    if (!status)
        status = tw_output_write(output, "predictions.csv", tw_buffer_span(&csv), error);
    result->has_metrics = !status;
    tw_buffer_release(&json);
    tw_buffer_release(&csv);
    return status;
}

/* What the next run into this folder must know of the split. */
static enum tw_status describe_split(const struct job *job, struct tw_examples_origin *origin, struct tw_error *error)
{
    const struct tw_dataset *dataset = &job->dataset;
    if (job->input.has_records || job->options->eval_inputs)
        return TW_OK;
    origin->eval_share = job->options->eval_share;
    enum tw_status status = tw_dataset_moved(dataset, origin->eval_share, TW_SIDE_EVAL, &origin->moved_to_eval,
                                             &origin->moved_to_eval_count, error);
    return status ? status
                  : tw_dataset_moved(dataset, origin->eval_share, TW_SIDE_TRAIN, &origin->moved_to_train,
                                     &origin->moved_to_train_count, error);
}

static enum tw_status write_examples(struct job *job, struct tw_error *error)
{
    const struct tw_backbone *backbone = job->backbone.graph ? &job->backbone : NULL;
    const struct tw_manifest *manifest = job->input.manifest;
    char *policy = backbone ? tw_image_policy_to_json(&backbone->policy) : NULL;
    if (backbone && !policy)
        return tw_fail_memory(error, 1, "a policy");
    struct tw_examples_origin origin = {.label_count = job->labels.count - (job->unlabelled_class >= 0)};
    if (backbone) {
        origin.backbone = backbone->name;
        origin.backbone_digest = backbone->digest;
        origin.layer = backbone->layer;
        origin.policy_json = policy;
        origin.engine = tw_engine_identity(backbone->precision);
    } else if (manifest) {
        origin.backbone = manifest->backbone;
        origin.backbone_digest = manifest->backbone_digest;
        origin.layer = manifest->layer;
        origin.policy_json = manifest->policy_json;
        origin.engine = manifest->engine;
    }
    enum tw_status status = describe_split(job, &origin, error);
    if (!status)
        status = tw_examples_folder_write(job->options->output, &job->train, &job->labels, &origin, error);
    if (!status && job->store.thumbnails)
        status = tw_examples_thumbnails_write(job->options->output, &job->dataset, &job->store, error);
    tw_free(origin.moved_to_eval);
    tw_free(origin.moved_to_train);
    tw_free(policy);
    return status;
}

static enum tw_status write_report(struct job *job, const struct tw_train_result *result, struct tw_error *error)
{
    struct tw_run_report report = {
        .run = job->options->output,
        .inputs = job->options->inputs,
        .input_count = job->options->input_count,
        .train = &job->train,
        .eval = &job->eval,
        .datasets = {&job->dataset, &job->eval_dataset},
        .store = job->input.has_records ? NULL : &job->store,
        .labels = &job->labels,
        .unlabelled_class = job->unlabelled_class,
        .metrics = result->has_metrics ? &result->metrics : NULL,
        .scores = job->scores,
        .backbone = job->backbone.graph ? &job->backbone : NULL,
        .records_backbone = job->input.manifest ? job->input.manifest->backbone : NULL,
        .recipe_json = job->recipe_json,
    };
    enum tw_status status = tw_example_set_digest(&job->train, &report.data_digest, error);
    return status ? status : tw_run_report_write(&report, error);
}

static enum tw_status write_run(struct job *job, struct tw_train_result *result, struct tw_error *error)
{
    const char *output = job->options->output;
    char *labels = tw_uri_join(output, "labels.txt");
    enum tw_status status = labels ? tw_labels_write(labels, &job->labels, error) : tw_fail_memory(error, 1, "a path");
    tw_free(labels);
    if (!status)
        status = write_audit(job, error);
    if (!status)
        status = write_evaluation(job, result, error);
    if (!status)
        status = write_examples(job, error);
    if (!status)
        status = write_report(job, result, error);
    return status ? status : write_model(job, result, error);
}

static enum tw_status classify(struct job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    enum tw_status status = tw_input_classify(options->inputs, options->input_count, &job->input, error);
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

static enum tw_status run(struct job *job, struct tw_train_result *result, struct tw_error *error)
{
    const struct tw_recipe *recipe = tw_recipe_find(job->options->recipe);
    if (!recipe)
        return tw_fail(error, TW_INVALID, "there is no recipe %s", job->options->recipe);
    enum tw_status status = classify(job, error);
    if (!status && !job->input.has_records)
        status = tw_backbone_open(&job->options->task, &job->backbone, error);
    if (!status)
        status = begin_output(job, recipe, error);
    if (!status)
        status = job->input.has_records ? load_records(job, error) : load_photos(job, result, error);
    if (!status)
        status = check_classes(job, error);
    if (!status)
        status = tw_output_take(&job->output, error);
    double start = tw_clock_seconds();
    if (!status)
        status = train_head(job, recipe, error);
    result->train_seconds = tw_clock_seconds() - start;
    return status ? status : write_run(job, result, error);
}

enum tw_status tw_train(const struct tw_train_options *options, struct tw_train_result *result, struct tw_error *error)
{
    struct tw_train_options own = *options;
    struct job job = {.options = &own};
    own.task.sink = tw_monitor_listen(&job.monitor, options->task.sink);
    enum tw_status status = run(&job, result, error);
    if (!status)
        status = tw_monitor_status(&job.monitor, error);
    tw_monitor_end(&job.monitor, status, result->has_metrics ? result->metrics.accuracy : NAN, status ? error : NULL);
    result->train = job.train.count;
    result->eval = job.eval.count;
    if (!status) { /* the names change hands */
        result->label_count = job.labels.count;
        result->labels = tw_labels_take(&job.labels);
        result->recipe_json = job.recipe_json;
        job.recipe_json = NULL;
    }
    tw_embedding_store_close(&job.store, !status);
    tw_output_end(&job.output);
    tw_head_release(&job.head);
    tw_example_set_release(&job.train);
    tw_example_set_release(&job.eval);
    tw_labels_release(&job.labels);
    tw_dataset_release(&job.dataset);
    tw_dataset_release(&job.eval_dataset);
    tw_backbone_release(&job.backbone);
    tw_input_release(&job.input);
    tw_input_release(&job.eval_input);
    tw_monitor_release(&job.monitor);
    tw_free(job.scores);
    tw_buffer_release(&job.choice);
    tw_free(job.recipe_json);
    tw_free(job.checkpoints);
    if (status)
        tw_train_result_release(result);
    return status;
}

void tw_train_result_release(struct tw_train_result *result)
{
    tw_metrics_release(&result->metrics);
    for (size_t i = 0; i < result->label_count; i++)
        tw_free(result->labels[i]);
    tw_free(result->labels);
    tw_free(result->model_path);
    tw_free(result->recipe_json);
    *result = (struct tw_train_result){0};
}
