/* `evaluate`: a model's metrics on labelled photos (through the whole model) or records (through its head). */
#ifndef TW_TASKS_EVALUATE_H
#define TW_TASKS_EVALUATE_H

#include "tasks/predict.h"
#include "train/comparison.h"

/* Zero-initialise; release accepts the zero state. */
struct tw_evaluate_result {
    struct tw_metrics metrics;
    struct tw_labels labels;
    float *thresholds; /* multi-label models; the metrics point to it */
    struct tw_buffer predictions_csv;
    struct tw_outcome *outcomes; /* outcome_count: of the rows that have a truth, in the order of their keys */
    size_t outcome_count;
    size_t skipped;
    struct tw_dataset items; /* photos only: names what was skipped */
};
enum tw_status tw_evaluate(const struct tw_predict_options *options, struct tw_evaluate_result *result,
                           struct tw_error *error) TW_MUST_USE;
/* The model of `options` (A) beside another one (B) on the same input. Zero-initialise; release accepts the zero state. */
struct tw_compare_result {
    struct tw_evaluate_result a, b;
    struct tw_comparison comparison;
};
enum tw_status tw_compare_models(const struct tw_predict_options *options, const char *other,
                                 struct tw_compare_result *result, struct tw_error *error) TW_MUST_USE;
void tw_compare_result_release(struct tw_compare_result *result);
void tw_evaluate_result_release(struct tw_evaluate_result *result);

#endif
