/* Loops over rows of floats: activations, softmax, layer normalisation. Once for each kind of vector unit; a row's bits hang on
 * nothing but the row and the unit. Within 3e-7 of the greatest number of a row of the reference's. */
#ifndef TW_ENGINE_VECTOR_ROWS_H
#define TW_ENGINE_VECTOR_ROWS_H

#include "graph/graph.h"

#include <stddef.h>

struct row_activation {
    enum tw_activation kind;
    float alpha, beta; /* as a node's */
};
struct row_norm {
    const float *scale, *bias; /* [count]; bias NULL: none */
    float epsilon;
};
struct row_kernels {
    /* y = activation(y + bias + residual); NULL: none. */
    void (*finish)(const struct row_activation *activation, const float *bias, const float *residual, float *y,
                   size_t count);
    void (*softmax)(const float *x, float *y, size_t count);
    void (*normalise)(const struct row_norm *norm, const float *x, float *y, size_t count);
    void (*erf)(const float *x, float *y, size_t count);
};
const struct row_kernels *row_kernels_here(void);

#endif
