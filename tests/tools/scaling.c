/* For bench/scaling: what more cores bring, each measure on one thread and on THREADS in turn, in one process.
 *   scaling MODEL THREADS ROUNDS
 * Prints the best of all rounds: the rate of a bare loop of multiplications; images a second of as many runs as threads, each on one
 * (throughput); seconds of one image on all threads (latency). Then the ratios. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/threads.h"
#include "engine/engine.h"
#include "tasks/backbone.h"
#include "tasks/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 12, MOST_THREADS = 64 }; /* images of a thread in a round */

struct bench {
    struct tw_plan *plans[2]; /* one run on one thread; on all */
    struct tw_scratch *scratches[MOST_THREADS], *latency;
    float *output, *outputs[MOST_THREADS];
};

static enum tw_status run(void *context, size_t index, int worker, struct tw_error *error)
{
    struct bench *b = context;
    const float *input = tw_scratch_input(b->scratches[index], 0);
    enum tw_status status = TW_OK;
    (void)worker;
    for (int i = 0; i < IMAGES && status == TW_OK; i++)
        status = tw_plan_run(b->plans[0], b->scratches[index], &input, &b->outputs[index], error);
    return status;
}

static enum tw_status throughput(struct bench *b, int threads, double *rate, struct tw_error *error)
{
    double start = tw_clock_seconds();
    enum tw_status status = tw_parallel_for(threads, (size_t)threads, run, b, error);
    *rate = fmax(*rate, IMAGES * threads / (tw_clock_seconds() - start));
    return status;
}

static enum tw_status latency(struct bench *b, int which, double *seconds, struct tw_error *error)
{
    struct tw_scratch *scratch = which ? b->latency : b->scratches[0];
    const float *input = tw_scratch_input(scratch, 0);
    enum tw_status status = TW_OK;
    for (int i = 0; i < IMAGES && status == TW_OK; i++) {
        double start = tw_clock_seconds();
        status = tw_plan_run(b->plans[which], scratch, &input, &b->output, error);
        *seconds = fmin(*seconds, tw_clock_seconds() - start);
    }
    return status;
}

static enum tw_status prepare(struct bench *b, const struct tw_backbone *backbone, int threads, struct tw_error *error)
{
    struct tw_plan_options options = tw_plan_options_default;
    options.precision = backbone->precision;
    enum tw_status status = tw_plan_compile(backbone->graph, &options, &b->plans[0], error);
    options.threads_inside = threads;
    if (status == TW_OK)
        status = tw_plan_compile(backbone->graph, &options, &b->plans[1], error);
    if (status == TW_OK)
        status = tw_scratch_new(b->plans[1], &b->latency, error);
    for (int i = 0; i < threads && status == TW_OK; i++) {
        b->outputs[i] = b->output = tw_alloc(backbone->embedding_size, sizeof(float));
        status = b->output ? tw_scratch_new(b->plans[0], &b->scratches[i], error) : tw_fail_memory(error, 1, "outputs");
    }
    return status;
}

int main(int argc, char **argv)
{
    struct tw_error error = {0};
    struct tw_backbone backbone = {0};
    struct bench b = {0};
    int threads = argc == 4 ? atoi(argv[2]) : 0;
    if (threads < 2 || threads > MOST_THREADS)
        return 2;
    const struct tw_task_options task = {.backbone = argv[1]};
    double loop[2] = {0}, rate[2] = {0}, seconds[2] = {INFINITY, INFINITY};
    enum tw_status status = tw_backbone_open(&task, &backbone, &error);
    if (status == TW_OK)
        status = prepare(&b, &backbone, threads, &error);
    for (int i = 0; i < 2 * atoi(argv[3]) && status == TW_OK; i++) {
        double now = 0;
        int which = i % 2, count = which ? threads : 1;
        status = tw_engine_peak(count, TW_PRECISION_F32, &now, &error);
        loop[which] = fmax(loop[which], now);
        if (status == TW_OK)
            status = throughput(&b, count, &rate[which], &error);
        if (status == TW_OK)
            status = latency(&b, which, &seconds[which], &error);
    }
    if (status != TW_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 4;
    }
    printf("bare loop    %.1f to %.1f GFLOP/s: %.3f times\n", loop[0] * 1e-9, loop[1] * 1e-9, loop[1] / loop[0]);
    printf("throughput   %.2f to %.2f images/s: %.3f times, %.1f %% of the bare loop's\n", rate[0], rate[1],
           rate[1] / rate[0], rate[1] / rate[0] / (loop[1] / loop[0]) * 100);
    printf("one image    %.2f to %.2f ms: %.3f times as fast\n", seconds[0] * 1e3, seconds[1] * 1e3,
           seconds[0] / seconds[1]);
    printf("1 to %d threads; %s\n", threads, tw_engine_cpu());
    for (int i = 0; i < threads; i++) {
        tw_scratch_free(b.scratches[i]);
        tw_free(b.outputs[i]);
    }
    tw_scratch_free(b.latency);
    tw_plan_free(b.plans[0]);
    tw_plan_free(b.plans[1]);
    tw_backbone_release(&backbone);
    return 0;
}
