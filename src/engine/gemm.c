#include "engine/gemm.h"

#include "base/threads.h"

#include <assert.h>
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>

/* Tiles of the result, each one library call on one thread: which thread takes it and how many there are changes nothing. */
enum { TILE_ROWS = 128, TILE_COLUMNS = 256 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static enum tw_status run_tile(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct tw_gemm *g = context;
    int64_t across = (g->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    int64_t i = (int64_t)index / across * TILE_ROWS, j = (int64_t)index % across * TILE_COLUMNS;
    const float *a = g->a + (g->transposes_a ? i : i * g->lda), *b = g->b + (g->transposes_b ? j * g->ldb : j);
    (void)worker;
    int inside = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_status_t status = dnnl_sgemm(g->transposes_a ? 'T' : 'N', g->transposes_b ? 'T' : 'N',
                                      least(TILE_ROWS, g->m - i), least(TILE_COLUMNS, g->n - j), g->k, g->alpha, a,
                                      g->lda, b, g->ldb, g->beta, g->c + i * g->ldc + j, g->ldc);
    omp_set_num_threads(inside);
    if (status != dnnl_success)
        return tw_fail(error, status == dnnl_out_of_memory ? TW_NO_MEMORY : TW_UNSUPPORTED,
                       "a matrix product of %lld x %lld x %lld failed (oneDNN status %d)", (long long)g->m,
                       (long long)g->n, (long long)g->k, (int)status);
    return TW_OK;
}

enum tw_status tw_gemm_run(const struct tw_gemm *gemm, int threads, struct tw_error *error)
{
    assert(gemm->k > 0);
    if (gemm->m == 0 || gemm->n == 0)
        return TW_OK;
    int64_t down = (gemm->m + TILE_ROWS - 1) / TILE_ROWS, across = (gemm->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    return tw_parallel_for(threads, (size_t)(down * across), run_tile, (void *)gemm, error);
}
