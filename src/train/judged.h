/* Each evaluated row by itself, what every measure is made of, and the measures of weighted rows. */
#ifndef TW_TRAIN_JUDGED_H
#define TW_TRAIN_JUDGED_H

#include "train/metrics.h"

#include <stdbool.h>

struct tw_judged_row {
    size_t row; /* in the examples */
    uint32_t truth, prediction;
    uint32_t rank; /* labels with a better score than the best of the row's own */
    float confidence;
    double loss;
};
/* Zero-initialise; release accepts the zero state. */
struct tw_judged {
    size_t count, class_count;
    struct tw_judged_row *rows;
};
/* Rows that have a truth, in their order. */
enum tw_status tw_judged_make(const struct tw_examples *examples, const float *scores, size_t class_count,
                              int64_t unlabelled_class, struct tw_judged *judged, struct tw_error *error) TW_MUST_USE;
void tw_judged_release(struct tw_judged *judged);
bool tw_row_has_label(const struct tw_examples *examples, size_t row, size_t label, int64_t unlabelled_class);

/* Sums over rows, each counted weights[i] times (NULL: once), and the measures that they give. `classes` holds
 * class_count of them. */
struct tw_class_sums {
    double hits, truths, predicted;
};
/* Into measures (TW_MEASURES, mean average precision left NaN). */
void tw_judged_measure(const struct tw_judged *judged, const uint8_t *weights, struct tw_class_sums *classes,
                       double *measures);

/* The middle 95 % of values; NaNs are passed over, and where they are most, the interval is NaN. Sorts `values`. */
struct tw_interval tw_interval_of(double *values, size_t count);
/* How often each of `count` rows is drawn in the resample of this number; weights of 255 and more are 255. */
void tw_resample(uint64_t number, size_t count, uint8_t *weights);

#endif
