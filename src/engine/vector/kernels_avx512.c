#ifdef __x86_64__
#include <immintrin.h>

enum { WIDTH = 16 };
#define ROWS 14 /* times 2 vectors of sums, of 32 registers */
#define TARGET __attribute__((target("avx512f,avx512vl,avx512dq,fma")))
#define KERNELS vector_avx512
#define KERNELS_NAME "avx512"

typedef __m512 vec;
#define v_load(from) _mm512_loadu_ps(from)
#define v_store(to, x) _mm512_storeu_ps(to, x)
#define v_set(x) _mm512_set1_ps(x)
#define v_zero() _mm512_setzero_ps()
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_min(a, b) _mm512_min_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define v_div(a, b) _mm512_div_ps(a, b)
#define v_sqrt(a) _mm512_sqrt_ps(a)
#define v_prefetch(from) _mm_prefetch(from, _MM_HINT_T1)

#include "engine/vector/kernels_body.inc"
#endif
