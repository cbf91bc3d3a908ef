#include "train/adam.h"

#include "base/memory.h"
#include "base/threads.h"
#include "engine/combine.h"

#include <math.h>
#include <string.h>

/* Outputs that a thread takes at once. */
enum { OUTPUTS = 32 };
static const double beta1 = 0.9, beta2 = 0.999;

struct tw_adam tw_adam_at(size_t done, double learning_rate, double epsilon)
{
    double n = (double)(done + 1);
    return (struct tw_adam){
        .rate = (float)(learning_rate * sqrt(1 - pow(beta2, n)) / (1 - pow(beta1, n))),
        .epsilon = (float)epsilon,
    };
}

void tw_adam_apply(const struct tw_adam *adam, const float *restrict gradient, size_t count, float *restrict weights,
                   float *restrict mean, float *restrict square)
{
    const float rate = adam->rate, epsilon = adam->epsilon, new1 = 1 - (float)beta1, new2 = 1 - (float)beta2;
    for (size_t i = 0; i < count; i++) {
        mean[i] += (gradient[i] - mean[i]) * new1;
        square[i] += (gradient[i] * gradient[i] - square[i]) * new2;
        weights[i] -= rate * mean[i] / (sqrtf(square[i]) + epsilon);
    }
}

static size_t block_count(size_t inputs)
{
    return (inputs + TW_COMBINE_WIDTH - 1) / TW_COMBINE_WIDTH;
}

size_t tw_adam_packed_size(size_t rows, size_t inputs)
{
    return rows * block_count(inputs) * TW_COMBINE_WIDTH;
}

static size_t width_of(size_t block, size_t inputs)
{
    size_t left = inputs - block * TW_COMBINE_WIDTH;
    return left < TW_COMBINE_WIDTH ? left : TW_COMBINE_WIDTH;
}

void tw_adam_pack(const float *values, size_t row, size_t rows, size_t inputs, float *blocks)
{
    for (size_t block = 0; block < block_count(inputs); block++)
        memcpy(blocks + (block * rows + row) * TW_COMBINE_WIDTH, values + block * TW_COMBINE_WIDTH,
               width_of(block, inputs) * sizeof(float));
}

/* The rows in which an output has a gradient, and that gradient. */
struct active {
    size_t counts[OUTPUTS];
    uint32_t *indices; /* OUTPUTS x rows */
    float *factors;
};

struct run {
    const struct tw_adam_layer *layer;
    tw_combine *combine;
    struct active *workers;
};

static void find_active(const struct tw_adam_layer *layer, size_t first, size_t count, struct active *active)
{
    memset(active->counts, 0, sizeof active->counts);
    for (size_t row = 0; row < layer->rows; row++) {
        const float *back = layer->back + row * layer->outputs + first;
        for (size_t i = 0; i < count; i++) { /* written always, kept where it counts: no branch to guess wrong */
            size_t at = i * layer->rows + active->counts[i];
            active->indices[at] = (uint32_t)row;
            active->factors[at] = back[i];
            active->counts[i] += back[i] != 0;
        }
    }
}

static enum tw_status run_outputs(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct run *run = context;
    const struct tw_adam_layer *layer = run->layer;
    struct active *active = &run->workers[worker];
    size_t first = index * OUTPUTS, left = layer->outputs - first, count = left < OUTPUTS ? left : OUTPUTS;
    float gradient[TW_COMBINE_WIDTH];
    (void)error;
    find_active(layer, first, count, active);
    for (size_t i = 0; i < count; i++) {
        for (size_t block = 0; block < block_count(layer->inputs); block++) {
            const float *rows = layer->blocks + block * layer->rows * TW_COMBINE_WIDTH;
            size_t at = (first + i) * layer->inputs + block * TW_COMBINE_WIDTH, width = width_of(block, layer->inputs);
            run->combine(rows, active->indices + i * layer->rows, active->factors + i * layer->rows, active->counts[i],
                         gradient);
            tw_adam_apply(&layer->adam, gradient, width, layer->weights + at, layer->mean + at, layer->square + at);
        }
    }
    return TW_OK;
}

enum tw_status tw_adam_layer_run(const struct tw_adam_layer *layer, int threads, struct tw_error *error)
{
    size_t workers = threads < 1 ? 1 : (size_t)threads, tasks = (layer->outputs + OUTPUTS - 1) / OUTPUTS;
    if (workers > tasks)
        workers = tasks;
    struct active *active = tw_alloc(workers, sizeof *active);
    uint32_t *indices = tw_alloc(workers * OUTPUTS * layer->rows, sizeof *indices);
    float *factors = tw_alloc(workers * OUTPUTS * layer->rows, sizeof *factors);
    enum tw_status status = TW_OK;
    if (!active || !indices || !factors)
        status = tw_fail_memory(error, workers * OUTPUTS * layer->rows * sizeof *indices, "a step of training");
    for (size_t i = 0; i < workers && !status; i++) {
        active[i].indices = indices + i * OUTPUTS * layer->rows;
        active[i].factors = factors + i * OUTPUTS * layer->rows;
    }
    struct run run = {layer, tw_combine_choose(), active};
    if (!status)
        status = tw_parallel_for((int)workers, tasks, run_outputs, &run, error);
    tw_free(active);
    tw_free(indices);
    tw_free(factors);
    return status;
}
