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

/* Right sides lie transposed while they are solved (columns x n): few of them fill the library's wide tiles only so. */
struct sides {
    const struct tw_cholesky *cholesky;
    float *values; /* columns x n */
    float *block;  /* columns x BLOCK */
    size_t columns;
};

/* The block's part of the sides times the inverse of its diagonal block, transposed or not. */
static enum tw_status apply_inverse(const struct sides *s, size_t first, bool is_transposed, struct tw_error *error)
{
    size_t n = s->cholesky->n, size = block_size(n, first);
    for (size_t column = 0; column < s->columns; column++)
        memcpy(s->block + column * size, s->values + column * n + first, size * sizeof *s->block);
    const struct tw_gemm product = {.transposes_b = is_transposed,
                                    .m = (int64_t)s->columns,
                                    .n = (int64_t)size,
                                    .k = (int64_t)size,
                                    .alpha = 1,
                                    .a = s->block,
                                    .lda = (int64_t)size,
                                    .b = s->cholesky->inverses + first / BLOCK * BLOCK * BLOCK,
                                    .ldb = BLOCK,
                                    .c = s->values + first,
                                    .ldc = (int64_t)n};
    return tw_gemm_run(&product, s->cholesky->threads, error);
}

static enum tw_status solve_lower(const struct sides *s, struct tw_error *error)
{
    const struct tw_cholesky *c = s->cholesky;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < c->n && status == TW_OK; i += BLOCK) {
        const struct tw_gemm known = {.transposes_b = true,
                                      .m = (int64_t)s->columns,
                                      .n = (int64_t)block_size(c->n, i),
                                      .k = (int64_t)i,
                                      .alpha = -1,
                                      .a = s->values,
                                      .lda = (int64_t)c->n,
                                      .b = c->factor + i * c->n,
                                      .ldb = (int64_t)c->n,
                                      .beta = 1,
                                      .c = s->values + i,
                                      .ldc = (int64_t)c->n};
        if (i > 0)
            status = tw_gemm_run(&known, c->threads, error);
        if (status == TW_OK)
            status = apply_inverse(s, i, true, error);
    }
    return status;
}

static enum tw_status solve_upper(const struct sides *s, struct tw_error *error)
{
    const struct tw_cholesky *c = s->cholesky;
    enum tw_status status = TW_OK;
    for (size_t block = (c->n + BLOCK - 1) / BLOCK; block > 0 && status == TW_OK; block--) {
        size_t i = (block - 1) * BLOCK, end = i + block_size(c->n, i);
        const struct tw_gemm known = {.m = (int64_t)s->columns,
                                      .n = (int64_t)(end - i),
                                      .k = (int64_t)(c->n - end),
                                      .alpha = -1,
                                      .a = s->values + end,
                                      .lda = (int64_t)c->n,
                                      .b = c->factor + end * c->n + i,
                                      .ldb = (int64_t)c->n,
                                      .beta = 1,
                                      .c = s->values + i,
                                      .ldc = (int64_t)c->n};
        if (end < c->n)
            status = tw_gemm_run(&known, c->threads, error);
        if (status == TW_OK)
            status = apply_inverse(s, i, false, error);
    }
    return status;
}

static enum tw_status solve(const struct tw_cholesky *cholesky, bool is_whole, float *rows, size_t columns,
                            struct tw_error *error)
{
    size_t n = cholesky->n;
    struct sides s = {cholesky, tw_alloc(columns * (n + BLOCK), sizeof(float)), NULL, columns};
    if (s.values == NULL)
        return tw_fail_memory(error, columns * (n + BLOCK) * sizeof(float), "solving");
    s.block = s.values + columns * n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < columns; j++)
            s.values[j * n + i] = rows[i * columns + j];
    }
    enum tw_status status = is_whole ? solve_lower(&s, error) : TW_OK;
    if (status == TW_OK)
        status = solve_upper(&s, error);
    for (size_t i = 0; i < n && status == TW_OK; i++) {
        for (size_t j = 0; j < columns; j++)
            rows[i * columns + j] = s.values[j * n + i];
    }
    tw_free(s.values);
    return status;
}

enum tw_status tw_cholesky_solve(const struct tw_cholesky *cholesky, float *rows, size_t columns,
                                 struct tw_error *error)
{
    return solve(cholesky, true, rows, columns, error);
}

enum tw_status tw_cholesky_solve_upper(const struct tw_cholesky *cholesky, float *rows, size_t columns,
                                       struct tw_error *error)
{
    return solve(cholesky, false, rows, columns, error);
}
