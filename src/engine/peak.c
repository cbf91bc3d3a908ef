#include "engine/engine.h"

#include "base/clock.h"
#include "base/threads.h"
#include "engine/onednn.h"
#include "engine/vector/kernels.h"

#include <math.h>

enum { ROUNDS = 2000000, TRIES = 15 }; /* some milliseconds: what starting a thread costs does not show */

struct spinning {
    const struct vector_kernels *kernels;
    float *sums; /* by thread: nothing may be left out as unused */
};

static enum tw_status spin(void *context, size_t index, int worker, struct tw_error *error)
{
    struct spinning *s = context;
    (void)worker, (void)error;
    s->sums[index] += s->kernels->spin(ROUNDS);
    return TW_OK;
}

enum tw_status tw_engine_peak(int threads, double *flops, struct tw_error *error)
{
    dnnl_memory_desc_t layout;
    const int64_t dims[] = {1, 16, 1, 1}; /* channels that fill any block: the width is that of plans */
    bool is_blocked = tw_onednn_blocked(dims, &layout);
    const struct vector_kernels *kernels =
        vector_kernels_for(is_blocked ? (int)layout.format_desc.blocking.inner_blks[0] : 8);
    struct spinning spinning = {kernels, tw_alloc((size_t)threads, sizeof(float))};
    if (spinning.sums == NULL)
        return tw_fail_memory(error, (size_t)threads * sizeof(float), "measuring the peak");
    double least = INFINITY;
    enum tw_status status = TW_OK;
    for (int i = 0; i < TRIES && status == TW_OK; i++) {
        double start = tw_clock_seconds();
        status = tw_parallel_for(threads, (size_t)threads, spin, &spinning, error);
        least = fmin(least, tw_clock_seconds() - start);
    }
    tw_free(spinning.sums);
    if (status == TW_OK)
        *flops = 2.0 * kernels->width * VECTOR_CHAINS * ROUNDS * threads / least;
    return status;
}
