#include "engine/against.h"

#include "engine/isa.h"

/* Picks that are the same in every run. */
static struct tw_random picks;

static int64_t pick(int64_t low, int64_t high)
{
    return low + (int64_t)tw_random_below(&picks, (uint64_t)(high - low + 1));
}

static int restart(void **state)
{
    (void)state;
    picks = (struct tw_random){.seed = 3};
    return 0;
}

static int scalar(struct tw_graph *graph, float value)
{
    return F32(graph, SCALAR, value);
}

static int activated(struct tw_graph *graph, int y, enum tw_activation activation)
{
    switch (activation) {
    case TW_ACT_NONE:
        return y;
    case TW_ACT_RELU:
        return NODE(graph, TW_OP_RELU, y);
    case TW_ACT_CLIP:
        return NODE(graph, TW_OP_CLIP, y, scalar(graph, -0.25f), scalar(graph, 0.5f));
    case TW_ACT_SIGMOID:
        return NODE(graph, TW_OP_SIGMOID, y);
    case TW_ACT_SWISH:
        return NODE(graph, TW_OP_MUL, NODE(graph, TW_OP_SIGMOID, y), y);
    case TW_ACT_HARD_SWISH:
        return NODE(graph, TW_OP_HARD_SWISH, y);
    case TW_ACT_GELU:
        return NODE(graph, TW_OP_GELU, y);
    case TW_ACT_LEAKY:
        y = NODE(graph, TW_OP_LEAKY_RELU, y);
        SET_FLOAT(graph, "alpha", 0.3f);
        return y;
    case TW_ACT_TANH:
        return NODE(graph, TW_OP_TANH, y);
    }
    return y;
}

struct conv_case {
    int64_t batch, groups, in, out, height, width, kernel[2], stride[2], dilation[2], pads[4];
    bool has_bias, has_residual;
    enum tw_activation activation;
};

static int make_conv(struct tw_graph *graph, int x, const struct conv_case *c)
{
    int w = against_weights(graph, SHAPE(c->out, c->in / c->groups, c->kernel[0], c->kernel[1]));
    int y = c->has_bias ? NODE(graph, TW_OP_CONV, x, w, against_weights(graph, SHAPE(c->out)))
                        : NODE(graph, TW_OP_CONV, x, w);
    SET_INT(graph, "group", c->groups);
    SET_INTS(graph, "strides", c->stride[0], c->stride[1]);
    SET_INTS(graph, "dilations", c->dilation[0], c->dilation[1]);
    SET_INTS(graph, "pads", c->pads[0], c->pads[1], c->pads[2], c->pads[3]);
    return y;
}

static void check_conv(const struct conv_case *c)
{
    char what[256];
    snprintf(what, sizeof what,
             "conv n%d g%d %d->%d of %dx%d, kernel %dx%d, stride %d,%d, dilation %d,%d, pads %d,%d,%d,%d, act %d%s%s",
             (int)c->batch, (int)c->groups, (int)c->in, (int)c->out, (int)c->height, (int)c->width, (int)c->kernel[0],
             (int)c->kernel[1], (int)c->stride[0], (int)c->stride[1], (int)c->dilation[0], (int)c->dilation[1],
             (int)c->pads[0], (int)c->pads[1], (int)c->pads[2], (int)c->pads[3], (int)c->activation,
             c->has_bias ? ", bias" : "", c->has_residual ? ", residual" : "");
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(c->batch, c->in, c->height, c->width));
    int y = make_conv(graph, x, c);
    if (c->has_residual) /* of another convolution of the same shape */
        y = NODE(graph, TW_OP_ADD, make_conv(graph, x, c), y);
    bool is_refused = c->activation == TW_ACT_HARD_SWISH && !tw_isa_has_hard_swish();
    against_expect(graph, activated(graph, y, c->activation), is_refused ? NULL : "onednn", what);
}

static void random_convs_equal_the_reference(void **state)
{
    static const int64_t channels[] = {1, 2, 3, 5, 8, 16, 24, 32};
    (void)state;
    for (int i = 0; i < 120; i++) {
        struct conv_case c = {.batch = pick(1, 8) == 8 ? 2 : 1, .groups = 1};
        int64_t depth = channels[pick(0, 4)];
        c.in = channels[pick(0, 7)], c.out = channels[pick(0, 7)];
        if (i % 4 == 1) /* depthwise, with a multiplier */
            c.groups = c.in, c.out = c.in * pick(1, 2);
        else if (i % 4 == 2) /* grouped */
            c.groups = pick(2, 4), c.in = c.groups * depth, c.out = c.groups * channels[pick(0, 4)];
        for (int k = 0; k < 2; k++) {
            c.kernel[k] = pick(1, 5), c.stride[k] = pick(1, 3), c.dilation[k] = pick(1, 2);
            c.pads[k] = pick(0, c.kernel[k] - 1), c.pads[k + 2] = pick(0, c.kernel[k] - 1);
        }
        c.height = pick(9, 14), c.width = pick(9, 14);
        c.has_bias = pick(0, 1) != 0, c.has_residual = pick(0, 3) == 0;
        c.activation = (enum tw_activation)pick(0, TW_ACT_TANH);
        check_conv(&c);
    }
}

/* Inception's 1x7 and 7x1, its 3x3 with stride 2 and no padding, and a kernel that covers the whole picture. */
static void convs_of_known_networks_equal_the_reference(void **state)
{
    static const struct conv_case cases[] = {
        {1, 1, 32, 48, 17, 17, {1, 7}, {1, 1}, {1, 1}, {0, 3, 0, 3}, true, false, TW_ACT_RELU},
        {1, 1, 32, 48, 17, 17, {7, 1}, {1, 1}, {1, 1}, {3, 0, 3, 0}, true, false, TW_ACT_RELU},
        {1, 1, 3, 32, 33, 33, {3, 3}, {2, 2}, {1, 1}, {0, 0, 0, 0}, true, false, TW_ACT_RELU},
        {1, 1, 3, 16, 30, 30, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, true, false, TW_ACT_HARD_SWISH},
        {1, 1, 16, 10, 6, 6, {6, 6}, {1, 1}, {1, 1}, {0, 0, 0, 0}, true, false, TW_ACT_NONE},
        {1, 1, 64, 64, 8, 8, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, false, true, TW_ACT_RELU},
        {1, 1, 64, 64, 8, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, true, true, TW_ACT_RELU},
        {1, 1, 48, 64, 12, 12, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}, true, false, TW_ACT_SWISH},
        {1, 72, 72, 72, 14, 14, {5, 5}, {2, 2}, {1, 1}, {1, 1, 2, 2}, true, false, TW_ACT_CLIP},
        {3, 1, 16, 16, 7, 7, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, true, true, TW_ACT_SIGMOID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_conv(&cases[i]);
}

static void convs_that_onednn_does_not_get_equal_the_reference(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new(); /* one space axis */
    int x = net_input(graph, SHAPE(1, 4, 20));
    int y = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(6, 4, 3)), against_weights(graph, SHAPE(6)));
    SET_INTS(graph, "pads", 1, 2);
    SET_INTS(graph, "strides", 2);
    against_expect(graph, NODE(graph, TW_OP_RELU, y), "reference", "1-D conv");

    graph = tw_graph_new(); /* weights that come in at run time */
    x = net_input(graph, SHAPE(1, 4, 6, 6));
    int w = NODE(graph, TW_OP_SLICE, x, I64(graph, 0, 0), I64(graph, 3, 2), I64(graph, 2, 3));
    w = NODE(graph, TW_OP_RESHAPE, w, I64(graph, -1, 4, 3, 1));
    against_expect(graph, NODE(graph, TW_OP_CONV, x, w), "reference", "conv with weights made in the graph");

    graph = tw_graph_new();
    x = net_input(graph, SHAPE(1, 4, 5, 6));
    y = NODE(graph, TW_OP_CONV_TRANSPOSE, x, against_weights(graph, SHAPE(4, 3, 3, 2)));
    SET_INTS(graph, "strides", 2, 3);
    against_expect(graph, NODE(graph, TW_OP_RELU, y), "reference", "transposed conv");
}

static void random_pools_equal_the_reference(void **state)
{
    static const enum tw_op ops[] = {TW_OP_MAX_POOL, TW_OP_AVERAGE_POOL, TW_OP_GLOBAL_AVERAGE_POOL,
                                     TW_OP_GLOBAL_MAX_POOL};
    (void)state;
    for (int i = 0; i < 120; i++) {
        struct tw_graph *graph = tw_graph_new();
        enum tw_op op = ops[pick(0, 4) % 4];
        int64_t channels = pick(1, 3) * (pick(0, 1) ? 16 : 1), kernel[2] = {pick(1, 4), pick(1, 4)};
        int x = net_input(graph, SHAPE(pick(1, 2), channels, pick(8, 13), pick(8, 13))), y = x;
        if (pick(0, 1)) { /* in whatever order a convolution leaves */
            y = NODE(graph, TW_OP_CONV, y, against_weights(graph, SHAPE(channels, channels, 1, 1)));
        }
        y = NODE(graph, op, y);
        if (op == TW_OP_MAX_POOL || op == TW_OP_AVERAGE_POOL) {
            int64_t pads[4];
            for (int k = 0; k < 4; k++)
                pads[k] = pick(0, kernel[k % 2] - 1);
            SET_INTS(graph, "kernel_shape", kernel[0], kernel[1]);
            SET_INTS(graph, "strides", pick(1, 3), pick(1, 3));
            SET_INTS(graph, "pads", pads[0], pads[1], pads[2], pads[3]);
            SET_INT(graph, "ceil_mode", pick(0, 1));
            if (op == TW_OP_AVERAGE_POOL)
                SET_INT(graph, "count_include_pad", pick(0, 1));
            else if (pick(0, 3) == 0)
                SET_INTS(graph, "dilations", 2, 2);
        }
        char what[64];
        snprintf(what, sizeof what, "pool %d (%s)", i, tw_op_table[op].name);
        against_expect(graph, y, NULL, what);
    }
}

static void global_pool_is_done_by_onednn(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 32, 7, 7));
    against_expect(graph, NODE(graph, TW_OP_GLOBAL_AVERAGE_POOL, x), "onednn pool", "global pool");
}

static void activations_alone_equal_the_reference(void **state)
{
    (void)state;
    for (int i = TW_ACT_RELU; i <= TW_ACT_TANH; i++) {
        struct tw_graph *graph = tw_graph_new();
        char what[32];
        int x = net_input(graph, SHAPE(1, 3, 5, 7));
        x = NODE(graph, TW_OP_MUL, x, scalar(graph, 6)); /* both bounds of hard swish are passed */
        snprintf(what, sizeof what, "activation %d", i);
        against_expect(graph, activated(graph, NODE(graph, TW_OP_ABS, x), (enum tw_activation)i), NULL, what);
    }
}

static void random_elementwise_equal_the_reference(void **state)
{
    static const enum tw_op ops[] = {TW_OP_ADD, TW_OP_SUB, TW_OP_MUL, TW_OP_DIV, TW_OP_MIN, TW_OP_MAX};
    (void)state;
    for (int i = 0; i < 120; i++) {
        struct tw_graph *graph = tw_graph_new();
        struct tw_shape a = SHAPE(1, pick(1, 2) * 16, pick(2, 5), pick(2, 5)), b = a;
        int first = net_input(graph, a), second;
        for (int k = 1; k < 4; k++)
            b.dims[k] = pick(0, 2) == 0 ? 1 : b.dims[k];
        if (pick(0, 2) == 0) { /* fewer dimensions */
            b.rank--;
            memmove(b.dims, b.dims + 1, 3 * sizeof *b.dims);
        }
        if (pick(0, 1))
            first = NODE(graph, TW_OP_CONV, first, against_weights(graph, SHAPE(a.dims[1], a.dims[1], 1, 1)));
        if (pick(0, 1) && b.rank == 4 && b.dims[0] == 1)
            second = NODE(graph, TW_OP_RELU, net_input(graph, b));
        else
            second = against_weights(graph, b);
        second = NODE(graph, TW_OP_ADD, NODE(graph, TW_OP_ABS, second), scalar(graph, 0.5f));
        bool swaps = pick(0, 1) != 0;
        int y = NODE(graph, ops[pick(0, 5)], swaps ? second : first, swaps ? first : second);
        char what[64];
        snprintf(what, sizeof what, "elementwise %d", i);
        against_expect(graph, activated(graph, y, (enum tw_activation)pick(0, TW_ACT_TANH)), NULL, what);
    }
}

static void value_and_itself_equal_the_reference(void **state)
{
    static const enum tw_op ops[] = {TW_OP_ADD, TW_OP_SUB, TW_OP_MUL};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tw_graph *graph = tw_graph_new();
        int x = NODE(graph, TW_OP_RELU, net_input(graph, SHAPE(1, 4, 3, 3)));
        against_expect(graph, NODE(graph, ops[i], x, x), "onednn", "a value and itself");
    }
}

static void random_gemms_equal_the_reference(void **state)
{
    (void)state;
    for (int i = 0; i < 80; i++) {
        struct tw_graph *graph = tw_graph_new();
        bool transposes_a = pick(0, 3) == 0, transposes_b = pick(0, 1) != 0;
        int64_t m = pick(1, 9), n = pick(1, 40), k = pick(1, 70);
        int a = net_input(graph, transposes_a ? SHAPE(k, m) : SHAPE(m, k));
        int b = against_weights(graph, transposes_b ? SHAPE(n, k) : SHAPE(k, n));
        struct tw_shape biases[] = {SHAPE(n), SHAPE(1, n), SHAPE(m, n), SHAPE(m, 1), SCALAR, SHAPE(1)};
        int bias = (int)pick(0, 6);
        int y = bias < 6 ? NODE(graph, TW_OP_GEMM, a, b, against_weights(graph, biases[bias]))
                         : NODE(graph, TW_OP_GEMM, a, b);
        SET_INT(graph, "transA", transposes_a);
        SET_INT(graph, "transB", transposes_b);
        SET_FLOAT(graph, "alpha", pick(0, 1) ? 1 : 0.75f);
        SET_FLOAT(graph, "beta", pick(0, 1) ? 1 : -0.5f);
        if (pick(0, 3) == 0) /* a residual */
            y = NODE(graph, TW_OP_ADD, y, against_weights(graph, SHAPE(m, n)));
        else if (pick(0, 3) == 0 && !transposes_a && !transposes_b)
            y = NODE(graph, TW_OP_ADD, y, NODE(graph, TW_OP_GEMM, a, b));
        char what[64];
        snprintf(what, sizeof what, "gemm %d", i);
        against_expect(graph, activated(graph, y, (enum tw_activation)pick(0, TW_ACT_TANH)), NULL, what);
    }
}

static void random_matmuls_equal_the_reference(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        struct tw_graph *graph = tw_graph_new();
        int64_t m = pick(1, 9), n = pick(1, 20), k = pick(1, 40), heads = pick(1, 3);
        struct tw_shape lefts[] = {SHAPE(1, k), SHAPE(1, m, k), SHAPE(1, heads, m, k), SHAPE(1, 1, m, k)};
        struct tw_shape rights[] = {SHAPE(k, n), SHAPE(heads, k, n), SHAPE(1, heads, k, n), SHAPE(k)};
        int left = (int)pick(0, 3), right = (int)pick(0, 3);
        int a = net_input(graph, lefts[left]);
        int b = right == 2 ? NODE(graph, TW_OP_ABS, net_input(graph, rights[right]))
                           : against_weights(graph, rights[right]);
        int y = NODE(graph, TW_OP_MATMUL, a, b);
        if (right != 3 && pick(0, 1))
            y = NODE(graph, TW_OP_ADD, against_weights(graph, SHAPE(n)), y);
        char what[64];
        snprintf(what, sizeof what, "matmul %d", i);
        against_expect(graph, activated(graph, y, (enum tw_activation)pick(0, TW_ACT_TANH)), NULL, what);
    }
}

static void matrices_go_through_onednn(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(3, 40));
    int y = NODE(graph, TW_OP_MATMUL, x, against_weights(graph, SHAPE(40, 7)));
    against_expect(graph, y, "onednn sgemm", "matmul of matrices");
}

/* Norms, softmax and the like. */
static void rows_of_a_transformer_equal_the_reference(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 5, 12));
    int y = NODE(graph, TW_OP_LAYER_NORM, x, against_weights(graph, SHAPE(12)), against_weights(graph, SHAPE(12)));
    int q = NODE(graph, TW_OP_MATMUL, y, against_weights(graph, SHAPE(12, 12)));
    q = NODE(graph, TW_OP_TRANSPOSE, NODE(graph, TW_OP_RESHAPE, q, I64(graph, 0, 5, 3, 4)));
    SET_INTS(graph, "perm", 0, 2, 1, 3);
    int k = NODE(graph, TW_OP_TRANSPOSE, NODE(graph, TW_OP_RESHAPE, y, I64(graph, 0, 5, 3, 4)));
    SET_INTS(graph, "perm", 0, 2, 3, 1);
    int scores =
        NODE(graph, TW_OP_SOFTMAX, NODE(graph, TW_OP_MUL, NODE(graph, TW_OP_MATMUL, q, k), scalar(graph, 0.5f)));
    SET_INT(graph, "axis", -1);
    int mixed = NODE(graph, TW_OP_TRANSPOSE, NODE(graph, TW_OP_MATMUL, scores, q));
    SET_INTS(graph, "perm", 0, 2, 1, 3);
    mixed = NODE(graph, TW_OP_RESHAPE, mixed, I64(graph, -1, 5, 12));
    y = NODE(graph, TW_OP_ADD, x, mixed);
    y = NODE(graph, TW_OP_GELU, NODE(graph, TW_OP_MATMUL, y, against_weights(graph, SHAPE(12, 24))));
    y = NODE(graph, TW_OP_GATHER, y, net_constant(graph, TW_I64, SCALAR, &(int64_t){0}, 1));
    SET_INT(graph, "axis", 1);
    against_expect(graph, y, NULL, "a transformer's block");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_convs_equal_the_reference, restart),
        cmocka_unit_test(convs_of_known_networks_equal_the_reference),
        cmocka_unit_test(convs_that_onednn_does_not_get_equal_the_reference),
        cmocka_unit_test_setup(random_pools_equal_the_reference, restart),
        cmocka_unit_test(global_pool_is_done_by_onednn),
        cmocka_unit_test(activations_alone_equal_the_reference),
        cmocka_unit_test_setup(random_elementwise_equal_the_reference, restart),
        cmocka_unit_test(value_and_itself_equal_the_reference),
        cmocka_unit_test_setup(random_gemms_equal_the_reference, restart),
        cmocka_unit_test_setup(random_matmuls_equal_the_reference, restart),
        cmocka_unit_test(matrices_go_through_onednn),
        cmocka_unit_test(rows_of_a_transformer_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
