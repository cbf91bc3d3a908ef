/* What TensorFlow makes of the graph is for tests/peers/test_export.py; here: names, refusals, memory. */
#include "formats/savedmodel.h"

#include "../graph/net.h"

static const char *const labels[] = {"cat", "dog"};

static int named(struct tw_graph *graph, enum tw_op op, const char *name, const int *inputs, int count)
{
    int id = tw_graph_add_value(graph, name, TW_DTYPE_NONE, NULL);
    assert_true(id >= 0);
    assert_non_null(tw_graph_add_node(graph, op, name, inputs, count, &id, 1));
    return id;
}

/* A picture of 2 x 2; `odd` comes between it and the head. */
static struct tw_graph *model_with(enum tw_op odd)
{
    struct tw_graph *graph = tw_graph_new();
    assert_non_null(graph);
    int image = net_input(graph, SHAPE(TW_UNKNOWN, 3, 2, 2));
    int weights = F32(graph, SHAPE(4, 3, 1, 1), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    int picture = NODE(graph, TW_OP_CONV, image, weights);
    SET_INTS(graph, "kernel_shape", 1, 1);
    picture = NODE(graph, odd, picture);
    if (odd == TW_OP_DEPTH_TO_SPACE)
        SET_INT(graph, "blocksize", 2);
    int embedding = named(graph, TW_OP_FLATTEN, "embedding", &picture, 1);
    float matrix[32] = {1, -1, 0.5f};
    int head = net_constant(graph, TW_F32, SHAPE(16, 2), matrix, 32);
    int logits = named(graph, TW_OP_MATMUL, "logits", (const int[]){embedding, head}, 2);
    int outputs[] = {embedding, logits, named(graph, TW_OP_SOFTMAX, "scores", &logits, 1)};
    assert_true(tw_graph_set_outputs(graph, outputs, 3));
    assert_int_equal(tw_graph_sort(graph, NULL), TW_OK);
    return graph;
}

static const char properties[] = "{\"topwork.policy\":\"{\\\"width\\\":2,\\\"height\\\":2}\",\"k\":\"v\"}";

static enum tw_status write(const struct tw_graph *graph, struct tw_buffer *out, struct tw_error *error)
{
    struct tw_image_policy policy = tw_image_policy_default;
    policy.width = policy.height = 2;
    const struct tw_savedmodel_parts parts = {
        .graph = graph, .policy = &policy, .labels = labels, .label_count = 2, .properties = properties};
    return tw_savedmodel_write(&parts, out, error);
}

static void equal_models_give_equal_bytes_that_read_back(void **state)
{
    (void)state;
    static const char *const names[] = {"embedding", "logits", "scores"};
    struct tw_graph *graph = model_with(TW_OP_RELU), *again = NULL;
    struct tw_buffer first = {0}, second = {0};
    struct tw_error error = {0};
    assert_int_equal(write(graph, &first, &error), TW_OK);
    assert_int_equal(write(graph, &second, NULL), TW_OK);
    assert_true(tw_span_equal(tw_buffer_span(&first), tw_buffer_span(&second)));
    assert_int_equal(tw_model_read("m", tw_buffer_span(&first), &tw_format_limits_default, &again, &error), TW_OK);
    assert_string_equal(tw_graph_property(again, "k"), "v");
    assert_int_equal(again->input_count, 1);
    assert_int_equal(again->values[again->inputs[0]].shape.dims[1], 3);
    assert_int_equal(again->output_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(again->values[again->outputs[i]].name, names[i]);
    tw_graph_free(graph);
    tw_graph_free(again);
    tw_buffer_release(&first);
    tw_buffer_release(&second);
}

static void an_op_without_counterpart_is_named(void **state)
{
    (void)state;
    struct tw_graph *graph = model_with(TW_OP_DEPTH_TO_SPACE);
    struct tw_buffer out = {0};
    struct tw_error error = {0};
    assert_int_equal(write(graph, &out, &error), TW_UNSUPPORTED);
    assert_non_null(strstr(error.text, "DepthToSpace"));
    assert_int_equal(out.size, 0);
    tw_graph_free(graph);
    tw_buffer_release(&out);
}

static void each_failing_allocation_is_reported(void **state)
{
    (void)state;
    struct tw_graph *graph = model_with(TW_OP_RELU);
    struct tw_buffer whole = {0};
    enum tw_status status = TW_NO_MEMORY;
    assert_int_equal(write(graph, &whole, NULL), TW_OK);
    for (uint64_t n = 1; n < 100000 && status; n++) {
        struct tw_buffer out = {0};
        tw_memory_fail_at(n);
        status = write(graph, &out, NULL);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || (status == TW_NO_MEMORY && out.size == 0));
        assert_true(status || tw_span_equal(tw_buffer_span(&out), tw_buffer_span(&whole)));
        tw_buffer_release(&out);
    }
    assert_int_equal(status, TW_OK);
    tw_graph_free(graph);
    tw_buffer_release(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_models_give_equal_bytes_that_read_back),
        cmocka_unit_test(an_op_without_counterpart_is_named),
        cmocka_unit_test(each_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
