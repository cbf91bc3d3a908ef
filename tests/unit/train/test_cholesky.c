#include "train/cholesky.h"

#include "train/blobs.h"

/* A of n rows = B Bt + I, with B of random numbers. */
static float *positive(size_t n)
{
    struct tw_random random = {.seed = 3, .stream = n};
    float *b = tw_alloc(n * n, sizeof *b), *a = tw_alloc(n * n, sizeof *a);
    for (size_t i = 0; i < n * n; i++)
        b[i] = (float)tw_random_normal(&random);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = i == j;
            for (size_t k = 0; k < n; k++)
                sum += (double)b[i * n + k] * (double)b[j * n + k] / (double)n;
            a[i * n + j] = (float)sum;
        }
    }
    tw_free(b);
    return a;
}

static void solutions_solve_the_system_across_block_borders(void **state)
{
    static const size_t sizes[] = {1, 5, 192, 193, 400};
    enum { COLUMNS = 3 };
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        float *a = positive(n), *factor = positive(n), x[400 * COLUMNS];
        struct tw_cholesky cholesky = {0};
        for (size_t i = 0; i < n * COLUMNS; i++)
            x[i] = (float)(i % 7) - 3;
        assert_int_equal(tw_cholesky_factor(factor, n, 2, &cholesky, NULL), TW_OK);
        assert_int_equal(tw_cholesky_solve(&cholesky, x, COLUMNS, NULL), TW_OK);
        for (size_t i = 0; i < n * COLUMNS; i++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += (double)a[i / COLUMNS * n + k] * (double)x[k * COLUMNS + i % COLUMNS];
            assert_true(fabs(sum - ((double)(i % 7) - 3)) < 2e-4);
        }
        tw_cholesky_release(&cholesky);
        tw_free(a);
        tw_free(factor);
    }
}

static void the_factor_times_its_transpose_is_the_matrix_and_solves_alone(void **state)
{
    enum { N = 250 };
    (void)state;
    float *a = positive(N), *factor = positive(N), x[N];
    struct tw_cholesky cholesky = {0};
    assert_int_equal(tw_cholesky_factor(factor, N, 1, &cholesky, NULL), TW_OK);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t k = 0; k < N; k++)
            sum += (double)factor[i * N + k] * (double)factor[(N - 1 - i) * N + k];
        assert_true(fabs(sum - (double)a[i * N + N - 1 - i]) < 1e-4);
        x[i] = (float)(i % 3);
    }
    assert_int_equal(tw_cholesky_solve_upper(&cholesky, x, 1, NULL), TW_OK);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t k = i; k < N; k++)
            sum += (double)factor[k * N + i] * (double)x[k];
        assert_true(fabs(sum - (double)(i % 3)) < 1e-4);
    }
    tw_cholesky_release(&cholesky);
    tw_free(a);
    tw_free(factor);
}

static void threads_change_no_bit(void **state)
{
    enum { N = 500 };
    (void)state;
    float *one = positive(N), *four = positive(N);
    struct tw_cholesky a = {0}, b = {0};
    assert_int_equal(tw_cholesky_factor(one, N, 1, &a, NULL), TW_OK);
    assert_int_equal(tw_cholesky_factor(four, N, 4, &b, NULL), TW_OK);
    assert_memory_equal(one, four, N * N * sizeof *one);
    tw_cholesky_release(&a);
    tw_cholesky_release(&b);
    tw_free(one);
    tw_free(four);
}

static void a_matrix_that_is_not_positive_definite_is_named(void **state)
{
    float matrix[] = {1, 2, 2, 1};
    struct tw_cholesky cholesky = {0};
    struct tw_error error = {0};
    (void)state;
    assert_int_equal(tw_cholesky_factor(matrix, 2, 1, &cholesky, &error), TW_UNSUPPORTED);
    assert_string_equal(error.text, "a matrix of 2 rows is not positive definite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_solve_the_system_across_block_borders),
        cmocka_unit_test(the_factor_times_its_transpose_is_the_matrix_and_solves_alone),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(a_matrix_that_is_not_positive_definite_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
