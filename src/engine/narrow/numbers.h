/* Loops over bf16 numbers and over integers of eight bits with a grid: real = (q - zero) * scale. Each gives the bits that the
 * reference kernels of src/graph/ops/quantize.c give, save `round` and `add`. One set for each kind of vector unit, all with the same bits. */
#ifndef TW_ENGINE_NARROW_NUMBERS_H
#define TW_ENGINE_NARROW_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grid {
    float scale;
    int32_t zero;
    bool is_signed; /* s8, else u8 */
};

/* y = a + b, each on its grid, in numbers of 32 bits: as XNNPACK adds, so that TensorFlow Lite's networks get its bits. Off by
 * rounding what lies within 0.001 steps of halfway between two. */
struct narrow_sum {
    const uint8_t *a, *b;
    uint8_t *y;
    int32_t a_factor, b_factor, bias; /* a and b as unsigned bytes */
    uint8_t a_turn, b_turn;           /* what makes them so */
    int shift;
    int32_t zero, low, high; /* of y */
};
struct narrow_sum_grids {
    struct grid a, b, y;
    float least, most; /* y is not below or above */
};
/* False: the steps are of sizes that are too different. */
bool narrow_sum_init(struct narrow_sum *sum, const struct narrow_sum_grids *grids);

struct narrow_kernels {
    void (*quantise)(const float *x, size_t count, const struct grid *grid, uint8_t *q);
    void (*dequantise)(const uint8_t *q, size_t count, const struct grid *grid, float *x);
    /* Both at once, on floats all the way; by a product with the reciprocal: a number between two steps may fall elsewhere. */
    void (*round)(const float *x, size_t count, const struct grid *grid, float *y);
    void (*add)(const struct narrow_sum *sum, size_t count);
    /* Sums of `channels` numbers over `pixels` that lie one behind the other; exact for pixels < 2^23. */
    void (*sum_whole)(const uint8_t *x, size_t pixels, size_t channels, bool is_signed, int32_t *sums);
    void (*sum_bf16)(const uint16_t *x, size_t pixels, size_t channels, float *sums);
};
const struct narrow_kernels *narrow_kernels_here(void);

#endif
