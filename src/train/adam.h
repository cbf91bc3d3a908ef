/* Adam (Kingma and Ba 2015), in the form of TensorFlow: the rate is corrected for the means' start, epsilon is added to the
 * uncorrected root. */
#ifndef TW_TRAIN_ADAM_H
#define TW_TRAIN_ADAM_H

#include "base/status.h"

struct tw_adam {
    float rate; /* of this step, corrected */
    float epsilon;
    float mean_share, square_share; /* of a new gradient in the running means */
};
/* For the step after `done` of them. */
struct tw_adam tw_adam_at(size_t done, double learning_rate, double epsilon);
/* Moves `count` weights and the running means of their gradients and of the squares. */
void tw_adam_apply(const struct tw_adam *adam, const float *gradient, size_t count, float *weights, float *mean,
                   float *square);

#endif
