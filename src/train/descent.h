/* Descent by steps. One form serves all optimizers: mean += (g - mean) * mean_share, square += (g g - square) * square_share,
 * weight -= rate * mean / (sqrt(square) + epsilon), and before it weight *= kept.
 *
 * Adam (Kingma and Ba 2015) as TensorFlow has it: the rate is corrected for the means' start, epsilon is added to the uncorrected
 * root. AdamW (Loshchilov and Hutter 2019) lets weights decay apart from the gradient. SGD with momentum: `mean` is its velocity
 * times (1 - momentum), and the root is left out. */
#ifndef TW_TRAIN_DESCENT_H
#define TW_TRAIN_DESCENT_H

#include "base/status.h"

#include <stddef.h>

enum tw_optimizer { TW_OPTIMIZER_ADAM, TW_OPTIMIZER_ADAMW, TW_OPTIMIZER_SGD };
const char *tw_optimizer_name(enum tw_optimizer optimizer);
enum tw_schedule { TW_SCHEDULE_CONSTANT, TW_SCHEDULE_COSINE };
const char *tw_schedule_name(enum tw_schedule schedule);

struct tw_descent_options {
    enum tw_optimizer optimizer;
    double learning_rate;
    double epsilon;      /* Adam */
    double momentum;     /* SGD */
    double weight_decay; /* AdamW: share of a weight that goes in a step at a rate of 1 */
    enum tw_schedule schedule;
    size_t warm_up; /* steps in which the rate rises from 0 */
};
/* The learning rate of the step after `done` of `steps`. */
double tw_descent_rate(const struct tw_descent_options *options, size_t done, size_t steps);

struct tw_descent {
    float rate; /* of this step, corrected */
    float epsilon;
    float mean_share, square_share; /* of a new gradient in the running means */
    float kept;                     /* of a weight (not of a bias); 1: all */
};
struct tw_descent tw_descent_at(const struct tw_descent_options *options, size_t done, size_t steps);
/* Moves `count` weights and the running means of their gradients and of the squares. Leaves `kept` to the caller. */
void tw_descent_apply(const struct tw_descent *descent, const float *gradient, size_t count, float *weights,
                      float *mean, float *square);

#endif
