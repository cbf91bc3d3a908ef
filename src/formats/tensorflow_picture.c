/* Ops of pictures: convolutions, pools, norms. Padding that is TensorFlow's SAME is left to it; other padding is made by a Pad
 * before, and what an average must not count is mended behind. (TensorFlow 2.21's own optimisations fall over EXPLICIT padding,
 * and lose a PadV2 before a convolution.) */
#include "formats/tensorflow_net.h"

#include <math.h>
#include <string.h>

/* The two axes of a picture. */
struct window {
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2], begin[2], end[2];
    bool is_same; /* TensorFlow's own padding does it */
};

static void read_pair(const struct tw_node *node, const char *name, int64_t pair[2])
{
    const struct tw_attribute *attribute = tw_node_attribute(node, name);
    if (attribute && attribute->kind == TW_ATTR_INTS && attribute->count == 2)
        memcpy(pair, attribute->ints, 2 * sizeof *pair);
}

/* Pads as the inferred sizes have them: what a last window needs beyond the data is padding at the end. */
static bool read_window(struct tfn *net, const struct tw_node *node, const int64_t *kernel, struct window *window)
{
    const struct tw_shape *in = &tfn_value(net, node->inputs[0])->shape,
                          *out = &tfn_value(net, node->outputs[0])->shape;
    const struct tw_attribute *pads = tw_node_attribute(node, "pads"), *mode = tw_node_attribute(node, "auto_pad");
    bool is_lower = mode && tw_span_equal(mode->text, tw_span_of_text("SAME_LOWER"));
    bool is_upper = mode && tw_span_equal(mode->text, tw_span_of_text("SAME_UPPER"));
    *window = (struct window){.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .is_same = true};
    if (in->rank != 4 || out->rank != 4 || in->dims[2] < 1 || in->dims[3] < 1 || out->dims[2] < 1 || out->dims[3] < 1) {
        tfn_fail(net, node, "is exported to TensorFlow for pictures of a known size only");
        return false;
    }
    read_pair(node, "kernel_shape", window->kernel);
    read_pair(node, "strides", window->stride);
    read_pair(node, "dilations", window->dilation);
    for (int i = 0; i < 2; i++) {
        window->kernel[i] = kernel ? kernel[i] : window->kernel[i];
        window->in[i] = in->dims[2 + i];
        window->out[i] = out->dims[2 + i];
        int64_t extent = (window->kernel[i] - 1) * window->dilation[i] + 1;
        int64_t total = (window->out[i] - 1) * window->stride[i] + extent - window->in[i];
        int64_t same_total = ((window->in[i] + window->stride[i] - 1) / window->stride[i] - 1) * window->stride[i] +
                             extent - window->in[i];
        total = total > 0 ? total : 0;
        same_total = same_total > 0 ? same_total : 0;
        window->begin[i] = is_lower ? total - total / 2 : is_upper ? total / 2 : 0;
        if (pads && pads->kind == TW_ATTR_INTS && pads->count == 4 && !is_lower && !is_upper)
            window->begin[i] = pads->ints[i];
        window->end[i] = total > window->begin[i] ? total - window->begin[i] : 0;
        window->is_same &= total == same_total && window->begin[i] == same_total / 2 &&
                           window->out[i] == (window->in[i] + window->stride[i] - 1) / window->stride[i];
    }
    return true;
}

static bool is_padded(const struct window *window)
{
    return window->begin[0] || window->begin[1] || window->end[0] || window->end[1];
}

static const char *pad(struct tfn *net, const struct window *window, const char *x, float value)
{
    struct tfw *tfw = net->tfw;
    const int32_t pads[8] = {
        0, 0, (int32_t)window->begin[0], (int32_t)window->end[0], (int32_t)window->begin[1], (int32_t)window->end[1]};
    const struct tw_shape shape = {.rank = 2, .dims = {4, 2}};
    if (window->is_same || !is_padded(window))
        return x;
    const char *amounts = tfw_tensor(tfw, TW_I32, &shape, pads);
    return value == 0 ? TFW(tfw, "Pad T=float Tpaddings=int32", x, amounts)
                      : TFW(tfw, "PadV2 T=float Tpaddings=int32", x, amounts, tfw_float(tfw, value));
}

static const char *padding_word(const struct window *window)
{
    return window->is_same && is_padded(window) ? "SAME" : "VALID";
}

/* [out, in, height, width] to TensorFlow's [height, width, in, out], or [height, width, in, multiplier] of `group` channels. */
static const char *filter(struct tfn *net, const struct tw_node *node, int64_t group, int64_t part, int64_t parts)
{
    int64_t count = 0;
    const struct tw_shape *from = &tfn_value(net, node->inputs[1])->shape;
    const uint8_t *data = tfn_floats(net, node->inputs[1], &count);
    if (!data || from->rank != 4) {
        tfn_fail(net, node, "has weights that are no constant floats");
        return NULL;
    }
    bool is_depthwise = group > 1;
    size_t out = (size_t)(from->dims[0] / parts), in = (size_t)from->dims[1];
    size_t plane = (size_t)(from->dims[2] * from->dims[3]), cells = out * in;
    float *turned = tw_alloc(cells * plane, sizeof *turned);
    if (!turned) {
        net->tfw->status = tw_fail_memory(net->tfw->error, cells * plane * sizeof *turned, "weights");
        return NULL;
    }
    data += (size_t)part * cells * plane * sizeof *turned;
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            for (size_t p = 0; p < plane; p++) {
                size_t to = is_depthwise ? p * out + o : (p * in + i) * out + o;
                memcpy(&turned[to], data + ((o * in + i) * plane + p) * sizeof *turned, sizeof *turned);
            }
        }
    }
    struct tw_shape shape = {.rank = 4, .dims = {from->dims[2], from->dims[3], (int64_t)in, (int64_t)out}};
    if (is_depthwise) {
        shape.dims[2] = group;
        shape.dims[3] = (int64_t)out / group;
    }
    const char *name = tfw_tensor(net->tfw, TW_F32, &shape, turned);
    tw_free(turned);
    return name;
}

static const char *convolve(struct tfn *net, const struct window *window, const char *op, const char *x,
                            const char *weights)
{
    const int64_t strides[] = {1, window->stride[0], window->stride[1], 1};
    const int64_t dilations[] = {1, window->dilation[0], window->dilation[1], 1};
    const char *spec = tfw_text(net->tfw, "%s T=float padding='%s' data_format='NHWC' strides=[%s] dilations=[%s]", op,
                                padding_word(window), tfw_list(net->tfw, strides, 4), tfw_list(net->tfw, dilations, 4));
    return TFW(net->tfw, spec, x, weights);
}

/* TensorFlow's kernel for groups wants a newer version: each group is a convolution of its own. */
static const char *convolve_groups(struct tfn *net, const struct tw_node *node, const struct window *window,
                                   const char *x, int64_t group)
{
    struct tfw *tfw = net->tfw;
    const char *axis = tfw_int(tfw, 3),
               *parts = TFW(tfw, tfw_text(tfw, "Split T=float num_split=%d", (int)group), axis, x);
    const char **outputs = tw_alloc((size_t)group + 2, sizeof *outputs), *joined = NULL;
    if (!outputs) {
        tfw->status = tw_fail_memory(tfw->error, (size_t)group * sizeof *outputs, "groups");
        return NULL;
    }
    for (int64_t i = 0; i < group && !tfw->status; i++)
        outputs[i] = convolve(net, window, "Conv2D", tfw_port(tfw, parts, (int)i), filter(net, node, 1, i, group));
    outputs[group] = axis;
    outputs[group + 1] = NULL;
    if (!tfw->status)
        joined = tfw_put(tfw, tfw_text(tfw, "ConcatV2 T=float Tidx=int32 N=%d", (int)group), outputs);
    tw_free(outputs);
    return joined;
}

/* TensorFlow's depthwise convolution strides alike both ways only. */
void tfn_conv(struct tfn *net, const struct tw_node *node)
{
    struct window window;
    const struct tw_shape *weights = &tfn_value(net, node->inputs[1])->shape;
    int64_t group = tw_node_int(node, "group", 1), channels = tfn_value(net, node->inputs[0])->shape.dims[1];
    if (weights->rank != 4 || group < 1 || channels < 1) {
        tfn_fail(net, node, "is exported to TensorFlow for pictures of a known size only");
        return;
    }
    if (!read_window(net, node, &weights->dims[2], &window))
        return;
    const char *x = pad(net, &window, tfn_nhwc(net, node->inputs[0]), 0), *y;
    bool is_dilated = window.dilation[0] > 1 || window.dilation[1] > 1;
    if (group == 1)
        y = convolve(net, &window, "Conv2D", x, filter(net, node, 1, 0, 1));
    else if (group == channels && window.stride[0] == window.stride[1] && !(is_dilated && window.stride[0] > 1))
        y = convolve(net, &window, "DepthwiseConv2dNative", x, filter(net, node, group, 0, 1));
    else
        y = convolve_groups(net, node, &window, x, group);
    if (node->input_count > 2 && node->inputs[2] >= 0)
        y = TFW(net->tfw, "BiasAdd T=float data_format='NHWC'", y, tfn_native(net, node->inputs[2]));
    tfn_set(net, node->outputs[0], y, true);
}

/* How much more TensorFlow's average over the padded picture must be, place by place: it counts the padding. */
static const char *mend_average(struct tfn *net, const struct tw_node *node, const struct window *window, const char *y)
{
    bool counts_pads = tw_node_int(node, "count_include_pad", 0) != 0;
    const struct tw_attribute *pads = tw_node_attribute(node, "pads");
    size_t cells = (size_t)(window->out[0] * window->out[1]);
    float *factors = tw_alloc(cells, sizeof *factors);
    if (!factors) {
        net->tfw->status = tw_fail_memory(net->tfw->error, cells * sizeof *factors, "a pool");
        return NULL;
    }
    bool is_needed = false;
    for (size_t cell = 0; cell < cells; cell++) {
        const int64_t at[2] = {(int64_t)cell / window->out[1], (int64_t)cell % window->out[1]};
        int64_t counted = 1, whole = window->kernel[0] * window->kernel[1];
        for (int i = 0; i < 2; i++) {
            int64_t start = at[i] * window->stride[i] - window->begin[i], end = start + window->kernel[i];
            int64_t named_end = pads && pads->count == 4 ? pads->ints[2 + i] : window->end[i];
            int64_t least = counts_pads ? -window->begin[i] : 0, most = window->in[i] + (counts_pads ? named_end : 0);
            counted *= (end < most ? end : most) - (start > least ? start : least);
        }
        factors[cell] = (float)whole / (float)counted;
        is_needed |= counted != whole;
    }
    const struct tw_shape shape = {.rank = 4, .dims = {1, window->out[0], window->out[1], 1}};
    if (is_needed)
        y = TFW(net->tfw, "Mul T=float", y, tfw_tensor(net->tfw, TW_F32, &shape, factors));
    tw_free(factors);
    return y;
}

void tfn_pool(struct tfn *net, const struct tw_node *node)
{
    struct window window;
    bool is_max = node->op == TW_OP_MAX_POOL;
    if (!read_window(net, node, NULL, &window))
        return;
    if (window.dilation[0] > 1 || window.dilation[1] > 1 || node->output_count > 1) {
        tfn_fail(net, node, "has dilations or a second output, which TensorFlow's pools have not");
        return;
    }
    /* TensorFlow's SAME leaves padding out of averages, as ONNX does unless it is told otherwise. */
    window.is_same &= is_max || !tw_node_int(node, "count_include_pad", 0);
    const int64_t size[] = {1, window.kernel[0], window.kernel[1], 1},
                  strides[] = {1, window.stride[0], window.stride[1], 1};
    const char *x = pad(net, &window, tfn_nhwc(net, node->inputs[0]), is_max ? -3.4028234e38f : 0);
    const char *y = TFW(net->tfw,
                        tfw_text(net->tfw, "%s T=float ksize=[%s] strides=[%s] padding='%s' data_format='NHWC'",
                                 is_max ? "MaxPool" : "AvgPool", tfw_list(net->tfw, size, 4),
                                 tfw_list(net->tfw, strides, 4), padding_word(&window)),
                        x);
    if (!is_max && !window.is_same && !net->tfw->status)
        y = mend_average(net, node, &window, y);
    tfn_set(net, node->outputs[0], y, true);
}

void tfn_global_pool(struct tfn *net, const struct tw_node *node)
{
    const char *spec = node->op == TW_OP_GLOBAL_MAX_POOL ? "Max T=float Tidx=int32 keep_dims=true"
                                                         : "Mean T=float Tidx=int32 keep_dims=true";
    if (tfn_value(net, node->inputs[0])->shape.rank != 4) {
        tfn_fail(net, node, "is exported to TensorFlow for pictures only");
        return;
    }
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, spec, tfn_nhwc(net, node->inputs[0]), tfw_ints(net->tfw, (const int32_t[]){1, 2}, 2)), true);
}

/* A vector over the channels of a value that is not a picture. */
static struct tw_shape along_channels(const struct tw_shape *x, int64_t count)
{
    struct tw_shape shape = {.rank = x->rank > 2 ? x->rank - 1 : 1, .dims = {count}};
    for (int i = 1; i < shape.rank; i++)
        shape.dims[i] = 1;
    return shape;
}

/* x * factor + summand, of each channel. */
static void scale_channels(struct tfn *net, const struct tw_node *node, const float *factors, const float *summands,
                           int64_t count)
{
    const struct tw_shape *x = &tfn_value(net, node->inputs[0])->shape;
    bool is_picture = x->rank == 4;
    struct tw_shape shape = is_picture ? (struct tw_shape){.rank = 1, .dims = {count}} : along_channels(x, count);
    const char *in = is_picture ? tfn_nhwc(net, node->inputs[0]) : tfn_native(net, node->inputs[0]);
    const char *y = TFW(net->tfw, "Mul T=float", in, tfw_tensor(net->tfw, TW_F32, &shape, factors));
    y = TFW(net->tfw, "Add T=float", y, tfw_tensor(net->tfw, TW_F32, &shape, summands));
    tfn_set(net, node->outputs[0], y, is_picture);
}

void tfn_batch_norm(struct tfn *net, const struct tw_node *node)
{
    const void *data[4];
    int64_t count = 0, counted = 0;
    float epsilon = tw_node_float(node, "epsilon", 1e-5f);
    for (int i = 0; i < 4; i++) {
        data[i] = tfn_floats(net, node->inputs[1 + i], &counted);
        count = i == 0 ? counted : count;
        if (!data[i] || counted != count) {
            tfn_fail(net, node, "has parameters that are no constants");
            return;
        }
    }
    float *factors = tw_alloc((size_t)count * 2 + 1, sizeof *factors);
    if (!factors) {
        net->tfw->status = tw_fail_memory(net->tfw->error, (size_t)count * 2 * sizeof *factors, "a norm");
        return;
    }
    float *summands = factors + count;
    for (size_t c = 0; c < (size_t)count; c++) {
        float scale, bias, mean, variance;
        memcpy(&scale, (const uint8_t *)data[0] + c * 4, 4);
        memcpy(&bias, (const uint8_t *)data[1] + c * 4, 4);
        memcpy(&mean, (const uint8_t *)data[2] + c * 4, 4);
        memcpy(&variance, (const uint8_t *)data[3] + c * 4, 4);
        double factor = (double)scale / sqrt((double)variance + (double)epsilon);
        factors[c] = (float)factor;
        summands[c] = (float)((double)bias - (double)mean * factor);
    }
    scale_channels(net, node, factors, summands, count);
    tw_free(factors);
}

void tfn_lrn(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int64_t size = tw_node_int(node, "size", 1);
    float alpha = tw_node_float(node, "alpha", 1e-4f) / (float)size;
    if (size % 2 == 0 || tfn_value(net, node->inputs[0])->shape.rank != 4) {
        tfn_fail(net, node, "has an even size, which TensorFlow's LRN has not");
        return;
    }
    const char *spec =
        tfw_text(tfw, "LRN T=float depth_radius=%d bias=%.9e alpha=%.9e beta=%.9e", (int)(size / 2),
                 (double)tw_node_float(node, "bias", 1), (double)alpha, (double)tw_node_float(node, "beta", 0.75f));
    tfn_set(net, node->outputs[0], TFW(tfw, spec, tfn_nhwc(net, node->inputs[0])), true);
}

void tfn_instance_norm(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    if (tfn_value(net, node->inputs[0])->shape.rank != 4) {
        tfn_fail(net, node, "is exported to TensorFlow for pictures only");
        return;
    }
    const char *x = tfn_nhwc(net, node->inputs[0]), *axes = tfw_ints(tfw, (const int32_t[]){1, 2}, 2);
    const char *mean = TFW(tfw, "Mean T=float Tidx=int32 keep_dims=true", x, axes);
    const char *squares = TFW(tfw, "SquaredDifference T=float", x, mean);
    const char *variance = TFW(tfw, "Mean T=float Tidx=int32 keep_dims=true", squares, axes);
    variance = TFW(tfw, "Add T=float", variance, tfw_float(tfw, tw_node_float(node, "epsilon", 1e-5f)));
    const char *y = TFW(tfw, "Mul T=float", TFW(tfw, "Sub T=float", x, mean), TFW(tfw, "Rsqrt T=float", variance));
    y = TFW(tfw, "Mul T=float", y, tfn_native(net, node->inputs[1]));
    tfn_set(net, node->outputs[0], TFW(tfw, "Add T=float", y, tfn_native(net, node->inputs[2])), true);
}
