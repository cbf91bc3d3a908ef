/* What the scores of labelled rows say about a head. */
#ifndef TW_TRAIN_METRICS_H
#define TW_TRAIN_METRICS_H

#include "train/examples.h"

struct tw_class_metrics {
    size_t count;                 /* rows whose truth it is */
    size_t predicted;             /* rows that it was predicted for */
    double precision, recall, f1; /* NaN where not defined */
};
/* A row with several labels counts as right when the prediction is one of them; its truth in the confusion matrix is then
 * that label, else its first. Unlabelled rows have the truth `unlabelled_class`, or are left out when that is -1. */
struct tw_metrics {
    size_t class_count, count;
    int64_t unlabelled_class; /* as given */
    double accuracy, balanced_accuracy, macro_f1, log_loss;
    size_t *confusion; /* class_count x class_count: rows truth, columns prediction */
    struct tw_class_metrics *per_class;
};
enum tw_status tw_metrics_compute(const struct tw_examples *examples, const float *scores, size_t class_count,
                                  int64_t unlabelled_class, struct tw_metrics *metrics,
                                  struct tw_error *error) TW_MUST_USE;
void tw_metrics_release(struct tw_metrics *metrics);
size_t tw_argmax(const float *scores, size_t count); /* the lowest index of the greatest; NaN never wins */

#endif
