/* Accuracy over the number of examples that were learnt from, and what more of them would bring. */
#ifndef TW_TRAIN_LEARNING_CURVE_H
#define TW_TRAIN_LEARNING_CURVE_H

#include "base/log.h"
#include "train/metrics.h"

#include <stdbool.h>

enum { TW_MOST_CURVE_POINTS = 4 };

struct tw_curve_point {
    size_t rows;  /* learnt from, in the mean */
    size_t draws; /* in each fold */
    double accuracy;
    struct tw_interval interval;
};
/* Zero: there is none. */
struct tw_learning_curve {
    size_t point_count, rows; /* rows: of the whole training part */
    struct tw_curve_point points[TW_MOST_CURVE_POINTS];
    double floor, scale, exponent; /* error(n) = floor + scale * n^-exponent, fitted */
    double gain;                   /* of accuracy, from `rows` to twice as many, by that fit */
    struct tw_interval gain_interval;
};

/* Learns from rows whose roles[row] is 1 and sets is_right for all the others. */
typedef enum tw_status tw_curve_ask(void *context, const uint8_t *roles, bool *is_right, struct tw_error *error);
/* Borrowed. */
struct tw_curve_request {
    size_t count, class_count, fold_count;
    const size_t *classes; /* count */
    const uint8_t *folds;  /* count; TW_NEVER_HELD_OUT: always learnt from, never asked */
    const bool *is_right;  /* count: what heads said that learnt from all other folds; NULL: they are asked too */
    uint64_t seed;
    tw_curve_ask *ask;
    void *context;
    const struct tw_sink *sink;
};
/* Each row is asked at each size, by heads that learnt from a part of the other folds; parts are drawn anew in each fold, the
 * small ones several times. Intervals: rows and draws drawn again, and the law fitted again to each. Fewer than three sizes
 * that hold two rows a class: TW_OK and point_count 0. */
enum tw_status tw_learning_curve_make(const struct tw_curve_request *request, struct tw_learning_curve *curve,
                                      struct tw_error *error) TW_MUST_USE;

/* Errors (0 to 1) at sizes, to a law that falls: least squares over floor, scale >= 0 and exponent in [0.1, 1]. */
void tw_power_law_fit(const double *rows, const double *errors, size_t count, double *floor, double *scale,
                      double *exponent);

#endif
