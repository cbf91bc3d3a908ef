/* `evaluate`: a model's metrics on labelled photos (through the whole model) or records (through its head). */
#ifndef TW_TASKS_EVALUATE_H
#define TW_TASKS_EVALUATE_H

#include "tasks/predict.h"
#include "train/metrics.h"

/* Zero-initialise; release accepts the zero state. */
struct tw_evaluate_result {
    struct tw_metrics metrics;
    struct tw_labels labels;
    struct tw_buffer predictions_csv;
    size_t skipped;
    struct tw_dataset items; /* photos only: names what was skipped */
};
enum tw_status tw_evaluate(const struct tw_predict_options *options, struct tw_evaluate_result *result,
                           struct tw_error *error) TW_MUST_USE;
void tw_evaluate_result_release(struct tw_evaluate_result *result);

#endif
