/* Products of packed row-major matrices, the shape that solvers need. */
#ifndef TW_TRAIN_MULTIPLY_H
#define TW_TRAIN_MULTIPLY_H

#include "engine/gemm.h"

#include <stddef.h>

/* out (m x n) = a (m x k) * b (k x n). */
enum tw_status tw_multiply(const float *a, const float *b, size_t m, size_t n, size_t k, float *out, int threads,
                           struct tw_error *error) TW_MUST_USE;
/* out (m x n) = a (k x m) transposed * b (k x n). */
enum tw_status tw_multiply_transposed(const float *a, const float *b, size_t m, size_t n, size_t k, float *out,
                                      int threads, struct tw_error *error) TW_MUST_USE;

#endif
