#include "train/descent.h"

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
    const struct tw_descent_options options = {.learning_rate = 0.1};
    struct tw_descent adam = tw_descent_at(&options, 0, 10);
    float gradient[] = {2, -3}, weights[] = {1, 1}, mean[2] = {0}, square[2] = {0};
    assert_true(fabs((double)adam.rate - 0.1 * sqrt(0.001) / 0.1) < 1e-7);
    tw_descent_apply(&adam, gradient, 2, weights, mean, square);
    assert_true(fabs((double)weights[0] - 0.9) < 1e-5 && fabs((double)weights[1] - 1.1) < 1e-5);
    assert_true(fabs((double)mean[0] - 0.2) < 1e-6 && fabs((double)square[1] - 0.009) < 1e-6);
}

static void sgd_moves_by_its_velocity(void **state)
{
    (void)state;
    /* By hand: v = 0.9 v + g, w -= 0.5 v: v 1 and 1.9, w -0.5 and -1.45. */
    const struct tw_descent_options options = {.optimizer = TW_OPTIMIZER_SGD, .learning_rate = 0.5, .momentum = 0.9};
    float gradient = 1, weight = 0, mean = 0, square = 0;
    for (size_t step = 0; step < 2; step++) {
        struct tw_descent sgd = tw_descent_at(&options, step, 10);
        tw_descent_apply(&sgd, &gradient, 1, &weight, &mean, &square);
        assert_true(fabs((double)weight - (step == 0 ? -0.5 : -1.45)) < 1e-5);
    }
}

static void weights_decay_with_the_rate(void **state)
{
    (void)state;
    const struct tw_descent_options options = {
        .optimizer = TW_OPTIMIZER_ADAMW, .learning_rate = 0.1, .weight_decay = 0.5};
    assert_true(fabs((double)tw_descent_at(&options, 0, 10).kept - 0.95) < 1e-6);
}

static void rate_rises_then_falls_along_a_cosine(void **state)
{
    (void)state;
    const struct tw_descent_options options = {.learning_rate = 2, .schedule = TW_SCHEDULE_COSINE, .warm_up = 4};
    static const double expected[] = {0.5, 1, 1.5, 2, 2, 1.7071068, 1, 0.2928932};
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(tw_descent_rate(&options, i, 12) - expected[i]) < 1e-6);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(tw_descent_rate(&options, 4 + 2 * i, 12) - expected[4 + i]) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_step_moves_by_the_rate_against_the_gradient),
        cmocka_unit_test(sgd_moves_by_its_velocity),
        cmocka_unit_test(weights_decay_with_the_rate),
        cmocka_unit_test(rate_rises_then_falls_along_a_cosine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
