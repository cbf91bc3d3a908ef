/* Temperature scaling (Guo et al. 2017) on the scores of rows that were held out. */
#ifndef TW_TRAIN_CALIBRATION_H
#define TW_TRAIN_CALIBRATION_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Logits of rows beside their targets; rows whose fold is TW_NEVER_HELD_OUT do not count. Borrowed. */
struct tw_held_out {
    const float *targets; /* count x classes */
    const uint8_t *folds; /* count */
    size_t count, classes;
    bool
        is_multi_label; /* targets are 0 or 1 each, logits are of sigmoids and stay as they are; the accuracy is of whole rows */
};
/* The temperature in [0.01, 100] with the least mean cross entropy of softmax(logits / temperature) to targets that are
 * smoothed by one part in rows + 2. */
double tw_temperature_fit(const struct tw_held_out *held_out, const float *logits);
/* logits become log(softmax(logits / temperature)). */
void tw_temperature_apply(const struct tw_held_out *held_out, double temperature, float *logits);

struct tw_judgement {
    double loss, accuracy; /* means over the rows that count */
};
struct tw_judgement tw_judge(const struct tw_held_out *held_out, const float *log_scores);
/* Mean over rows of a's loss less b's, and that mean's standard error. */
struct tw_difference {
    double mean, standard_error;
};
struct tw_difference tw_compare(const struct tw_held_out *held_out, const float *log_scores_a,
                                const float *log_scores_b);

#endif
