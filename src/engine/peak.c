#include "engine/engine.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/threads.h"
#include "engine/isa.h"
#include "engine/vector/kernels.h"
#include "engine/vector/spin.h"

#include <math.h>

enum { TRIES = 15 };
static const double some_milliseconds_of = 1e9; /* operations: what starting a thread costs does not show */

struct spinning {
    struct vector_spin spin;
    int rounds;
    float *sums; /* by thread: nothing may be left out as unused */
};

static enum tw_status spin(void *context, size_t index, int worker, struct tw_error *error)
{
    struct spinning *s = context;
    (void)worker, (void)error;
    s->sums[index] += s->spin.run(s->rounds);
    return TW_OK;
}

static struct vector_spin choose(enum tw_precision precision)
{
    const struct vector_kernels *kernels = vector_kernels_for(tw_isa_has_avx512() ? 16 : 8);
    struct vector_spin made = {kernels->spin, 2.0 * kernels->width * VECTOR_CHAINS};
    if (precision == TW_PRECISION_BF16 || precision == TW_PRECISION_INT8)
        (void)vector_spin_narrow(precision == TW_PRECISION_INT8, &made);
    return made;
}

enum tw_status tw_engine_peak(int threads, enum tw_precision precision, double *flops, struct tw_error *error)
{
    struct spinning spinning = {.spin = choose(precision), .sums = tw_alloc((size_t)threads, sizeof(float))};
    if (spinning.sums == NULL)
        return tw_fail_memory(error, (size_t)threads * sizeof(float), "measuring the peak");
    spinning.rounds = (int)(some_milliseconds_of / spinning.spin.operations) + 1;
    double least = INFINITY;
    enum tw_status status = TW_OK;
    for (int i = 0; i < TRIES && status == TW_OK; i++) {
        double start = tw_clock_seconds();
        status = tw_parallel_for(threads, (size_t)threads, spin, &spinning, error);
        least = fmin(least, tw_clock_seconds() - start);
    }
    tw_free(spinning.sums);
    if (status == TW_OK)
        *flops = spinning.spin.operations * spinning.rounds * threads / least;
    return status;
}
