/* Pairs of the compiler's vectors of four floats, which SSE, NEON and others have. */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { WIDTH = 8 };
#ifdef __aarch64__
#define ROWS 6 /* times 2 vectors of two halves, of 32 registers */
#else
#define ROWS 2 /* of 16 registers */
#endif
#define TARGET
#define KERNELS vector_portable
#define KERNELS_NAME "portable"

typedef float half __attribute__((vector_size(16)));
typedef int32_t mask __attribute__((vector_size(16)));
typedef struct {
    half low, high;
} vec;

static inline vec v_load(const float *from)
{
    vec x;
    memcpy(&x.low, from, sizeof x.low);
    memcpy(&x.high, from + 4, sizeof x.high);
    return x;
}

static inline void v_store(float *to, vec x)
{
    memcpy(to, &x.low, sizeof x.low);
    memcpy(to + 4, &x.high, sizeof x.high);
}

/* `a` where the mask is set, else `b`. */
static inline half pick(mask where, half a, half b)
{
    return (half)(((mask)a & where) | ((mask)b & ~where));
}

static inline vec v_min(vec a, vec b)
{
    return (vec){pick(a.low < b.low, a.low, b.low), pick(a.high < b.high, a.high, b.high)};
}

static inline vec v_max(vec a, vec b)
{
    return (vec){pick(a.low > b.low, a.low, b.low), pick(a.high > b.high, a.high, b.high)};
}

static inline vec v_set(float x)
{
    return (vec){{x, x, x, x}, {x, x, x, x}};
}

static inline vec v_add(vec a, vec b)
{
    return (vec){a.low + b.low, a.high + b.high};
}

static inline vec v_sub(vec a, vec b)
{
    return (vec){a.low - b.low, a.high - b.high};
}

static inline vec v_mul(vec a, vec b)
{
    return (vec){a.low * b.low, a.high * b.high};
}

static inline vec v_div(vec a, vec b)
{
    return (vec){a.low / b.low, a.high / b.high};
}

static inline vec v_sqrt(vec x)
{
    for (int i = 0; i < 4; i++) {
        x.low[i] = sqrtf(x.low[i]);
        x.high[i] = sqrtf(x.high[i]);
    }
    return x;
}

#ifdef __aarch64__
#include <arm_neon.h>
static inline vec v_fma(vec a, vec b, vec c)
{
    return (vec){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

static inline vec v_fnma(vec a, vec b, vec c)
{
    return (vec){vfmsq_f32(c.low, a.low, b.low), vfmsq_f32(c.high, a.high, b.high)};
}
#else
static inline vec v_fma(vec a, vec b, vec c)
{
    return v_add(v_mul(a, b), c);
}

static inline vec v_fnma(vec a, vec b, vec c)
{
    return v_sub(c, v_mul(a, b));
}
#endif
#define v_zero() v_set(0)
#define v_prefetch(from) __builtin_prefetch(from, 0, 2)

#include "engine/vector/kernels_body.inc"
