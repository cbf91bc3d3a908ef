#include "flat.h"

#include "formats/format.h"
#include "graph/op.h"

#include <math.h>

enum { U8 = 3, I8 = 9, I32 = 2, F32 = 0, CONV_2D = 3, RELU = 1 };

struct tensor {
    const char *name;
    int type;
    int32_t dims[4];
    size_t rank;
    const void *data;
    size_t bytes;
    float scales[2];
    int64_t zeros[2];
    size_t scale_count;
};

static void put_tensor(struct tw_buffer *out, size_t slot, const struct tensor *tensor, int64_t buffer)
{
    size_t table = flat_put_table(out, 5);
    flat_link(out, slot, table);
    flat_set(out, table, 1, tensor->type);
    flat_set(out, table, 2, buffer);
    flat_put_list(out, table, 0, tensor->dims, tensor->rank, 4);
    flat_put_list(out, table, 3, tensor->name, strlen(tensor->name), 1);
    size_t quantisation = flat_put_table(out, 4);
    flat_link(out, flat_field(table, 4), quantisation);
    if (!tensor->scale_count)
        return;
    flat_put_list(out, quantisation, 2, tensor->scales, tensor->scale_count, 4);
    flat_put_list(out, quantisation, 3, tensor->zeros, tensor->scale_count, 8);
}

/* One op of that code over the tensors; the last tensor is what it makes, those before it are what it takes. */
static struct tw_buffer model_of(const struct tensor *tensors, size_t count, int code, const int64_t *options,
                                 size_t option_count)
{
    struct tw_buffer out = {0};
    const int32_t first = 0, last = (int32_t)count - 1, inputs[] = {0, 1, 2, 3, 4, 5, 6, 7};
    flat_put_u32(&out, 0);
    flat_put(&out, "TFL3", 4);
    size_t model = flat_put_table(&out, 5);
    flat_link(&out, 0, model);
    flat_set(&out, model, 0, 3);
    size_t code_slot = flat_put_links(&out, model, 1, 1), graph_slot = flat_put_links(&out, model, 2, 1);
    size_t buffer_slots = flat_put_links(&out, model, 4, count + 1);
    size_t code_table = flat_put_table(&out, 4);
    flat_link(&out, code_slot, code_table);
    flat_set(&out, code_table, 0, code > 127 ? 127 : code);
    flat_put_list(&out, code_table, 1, "", 0, 1);
    flat_set(&out, code_table, 3, code);
    size_t graph = flat_put_table(&out, 4);
    flat_link(&out, graph_slot, graph);
    flat_put_list(&out, graph, 1, &first, 1, 4);
    flat_put_list(&out, graph, 2, &last, 1, 4);
    size_t tensor_slots = flat_put_links(&out, graph, 0, count), op_slot = flat_put_links(&out, graph, 3, 1);
    for (size_t i = 0; i < count; i++)
        put_tensor(&out, tensor_slots + 4 * i, &tensors[i], tensors[i].data ? (int64_t)i + 1 : 0);
    size_t op = flat_put_table(&out, 5);
    flat_link(&out, op_slot, op);
    flat_put_list(&out, op, 1, inputs, count - 1, 4);
    flat_put_list(&out, op, 2, &last, 1, 4);
    size_t option_table = flat_put_table(&out, option_count);
    flat_link(&out, flat_field(op, 4), option_table);
    for (size_t i = 0; i < option_count; i++)
        flat_set(&out, option_table, i, options[i]);
    for (size_t i = 0; i <= count; i++) {
        size_t buffer = flat_put_table(&out, 1);
        flat_link(&out, buffer_slots + 4 * i, buffer);
        flat_put_list(&out, buffer, 0, i && tensors[i - 1].data ? tensors[i - 1].data : "",
                      i && tensors[i - 1].data ? tensors[i - 1].bytes : 0, 1);
    }
    return out;
}

/* Input u8 by halves around 10; weights by 0.5 and 0.25, around 0; bias by 0.25 and 0.125; output u8 by ones around 4. */
static const int8_t weights[] = {2, -4};
static const int32_t bias[] = {4, 8};
static const struct tensor quantised[] = {
    {"photo", U8, {1, 2, 2, 1}, 4, NULL, 0, {0.5f}, {10}, 1},
    {"weights", I8, {2, 1, 1, 1}, 4, weights, 2, {0.5f, 0.25f}, {0, 0}, 2},
    {"bias", I32, {2}, 1, bias, 8, {0.25f, 0.125f}, {0, 0}, 2},
    {"result", U8, {1, 2, 2, 2}, 4, NULL, 0, {1}, {4}, 1},
};
static const int64_t conv_options[] = {1, 1, 1, RELU, 1, 1};

static struct tw_buffer small_model(void)
{
    return model_of(quantised, 4, CONV_2D, conv_options, 6);
}

static struct tw_graph *read_one(const struct tw_buffer *bytes)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    if (tw_model_read("m.tflite", tw_buffer_span(bytes), &tw_format_limits_default, &graph, &error))
        fail_msg("%s", error.text);
    return graph;
}

static void quantised_convolution_stays_on_the_grid_of_its_tensors(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_model();
    struct tw_graph *graph = read_one(&bytes);
    assert_int_equal(graph->input_count, 1);
    assert_string_equal(graph->values[graph->inputs[0]].name, "photo");
    assert_int_equal(graph->values[graph->inputs[0]].shape.dims[0], TW_UNKNOWN);
    graph->values[graph->inputs[0]].shape.dims[0] = 1;
    assert_int_equal(tw_graph_infer(graph, &tw_graph_limits_default, NULL), TW_OK);
    /* -20 is below the grid, which ends at -5. 1.2 rounds to 1, so 1 * 1 + 1 = 2; 7 * 1 + 1 = 8 */
    const float photo[] = {1.2f, -20, 7, 0};
    const void *inputs[] = {photo};
    void *outputs[1];
    assert_int_equal(tw_reference_run(graph, inputs, outputs, NULL), TW_OK);
    const float *result = outputs[0], wanted[] = {2, 0, 8, 1, 0, 6, 0, 1};
    for (size_t i = 0; i < 8; i++)
        assert_float_equal(result[i], wanted[i], 1e-6f);
    tw_free(outputs[0]);
    tw_graph_free(graph);
    tw_buffer_release(&bytes);
}

static void weights_stay_integers_for_an_engine_that_computes_with_them(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_model();
    struct tw_graph *graph = read_one(&bytes);
    int quantise = 0, dequantise = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        quantise += graph->nodes[i].op == TW_OP_QUANTIZE_LINEAR;
        dequantise += graph->nodes[i].op == TW_OP_DEQUANTIZE_LINEAR;
    }
    assert_int_equal(quantise, 2);
    assert_int_equal(dequantise, 4);
    tw_graph_free(graph);
    tw_buffer_release(&bytes);
}

static void integers_of_a_photo_say_its_policy(void **state)
{
    (void)state;
    struct tensor tensors[] = {{"photo", U8, {1, 6, 5, 3}, 4, NULL, 0, {0.0078125f}, {128}, 1},
                               {"active", U8, {1, 6, 5, 3}, 4, NULL, 0, {0.0078125f}, {128}, 1}};
    enum { RELU_OP = 19 };
    struct tw_buffer bytes = model_of(tensors, 2, RELU_OP, NULL, 0);
    struct tw_graph *graph = read_one(&bytes);
    const char *policy = tw_graph_property(graph, "topwork.policy");
    assert_non_null(policy);
    assert_non_null(strstr(policy, "\"width\":5,\"height\":6,\"mean\":[128,128,128],\"scale\":[0.0078125,"));
    assert_non_null(strstr(policy, "\"layout\":\"nhwc\""));
    tw_graph_free(graph);
    tw_buffer_release(&bytes);
}

static void expect_failure(struct tw_buffer bytes, enum tw_status status, const char *words)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    assert_int_equal(tw_model_read("m.tflite", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, &error),
                     status);
    assert_null(graph);
    if (!strstr(error.text, words) || !strstr(error.text, "m.tflite"))
        fail_msg("'%s' does not say '%s'", error.text, words);
    tw_buffer_release(&bytes);
}

static void unknown_ops_options_and_types_are_named(void **state)
{
    (void)state;
    struct tensor tensors[4];
    expect_failure(model_of(quantised, 4, 26, conv_options, 6), TW_UNSUPPORTED,
                   "'result' is made by TensorFlow Lite's op ? (number 26)");
    const int64_t bad_activation[] = {1, 1, 1, 5, 1, 1}, bad_padding[] = {2, 1, 1, 0, 1, 1};
    expect_failure(model_of(quantised, 4, CONV_2D, bad_activation, 6), TW_UNSUPPORTED, "fused activation");
    expect_failure(model_of(quantised, 4, CONV_2D, bad_padding, 6), TW_UNSUPPORTED, "none of SAME, VALID");
    memcpy(tensors, quantised, sizeof tensors);
    tensors[0].type = 7;
    expect_failure(model_of(tensors, 4, CONV_2D, conv_options, 6), TW_UNSUPPORTED, "'photo' of type i16");
    memcpy(tensors, quantised, sizeof tensors);
    tensors[0].scales[0] = -1;
    expect_failure(model_of(tensors, 4, CONV_2D, conv_options, 6), TW_CORRUPT, "'photo' has scale -1");
    memcpy(tensors, quantised, sizeof tensors);
    tensors[0].zeros[0] = 300;
    expect_failure(model_of(tensors, 4, CONV_2D, conv_options, 6), TW_CORRUPT, "zero point 300");
    memcpy(tensors, quantised, sizeof tensors);
    tensors[1].dims[3] = 7;
    expect_failure(model_of(tensors, 4, CONV_2D, conv_options, 6), TW_CORRUPT, "'weights' of type i8 and shape");
    tensors[1].dims[3] = -7;
    expect_failure(model_of(tensors, 4, CONV_2D, conv_options, 6), TW_CORRUPT, "dimension of -7");
    memcpy(tensors, quantised, sizeof tensors);
    tensors[1].data = NULL;
    expect_failure(model_of(tensors, 4, CONV_2D, conv_options, 6), TW_UNSUPPORTED, "weights that are no constant");
}

/* 2000 tensors that all name one long text: what it costs the file once may not cost memory each time. */
static void a_text_that_all_tensors_share_does_not_fill_memory(void **state)
{
    (void)state;
    enum { COUNT = 2000, LENGTH = 1 << 20 };
    struct tw_buffer out = {0};
    flat_put_u32(&out, 0);
    flat_put(&out, "TFL3", 4);
    size_t model = flat_put_table(&out, 5);
    flat_link(&out, 0, model);
    flat_set(&out, model, 0, 3);
    size_t graph_slot = flat_put_links(&out, model, 2, 1), graph = flat_put_table(&out, 4);
    flat_link(&out, graph_slot, graph);
    char *letters = tw_alloc(LENGTH, 1);
    memset(letters, 'a', LENGTH);
    size_t slots = flat_put_list(&out, graph, 0, letters, COUNT, 4), tensor = flat_put_table(&out, 4);
    for (size_t i = 0; i < COUNT; i++)
        flat_link(&out, slots + 4 * i, tensor);
    flat_put_list(&out, tensor, 3, letters, LENGTH, 1);
    tw_free(letters);
    expect_failure(out, TW_LIMIT, "names again and again");
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_model();
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
    /* Behind the bias there is only the empty buffer of the result, which nobody asks for. */
    assert_true(whole < 24);
    tw_buffer_release(&bytes);
}

static void a_changed_byte_never_crashes(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_model();
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t was = bytes.data[at];
        for (unsigned change = 1; change < 256; change = change * 2 + 1) {
            struct tw_graph *graph = NULL;
            bytes.data[at] = (uint8_t)(was ^ change);
            if (tw_model_read("changed", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, NULL))
                assert_null(graph);
            else
                (void)!tw_graph_infer(graph, &tw_graph_limits_default, NULL);
            tw_graph_free(graph);
        }
        bytes.data[at] = was;
    }
    tw_buffer_release(&bytes);
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_model();
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; n < 1000 && status; n++) {
        struct tw_graph *graph = NULL;
        tw_memory_fail_at(n);
        status = tw_model_read("m", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, NULL);
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
        cmocka_unit_test(quantised_convolution_stays_on_the_grid_of_its_tensors),
        cmocka_unit_test(weights_stay_integers_for_an_engine_that_computes_with_them),
        cmocka_unit_test(integers_of_a_photo_say_its_policy),
        cmocka_unit_test(unknown_ops_options_and_types_are_named),
        cmocka_unit_test(a_text_that_all_tensors_share_does_not_fill_memory),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_changed_byte_never_crashes),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
