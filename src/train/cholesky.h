/* Cholesky factors of symmetric positive definite matrices, f32, in fixed blocks over tw_gemm_run: the same bits for any
 * number of threads. Row-major throughout. */
#ifndef TW_TRAIN_CHOLESKY_H
#define TW_TRAIN_CHOLESKY_H

#include "base/status.h"

#include <stddef.h>

/* Zero-initialise; release accepts the zero state. */
struct tw_cholesky {
    size_t n;
    float *factor;   /* borrowed: n x n, L on and below the diagonal, 0 above */
    float *inverses; /* owned: of L's diagonal blocks */
    int threads;
};
/* Factors `matrix` (n x n, the lower half is read) in place: L Lt. Not positive definite in f32: TW_UNSUPPORTED. */
enum tw_status tw_cholesky_factor(float *matrix, size_t n, int threads, struct tw_cholesky *cholesky,
                                  struct tw_error *error) TW_MUST_USE;
void tw_cholesky_release(struct tw_cholesky *cholesky);
/* rows (n x columns) becomes the solution of L Lt x = rows, in place. */
enum tw_status tw_cholesky_solve(const struct tw_cholesky *cholesky, float *rows, size_t columns,
                                 struct tw_error *error) TW_MUST_USE;
/* Of Lt x = rows alone. */
enum tw_status tw_cholesky_solve_upper(const struct tw_cholesky *cholesky, float *rows, size_t columns,
                                       struct tw_error *error) TW_MUST_USE;

#endif
