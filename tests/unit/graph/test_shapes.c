#include "net.h"

static void concat_and_split_are_inverse(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = F32(graph, SHAPE(2, 1), 1, 2), b = F32(graph, SHAPE(2, 2), 3, 4, 5, 6);
    int joined = NODE(graph, TW_OP_CONCAT, a, b);
    SET_INT(graph, "axis", 1);
    EXPECT(graph, joined, SHAPE(2, 3), 1, 3, 4, 2, 5, 6);
    int first = NODE(graph, TW_OP_SPLIT, joined, I64(graph, 1, 2));
    SET_INT(graph, "axis", 1);
    int second = net_more(graph);
    EXPECT(graph, first, SHAPE(2, 1), 1, 2);
    EXPECT(graph, second, SHAPE(2, 2), 3, 4, 5, 6);
    tw_graph_free(graph);
}

static void slice_steps_backwards_and_clamps(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(5), 0, 1, 2, 3, 4);
    int back = NODE(graph, TW_OP_SLICE, x, I64(graph, -1), I64(graph, INT64_MIN), I64(graph, 0), I64(graph, -2));
    EXPECT(graph, back, SHAPE(3), 4, 2, 0);
    int tail = NODE(graph, TW_OP_SLICE, x, I64(graph, 3), I64(graph, INT64_MAX));
    EXPECT(graph, tail, SHAPE(2), 3, 4);
    int none = NODE(graph, TW_OP_SLICE, x, I64(graph, 4), I64(graph, 2));
    net_expect(graph, none, SHAPE(0), NULL, 0);
    tw_graph_free(graph);
}

static void gather_takes_rows_and_refuses_others(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(3, 2), 0, 1, 2, 3, 4, 5);
    EXPECT(graph, NODE(graph, TW_OP_GATHER, x, I64(graph, -1, 0)), SHAPE(2, 2), 4, 5, 0, 1);
    NODE(graph, TW_OP_GATHER, x, I64(graph, 3));
    struct tw_error error = {0};
    void *output;
    net_ready(graph);
    assert_int_equal(tw_reference_run(graph, NULL, &output, &error), TW_CORRUPT);
    assert_non_null(strstr(error.text, "index 3 is outside of 3 elements"));
    tw_graph_free(graph);
}

static void pad_in_every_mode(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(3), 1, 2, 3), pads = I64(graph, 2, 1);
    EXPECT(graph, NODE(graph, TW_OP_PAD, x, pads, F32(graph, SCALAR, 9)), SHAPE(6), 9, 9, 1, 2, 3, 9);
    int reflect = NODE(graph, TW_OP_PAD, x, pads);
    SET_TEXT(graph, "mode", "reflect");
    EXPECT(graph, reflect, SHAPE(6), 3, 2, 1, 2, 3, 2);
    int edge = NODE(graph, TW_OP_PAD, x, pads);
    SET_TEXT(graph, "mode", "edge");
    EXPECT(graph, edge, SHAPE(6), 1, 1, 1, 2, 3, 3);
    EXPECT(graph, NODE(graph, TW_OP_PAD, x, I64(graph, -1, 0)), SHAPE(2), 2, 3);
    tw_graph_free(graph);
}

static void reshapes_keep_the_order_of_elements(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(2, 1, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_RESHAPE, x, I64(graph, 0, -1)), SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_FLATTEN, x), SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_SQUEEZE, x), SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_UNSQUEEZE, x, I64(graph, 0, -1)), SHAPE(1, 2, 1, 3, 1), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_IDENTITY, x), SHAPE(2, 1, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_DROPOUT, x), SHAPE(2, 1, 3), 1, 2, 3, 4, 5, 6);
    NODE(graph, TW_OP_RESHAPE, x, I64(graph, 4, -1));
    net_expect_refusal(graph, TW_CORRUPT, "shape [2,1,3] cannot become [4,?]");
    tw_graph_free(graph);
}

static void reshape_lets_an_unknown_batch_through(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(TW_UNKNOWN, 4, 2));
    int kept = NODE(graph, TW_OP_RESHAPE, x, I64(graph, 0, -1));
    int wild = NODE(graph, TW_OP_RESHAPE, x, I64(graph, -1, 8));
    net_ready(graph);
    char text[64];
    tw_shape_text(&graph->values[kept].shape, text, sizeof text);
    assert_string_equal(text, "[?,8]");
    tw_shape_text(&graph->values[wild].shape, text, sizeof text);
    assert_string_equal(text, "[?,8]");
    tw_graph_free(graph);
}

static void transposes_expands_and_tiles(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(graph, NODE(graph, TW_OP_TRANSPOSE, x), SHAPE(3, 2), 1, 4, 2, 5, 3, 6);
    int row = F32(graph, SHAPE(1, 2), 1, 2);
    EXPECT(graph, NODE(graph, TW_OP_EXPAND, row, I64(graph, 2, 1)), SHAPE(2, 2), 1, 2, 1, 2);
    EXPECT(graph, NODE(graph, TW_OP_TILE, row, I64(graph, 2, 2)), SHAPE(2, 4), 1, 2, 1, 2, 1, 2, 1, 2);
    tw_graph_free(graph);
}

static void makers_make(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int value = net_constant(graph, TW_I64, SHAPE(1), (int64_t[]){7}, 1);
    int filled = NODE(graph, TW_OP_CONSTANT_OF_SHAPE, I64(graph, 2, 2));
    assert_int_equal(tw_node_set_tensor(graph, net_last(graph), "value", value, NULL), TW_OK);
    EXPECT(graph, filled, SHAPE(2, 2), 7, 7, 7, 7);
    int start = F32(graph, SCALAR, 3), limit = F32(graph, SCALAR, -1), delta = F32(graph, SCALAR, -1.5f);
    EXPECT(graph, NODE(graph, TW_OP_RANGE, start, limit, delta), SHAPE(3), 3, 1.5, 0);
    int x = net_input(graph, SHAPE(2, 5));
    int tail = NODE(graph, TW_OP_SHAPE, x);
    SET_INT(graph, "start", -1);
    net_ready(graph);
    assert_int_equal(graph->values[tail].shape.dims[0], 1);
    tw_graph_free(graph);
}

/* What exporters write for x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat, Reshape. */
static void inference_runs_what_shapes_hang_on(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3, 4, 4));
    int shape = NODE(graph, TW_OP_SHAPE, x);
    int zero = net_constant(graph, TW_I64, SCALAR, (int64_t[]){0}, 1);
    int batch = NODE(graph, TW_OP_GATHER, shape, zero);
    int list = NODE(graph, TW_OP_UNSQUEEZE, batch, I64(graph, 0));
    int sizes = NODE(graph, TW_OP_CONCAT, list, I64(graph, -1));
    SET_INT(graph, "axis", 0);
    int y = NODE(graph, TW_OP_RESHAPE, x, sizes);
    net_ready(graph);
    char text[64];
    tw_shape_text(&graph->values[y].shape, text, sizeof text);
    assert_string_equal(text, "[2,48]");
    graph->values[x].shape.dims[0] = TW_UNKNOWN;
    net_expect_refusal(graph, TW_UNSUPPORTED, "(Reshape): its sizes are not constant");
    tw_graph_free(graph);
}

static void constants_may_lie_askew_in_their_file(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    _Alignas(8) char file[64] = {0};
    memcpy(file + 3, (int64_t[]){2, 3}, 16);
    memcpy(file + 21, (float[]){1, 2, 3, 4, 5, 6}, 24);
    int sizes = tw_graph_add_constant(graph, "sizes", TW_I64, &SHAPE(2), file + 3, false);
    int data = tw_graph_add_constant(graph, "data", TW_F32, &SHAPE(6), file + 21, false);
    EXPECT(graph, NODE(graph, TW_OP_RESHAPE, data, sizes), SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concat_and_split_are_inverse),         cmocka_unit_test(slice_steps_backwards_and_clamps),
        cmocka_unit_test(gather_takes_rows_and_refuses_others), cmocka_unit_test(pad_in_every_mode),
        cmocka_unit_test(reshapes_keep_the_order_of_elements),  cmocka_unit_test(reshape_lets_an_unknown_batch_through),
        cmocka_unit_test(transposes_expands_and_tiles),         cmocka_unit_test(makers_make),
        cmocka_unit_test(inference_runs_what_shapes_hang_on),   cmocka_unit_test(constants_may_lie_askew_in_their_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
