/* TensorFlow Lite's ops of pictures: they take and give the nchw form. Sizes are known, so padding is too. */
#include "formats/tflite.h"

#include <math.h>
#include <string.h>

enum { PADDING_SAME, PADDING_VALID };

struct window {
    int64_t size[2], stride[2], dilation[2], pads[4];
};

/* NULL: failed. */
static const struct tfl_tensor *picture(struct tfl *tfl, const struct tfl_op *op, int input)
{
    const struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    if (tensor && tensor->shape.rank == 4)
        return tensor;
    tfl_fail(tfl, op, "takes a tensor that has not four dimensions");
    return NULL;
}

/* Strides and dilations from the options of those numbers, and padding. The odd cell is behind. */
static bool read_window(struct tfl *tfl, const struct tfl_op *op, const struct tfl_tensor *input, int dilation_field,
                        struct window *window)
{
    int64_t padding = tfl_option(tfl, op, 0, 1, PADDING_SAME);
    if (padding != PADDING_SAME && padding != PADDING_VALID)
        tfl_fail(tfl, op, "has a padding that is none of SAME, VALID");
    for (int i = 0; i < 2; i++) {
        window->stride[i] = tfl_option(tfl, op, i == 0 ? 2 : 1, 4, 0);
        window->dilation[i] = dilation_field ? tfl_option(tfl, op, (unsigned)(dilation_field + 1 - i), 4, 1) : 1;
        int64_t in = input->shape.dims[1 + i];
        if (window->stride[i] < 1 || window->dilation[i] < 1 || window->size[i] < 1 || in < 1)
            tfl_fail(tfl, op, "has a stride, a dilation, a window or an input of no size");
        if (tfl->build->status)
            return false;
        int64_t extent = (window->size[i] - 1) * window->dilation[i] + 1;
        int64_t out = (in - 1) / window->stride[i] + 1;
        int64_t whole = padding == PADDING_SAME ? (out - 1) * window->stride[i] + extent - in : 0;
        whole = whole > 0 ? whole : 0;
        window->pads[i] = whole / 2;
        window->pads[i + 2] = whole - whole / 2;
    }
    return true;
}

static void set_window(struct tfl *tfl, const struct window *window, struct tw_node *made)
{
    build_int_list(tfl->build, made, "kernel_shape", window->size, 2);
    build_int_list(tfl->build, made, "strides", window->stride, 2);
    build_int_list(tfl->build, made, "pads", window->pads, 4);
    if (made && made->op == TW_OP_CONV)
        build_int_list(tfl->build, made, "dilations", window->dilation, 2);
}

/* Weights are channels out, height, width, channels in; of a depthwise one 1, height, width, channels out. */
static void conv(struct tfl *tfl, const struct tfl_op *op, int dilation_field, bool is_depthwise)
{
    static const int to_groups[] = {3, 0, 1, 2};
    const struct tfl_tensor *input = picture(tfl, op, 0), *weights = picture(tfl, op, 1);
    if (!input || !weights)
        return;
    struct window window = {.size = {weights->shape.dims[1], weights->shape.dims[2]}};
    int64_t channels = input->shape.dims[3], depth = is_depthwise ? 1 : weights->shape.dims[3];
    if (!read_window(tfl, op, input, dilation_field, &window))
        return;
    if (depth < 1 || channels < 1 || channels % depth || (is_depthwise && weights->shape.dims[0] != 1)) {
        tfl_fail(tfl, op, "has weights that do not fit its input's channels");
        return;
    }
    int ids[] = {tfl_nchw(tfl, op, 0), tfl_weights(tfl, op, 1, is_depthwise ? to_groups : layout_to_nchw), -1};
    bool has_bias = tfl_has_input(op, 2);
    if (has_bias)
        ids[2] = tfl_native(tfl, op, 2);
    struct tw_node *made = tfl_emit(tfl, op, TW_OP_CONV, ids, has_bias ? 3 : 2, true);
    set_window(tfl, &window, made);
    if (channels / depth > 1)
        build_int(tfl->build, made, "group", channels / depth);
}

void tfl_conv(struct tfl *tfl, const struct tfl_op *op)
{
    conv(tfl, op, 4, false);
}

void tfl_depthwise_conv(struct tfl *tfl, const struct tfl_op *op)
{
    conv(tfl, op, 5, true);
}

/* Averages leave padding out, which is ONNX's default too. */
void tfl_pool(struct tfl *tfl, const struct tfl_op *op)
{
    enum { AVERAGE_POOL_2D = 1 };
    const struct tfl_tensor *input = picture(tfl, op, 0);
    struct window window = {.size = {tfl_option(tfl, op, 4, 4, 0), tfl_option(tfl, op, 3, 4, 0)}};
    if (!input || !read_window(tfl, op, input, 0, &window))
        return;
    int id = tfl_nchw(tfl, op, 0);
    bool is_average = op->code == AVERAGE_POOL_2D;
    set_window(tfl, &window, tfl_emit(tfl, op, is_average ? TW_OP_AVERAGE_POOL : TW_OP_MAX_POOL, &id, 1, true));
}

/* The batch is free, so a size is said by a scale, which must give that size when it is rounded down. */
static float scale_of(int64_t in, int64_t out)
{
    float scale = (float)out / (float)in;
    while (floor((double)in * (double)scale) < (double)out)
        scale = nextafterf(scale, INFINITY);
    return scale;
}

void tfl_resize(struct tfl *tfl, const struct tfl_op *op)
{
    enum { RESIZE_BILINEAR = 23 };
    bool is_bilinear = op->code == RESIZE_BILINEAR;
    unsigned first = is_bilinear ? 2 : 0;
    const struct tfl_tensor *input = picture(tfl, op, 0), *output = tfl_output(tfl, op);
    if (!input || !output)
        return;
    if (output->shape.rank != 4 || input->shape.dims[1] < 1 || input->shape.dims[2] < 1 || output->shape.dims[1] < 1 ||
        output->shape.dims[2] < 1) {
        tfl_fail(tfl, op, "resizes from or to a size that is not known");
        return;
    }
    bool is_aligned = tfl_option(tfl, op, first, 1, 0), is_half = tfl_option(tfl, op, first + 1, 1, 0);
    const float scales[] = {1, 1, scale_of(input->shape.dims[1], output->shape.dims[1]),
                            scale_of(input->shape.dims[2], output->shape.dims[2])};
    int ids[] = {tfl_nchw(tfl, op, 0), -1,
                 build_floats(tfl->build, output->name, "scales", &(struct tw_shape){.rank = 1, .dims = {4}}, scales)};
    struct tw_node *made = tfl_emit(tfl, op, TW_OP_RESIZE, ids, 3, true);
    build_word(tfl->build, made, "mode", is_bilinear ? "linear" : "nearest");
    build_word(tfl->build, made, "coordinate_transformation_mode",
               is_aligned ? "align_corners"
               : is_half  ? "half_pixel"
                          : "asymmetric");
    if (!is_bilinear)
        build_word(tfl->build, made, "nearest_mode", is_aligned || is_half ? "round_prefer_ceil" : "floor");
}

/* A pair of paddings for each dimension, as constants. */
void tfl_pad(struct tfl *tfl, const struct tfl_op *op)
{
    enum { MIRROR_PAD = 100, REFLECT = 0 };
    int64_t pairs[2 * TW_MAX_RANK], pads[2 * TW_MAX_RANK];
    size_t count;
    const struct tfl_tensor *input = tfl_input(tfl, op, 0);
    if (!input || !tfl_ints(tfl, op, 1, pairs, 2 * TW_MAX_RANK, &count))
        return;
    size_t rank = (size_t)input->shape.rank;
    if (count != 2 * rank || (op->code == MIRROR_PAD && tfl_option(tfl, op, 0, 1, REFLECT) != REFLECT)) {
        tfl_fail(tfl, op, "has not two paddings for each dimension, or mirrors in another way than REFLECT");
        return;
    }
    bool is_nchw = rank == 4 && tfl_has_nchw(tfl, op, 0), has_value = tfl_has_input(op, 2) && op->code != MIRROR_PAD;
    for (size_t i = 0; i < rank; i++) {
        size_t to = is_nchw ? (size_t)layout_axis_in_nchw[i] : i;
        pads[to] = pairs[2 * i];
        pads[rank + to] = pairs[2 * i + 1];
    }
    int ids[] = {is_nchw ? tfl_nchw(tfl, op, 0) : tfl_native(tfl, op, 0), -1, -1};
    ids[1] = build_ints(tfl->build, input->name, "pads", pads, count);
    if (has_value)
        ids[2] = tfl_native(tfl, op, 2);
    struct tw_node *made = tfl_emit(tfl, op, TW_OP_PAD, ids, has_value ? 3 : 2, is_nchw);
    if (op->code == MIRROR_PAD)
        build_word(tfl->build, made, "mode", "reflect");
}
