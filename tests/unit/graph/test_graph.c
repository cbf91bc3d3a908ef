#include "net.h"

static void values_are_found_by_name_among_many(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    char name[16];
    assert_int_equal(tw_graph_find_value(graph, "v0"), -1);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "v%d", i);
        assert_int_equal(tw_graph_add_value(graph, name, TW_F32, NULL), i);
    }
    assert_int_equal(tw_graph_find_value(graph, "v777"), 777);
    assert_int_equal(tw_graph_find_value(graph, "v1000"), -1);
    tw_graph_free(graph);
}

static void attributes_and_properties_are_replaced(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    NODE(graph, TW_OP_LEAKY_RELU, net_input(graph, SHAPE(1)));
    SET_FLOAT(graph, "alpha", 1);
    SET_FLOAT(graph, "alpha", 2);
    assert_int_equal(net_last(graph)->attribute_count, 1);
    assert_true(tw_node_float(net_last(graph), "alpha", 0) == 2);
    assert_int_equal(tw_node_int(net_last(graph), "alpha", 5), 5);
    assert_true(tw_graph_set_property(graph, "key", "old"));
    assert_true(tw_graph_set_property(graph, "key", "new"));
    assert_string_equal(tw_graph_property(graph, "key"), "new");
    assert_null(tw_graph_property(graph, "other"));
    assert_int_equal(graph->property_count, 1);
    tw_graph_free(graph);
}

static void shapes_count_and_print(void **state)
{
    (void)state;
    int64_t count;
    char text[12];
    assert_true(tw_shape_count(&SHAPE(2, 3), &count) && count == 6);
    assert_true(tw_shape_count(&SCALAR, &count) && count == 1);
    assert_true(tw_shape_count(&SHAPE(0, 5), &count) && count == 0);
    assert_false(tw_shape_count(&SHAPE(2, TW_UNKNOWN), &count));
    assert_false(tw_shape_count(&SHAPE(INT64_MAX, 2), &count));
    assert_false(tw_shape_count(&SHAPE(0, INT64_MAX, 2), &count));
    tw_shape_text(&SHAPE(1, TW_UNKNOWN, 299), text, sizeof text);
    assert_string_equal(text, "[1,?,299]");
    tw_shape_text(&SHAPE(123456, 123456, 123456), text, sizeof text);
    assert_int_equal(strlen(text), sizeof text - 1);
}

static void sort_is_stable_and_orders(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2));
    int late = tw_graph_add_value(graph, "late", TW_DTYPE_NONE, NULL);
    int b = NODE(graph, TW_OP_NEG, late);
    int a = NODE(graph, TW_OP_ABS, x);
    assert_non_null(tw_graph_add_node(graph, TW_OP_RELU, "maker", &x, 1, &late, 1));
    assert_int_equal(tw_graph_sort(graph, NULL), TW_OK);
    assert_int_equal(graph->nodes[0].outputs[0], late);
    assert_int_equal(graph->nodes[1].outputs[0], b);
    assert_int_equal(graph->nodes[2].outputs[0], a);
    tw_graph_free(graph);
}

static void cycle_is_named(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = tw_graph_add_value(graph, "a", TW_F32, NULL), b = tw_graph_add_value(graph, "b", TW_F32, NULL);
    tw_graph_add_node(graph, TW_OP_RELU, "first", &a, 1, &b, 1);
    tw_graph_add_node(graph, TW_OP_RELU, "second", &b, 1, &a, 1);
    net_expect_refusal(graph, TW_CORRUPT, "cycle through value 'b', which node 'second' needs");
    tw_graph_free(graph);
}

static void deep_graphs_sort_without_recursion(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    enum { DEPTH = 90000 };
    char name[16];
    for (int i = 0; i <= DEPTH; i++) {
        snprintf(name, sizeof name, "v%d", i);
        assert_int_equal(tw_graph_add_value(graph, name, TW_F32, &SHAPE(1)), i);
    }
    for (int i = DEPTH; i > 0; i--)
        assert_non_null(tw_graph_add_node(graph, TW_OP_RELU, "", &(int){i - 1}, 1, &i, 1));
    assert_true(tw_graph_set_inputs(graph, &(int){0}, 1));
    assert_int_equal(tw_graph_sort(graph, NULL), TW_OK);
    assert_int_equal(graph->nodes[0].outputs[0], 1);
    assert_int_equal(graph->nodes[DEPTH - 1].outputs[0], DEPTH);
    net_ready(graph);
    tw_graph_free(graph);
}

static void input_that_nobody_makes_is_named(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    NODE(graph, TW_OP_RELU, tw_graph_add_value(graph, "ghost", TW_F32, NULL));
    net_expect_refusal(graph, TW_CORRUPT, "input 'ghost' of node 'Relu1' is made by no node");
    tw_graph_free(graph);
}

static void value_made_twice_is_named(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1));
    int y = NODE(graph, TW_OP_RELU, x);
    tw_graph_add_node(graph, TW_OP_NEG, "again", &x, 1, &y, 1);
    net_expect_refusal(graph, TW_CORRUPT, "'Relu1' is made twice, the second time by node 'again'");
    tw_graph_free(graph);
}

static void unknown_attribute_is_named(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    NODE(graph, TW_OP_RELU, net_input(graph, SHAPE(1)));
    SET_INT(graph, "sideways", 1);
    net_expect_refusal(graph, TW_UNSUPPORTED, "node 'Relu1' (Relu) has attribute 'sideways'");
    tw_graph_free(graph);
}

static void limits_hold(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1 << 20, 1));
    int y = net_input(graph, SHAPE(1, 1 << 20));
    NODE(graph, TW_OP_ADD, x, y);
    net_expect_refusal(graph, TW_LIMIT, "is over the limit of 4294967296 bytes");
    struct tw_graph_limits limits = {.max_nodes = 0, .max_tensor_bytes = INT64_MAX};
    struct tw_error error = {0};
    assert_int_equal(tw_graph_infer(graph, &limits, &error), TW_LIMIT);
    assert_string_equal(error.text, "the graph has 1 nodes; the limit is 0");
    tw_graph_free(graph);
}

static void clone_is_equal_and_its_own(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new(), *clone = NULL;
    int x = net_input(graph, SHAPE(1, 1, 3)), w = F32(graph, SHAPE(1, 1, 1), 3);
    int y = NODE(graph, TW_OP_CONV, x, w);
    SET_INTS(graph, "strides", 2);
    SET_TEXT(graph, "auto_pad", "VALID");
    net_last(graph)->activation = TW_ACT_RELU;
    assert_true(tw_graph_set_outputs(graph, &y, 1));
    assert_true(tw_graph_set_property(graph, "key", "value"));
    net_ready(graph);
    assert_int_equal(tw_graph_clone(graph, &clone, NULL), TW_OK);
    assert_ptr_equal(clone->values[w].data, graph->values[w].data);
    assert_ptr_not_equal(clone->nodes[0].attributes, graph->nodes[0].attributes);
    assert_int_equal(clone->nodes[0].activation, TW_ACT_RELU);
    assert_string_equal(tw_graph_property(clone, "key"), "value");
    const void *inputs[] = {(float[]){-1, 5, 2}};
    void *output;
    assert_int_equal(tw_reference_run(clone, inputs, &output, NULL), TW_OK);
    assert_memory_equal(output, ((float[]){0, 6}), 8);
    tw_free(output);
    tw_graph_free(clone);
    tw_graph_free(graph);
}

static void cut_keeps_what_an_inner_value_needs(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2)), other = net_input(graph, SHAPE(2));
    int inner = NODE(graph, TW_OP_ABS, x);
    int y = NODE(graph, TW_OP_ADD, inner, other);
    assert_true(tw_graph_set_outputs(graph, &y, 1));
    struct tw_error error = {0};
    assert_int_equal(tw_graph_cut(graph, (const char *[]){"nothing"}, 1, &error), TW_NOT_FOUND);
    assert_string_equal(error.text, "the graph has no value 'nothing'");
    assert_int_equal(tw_graph_cut(graph, (const char *[]){graph->values[inner].name}, 1, &error), TW_OK);
    assert_int_equal(graph->node_count, 1);
    assert_int_equal(graph->input_count, 1);
    assert_int_equal(graph->inputs[0], x);
    assert_int_equal(graph->outputs[0], inner);
    tw_graph_free(graph);
}

static void fused_residual_and_activation_run(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int a = F32(graph, SHAPE(1, 2), 1, -10), b = F32(graph, SHAPE(2, 2), 1, 0, 0, 1);
    int y = NODE(graph, TW_OP_MATMUL, a, b);
    net_last(graph)->residual = F32(graph, SHAPE(1, 2), 10, 2);
    net_last(graph)->activation = TW_ACT_LEAKY;
    net_last(graph)->activation_alpha = 0.5f;
    EXPECT(graph, y, SHAPE(1, 2), 11, -4);
    net_last(graph)->residual = F32(graph, SHAPE(2), 10, 2);
    net_expect_refusal(graph, TW_CORRUPT, "residual");
    tw_graph_free(graph);
}

static void every_op_has_a_table_line(void **state)
{
    (void)state;
    static const char *const names[] = {
#define NAME(enumerator, text) text,
        TW_OPS(NAME)
#undef NAME
    };
    for (int op = 0; op < TW_OP_COUNT; op++) {
        assert_string_equal(tw_op_table[op].name, names[op]);
        assert_non_null(tw_op_table[op].infer);
        assert_non_null(tw_op_table[op].reference);
        assert_non_null(tw_op_table[op].attributes);
        assert_int_equal(tw_op_find(names[op]), op);
    }
    assert_int_equal(tw_op_find("Sideways"), TW_OP_COUNT);
}

/* Every allocation fails once: the sentence is there, and nothing leaks (the sanitizer looks). */
static void lack_of_memory_is_survived(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 2));
    int y = NODE(graph, TW_OP_RELU, NODE(graph, TW_OP_RESHAPE, x, I64(graph, 2, 1)));
    assert_true(tw_graph_set_outputs(graph, &y, 1));
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status; n++) {
        struct tw_error error = {0};
        struct tw_graph *clone = NULL;
        void *output = NULL;
        tw_memory_fail_at(n);
        status = tw_graph_clone(graph, &clone, &error);
        if (!status)
            status = tw_graph_sort(clone, &error);
        if (!status)
            status = tw_graph_infer(clone, &tw_graph_limits_default, &error);
        if (!status)
            status = tw_reference_run(clone, (const void *[]){(float[]){1, 2}}, &output, &error);
        tw_memory_fail_at(0);
        tw_free(output);
        tw_graph_free(clone);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
        assert_true(n < 1000);
    }
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_name_among_many),
        cmocka_unit_test(attributes_and_properties_are_replaced),
        cmocka_unit_test(shapes_count_and_print),
        cmocka_unit_test(sort_is_stable_and_orders),
        cmocka_unit_test(cycle_is_named),
        cmocka_unit_test(deep_graphs_sort_without_recursion),
        cmocka_unit_test(input_that_nobody_makes_is_named),
        cmocka_unit_test(value_made_twice_is_named),
        cmocka_unit_test(unknown_attribute_is_named),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(clone_is_equal_and_its_own),
        cmocka_unit_test(cut_keeps_what_an_inner_value_needs),
        cmocka_unit_test(fused_residual_and_activation_run),
        cmocka_unit_test(every_op_has_a_table_line),
        cmocka_unit_test(lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
