/* Each form of Winograd's way on each kind of vector unit that this CPU has, against the plainest loops in double.
 *
 * Tolerances, of the outputs' standard deviation: what Toom-Cook with these points loses in f32, with some room. The inputs
 * have no mean, the weights keep the spread, and up to some hundred products are summed. */
#include "engine/against.h"
#include "engine/winograd/rule.h"

#include <omp.h>

static const struct {
    int tile, taps;
    double tolerance;
} forms[] = {{1, 1, 5e-6}, {2, 3, 1e-5}, {4, 3, 1e-4}, {6, 3, 2e-4}, {2, 5, 5e-5},
             {4, 5, 2e-4}, {2, 7, 5e-5}, {4, 7, 2e-4}, {6, 7, 5e-4}};

static const struct vector_kernels *kernels_here(int i)
{
#ifdef __x86_64__
    if (i == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &vector_avx2;
    if (i == 2 && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return &vector_avx512;
#endif
    return i == 0 ? &vector_portable : NULL;
}

struct problem {
    struct winograd_shape shape;
    size_t x_floats, y_floats; /* in blocks of `width` */
    float *x, *weights, *bias, *expected;
    bool has_relu;
};

static size_t place(const int *size, int width, int channel, int row, int column)
{
    return (((size_t)(channel / width) * (size_t)size[0] + (size_t)row) * (size_t)size[1] + (size_t)column) *
               (size_t)width +
           (size_t)(channel % width);
}

static double plain(const struct problem *p, int width, int channel, int row, int column)
{
    const struct winograd_shape *s = &p->shape;
    double sum = p->bias != NULL ? (double)p->bias[channel] : 0;
    for (int c = 0; c < s->in_channels; c++) {
        for (int i = 0; i < s->kernel[0] * s->kernel[1]; i++) {
            int y = row * s->stride[0] + i / s->kernel[1] - s->begin[0];
            int x = column * s->stride[1] + i % s->kernel[1] - s->begin[1];
            if (y < 0 || x < 0 || y >= s->in[0] || x >= s->in[1])
                continue;
            size_t weight =
                ((size_t)channel * (size_t)s->in_channels + (size_t)c) * (size_t)(s->kernel[0] * s->kernel[1]);
            sum += (double)p->x[place(s->in, width, c, y, x)] * (double)p->weights[weight + (size_t)i];
        }
    }
    return p->has_relu && sum < 0 ? 0 : sum;
}

static float *numbers(size_t count, float scale)
{
    float *values = tw_alloc_aligned(count * sizeof *values);
    assert_non_null(values);
    against_fill(values, count, count);
    for (size_t i = 0; i < count; i++)
        values[i] *= scale;
    return values;
}

static void make_problem(struct problem *p, int width, bool has_bias)
{
    const struct winograd_shape *s = &p->shape;
    size_t in = (size_t)((s->in_channels + width - 1) / width * width), area = (size_t)(s->kernel[0] * s->kernel[1]);
    size_t out = (size_t)((s->out_channels + width - 1) / width * width), sums = (size_t)s->in_channels * area;
    p->x_floats = in * (size_t)s->in[0] * (size_t)s->in[1];
    p->y_floats = out * (size_t)s->out[0] * (size_t)s->out[1];
    p->x = numbers(p->x_floats, 1.7f);
    p->weights = numbers(sums * (size_t)s->out_channels, 1.7f / sqrtf((float)sums));
    p->bias = has_bias ? numbers((size_t)s->out_channels, 1) : NULL;
    p->expected = tw_alloc(p->y_floats, sizeof(float));
    assert_non_null(p->expected);
    for (int i = 0; i < s->in[0] * s->in[1]; i++) {
        for (int c = s->in_channels; c < (int)in; c++)
            p->x[place(s->in, width, c, i / s->in[1], i % s->in[1])] = 0;
    }
    for (int i = 0; i < s->out_channels * s->out[0] * s->out[1]; i++) {
        int c = i / (s->out[0] * s->out[1]), row = i / s->out[1] % s->out[0], column = i % s->out[1];
        p->expected[place(s->out, width, c, row, column)] = (float)plain(p, width, c, row, column);
    }
}

static void free_problem(struct problem *p)
{
    tw_free(p->x);
    tw_free(p->weights);
    tw_free(p->bias);
    tw_free(p->expected);
}

/* The scratch is full of NaNs before: what is read but never written shows. */
static float *run(const struct problem *p, const struct vector_kernels *kernels, int threads)
{
    struct tw_error error = {0};
    struct winograd *winograd;
    struct tw_pages pages = {0};
    const struct winograd_options options = {kernels, p->has_relu ? 0 : -INFINITY, INFINITY, threads, &pages};
    if (winograd_new(&p->shape, &options, p->weights, p->bias, &winograd, &error))
        fail_msg("%s", error.text);
    size_t bytes = winograd_scratch_bytes(winograd);
    float *scratch = tw_alloc_aligned(bytes), *y = tw_alloc_aligned(p->y_floats * sizeof *y);
    assert_true(scratch != NULL && y != NULL);
    memset(scratch, 0xff, bytes);
    memset(y, 0xff, p->y_floats * sizeof *y);
    const struct winograd_io io = {p->x, NULL, y};
    winograd_run(winograd, &io, scratch);
    winograd_free(winograd);
    tw_pages_release(&pages);
    tw_free(scratch);
    return y;
}

static void expect_close(const struct problem *p, const struct vector_kernels *kernels, const float *y,
                         double tolerance)
{
    double spread = 0;
    for (size_t i = 0; i < p->y_floats; i++)
        spread += (double)p->expected[i] * (double)p->expected[i];
    spread = sqrt(spread / (double)p->y_floats) + 1e-30;
    for (size_t i = 0; i < p->y_floats; i++) {
        if (!(fabs((double)y[i] - (double)p->expected[i]) <= tolerance * spread))
            fail_msg("F(%d x %d, %d x %d) of %d x %d on %s: element %zu is %.9g, not %.9g; spread %.3g",
                     p->shape.tile[0], p->shape.tile[1], p->shape.kernel[0], p->shape.kernel[1], p->shape.in[0],
                     p->shape.in[1], kernels->name, i, (double)y[i], (double)p->expected[i], spread);
    }
}

/* Down, across and square: sizes that no tile fills, channels that no block fills, paddings that differ. */
static void make_shape(struct winograd_shape *s, int form, int direction, int variant)
{
    static const int channels[][2] = {{16, 32}, {3, 5}, {24, 40}, {33, 17}};
    static const int sizes[][2] = {{9, 9}, {17, 13}, {7, 20}, {12, 8}};
    s->in_channels = channels[variant][0];
    s->out_channels = channels[variant][1];
    for (int i = 0; i < 2; i++) {
        bool is_tiled = direction == 2 || direction == i;
        s->kernel[i] = is_tiled ? forms[form].taps : 1;
        s->tile[i] = is_tiled ? forms[form].tile : 1;
        s->in[i] = sizes[variant][i];
        bool is_padded = is_tiled && forms[form].taps > 1;
        s->stride[i] = 1;
        s->begin[i] = is_padded ? (variant + i) % 3 : 0;
        s->out[i] = s->in[i] + (is_padded ? s->begin[i] + variant % 2 - forms[form].taps + 1 : 0);
    }
}

static void every_form_equals_plain_loops(void **state)
{
    (void)state;
    for (int form = 0; form < (int)(sizeof forms / sizeof *forms); form++) {
        for (int i = 0; i < 12; i++) {
            if (forms[form].taps == 7 && i % 3 == 2)
                continue; /* too coarse, and refused */
            struct problem p = {.has_relu = i % 2 == 0};
            make_shape(&p.shape, form, i % 3, i / 3);
            assert_true(winograd_has(&p.shape));
            for (int k = 0; k < 3 && p.shape.out[0] > 0 && p.shape.out[1] > 0; k++) {
                const struct vector_kernels *kernels = kernels_here(k);
                if (kernels == NULL)
                    continue;
                make_problem(&p, kernels->width, i % 4 != 3);
                float *y = run(&p, kernels, 1);
                expect_close(&p, kernels, y, forms[form].tolerance);
                tw_free(y);
                free_problem(&p);
            }
        }
    }
}

static void direct_of_any_stride_equals_plain_loops(void **state)
{
    static const struct winograd_shape shapes[] = {
        {48, 32, {17, 15}, {8, 7}, {3, 3}, {2, 2}, {0, 0}, {1, 1}},
        {32, 64, {9, 14}, {5, 7}, {3, 3}, {2, 2}, {1, 1}, {1, 1}},
        {5, 17, {12, 11}, {4, 11}, {5, 1}, {3, 1}, {2, 0}, {1, 1}},
        {40, 24, {13, 13}, {7, 5}, {1, 1}, {2, 3}, {0, 0}, {1, 1}},
        {16, 16, {10, 10}, {12, 12}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {16, 33, {20, 19}, {10, 10}, {7, 7}, {2, 2}, {3, 3}, {1, 1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int k = 0; k < 3; k++) {
            const struct vector_kernels *kernels = kernels_here(k);
            if (kernels == NULL)
                continue;
            struct problem p = {.shape = shapes[i], .has_relu = i % 2 != 0};
            make_problem(&p, kernels->width, true);
            float *one = run(&p, kernels, 1), *three = run(&p, kernels, 3);
            expect_close(&p, kernels, one, 2e-5);
            assert_memory_equal(one, three, p.y_floats * sizeof(float));
            tw_free(one);
            tw_free(three);
            free_problem(&p);
        }
    }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        const struct vector_kernels *kernels = kernels_here(k);
        if (kernels == NULL)
            continue;
        struct problem p = {.shape = {32, 48, {40, 39}, {40, 39}, {3, 3}, {1, 1}, {1, 1}, {4, 4}}, .has_relu = true};
        make_problem(&p, kernels->width, true);
        float *one = run(&p, kernels, 1);
        for (int threads = 2; threads < 6; threads++) {
            float *some = run(&p, kernels, threads);
            assert_memory_equal(one, some, p.y_floats * sizeof(float));
            tw_free(some);
        }
        expect_close(&p, kernels, one, 1e-4);
        tw_free(one);
        free_problem(&p);
    }
}

static void unknown_forms_are_refused_by_name(void **state)
{
    static const struct winograd_shape shapes[] = {
        {16, 16, {9, 9}, {7, 7}, {3, 3}, {1, 1}, {0, 0}, {3, 3}}, /* an odd tile */
        {16, 16, {9, 9}, {6, 6}, {4, 4}, {1, 1}, {0, 0}, {2, 2}}, /* four taps */
        {16, 16, {9, 9}, {4, 4}, {3, 3}, {2, 2}, {0, 0}, {2, 2}}, /* a stride */
        {16, 16, {9, 9}, {7, 9}, {3, 1}, {1, 1}, {0, 0}, {4, 2}}, /* a tile without taps */
        {16, 16, {9, 9}, {7, 7}, {3, 3}, {1, 1}, {0, 0}, {4, 1}}, /* half a form */
        {16, 16, {9, 9}, {3, 3}, {7, 7}, {1, 1}, {0, 0}, {2, 2}}, /* too coarse */
        {16, 16, {9, 9}, {2, 2}, {8, 8}, {1, 1}, {0, 0}, {1, 1}}, /* more taps than there is room for */
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct tw_error error = {0};
        struct winograd *winograd = NULL;
        const struct winograd_options options = {&vector_portable, 0, INFINITY, 1, NULL};
        assert_false(winograd_has(&shapes[i]));
        assert_int_equal(winograd_new(&shapes[i], &options, NULL, NULL, &winograd, &error), TW_UNSUPPORTED);
        assert_non_null(strstr(error.text, "Winograd"));
        assert_null(winograd);
    }
}

/* A convolution of one image whose channels fill blocks. */
static int conv(struct tw_graph *graph, int x, int64_t in, int64_t out, int64_t down, int64_t across)
{
    int y = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(out, in, down, across)),
                 against_weights(graph, SHAPE(out)));
    SET_INTS(graph, "pads", down / 2, across / 2, down / 2, across / 2);
    return NODE(graph, TW_OP_RELU, y);
}

static bool has_blocks(void)
{
    return kernels_here(1) != NULL || kernels_here(2) != NULL;
}

static void plans_use_it_and_equal_the_reference(void **state)
{
    static const int kernels[][2] = {{3, 3}, {5, 5}, {1, 7}, {7, 1}, {3, 1}, {1, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        struct tw_graph *graph = tw_graph_new();
        int x = net_input(graph, SHAPE(1, 128, 12, 20));
        int y = conv(graph, x, 128, 96, kernels[i][0], kernels[i][1]);
        against_expect(graph, y, has_blocks() ? "winograd" : NULL, "a convolution");
    }
}

static int scalar(struct tw_graph *graph, float value)
{
    return net_constant(graph, TW_F32, SCALAR, &value, 1);
}

/* What networks with shortcuts and with ReLU6 ask for. */
static void sums_and_bounds_are_fused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct tw_graph *graph = tw_graph_new();
        int64_t taps = i < 2 ? 1 : 3;
        int x = conv(graph, net_input(graph, SHAPE(1, 32, 20, 18)), 32, 48, 1, 1);
        int y = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(48, 48, taps, taps)),
                     against_weights(graph, SHAPE(48)));
        SET_INTS(graph, "pads", taps / 2, taps / 2, taps / 2, taps / 2);
        if (i % 2 == 0)
            y = NODE(graph, TW_OP_ADD, y, x);
        if (i != 1)
            y = NODE(graph, TW_OP_CLIP, y, scalar(graph, -20), scalar(graph, 30));
        const char *algorithm = i == 3 ? "winograd 2d" : i == 2 ? "onednn direct" : "vector 1x1";
        against_expect(graph, y, has_blocks() ? algorithm : NULL, "a sum and bounds");
    }
}

static void pools_of_blocks_are_done_here(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tw_graph *graph = tw_graph_new();
        int x = conv(graph, net_input(graph, SHAPE(1, 16, 15, 14)), 16, 32, 3, 3);
        int y = NODE(graph, i == 0 ? TW_OP_AVERAGE_POOL : TW_OP_MAX_POOL, x);
        SET_INTS(graph, "kernel_shape", 3, 3);
        SET_INTS(graph, "pads", 1, 1, 1, 1);
        against_expect(graph, y, has_blocks() ? "vector pool" : NULL, "a pool");
    }
}

static bool has_winograd(const struct tw_plan *plan)
{
    bool has_it = false;
    for (size_t i = 0; i < tw_plan_step_count(plan); i++) {
        struct tw_step_info info;
        tw_plan_step(plan, i, &info);
        has_it = has_it || strncmp(info.algorithm, "winograd", 8) == 0;
    }
    return has_it;
}

static void groups_dilations_and_other_activations_are_left_to_others(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tw_graph *graph = tw_graph_new();
        int x = net_input(graph, SHAPE(1, 32, 24, 24));
        int y = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(32, i == 0 ? 16 : 32, 3, 3)));
        if (i == 0)
            SET_INT(graph, "group", 2);
        else if (i == 1)
            SET_INTS(graph, "dilations", 1, 2);
        else
            y = NODE(graph, TW_OP_SIGMOID, y);
        assert_true(tw_graph_set_outputs(graph, &y, 1));
        struct tw_plan *plan = against_reference(graph, "not Winograd's");
        assert_false(has_winograd(plan));
        tw_plan_free(plan);
        tw_graph_free(graph);
    }
}

static void plans_give_the_same_bits_for_any_threads_and_batch(void **state)
{
    (void)state;
    float *outputs[3];
    size_t count = 0;
    for (int i = 0; i < 3; i++) {
        struct tw_graph *graph = tw_graph_new();
        int x = net_input(graph, SHAPE(TW_UNKNOWN, 32, 33, 31));
        int y = conv(graph, conv(graph, x, 32, 64, 3, 3), 64, 32, 1, 7);
        assert_true(tw_graph_set_outputs(graph, &y, 1));
        struct tw_plan *plan = against_compile(graph, i == 2 ? 3 : 1, i == 1 ? 2 : 1);
        assert_true(has_winograd(plan) || !has_blocks());
        against_run(plan, &outputs[i]);
        count = i == 0 ? against_floats(tw_plan_output_shape(plan, 0)) : count;
        tw_plan_free(plan);
        tw_graph_free(graph);
        assert_memory_equal(outputs[0], outputs[i], count * sizeof(float));
    }
    against_free(outputs, 3);
}

static void pages_are_aligned_and_hold_what_is_asked(void **state)
{
    static const size_t sizes[] = {1, 0, 64, 1000, 3 << 20, 40 << 20, 17};
    struct tw_pages pages = {0};
    unsigned char *blocks[7];
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        blocks[i] = tw_pages_take(&pages, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < sizes[i]; k += sizes[i] / 3 + 1)
            assert_int_equal(blocks[i][k], i);
    }
    assert_null(tw_pages_take(&pages, SIZE_MAX));
    tw_memory_fail_at(1);
    assert_null(tw_pages_take(&pages, 50 << 20));
    tw_memory_fail_at(0);
    tw_pages_release(&pages);
    tw_pages_release(&pages);
}

static void the_peak_is_that_of_some_cores(void **state)
{
    double one = 0, two = 0;
    (void)state;
    assert_int_equal(tw_engine_peak(1, TW_PRECISION_F32, &one, NULL), TW_OK);
    assert_int_equal(tw_engine_peak(2, TW_PRECISION_F32, &two, NULL), TW_OK);
    assert_true(one > 1e8 && one < 1e13);
    assert_true(two > one / 4 && two < one * 4); /* others may take the second core */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_equals_plain_loops),
        cmocka_unit_test(direct_of_any_stride_equals_plain_loops),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(unknown_forms_are_refused_by_name),
        cmocka_unit_test(plans_use_it_and_equal_the_reference),
        cmocka_unit_test(sums_and_bounds_are_fused),
        cmocka_unit_test(pools_of_blocks_are_done_here),
        cmocka_unit_test(groups_dilations_and_other_activations_are_left_to_others),
        cmocka_unit_test(plans_give_the_same_bits_for_any_threads_and_batch),
        cmocka_unit_test(pages_are_aligned_and_hold_what_is_asked),
        cmocka_unit_test(the_peak_is_that_of_some_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
