/* How fast the workshop's hidden layer learns, beside the measured peak of this machine: the products with a batch, and Adam's step
 * against the gradient. Least of some runs.
 *   build/tests/tools/batch-layer [ROWS INPUTS OUTPUTS SHARE THREADS]    SHARE: of the rows in which an output is on */
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/batch_layer.h"
#include "engine/engine.h"
#include "engine/pages.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 300 };

struct bench {
    struct tw_batch_layer layer;
    struct tw_pages pages;
    struct tw_batch_step step;
    float *state, *out, *values, *factors;
    const float **lines;
    size_t *counts;
    uint32_t *rows;
    size_t active;
};

static bool fill(struct bench *b, double share)
{
    struct tw_batch_layer *l = &b->layer;
    struct tw_random random = {.seed = 1};
    b->state = tw_pages_take(&b->pages, 3 * l->size * sizeof *b->state);
    b->out = tw_alloc(l->outputs * l->stride, sizeof *b->out);
    b->values = tw_alloc(l->rows * l->inputs, sizeof *b->values);
    b->lines = tw_alloc(l->rows, sizeof *b->lines);
    b->factors = tw_alloc(l->rows * l->outputs, sizeof *b->factors);
    b->rows = tw_alloc(l->rows * l->outputs, sizeof *b->rows);
    b->counts = tw_alloc(l->outputs, sizeof *b->counts);
    if (!b->state || !b->out || !b->values || !b->lines || !b->factors || !b->rows || !b->counts)
        return false;
    for (size_t i = 0; i < 3 * l->size; i++)
        b->state[i] = (float)tw_random_unit(&random);
    for (size_t i = 0; i < l->rows * l->inputs; i++)
        b->values[i] = (float)tw_random_unit(&random);
    for (size_t i = 0; i < l->rows; i++)
        b->lines[i] = b->values + i * l->inputs;
    for (size_t output = 0; output < l->outputs; output++) {
        for (size_t row = 0; row < l->rows; row++) {
            if (tw_random_unit(&random) >= share)
                continue;
            size_t at = output * l->rows + b->counts[output]++;
            b->rows[at] = (uint32_t)row;
            b->factors[at] = (float)tw_random_normal(&random);
        }
        b->active += b->counts[output];
    }
    b->step = (struct tw_batch_step){1e-3f,
                                     1e-3f,
                                     0.1f,
                                     1e-3f,
                                     b->counts,
                                     b->rows,
                                     b->factors,
                                     b->state,
                                     b->state + l->size,
                                     b->state + 2 * l->size};
    return true;
}

static void show(const char *what, double seconds, double flop, double peak)
{
    printf("%-44s %7.3f ms, %6.1f GFLOP/s, %3.0f %% of the measured peak\n", what, seconds * 1e3, flop / seconds / 1e9,
           100 * flop / seconds / peak);
}

static bool run(struct bench *b, int threads, double peak)
{
    double forward = INFINITY, step = INFINITY, rows = INFINITY;
    double flop = 2.0 * (double)b->layer.inputs * (double)b->layer.outputs * (double)b->layer.rows;
    for (int i = 0; i < RUNS; i++) {
        double start = tw_clock_seconds();
        tw_batch_layer_set_rows(&b->layer, b->lines);
        double began = tw_clock_seconds();
        if (tw_batch_layer_forward(&b->layer, b->state, b->out, threads, NULL))
            return false;
        double middle = tw_clock_seconds();
        if (tw_batch_layer_step(&b->layer, &b->step, threads, NULL))
            return false;
        rows = fmin(rows, began - start);
        forward = fmin(forward, middle - began);
        step = fmin(step, tw_clock_seconds() - middle);
    }
    printf("%zu rows of %zu values, %zu outputs, %d threads\n", b->layer.rows, b->layer.inputs, b->layer.outputs,
           threads);
    printf("%-44s %7.3f ms\n", "taking the rows", rows * 1e3);
    show("product with the batch", forward, flop, peak);
    show("gradient where it is not 0, and Adam's step", step, 2.0 * (double)b->layer.inputs * (double)b->active, peak);
    return true;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    bool is_given = argc == 6;
    size_t rows = is_given ? strtoul(argv[1], NULL, 10) : 100, inputs = is_given ? strtoul(argv[2], NULL, 10) : 2048;
    size_t outputs = is_given ? strtoul(argv[3], NULL, 10) : 512;
    double share = is_given ? atof(argv[4]) : 0.25, peak;
    int threads = is_given ? atoi(argv[5]) : 1;
    if (tw_engine_peak(threads, TW_PRECISION_F32, &peak, NULL) ||
        tw_batch_layer_init(&b.layer, inputs, outputs, rows, NULL) || !fill(&b, share) || !run(&b, threads, peak))
        return 1;
    printf("peak, measured: %.1f GFLOP/s\n", peak / 1e9);
    tw_pages_release(&b.pages);
    tw_batch_layer_release(&b.layer);
    tw_free(b.out);
    tw_free(b.values);
    tw_free(b.lines);
    tw_free(b.factors);
    tw_free(b.rows);
    tw_free(b.counts);
    return 0;
}
