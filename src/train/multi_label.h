/* Rows with several labels: the score from which each counts, and what scores are worth then. */
#ifndef TW_TRAIN_MULTI_LABEL_H
#define TW_TRAIN_MULTI_LABEL_H

#include "train/calibration.h"
#include "train/metrics.h"

/* The threshold on the sigmoid of the logits that has the best F1 for class `index` on the rows that were held out; of equally
 * good ones the nearest to one half. One half too where fewer than five of them have the label. */
enum tw_status tw_threshold_choose(const struct tw_held_out *held_out, const float *logits, size_t index,
                                   float *threshold, struct tw_error *error) TW_MUST_USE;

/* Makes metrics of these rows those of a multi-label model: metrics->multi_label is filled, and precision, recall, F1 and counts
 * per class, macro F1 and log loss (the mean over labels of binary cross entropies) become those of labels whose score
 * reaches its threshold; their intervals are forgotten. Accuracy and confusion stay those of the best label. `thresholds`
 * (class_count) must outlive the metrics. */
enum tw_status tw_multi_label_measure(const struct tw_examples *examples, const float *scores, const float *thresholds,
                                      int64_t unlabelled_class, struct tw_metrics *metrics,
                                      struct tw_error *error) TW_MUST_USE;

#endif
