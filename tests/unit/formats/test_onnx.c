#include "formats/format.h"
#include "graph/op.h"
#include "messages.h"

#include <string.h>

enum { NODE = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12 };

static void put_value_info(struct tw_buffer *graph, uint32_t number, const char *name)
{
    struct tw_buffer dim = {0}, shape = {0}, tensor = {0}, type = {0}, info = {0};
    put_int(&dim, 1, 2);
    put_message(&shape, 1, &dim);
    put_int(&dim, 1, 3);
    put_message(&shape, 1, &dim);
    put_int(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&info, 1, name);
    put_message(&info, 2, &type);
    put_message(graph, number, &info);
}

static void put_ints(struct tw_buffer *node, const char *name, int64_t first, int64_t second)
{
    struct tw_buffer attribute = {0};
    put_text(&attribute, 1, name);
    put_int(&attribute, 8, first);
    put_int(&attribute, 8, second);
    put_int(&attribute, 20, 7);
    put_message(node, 5, &attribute);
}

static void put_number(struct tw_buffer *node, const char *name, float value)
{
    struct tw_buffer attribute = {0};
    put_text(&attribute, 1, name);
    assert_int_equal(tw_wire_put_float(&attribute, 2, value, NULL), TW_OK);
    put_int(&attribute, 20, 1);
    put_message(node, 5, &attribute);
}

/* A node x (, second) -> y. */
static struct tw_buffer node_of(const char *op, const char *second)
{
    struct tw_buffer node = {0};
    put_text(&node, 1, "x");
    if (second)
        put_text(&node, 1, second);
    put_text(&node, 2, "y");
    put_text(&node, 3, "the node");
    put_text(&node, 4, op);
    return node;
}

static void put_tensor(struct tw_buffer *graph, const char *name, int64_t type, int64_t dim, struct tw_span raw)
{
    struct tw_buffer tensor = {0};
    put_int(&tensor, 1, dim);
    put_int(&tensor, 2, type);
    put_text(&tensor, 8, name);
    assert_int_equal(tw_wire_put_bytes(&tensor, 9, raw, NULL), TW_OK);
    put_message(graph, INITIALIZER, &tensor);
}

/* Takes node and constants; x [2,3] -> y. */
static struct tw_buffer model_of(int64_t opset, struct tw_buffer *node, struct tw_buffer *constants)
{
    struct tw_buffer graph = {0}, version = {0}, model = {0};
    put_message(&graph, NODE, node);
    if (constants) {
        assert_int_equal(tw_buffer_append(&graph, constants->data, constants->size, NULL), TW_OK);
        tw_buffer_release(constants);
    }
    put_value_info(&graph, INPUT, "x");
    put_value_info(&graph, OUTPUT, "y");
    put_int(&version, 2, opset);
    put_int(&model, 1, 8);
    put_message(&model, 7, &graph);
    put_message(&model, 8, &version);
    return model;
}

static struct tw_graph *read_model(const struct tw_buffer *model)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    enum tw_status status = tw_model_read("m.onnx", tw_buffer_span(model), &tw_format_limits_default, &graph, &error);
    if (status)
        fail_msg("%s", error.text);
    return graph;
}

static void expect_failure(struct tw_buffer *model, enum tw_status status, const char *words)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    assert_int_equal(tw_model_read("m.onnx", tw_buffer_span(model), &tw_format_limits_default, &graph, &error), status);
    assert_null(graph);
    if (!strstr(error.text, words) || !strstr(error.text, "m.onnx"))
        fail_msg("'%s' does not say '%s'", error.text, words);
    tw_buffer_release(model);
}

static void clip_attributes_of_opset_6_become_inputs(void **state)
{
    (void)state;
    struct tw_buffer node = node_of("Clip", NULL);
    put_number(&node, "max", 6);
    struct tw_buffer model = model_of(7, &node, NULL);
    struct tw_graph *graph = read_model(&model);
    assert_int_equal(graph->node_count, 1);
    assert_int_equal(graph->nodes[0].input_count, 3);
    assert_int_equal(graph->nodes[0].inputs[1], -1);
    assert_int_equal(graph->nodes[0].attribute_count, 0);
    float high;
    memcpy(&high, graph->values[graph->nodes[0].inputs[2]].data, sizeof high);
    assert_true(high == 6.0f);
    tw_graph_free(graph);
    tw_buffer_release(&model);
}

static void axes_input_of_reduce_mean_18_becomes_an_attribute(void **state)
{
    (void)state;
    const int64_t axis = 1;
    struct tw_buffer node = node_of("ReduceMean", "a"), constants = {0};
    put_tensor(&constants, "a", 7, 1, tw_span_of(&axis, sizeof axis));
    struct tw_buffer model = model_of(18, &node, &constants);
    struct tw_graph *graph = read_model(&model);
    assert_int_equal(graph->nodes[0].input_count, 1);
    const struct tw_attribute *axes = tw_node_attribute(&graph->nodes[0], "axes");
    assert_non_null(axes);
    assert_int_equal(axes->count, 1);
    assert_int_equal(axes->ints[0], 1);
    tw_graph_free(graph);
    tw_buffer_release(&model);
}

static void axes_attribute_of_reduce_sum_11_becomes_an_input(void **state)
{
    (void)state;
    struct tw_buffer node = node_of("ReduceSum", NULL);
    put_ints(&node, "axes", 0, 1);
    struct tw_buffer model = model_of(11, &node, NULL);
    struct tw_graph *graph = read_model(&model);
    assert_int_equal(graph->nodes[0].input_count, 2);
    assert_int_equal(graph->values[graph->nodes[0].inputs[1]].dtype, TW_I64);
    tw_graph_free(graph);
    tw_buffer_release(&model);
}

static void upsample_becomes_resize(void **state)
{
    (void)state;
    const float scales[] = {1, 2};
    struct tw_buffer node = node_of("Upsample", "s"), constants = {0};
    put_tensor(&constants, "s", 1, 2, tw_span_of(scales, sizeof scales));
    struct tw_buffer model = model_of(9, &node, &constants);
    struct tw_graph *graph = read_model(&model);
    assert_int_equal(graph->nodes[0].op, TW_OP_RESIZE);
    assert_int_equal(graph->nodes[0].input_count, 3);
    assert_int_equal(graph->nodes[0].inputs[1], -1);
    tw_graph_free(graph);
    tw_buffer_release(&model);
}

/* x is [2,3] and the axis the first: all six elements are one distribution. */
static void old_softmax_flattens_from_its_axis_on(void **state)
{
    (void)state;
    struct tw_buffer node = node_of("Softmax", NULL), attribute = {0};
    put_text(&attribute, 1, "axis");
    put_int(&attribute, 3, 0);
    put_int(&attribute, 20, 2);
    put_message(&node, 5, &attribute);
    struct tw_buffer model = model_of(11, &node, NULL);
    struct tw_graph *graph = read_model(&model);
    assert_int_equal(tw_graph_infer(graph, &tw_graph_limits_default, NULL), TW_OK);
    const float zeros[6] = {0};
    const void *inputs[] = {zeros};
    void *outputs[1];
    assert_int_equal(tw_reference_run(graph, inputs, outputs, NULL), TW_OK);
    assert_float_equal(((float *)outputs[0])[5], 1.0f / 6, 1e-6f);
    tw_free(outputs[0]);
    tw_graph_free(graph);
    tw_buffer_release(&model);
}

static void unknown_op_domain_and_attribute_are_named(void **state)
{
    (void)state;
    struct tw_buffer node = node_of("Einsum", NULL);
    struct tw_buffer model = model_of(13, &node, NULL);
    expect_failure(&model, TW_UNSUPPORTED, "node 'the node' is op 'Einsum'");
    node = node_of("Relu", NULL);
    put_text(&node, 7, "com.microsoft");
    model = model_of(13, &node, NULL);
    expect_failure(&model, TW_UNSUPPORTED, "domain 'com.microsoft'");
    node = node_of("Relu", NULL);
    put_ints(&node, "consumed_inputs", 0, 1);
    model = model_of(13, &node, NULL);
    expect_failure(&model, TW_UNSUPPORTED, "attribute 'consumed_inputs'");
    node = node_of("Relu", NULL);
    model = model_of(23, &node, NULL);
    expect_failure(&model, TW_UNSUPPORTED, "opset 23; opsets 7 to 22");
}

static void external_data_is_refused(void **state)
{
    (void)state;
    struct tw_buffer node = node_of("Add", "w"), constants = {0}, tensor = {0};
    put_int(&tensor, 1, 3);
    put_int(&tensor, 2, 1);
    put_text(&tensor, 8, "w");
    put_int(&tensor, 14, 1);
    put_message(&constants, INITIALIZER, &tensor);
    struct tw_buffer model = model_of(13, &node, &constants);
    expect_failure(&model, TW_UNSUPPORTED, "'w': it keeps its weights in another file");
}

static void huge_counts_are_refused_without_taking_memory(void **state)
{
    (void)state;
    const float one = 1;
    struct tw_buffer node = node_of("Add", "w"), constants = {0};
    put_tensor(&constants, "w", 1, INT64_MAX / 2, tw_span_of(&one, sizeof one));
    struct tw_buffer model = model_of(13, &node, &constants);
    expect_failure(&model, TW_LIMIT, "the limit");
    node = node_of("Add", "w");
    put_tensor(&constants, "w", 1, 1000, tw_span_of(&one, sizeof one));
    model = model_of(13, &node, &constants);
    expect_failure(&model, TW_CORRUPT, "has 4 bytes where its shape [1000] of f32 asks for 4000");
}

/* No message is read recursively: depth costs nothing. */
static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct tw_buffer inner = {0};
    put_int(&inner, 1, 1);
    for (int i = 0; i < 2000; i++) {
        struct tw_buffer outer = {0};
        put_message(&outer, 6, &inner);
        inner = outer;
    }
    struct tw_buffer node = node_of("If", NULL);
    put_message(&node, 5, &inner);
    struct tw_buffer model = model_of(13, &node, NULL);
    expect_failure(&model, TW_UNSUPPORTED, "is of kind 5");
}

static struct tw_buffer model_with_all(void)
{
    const int64_t axis = 1;
    struct tw_buffer node = node_of("Unsqueeze", "a"), constants = {0};
    put_tensor(&constants, "a", 7, 1, tw_span_of(&axis, sizeof axis));
    struct tw_buffer model = model_of(13, &node, &constants), pair = {0};
    put_text(&pair, 1, "key");
    put_text(&pair, 2, "value");
    put_message(&model, 14, &pair);
    return model;
}

/* At some cuts what is left is a whole model; nothing else may be read, and nothing may be touched behind the cut. */
static void every_truncation_fails_or_is_whole(void **state)
{
    (void)state;
    struct tw_buffer model = model_with_all();
    size_t whole = 0;
    for (size_t size = 0; size < model.size; size++) {
        uint8_t *cut = tw_alloc(size, 1);
        memcpy(cut, model.data, size);
        struct tw_graph *graph = NULL;
        struct tw_error error = {0};
        if (tw_model_read("cut", tw_span_of(cut, size), &tw_format_limits_default, &graph, &error))
            assert_true(error.text[0] != 0);
        else
            whole++;
        tw_graph_free(graph);
        tw_free(cut);
    }
    assert_int_equal(whole, 1); /* without its last field, the metadata */
    tw_buffer_release(&model);
}

static void a_changed_byte_never_crashes(void **state)
{
    (void)state;
    struct tw_buffer model = model_with_all();
    for (size_t at = 0; at < model.size; at++) {
        uint8_t was = model.data[at];
        for (unsigned change = 1; change < 256; change = change * 2 + 1) {
            struct tw_graph *graph = NULL;
            struct tw_error error = {0};
            model.data[at] = (uint8_t)(was ^ change);
            if (tw_model_read("changed", tw_buffer_span(&model), &tw_format_limits_default, &graph, &error))
                assert_null(graph);
            tw_graph_free(graph);
        }
        model.data[at] = was;
    }
    tw_buffer_release(&model);
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    struct tw_buffer model = model_with_all();
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; n < 1000 && status; n++) {
        struct tw_graph *graph = NULL;
        tw_memory_fail_at(n);
        status = tw_model_read("m", tw_buffer_span(&model), &tw_format_limits_default, &graph, NULL);
        tw_memory_fail_at(0);
        tw_graph_free(graph);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
    }
    assert_int_equal(status, TW_OK);
    tw_buffer_release(&model);
}

static void what_is_written_reads_back_and_writes_the_same(void **state)
{
    (void)state;
    struct tw_buffer model = model_with_all(), first = {0}, second = {0};
    struct tw_graph *graph = read_model(&model);
    assert_int_equal(tw_onnx_write(graph, "p", "1", &first, NULL), TW_OK);
    struct tw_graph *again = read_model(&first);
    assert_string_equal(tw_graph_property(again, "key"), "value");
    assert_int_equal(again->node_count, 1);
    assert_string_equal(again->values[again->outputs[0]].name, "y");
    assert_int_equal(tw_onnx_write(again, "p", "1", &second, NULL), TW_OK);
    assert_true(tw_span_equal(tw_buffer_span(&first), tw_buffer_span(&second)));
    tw_graph_free(graph);
    tw_graph_free(again);
    tw_buffer_release(&model);
    tw_buffer_release(&first);
    tw_buffer_release(&second);
}

/* y = clip(x + x + x, 0, 6), fused into one Add. */
static void fused_parts_are_written_as_nodes(void **state)
{
    (void)state;
    struct tw_buffer node = node_of("Add", "x");
    struct tw_buffer model = model_of(13, &node, NULL), written = {0};
    struct tw_graph *graph = read_model(&model);
    graph->nodes[0].residual = graph->inputs[0];
    for (int activation = TW_ACT_NONE; activation <= TW_ACT_TANH; activation++) {
        graph->nodes[0].activation = (enum tw_activation)activation;
        graph->nodes[0].activation_alpha = activation == TW_ACT_LEAKY ? 0.1f : 0;
        graph->nodes[0].activation_beta = 6;
        tw_buffer_clear(&written);
        assert_int_equal(tw_onnx_write(graph, "p", "1", &written, NULL), TW_OK);
        struct tw_graph *plain = read_model(&written);
        assert_int_equal(tw_graph_infer(plain, &tw_graph_limits_default, NULL), TW_OK);
        const float x[6] = {-2, -1, 0, 0.5f, 1, 3};
        const void *inputs[] = {x};
        void *outputs[1];
        assert_int_equal(tw_reference_run(plain, inputs, outputs, NULL), TW_OK);
        for (int i = 0; i < 6; i++) {
            const struct tw_node *fused = &graph->nodes[0];
            float expected = tw_activate(fused->activation, fused->activation_alpha, fused->activation_beta, 3 * x[i]);
            assert_float_equal(((float *)outputs[0])[i], expected, 1e-5f);
        }
        tw_free(outputs[0]);
        tw_graph_free(plain);
    }
    tw_graph_free(graph);
    tw_buffer_release(&model);
    tw_buffer_release(&written);
}

static void what_is_no_model_is_refused_with_the_known_formats(void **state)
{
    (void)state;
    struct tw_buffer text = {0};
    assert_int_equal(tw_buffer_append_text(&text, "\nhello, I am a text", NULL), TW_OK);
    expect_failure(&text, TW_UNSUPPORTED, "(onnx, ");
    expect_failure(&text, TW_UNSUPPORTED, "the file is empty");
    assert_int_equal(tw_buffer_append(&text, "PK\3\4........", 12, NULL), TW_OK);
    expect_failure(&text, TW_UNSUPPORTED, "ZIP archive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_attributes_of_opset_6_become_inputs),
        cmocka_unit_test(axes_input_of_reduce_mean_18_becomes_an_attribute),
        cmocka_unit_test(axes_attribute_of_reduce_sum_11_becomes_an_input),
        cmocka_unit_test(upsample_becomes_resize),
        cmocka_unit_test(old_softmax_flattens_from_its_axis_on),
        cmocka_unit_test(unknown_op_domain_and_attribute_are_named),
        cmocka_unit_test(external_data_is_refused),
        cmocka_unit_test(huge_counts_are_refused_without_taking_memory),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(every_truncation_fails_or_is_whole),
        cmocka_unit_test(a_changed_byte_never_crashes),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
        cmocka_unit_test(what_is_written_reads_back_and_writes_the_same),
        cmocka_unit_test(fused_parts_are_written_as_nodes),
        cmocka_unit_test(what_is_no_model_is_refused_with_the_known_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
