/* Vectors that the compiler lowers to what the target has: two of SSE's or NEON's registers each. */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { WIDTH = 8 };
#define ROWS 6
#define TARGET
#define KERNELS vector_portable
#define KERNELS_NAME "portable"

typedef float vec __attribute__((vector_size(32)));
typedef int32_t mask __attribute__((vector_size(32)));

static inline vec v_load(const float *from)
{
    vec x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void v_store(float *to, vec x)
{
    memcpy(to, &x, sizeof x);
}

static inline vec v_min(vec a, vec b)
{
    mask is_less = a < b;
    return (vec)(((mask)a & is_less) | ((mask)b & ~is_less));
}

static inline vec v_max(vec a, vec b)
{
    mask is_greater = a > b;
    return (vec)(((mask)a & is_greater) | ((mask)b & ~is_greater));
}

static inline vec v_sqrt(vec x)
{
    for (int i = 0; i < WIDTH; i++)
        x[i] = sqrtf(x[i]);
    return x;
}

#define v_div(a, b) ((a) / (b))
#define v_set(x) ((vec){} + (x))
#define v_zero() ((vec){})
#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_mul(a, b) ((a) * (b))
#ifdef __aarch64__
#include <arm_neon.h>
static inline vec v_fma(vec a, vec b, vec c)
{
    float32x4_t *x = (float32x4_t *)&a, *y = (float32x4_t *)&b, *z = (float32x4_t *)&c;
    z[0] = vfmaq_f32(z[0], x[0], y[0]);
    z[1] = vfmaq_f32(z[1], x[1], y[1]);
    return c;
}
#define v_fnma(a, b, c) v_fma(-(a), b, c)
#else
#define v_fma(a, b, c) ((a) * (b) + (c))
#define v_fnma(a, b, c) ((c) - (a) * (b))
#endif
#define v_prefetch(from) __builtin_prefetch(from, 0, 2)

#include "engine/vector/kernels_body.inc"
