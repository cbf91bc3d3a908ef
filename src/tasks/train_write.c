#include "base/memory.h"
#include "engine/engine.h"
#include "storage/storage.h"
#include "tasks/evaluation.h"
#include "tasks/examples_folder.h"
#include "tasks/model.h"
#include "tasks/run_report.h"
#include "tasks/train_job.h"
#include "train/multi_label.h"
#include "tasks/tune.h"

#include <string.h>

/* The audit of photos is the listings' own; records are all used, or the run has failed. */
enum tw_status tw_train_write_audit(struct tw_train_job *job, struct tw_error *error)
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

static enum tw_status write_model(struct tw_train_job *job, struct tw_train_result *result, struct tw_error *error)
{
    struct tw_model_parts parts = {
        .backbone = job->backbone.graph ? &job->backbone : NULL,
        .head = &job->head,
        .labels = (const char *const *)job->labels.names,
        .unlabelled_class = job->unlabelled_class,
        .thresholds = job->thresholds,
        .recipe_json = job->recipe_json,
    };
    if (job->manifest) {
        parts.records_backbone = job->manifest->backbone;
        parts.records_policy = job->manifest->policy_json;
        parts.records_layer = job->manifest->layer;
        parts.records_backbone_digest = job->manifest->backbone_digest;
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

/* With folds the new heads have learnt from what the run before held out. */
static bool tells_growth(const struct tw_train_job *job)
{
    return job->options->from && !job->options->folds;
}

static enum tw_status tell_growth(const struct tw_train_job *job, struct tw_train_result *result,
                                  struct tw_buffer *json, struct tw_error *error)
{
    enum tw_status status = tw_buffer_append_text(json, ",\"growth\":", error);
    if (!status)
        status = tw_growth_to_json(&job->grown.growth, json, error);
    return status ? status : tw_growth_to_text(&job->grown.growth, &result->growth_text, error);
}

/* Calibration before and after, on the evaluated rows too, and the learning curve. */
static enum tw_status tell_learning(const struct tw_train_job *job, const struct tw_examples *eval,
                                    struct tw_train_result *result, struct tw_error *error)
{
    struct tw_reliability before = {0}, after = {0};
    struct tw_buffer json = {0};
    bool is_asked = eval->count && !job->options->folds; /* the heads of folds have temperatures of their own */
    double temperature = job->calibration.temperature;
    enum tw_status status = TW_OK;
    tw_learning_view_record(&job->calibration, &result->calibration);
    tw_learning_view_curve(&job->curve, &result->curve);
    if (temperature > 0 && is_asked)
        status = tw_reliability_evaluated(eval, job->scores, job->labels.count, job->unlabelled_class, temperature,
                                          &before, error);
    if (!status && is_asked)
        status =
            tw_reliability_evaluated(eval, job->scores, job->labels.count, job->unlabelled_class, 1, &after, error);
    tw_learning_view_reliability(&before, &result->calibration.eval_before);
    tw_learning_view_reliability(&after, &result->calibration.eval_after);
    if (!status)
        status = tw_buffer_printf(&json, error, "\"recipe\":%s,", job->recipe_json);
    if (!status)
        status = tw_learning_to_json(&result->calibration, &result->curve, &json, error);
    if (!status && tells_growth(job) && eval->count)
        status = tell_growth(job, result, &json, error);
    if (!status && job->options->folds)
        status = tw_train_folds_to_json(&job->cross, &json, error);
    if (!status && job->options->folds)
        status = tw_train_folds_to_text(&job->cross, &result->folds_text, error);
    result->more_json = status ? NULL : tw_strndup((const char *)json.data, json.size);
    if (!status && !result->more_json)
        status = tw_fail_memory(error, json.size, "the metrics");
    tw_buffer_release(&json);
    return status;
}

static enum tw_status score_held_out(struct tw_train_job *job, const struct tw_examples *eval, struct tw_error *error)
{
    if (job->scores) /* by cross-validation */
        return TW_OK;
    job->scores = tw_alloc(eval->count * job->labels.count, sizeof *job->scores);
    return job->scores ? tw_head_scores(&job->head, eval->embeddings, eval->count, job->options->task.threads,
                                        job->scores, error)
                       : tw_fail_memory(error, eval->count * job->labels.count * sizeof *job->scores, "the scores");
}

static enum tw_status write_evaluation(struct tw_train_job *job, struct tw_train_result *result, struct tw_error *error)
{
    const char *output = job->options->output;
    const char *const *labels = (const char *const *)job->labels.names;
    struct tw_examples eval = tw_example_set_view(&job->eval);
    if (eval.count == 0) {
        tw_log(job->options->task.sink, TW_LOG_WARNING,
               "nothing to evaluate on: the model's accuracy is not known (give --eval or --eval-share)");
        enum tw_status told = tell_learning(job, &eval, result, error);
        return told
                   ? told
                   : tw_output_write(output, "predictions.csv", tw_span_of_text("key,label,prediction,score\n"), error);
    }
    struct tw_buffer json = {0}, csv = {0};
    enum tw_status status = score_held_out(job, &eval, error);
    const float *scores = job->scores;
    if (!status)
        status = tw_metrics_compute(&eval, scores, job->labels.count, job->unlabelled_class, &result->metrics, error);
    if (!status)
        status = tw_metrics_complete(&eval, scores, job->unlabelled_class, job->options->task.threads, &result->metrics,
                                     error);
    if (!status && job->thresholds)
        status = tw_multi_label_measure(&eval, scores, job->thresholds, job->unlabelled_class, &result->metrics, error);
    if (!status && tells_growth(job))
        status = tw_train_grow_compare(job, scores, error);
    if (!status)
        status = tell_learning(job, &eval, result, error);
    if (!status)
        status = tw_evaluation_json(&result->metrics, labels, result->more_json, &json, error);
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
static enum tw_status describe_split(const struct tw_train_job *job, struct tw_examples_origin *origin,
                                     struct tw_error *error)
{
    const struct tw_dataset *dataset = &job->dataset;
    if (job->input.has_records || job->options->eval_inputs)
        return TW_OK;
    origin->eval_share = job->eval_share;
    enum tw_status status =
        tw_dataset_contents(dataset, TW_SIDE_EVAL, &origin->kept_on_eval, &origin->kept_on_eval_count, error);
    return status ? status
                  : tw_dataset_contents(dataset, TW_SIDE_TRAIN, &origin->kept_on_train, &origin->kept_on_train_count,
                                        error);
}

static enum tw_status write_examples(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_backbone *backbone = job->backbone.graph ? &job->backbone : NULL;
    const struct tw_manifest *manifest = job->manifest;
    char *policy = backbone ? tw_image_policy_to_json(&backbone->policy) : NULL;
    char *kernels = backbone ? tw_backbone_kernels(backbone) : NULL;
    if (backbone && (!policy || !kernels)) {
        tw_free(policy);
        tw_free(kernels);
        return tw_fail_memory(error, 1, "a policy");
    }
    struct tw_examples_origin origin = {.label_count = job->labels.count - (job->unlabelled_class >= 0)};
    if (backbone) {
        origin.backbone = backbone->name;
        origin.backbone_digest = backbone->digest;
        origin.layer = backbone->layer;
        origin.policy_json = policy;
        origin.engine = tw_engine_identity(backbone->precision);
        origin.choices = kernels;
    } else if (manifest) {
        origin.backbone = manifest->backbone;
        origin.backbone_digest = manifest->backbone_digest;
        origin.layer = manifest->layer;
        origin.policy_json = manifest->policy_json;
        origin.engine = manifest->engine;
        origin.choices = manifest->choices;
    }
    const struct tw_example_set none = {0};
    const struct tw_examples_parts parts = {
        .run = job->options->output,
        .train = &job->train,
        .eval = job->options->folds ? &none : &job->eval,
        .labels = &job->labels,
        .origin = &origin,
        .datasets = {&job->dataset, &job->eval_dataset},
        .store = job->input.has_records ? NULL : &job->store,
    };
    enum tw_status status = describe_split(job, &origin, error);
    if (!status)
        status = tw_examples_folder_write(&parts, error);
    tw_free(origin.kept_on_eval);
    tw_free(origin.kept_on_train);
    tw_free(policy);
    tw_free(kernels);
    return status;
}

static enum tw_status write_report(struct tw_train_job *job, const struct tw_train_result *result,
                                   struct tw_error *error)
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
        .is_cross_validated = job->options->folds > 0,
        .backbone = job->backbone.graph ? &job->backbone : NULL,
        .records_backbone = job->manifest ? job->manifest->backbone : NULL,
        .recipe_json = job->recipe_json,
        .growth = tells_growth(job) && result->has_metrics ? &job->grown.growth : NULL,
        .calibration = &result->calibration,
        .curve = &result->curve,
        .head = &job->head,
        .held_out = job->held_out,
    };
    enum tw_status status = tw_example_set_digest(&job->train, &report.data_digest, error);
    return status ? status : tw_run_report_write(&report, error);
}

enum tw_status tw_train_write(struct tw_train_job *job, struct tw_train_result *result, struct tw_error *error)
{
    const char *output = job->options->output;
    char *labels = tw_uri_join(output, "labels.txt");
    enum tw_status status = labels ? tw_labels_write(labels, &job->labels, error) : tw_fail_memory(error, 1, "a path");
    tw_free(labels);
    if (!status)
        status = tw_train_write_audit(job, error);
    if (!status)
        status = write_evaluation(job, result, error);
    if (!status)
        status = write_examples(job, error);
    if (!status)
        status = write_report(job, result, error);
    return status ? status : write_model(job, result, error);
}
