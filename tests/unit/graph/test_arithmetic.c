#include "net.h"

static void gemm_turns_scales_and_adds(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = F32(graph, SHAPE(3, 2), 1, 4, 2, 5, 3, 6);
    int b = F32(graph, SHAPE(2, 3), 1, 0, 1, 0, 1, 0);
    int c = F32(graph, SHAPE(2), 100, 200);
    int y = NODE(graph, TW_OP_GEMM, a, b, c);
    SET_INT(graph, "transA", 1);
    SET_INT(graph, "transB", 1);
    SET_FLOAT(graph, "alpha", 2);
    SET_FLOAT(graph, "beta", 0.5f);
    EXPECT(graph, y, SHAPE(2, 2), 58, 104, 70, 110);
    tw_graph_free(graph);
}

static void matmul_broadcasts_batches(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = F32(graph, SHAPE(2, 1, 2), 1, 2, 3, 4);
    int b = F32(graph, SHAPE(2, 2), 1, 10, 100, 1000);
    int y = NODE(graph, TW_OP_MATMUL, a, b);
    EXPECT(graph, y, SHAPE(2, 1, 2), 201, 2010, 403, 4030);
    int v = F32(graph, SHAPE(2), 1, 1);
    int z = NODE(graph, TW_OP_MATMUL, v, v);
    EXPECT(graph, z, SCALAR, 2);
    tw_graph_free(graph);
}

static void binary_ops_broadcast(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = F32(graph, SHAPE(2, 1), 1, 2);
    int b = F32(graph, SHAPE(3), 10, 20, 40);
    int sum = NODE(graph, TW_OP_ADD, a, b);
    EXPECT(graph, sum, SHAPE(2, 3), 11, 21, 41, 12, 22, 42);
    int difference = NODE(graph, TW_OP_SUB, a, b);
    EXPECT(graph, difference, SHAPE(2, 3), -9, -19, -39, -8, -18, -38);
    int product = NODE(graph, TW_OP_MUL, a, b);
    EXPECT(graph, product, SHAPE(2, 3), 10, 20, 40, 20, 40, 80);
    int quotient = NODE(graph, TW_OP_DIV, b, a);
    EXPECT(graph, quotient, SHAPE(2, 3), 10, 20, 40, 5, 10, 20);
    int power = NODE(graph, TW_OP_POW, b, a);
    EXPECT(graph, power, SHAPE(2, 3), 10, 20, 40, 100, 400, 1600);
    int less = NODE(graph, TW_OP_LESS, a, F32(graph, SCALAR, 2));
    EXPECT(graph, less, SHAPE(2, 1), 1, 0);
    int chosen = NODE(graph, TW_OP_WHERE, less, b, a);
    EXPECT(graph, chosen, SHAPE(2, 3), 10, 20, 40, 2, 2, 2);
    tw_graph_free(graph);
}

static void variadic_ops_take_any_number(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = F32(graph, SHAPE(2), 1, 6), b = F32(graph, SHAPE(1), 3), c = F32(graph, SHAPE(2, 1), 2, 8);
    int sum = NODE(graph, TW_OP_SUM, a, b, c);
    EXPECT(graph, sum, SHAPE(2, 2), 6, 11, 12, 17);
    int mean = NODE(graph, TW_OP_MEAN, a, b, c);
    EXPECT(graph, mean, SHAPE(2, 2), 2, 11. / 3, 4, 17. / 3);
    int greatest = NODE(graph, TW_OP_MAX, a, b, c);
    EXPECT(graph, greatest, SHAPE(2, 2), 3, 6, 8, 8);
    int least = NODE(graph, TW_OP_MIN, a);
    EXPECT(graph, least, SHAPE(2), 1, 6);
    tw_graph_free(graph);
}

static void integers_divide_towards_zero_and_not_by_it(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int y = NODE(graph, TW_OP_DIV, I64(graph, 7, -7, INT64_MIN), I64(graph, 2, 2, -1));
    EXPECT(graph, y, SHAPE(3), 3, -3, (double)INT64_MIN);
    NODE(graph, TW_OP_DIV, I64(graph, 1), I64(graph, 0));
    struct tw_error error = {0};
    void *output;
    net_ready(graph);
    assert_int_equal(tw_reference_run(graph, NULL, &output, &error), TW_CORRUPT);
    assert_non_null(strstr(error.text, "divides an integer by 0"));
    tw_graph_free(graph);
}

static void unary_ops_have_their_values(void **state)
{
    (void)state;
    static const struct {
        enum tw_op op;
        double at[3]; /* of -2, 0.5, 4 */
    } cases[] = {
        {TW_OP_RELU, {0, 0.5, 4}},
        {TW_OP_SIGMOID, {0.1192029, 0.6224593, 0.9820138}},
        {TW_OP_TANH, {-0.9640276, 0.4621172, 0.9993293}},
        {TW_OP_LEAKY_RELU, {-0.02, 0.5, 4}},
        {TW_OP_ELU, {-0.8646647, 0.5, 4}},
        {TW_OP_SELU, {-1.5201665, 0.5253505, 4.2028040}},
        {TW_OP_HARD_SIGMOID, {0.1, 0.6, 1}},
        {TW_OP_HARD_SWISH, {-0.3333333, 0.2916667, 4}},
        {TW_OP_GELU, {-0.0455003, 0.3457312, 3.9998733}},
        {TW_OP_SOFTPLUS, {0.1269280, 0.9740770, 4.0181499}},
        {TW_OP_ERF, {-0.9953223, 0.5204999, 1}},
        {TW_OP_EXP, {0.1353353, 1.6487213, 54.5981500}},
        {TW_OP_ABS, {2, 0.5, 4}},
        {TW_OP_NEG, {2, -0.5, -4}},
        {TW_OP_RECIPROCAL, {-0.5, 2, 0.25}},
        {TW_OP_FLOOR, {-2, 0, 4}},
        {TW_OP_CEIL, {-2, 1, 4}},
        {TW_OP_ROUND, {-2, 0, 4}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_graph *graph = tw_graph_new();
        int y = NODE(graph, cases[i].op, F32(graph, SHAPE(3), -2, 0.5f, 4));
        net_expect(graph, y, SHAPE(3), cases[i].at, 3);
        tw_graph_free(graph);
    }
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(2), 4, 0.25f);
    EXPECT(graph, NODE(graph, TW_OP_SQRT, x), SHAPE(2), 2, 0.5);
    EXPECT(graph, NODE(graph, TW_OP_LOG, x), SHAPE(2), 1.3862944, -1.3862944);
    int slope = F32(graph, SHAPE(1), 0.5f);
    EXPECT(graph, NODE(graph, TW_OP_PRELU, F32(graph, SHAPE(2), -4, 4), slope), SHAPE(2), -2, 4);
    int low = F32(graph, SCALAR, -1);
    EXPECT(graph, NODE(graph, TW_OP_CLIP, F32(graph, SHAPE(2), -4, 4), low), SHAPE(2), -1, 4);
    int not = NODE(graph, TW_OP_NOT, NODE(graph, TW_OP_EQUAL, I64(graph, 1, 2), I64(graph, 1, 3)));
    EXPECT(graph, not, SHAPE(2), 0, 1);
    tw_graph_free(graph);
}

static void norms_have_their_values(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 2, 2), 1, 3, 10, 20);
    int scale = F32(graph, SHAPE(2), 2, 1), bias = F32(graph, SHAPE(2), 5, 0);
    int mean = F32(graph, SHAPE(2), 1, 10), variance = F32(graph, SHAPE(2), 4, 25);
    int batch = NODE(graph, TW_OP_BATCH_NORM, x, scale, bias, mean, variance);
    SET_FLOAT(graph, "epsilon", 0);
    EXPECT(graph, batch, SHAPE(1, 2, 2), 5, 7, 0, 2);
    int layer = NODE(graph, TW_OP_LAYER_NORM, x, scale, bias);
    SET_FLOAT(graph, "epsilon", 0);
    EXPECT(graph, layer, SHAPE(1, 2, 2), 3, 1, 3, 1);
    int instance = NODE(graph, TW_OP_INSTANCE_NORM, x, scale, bias);
    SET_FLOAT(graph, "epsilon", 3);
    EXPECT(graph, instance, SHAPE(1, 2, 2), 4, 6, -0.9449112, 0.9449112);
    int lrn = NODE(graph, TW_OP_LRN, x);
    SET_INT(graph, "size", 2);
    SET_FLOAT(graph, "alpha", 2);
    SET_FLOAT(graph, "beta", 1);
    EXPECT(graph, lrn, SHAPE(1, 2, 2), 1. / 102, 3. / 410, 10. / 101, 20. / 401);
    tw_graph_free(graph);
}

static void softmax_does_not_overflow(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(2, 2), 1000, 1000, 1000, 1001);
    EXPECT(graph, NODE(graph, TW_OP_SOFTMAX, x), SHAPE(2, 2), 0.5, 0.5, 0.2689414, 0.7310586);
    int down = NODE(graph, TW_OP_SOFTMAX, x);
    SET_INT(graph, "axis", 0);
    EXPECT(graph, down, SHAPE(2, 2), 0.5, 0.2689414, 0.5, 0.7310586);
    EXPECT(graph, NODE(graph, TW_OP_LOG_SOFTMAX, x), SHAPE(2, 2), -0.6931472, -0.6931472, -1.3132617, -0.3132617);
    tw_graph_free(graph);
}

static void reductions_keep_or_drop_axes(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(2, 3), 1, 2, 3, 4, 5, 9);
    int mean = NODE(graph, TW_OP_REDUCE_MEAN, x);
    SET_INTS(graph, "axes", -1);
    EXPECT(graph, mean, SHAPE(2, 1), 2, 6);
    int sum = NODE(graph, TW_OP_REDUCE_SUM, x, I64(graph, 0));
    SET_INT(graph, "keepdims", 0);
    EXPECT(graph, sum, SHAPE(3), 5, 7, 12);
    EXPECT(graph, NODE(graph, TW_OP_REDUCE_MAX, x), SHAPE(1, 1), 9);
    EXPECT(graph, NODE(graph, TW_OP_REDUCE_MIN, x), SHAPE(1, 1), 1);
    int norm = NODE(graph, TW_OP_REDUCE_L2, F32(graph, SHAPE(2), 3, 4));
    SET_INT(graph, "keepdims", 0);
    EXPECT(graph, norm, SCALAR, 5);
    int most = NODE(graph, TW_OP_ARG_MAX, F32(graph, SHAPE(2, 3), 1, 7, 7, 9, 5, 9));
    SET_INT(graph, "axis", 1);
    SET_INT(graph, "keepdims", 0);
    EXPECT(graph, most, SHAPE(2), 1, 0);
    tw_graph_free(graph);
}

static void top_k_takes_the_first_of_equals(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 4), 3, 7, 1, 7);
    int values = NODE(graph, TW_OP_TOP_K, x, I64(graph, 3));
    int indices = net_more(graph);
    EXPECT(graph, values, SHAPE(1, 3), 7, 7, 3);
    EXPECT(graph, indices, SHAPE(1, 3), 1, 3, 0);
    tw_graph_free(graph);
}

static void quantisation_rounds_to_even_and_saturates(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(2, 2), 1, 5, 1000, -3), scale = F32(graph, SHAPE(2), 2, 1);
    int zero = net_constant(graph, TW_I8, SHAPE(2), (int8_t[]){1, -100}, 2);
    int q = NODE(graph, TW_OP_QUANTIZE_LINEAR, x, scale, zero);
    EXPECT(graph, q, SHAPE(2, 2), 1, -95, 127, -103);
    EXPECT(graph, NODE(graph, TW_OP_DEQUANTIZE_LINEAR, q, scale, zero), SHAPE(2, 2), 0, 5, 252, -3);
    tw_graph_free(graph);
}

static void cast_rounds_to_half_and_back(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(6), 1, -2.5f, 65504, 65520, 6e-8f, 1.0009766f);
    int half = NODE(graph, TW_OP_CAST, x);
    SET_INT(graph, "to", 10);
    EXPECT(graph, half, SHAPE(6), 0x3c00, 0xc100, 0x7bff, 0x7c00, 1, 0x3c01);
    int back = NODE(graph, TW_OP_CAST, half);
    SET_INT(graph, "to", 1);
    EXPECT(graph, back, SHAPE(6), 1, -2.5, 65504, (double)INFINITY, 5.9604645e-8, 1.0009766);
    int whole = NODE(graph, TW_OP_CAST, F32(graph, SHAPE(3), -2.7f, 2.7f, 1e30f));
    SET_INT(graph, "to", 7);
    EXPECT(graph, whole, SHAPE(3), -2, 2, (double)INT64_MAX);
    tw_graph_free(graph);
}

static void mixed_types_are_refused_by_name(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    NODE(graph, TW_OP_ADD, net_input(graph, SHAPE(2)), I64(graph, 1, 2));
    net_expect_refusal(graph, TW_CORRUPT, "(Add): its inputs are of different types, f32 and i64");
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_turns_scales_and_adds),
        cmocka_unit_test(matmul_broadcasts_batches),
        cmocka_unit_test(binary_ops_broadcast),
        cmocka_unit_test(variadic_ops_take_any_number),
        cmocka_unit_test(integers_divide_towards_zero_and_not_by_it),
        cmocka_unit_test(unary_ops_have_their_values),
        cmocka_unit_test(norms_have_their_values),
        cmocka_unit_test(softmax_does_not_overflow),
        cmocka_unit_test(reductions_keep_or_drop_axes),
        cmocka_unit_test(top_k_takes_the_first_of_equals),
        cmocka_unit_test(quantisation_rounds_to_even_and_saturates),
        cmocka_unit_test(cast_rounds_to_half_and_back),
        cmocka_unit_test(mixed_types_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
