#include "tasks/evaluate.h"

#include "base/memory.h"
#include "tasks/evaluation.h"
#include "tasks/example_set.h"
#include "tasks/model_scores.h"
#include "tasks/photos.h"
#include "train/multi_label.h"

#include <string.h>

static enum tw_status finish(const struct tw_examples *examples, const float *scores, int64_t unlabelled_class,
                             int threads, struct tw_evaluate_result *result, struct tw_error *error)
{
    const char *const *labels = (const char *const *)result->labels.names;
    size_t classes = result->labels.count;
    enum tw_status status = tw_metrics_compute(examples, scores, classes, unlabelled_class, &result->metrics, error);
    if (!status && result->metrics.count == 0)
        status = tw_fail(error, TW_CORRUPT, "the input holds nothing that has a label of the model's");
    if (!status)
        status = tw_metrics_complete(examples, scores, unlabelled_class, threads, &result->metrics, error);
    if (!status && result->thresholds)
        status =
            tw_multi_label_measure(examples, scores, result->thresholds, unlabelled_class, &result->metrics, error);
    if (!status)
        status = tw_outcomes_of(examples, scores, classes, unlabelled_class, &result->outcomes, &result->outcome_count,
                                error);
    return status ? status
                  : tw_predictions_csv(examples, scores, &result->metrics, labels, &result->predictions_csv, error);
}

/* Keys, labels and scores of the ok items, without embeddings. */
static enum tw_status evaluate_predictions(struct tw_predictions *predictions, int64_t unlabelled_class, int threads,
                                           struct tw_evaluate_result *result, struct tw_error *error)
{
    struct tw_example_set set = {0};
    size_t classes = predictions->labels.count;
    const float nothing = 0;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < predictions->items.count && !status; i++) {
        const struct tw_item *item = &predictions->items.items[i];
        if (item->status != TW_ITEM_OK)
            continue;
        memmove(predictions->scores + set.count * classes, predictions->scores + i * classes, classes * sizeof(float));
        status = tw_example_set_add(&set,
                                    &(struct tw_example_row){.key = item->uri,
                                                             .embedding = &nothing,
                                                             .width = 1,
                                                             .labels = item->labels,
                                                             .label_count = item->label_count},
                                    error);
    }
    if (!status)
        status = tw_photos_check_any(&predictions->items, error);
    struct tw_examples examples = tw_example_set_view(&set);
    result->labels = predictions->labels;
    result->thresholds = predictions->thresholds;
    predictions->thresholds = NULL;
    result->items = predictions->items;
    result->skipped = predictions->skipped;
    predictions->labels = (struct tw_labels){0};
    predictions->items = (struct tw_dataset){0};
    if (!status)
        status = finish(&examples, predictions->scores, unlabelled_class, threads, result, error);
    tw_example_set_release(&set);
    return status;
}

static enum tw_status evaluate_photos(const struct tw_predict_options *options, struct tw_evaluate_result *result,
                                      struct tw_error *error)
{
    struct tw_model model = {0};
    struct tw_backbone backbone = {0};
    struct tw_predictions predictions = {0};
    enum tw_status status = tw_predict_open(options, &model, &backbone, error);
    if (!status)
        status = tw_predict_list(options, &model.labels, &predictions.items, error);
    if (!status)
        status = tw_predict_items(options, &model, &predictions, error);
    if (!status)
        status = evaluate_predictions(&predictions, model.unlabelled_class, options->task.threads, result, error);
    tw_predictions_release(&predictions);
    tw_model_release(&model);
    tw_backbone_release(&backbone);
    return status;
}

/* Whether photos become tensors by one policy for the records and for the model; the text of either may be another writer's. */
static enum tw_status check_policy(const struct tw_model *model, const struct tw_manifest *manifest,
                                   struct tw_error *error)
{
    struct tw_image_policy theirs;
    enum tw_status status = tw_image_policy_from_json(manifest->policy_json, &theirs, error);
    if (status)
        return tw_fail_within(error, status, "the records' manifest");
    char *a = tw_image_policy_to_json(&theirs), *b = tw_image_policy_to_json(&model->policy);
    if (!a || !b)
        status = tw_fail_memory(error, 1, "a policy");
    else if (strcmp(a, b) != 0)
        status = tw_fail(error, TW_CONFLICT,
                         "the records' photos were read by another image policy (%s) than the model's (%s)", a, b);
    tw_free(a);
    tw_free(b);
    return status;
}

static enum tw_status check_origin(const struct tw_model *model, const struct tw_manifest *manifest,
                                   struct tw_error *error)
{
    const char *layer = tw_graph_property(model->graph, "topwork.layer");
    if (model->has_backbone_digest && !tw_digest_equal(&manifest->backbone_digest, &model->backbone_digest))
        return tw_fail(error, TW_CONFLICT, "the records were made by another backbone (%s) than the model's (%s)",
                       manifest->backbone, model->backbone_name ? model->backbone_name : "unnamed");
    if (layer && strcmp(layer, manifest->layer) != 0)
        return tw_fail(error, TW_CONFLICT, "the records are of layer %s of the backbone, the model is of %s",
                       manifest->layer, layer);
    return model->has_policy ? check_policy(model, manifest, error) : TW_OK;
}

/* Records must come from the network that the model was trained with; their label ids mean what their manifest, or the
 * model, says. */
static enum tw_status check_records(const struct tw_model *model, const struct tw_input *input,
                                    const struct tw_example_set *set, struct tw_error *error)
{
    const struct tw_manifest *manifest = input->manifest;
    if (set->width != model->embedding_size)
        return tw_fail(error, TW_CONFLICT, "the records' embeddings have %zu values, the model takes %zu", set->width,
                       model->embedding_size);
    enum tw_status status = manifest ? check_origin(model, manifest, error) : TW_OK;
    if (status)
        return status;
    for (size_t i = 0; manifest && i < manifest->label_count; i++) {
        if (i >= model->labels.count || strcmp(manifest->labels[i], model->labels.names[i]) != 0)
            return tw_fail(error, TW_CONFLICT, "label %zu is %s in the records and %s in the model", i,
                           manifest->labels[i], i < model->labels.count ? model->labels.names[i] : "absent");
    }
    if (set->greatest_label >= (int64_t)model->labels.count)
        return tw_fail(error, TW_CONFLICT, "the records hold label %lld, the model has %zu labels",
                       (long long)set->greatest_label, model->labels.count);
    return TW_OK;
}

static enum tw_status evaluate_records(const struct tw_predict_options *options, struct tw_input *input,
                                       struct tw_evaluate_result *result, struct tw_error *error)
{
    struct tw_model model = {0};
    struct tw_example_set set = {0};
    float *scores = NULL;
    if (tw_input_keep_eval(input))
        tw_log(options->task.sink, TW_LOG_INFO,
               "the records have a training side and an evaluation side: only the evaluation side is evaluated");
    enum tw_status status = tw_model_open(options->model, &model, error);
    if (!status)
        status = tw_example_set_from_records(input, 0, &options->task, &set, NULL, error);
    if (!status)
        status = tw_example_set_sort(&set, TW_ROWS_BY_KEY, error);
    if (!status)
        status = check_records(&model, input, &set, error);
    if (!status) {
        scores = tw_alloc(set.count * model.labels.count, sizeof *scores);
        status = scores ? tw_model_scores(&model, &set, &options->task, scores, error)
                        : tw_fail_memory(error, set.count * model.labels.count * sizeof *scores, "the scores");
    }
    struct tw_examples examples = tw_example_set_view(&set);
    result->labels = model.labels;
    result->thresholds = model.thresholds;
    model.thresholds = NULL;
    model.labels = (struct tw_labels){0};
    if (!status)
        status = finish(&examples, scores, model.unlabelled_class, options->task.threads, result, error);
    tw_free(scores);
    tw_example_set_release(&set);
    tw_model_release(&model);
    return status;
}

enum tw_status tw_evaluate(const struct tw_predict_options *options, struct tw_evaluate_result *result,
                           struct tw_error *error)
{
    struct tw_input input = {0};
    struct tw_evaluate_result made = {0};
    enum tw_status status = tw_input_classify(options->inputs, options->input_count, &input, error);
    if (!status)
        status = input.has_records ? evaluate_records(options, &input, &made, error)
                                   : evaluate_photos(options, &made, error);
    tw_input_release(&input);
    if (status) {
        tw_evaluate_result_release(&made);
        return status;
    }
    *result = made;
    return TW_OK;
}

void tw_evaluate_result_release(struct tw_evaluate_result *result)
{
    tw_metrics_release(&result->metrics);
    tw_labels_release(&result->labels);
    tw_free(result->thresholds);
    tw_buffer_release(&result->predictions_csv);
    tw_free(result->outcomes);
    tw_dataset_release(&result->items);
    *result = (struct tw_evaluate_result){0};
}

enum tw_status tw_compare_models(const struct tw_predict_options *options, const char *other,
                                 struct tw_compare_result *result, struct tw_error *error)
{
    struct tw_predict_options other_options = *options;
    struct tw_compare_result made = {0};
    other_options.model = other;
    enum tw_status status = tw_evaluate(options, &made.a, error);
    if (!status)
        status = tw_evaluate(&other_options, &made.b, error);
    /* Rows are in the order of the listing or of their keys for both; only what is left out could differ. */
    if (!status && made.a.outcome_count != made.b.outcome_count)
        status =
            tw_fail(error, TW_CONFLICT, "%s could be asked %zu of the examples and %s %zu: they cannot be compared",
                    options->model, made.a.outcome_count, other, made.b.outcome_count);
    if (!status)
        status = tw_compare_outcomes(made.a.outcomes, made.b.outcomes, made.a.outcome_count, options->task.threads,
                                     &made.comparison, error);
    if (status) {
        tw_compare_result_release(&made);
        return status;
    }
    *result = made;
    return TW_OK;
}

void tw_compare_result_release(struct tw_compare_result *result)
{
    tw_evaluate_result_release(&result->a);
    tw_evaluate_result_release(&result->b);
    *result = (struct tw_compare_result){0};
}
