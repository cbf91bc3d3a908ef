#include "engine/gemm.h"

#include "engine/against.h"

/* In double, in the plainest order: the specification. */
static void plain(const struct tw_gemm *g, float *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < g->k; p++)
                sum += (double)g->a[g->transposes_a ? p * g->lda + i : i * g->lda + p] *
                       (double)g->b[g->transposes_b ? j * g->ldb + p : p * g->ldb + j];
            float *to = &c[i * g->ldc + j];
            *to = (float)((double)g->alpha * sum + (g->beta != 0 ? (double)g->beta * (double)*to : 0));
        }
    }
}

static float *numbers(size_t count, uint64_t stream)
{
    float *values = tw_alloc(count, sizeof *values);
    assert_non_null(values);
    against_fill(values, count, stream);
    return values;
}

static void products_equal_the_plain_loop_at_any_thread_count(void **state)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {128, 256, 64}, {129, 257, 33}, {300, 600, 100}, {5, 700, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes * 4; i++) {
        const int64_t *size = sizes[i / 4], m = size[0], n = size[1], k = size[2];
        size_t count = (size_t)(m * (n + 3));
        float *a = numbers((size_t)(m * k), 1), *b = numbers((size_t)(k * n), 2);
        float *expected = numbers(count, 3), *one = numbers(count, 3), *two = numbers(count, 3);
        struct tw_gemm gemm = {.transposes_a = (i & 1) != 0, .transposes_b = (i & 2) != 0, .m = m, .n = n, .k = k};
        gemm.alpha = 0.5f, gemm.beta = i % 3 == 0 ? 0 : 0.25f;
        gemm.a = a, gemm.b = b, gemm.ldc = n + 3;
        gemm.lda = gemm.transposes_a ? m : k, gemm.ldb = gemm.transposes_b ? k : n;
        plain(&gemm, expected);
        gemm.c = one;
        assert_int_equal(tw_gemm_run(&gemm, 1, NULL), TW_OK);
        gemm.c = two;
        assert_int_equal(tw_gemm_run(&gemm, 3, NULL), TW_OK);
        against_same("gemm", one, expected, count);
        assert_memory_equal(one, two, count * sizeof(float));
        against_free((float *[]){a, b, expected, one, two}, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_the_plain_loop_at_any_thread_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
