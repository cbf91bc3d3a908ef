/* bf16 and integers of eight bits beside the reference kernels, which run QuantizeLinear and DequantizeLinear as they are spelled.
 *
 * Integers: what leaves may be one step of its grid off, where a sum lies between two steps. bf16 has 8 bits of mantissa, so
 * sums of some hundred products stay within 2 % of the greatest. */
#include "engine/against.h"

struct grid_of {
    enum tw_dtype dtype;
    float scale;
    int zero;
};

static int zero_point(struct tw_graph *graph, struct grid_of grid)
{
    uint8_t byte = (uint8_t)grid.zero;
    return net_constant(graph, grid.dtype, SCALAR, &byte, 1);
}

static int quantised(struct tw_graph *graph, int x, struct grid_of grid)
{
    int scale = F32(graph, SCALAR, grid.scale);
    return NODE(graph, TW_OP_QUANTIZE_LINEAR, x, scale, zero_point(graph, grid));
}

static int on_grid(struct tw_graph *graph, int x, struct grid_of grid)
{
    int whole = quantised(graph, x, grid), scale = F32(graph, SCALAR, grid.scale);
    return NODE(graph, TW_OP_DEQUANTIZE_LINEAR, whole, scale, zero_point(graph, grid));
}

/* s8 weights with a scale for each of the outputs. */
static int weights(struct tw_graph *graph, struct tw_shape shape)
{
    int64_t count;
    int8_t q[1 << 16], zeros[256] = {0};
    float scales[256];
    struct tw_random random = {.seed = 3, .stream = graph->value_count};
    assert_true(tw_shape_count(&shape, &count) && count <= (int64_t)sizeof q && shape.dims[0] <= 256);
    for (int64_t i = 0; i < count; i++)
        q[i] = (int8_t)((int)(tw_random_unit(&random) * 255) - 127);
    for (int64_t i = 0; i < shape.dims[0]; i++)
        scales[i] = (float)(0.002 + 0.002 * tw_random_unit(&random));
    struct tw_shape each = {.rank = 1, .dims = {shape.dims[0]}};
    int whole = net_constant(graph, TW_I8, shape, q, (size_t)count);
    int scale = net_constant(graph, TW_F32, each, scales, (size_t)shape.dims[0]);
    int zero = net_constant(graph, TW_I8, each, zeros, (size_t)shape.dims[0]);
    int real = NODE(graph, TW_OP_DEQUANTIZE_LINEAR, whole, scale, zero);
    SET_INT(graph, "axis", 0);
    return real;
}

/* Unsigned, as TensorFlow Lite had them first: one scale, one zero, so that some need nine bits without it. */
static int unsigned_weights(struct tw_graph *graph, struct tw_shape shape)
{
    int64_t count;
    uint8_t q[1 << 16], zero = 117;
    struct tw_random random = {.seed = 5, .stream = graph->value_count};
    assert_true(tw_shape_count(&shape, &count) && count <= (int64_t)sizeof q);
    for (int64_t i = 0; i < count; i++)
        q[i] = (uint8_t)(tw_random_unit(&random) * 256);
    int whole = net_constant(graph, TW_U8, shape, q, (size_t)count), scale = F32(graph, SCALAR, 0.003F);
    return NODE(graph, TW_OP_DEQUANTIZE_LINEAR, whole, scale, net_constant(graph, TW_U8, SCALAR, &zero, 1));
}

static const struct grid_of in_grid = {TW_U8, 1.0F / 128, 128}, ramp = {TW_U8, 0.02F, 0}, wide = {TW_U8, 0.03F, 117},
                            with_sign = {TW_I8, 0.03F, -5};

struct convolution {
    int64_t in, out, kernel[2], groups;
    int pad, stride;
    bool has_bias, has_relu, is_signed;
};

static int convolve(struct tw_graph *graph, int x, const struct convolution *c)
{
    struct tw_shape shape = SHAPE(c->out, c->in / c->groups, c->kernel[0], c->kernel[1]);
    int w = c->is_signed ? weights(graph, shape) : unsigned_weights(graph, shape);
    int b = c->has_bias ? against_weights(graph, SHAPE(c->out)) : -1;
    int y = c->has_bias ? NODE(graph, TW_OP_CONV, x, w, b) : NODE(graph, TW_OP_CONV, x, w);
    int64_t high = c->kernel[0] > 1 ? c->pad : 0, wide_pad = c->kernel[1] > 1 ? c->pad : 0;
    SET_INTS(graph, "pads", high, wide_pad, high, wide_pad);
    SET_INTS(graph, "strides", c->stride, c->stride);
    SET_INT(graph, "group", c->groups);
    return c->has_relu ? NODE(graph, TW_OP_RELU, y) : y;
}

/* How many steps the plan does in that precision. */
static size_t steps_in(const struct tw_plan *plan, const char *precision, const char *op)
{
    size_t count = 0;
    for (size_t i = 0; i < tw_plan_step_count(plan); i++) {
        struct tw_step_info info;
        tw_plan_step(plan, i, &info);
        count += strcmp(info.precision, precision) == 0 && strcmp(info.op, op) == 0;
    }
    return count;
}

/* Every output is within `steps` of `scale` of the reference, and few are off at all. The graph is used up. */
static void expect_near(struct tw_graph *graph, int output, float scale, const char *op, size_t count, const char *what)
{
    struct tw_error error = {0};
    float *inputs[8], *outputs[8];
    void *expected[8] = {0};
    assert_true(tw_graph_set_outputs(graph, &output, 1));
    struct tw_plan *plan = against_compile(graph, 1, 1);
    against_run(plan, outputs);
    against_inputs(plan, false, inputs);
    net_ready(graph);
    if (tw_reference_run(graph, (const void *const *)inputs, expected, &error))
        fail_msg("%s: %s", what, error.text);
    size_t size = against_floats(tw_plan_output_shape(plan, 0)), off = 0;
    double greatest = 0;
    for (size_t i = 0; i < size; i++) {
        double is = (double)outputs[0][i], should = (double)((float *)expected[0])[i];
        greatest = fmax(greatest, fabs(should));
        off += fabs(is - should) > 1e-4 * (double)scale;
        if (!(fabs(is - should) <= 1.0001 * (double)scale))
            fail_msg("%s: element %zu is %.9g, the reference has %.9g, a step is %g", what, i, is, should,
                     (double)scale);
    }
    if (greatest < 4 * (double)scale || off > size / 50 + 1)
        fail_msg("%s: %zu of %zu elements are a step off; the greatest is %g", what, off, size, greatest);
    /* Without sums of 32 bits not every convolution is done in integers: see steps/narrow_conv.c. */
    size_t done = steps_in(plan, "int8", op);
    if (done != count && (done > count || strcmp(op, "Conv") != 0))
        fail_msg("%s: %zu steps %s in integers, not %zu", what, done, op, count);
    tw_free(expected[0]);
    against_free(outputs, 1);
    against_free(inputs, tw_plan_input_count(plan));
    tw_plan_free(plan);
    tw_graph_free(graph);
}

static void convolution_on_grids_is_done_in_integers(void **state)
{
    static const struct convolution forms[] = {
        {32, 16, {3, 3}, 1, 1, 1, true, true, true},   {16, 24, {1, 1}, 1, 0, 1, true, false, true},
        {3, 32, {3, 3}, 1, 0, 2, true, true, true},    {48, 16, {1, 7}, 1, 3, 1, false, true, true},
        {16, 40, {5, 5}, 1, 2, 2, true, false, true},  {32, 32, {3, 3}, 32, 1, 1, true, true, true},
        {24, 30, {3, 3}, 1, 1, 1, true, true, true},   {3, 20, {3, 3}, 1, 0, 2, true, true, false},
        {32, 70, {1, 1}, 1, 0, 1, true, true, false},  {18, 33, {1, 1}, 1, 0, 2, false, false, false},
        {56, 56, {3, 3}, 56, 1, 2, true, true, false}, {19, 19, {5, 5}, 19, 2, 1, true, false, false},
        {24, 100, {3, 3}, 1, 1, 1, true, true, false},
    };
    static const struct grid_of grids[][2] = {{ramp, ramp}, {in_grid, wide}, {with_sign, wide}, {wide, with_sign}};
    (void)state;
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++) {
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            char what[64];
            struct tw_graph *graph = tw_graph_new();
            int x = on_grid(graph, net_input(graph, SHAPE(1, forms[i].in, 13, 11)), grids[g][0]);
            int y = on_grid(graph, convolve(graph, x, &forms[i]), grids[g][1]);
            snprintf(what, sizeof what, "grids %zu, form %zu", g, i);
            expect_near(graph, y, grids[g][1].scale, "Conv", 1, what);
        }
    }
}

static void convolution_whose_floats_are_wanted_gives_floats(void **state)
{
    static const struct convolution form = {32, 16, {3, 3}, 1, 1, 1, true, true, true};
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = on_grid(graph, net_input(graph, SHAPE(1, 32, 9, 9)), in_grid);
    expect_near(graph, convolve(graph, x, &form), 0.05F, "Conv", 1, "float output");
}

static void matrices_on_grids_are_multiplied_in_integers(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        bool is_gemm = i & 1, is_unsigned = i & 2, rounds = i & 4;
        struct tw_graph *graph = tw_graph_new();
        struct tw_shape shape = is_gemm ? SHAPE(70, 37) : SHAPE(37, 70);
        int x = net_input(graph, is_gemm ? SHAPE(1, 37) : SHAPE(1, 13, 37));
        x = on_grid(graph, x, i % 3 ? in_grid : with_sign);
        int w = is_unsigned || !is_gemm ? unsigned_weights(graph, shape) : weights(graph, shape);
        int y = is_gemm ? NODE(graph, TW_OP_GEMM, x, w, against_weights(graph, SHAPE(70)))
                        : NODE(graph, TW_OP_MATMUL, x, w);
        if (is_gemm)
            SET_INT(graph, "transB", 1);
        expect_near(graph, rounds ? on_grid(graph, y, wide) : y, rounds ? wide.scale : 0.05F,
                    is_gemm ? "Gemm" : "MatMul", 1, "matrix");
    }
}

static void residual_on_its_grid_is_added_inside(void **state)
{
    static const struct convolution form = {16, 16, {3, 3}, 1, 1, 1, true, false, true};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct grid_of other = i & 1 ? with_sign : wide;
        struct tw_graph *graph = tw_graph_new();
        int x = on_grid(graph, net_input(graph, SHAPE(1, 16, 12, 10)), in_grid);
        int first = on_grid(graph, convolve(graph, x, &form), other);
        int sum = NODE(graph, TW_OP_ADD, convolve(graph, i & 2 ? x : first, &form), first);
        int y = on_grid(graph, NODE(graph, TW_OP_RELU, sum), ramp);
        expect_near(graph, y, ramp.scale, "Conv", 2, "residual");
    }
}

static void sums_of_two_grids_are_done_in_integers(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = on_grid(graph, net_input(graph, SHAPE(1, 5, 7, 9)), wide);
    int b = on_grid(graph, net_input(graph, SHAPE(1, 5, 7, 9)), with_sign);
    expect_near(graph, on_grid(graph, NODE(graph, TW_OP_ADD, a, b), in_grid), in_grid.scale, "Add", 1, "sum");
}

static void pools_and_concatenations_pass_integers_on(void **state)
{
    static const struct convolution form = {16, 16, {1, 1}, 1, 0, 1, true, true, true};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct grid_of other = i & 1 ? with_sign : in_grid;
        struct tw_graph *graph = tw_graph_new();
        int x = on_grid(graph, net_input(graph, SHAPE(1, 16, 12, 10)), in_grid);
        int left = on_grid(graph, NODE(graph, i & 2 ? TW_OP_MAX_POOL : TW_OP_AVERAGE_POOL, x), in_grid);
        struct tw_node *pool = &graph->nodes[graph->node_count - 3];
        assert_int_equal(tw_node_set_ints(graph, pool, "kernel_shape", (int64_t[]){3, 3}, 2, NULL), TW_OK);
        assert_int_equal(tw_node_set_ints(graph, pool, "pads", (int64_t[]){1, 1, 1, 1}, 4, NULL), TW_OK);
        int right = on_grid(graph, convolve(graph, x, &form), other);
        int joined = NODE(graph, TW_OP_CONCAT, left, right);
        SET_INT(graph, "axis", 1);
        expect_near(graph, on_grid(graph, joined, in_grid), in_grid.scale, "Concat", 1, "pool and concatenation");
    }
}

static void mean_of_an_image_of_integers_is_float(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tw_graph *graph = tw_graph_new();
        int x = on_grid(graph, net_input(graph, SHAPE(1, 37, 8, 8)), i ? with_sign : in_grid);
        int y = NODE(graph, TW_OP_GLOBAL_AVERAGE_POOL, x);
        expect_near(graph, y, 1e-4F, "GlobalAveragePool", 1, "mean");
    }
}

static void grids_alone_give_the_reference_s_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct grid_of grid = i == 0 ? in_grid : i == 1 ? with_sign : wide;
        struct tw_graph *graph = tw_graph_new();
        int x = on_grid(graph, net_input(graph, SHAPE(1, 3, 41, 5)), grid);
        int y = on_grid(graph, x, ramp);
        expect_near(graph, i == 2 ? x : y, 1e-6F, "QuantizeLinear", i == 2 ? 1 : 2, "grids");
    }
}

static void int8_is_refused_for_a_network_of_floats(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    struct tw_plan *plan = NULL;
    struct tw_error error = {0};
    int y = NODE(graph, TW_OP_RELU, net_input(graph, SHAPE(1, 4)));
    assert_true(tw_graph_set_outputs(graph, &y, 1));
    const struct tw_plan_options options = {.batch = 1, .precision = TW_PRECISION_INT8};
    assert_int_equal(tw_plan_compile(graph, &options, &plan, &error), TW_UNSUPPORTED);
    assert_non_null(strstr(error.text, "backbone quantize"));
    tw_graph_free(graph);
}

/* A small network of everything that bf16 has steps for. */
static struct tw_graph *small_network(void)
{
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(-1, 3, 23, 23));
    int a = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(32, 3, 3, 3)), against_weights(graph, SHAPE(32)));
    int b = NODE(graph, TW_OP_RELU, a);
    int c = NODE(graph, TW_OP_CONV, b, against_weights(graph, SHAPE(32, 32, 3, 3)));
    SET_INTS(graph, "pads", 1, 1, 1, 1);
    int sum = NODE(graph, TW_OP_RELU, NODE(graph, TW_OP_ADD, c, b));
    int d = NODE(graph, TW_OP_CONV, sum, against_weights(graph, SHAPE(24, 32, 1, 1)));
    int e = NODE(graph, TW_OP_AVERAGE_POOL, sum);
    SET_INTS(graph, "kernel_shape", 3, 3);
    SET_INTS(graph, "pads", 1, 1, 1, 1);
    int joined = NODE(graph, TW_OP_CONCAT, d, e);
    SET_INT(graph, "axis", 1);
    int pooled = NODE(graph, TW_OP_MAX_POOL, joined);
    SET_INTS(graph, "kernel_shape", 3, 3);
    SET_INTS(graph, "strides", 2, 2);
    int y = NODE(graph, TW_OP_FLATTEN, NODE(graph, TW_OP_GLOBAL_AVERAGE_POOL, pooled));
    int outputs[] = {y, pooled};
    assert_true(tw_graph_set_outputs(graph, outputs, 2));
    return graph;
}

static struct tw_plan *compile_bf16(const struct tw_graph *graph, int64_t batch, int threads)
{
    struct tw_plan *plan = NULL;
    struct tw_error error = {0};
    const struct tw_plan_options options = {.batch = batch, .threads_inside = threads, .precision = TW_PRECISION_BF16};
    if (tw_plan_compile(graph, &options, &plan, &error))
        fail_msg("%s", error.text);
    return plan;
}

static void bf16_is_near_the_reference_where_the_cpu_has_it(void **state)
{
    (void)state;
    struct tw_graph *graph = small_network();
    struct tw_plan *plan = compile_bf16(graph, 1, 1);
    bool has_bf16 = tw_engine_precision(TW_PRECISION_BF16) == TW_PRECISION_BF16;
    float *inputs[8], *outputs[8];
    void *expected[8] = {0};
    struct tw_error error = {0};
    assert_int_equal(steps_in(plan, "bf16", "Conv"), has_bf16 ? 3 : 0);
    assert_int_equal(steps_in(plan, "bf16", "Concat"), has_bf16 ? 1 : 0);
    assert_int_equal(steps_in(plan, "f32", "Conv"), has_bf16 ? 0 : 3);
    against_run(plan, outputs);
    against_inputs(plan, false, inputs);
    graph->values[graph->inputs[0]].shape.dims[0] = 1;
    net_ready(graph);
    assert_int_equal(tw_reference_run(graph, (const void *const *)inputs, expected, &error), TW_OK);
    for (size_t o = 0; o < 2; o++) {
        size_t size = against_floats(tw_plan_output_shape(plan, o));
        double greatest = 0;
        for (size_t i = 0; i < size; i++)
            greatest = fmax(greatest, fabs((double)((float *)expected[o])[i]));
        for (size_t i = 0; i < size; i++)
            assert_true(fabs((double)outputs[o][i] - (double)((float *)expected[o])[i]) <= 0.02 * greatest);
        tw_free(expected[o]);
    }
    against_free(outputs, 2);
    against_free(inputs, 1);
    tw_plan_free(plan);
    tw_graph_free(graph);
}

static void bf16_gives_the_same_bits_for_any_threads_and_batch(void **state)
{
    (void)state;
    struct tw_graph *graph = small_network();
    float *one[8], *three[8];
    struct tw_plan *plan = compile_bf16(graph, 2, 1), *other = compile_bf16(graph, 4, 3);
    against_run(plan, one);
    against_run(other, three);
    for (size_t o = 0; o < 2; o++)
        assert_memory_equal(one[o], three[o], against_floats(tw_plan_output_shape(plan, o)) * sizeof(float));
    against_free(one, 2);
    against_free(three, 2);
    tw_plan_free(plan);
    tw_plan_free(other);
    tw_graph_free(graph);
}

static void identity_tells_precisions_apart(void **state)
{
    (void)state;
    assert_string_not_equal(tw_engine_identity(TW_PRECISION_F32), tw_engine_identity(TW_PRECISION_INT8));
    if (tw_engine_precision(TW_PRECISION_BF16) == TW_PRECISION_BF16)
        assert_string_not_equal(tw_engine_identity(TW_PRECISION_F32), tw_engine_identity(TW_PRECISION_BF16));
    else
        assert_string_equal(tw_engine_identity(TW_PRECISION_F32), tw_engine_identity(TW_PRECISION_BF16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_on_grids_is_done_in_integers),
        cmocka_unit_test(convolution_whose_floats_are_wanted_gives_floats),
        cmocka_unit_test(matrices_on_grids_are_multiplied_in_integers),
        cmocka_unit_test(residual_on_its_grid_is_added_inside),
        cmocka_unit_test(sums_of_two_grids_are_done_in_integers),
        cmocka_unit_test(pools_and_concatenations_pass_integers_on),
        cmocka_unit_test(mean_of_an_image_of_integers_is_float),
        cmocka_unit_test(grids_alone_give_the_reference_s_bits),
        cmocka_unit_test(int8_is_refused_for_a_network_of_floats),
        cmocka_unit_test(bf16_is_near_the_reference_where_the_cpu_has_it),
        cmocka_unit_test(bf16_gives_the_same_bits_for_any_threads_and_batch),
        cmocka_unit_test(identity_tells_precisions_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
