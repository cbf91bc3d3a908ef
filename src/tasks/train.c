#include "tasks/train.h"

#include "base/clock.h"
#include "base/memory.h"
#include "tasks/precision.h"
#include "tasks/train_job.h"

#include <math.h>
#include <string.h>

static enum tw_status hash_grown(const struct tw_train_job *job, struct tw_hasher *hasher, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    struct tw_digest train, eval;
    enum tw_status status = tw_example_set_digest(&job->grown.examples.train, &train, error);
    if (!status)
        status = tw_example_set_digest(&job->grown.examples.eval, &eval, error);
    if (status)
        return status;
    tw_hasher_add_text(hasher, "from");
    tw_hasher_add(hasher, train.bytes, TW_DIGEST_BYTES);
    tw_hasher_add(hasher, eval.bytes, TW_DIGEST_BYTES);
    for (size_t i = 0; i < job->grown.model.labels.count; i++)
        tw_hasher_add_text(hasher, job->grown.model.labels.names[i]);
    for (size_t i = 0; i < options->label_change_count; i++) {
        tw_hasher_add(hasher, &options->label_changes[i].kind, sizeof options->label_changes[i].kind);
        tw_hasher_add_text(hasher, options->label_changes[i].text);
    }
    return TW_OK;
}

static enum tw_status hash_settings(const struct tw_train_job *job, struct tw_digest *digest, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    const char *const files[] = {options->labels_uri, options->task.corrections};
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    tw_hasher_add_text(hasher, "train");
    status = tw_output_hash_inputs(options->inputs, options->input_count, hasher, error);
    if (!status)
        status = tw_output_hash_inputs(options->eval_inputs, options->eval_input_count, hasher, error);
    for (size_t i = 0; i < 2 && !status; i++)
        status = tw_output_hash_inputs(&files[i], files[i] != NULL, hasher, error);
    if (!status && options->from)
        status = hash_grown(job, hasher, error);
    tw_hasher_add(hasher, &job->eval_share, sizeof job->eval_share);
    tw_hasher_add(hasher, &options->folds, sizeof options->folds);
    tw_hasher_add(hasher, &options->is_single_label, sizeof options->is_single_label);
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
    return status;
}

static enum tw_status begin_output(struct tw_train_job *job, const struct tw_recipe *recipe, struct tw_error *error)
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
        "checkpoints/folds/*.twc",
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

static void observe(void *context, const struct tw_training_point *point)
{
    struct tw_train_job *job = context;
    tw_monitor_point(&job->monitor, point);
    if (point->eval_loss >= 0 && point->eval_accuracy >= 0)
        tw_log(job->options->task.sink, TW_LOG_DEBUG,
               "step %zu: loss %.4f, accuracy %.4f, on the evaluation sample %.4f, %.4f", point->step,
               point->train_loss, point->train_accuracy, point->eval_loss, point->eval_accuracy);
}

/* What the recipe chose stands in place of what it was asked. */
static enum tw_status take_choice(struct tw_train_job *job, struct tw_error *error)
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

/* One photo with several labels makes all of it multi-label, unless the user says that they are guesses at one. */
static enum tw_status settle_labels(struct tw_train_job *job, const struct tw_recipe *recipe, struct tw_error *error)
{
    const struct tw_example_set *set = &job->train;
    bool has_several = false;
    for (size_t i = 0; i < set->count && !has_several; i++)
        has_several = set->starts[i + 1] - set->starts[i] > 1;
    if (!has_several || job->options->is_single_label)
        return TW_OK;
    tw_log(
        job->options->task.sink, TW_LOG_INFO,
        "some examples have several labels: each label is a question of its own (--single-label: one answer a photo)");
    job->recipe_options.is_multi_label = true;
    tw_free(job->recipe_json);
    job->recipe_json = recipe->describe(&job->recipe_options);
    job->thresholds = tw_alloc(job->labels.count, sizeof *job->thresholds);
    return job->recipe_json && job->thresholds ? TW_OK : tw_fail_memory(error, job->labels.count, "thresholds");
}

/* Scores of held out rows, from which the report tells which labels are doubtful. Few enough that they cost nothing. */
static enum tw_status make_room_for_doubts(struct tw_train_job *job, struct tw_error *error)
{
    enum { MOST_SCORES = 4000000 };
    size_t rows = job->train.count, classes = job->labels.count;
    if (rows > MOST_SCORES / classes || job->recipe_options.is_multi_label)
        return TW_OK;
    job->held_out = tw_alloc(rows * classes, sizeof *job->held_out);
    if (!job->held_out)
        return tw_fail_memory(error, rows * classes * sizeof *job->held_out, "held out scores");
    for (size_t i = 0; i < rows * classes; i++)
        job->held_out[i] = NAN;
    job->recipe_options.held_out_log_scores = job->held_out;
    return TW_OK;
}

static enum tw_status train_head(struct tw_train_job *job, const struct tw_recipe *recipe, struct tw_error *error)
{
    struct tw_examples train = tw_example_set_view(&job->train), eval = tw_example_set_view(&job->eval);
    struct tw_recipe_options *options = &job->recipe_options;
    options->class_count = job->labels.count;
    options->unlabelled_class = job->unlabelled_class;
    options->checkpoint_folder = job->checkpoints;
    enum tw_status status = settle_labels(job, recipe, error);
    if (status)
        return status;
    options->eval = eval.count ? &eval : NULL;
    options->observe = observe;
    options->observer_context = job;
    if (job->options->folds && (status = tw_train_cross_validate(job, recipe, error)))
        return status;
    options->thresholds = job->thresholds;
    options->choice_json = &job->choice;
    options->calibration = &job->calibration;
    /* A recipe that does not choose would have to learn anew for every point. */
    bool wants_curve = job->options->curve == TW_CURVE_AUTO && strcmp(recipe->name, "auto") == 0;
    options->curve = wants_curve ? &job->curve : NULL;
    status = make_room_for_doubts(job, error);
    if (!status)
        status = recipe->train(&train, options, &job->head, error);
    if (!status)
        status = tw_monitor_status(&job->monitor, error);
    return status ? status : take_choice(job, error);
}

/* A grown run holds out as much of what is new as the run before did. */
static void settle_share(struct tw_train_job *job)
{
    double share = job->grown.examples.manifest.eval_share;
    job->eval_share = job->options->folds             ? 0
                      : job->options->eval_share >= 0 ? job->options->eval_share
                      : share > 0                     ? share
                                                      : 0.1;
}

static enum tw_status run(struct tw_train_job *job, struct tw_train_result *result, struct tw_error *error)
{
    const struct tw_recipe *recipe = tw_recipe_find(job->options->recipe);
    if (!recipe)
        return tw_fail(error, TW_INVALID, "there is no recipe %s", job->options->recipe);
    enum tw_status status = job->options->from ? tw_train_grow_open(job, error) : TW_OK;
    settle_share(job);
    if (!status)
        status = tw_train_classify(job, error);
    if (!status && !job->input.has_records)
        status = job->options->from ? tw_train_grow_backbone(job, error)
                                    : tw_backbone_open(&job->options->task, &job->backbone, error);
    if (!status)
        status = begin_output(job, recipe, error);
    if (!status)
        status = tw_train_load(job, result, error);
    if (!status)
        status = tw_output_take(&job->output, error);
    double start = tw_clock_seconds();
    if (!status)
        status = train_head(job, recipe, error);
    result->train_seconds = tw_clock_seconds() - start;
    return status ? status : tw_train_write(job, result, error);
}

enum tw_status tw_train(const struct tw_train_options *options, struct tw_train_result *result, struct tw_error *error)
{
    struct tw_train_options own = *options;
    struct tw_train_job job = {
        .options = &own, .train.scratch_folder = options->output, .eval.scratch_folder = options->output};
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
        result->thresholds = job.thresholds;
        job.thresholds = NULL;
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
    tw_grown_release(&job.grown);
    tw_free(job.scores);
    tw_free(job.thresholds);
    tw_cross_validation_release(&job.cross);
    tw_free(job.held_out);
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
    tw_free(result->thresholds);
    tw_buffer_release(&result->folds_text);
    tw_buffer_release(&result->growth_text);
    tw_free(result->model_path);
    tw_free(result->more_json);
    *result = (struct tw_train_result){0};
}
