/* Inner loops over blocks of channels, once for each kind of vector unit: AVX-512, AVX2, and what the compiler makes of vectors
 * of eight floats. All do the same operations in the same order; only fused multiplication and addition is not everywhere. */
#ifndef TW_ENGINE_VECTOR_KERNELS_H
#define TW_ENGINE_VECTOR_KERNELS_H

#include "engine/winograd/axis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `count` lines of vectors, each `points` long, to as many transformed lines. Steps are in floats: `step` from one vector of
 * a line to the next, `line` from one line to the next. */
struct vector_lines {
    const float *from;
    size_t from_step, from_line;
    float *to;
    size_t to_step, to_line;
    int count;
    /* The last pass to the outputs only: */
    int valid;         /* outputs of a line that are stored */
    const float *bias; /* a vector for each line; NULL: this is not the last pass */
    float least, most; /* nothing below or above is stored: 0 for ReLU, else infinities */
};
typedef void vector_transform(const struct winograd_axis *axis, const struct vector_lines *lines);

/* Sums of inputs times weights. a: [block of channels][tile][width], b: [block][width][columns * width] with columns 1 or 2.
 * A sum may be cut in parts: the bits are the same. */
struct vector_product {
    const float *a;
    size_t a_block;        /* floats from one block of channels to the next */
    const float *b, *next; /* as many weights are fetched from `next` meanwhile */
    float *c;
    bool adds;               /* to what c holds */
    size_t c_tile, c_column; /* floats from one tile, one column to the next */
    const float *bias;       /* [columns * width]; NULL: sums are stored as they are */
    const float *residual;   /* with `bias`: as c, added too; NULL: nothing */
    float least, most;       /* with `bias`: nothing below or above is stored */
    int tiles, blocks, columns;
};

/* Greatest or mean of windows, for one block of channels. */
struct vector_pool {
    const float *x;
    float *y;
    int in[2], out[2], kernel[2], stride[2], begin[2];
    bool is_mean;     /* else the greatest */
    bool counts_pads; /* the mean is of the whole kernel, not only of what lies in the image */
};

enum { VECTOR_COMBINED = 4 }; /* vectors of inputs that `descend` takes: as many sums hide what one takes */

/* One step of Adam on the weights from COMBINED vectors of inputs to `outputs`: [vector of inputs][pitch][width], and so the means. */
struct vector_descent {
    const float *lines;   /* [row of the batch][COMBINED * width]: the inputs */
    const size_t *counts; /* of each output: the rows with a gradient */
    const uint32_t *rows; /* [output][row_count]: which those are */
    const float *factors; /* [output][row_count]: the gradients */
    size_t row_count, outputs, pitch;
    float *weights, *mean, *square;
    float rate, epsilon, mean_share, square_share;
};

enum { VECTOR_CHAINS = 12 }; /* of `spin`: more than any unit's latency times its width */

struct vector_kernels {
    const char *name;
    int width; /* floats in a vector, channels in a block */
    int rows;  /* tiles at a time: what registers hold */
    void (*multiply)(const struct vector_product *product);
    /* `count` vectors, `from_step` and `to_step` floats apart; from NULL: zeros. */
    void (*copy)(const float *from, size_t from_step, float *to, size_t to_step, int count);
    void (*pool)(const struct vector_pool *pool);
    void (*descend)(const struct vector_descent *descent);
    /* `rounds` times CHAINS independent fused multiplications of vectors, and nothing else; returns their sum. */
    float (*spin)(int rounds);
    /* NULL where there is none. By (points - 4) / 2, and by (outputs - 2) / 2. */
    vector_transform *input[WINOGRAD_MAX_PAIRS];
    vector_transform *output[WINOGRAD_MAX_PAIRS][WINOGRAD_MAX_OUTPUTS / 2];
};
#ifdef __x86_64__
extern const struct vector_kernels vector_avx512, vector_avx2;
#endif
extern const struct vector_kernels vector_portable;
/* Those for blocks of `width` channels that this CPU can run; NULL: there are none. */
const struct vector_kernels *vector_kernels_for(int width);

#endif
