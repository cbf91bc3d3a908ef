#include "formats/format.h"
#include "graph/op.h"
#include "messages.h"

#include <string.h>

enum { S = 2, I = 3, F = 4, B = 5, TYPE = 6, TENSOR = 8 }; /* fields of AttrValue */

static struct tw_buffer node_of(const char *name, const char *op, const char *const *inputs)
{
    struct tw_buffer node = {0};
    put_text(&node, 1, name);
    put_text(&node, 2, op);
    for (; inputs && *inputs; inputs++)
        put_text(&node, 3, *inputs);
    return node;
}

/* Takes the value: an AttrValue. */
static void put_attribute(struct tw_buffer *node, const char *key, struct tw_buffer *value)
{
    struct tw_buffer entry = {0};
    put_text(&entry, 1, key);
    put_message(&entry, 2, value);
    put_message(node, 5, &entry);
}

static void put_number(struct tw_buffer *node, const char *key, uint32_t kind, int64_t number)
{
    struct tw_buffer value = {0};
    put_int(&value, kind, number);
    put_attribute(node, key, &value);
}

static void put_word(struct tw_buffer *node, const char *key, const char *word)
{
    struct tw_buffer value = {0};
    put_text(&value, S, word);
    put_attribute(node, key, &value);
}

static void put_list(struct tw_buffer *node, const char *key, const int64_t *numbers, size_t count)
{
    struct tw_buffer list = {0}, value = {0};
    for (size_t i = 0; i < count; i++)
        put_int(&list, 3, numbers[i]);
    put_message(&value, 1, &list);
    put_attribute(node, key, &value);
}

/* A Const of floats (type 1) or int32 (type 3) by its bytes. */
static void put_const(struct tw_buffer *graph, const char *name, int64_t type, const int64_t *dims, size_t rank,
                      struct tw_span bytes)
{
    struct tw_buffer node = node_of(name, "Const", NULL), shape = {0}, dim = {0}, tensor = {0}, value = {0};
    for (size_t i = 0; i < rank; i++) {
        put_int(&dim, 1, dims[i]);
        put_message(&shape, 2, &dim);
    }
    put_int(&tensor, 1, type);
    put_message(&tensor, 2, &shape);
    if (bytes.size)
        assert_int_equal(tw_wire_put_bytes(&tensor, 4, bytes, NULL), TW_OK);
    put_message(&value, TENSOR, &tensor);
    put_attribute(&node, "value", &value);
    put_message(graph, 1, &node);
}

static void put_node(struct tw_buffer *graph, const char *name, const char *op, const char *const *inputs)
{
    struct tw_buffer node = node_of(name, op, inputs);
    put_message(graph, 1, &node);
}

/* The input side of the graph of 2015, for photos of 4 x 4. */
static void put_photo_way(struct tw_buffer *graph)
{
    const int32_t axis = 0, size[] = {4, 4};
    const float mean = 128, scale = 0.0078125f;
    const int64_t two = 2;
    put_node(graph, "DecodeJpeg", "DecodeJpeg", (const char *[]){"contents", NULL});
    put_const(graph, "contents", 7, NULL, 0, (struct tw_span){0});
    struct tw_buffer cast = node_of("Cast", "Cast", (const char *[]){"DecodeJpeg", NULL});
    put_number(&cast, "DstT", TYPE, 1);
    put_message(graph, 1, &cast);
    put_const(graph, "dim", 3, NULL, 0, tw_span_of(&axis, sizeof axis));
    put_node(graph, "ExpandDims", "ExpandDims", (const char *[]){"Cast", "dim", NULL});
    put_const(graph, "size", 3, &two, 1, tw_span_of(size, sizeof size));
    put_node(graph, "ResizeBilinear", "ResizeBilinear", (const char *[]){"ExpandDims", "size", NULL});
    put_const(graph, "mean", 1, NULL, 0, tw_span_of(&mean, sizeof mean));
    put_node(graph, "Sub", "Sub", (const char *[]){"ResizeBilinear", "mean", NULL});
    put_const(graph, "scale", 1, NULL, 0, tw_span_of(&scale, sizeof scale));
    put_node(graph, "Mul", "Mul", (const char *[]){"Sub", "scale", NULL});
}

/* Conv 3x3 stride 2 SAME of ones and a bias, pooled to one pixel. */
static void put_network(struct tw_buffer *graph)
{
    static const int64_t strides[] = {1, 2, 2, 1}, ones[] = {1, 1, 1, 1}, window[] = {1, 2, 2, 1};
    static const int64_t filter_dims[] = {3, 3, 3, 2}, bias_dims[] = {2};
    static const float bias[] = {1, -100};
    float filter[54];
    for (size_t i = 0; i < 54; i++)
        filter[i] = 1;
    put_const(graph, "filter", 1, filter_dims, 4, tw_span_of(filter, sizeof filter));
    struct tw_buffer conv = node_of("conv", "Conv2D", (const char *[]){"Mul", "filter", NULL});
    put_list(&conv, "strides", strides, 4);
    put_word(&conv, "padding", "SAME");
    put_message(graph, 1, &conv);
    put_const(graph, "bias", 1, bias_dims, 1, tw_span_of(bias, sizeof bias));
    put_node(graph, "biased", "BiasAdd", (const char *[]){"conv", "bias", "^Mul", NULL});
    put_node(graph, "relu", "Relu", (const char *[]){"biased:0", NULL});
    struct tw_buffer pool = node_of("pool_3", "AvgPool", (const char *[]){"relu", NULL});
    put_list(&pool, "ksize", window, 4);
    put_list(&pool, "strides", ones, 4);
    put_word(&pool, "padding", "VALID");
    put_message(graph, 1, &pool);
}

static struct tw_buffer small_graph(void)
{
    struct tw_buffer graph = {0};
    put_photo_way(&graph);
    put_network(&graph);
    return graph;
}

static void put_ints(struct tw_buffer *graph, const char *name, const int32_t *values, int64_t count)
{
    put_const(graph, name, 3, &count, 1, tw_span_of(values, (size_t)count * sizeof *values));
}

/* Crops [1,4,4,3] to its middle and gives it back as [1,4,3], whose 3 is taken from the shape, as Keras writes it. */
static struct tw_buffer parts_graph(void)
{
    static const int32_t from[] = {0, 1, 1, 0}, to[] = {0, -1, -1, 0}, by[] = {1, 1, 1, 1}, last[] = {-1}, end[] = {0};
    static const int32_t one = 1, four = 4;
    struct tw_buffer graph = {0}, shape = {0}, dim = {0}, value = {0};
    struct tw_buffer x = node_of("x", "Placeholder", NULL);
    for (size_t i = 0; i < 4; i++) {
        put_int(&dim, 1, (int64_t[]){1, 4, 4, 3}[i]);
        put_message(&shape, 2, &dim);
    }
    put_message(&value, 7, &shape);
    put_attribute(&x, "shape", &value);
    put_message(&graph, 1, &x);
    put_ints(&graph, "from", from, 4);
    put_ints(&graph, "to", to, 4);
    put_ints(&graph, "by", by, 4);
    struct tw_buffer crop = node_of("crop", "StridedSlice", (const char *[]){"x", "from", "to", "by", NULL});
    put_number(&crop, "begin_mask", I, 9);
    put_number(&crop, "end_mask", I, 9);
    put_message(&graph, 1, &crop);
    put_node(&graph, "two", "IdentityN", (const char *[]){"x", "crop", NULL});
    put_node(&graph, "shape", "Shape", (const char *[]){"two:1", NULL});
    put_ints(&graph, "last", last, 1);
    put_ints(&graph, "end", end, 1);
    put_ints(&graph, "step", by, 1);
    struct tw_buffer depth = node_of("depth", "StridedSlice", (const char *[]){"shape", "last", "end", "step", NULL});
    put_number(&depth, "shrink_axis_mask", I, 1);
    put_message(&graph, 1, &depth);
    put_const(&graph, "one", 3, NULL, 0, tw_span_of(&one, sizeof one));
    put_const(&graph, "four", 3, NULL, 0, tw_span_of(&four, sizeof four));
    put_node(&graph, "dims", "Pack", (const char *[]){"one", "four", "depth", NULL});
    put_node(&graph, "out", "Reshape", (const char *[]){"two:1", "dims", NULL});
    return graph;
}

static void parts_and_shapes_are_as_tensorflow_has_them(void **state)
{
    (void)state;
    struct tw_buffer bytes = parts_graph();
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    if (tw_model_read("g.pb", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, &error) ||
        tw_graph_infer(graph, &tw_graph_limits_default, &error))
        fail_msg("%s", error.text);
    float picture[48];
    for (size_t i = 0; i < 48; i++)
        picture[i] = (float)i;
    void *outputs[1];
    assert_int_equal(graph->output_count, 1);
    assert_int_equal(tw_reference_run(graph, (const void *[]){picture}, outputs, NULL), TW_OK);
    const struct tw_shape *shape = &graph->values[graph->outputs[0]].shape;
    assert_true(tw_shape_equal(shape, &(struct tw_shape){.rank = 3, .dims = {1, 4, 3}}));
    for (size_t i = 0; i < 12; i++)
        assert_float_equal(((const float *)outputs[0])[i], (float)((i / 6 + 1) * 12 + 3 + i % 6), 0);
    tw_free(outputs[0]);
    tw_graph_free(graph);
    tw_buffer_release(&bytes);
}

static void photo_nodes_become_a_policy_and_a_channels_first_input(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_graph();
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    if (tw_model_read("g.pb", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, &error))
        fail_msg("%s", error.text);
    assert_string_equal(tw_graph_property(graph, "topwork.embedding"), "pool_3");
    const char *policy = tw_graph_property(graph, "topwork.policy");
    assert_non_null(policy);
    assert_non_null(strstr(policy, "\"resize\":\"tf1_bilinear\""));
    assert_non_null(strstr(policy, "\"width\":4,\"height\":4,\"mean\":[128,128,128],\"scale\":[0.0078125,"));
    assert_int_equal(graph->input_count, 1);
    const struct tw_value *input = &graph->values[graph->inputs[0]];
    assert_string_equal(input->name, "Mul");
    assert_int_equal(input->shape.dims[1], 3);
    for (size_t i = 0; i < graph->node_count; i++)
        assert_int_not_equal(graph->nodes[i].op, TW_OP_TRANSPOSE);
    tw_graph_free(graph);
    tw_buffer_release(&bytes);
}

/* SAME of 4 with stride 2 pads one cell, behind: windows of 9, 6, 6 and 4 cells of three channels of ones. */
static void same_padding_is_as_tensorflow_has_it(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_graph();
    struct tw_graph *graph = NULL;
    assert_int_equal(tw_model_read("g.pb", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, NULL), TW_OK);
    graph->values[graph->inputs[0]].shape.dims[0] = 1;
    assert_int_equal(tw_graph_infer(graph, &tw_graph_limits_default, NULL), TW_OK);
    float photo[48];
    for (size_t i = 0; i < 48; i++)
        photo[i] = 1;
    const void *inputs[] = {photo};
    void *outputs[1];
    assert_int_equal(tw_reference_run(graph, inputs, outputs, NULL), TW_OK);
    const float *result = outputs[0];
    assert_float_equal(result[0], 1 + 3 * (9 + 6 + 6 + 4) / 4.0f, 1e-5f);
    assert_float_equal(result[1], 0, 1e-6f);
    tw_free(outputs[0]);
    tw_graph_free(graph);
    tw_buffer_release(&bytes);
}

static void expect_failure(struct tw_buffer *bytes, enum tw_status status, const char *words)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    assert_int_equal(tw_model_read("g.pb", tw_buffer_span(bytes), &tw_format_limits_default, &graph, &error), status);
    assert_null(graph);
    if (!strstr(error.text, words) || !strstr(error.text, "g.pb"))
        fail_msg("'%s' does not say '%s'", error.text, words);
    tw_buffer_release(bytes);
}

static void unknown_ops_loops_and_missing_inputs_are_named(void **state)
{
    (void)state;
    struct tw_buffer graph = {0};
    put_node(&graph, "x", "Placeholder", NULL);
    put_node(&graph, "y", "Frobnicate", (const char *[]){"x", NULL});
    expect_failure(&graph, TW_UNSUPPORTED, "node 'y' is TensorFlow's op 'Frobnicate'");
    put_node(&graph, "y", "Relu", (const char *[]){"nobody", NULL});
    expect_failure(&graph, TW_CORRUPT, "takes 'nobody', which no node makes");
    put_node(&graph, "a", "Relu", (const char *[]){"b", NULL});
    put_node(&graph, "b", "Relu", (const char *[]){"a", NULL});
    put_node(&graph, "c", "Relu", (const char *[]){"b", NULL});
    expect_failure(&graph, TW_UNSUPPORTED, "nodes form a loop");
    put_node(&graph, "a", "NoOp", NULL);
    put_node(&graph, "a", "NoOp", NULL);
    expect_failure(&graph, TW_CORRUPT, "two nodes are named 'a'");
    put_node(&graph, "a", "NoOp", NULL);
    expect_failure(&graph, TW_CORRUPT, "no node gives a result");
}

static void constant_of_huge_shape_is_refused(void **state)
{
    (void)state;
    const int64_t huge[] = {1 << 20, 1 << 20}, large = 100 << 20;
    struct tw_buffer graph = {0};
    put_const(&graph, "c", 1, huge, 2, (struct tw_span){0});
    put_node(&graph, "y", "Relu", (const char *[]){"c", NULL});
    expect_failure(&graph, TW_LIMIT, "takes more than the limit");
    put_const(&graph, "c", 1, &large, 1, (struct tw_span){0});
    put_node(&graph, "y", "Relu", (const char *[]){"c", NULL});
    expect_failure(&graph, TW_LIMIT, "constants of repeated values");
}

static void every_truncation_is_survived(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_graph();
    size_t whole = 0;
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *cut = tw_alloc(size, 1);
        memcpy(cut, bytes.data, size);
        struct tw_graph *graph = NULL;
        struct tw_error error = {0};
        if (tw_model_read("cut", tw_span_of(cut, size), &tw_format_limits_default, &graph, &error))
            assert_true(error.text[0] != 0);
        else
            whole++;
        tw_graph_free(graph);
        tw_free(cut);
    }
    assert_true(whole <= 20); /* where a node ends, what is left may be a network */
    tw_buffer_release(&bytes);
}

static void change_every_byte(struct tw_buffer bytes)
{
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t was = bytes.data[at];
        for (unsigned change = 1; change < 256; change = change * 4 + 3) {
            struct tw_graph *graph = NULL;
            bytes.data[at] = (uint8_t)(was ^ change);
            if (tw_model_read("changed", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, NULL))
                assert_null(graph);
            tw_graph_free(graph);
        }
        bytes.data[at] = was;
    }
    tw_buffer_release(&bytes);
}

static void a_changed_byte_never_crashes(void **state)
{
    (void)state;
    change_every_byte(small_graph());
    change_every_byte(parts_graph());
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_graph();
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; n < 1000 && status; n++) {
        struct tw_graph *graph = NULL;
        tw_memory_fail_at(n);
        status = tw_model_read("g", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, NULL);
        tw_memory_fail_at(0);
        tw_graph_free(graph);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
    }
    assert_int_equal(status, TW_OK);
    tw_buffer_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photo_nodes_become_a_policy_and_a_channels_first_input),
        cmocka_unit_test(parts_and_shapes_are_as_tensorflow_has_them),
        cmocka_unit_test(same_padding_is_as_tensorflow_has_it),
        cmocka_unit_test(unknown_ops_loops_and_missing_inputs_are_named),
        cmocka_unit_test(constant_of_huge_shape_is_refused),
        cmocka_unit_test(every_truncation_is_survived),
        cmocka_unit_test(a_changed_byte_never_crashes),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
