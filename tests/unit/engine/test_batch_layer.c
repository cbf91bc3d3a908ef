#include "engine/batch_layer.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

enum { ROWS = 53, INPUTS = 150, OUTPUTS = 71, COUNT = INPUTS * OUTPUTS }; /* nothing is a multiple of a block */

struct problem {
    struct tw_batch_layer layer;
    float values[ROWS * INPUTS], weights[COUNT], mean[COUNT], square[COUNT]; /* inputs x outputs */
    float back[ROWS * OUTPUTS];
    uint32_t rows[OUTPUTS * ROWS];
    float factors[OUTPUTS * ROWS];
    size_t counts[OUTPUTS];
    float *state; /* weights, mean, square in blocks */
};

static struct problem *new_problem(void)
{
    struct problem *p = tw_alloc(1, sizeof *p);
    struct tw_random random = {.seed = 5};
    const float *rows[ROWS];
    assert_non_null(p);
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        p->values[i] = (float)tw_random_normal(&random);
    for (size_t i = 0; i < COUNT; i++) {
        p->weights[i] = (float)tw_random_normal(&random);
        p->mean[i] = (float)tw_random_unit(&random);
        p->square[i] = (float)tw_random_unit(&random);
    }
    for (size_t output = 0; output < OUTPUTS; output++) {
        for (size_t row = 0; row < ROWS; row++) {
            if (tw_random_below(&random, 3) != 0)
                continue;
            size_t at = output * ROWS + p->counts[output]++;
            p->rows[at] = (uint32_t)row;
            p->factors[at] = p->back[row * OUTPUTS + output] = (float)tw_random_normal(&random);
        }
    }
    assert_int_equal(tw_batch_layer_init(&p->layer, INPUTS, OUTPUTS, ROWS, NULL), TW_OK);
    for (size_t row = 0; row < ROWS; row++)
        rows[row] = p->values + row * INPUTS;
    tw_batch_layer_set_rows(&p->layer, rows);
    p->state = tw_alloc(3 * p->layer.size, sizeof *p->state);
    assert_non_null(p->state);
    tw_batch_layer_pack(&p->layer, p->weights, p->state);
    tw_batch_layer_pack(&p->layer, p->mean, p->state + p->layer.size);
    tw_batch_layer_pack(&p->layer, p->square, p->state + 2 * p->layer.size);
    return p;
}

static void free_problem(struct problem *p)
{
    tw_batch_layer_release(&p->layer);
    tw_free(p->state);
    tw_free(p);
}

static enum tw_status run_step(struct problem *p, int threads)
{
    const struct tw_batch_step step = {
        .rate = 0.01f,
        .epsilon = 1e-3f,
        .mean_share = 0.1f,
        .square_share = 0.001f,
        .counts = p->counts,
        .rows = p->rows,
        .factors = p->factors,
        .weights = p->state,
        .mean = p->state + p->layer.size,
        .square = p->state + 2 * p->layer.size,
    };
    return tw_batch_layer_step(&p->layer, &step, threads, NULL);
}

static void unpacking_gives_back_what_was_packed(void **state)
{
    (void)state;
    struct problem *p = new_problem();
    float *weights = tw_alloc(COUNT, sizeof *weights);
    assert_non_null(weights);
    tw_batch_layer_unpack(&p->layer, p->state, weights);
    assert_memory_equal(weights, p->weights, sizeof p->weights);
    tw_free(weights);
    free_problem(p);
}

static void forward_is_the_product_of_batch_and_weights(void **state)
{
    (void)state;
    struct problem *p = new_problem();
    float *out = tw_alloc(OUTPUTS * p->layer.stride, sizeof *out);
    assert_non_null(out);
    assert_int_equal(tw_batch_layer_forward(&p->layer, p->state, out, 2, NULL), TW_OK);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t output = 0; output < OUTPUTS; output++) {
            double sum = 0;
            for (size_t i = 0; i < INPUTS; i++)
                sum += (double)p->values[row * INPUTS + i] * (double)p->weights[i * OUTPUTS + output];
            assert_true(fabs((double)out[output * p->layer.stride + row] - sum) < 1e-4);
        }
    }
    tw_free(out);
    free_problem(p);
}

static void step_is_the_dense_gradient_and_adam(void **state)
{
    (void)state;
    struct problem *p = new_problem();
    float *now[3] = {tw_alloc(COUNT, sizeof(float)), tw_alloc(COUNT, sizeof(float)), tw_alloc(COUNT, sizeof(float))};
    assert_int_equal(run_step(p, 1), TW_OK);
    for (size_t i = 0; i < 3; i++)
        tw_batch_layer_unpack(&p->layer, p->state + i * p->layer.size, now[i]);
    for (size_t i = 0; i < COUNT; i++) {
        double gradient = 0, mean = (double)p->mean[i], square = (double)p->square[i];
        for (size_t row = 0; row < ROWS; row++)
            gradient += (double)p->values[row * INPUTS + i / OUTPUTS] * (double)p->back[row * OUTPUTS + i % OUTPUTS];
        mean += (gradient - mean) * 0.1;
        square += (gradient * gradient - square) * 0.001;
        assert_true(fabs((double)now[0][i] - ((double)p->weights[i] - 0.01 * mean / (sqrt(square) + 1e-3))) < 1e-5);
        assert_true(fabs((double)now[1][i] - mean) < 1e-5 && fabs((double)now[2][i] - square) < 1e-4);
    }
    for (size_t i = 0; i < 3; i++)
        tw_free(now[i]);
    free_problem(p);
}

static void what_fills_up_stays_zero(void **state)
{
    (void)state;
    struct problem *p = new_problem();
    float *again = tw_alloc(p->layer.size, sizeof *again), *weights = tw_alloc(COUNT, sizeof *weights);
    assert_true(again && weights && p->layer.size > COUNT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_step(p, 2), TW_OK);
    tw_batch_layer_unpack(&p->layer, p->state, weights);
    tw_batch_layer_pack(&p->layer, weights, again);
    assert_memory_equal(again, p->state, p->layer.size * sizeof *again);
    tw_free(again);
    tw_free(weights);
    free_problem(p);
}

static void any_thread_count_gives_the_same_bits(void **state)
{
    (void)state;
    struct problem *one = new_problem();
    float *out = tw_alloc(2 * OUTPUTS * one->layer.stride, sizeof *out), *others = out + OUTPUTS * one->layer.stride;
    assert_non_null(out);
    assert_int_equal(tw_batch_layer_forward(&one->layer, one->state, out, 1, NULL), TW_OK);
    assert_int_equal(run_step(one, 1), TW_OK);
    for (int threads = 2; threads < 9; threads += 3) {
        struct problem *many = new_problem();
        assert_int_equal(tw_batch_layer_forward(&many->layer, many->state, others, threads, NULL), TW_OK);
        assert_memory_equal(out, others, OUTPUTS * one->layer.stride * sizeof *out);
        assert_int_equal(run_step(many, threads), TW_OK);
        assert_memory_equal(one->state, many->state, 3 * one->layer.size * sizeof *one->state);
        free_problem(many);
    }
    tw_free(out);
    free_problem(one);
}

static void failed_allocations_are_told_and_change_nothing(void **state)
{
    (void)state;
    struct problem *p = new_problem(), *untouched = new_problem();
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status; n++) {
        assert_memory_equal(p->state, untouched->state, 3 * p->layer.size * sizeof *p->state);
        tw_memory_fail_at(n);
        status = run_step(p, 2);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
    }
    status = TW_NO_MEMORY;
    for (uint64_t n = 1; status; n++) {
        struct tw_batch_layer layer = {0};
        tw_memory_fail_at(n);
        status = tw_batch_layer_init(&layer, INPUTS, OUTPUTS, ROWS, NULL);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
        tw_batch_layer_release(&layer);
    }
    free_problem(p);
    free_problem(untouched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacking_gives_back_what_was_packed),
        cmocka_unit_test(forward_is_the_product_of_batch_and_weights),
        cmocka_unit_test(step_is_the_dense_gradient_and_adam),
        cmocka_unit_test(what_fills_up_stays_zero),
        cmocka_unit_test(any_thread_count_gives_the_same_bits),
        cmocka_unit_test(failed_allocations_are_told_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
