/* Matrix products for head training. Row-major, f32. Fixed tiles in a fixed order, one library thread inside a tile, so
 * that the result has the same bits for any number of threads. */
#ifndef TW_ENGINE_GEMM_H
#define TW_ENGINE_GEMM_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_gemm {
    bool transposes_a, transposes_b;
    int64_t m, n, k;
    float alpha;
    const float *a;
    int64_t lda;
    const float *b;
    int64_t ldb;
    float beta;
    float *c;
    int64_t ldc;
};
/* c = alpha * op(a) * op(b) + beta * c, with op(a) m x k, op(b) k x n, k > 0. c is only written where beta is 0. */
enum tw_status tw_gemm_run(const struct tw_gemm *gemm, int threads, struct tw_error *error) TW_MUST_USE;

#endif
