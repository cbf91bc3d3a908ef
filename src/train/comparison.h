/* Two models on the same rows: is one better, or is it luck? */
#ifndef TW_TRAIN_COMPARISON_H
#define TW_TRAIN_COMPARISON_H

#include "train/metrics.h"

#include <stdbool.h>

/* What one model did with one row. */
struct tw_outcome {
    bool is_right;
    double loss;
};
/* Of the rows that have a truth; The array is the caller's to tw_free. */
enum tw_status tw_outcomes_of(const struct tw_examples *examples, const float *scores, size_t class_count,
                              int64_t unlabelled_class, struct tw_outcome **outcomes, size_t *count,
                              struct tw_error *error) TW_MUST_USE;
struct tw_comparison {
    size_t count;
    size_t only_a, only_b; /* rows that only one of them gets right */
    double accuracy_a, accuracy_b, log_loss_a, log_loss_b;
    double p_value;                              /* McNemar's test, exact and two-sided; 1 where only_a + only_b is 0 */
    struct tw_interval accuracy_gain, loss_gain; /* of b over a, by paired bootstrap; positive: b is better */
    size_t resamples;
};
enum tw_status tw_compare_outcomes(const struct tw_outcome *a, const struct tw_outcome *b, size_t count, int threads,
                                   struct tw_comparison *comparison, struct tw_error *error) TW_MUST_USE;
/* Two-sided exact binomial test of `few` successes or fewer among few + many at one half. */
double tw_mcnemar_exact(size_t few, size_t many);

#endif
