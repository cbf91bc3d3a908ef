#include "train/multiply.h"

#include "base/memory.h"

/* The library's tiles are wide: a product of fewer columns than this is computed as its transpose. */
enum { FEW_COLUMNS = 32 };

/* What is m x n * ... as n x m: `swapped` has its operands changed over. */
static enum tw_status multiply_narrow(struct tw_gemm product, float *out, int threads, struct tw_error *error)
{
    struct tw_gemm swapped = product;
    size_t m = (size_t)product.m, n = (size_t)product.n;
    float *turned = tw_alloc(m * n, sizeof *turned);
    if (turned == NULL)
        return tw_fail_memory(error, m * n * sizeof *turned, "a product");
    swapped.m = product.n, swapped.n = product.m;
    swapped.a = product.b, swapped.lda = product.ldb, swapped.transposes_a = !product.transposes_b;
    swapped.b = product.a, swapped.ldb = product.lda, swapped.transposes_b = !product.transposes_a;
    swapped.c = turned, swapped.ldc = product.m;
    enum tw_status status = tw_gemm_run(&swapped, threads, error);
    for (size_t i = 0; i < m && status == TW_OK; i++) {
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = turned[j * m + i];
    }
    tw_free(turned);
    return status;
}

static enum tw_status multiply(struct tw_gemm product, float *out, int threads, struct tw_error *error)
{
    product.alpha = 1;
    product.lda = product.transposes_a ? product.m : product.k;
    product.ldb = product.n;
    product.c = out;
    product.ldc = product.n;
    if (product.n < FEW_COLUMNS && product.m > product.n)
        return multiply_narrow(product, out, threads, error);
    return tw_gemm_run(&product, threads, error);
}

enum tw_status tw_multiply(const float *a, const float *b, size_t m, size_t n, size_t k, float *out, int threads,
                           struct tw_error *error)
{
    return multiply((struct tw_gemm){.m = (int64_t)m, .n = (int64_t)n, .k = (int64_t)k, .a = a, .b = b}, out, threads,
                    error);
}

enum tw_status tw_multiply_transposed(const float *a, const float *b, size_t m, size_t n, size_t k, float *out,
                                      int threads, struct tw_error *error)
{
    return multiply(
        (struct tw_gemm){.transposes_a = true, .m = (int64_t)m, .n = (int64_t)n, .k = (int64_t)k, .a = a, .b = b}, out,
        threads, error);
}
