#include "train/cholesky.h"

#include "base/memory.h"
#include "engine/gemm.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 192 };

static size_t block_size(size_t n, size_t first)
{
    return n - first < BLOCK ? n - first : BLOCK;
}

/* The diagonal block, n wide, of a matrix with rows of `stride`. */
static bool factor_block(float *a, size_t stride, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            float sum = 0;
            for (size_t k = 0; k < j; k++)
                sum += a[i * stride + k] * a[j * stride + k];
            double value = (double)a[i * stride + j] - (double)sum;
            if (i != j)
                a[i * stride + j] = (float)(value / (double)a[j * stride + j]);
            else if (value > 0)
                a[i * stride + i] = (float)sqrt(value);
            else
                return false;
        }
    }
    return true;
}

/* inverse (n x n, rows of BLOCK) of the lower triangle. */
static void invert_block(const float *a, size_t stride, size_t n, float *inverse)
{
    memset(inverse, 0, (size_t)BLOCK * BLOCK * sizeof *inverse);
    for (size_t i = 0; i < n; i++) {
        float *row = inverse + i * BLOCK, own = 1 / a[i * stride + i];
        for (size_t k = 0; k < i; k++) {
            const float *other = inverse + k * BLOCK;
            float factor = a[i * stride + k] * own;
            for (size_t j = 0; j <= k; j++)
                row[j] -= factor * other[j];
        }
        row[i] = own;
    }
}

struct state {
    struct tw_cholesky *cholesky;
    float *panel; /* rows below the block, times the block's inverse */
};

/* What lies below the block in its columns. */
static enum tw_status update_panel(const struct state *s, size_t first, size_t size, struct tw_error *error)
{
    size_t n = s->cholesky->n, below = n - first - size;
    float *a = s->cholesky->factor + (first + size) * n + first;
    const struct tw_gemm product = {.transposes_b = true,
                                    .m = (int64_t)below,
                                    .n = (int64_t)size,
                                    .k = (int64_t)size,
                                    .alpha = 1,
                                    .a = a,
                                    .lda = (int64_t)n,
                                    .b = s->cholesky->inverses + first / BLOCK * BLOCK * BLOCK,
                                    .ldb = BLOCK,
                                    .c = s->panel,
                                    .ldc = (int64_t)size};
    enum tw_status status = tw_gemm_run(&product, s->cholesky->threads, error);
    for (size_t row = 0; row < below && status == TW_OK; row++)
        memcpy(a + row * n, s->panel + row * size, size * sizeof *a);
    return status;
}

/* What lies to the right of the block, column block by column block, from its diagonal down. */
static enum tw_status update_rest(const struct state *s, size_t first, size_t size, struct tw_error *error)
{
    size_t n = s->cholesky->n, start = first + size;
    enum tw_status status = TW_OK;
    for (size_t j = start; j < n && status == TW_OK; j += BLOCK) {
        const struct tw_gemm product = {.transposes_b = true,
                                        .m = (int64_t)(n - j),
                                        .n = (int64_t)block_size(n, j),
                                        .k = (int64_t)size,
                                        .alpha = -1,
                                        .a = s->panel + (j - start) * size,
                                        .lda = (int64_t)size,
                                        .b = s->panel + (j - start) * size,
                                        .ldb = (int64_t)size,
                                        .beta = 1,
                                        .c = s->cholesky->factor + j * n + j,
                                        .ldc = (int64_t)n};
        status = tw_gemm_run(&product, s->cholesky->threads, error);
    }
    return status;
}

enum tw_status tw_cholesky_factor(float *matrix, size_t n, int threads, struct tw_cholesky *cholesky,
                                  struct tw_error *error)
{
    struct tw_cholesky made = {.n = n, .factor = matrix, .threads = threads};
    struct state s = {.cholesky = &made, .panel = tw_alloc(n * BLOCK, sizeof(float))};
    enum tw_status status = TW_OK;
    made.inverses = tw_alloc((n + BLOCK - 1) / BLOCK * BLOCK, BLOCK * sizeof(float));
    if (s.panel == NULL || made.inverses == NULL)
        status = tw_fail_memory(error, 2 * n * BLOCK * sizeof(float), "a Cholesky factor");
    for (size_t i = 0; i < n && status == TW_OK; i += BLOCK) {
        size_t size = block_size(n, i);
        if (!factor_block(matrix + i * n + i, n, size)) {
            status = tw_fail(error, TW_UNSUPPORTED, "a matrix of %zu rows is not positive definite", n);
            break;
        }
        invert_block(matrix + i * n + i, n, size, made.inverses + i / BLOCK * BLOCK * BLOCK);
        status = update_panel(&s, i, size, error);
        if (status == TW_OK)
            status = update_rest(&s, i, size, error);
    }
    for (size_t i = 0; i < n && status == TW_OK; i++)
        memset(matrix + i * n + i + 1, 0, (n - i - 1) * sizeof *matrix);
    tw_free(s.panel);
    if (status != TW_OK) {
        tw_free(made.inverses);
        return status;
    }
    *cholesky = made;
    return TW_OK;
}

void tw_cholesky_release(struct tw_cholesky *cholesky)
{
    tw_free(cholesky->inverses);
    *cholesky = (struct tw_cholesky){0};
}

/* rows[first..] = inverse of the diagonal block (or of its transpose) * rows[first..], through `block`. */
static enum tw_status apply_inverse(const struct tw_cholesky *c, size_t first, bool is_transposed, float *rows,
                                    size_t columns, float *block, struct tw_error *error)
{
    size_t size = block_size(c->n, first);
    memcpy(block, rows + first * columns, size * columns * sizeof *block);
    const struct tw_gemm product = {.transposes_a = is_transposed,
                                    .m = (int64_t)size,
                                    .n = (int64_t)columns,
                                    .k = (int64_t)size,
                                    .alpha = 1,
                                    .a = c->inverses + first / BLOCK * BLOCK * BLOCK,
                                    .lda = BLOCK,
                                    .b = block,
                                    .ldb = (int64_t)columns,
                                    .c = rows + first * columns,
                                    .ldc = (int64_t)columns};
    return tw_gemm_run(&product, c->threads, error);
}

static enum tw_status solve_lower(const struct tw_cholesky *c, float *rows, size_t columns, float *block,
                                  struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < c->n && status == TW_OK; i += BLOCK) {
        const struct tw_gemm known = {.m = (int64_t)block_size(c->n, i),
                                      .n = (int64_t)columns,
                                      .k = (int64_t)i,
                                      .alpha = -1,
                                      .a = c->factor + i * c->n,
                                      .lda = (int64_t)c->n,
                                      .b = rows,
                                      .ldb = (int64_t)columns,
                                      .beta = 1,
                                      .c = rows + i * columns,
                                      .ldc = (int64_t)columns};
        if (i > 0)
            status = tw_gemm_run(&known, c->threads, error);
        if (status == TW_OK)
            status = apply_inverse(c, i, false, rows, columns, block, error);
    }
    return status;
}

static enum tw_status solve_upper(const struct tw_cholesky *c, float *rows, size_t columns, float *block,
                                  struct tw_error *error)
{
    enum tw_status status = TW_OK;
    size_t blocks = (c->n + BLOCK - 1) / BLOCK;
    for (size_t b = blocks; b > 0 && status == TW_OK; b--) {
        size_t i = (b - 1) * BLOCK, end = i + block_size(c->n, i);
        const struct tw_gemm known = {.transposes_a = true,
                                      .m = (int64_t)(end - i),
                                      .n = (int64_t)columns,
                                      .k = (int64_t)(c->n - end),
                                      .alpha = -1,
                                      .a = c->factor + end * c->n + i,
                                      .lda = (int64_t)c->n,
                                      .b = rows + end * columns,
                                      .ldb = (int64_t)columns,
                                      .beta = 1,
                                      .c = rows + i * columns,
                                      .ldc = (int64_t)columns};
        if (end < c->n)
            status = tw_gemm_run(&known, c->threads, error);
        if (status == TW_OK)
            status = apply_inverse(c, i, true, rows, columns, block, error);
    }
    return status;
}

enum tw_status tw_cholesky_solve(const struct tw_cholesky *cholesky, float *rows, size_t columns,
                                 struct tw_error *error)
{
    float *block = tw_alloc(columns, BLOCK * sizeof *block);
    if (block == NULL)
        return tw_fail_memory(error, columns * BLOCK * sizeof *block, "solving");
    enum tw_status status = solve_lower(cholesky, rows, columns, block, error);
    if (status == TW_OK)
        status = solve_upper(cholesky, rows, columns, block, error);
    tw_free(block);
    return status;
}

enum tw_status tw_cholesky_solve_upper(const struct tw_cholesky *cholesky, float *rows, size_t columns,
                                       struct tw_error *error)
{
    float *block = tw_alloc(columns, BLOCK * sizeof *block);
    if (block == NULL)
        return tw_fail_memory(error, columns * BLOCK * sizeof *block, "solving");
    enum tw_status status = solve_upper(cholesky, rows, columns, block, error);
    tw_free(block);
    return status;
}
