#include "train/comparison.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Values of the binomial distribution, summed by hand. */
static void exact_test_has_the_binomial_tail(void **state)
{
    (void)state;
    assert_true(fabs(tw_mcnemar_exact(0, 0) - 1) < 1e-12);
    assert_true(fabs(tw_mcnemar_exact(0, 5) - 2 / 32.0) < 1e-12);
    assert_true(fabs(tw_mcnemar_exact(5, 0) - 2 / 32.0) < 1e-12);
    assert_true(fabs(tw_mcnemar_exact(1, 5) - (2 * (1 + 6) / 64.0)) < 1e-12);
    assert_true(fabs(tw_mcnemar_exact(3, 3) - 1) < 1e-12);
    assert_true(tw_mcnemar_exact(10, 5000) < 1e-300 && tw_mcnemar_exact(2500, 2500) == 1);
}

static void gains_are_those_of_b_and_the_interval_holds_them(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct tw_outcome a[COUNT], b[COUNT];
    struct tw_comparison one, many;
    for (size_t i = 0; i < COUNT; i++) {
        a[i] = (struct tw_outcome){i % 4 == 0, 1};
        b[i] = (struct tw_outcome){i % 2 == 0 || i == 1, 0.5};
    }
    a[3].is_right = true;
    assert_int_equal(tw_compare_outcomes(a, b, COUNT, 1, &one, NULL), TW_OK);
    assert_int_equal(tw_compare_outcomes(a, b, COUNT, 3, &many, NULL), TW_OK);
    assert_memory_equal(&one, &many, sizeof one);
    assert_int_equal(one.only_a, 1);
    assert_int_equal(one.only_b, 11);
    assert_true(fabs(one.p_value - (2 * 13 / 4096.0)) < 1e-12);
    assert_true(one.accuracy_gain.low > 0 && one.accuracy_gain.low < 0.25 && one.accuracy_gain.high > 0.25);
    assert_true(fabs(one.loss_gain.low - 0.5) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_test_has_the_binomial_tail),
        cmocka_unit_test(gains_are_those_of_b_and_the_interval_holds_them),
    };
    return cmocka_run_group_tests_name("comparison", tests, NULL, NULL);
}
