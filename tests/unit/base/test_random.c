#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

static void numbers_hang_on_seed_stream_and_index_alone(void **state)
{
    (void)state;
    struct tw_random random = {.seed = 7, .stream = 3};
    for (uint64_t i = 0; i < 100; i++)
        assert_true(tw_random_next(&random) == tw_random_at(7, 3, i));
    assert_int_equal(random.index, 100);
    assert_true(tw_random_at(7, 3, 0) != tw_random_at(8, 3, 0));
    assert_true(tw_random_at(7, 3, 0) != tw_random_at(7, 4, 0));
    assert_true(tw_random_at(7, 3, 0) != tw_random_at(3, 7, 0));
}

/* Written down once: runs of older versions must stay repeatable. Computed apart from the code, in Python's integers. */
static void the_sequence_never_changes(void **state)
{
    (void)state;
    assert_true(tw_random_at(0, 0, 0) == 0xd37690236f2cbf70u);
    assert_true(tw_random_at(1, 2, 3) == 0xf57ac7261f7b0aabu);
    assert_true(tw_random_at(UINT64_MAX, UINT64_MAX, UINT64_MAX) == 0x74b735a75566e3a1u);
}

static void below_stays_below_and_is_even(void **state)
{
    (void)state;
    struct tw_random random = {.seed = 1};
    int counts[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint64_t value = tw_random_below(&random, 10);
        assert_true(value < 10);
        counts[value]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], 9600, 10400); /* four standard deviations are 380 */
    assert_true(tw_random_below(&random, 1) == 0);
}

/* Limits near 2^64 / 1.5: a plain remainder would give the lower half twice as often as the upper. */
static void below_has_no_bias_for_great_limits(void **state)
{
    (void)state;
    struct tw_random random = {.seed = 2};
    const uint64_t limit = UINT64_MAX / 3 * 2;
    int lower = 0;
    for (int i = 0; i < 10000; i++)
        lower += tw_random_below(&random, limit) < limit / 2;
    assert_in_range(lower, 4800, 5200);
}

static void unit_is_even_in_zero_to_one(void **state)
{
    (void)state;
    struct tw_random random = {.seed = 3};
    double sum = 0, squares = 0;
    for (int i = 0; i < 100000; i++) {
        double value = tw_random_unit(&random);
        assert_true(value >= 0 && value < 1);
        sum += value;
        squares += value * value;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.004);
    assert_true(fabs(squares / 100000 - 1.0 / 3) < 0.004);
}

static void normal_has_mean_0_variance_1_and_the_tails_of_its_curve(void **state)
{
    (void)state;
    struct tw_random random = {.seed = 4};
    double sum = 0, squares = 0;
    int beyond_two = 0;
    for (int i = 0; i < 100000; i++) {
        double value = tw_random_normal(&random);
        assert_true(isfinite(value));
        sum += value;
        squares += value * value;
        beyond_two += fabs(value) > 2;
    }
    assert_true(fabs(sum / 100000) < 0.013);
    assert_true(fabs(squares / 100000 - 1) < 0.018);
    assert_in_range(beyond_two, 4290, 4810); /* 4.55 % */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_hang_on_seed_stream_and_index_alone),
        cmocka_unit_test(the_sequence_never_changes),
        cmocka_unit_test(below_stays_below_and_is_even),
        cmocka_unit_test(below_has_no_bias_for_great_limits),
        cmocka_unit_test(unit_is_even_in_zero_to_one),
        cmocka_unit_test(normal_has_mean_0_variance_1_and_the_tails_of_its_curve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
