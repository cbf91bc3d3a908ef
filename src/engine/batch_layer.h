/* A large dense layer that learns by batches. Its weights lie in blocks, so that the product with a batch and Adam's step against
 * the gradient both run at the vector units' speed: [group of outputs][block of inputs][output][input], a block as wide as a
 * vector of the CPU; what fills up is 0 and stays so. */
#ifndef TW_ENGINE_BATCH_LAYER_H
#define TW_ENGINE_BATCH_LAYER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct vector_kernels;
/* Zero-initialise; release accepts the zero state. */
struct tw_batch_layer {
    size_t inputs, outputs, rows; /* rows: of a batch */
    size_t size;                  /* floats that the weights take, and as many each of Adam's means */
    size_t stride;                /* floats from one output to the next in what forward gives: rows, filled up */
    size_t block;                 /* inputs in a block: weights of another width have another layout */
    size_t padded;                /* inputs, filled up */
    const struct vector_kernels *kernels;
    float *columns, *lines; /* owned: the batch as the product, and as the gradient take it */
};
enum tw_status tw_batch_layer_init(struct tw_batch_layer *layer, size_t inputs, size_t outputs, size_t rows,
                                   struct tw_error *error) TW_MUST_USE;
void tw_batch_layer_release(struct tw_batch_layer *layer);

/* Between inputs x outputs, as other layers have their weights, and blocks. */
void tw_batch_layer_pack(const struct tw_batch_layer *layer, const float *weights, float *blocks);
void tw_batch_layer_unpack(const struct tw_batch_layer *layer, const float *blocks, float *weights);
/* The batch: a pointer to each row's inputs. */
void tw_batch_layer_set_rows(struct tw_batch_layer *layer, const float *const *rows);
/* out (outputs x stride) = the batch times the weights, an output's rows side by side; what fills up is 0 * weights. */
enum tw_status tw_batch_layer_forward(const struct tw_batch_layer *layer, const float *blocks, float *out, int threads,
                                      struct tw_error *error) TW_MUST_USE;

/* One step of Adam: mean += (g - mean) * mean_share, square += (g g - square) * square_share, weight -= rate * mean /
 * (sqrt(square) + epsilon). The gradient at the outputs is given by the rows in which it is not 0: ReLU and dropout switch
 * most of them off, and those cost nothing. Borrowed. */
struct tw_batch_step {
    float rate, epsilon, mean_share, square_share;
    const size_t *counts; /* outputs: rows of each */
    const uint32_t *rows; /* outputs x the batch's rows: the first counts[i] of line i */
    const float *factors; /* the gradients there */
    float *weights, *mean, *square;
};
/* Same bits for any thread count. */
enum tw_status tw_batch_layer_step(const struct tw_batch_layer *layer, const struct tw_batch_step *step, int threads,
                                   struct tw_error *error) TW_MUST_USE;

#endif
