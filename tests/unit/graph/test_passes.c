#include "net.h"

#include "base/random.h"
#include "graph/passes.h"

/* Numbers that are the same in every run, between -1 and 1. */
static void fill(float *values, size_t count, uint64_t stream)
{
    struct tw_random random = {.seed = 7, .stream = stream};
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(tw_random_unit(&random) * 2 - 1);
}

static int weights(struct tw_graph *graph, struct tw_shape shape)
{
    int64_t count;
    assert_true(tw_shape_count(&shape, &count));
    float *values = tw_alloc((size_t)count, sizeof *values);
    assert_non_null(values);
    fill(values, (size_t)count, graph->value_count);
    int id = net_constant(graph, TW_F32, shape, values, (size_t)count);
    tw_free(values);
    return id;
}

static int positive(struct tw_graph *graph, int64_t count)
{
    int id = weights(graph, SHAPE(count));
    float *values = (float *)(uintptr_t)graph->values[id].data;
    for (int64_t i = 0; i < count; i++)
        values[i] = fabsf(values[i]) + 0.5f;
    return id;
}

static int scalar(struct tw_graph *graph, float value)
{
    return F32(graph, SCALAR, value);
}

static int conv(struct tw_graph *graph, int x, int64_t in, int64_t out, int64_t size)
{
    int y = NODE(graph, TW_OP_CONV, x, weights(graph, SHAPE(out, in, size, size)), weights(graph, SHAPE(out)));
    SET_INTS(graph, "pads", size / 2, size / 2, size / 2, size / 2);
    return y;
}

static int transposed(struct tw_graph *graph, int x, const int64_t perm[4])
{
    int y = NODE(graph, TW_OP_TRANSPOSE, x);
    SET_INTS(graph, "perm", perm[0], perm[1], perm[2], perm[3]);
    return y;
}
static const int64_t to_nchw[] = {0, 3, 1, 2}, to_nhwc[] = {0, 2, 3, 1};

static size_t elements(const struct tw_graph *graph, int id)
{
    int64_t count;
    assert_true(tw_shape_count(&graph->values[id].shape, &count));
    return (size_t)count;
}

/* Optimises; the output must keep its name, type, shape and numbers. */
static void optimise(struct tw_graph *graph, int output)
{
    struct tw_error error = {0};
    float *input = NULL, *before = NULL, *after = NULL;
    char name[64];
    assert_true(tw_graph_set_outputs(graph, &output, 1));
    net_ready(graph);
    size_t count = elements(graph, output), input_count = elements(graph, graph->inputs[0]);
    input = tw_alloc(input_count, sizeof *input);
    assert_non_null(input);
    fill(input, input_count, 1000);
    snprintf(name, sizeof name, "%s", graph->values[output].name);
    const struct tw_shape shape = graph->values[output].shape;
    assert_int_equal(tw_reference_run(graph, (const void *[]){input}, (void **)&before, &error), TW_OK);
    if (tw_graph_optimise(graph, &error))
        fail_msg("%s", error.text);
    assert_int_equal(graph->output_count, 1);
    assert_string_equal(graph->values[graph->outputs[0]].name, name);
    assert_true(tw_shape_equal(&shape, &graph->values[graph->outputs[0]].shape));
    if (tw_reference_run(graph, (const void *[]){input}, (void **)&after, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < count; i++) {
        if (!(fabsf(after[i] - before[i]) <= 2e-5f * (1 + fabsf(before[i]))))
            fail_msg("element %zu became %.9g from %.9g", i, (double)after[i], (double)before[i]);
    }
    tw_free(input);
    tw_free(before);
    tw_free(after);
}

static void expect_ops(const struct tw_graph *graph, const enum tw_op *ops, size_t count)
{
    for (size_t i = 0; i < graph->node_count && i < count; i++)
        assert_string_equal(tw_op_table[graph->nodes[i].op].name, tw_op_table[ops[i]].name);
    assert_int_equal(graph->node_count, count);
}
#define EXPECT_OPS(graph, ...) expect_ops(graph, (enum tw_op[]){__VA_ARGS__}, COUNT(enum tw_op, __VA_ARGS__))

static void conv_takes_batch_norm_scale_bias_and_relu(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2, 4, 4));
    int y = NODE(graph, TW_OP_CONV, x, weights(graph, SHAPE(3, 2, 3, 3)));
    y = NODE(graph, TW_OP_BATCH_NORM, y, weights(graph, SHAPE(3)), weights(graph, SHAPE(3)), weights(graph, SHAPE(3)),
             positive(graph, 3));
    y = NODE(graph, TW_OP_MUL, y, weights(graph, SHAPE(3, 1, 1)));
    y = NODE(graph, TW_OP_SUB, scalar(graph, 0.25f), y);
    y = NODE(graph, TW_OP_DIV, y, scalar(graph, 0.5f));
    y = NODE(graph, TW_OP_RELU, y);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_CONV);
    assert_int_equal(graph->nodes[0].activation, TW_ACT_RELU);
    assert_int_equal(graph->nodes[0].input_count, 3);
    tw_graph_free(graph);
}

static void grouped_conv_transpose_takes_batch_norm(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 4, 3, 3));
    int y = NODE(graph, TW_OP_CONV_TRANSPOSE, x, weights(graph, SHAPE(4, 3, 2, 2)));
    SET_INT(graph, "group", 2);
    y = NODE(graph, TW_OP_BATCH_NORM, y, weights(graph, SHAPE(6)), weights(graph, SHAPE(6)), weights(graph, SHAPE(6)),
             positive(graph, 6));
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_CONV_TRANSPOSE);
    tw_graph_free(graph);
}

static void value_with_other_uses_is_not_fused_away(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2, 4, 4));
    int c = conv(graph, x, 2, 2, 1);
    int y = NODE(graph, TW_OP_CONCAT, c, NODE(graph, TW_OP_RELU, c));
    SET_INT(graph, "axis", 1);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_CONV, TW_OP_RELU, TW_OP_CONCAT);
    tw_graph_free(graph);
}

static void matmul_and_bias_become_gemm(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 5));
    int y = NODE(graph, TW_OP_MATMUL, x, weights(graph, SHAPE(5, 3)));
    y = NODE(graph, TW_OP_ADD, weights(graph, SHAPE(3)), y);
    y = NODE(graph, TW_OP_GEMM, y, weights(graph, SHAPE(4, 3)), weights(graph, SHAPE(1, 4)));
    SET_INT(graph, "transB", 1);
    SET_FLOAT(graph, "alpha", 0.5f);
    SET_FLOAT(graph, "beta", 3);
    y = NODE(graph, TW_OP_MUL, y, weights(graph, SHAPE(4)));
    y = NODE(graph, TW_OP_TANH, NODE(graph, TW_OP_ADD, y, scalar(graph, 1)));
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_GEMM, TW_OP_GEMM);
    assert_int_equal(graph->nodes[1].activation, TW_ACT_TANH);
    tw_graph_free(graph);
}

static void residual_goes_into_the_later_conv(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2, 4, 4));
    int a = conv(graph, x, 2, 3, 1), b = conv(graph, x, 2, 3, 3);
    int y = NODE(graph, TW_OP_RELU, NODE(graph, TW_OP_ADD, a, b));
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_CONV, TW_OP_CONV);
    assert_int_equal(graph->nodes[1].residual, graph->nodes[0].outputs[0]);
    assert_int_equal(graph->nodes[1].activation, TW_ACT_RELU);
    tw_graph_free(graph);
}

static void residual_that_broadcasts_stays_an_add(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2, 4, 4));
    int pooled = NODE(graph, TW_OP_GLOBAL_AVERAGE_POOL, x);
    int y = NODE(graph, TW_OP_RELU, NODE(graph, TW_OP_ADD, conv(graph, x, 2, 2, 1), pooled));
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_GLOBAL_AVERAGE_POOL, TW_OP_CONV, TW_OP_ADD);
    assert_int_equal(graph->nodes[2].activation, TW_ACT_RELU);
    tw_graph_free(graph);
}

static void every_activation_fuses(void **state)
{
    (void)state;
    static const struct {
        enum tw_op op;
        enum tw_activation activation;
    } cases[] = {
        {TW_OP_RELU, TW_ACT_RELU}, {TW_OP_SIGMOID, TW_ACT_SIGMOID},
        {TW_OP_TANH, TW_ACT_TANH}, {TW_OP_HARD_SWISH, TW_ACT_HARD_SWISH},
        {TW_OP_GELU, TW_ACT_GELU}, {TW_OP_LEAKY_RELU, TW_ACT_LEAKY},
        {TW_OP_MUL, TW_ACT_SWISH}, {TW_OP_CLIP, TW_ACT_CLIP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_graph *graph = tw_graph_new();
        int y = conv(graph, net_input(graph, SHAPE(1, 2, 3, 3)), 2, 4, 3);
        if (cases[i].op == TW_OP_MUL)
            y = NODE(graph, TW_OP_MUL, y, NODE(graph, TW_OP_SIGMOID, y));
        else if (cases[i].op == TW_OP_CLIP)
            y = NODE(graph, TW_OP_CLIP, y, scalar(graph, -0.5f), scalar(graph, 0.25f));
        else
            y = NODE(graph, cases[i].op, y);
        optimise(graph, y);
        EXPECT_OPS(graph, TW_OP_CONV);
        assert_int_equal(graph->nodes[0].activation, cases[i].activation);
        tw_graph_free(graph);
    }
}

static void gelu_of_its_parts_is_one_activation(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        struct tw_graph *graph = tw_graph_new();
        int x = net_input(graph, SHAPE(2, 5));
        x = NODE(graph, TW_OP_GEMM, x, weights(graph, SHAPE(5, 4)));
        int scaled = form ? NODE(graph, TW_OP_MUL, x, scalar(graph, (float)M_SQRT1_2))
                          : NODE(graph, TW_OP_DIV, x, scalar(graph, (float)M_SQRT2));
        int sum = NODE(graph, TW_OP_ADD, NODE(graph, TW_OP_ERF, scaled), scalar(graph, 1)), y;
        if (form == 0)
            y = NODE(graph, TW_OP_MUL, NODE(graph, TW_OP_MUL, x, sum), scalar(graph, 0.5f));
        else if (form == 1)
            y = NODE(graph, TW_OP_MUL, NODE(graph, TW_OP_MUL, scalar(graph, 0.5f), x), sum);
        else
            y = NODE(graph, TW_OP_MUL, x, NODE(graph, TW_OP_MUL, sum, scalar(graph, 0.5f)));
        optimise(graph, y);
        EXPECT_OPS(graph, TW_OP_GEMM);
        assert_int_equal(graph->nodes[0].activation, TW_ACT_GELU);
        tw_graph_free(graph);
    }
}

static void hard_swish_of_its_parts_is_one_activation(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        struct tw_graph *graph = tw_graph_new();
        int x = conv(graph, net_input(graph, SHAPE(1, 2, 3, 3)), 2, 2, 3), y;
        int bounded = form == 2 ? -1
                                : NODE(graph, TW_OP_CLIP, NODE(graph, TW_OP_ADD, x, scalar(graph, 3)), scalar(graph, 0),
                                       scalar(graph, 6));
        if (form == 0) {
            y = NODE(graph, TW_OP_DIV, NODE(graph, TW_OP_MUL, x, bounded), scalar(graph, 6));
        } else if (form == 1) {
            y = NODE(graph, TW_OP_MUL, x, NODE(graph, TW_OP_MUL, bounded, scalar(graph, 1.f / 6)));
        } else {
            int sigmoid = NODE(graph, TW_OP_HARD_SIGMOID, x);
            SET_FLOAT(graph, "alpha", 1.f / 6);
            y = NODE(graph, TW_OP_MUL, sigmoid, x);
        }
        optimise(graph, y);
        EXPECT_OPS(graph, TW_OP_CONV);
        assert_int_equal(graph->nodes[0].activation, TW_ACT_HARD_SWISH);
        tw_graph_free(graph);
    }
}

static void layer_norm_of_its_parts_is_one_node(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3, 5));
    int mean = NODE(graph, TW_OP_REDUCE_MEAN, x);
    SET_INTS(graph, "axes", -1);
    int centred = NODE(graph, TW_OP_SUB, x, mean);
    int square = NODE(graph, TW_OP_POW, centred, scalar(graph, 2));
    int variance = NODE(graph, TW_OP_REDUCE_MEAN, square);
    SET_INTS(graph, "axes", 2);
    int root = NODE(graph, TW_OP_SQRT, NODE(graph, TW_OP_ADD, variance, scalar(graph, 0.125f)));
    int scaled = NODE(graph, TW_OP_MUL, NODE(graph, TW_OP_DIV, centred, root), weights(graph, SHAPE(5)));
    int y = NODE(graph, TW_OP_ADD, scaled, weights(graph, SHAPE(5)));
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_LAYER_NORM);
    assert_int_equal(graph->nodes[0].input_count, 3);
    assert_true(tw_node_float(&graph->nodes[0], "epsilon", 0) == 0.125f);
    tw_graph_free(graph);
}

static void pads_go_into_convs_and_pools(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2, 6, 6)), pads = I64(graph, 0, 0, 1, 2, 0, 0, 0, 1);
    int y = NODE(graph, TW_OP_CONV, NODE(graph, TW_OP_PAD, x, pads), weights(graph, SHAPE(2, 2, 3, 3)));
    y = NODE(graph, TW_OP_RELU, y);
    int side = I64(graph, 0, 0, 1, 1, 0, 0, 1, 1);
    y = NODE(graph, TW_OP_MAX_POOL, NODE(graph, TW_OP_PAD, y, side));
    SET_INTS(graph, "kernel_shape", 3, 3);
    y = NODE(graph, TW_OP_AVERAGE_POOL, NODE(graph, TW_OP_PAD, y, side, scalar(graph, 0)));
    SET_INTS(graph, "kernel_shape", 2, 2);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_CONV, TW_OP_MAX_POOL, TW_OP_AVERAGE_POOL);
    assert_int_equal(tw_node_int(&graph->nodes[2], "count_include_pad", 0), 1);
    tw_graph_free(graph);
}

static void zero_pads_of_what_may_be_negative_stay(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2, 6, 6));
    int y = NODE(graph, TW_OP_MAX_POOL, NODE(graph, TW_OP_PAD, x, I64(graph, 0, 0, 1, 1, 0, 0, 1, 1)));
    SET_INTS(graph, "kernel_shape", 2, 2);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_PAD, TW_OP_MAX_POOL);
    tw_graph_free(graph);
}

static void means_over_space_are_global_pools(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3, 4, 4));
    int y = NODE(graph, TW_OP_REDUCE_MEAN, NODE(graph, TW_OP_ABS, x));
    SET_INTS(graph, "axes", -1, 2);
    SET_INT(graph, "keepdims", 0);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_ABS, TW_OP_GLOBAL_AVERAGE_POOL, TW_OP_FLATTEN);
    tw_graph_free(graph);
}

static void what_does_nothing_goes(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3));
    int y = NODE(graph, TW_OP_ABS, NODE(graph, TW_OP_IDENTITY, x));
    y = NODE(graph, TW_OP_DROPOUT, y);
    y = NODE(graph, TW_OP_RESHAPE, y, I64(graph, 3, 2));
    y = NODE(graph, TW_OP_RESHAPE, y, I64(graph, 2, 3));
    y = NODE(graph, TW_OP_CAST, y);
    SET_INT(graph, "to", 1);
    y = NODE(graph, TW_OP_MUL, y, weights(graph, SHAPE(1)));
    y = NODE(graph, TW_OP_ADD, y, scalar(graph, 0));
    NODE(graph, TW_OP_EXP, y);
    y = NODE(graph, TW_OP_IDENTITY, y);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_ABS, TW_OP_MUL);
    tw_graph_free(graph);
}

static void identity_of_an_input_keeps_the_names(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3));
    optimise(graph, NODE(graph, TW_OP_IDENTITY, x));
    EXPECT_OPS(graph, TW_OP_IDENTITY);
    tw_graph_free(graph);
}

static void constants_fold(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3));
    int w = NODE(graph, TW_OP_TRANSPOSE, weights(graph, SHAPE(4, 3)));
    w = NODE(graph, TW_OP_MUL, w, scalar(graph, 2));
    int shape = NODE(graph, TW_OP_SHAPE, x);
    int y = NODE(graph, TW_OP_RESHAPE, NODE(graph, TW_OP_MATMUL, x, w), I64(graph, -1));
    int sizes = NODE(graph, TW_OP_CONCAT, NODE(graph, TW_OP_GATHER, shape, I64(graph, 0)), I64(graph, -1));
    SET_INT(graph, "axis", 0);
    y = NODE(graph, TW_OP_RESHAPE, NODE(graph, TW_OP_NEG, y), sizes);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_MATMUL, TW_OP_RESHAPE, TW_OP_NEG, TW_OP_RESHAPE);
    tw_graph_free(graph);
}

/* What an importer makes of a TensorFlow network: every convolution in its own pair of Transposes. */
static void transposes_of_a_nhwc_network_cancel(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 6, 6, 2));
    int a = transposed(graph, conv(graph, transposed(graph, x, to_nchw), 2, 4, 3), to_nhwc);
    a = NODE(graph, TW_OP_RELU, NODE(graph, TW_OP_ADD, a, weights(graph, SHAPE(4))));
    int b = transposed(graph, conv(graph, transposed(graph, a, to_nchw), 4, 3, 1), to_nhwc);
    int joined = NODE(graph, TW_OP_CONCAT, a, b);
    SET_INT(graph, "axis", 3);
    int padded = NODE(graph, TW_OP_PAD, joined, I64(graph, 0, 1, 0, 0, 0, 0, 2, 0));
    int c = transposed(graph, conv(graph, transposed(graph, padded, to_nchw), 7, 5, 3), to_nhwc);
    int mean = NODE(graph, TW_OP_REDUCE_MEAN, c);
    SET_INTS(graph, "axes", 1, 2);
    int gate = transposed(graph, conv(graph, transposed(graph, mean, to_nchw), 5, 5, 1), to_nhwc);
    int y = NODE(graph, TW_OP_MUL, NODE(graph, TW_OP_SIGMOID, gate), c);
    y = NODE(graph, TW_OP_REDUCE_MEAN, y);
    SET_INTS(graph, "axes", 1, 2);
    SET_INT(graph, "keepdims", 0);
    optimise(graph, y);
    EXPECT_OPS(graph, TW_OP_TRANSPOSE, TW_OP_CONV, TW_OP_CONV, TW_OP_CONCAT, TW_OP_CONV, TW_OP_GLOBAL_AVERAGE_POOL,
               TW_OP_CONV, TW_OP_MUL, TW_OP_GLOBAL_AVERAGE_POOL, TW_OP_FLATTEN);
    tw_graph_free(graph);
}

/* One more random op on a [1, h, w, c] value. */
static int random_op(struct tw_graph *graph, struct tw_random *random, int x, int other)
{
    net_ready(graph);
    int64_t channels = graph->values[x].shape.dims[3];
    switch (tw_random_below(random, 16)) {
    case 0:
    case 1:
        return transposed(graph, conv(graph, transposed(graph, x, to_nchw), channels, 3, 3), to_nhwc);
    case 2:
        return NODE(graph, TW_OP_RELU, x);
    case 3:
        return NODE(graph, TW_OP_ADD, x, weights(graph, SHAPE(channels)));
    case 4:
        return NODE(graph, TW_OP_MUL, weights(graph, SHAPE(1, 1, channels)), x);
    case 5:
        return NODE(graph, TW_OP_MUL, x, NODE(graph, TW_OP_SIGMOID, x));
    case 6:
        return tw_shape_equal(&graph->values[x].shape, &graph->values[other].shape) ? NODE(graph, TW_OP_ADD, x, other)
                                                                                    : x;
    case 7: {
        int y = NODE(graph, TW_OP_PAD, x, I64(graph, 0, 1, 0, 0, 0, 0, 1, 0));
        return y;
    }
    case 8: {
        int y = NODE(graph, TW_OP_MAX_POOL, transposed(graph, x, to_nchw));
        SET_INTS(graph, "kernel_shape", 2, 2);
        return transposed(graph, y, to_nhwc);
    }
    case 9: {
        int y = NODE(graph, TW_OP_CONCAT, x, NODE(graph, TW_OP_TANH, x));
        SET_INT(graph, "axis", -1);
        return channels < 12 ? y : x;
    }
    case 10:
        return NODE(graph, TW_OP_CLIP, x, scalar(graph, -0.5f), scalar(graph, 2));
    case 11: {
        int y = NODE(graph, TW_OP_REDUCE_MEAN, x);
        SET_INTS(graph, "axes", 1, 2);
        return NODE(graph, TW_OP_MUL, x, NODE(graph, TW_OP_SIGMOID, y));
    }
    case 12: {
        int64_t c = channels;
        int y = NODE(graph, TW_OP_BATCH_NORM, transposed(graph, x, to_nchw), weights(graph, SHAPE(c)),
                     weights(graph, SHAPE(c)), weights(graph, SHAPE(c)), positive(graph, c));
        return transposed(graph, y, to_nhwc);
    }
    case 13:
        return NODE(graph, TW_OP_SUB, x, weights(graph, SHAPE(graph->values[x].shape.dims[1], 1, 1)));
    case 14: {
        int y = NODE(graph, TW_OP_SOFTMAX, x);
        return y;
    }
    default:
        return NODE(graph, TW_OP_MATMUL, x, weights(graph, SHAPE(channels, channels)));
    }
}

static void random_networks_keep_their_results(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct tw_random random = {.seed = seed, .stream = 1};
        struct tw_graph *graph = tw_graph_new();
        int x = net_input(graph, SHAPE(1, 7, 6, 2)), other = x;
        for (uint64_t i = 0, count = 1 + tw_random_below(&random, 12); i < count; i++) {
            int y = random_op(graph, &random, x, other);
            other = tw_random_below(&random, 2) ? x : other;
            x = y;
        }
        optimise(graph, NODE(graph, TW_OP_IDENTITY, x));
        tw_graph_free(graph);
    }
}

static void lack_of_memory_is_survived(void **state)
{
    (void)state;
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status; n += 3) {
        struct tw_error error = {0};
        struct tw_graph *graph = tw_graph_new();
        int x = net_input(graph, SHAPE(1, 4, 4, 2));
        int y = transposed(graph, conv(graph, transposed(graph, x, to_nchw), 2, 2, 1), to_nhwc);
        y = NODE(graph, TW_OP_RELU, NODE(graph, TW_OP_MUL, y, weights(graph, SHAPE(2))));
        assert_true(tw_graph_set_outputs(graph, &y, 1));
        net_ready(graph);
        tw_memory_fail_at(n);
        status = tw_graph_optimise(graph, &error);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
        tw_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_takes_batch_norm_scale_bias_and_relu),
        cmocka_unit_test(grouped_conv_transpose_takes_batch_norm),
        cmocka_unit_test(value_with_other_uses_is_not_fused_away),
        cmocka_unit_test(matmul_and_bias_become_gemm),
        cmocka_unit_test(residual_goes_into_the_later_conv),
        cmocka_unit_test(residual_that_broadcasts_stays_an_add),
        cmocka_unit_test(every_activation_fuses),
        cmocka_unit_test(gelu_of_its_parts_is_one_activation),
        cmocka_unit_test(hard_swish_of_its_parts_is_one_activation),
        cmocka_unit_test(layer_norm_of_its_parts_is_one_node),
        cmocka_unit_test(pads_go_into_convs_and_pools),
        cmocka_unit_test(zero_pads_of_what_may_be_negative_stay),
        cmocka_unit_test(means_over_space_are_global_pools),
        cmocka_unit_test(what_does_nothing_goes),
        cmocka_unit_test(identity_of_an_input_keeps_the_names),
        cmocka_unit_test(constants_fold),
        cmocka_unit_test(transposes_of_a_nhwc_network_cancel),
        cmocka_unit_test(random_networks_keep_their_results),
        cmocka_unit_test(lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
