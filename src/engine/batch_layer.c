#include "engine/batch_layer.h"

#include "base/memory.h"
#include "base/threads.h"
#include "engine/vector/kernels.h"

#include <string.h>

/* In a group: what a thread multiplies at once. Its weights, those of its next group and the batch stay in the second-level
 * cache; 14 and 6, the tiles of the kernels' products, divide it; and it is no power of two, whose multiples share cache lines. */
enum { OUTPUTS = 42 };

static size_t round_up(size_t count, size_t unit)
{
    return (count + unit - 1) / unit * unit;
}

enum tw_status tw_batch_layer_init(struct tw_batch_layer *layer, size_t inputs, size_t outputs, size_t rows,
                                   struct tw_error *error)
{
    const struct vector_kernels *wide = vector_kernels_for(16), *kernels = wide ? wide : vector_kernels_for(8);
    size_t width = (size_t)kernels->width, padded = round_up(inputs, VECTOR_COMBINED * width);
    struct tw_batch_layer made = {.inputs = inputs,
                                  .outputs = outputs,
                                  .rows = rows,
                                  .size = padded * round_up(outputs, OUTPUTS),
                                  .stride = round_up(rows, width),
                                  .block = width,
                                  .padded = padded,
                                  .kernels = kernels};
    made.columns = tw_alloc(padded * made.stride, sizeof *made.columns);
    made.lines = tw_alloc(padded * rows, sizeof *made.lines);
    if (!made.columns || !made.lines) {
        tw_batch_layer_release(&made);
        return tw_fail_memory(error, 2 * padded * rows * sizeof(float), "a batch");
    }
    *layer = made;
    return TW_OK;
}

void tw_batch_layer_release(struct tw_batch_layer *layer)
{
    tw_free(layer->columns);
    tw_free(layer->lines);
    *layer = (struct tw_batch_layer){0};
}

static size_t place_of(const struct tw_batch_layer *layer, size_t input, size_t output)
{
    return output / OUTPUTS * OUTPUTS * layer->padded + input / layer->block * layer->block * OUTPUTS +
           output % OUTPUTS * layer->block + input % layer->block;
}

void tw_batch_layer_pack(const struct tw_batch_layer *layer, const float *weights, float *blocks)
{
    memset(blocks, 0, layer->size * sizeof *blocks);
    for (size_t input = 0; input < layer->inputs; input++) {
        for (size_t output = 0; output < layer->outputs; output++)
            blocks[place_of(layer, input, output)] = weights[input * layer->outputs + output];
    }
}

void tw_batch_layer_unpack(const struct tw_batch_layer *layer, const float *blocks, float *weights)
{
    for (size_t input = 0; input < layer->inputs; input++) {
        for (size_t output = 0; output < layer->outputs; output++)
            weights[input * layer->outputs + output] = blocks[place_of(layer, input, output)];
    }
}

/* Rows lie in groups of two vectors, in the last one of one where that holds all: [group][input][rows of the group]. */
static size_t group_width(const struct tw_batch_layer *layer, size_t first)
{
    return layer->stride - first < 2 * layer->block ? layer->block : 2 * layer->block;
}

/* Inputs of which a thread moves the weights at once. */
static size_t strip_of(const struct tw_batch_layer *layer)
{
    return VECTOR_COMBINED * layer->block;
}

/* `count` inputs from `first` on of all rows: what is written stays in the first-level cache meanwhile. */
static void set_inputs(struct tw_batch_layer *layer, const float *const *rows, size_t first, size_t count)
{
    float *line = layer->lines + first * layer->rows;
    for (size_t row = 0; row < layer->rows; row++, line += strip_of(layer)) {
        size_t group = row / (2 * layer->block) * (2 * layer->block), width = group_width(layer, group);
        float *column = layer->columns + group * layer->padded + first * width + (row - group);
        const float *values = rows[row] + first;
        for (size_t i = 0; i < strip_of(layer); i += 16)
            __builtin_prefetch(values + strip_of(layer) + i); /* rows lie anywhere: nothing else foresees them */
        memcpy(line, values, count * sizeof *values);
        for (size_t i = 0; i < count; i++)
            column[i * width] = values[i];
    }
}

void tw_batch_layer_set_rows(struct tw_batch_layer *layer, const float *const *rows)
{
    for (size_t i = 0; i < layer->inputs; i += strip_of(layer)) {
        size_t left = layer->inputs - i;
        set_inputs(layer, rows, i, left < strip_of(layer) ? left : strip_of(layer));
    }
}

static size_t group_count(const struct tw_batch_layer *layer)
{
    return (layer->outputs + OUTPUTS - 1) / OUTPUTS;
}

static size_t outputs_of(const struct tw_batch_layer *layer, size_t group)
{
    size_t left = layer->outputs - group * OUTPUTS;
    return left < OUTPUTS ? left : OUTPUTS;
}

struct forward {
    const struct tw_batch_layer *layer;
    const float *weights;
    float *out;
    size_t threads;
};

static enum tw_status run_outputs(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct forward *f = context;
    const struct tw_batch_layer *layer = f->layer;
    size_t size = OUTPUTS * layer->padded, after = index + f->threads < group_count(layer) ? index + f->threads : index;
    (void)worker, (void)error;
    struct vector_product product = {.a = f->weights + index * size,
                                     .a_block = OUTPUTS * layer->block,
                                     .c_tile = layer->stride,
                                     .c_column = layer->block,
                                     .tiles = (int)outputs_of(layer, index),
                                     .blocks = (int)(layer->padded / layer->block)};
    for (size_t row = 0, ahead = 0; row < layer->stride; row += 2 * layer->block) {
        size_t fetched = group_width(layer, row) * layer->padded;
        product.next = f->weights + after * size + ahead;
        ahead = ahead + 2 * fetched <= size ? ahead + fetched : 0;
        product.b = layer->columns + row * layer->padded;
        product.c = f->out + index * OUTPUTS * layer->stride + row;
        product.columns = group_width(layer, row) > layer->block ? 2 : 1;
        layer->kernels->multiply(&product);
    }
    return TW_OK;
}

enum tw_status tw_batch_layer_forward(const struct tw_batch_layer *layer, const float *blocks, float *out, int threads,
                                      struct tw_error *error)
{
    const struct forward forward = {layer, blocks, out, threads > 0 ? (size_t)threads : 1};
    return tw_parallel_for(threads, group_count(layer), run_outputs, (void *)&forward, error);
}

struct descent {
    const struct tw_batch_layer *layer;
    const struct tw_batch_step *step;
};

static enum tw_status run_inputs(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct descent *d = context;
    const struct tw_batch_layer *layer = d->layer;
    const struct tw_batch_step *step = d->step;
    (void)worker, (void)error;
    struct vector_descent descent = {.lines = layer->lines + index * strip_of(layer) * layer->rows,
                                     .row_count = layer->rows,
                                     .pitch = OUTPUTS,
                                     .rate = step->rate,
                                     .epsilon = step->epsilon,
                                     .mean_share = step->mean_share,
                                     .square_share = step->square_share};
    for (size_t group = 0; group < group_count(layer); group++) {
        size_t first = group * OUTPUTS, at = first * layer->padded + index * strip_of(layer) * OUTPUTS;
        descent.outputs = outputs_of(layer, group);
        descent.counts = step->counts + first;
        descent.rows = step->rows + first * layer->rows;
        descent.factors = step->factors + first * layer->rows;
        descent.weights = step->weights + at;
        descent.mean = step->mean + at;
        descent.square = step->square + at;
        layer->kernels->descend(&descent);
    }
    return TW_OK;
}

enum tw_status tw_batch_layer_step(const struct tw_batch_layer *layer, const struct tw_batch_step *step, int threads,
                                   struct tw_error *error)
{
    const struct descent descent = {layer, step};
    return tw_parallel_for(threads, layer->padded / strip_of(layer), run_inputs, (void *)&descent, error);
}
