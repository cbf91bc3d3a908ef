#include "train/multiply.h"

enum tw_status tw_multiply(const float *a, const float *b, size_t m, size_t n, size_t k, float *out, int threads,
                           struct tw_error *error)
{
    const struct tw_gemm product = {.m = (int64_t)m,
                                    .n = (int64_t)n,
                                    .k = (int64_t)k,
                                    .alpha = 1,
                                    .a = a,
                                    .lda = (int64_t)k,
                                    .b = b,
                                    .ldb = (int64_t)n,
                                    .c = out,
                                    .ldc = (int64_t)n};
    return tw_gemm_run(&product, threads, error);
}

enum tw_status tw_multiply_transposed(const float *a, const float *b, size_t m, size_t n, size_t k, float *out,
                                      int threads, struct tw_error *error)
{
    const struct tw_gemm product = {.transposes_a = true,
                                    .m = (int64_t)m,
                                    .n = (int64_t)n,
                                    .k = (int64_t)k,
                                    .alpha = 1,
                                    .a = a,
                                    .lda = (int64_t)m,
                                    .b = b,
                                    .ldb = (int64_t)n,
                                    .c = out,
                                    .ldc = (int64_t)n};
    return tw_gemm_run(&product, threads, error);
}
