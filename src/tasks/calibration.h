/* Which grid of 256 steps holds the numbers that a value had on photos best. */
#ifndef TW_TASKS_CALIBRATION_H
#define TW_TASKS_CALIBRATION_H

#include "graph/quantise.h"

#include <stddef.h>
#include <stdint.h>

enum tw_calibration_method {
    TW_CALIBRATION_MINMAX,     /* from the least to the greatest number */
    TW_CALIBRATION_PERCENTILE, /* all but the outermost 0.005 % of numbers at each end */
    TW_CALIBRATION_MSE,        /* the range, of those inside the outermost, whose squared error is the least */
};
const char *tw_calibration_name(enum tw_calibration_method method);

enum { TW_CALIBRATION_BINS = 2048 };
/* Zero-initialise. First the extremes of all numbers are learnt, then their histogram between these. */
struct tw_calibration {
    float least, greatest; /* with 0, which every grid holds */
    uint64_t bins[TW_CALIBRATION_BINS], count;
};
void tw_calibration_widen(struct tw_calibration *calibration, const float *values, size_t count);
void tw_calibration_count(struct tw_calibration *calibration, const float *values, size_t count);
struct tw_grid tw_calibration_grid(const struct tw_calibration *calibration, enum tw_calibration_method method);

#endif
