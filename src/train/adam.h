/* Adam (Kingma and Ba 2015), in the form of TensorFlow: the rate is corrected for the means' start, epsilon is added to the
 * uncorrected root. */
#ifndef TW_TRAIN_ADAM_H
#define TW_TRAIN_ADAM_H

#include "base/status.h"

struct tw_adam {
    float rate; /* of this step, corrected */
    float epsilon;
};
/* For the step after `done` of them. */
struct tw_adam tw_adam_at(size_t done, double learning_rate, double epsilon);
/* Moves `count` weights and the running means of their gradients and of the squares. */
void tw_adam_apply(const struct tw_adam *adam, const float *gradient, size_t count, float *weights, float *mean,
                   float *square);

/* A dense layer with few outputs at work in each row (ReLU and dropout switch most of them off): its weights' gradient and
 * Adam's step in one pass. Borrowed. */
struct tw_adam_layer {
    struct tw_adam adam;
    size_t rows, inputs, outputs;
    const float *blocks;            /* the inputs, as tw_adam_pack lays them out */
    const float *back;              /* rows x outputs: the gradient at the outputs; what is 0 costs nothing */
    float *weights, *mean, *square; /* outputs x inputs */
};
/* Floats that the packed inputs take: blocks of TW_COMBINE_WIDTH columns, the last one filled up. */
size_t tw_adam_packed_size(size_t rows, size_t inputs);
/* Row `row` of `rows` into its places. `blocks` was zeroed once. */
void tw_adam_pack(const float *values, size_t row, size_t rows, size_t inputs, float *blocks);
/* Same bits for any thread count. */
enum tw_status tw_adam_layer_run(const struct tw_adam_layer *layer, int threads, struct tw_error *error) TW_MUST_USE;

#endif
