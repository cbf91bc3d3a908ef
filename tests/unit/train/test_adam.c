#include "train/adam.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

enum { ROWS = 13, INPUTS = 150, OUTPUTS = 71, COUNT = INPUTS * OUTPUTS }; /* nothing is a multiple of a block */
struct problem {
    float values[ROWS * INPUTS], back[ROWS * OUTPUTS], state[3 * COUNT];
};

static struct problem *new_problem(void)
{
    struct problem *p = tw_alloc(1, sizeof *p);
    struct tw_random random = {.seed = 5};
    assert_non_null(p);
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        p->values[i] = (float)tw_random_normal(&random);
    for (size_t i = 0; i < ROWS * OUTPUTS; i++)
        p->back[i] = tw_random_below(&random, 3) == 0 ? (float)tw_random_normal(&random) : 0;
    for (size_t i = 0; i < 3 * COUNT; i++)
        p->state[i] = (float)tw_random_unit(&random);
    return p;
}

static enum tw_status run_layer(struct problem *p, int threads)
{
    float *blocks = tw_alloc(tw_adam_packed_size(ROWS, INPUTS), sizeof *blocks);
    if (!blocks)
        return TW_NO_MEMORY;
    for (size_t row = 0; row < ROWS; row++)
        tw_adam_pack(p->values + row * INPUTS, row, ROWS, INPUTS, blocks);
    const struct tw_adam_layer layer = {
        .adam = tw_adam_at(3, 0.01, 1e-3),
        .rows = ROWS,
        .inputs = INPUTS,
        .outputs = OUTPUTS,
        .blocks = blocks,
        .back = p->back,
        .weights = p->state,
        .mean = p->state + COUNT,
        .square = p->state + 2 * COUNT,
    };
    enum tw_status status = tw_adam_layer_run(&layer, threads, NULL);
    tw_free(blocks);
    return status;
}

static void layer_step_is_the_dense_gradient_and_adam(void **state)
{
    (void)state;
    struct problem *p = new_problem(), *q = new_problem();
    struct tw_adam adam = tw_adam_at(3, 0.01, 1e-3);
    assert_int_equal(run_layer(p, 1), TW_OK);
    for (size_t output = 0; output < OUTPUTS; output++) {
        for (size_t input = 0; input < INPUTS; input++) {
            double sum = 0;
            size_t at = output * INPUTS + input;
            for (size_t row = 0; row < ROWS; row++)
                sum += (double)q->values[row * INPUTS + input] * (double)q->back[row * OUTPUTS + output];
            float gradient = (float)sum;
            tw_adam_apply(&adam, &gradient, 1, q->state + at, q->state + COUNT + at, q->state + 2 * COUNT + at);
        }
    }
    for (size_t i = 0; i < 3 * COUNT; i++)
        assert_true(fabsf(p->state[i] - q->state[i]) <= 1e-5f);
    tw_free(p);
    tw_free(q);
}

static void layer_step_has_the_same_bits_for_any_thread_count(void **state)
{
    (void)state;
    struct problem *one = new_problem();
    assert_int_equal(run_layer(one, 1), TW_OK);
    for (int threads = 2; threads < 9; threads += 3) {
        struct problem *many = new_problem();
        assert_int_equal(run_layer(many, threads), TW_OK);
        assert_memory_equal(one->state, many->state, sizeof one->state);
        tw_free(many);
    }
    tw_free(one);
}

static void failed_allocations_change_nothing(void **state)
{
    (void)state;
    struct problem *p = new_problem(), *untouched = new_problem();
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status; n++) {
        assert_memory_equal(p->state, untouched->state, sizeof p->state);
        tw_memory_fail_at(n);
        status = run_layer(p, 2);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
    }
    tw_free(p);
    tw_free(untouched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_step_moves_by_the_rate_against_the_gradient),
        cmocka_unit_test(layer_step_is_the_dense_gradient_and_adam),
        cmocka_unit_test(layer_step_has_the_same_bits_for_any_thread_count),
        cmocka_unit_test(failed_allocations_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
