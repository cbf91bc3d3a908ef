#include "tasks/predict.h"

#include "base/memory.h"
#include "base/threads.h"
#include "tasks/photos.h"
#include "tasks/runner.h"
#include "tasks/tune.h"

#include <pthread.h>
#include <string.h>

enum tw_status tw_predict_open(const struct tw_predict_options *options, struct tw_model *model,
                               struct tw_backbone *backbone, struct tw_error *error)
{
    enum tw_status status = tw_model_open(options->model, model, error);
    if (status || (model->has_backbone && !options->task.backbone))
        return status;
    if (!model->has_backbone && !options->task.backbone)
        return tw_fail(
            error, TW_INVALID,
            "model %s was trained on embedding records and holds no backbone: name the network that made them "
            "with --backbone (theirs was %s)",
            options->model, model->backbone_name ? model->backbone_name : "not named");
    bool is_compared = false;
    /* The records' own policy is how their photos became tensors; a flag may still name another. */
    status = tw_backbone_open(&options->task, backbone, error);
    if (!status && model->has_policy && !options->task.policy && !options->task.ignores_exif &&
        !options->task.decodes_fast)
        backbone->policy = model->policy;
    if (!status)
        status = tw_model_attach(model, backbone, &is_compared, error);
    if (!status && !is_compared)
        tw_log(options->task.sink, TW_LOG_WARNING,
               "the training records name no backbone, so no digest could be compared with %s: embeddings of another "
               "version of a network cost accuracy",
               backbone->name);
    return status;
}

enum tw_status tw_predict_list(const struct tw_predict_options *options, const struct tw_labels *labels,
                               struct tw_dataset *items, struct tw_error *error)
{
    const struct tw_list_options list = {.known_labels = labels, .is_prediction = !labels, .sink = options->task.sink};
    enum tw_status status = TW_OK;
    struct tw_item *item;
    if (options->input_count)
        status = tw_dataset_list(options->inputs, options->input_count, &list, items, error);
    if (!status && options->has_bytes)
        status = tw_dataset_add(items, "-", "-", &item, error);
    if (!status && items->count == 0)
        status = tw_fail(error, TW_NOT_FOUND, "there is no photo in %s%s", options->inputs[0],
                         options->input_count > 1 ? " and the others" : "");
    return status;
}

struct batch {
    const struct tw_predict_options *options;
    struct tw_runner *runner;
    struct tw_dataset *items;
    float *scores;
    float *known; /* NULL: the model does not tell */
    size_t class_count;
    pthread_mutex_t lock; /* guards progress */
    struct tw_progress progress;
};

static enum tw_status predict_bytes(struct batch *batch, int worker, struct tw_item *item, struct tw_span bytes,
                                    float *scores, struct tw_error *error)
{
    size_t index = (size_t)(item - batch->items->items);
    float *outputs[] = {scores, batch->known ? &batch->known[index] : NULL};
    struct tw_photo_size size = {0};
    enum tw_status status = tw_runner_photo(batch->runner, worker, bytes, outputs, &size, NULL, error);
    item->width = size.width;
    item->height = size.height;
    return status;
}

static enum tw_status predict_item(void *context, size_t index, int worker, struct tw_error *error)
{
    struct batch *batch = context;
    struct tw_item *item = &batch->items->items[index];
    float *scores = batch->scores + index * batch->class_count;
    if (item->status == TW_ITEM_SKIPPED)
        return TW_OK;
    if (tw_is_stopped(batch->options->task.sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted");
    struct tw_buffer file = {0};
    struct tw_span bytes = batch->options->bytes;
    bool is_stdin = batch->options->has_bytes && index == batch->items->count - 1;
    enum tw_status status = TW_OK;
    if (!is_stdin) {
        status = tw_storage_read(item->location, batch->options->task.limits.max_bytes, &file, error);
        bytes = tw_buffer_span(&file);
    }
    if (!status)
        status = predict_bytes(batch, worker, item, bytes, scores, error);
    tw_buffer_release(&file);
    if (status && status != TW_NO_MEMORY && status != TW_IO) {
        memset(scores, 0, batch->class_count * sizeof *scores);
        status = tw_item_skip(item, error->text, error);
    }
    pthread_mutex_lock(&batch->lock);
    batch->progress.done++;
    batch->progress.skipped += item->status == TW_ITEM_SKIPPED;
    tw_progress(batch->options->task.sink, &batch->progress);
    pthread_mutex_unlock(&batch->lock);
    return status;
}

static enum tw_precision choose_precision(const struct tw_task_options *task, const struct tw_model *model)
{
    bool is_named = task->names_precision && task->precision != TW_PRECISION_AUTO;
    enum tw_precision wanted = is_named ? task->precision : model->precision;
    if (tw_engine_precision(wanted) != wanted && wanted != TW_PRECISION_AUTO)
        tw_log(task->sink, TW_LOG_WARNING, "this CPU has no bf16 arithmetic: f32 is used (%s)", tw_engine_cpu());
    return wanted;
}

enum tw_status tw_predict_runner(const struct tw_task_options *task, const struct tw_model *model,
                                 const struct tw_runner_options *wanted, struct tw_runner **runner,
                                 struct tw_error *error)
{
    const struct tw_tune_network network = {model->graph, &model->policy, choose_precision(task, model)};
    struct tw_runner_options options = *wanted;
    struct tw_choices *choices = NULL;
    enum tw_status status = tw_tune_open(task, &network, &choices, error);
    options.policy = &model->policy;
    options.limits = &task->limits;
    options.precision = network.precision;
    options.choices = choices;
    if (!status)
        status = tw_runner_new(model->graph, &options, runner, error);
    tw_choices_free(choices);
    return status;
}

static enum tw_status run_items(const struct tw_predict_options *options, const struct tw_model *model,
                                struct tw_predictions *predictions, struct tw_error *error)
{
    static const char *const outputs[] = {"scores", "known"};
    size_t count = predictions->items.count;
    int threads = options->task.threads;
    /* Many photos: one a core. Fewer photos than cores: all cores on each in turn. */
    bool is_latency = count < (size_t)threads;
    const struct tw_runner_options wanted = {
        .outputs = outputs,
        .output_count = predictions->known ? 2 : 1,
        .workers = is_latency ? 1 : threads,
        .threads_inside = is_latency ? threads : 1,
    };
    struct batch batch = {
        .options = options,
        .items = &predictions->items,
        .scores = predictions->scores,
        .known = predictions->known,
        .class_count = model->labels.count,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .progress = {.stage = "predict", .unit = "photos", .total = count},
    };
    enum tw_status status = tw_predict_runner(&options->task, model, &wanted, &batch.runner, error);
    if (status)
        return tw_fail_within(error, status, "model %s", options->model);
    if (tw_runner_output_size(batch.runner, 0) != batch.class_count)
        status = tw_fail(error, TW_CORRUPT, "model %s has no output of %zu scores", options->model, batch.class_count);
    if (!status && batch.known && tw_runner_output_size(batch.runner, 1) != 1)
        status = tw_fail(error, TW_CORRUPT, "model %s has no output known of one number", options->model);
    if (!status)
        status = tw_parallel_for(wanted.workers, count, predict_item, &batch, error);
    tw_runner_free(batch.runner);
    pthread_mutex_destroy(&batch.lock);
    return status;
}

enum tw_status tw_predict_items(const struct tw_predict_options *options, struct tw_model *model,
                                struct tw_predictions *predictions, struct tw_error *error)
{
    predictions->scores = tw_alloc(predictions->items.count * model->labels.count, sizeof(float));
    if (!predictions->scores)
        return tw_fail_memory(error, predictions->items.count * model->labels.count * sizeof(float), "the scores");
    if (model->has_known) {
        predictions->known = tw_alloc(predictions->items.count, sizeof(float));
        if (!predictions->known)
            return tw_fail_memory(error, predictions->items.count * sizeof(float), "the scores");
    }
    predictions->known_threshold = model->known_threshold;
    enum tw_status status = run_items(options, model, predictions, error);
    predictions->skipped = tw_photos_skipped(&predictions->items);
    predictions->labels = model->labels; /* change hands */
    predictions->thresholds = model->thresholds;
    model->thresholds = NULL;
    model->labels = (struct tw_labels){0};
    return status;
}

enum tw_status tw_predict(const struct tw_predict_options *options, struct tw_predictions *predictions,
                          struct tw_error *error)
{
    struct tw_model model = {0};
    struct tw_backbone backbone = {0};
    struct tw_predictions made = {0};
    enum tw_status status = tw_predict_open(options, &model, &backbone, error);
    if (!status)
        status = tw_predict_list(options, NULL, &made.items, error);
    if (!status)
        status = tw_predict_items(options, &model, &made, error);
    tw_model_release(&model);
    tw_backbone_release(&backbone);
    if (status) {
        tw_predictions_release(&made);
        return status;
    }
    *predictions = made;
    return TW_OK;
}

void tw_predictions_release(struct tw_predictions *predictions)
{
    tw_dataset_release(&predictions->items);
    tw_labels_release(&predictions->labels);
    tw_free(predictions->scores);
    tw_free(predictions->known);
    tw_free(predictions->thresholds);
    *predictions = (struct tw_predictions){0};
}

const char *tw_sureness(const float *known, double known_threshold, float score)
{
    if (known && (double)*known < known_threshold)
        return "I do not know this";
    return score >= 0.9f ? "pretty sure" : score >= 0.5f ? "somewhat" : "a guess";
}
