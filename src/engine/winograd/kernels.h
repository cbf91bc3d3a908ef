/* The inner loops of winograd.c, once for each kind of vector unit: AVX-512, AVX2, and what the compiler makes of vectors of
 * eight floats. All do the same operations in the same order; only fused multiplication and addition is not everywhere. */
#ifndef TW_ENGINE_WINOGRAD_KERNELS_H
#define TW_ENGINE_WINOGRAD_KERNELS_H

#include "engine/winograd/axis.h"

#include <stddef.h>

/* `count` lines of vectors, each `points` long, to as many transformed lines. Steps are in floats: `step` from one vector of
 * a line to the next, `line` from one line to the next. */
struct winograd_lines {
    const float *from;
    size_t from_step, from_line;
    float *to;
    size_t to_step, to_line;
    int count;
    /* The last pass to the outputs only: */
    int valid;         /* outputs of a line that are stored */
    const float *bias; /* a vector for each line; NULL: this is not the last pass */
    float least;       /* nothing below it is stored: 0 for ReLU, else -infinity */
};
typedef void winograd_transform(const struct winograd_axis *axis, const struct winograd_lines *lines);

/* For one point: sums of transformed inputs times transformed weights.
 * a: [block][tile][width], b: [block][width][columns * width], c: [tile][columns * width]; columns 1 or 2. */
struct winograd_product {
    const float *a;
    size_t a_block; /* floats from one block of channels to the next */
    const float *b;
    float *c;
    int tiles, blocks, columns;
};

struct winograd_kernels {
    const char *name;
    int width; /* floats in a vector, channels in a block */
    int rows;  /* tiles at a time: what registers hold */
    void (*multiply)(const struct winograd_product *product);
    /* NULL where there is none. By (points - 4) / 2, and by (outputs - 2) / 2. */
    winograd_transform *input[WINOGRAD_MAX_PAIRS];
    winograd_transform *output[WINOGRAD_MAX_PAIRS][WINOGRAD_MAX_OUTPUTS / 2];
};
/* NULL where this CPU or DNNL_MAX_CPU_ISA does not have it: the caller decides by the width of the plan's blocks. */
extern const struct winograd_kernels winograd_avx512, winograd_avx2, winograd_portable;

#endif
