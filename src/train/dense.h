/* Dense layers forward, softmax, and what training shares of them. */
#ifndef TW_TRAIN_DENSE_H
#define TW_TRAIN_DENSE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum tw_layer_activation { TW_LAYER_LINEAR, TW_LAYER_RELU };

/* y = activation(x * weights + bias); weights are inputs x outputs, row-major. */
struct tw_layer {
    size_t inputs, outputs;
    float *weights, *bias;
    enum tw_layer_activation activation;
};

/* out (rows x outputs) = activation(in (rows x inputs) * weights + bias). */
enum tw_status tw_dense_forward(const struct tw_layer *layer, const float *in, size_t rows, float *out, int threads,
                                struct tw_error *error) TW_MUST_USE;
/* In place, each row on its own. */
void tw_softmax_rows(float *logits, size_t rows, size_t count);
/* Each value on its own, in place: 1 / (1 + exp(-x)). */
void tw_sigmoid_values(float *logits, size_t count);
/* The softmax's logarithms: finite for finite logits. */
void tw_log_softmax_rows(float *logits, size_t rows, size_t count);
/* Memory for the layer, zeroed, and Glorot's uniform weights from (seed, stream). */
enum tw_status tw_layer_init(struct tw_layer *layer, size_t inputs, size_t outputs, uint64_t seed, uint64_t stream,
                             struct tw_error *error) TW_MUST_USE;

#endif
