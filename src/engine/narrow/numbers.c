#include "engine/narrow/numbers.h"

#include "engine/isa.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* The quotient is one of f32, as in the reference: a tie decides by it. A number that is none becomes the least. */
INLINE int32_t on_grid(float x, float scale, float zero, float low, float high)
{
    float q = nearbyintf(x / scale) + zero;
    q = q > low ? q : low;
    q = q < high ? q : high;
    return (int32_t)q;
}

INLINE void quantise_body(const float *restrict x, size_t count, const struct grid *grid, uint8_t *restrict q)
{
    float scale = grid->scale, zero = (float)grid->zero;
    float low = grid->is_signed ? -128 : 0, high = grid->is_signed ? 127 : 255;
    for (size_t i = 0; i < count; i++)
        q[i] = (uint8_t)on_grid(x[i], scale, zero, low, high);
}

INLINE void dequantise_body(const uint8_t *restrict q, size_t count, const struct grid *grid, float *restrict x)
{
    /* A signed byte with its top bit turned is the number plus 128. */
    int32_t turned = grid->is_signed ? 128 : 0, zero = grid->zero + turned;
    float scale = grid->scale;
    for (size_t i = 0; i < count; i++)
        x[i] = (float)((int32_t)(q[i] ^ turned) - zero) * scale;
}

INLINE void round_body(const float *restrict x, size_t count, const struct grid *grid, float *restrict y)
{
    float scale = grid->scale, steps = 1 / scale, zero = (float)grid->zero;
    float low = (grid->is_signed ? -128 : 0) - zero, high = (grid->is_signed ? 127 : 255) - zero;
    for (size_t i = 0; i < count; i++) {
        float q = nearbyintf(x[i] * steps);
        q = q > low ? q : low;
        q = q < high ? q : high;
        y[i] = q * scale;
    }
}

INLINE void add_body(const struct narrow_sum *sum, size_t count)
{
    const uint8_t *restrict a = sum->a, *restrict b = sum->b;
    uint8_t *restrict y = sum->y;
    int32_t a_factor = sum->a_factor, b_factor = sum->b_factor, bias = sum->bias, zero = sum->zero;
    int32_t low = sum->low, high = sum->high;
    uint8_t a_turn = sum->a_turn, b_turn = sum->b_turn;
    int shift = sum->shift;
    for (size_t i = 0; i < count; i++) {
        int32_t value = bias + (int32_t)(a[i] ^ a_turn) * a_factor + (int32_t)(b[i] ^ b_turn) * b_factor;
        value = (value >> shift) + zero;
        value = value > low ? value : low;
        value = value < high ? value : high;
        y[i] = (uint8_t)value;
    }
}

/* A bound on y's grid: where rounding takes it, as it does what lies beyond. */
static int32_t bound(float value, const struct grid *grid, int32_t low, int32_t high)
{
    double q = nearbyint((double)value / (double)grid->scale) + grid->zero;
    return (int32_t)(q < low ? low : q > high ? high : q);
}

bool narrow_sum_init(struct narrow_sum *sum, const struct narrow_sum_grids *grids)
{
    enum { FACTOR_BITS = 20, LEAST_EXPONENT = -10, MOST_EXPONENT = 8 };
    float a = grids->a.scale / grids->y.scale, b = grids->b.scale / grids->y.scale;
    int exponent = ilogbf(a > b ? a : b);
    if (!isfinite(a) || !isfinite(b) || exponent < LEAST_EXPONENT || exponent >= MOST_EXPONENT)
        return false;
    int32_t low = grids->y.is_signed ? -128 : 0, high = grids->y.is_signed ? 127 : 255;
    int shift = FACTOR_BITS - exponent;
    *sum = (struct narrow_sum){
        .a_factor = (int32_t)lrintf(ldexpf(a, shift)),
        .b_factor = (int32_t)lrintf(ldexpf(b, shift)),
        .a_turn = grids->a.is_signed ? 0x80 : 0,
        .b_turn = grids->b.is_signed ? 0x80 : 0,
        .shift = shift,
        .zero = grids->y.zero,
        .low = bound(grids->least, &grids->y, low, high),
        .high = bound(grids->most, &grids->y, low, high),
    };
    int32_t a_zero = grids->a.zero + sum->a_turn, b_zero = grids->b.zero + sum->b_turn;
    sum->bias = (1 << (shift - 1)) - sum->a_factor * a_zero - sum->b_factor * b_zero;
    return true;
}

INLINE void sum_whole_body(const uint8_t *restrict x, size_t pixels, size_t channels, bool is_signed,
                           int32_t *restrict sums)
{
    int32_t turned = is_signed ? 128 : 0;
    memset(sums, 0, channels * sizeof *sums);
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < channels; c++)
            sums[c] += (int32_t)(x[i * channels + c] ^ turned) - turned;
    }
}

INLINE void sum_bf16_body(const uint16_t *restrict x, size_t pixels, size_t channels, float *restrict sums)
{
    memset(sums, 0, channels * sizeof *sums);
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < channels; c++) {
            uint32_t bits = (uint32_t)x[i * channels + c] << 16;
            float value;
            memcpy(&value, &bits, sizeof value);
            sums[c] += value;
        }
    }
}

#define KERNELS(kind, target)                                                                                          \
    target static void quantise_##kind(const float *x, size_t count, const struct grid *grid, uint8_t *q)              \
    {                                                                                                                  \
        quantise_body(x, count, grid, q);                                                                              \
    }                                                                                                                  \
    target static void dequantise_##kind(const uint8_t *q, size_t count, const struct grid *grid, float *x)            \
    {                                                                                                                  \
        dequantise_body(q, count, grid, x);                                                                            \
    }                                                                                                                  \
    target static void round_##kind(const float *x, size_t count, const struct grid *grid, float *y)                   \
    {                                                                                                                  \
        round_body(x, count, grid, y);                                                                                 \
    }                                                                                                                  \
    target static void add_##kind(const struct narrow_sum *sum, size_t count)                                          \
    {                                                                                                                  \
        add_body(sum, count);                                                                                          \
    }                                                                                                                  \
    target static void sum_whole_##kind(const uint8_t *x, size_t pixels, size_t channels, bool is_signed,              \
                                        int32_t *sums)                                                                 \
    {                                                                                                                  \
        sum_whole_body(x, pixels, channels, is_signed, sums);                                                          \
    }                                                                                                                  \
    target static void sum_bf16_##kind(const uint16_t *x, size_t pixels, size_t channels, float *sums)                 \
    {                                                                                                                  \
        sum_bf16_body(x, pixels, channels, sums);                                                                      \
    }                                                                                                                  \
    static const struct narrow_kernels kind##_kernels = {quantise_##kind, dequantise_##kind, round_##kind,             \
                                                         add_##kind,      sum_whole_##kind,  sum_bf16_##kind};

KERNELS(portable, )
#ifdef __x86_64__
KERNELS(avx2, __attribute__((target("avx2"))))
KERNELS(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

const struct narrow_kernels *narrow_kernels_here(void)
{
#ifdef __x86_64__
    if (tw_isa_has_avx512())
        return &avx512_kernels;
    if (tw_isa_has_avx2())
        return &avx2_kernels;
#endif
    return &portable_kernels;
}
