#include "train/adam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

static void first_step_moves_by_the_rate_against_the_gradient(void **state)
{
    (void)state;
    /* By hand: rate 0.1 * sqrt(1 - 0.999) / (1 - 0.9), mean 0.1 g, square 0.001 g g. */
    struct tw_adam adam = tw_adam_at(0, 0.1, 0);
    float gradient[] = {2, -3}, weights[] = {1, 1}, mean[2] = {0}, square[2] = {0};
    assert_true(fabs((double)adam.rate - 0.1 * sqrt(0.001) / 0.1) < 1e-7);
    tw_adam_apply(&adam, gradient, 2, weights, mean, square);
    assert_true(fabs((double)weights[0] - 0.9) < 1e-5 && fabs((double)weights[1] - 1.1) < 1e-5);
    assert_true(fabs((double)mean[0] - 0.2) < 1e-6 && fabs((double)square[1] - 0.009) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_step_moves_by_the_rate_against_the_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
