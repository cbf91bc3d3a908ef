/* For bench/: how many images a second the engine alone takes, without photos. As many runs at a time as threads, each on one.
 *   measure MODEL f32|bf16|int8 THREADS BATCH SECONDS TENSORS     TENSORS: raw float32 inputs, one or more images
 * Prints images, wall seconds, CPU seconds. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/threads.h"
#include "engine/engine.h"
#include "storage/storage.h"
#include "tasks/backbone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct measure {
    struct tw_plan *plan;
    struct tw_scratch **scratches;
    float *input, **outputs;
    size_t *counts;
    int64_t batch;
    double end;
};

static enum tw_status run(void *context, size_t index, int worker, struct tw_error *error)
{
    struct measure *m = context;
    enum tw_status status = TW_OK;
    (void)worker;
    do {
        status = tw_plan_run(m->plan, m->scratches[index], (const float *const[]){m->input}, &m->outputs[index], error);
        m->counts[index] += (size_t)m->batch;
    } while (status == TW_OK && tw_clock_seconds() < m->end);
    return status;
}

static enum tw_status prepare(struct measure *m, struct tw_backbone *backbone, const char *path, size_t threads,
                              struct tw_error *error)
{
    const struct tw_plan_options options = {.batch = m->batch, .threads_inside = 1, .precision = backbone->precision};
    struct tw_buffer file = {0};
    enum tw_status status = tw_plan_compile(backbone->graph, &options, &m->plan, error);
    if (status == TW_OK)
        status = tw_storage_read(path, 1 << 30, &file, error);
    size_t image = (size_t)backbone->policy.width * (size_t)backbone->policy.height * 3 * sizeof(float);
    size_t have = file.size / image;
    m->input = tw_alloc_aligned(image * (size_t)m->batch);
    m->scratches = tw_alloc(threads, sizeof(struct tw_scratch *));
    m->outputs = tw_alloc(threads, sizeof(float *));
    m->counts = tw_alloc(threads, sizeof *m->counts);
    if (status == TW_OK && (have == 0 || !m->input || !m->scratches || !m->outputs || !m->counts))
        status = tw_fail(error, TW_INVALID, "%s holds no whole image, or there is no memory", path);
    for (size_t i = 0; i < (size_t)m->batch && status == TW_OK; i++)
        memcpy((uint8_t *)m->input + i * image, file.data + i % have * image, image);
    for (size_t i = 0; i < threads && status == TW_OK; i++) {
        status = tw_scratch_new(m->plan, &m->scratches[i], error);
        if (status == TW_OK && !(m->outputs[i] = tw_alloc(backbone->embedding_size * (size_t)m->batch, sizeof(float))))
            status = tw_fail_memory(error, 1, "an output");
    }
    tw_buffer_release(&file);
    return status;
}

int main(int argc, char **argv)
{
    static const char *const precisions[] = {"f32", "bf16", "int8"};
    struct tw_error error = {0};
    struct tw_backbone backbone = {0};
    if (argc != 7)
        return 2;
    struct measure m = {.batch = atoi(argv[4])};
    struct tw_task_options task = {.backbone = argv[1]};
    int threads = atoi(argv[3]);
    for (int i = 0; i < 3; i++)
        task.precision = strcmp(argv[2], precisions[i]) == 0 ? (enum tw_precision)i : task.precision;
    enum tw_status status = tw_backbone_open(&task, &backbone, &error);
    if (status == TW_OK)
        status = prepare(&m, &backbone, argv[6], (size_t)threads, &error);
    if (status == TW_OK)
        status = tw_parallel_for(threads, (size_t)threads, run, &m, &error); /* once: what is made at the first run */
    memset(m.counts, 0, status == TW_OK ? (size_t)threads * sizeof *m.counts : 0);
    double start = tw_clock_seconds(), cpu = (double)clock() / CLOCKS_PER_SEC;
    m.end = start + atof(argv[5]);
    if (status == TW_OK)
        status = tw_parallel_for(threads, (size_t)threads, run, &m, &error);
    if (status != TW_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 4;
    }
    double seconds = tw_clock_seconds() - start, spent = (double)clock() / CLOCKS_PER_SEC - cpu;
    size_t images = 0;
    for (int i = 0; i < threads; i++) {
        images += m.counts[i];
        tw_scratch_free(m.scratches[i]);
        tw_free(m.outputs[i]);
    }
    printf("%zu %.6f %.6f\n", images, seconds, spent);
    tw_plan_free(m.plan);
    tw_backbone_release(&backbone);
    tw_free(m.scratches);
    tw_free(m.outputs);
    tw_free(m.counts);
    tw_free(m.input);
    return 0;
}
