#include "engine/vector/rows.h"

#include "engine/isa.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Sums in as many lanes, put together in one order: the same for every unit. */
enum { LANES = 16 };

/* 2^n times a polynomial of the rest (Cephes' expf). What is no number stays none: callers see that a network overflowed. */
INLINE float exponential(float given)
{
    float x = given > -87.0F ? given : -87.0F;
    x = x < 88.0F ? x : 88.0F;
    float n = nearbyintf(x * 1.44269504F), r = x - n * 0.693359375F - n * -2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1;
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return given == given ? p * power : given;
}

INLINE float sigmoid(float x)
{
    return 1 / (1 + exponential(-x));
}

/* Abramowitz and Stegun, 7.1.26: within 1.5e-7. */
INLINE float error_function(float x)
{
    float a = fabsf(x), t = 1 / (1 + 0.3275911F * a);
    float p = ((((1.061405429F * t - 1.453152027F) * t + 1.421413741F) * t - 0.284496736F) * t + 0.254829592F) * t;
    return copysignf(1 - p * exponential(-a * a), x);
}

INLINE float hyperbolic_tangent(float x)
{
    return 2 * sigmoid(2 * x) - 1;
}

INLINE float hard_swish(float x)
{
    float gate = x / 6 + 0.5F;
    gate = gate > 0 ? gate : 0;
    return x * (gate < 1 ? gate : 1);
}

#define EACH(expression)                                                                                               \
    for (size_t i = 0; i < count; i++) {                                                                               \
        float x = y[i];                                                                                                \
        y[i] = (expression);                                                                                           \
    }                                                                                                                  \
    return

INLINE void activate_body(const struct row_activation *a, float *restrict y, size_t count)
{
    float alpha = a->alpha, beta = a->beta;
    switch (a->kind) {
    case TW_ACT_NONE:
        return;
    case TW_ACT_RELU:
        EACH(x > 0 ? x : 0);
    case TW_ACT_CLIP:
        EACH(x < alpha ? alpha : x > beta ? beta : x);
    case TW_ACT_LEAKY:
        EACH(x < 0 ? alpha * x : x);
    case TW_ACT_SIGMOID:
        EACH(sigmoid(x));
    case TW_ACT_SWISH:
        EACH(x * sigmoid(x));
    case TW_ACT_HARD_SWISH:
        EACH(hard_swish(x));
    case TW_ACT_GELU:
        EACH(0.5F * x * (1 + error_function(x * 0.70710678F)));
    case TW_ACT_TANH:
        EACH(hyperbolic_tangent(x));
    }
}

INLINE void finish_body(const struct row_activation *activation, const float *restrict bias,
                        const float *restrict residual, float *restrict y, size_t count)
{
    for (size_t i = 0; i < count && bias != NULL; i++)
        y[i] += bias[i];
    for (size_t i = 0; i < count && residual != NULL; i++)
        y[i] += residual[i];
    activate_body(activation, y, count);
}

INLINE float sum_of(const float *restrict x, size_t count)
{
    float lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += x[i + k];
    }
    for (size_t k = 0; i + k < count; k++)
        lanes[k] += x[i + k];
    for (size_t k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

INLINE void softmax_body(const float *restrict x, float *restrict y, size_t count)
{
    float greatest = -INFINITY;
    for (size_t i = 0; i < count; i++)
        greatest = x[i] > greatest ? x[i] : greatest;
    for (size_t i = 0; i < count; i++)
        y[i] = exponential(x[i] - greatest);
    float factor = 1 / sum_of(y, count);
    for (size_t i = 0; i < count; i++)
        y[i] *= factor;
}

INLINE void normalise_body(const struct row_norm *norm, const float *restrict x, float *restrict y, size_t count)
{
    const float *restrict scale = norm->scale, *restrict bias = norm->bias;
    float mean = sum_of(x, count) / (float)count;
    for (size_t i = 0; i < count; i++)
        y[i] = (x[i] - mean) * (x[i] - mean);
    float factor = 1 / sqrtf(sum_of(y, count) / (float)count + norm->epsilon);
    for (size_t i = 0; i < count; i++)
        y[i] = (x[i] - mean) * factor * scale[i];
    for (size_t i = 0; i < count && bias != NULL; i++)
        y[i] += bias[i];
}

INLINE void erf_body(const float *restrict x, float *restrict y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = error_function(x[i]);
}

#define KERNELS(kind, target)                                                                                          \
    target static void finish_##kind(const struct row_activation *activation, const float *bias,                       \
                                     const float *residual, float *y, size_t count)                                    \
    {                                                                                                                  \
        finish_body(activation, bias, residual, y, count);                                                             \
    }                                                                                                                  \
    target static void softmax_##kind(const float *x, float *y, size_t count)                                          \
    {                                                                                                                  \
        softmax_body(x, y, count);                                                                                     \
    }                                                                                                                  \
    target static void normalise_##kind(const struct row_norm *norm, const float *x, float *y, size_t count)           \
    {                                                                                                                  \
        normalise_body(norm, x, y, count);                                                                             \
    }                                                                                                                  \
    target static void erf_##kind(const float *x, float *y, size_t count)                                              \
    {                                                                                                                  \
        erf_body(x, y, count);                                                                                         \
    }                                                                                                                  \
    static const struct row_kernels kind##_kernels = {finish_##kind, softmax_##kind, normalise_##kind, erf_##kind};

KERNELS(portable, )
#ifdef __x86_64__
KERNELS(avx2, __attribute__((target("avx2"))))
KERNELS(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

const struct row_kernels *row_kernels_here(void)
{
#ifdef __x86_64__
    if (tw_isa_has_avx512())
        return &avx512_kernels;
    if (tw_isa_has_avx2())
        return &avx2_kernels;
#endif
    return &portable_kernels;
}
