/* Stride-1 convolutions by Winograd's way, in one dimension (1x7, 7x1, 1x3, 3x1) and in two (3x3, 5x5): fewer
 * multiplications than direct convolution for somewhat more rounding. With tiles of one output it is the same without the
 * transforms, of any stride: one product over all taps. Bias and bounds (ReLU)
 * are in it.
 *
 * Inputs and outputs lie in blocks of channels, [channels / width][height][width of the image][width], one image; channels
 * that do not fill the last block are zeros in and out. An output's bits depend on its inputs and the form only, never on
 * threads or on how tiles are split. */
#ifndef TW_ENGINE_WINOGRAD_WINOGRAD_H
#define TW_ENGINE_WINOGRAD_WINOGRAD_H

#include "base/status.h"
#include "engine/pages.h"
#include "engine/vector/kernels.h"

#include <stddef.h>

/* Index 0: height, 1: width. */
struct winograd_shape {
    int in_channels, out_channels;
    int in[2], out[2], kernel[2];
    int stride[2]; /* 1, but for tiles of 1 x 1 */
    int begin[2];  /* zeros before the input; those behind follow from the sizes */
    int tile[2];   /* outputs of a tile: F(tile, kernel); 1 where the kernel is 1. 1 x 1: direct, one product */
};
/* Whether there are kernels for it. */
bool winograd_has(const struct winograd_shape *shape);

struct winograd;
/* weights: [out][in][height][width] in C order, need not be aligned; bias: [out] or NULL. Both are copied, transformed.
 * `threads`: the most that a run uses. TW_UNSUPPORTED: winograd_has() is false. */
struct winograd_options {
    const struct vector_kernels *kernels;
    float least, most; /* what bounds the outputs: 0 and infinity for ReLU, infinities for nothing */
    int threads;
    struct tw_pages *pages; /* borrowed: where the weights go; outlives the convolution */
};
enum tw_status winograd_new(const struct winograd_shape *shape, const struct winograd_options *options,
                            const float *weights, const float *bias, struct winograd **winograd,
                            struct tw_error *error) TW_MUST_USE;
void winograd_free(struct winograd *winograd); /* NULL is fine */
size_t winograd_weight_bytes(const struct winograd *winograd);
size_t winograd_scratch_bytes(const struct winograd *winograd); /* of one run, 64-byte aligned */
struct winograd_io {
    const float *x;
    const float *residual; /* added before the bounds, laid out as y; NULL: nothing. Only for tiles of one output */
    float *y;
};
void winograd_run(const struct winograd *winograd, const struct winograd_io *io, void *scratch);

#endif
