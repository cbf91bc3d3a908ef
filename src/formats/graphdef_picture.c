/* TensorFlow's ops of pictures: convolution, pooling, batch norm. They take and give the nchw form, unless the file itself
 * says data_format NCHW: then its native form is that already. */
#include "formats/graphdef.h"

#include <string.h>

/* The two axes of a picture as an op sees them. */
struct window {
    bool is_native_nchw;
    int input; /* value id, channels first */
    int64_t size[2], stride[2], dilation[2];
    int64_t in[2], out[2]; /* TW_UNKNOWN where they are not known */
};

static bool read_pair(struct tf_graph *tf, const struct tf_node *node, const char *key, bool is_nchw, int64_t pair[2])
{
    int64_t list[4];
    size_t count = tf_ints(tf, node, key, list, 4);
    int first = is_nchw ? 2 : 1, channel = is_nchw ? 1 : 3;
    pair[0] = pair[1] = 1;
    if (count == 0)
        return false;
    if (count != 4 || list[0] != 1 || list[channel] != 1 || list[first] < 1 || list[first + 1] < 1 ||
        list[first] > INT32_MAX || list[first + 1] > INT32_MAX) {
        tf_fail(tf, node, "has strides, dilations or a window that are not those of a picture's height and width");
        return false;
    }
    pair[0] = list[first];
    pair[1] = list[first + 1];
    return true;
}

static bool read_window(struct tf_graph *tf, struct tf_node *node, struct window *window)
{
    *window = (struct window){.is_native_nchw = tf_word_is(tf, node, "data_format", "NCHW")};
    window->input = window->is_native_nchw ? tf_native(tf, node, 0) : tf_nchw(tf, node, 0);
    read_pair(tf, node, "ksize", window->is_native_nchw, window->size);
    if (!read_pair(tf, node, "strides", window->is_native_nchw, window->stride))
        tf_fail(tf, node, "has no strides");
    read_pair(tf, node, "dilations", window->is_native_nchw, window->dilation);
    if (tf->build->status)
        return false;
    const struct tw_shape *shape = &tf->build->graph->values[window->input].shape;
    for (int i = 0; i < 2; i++)
        window->in[i] = shape->rank == 4 && shape->dims[2 + i] > 0 && shape->dims[2 + i] <= INT32_MAX
                            ? shape->dims[2 + i]
                            : TW_UNKNOWN;
    return true;
}

static void set_out(struct window *window, bool is_same, const int64_t *pads)
{
    for (int i = 0; i < 2; i++) {
        int64_t extent = (window->size[i] - 1) * window->dilation[i] + 1;
        window->out[i] = TW_UNKNOWN;
        if (window->in[i] < 0)
            continue;
        if (is_same)
            window->out[i] = (window->in[i] - 1) / window->stride[i] + 1;
        else if (window->in[i] + pads[i] + pads[i + 2] >= extent)
            window->out[i] = (window->in[i] + pads[i] + pads[i + 2] - extent) / window->stride[i] + 1;
    }
}

/* TensorFlow's SAME puts the odd cell behind. False where it hangs on a size that is not known. */
static bool find_same_pads(const struct window *window, int64_t pads[4])
{
    for (int i = 0; i < 2; i++) {
        int64_t extent = (window->size[i] - 1) * window->dilation[i] + 1;
        int64_t whole = extent - 1;
        if (window->stride[i] != 1) {
            if (window->in[i] < 0)
                return false;
            int64_t out = (window->in[i] - 1) / window->stride[i] + 1;
            whole = (out - 1) * window->stride[i] + extent - window->in[i];
        }
        whole = whole > 0 ? whole : 0;
        pads[i] = whole / 2;
        pads[i + 2] = whole - whole / 2;
    }
    return true;
}

static void set_padding(struct tf_graph *tf, const struct tf_node *node, struct window *window, struct tw_node *made)
{
    int64_t pads[4] = {0}, list[8];
    bool is_same = tf_word_is(tf, node, "padding", "SAME");
    if (tf_word_is(tf, node, "padding", "EXPLICIT")) {
        int first = window->is_native_nchw ? 4 : 2;
        if (tf_ints(tf, node, "explicit_paddings", list, 8) != 8)
            tf_fail(tf, node, "has no eight explicit paddings");
        for (int i = 0; i < 2 && !tf->build->status; i++) {
            pads[i] = list[first + 2 * i];
            pads[i + 2] = list[first + 2 * i + 1];
            if (pads[i] < 0 || pads[i] > INT32_MAX || pads[i + 2] < 0 || pads[i + 2] > INT32_MAX)
                tf_fail(tf, node, "has a padding out of range");
        }
    } else if (!is_same && !tf_word_is(tf, node, "padding", "VALID")) {
        tf_fail(tf, node, "has a padding that is none of SAME, VALID, EXPLICIT");
    }
    if (tf->build->status)
        return;
    if (is_same && !find_same_pads(window, pads))
        build_word(tf->build, made, "auto_pad", "SAME_UPPER");
    else
        build_int_list(tf->build, made, "pads", pads, 4);
    set_out(window, is_same, pads);
}

static void finish_window(struct tf_graph *tf, struct tf_node *node, struct window *window, struct tw_node *made,
                          int64_t channels)
{
    if (!made)
        return;
    build_int_list(tf->build, made, "kernel_shape", window->size, 2);
    build_int_list(tf->build, made, "strides", window->stride, 2);
    if (made->op == TW_OP_CONV)
        build_int_list(tf->build, made, "dilations", window->dilation, 2);
    set_padding(tf, node, window, made);
    if (tf->build->status)
        return;
    struct tw_value *values = tf->build->graph->values;
    const struct tw_shape *in = &values[window->input].shape;
    values[made->outputs[0]].shape = (struct tw_shape){
        .rank = 4, .dims = {in->rank == 4 ? in->dims[0] : TW_UNKNOWN, channels, window->out[0], window->out[1]}};
}

/* Filters are height, width, channels in, channels out; ONNX has out, in, height, width. */
void tf_conv(struct tf_graph *tf, struct tf_node *node)
{
    static const int to_oihw[] = {3, 2, 0, 1};
    struct window window;
    int filter = tf_native(tf, node, 1);
    if (!read_window(tf, node, &window))
        return;
    const struct tw_shape shape = tf->build->graph->values[filter].shape;
    if (!tf->build->graph->values[filter].data || shape.rank != 4) {
        tf_fail(tf, node, "has a filter that is no constant of four dimensions");
        return;
    }
    const struct tw_shape in = tf->build->graph->values[window.input].shape;
    int64_t group = 1;
    if (in.rank == 4 && in.dims[1] > 0 && shape.dims[2] > 0)
        group = in.dims[1] / shape.dims[2];
    window.size[0] = shape.dims[0];
    window.size[1] = shape.dims[1];
    if (shape.dims[0] < 1 || shape.dims[1] < 1 || shape.dims[0] > INT32_MAX || shape.dims[1] > INT32_MAX) {
        tf_fail(tf, node, "has an empty filter");
        return;
    }
    int weights = layout_permute(tf->build, filter, to_oihw, 4);
    struct tw_node *made =
        tf_emit(tf, node, TW_OP_CONV, (const int[]){window.input, weights}, 2, !window.is_native_nchw);
    if (group > 1)
        build_int(tf->build, made, "group", group);
    finish_window(tf, node, &window, made, shape.dims[3]);
}

/* Filters are height, width, channels, multiplier; ONNX has channels * multiplier, 1, height, width, and groups. */
void tf_depthwise_conv(struct tf_graph *tf, struct tf_node *node)
{
    static const int to_groups[] = {2, 3, 0, 1};
    struct window window;
    int filter = tf_native(tf, node, 1);
    if (!read_window(tf, node, &window))
        return;
    const struct tw_shape shape = tf->build->graph->values[filter].shape;
    int64_t count = 0;
    if (!tf->build->graph->values[filter].data || shape.rank != 4 || !tw_shape_count(&shape, &count) || count == 0 ||
        shape.dims[0] > INT32_MAX || shape.dims[1] > INT32_MAX) {
        tf_fail(tf, node, "has a filter that is no constant of four dimensions");
        return;
    }
    window.size[0] = shape.dims[0];
    window.size[1] = shape.dims[1];
    int weights = layout_permute(tf->build, filter, to_groups, 4);
    int64_t channels = shape.dims[2] * shape.dims[3];
    struct tw_node *made =
        tf_emit(tf, node, TW_OP_CONV, (const int[]){window.input, weights}, 2, !window.is_native_nchw);
    if (!made)
        return;
    tf->build->graph->values[weights].shape =
        (struct tw_shape){.rank = 4, .dims = {channels, 1, shape.dims[0], shape.dims[1]}};
    build_int(tf->build, made, "group", shape.dims[2]);
    finish_window(tf, node, &window, made, channels);
}

/* Averages leave padding out, which is ONNX's default too. */
void tf_pool(struct tf_graph *tf, struct tf_node *node)
{
    struct window window;
    if (!read_window(tf, node, &window))
        return;
    const struct tw_shape in = tf->build->graph->values[window.input].shape;
    enum tw_op op = strcmp(node->op, "MaxPool") == 0 ? TW_OP_MAX_POOL : TW_OP_AVERAGE_POOL;
    struct tw_node *made = tf_emit(tf, node, op, &window.input, 1, !window.is_native_nchw);
    finish_window(tf, node, &window, made, in.rank == 4 ? in.dims[1] : TW_UNKNOWN);
}

static void keep_shape(struct tf_graph *tf, const struct tw_node *made, int input)
{
    if (made)
        tf->build->graph->values[made->outputs[0]].shape = tf->build->graph->values[input].shape;
}

void tf_bias_add(struct tf_graph *tf, struct tf_node *node)
{
    bool is_nchw = tf_word_is(tf, node, "data_format", "NCHW"), has_nchw = tf_has_nchw(tf, node, 0);
    int input = has_nchw ? tf_nchw(tf, node, 0) : tf_native(tf, node, 0), bias = tf_native(tf, node, 1);
    if (bias < 0 || input < 0)
        return;
    if (is_nchw || has_nchw) {
        static const int64_t upright[] = {-1, 1, 1};
        int shape = build_ints(tf->build, node->name, "shape", upright, 3);
        bias = build_step(tf->build, TW_OP_RESHAPE, node->name, "bias", (const int[]){bias, shape}, 2);
    }
    keep_shape(tf, tf_emit(tf, node, TW_OP_ADD, (const int[]){input, bias}, 2, has_nchw), input);
}

static void emit_batch_norm(struct tf_graph *tf, struct tf_node *node, const int inputs[5], float epsilon)
{
    struct tw_node *made = tf_emit(tf, node, TW_OP_BATCH_NORM, inputs, 5, !tf_word_is(tf, node, "data_format", "NCHW"));
    build_float(tf->build, made, "epsilon", epsilon);
    keep_shape(tf, made, inputs[0]);
}

void tf_fused_batch_norm(struct tf_graph *tf, struct tf_node *node)
{
    if (tf_int(tf, node, "is_training", 1)) {
        tf_fail(tf, node, "is in training mode: freeze the graph for inference");
        return;
    }
    bool is_nchw = tf_word_is(tf, node, "data_format", "NCHW");
    int inputs[5];
    inputs[0] = is_nchw ? tf_native(tf, node, 0) : tf_nchw(tf, node, 0);
    for (int i = 1; i < 5; i++)
        inputs[i] = tf_native(tf, node, i);
    emit_batch_norm(tf, node, inputs, tf_float(tf, node, "epsilon", 1e-4f));
}

/* Inputs: t, mean, variance, beta, gamma; gamma counts only where the file says so. */
void tf_old_batch_norm(struct tf_graph *tf, struct tf_node *node)
{
    int x = tf_nchw(tf, node, 0), mean = tf_native(tf, node, 1), variance = tf_native(tf, node, 2);
    int beta = tf_native(tf, node, 3), gamma = tf_native(tf, node, 4);
    if (tf->build->status)
        return;
    if (!tf_int(tf, node, "scale_after_normalization", 0)) {
        const struct tw_shape shape = tf->build->graph->values[gamma].shape;
        int64_t count = 0;
        if (!tw_shape_count(&shape, &count) || count > 1 << 20) {
            tf_fail(tf, node, "has a gamma of unknown size");
            return;
        }
        float *ones = build_alloc(tf->build, (size_t)count, sizeof *ones);
        for (int64_t i = 0; ones && i < count; i++)
            ones[i] = 1;
        gamma = build_fresh(tf->build, node->name, "ones");
        build_set_constant(tf->build, gamma, TW_F32, &shape, ones);
    }
    emit_batch_norm(tf, node, (const int[]){x, gamma, beta, mean, variance},
                    tf_float(tf, node, "variance_epsilon", 0.001f));
}

/* ONNX divides alpha by the number of channels in the window, TensorFlow does not. */
void tf_lrn(struct tf_graph *tf, struct tf_node *node)
{
    int64_t radius = tf_int(tf, node, "depth_radius", 5);
    int input = tf_nchw(tf, node, 0);
    if (radius < 0 || radius > 1 << 20) {
        tf_fail(tf, node, "has a depth_radius out of range");
        return;
    }
    struct tw_node *made = tf_emit(tf, node, TW_OP_LRN, &input, 1, true);
    build_int(tf->build, made, "size", 2 * radius + 1);
    build_float(tf->build, made, "alpha", tf_float(tf, node, "alpha", 1) * (float)(2 * radius + 1));
    build_float(tf->build, made, "beta", tf_float(tf, node, "beta", 0.5f));
    build_float(tf->build, made, "bias", tf_float(tf, node, "bias", 1));
    keep_shape(tf, made, input);
}
