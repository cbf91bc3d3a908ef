#ifdef __x86_64__
#include <immintrin.h>

enum { WIDTH = 8 };
#define ROWS 6 /* times 2 vectors of sums, of 16 registers */
#define TARGET __attribute__((target("avx2,fma")))
#define KERNELS vector_avx2
#define KERNELS_NAME "avx2"

typedef __m256 vec;
#define v_load(from) _mm256_loadu_ps(from)
#define v_store(to, x) _mm256_storeu_ps(to, x)
#define v_set(x) _mm256_set1_ps(x)
#define v_zero() _mm256_setzero_ps()
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_min(a, b) _mm256_min_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_sqrt(a) _mm256_sqrt_ps(a)
#define v_prefetch(from) _mm_prefetch(from, _MM_HINT_T1)

#include "engine/vector/kernels_body.inc"
#endif
