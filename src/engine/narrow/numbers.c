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

INLINE void add_body(const struct narrow_sum *sum, size_t count)
{
    const uint8_t *restrict a = sum->a, *restrict b = sum->b;
    uint8_t *restrict y = sum->y;
    int32_t a_turned = sum->a_grid.is_signed ? 128 : 0, b_turned = sum->b_grid.is_signed ? 128 : 0;
    int32_t a_zero = sum->a_grid.zero + a_turned, b_zero = sum->b_grid.zero + b_turned;
    float a_scale = sum->a_grid.scale, b_scale = sum->b_grid.scale, scale = sum->y_grid.scale;
    float zero = (float)sum->y_grid.zero, least = sum->least, most = sum->most;
    float low = sum->y_grid.is_signed ? -128 : 0, high = sum->y_grid.is_signed ? 127 : 255;
    for (size_t i = 0; i < count; i++) {
        float value = (float)((int32_t)(a[i] ^ a_turned) - a_zero) * a_scale +
                      (float)((int32_t)(b[i] ^ b_turned) - b_zero) * b_scale;
        value = value > least ? value : least;
        value = value < most ? value : most;
        y[i] = (uint8_t)on_grid(value, scale, zero, low, high);
    }
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
    static const struct narrow_kernels kind##_kernels = {quantise_##kind, dequantise_##kind, add_##kind,               \
                                                         sum_whole_##kind, sum_bf16_##kind};

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
