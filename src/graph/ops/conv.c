#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>

static enum tw_status check_groups(const struct tw_node *node, const struct tw_tensor *inputs, int64_t *group,
                                   struct tw_error *error)
{
    const struct tw_shape *x = &inputs[0].shape, *w = &inputs[1].shape;
    int64_t count;
    if (x->rank != w->rank || !tw_shape_count(w, &count) || count == 0)
        return tw_fail(error, TW_CORRUPT, "its weights have %d dimensions, its input %d, or a size is not known",
                       w->rank, x->rank);
    *group = tw_node_int(node, "group", 1);
    bool is_transpose = node->op == TW_OP_CONV_TRANSPOSE;
    int64_t channels = is_transpose ? w->dims[0] : w->dims[1];
    if (*group < 1 || *group > w->dims[0] || w->dims[0] % *group)
        return tw_fail(error, TW_CORRUPT, "%" PRId64 " groups do not divide %" PRId64 " channels", *group, w->dims[0]);
    if (!is_transpose)
        channels *= *group;
    if (x->dims[1] >= 0 && x->dims[1] != channels)
        return tw_fail(error, TW_CORRUPT, "its input has %" PRId64 " channels, its weights are for %" PRId64,
                       x->dims[1], channels);
    return TW_OK;
}

static enum tw_status check_bias(const struct tw_node *node, const struct tw_tensor *inputs, int64_t channels,
                                 struct tw_error *error)
{
    const struct tw_tensor *bias = op_optional(node, inputs, 2);
    return bias ? op_need_vector(bias, channels, "bias", error) : TW_OK;
}

OP_FUNCTION(op_infer_conv)
{
    struct op_window window;
    int64_t group = 1;
    enum tw_status status = check_groups(node, inputs, &group, error);
    if (!status)
        status = op_window_of(node, &inputs[0].shape, &inputs[1].shape, &window, error);
    if (!status)
        status = check_bias(node, inputs, inputs[1].shape.dims[0], error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    op_window_shape(&window, inputs[0].shape.dims[0], inputs[1].shape.dims[0], &outputs[0].shape);
    return TW_OK;
}

/* The outputs [first, end) of a row whose input `o * stride + shift` lies in [0, in). */
static void valid_range(int64_t in, int64_t out, int64_t stride, int64_t shift, int64_t *first, int64_t *end)
{
    *first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    *end = in > shift ? (in - shift + stride - 1) / stride : 0;
    if (*end > out)
        *end = out;
}

/* Adds weight * input, for one tap of the kernel, to a plane of sums. */
static void add_tap(const struct op_window *w, const float *x, double weight, const int64_t tap[OP_SPATIAL],
                    double *sums)
{
    int64_t shift[OP_SPATIAL], first[OP_SPATIAL], end[OP_SPATIAL];
    for (int i = 0; i < OP_SPATIAL; i++) {
        shift[i] = tap[i] * w->dilation[i] - w->begin[i];
        valid_range(w->in[i], w->out[i], w->stride[i], shift[i], &first[i], &end[i]);
    }
    for (int64_t z = first[0]; z < end[0]; z++) {
        for (int64_t y = first[1]; y < end[1]; y++) {
            int64_t row = (z * w->stride[0] + shift[0]) * w->in[1] + y * w->stride[1] + shift[1];
            const float *from = x + row * w->in[2];
            double *to = sums + (z * w->out[1] + y) * w->out[2];
            for (int64_t i = first[2]; i < end[2]; i++)
                to[i] += weight * (double)from[i * w->stride[2] + shift[2]];
        }
    }
}

static void add_channel(const struct op_window *window, const float *x, const float *kernel, double *sums)
{
    int64_t tap[OP_SPATIAL];
    for (tap[0] = 0; tap[0] < window->kernel[0]; tap[0]++) {
        for (tap[1] = 0; tap[1] < window->kernel[1]; tap[1]++) {
            for (tap[2] = 0; tap[2] < window->kernel[2]; tap[2]++)
                add_tap(window, x, (double)*kernel++, tap, sums);
        }
    }
}

static int64_t volume(const int64_t sizes[OP_SPATIAL])
{
    return sizes[0] * sizes[1] * sizes[2];
}

OP_FUNCTION(op_run_conv)
{
    struct op_window window;
    int64_t group = 1;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = check_groups(node, inputs, &group, error);
    if (!status)
        status = op_window_of(node, &inputs[0].shape, &inputs[1].shape, &window, error);
    if (status)
        return status;
    int64_t plane = volume(window.out), space = volume(window.in), taps = volume(window.kernel);
    double *sums = tw_alloc((size_t)plane, sizeof *sums);
    if (!sums)
        return tw_fail_memory(error, (size_t)plane * sizeof *sums, "a plane of sums");
    int64_t maps = inputs[1].shape.dims[0], depth = inputs[1].shape.dims[1];
    const struct tw_tensor *bias = op_optional(node, inputs, 2);
    float *out = outputs[0].out;
    for (int64_t n = 0; n < inputs[0].shape.dims[0]; n++) {
        for (int64_t m = 0; m < maps; m++) {
            int64_t from = n * depth * group + m / (maps / group) * depth;
            for (int64_t i = 0; i < plane; i++)
                sums[i] = bias ? (double)((const float *)bias->data)[m] : 0;
            for (int64_t c = 0; c < depth; c++)
                add_channel(&window, (const float *)inputs[0].data + (from + c) * space,
                            (const float *)inputs[1].data + (m * depth + c) * taps, sums);
            for (int64_t i = 0; i < plane; i++)
                *out++ = (float)sums[i];
        }
    }
    tw_free(sums);
    return TW_OK;
}

/* Pads and sizes as ONNX's ConvTranspose defines them. The window's `in` and `out` keep their sense: `out` is greater. */
static enum tw_status transposed_window(const struct tw_node *node, const struct tw_tensor *inputs,
                                        struct op_window *window, struct tw_error *error)
{
    struct op_ints wanted, extra;
    enum tw_status status = op_window_read(node, &inputs[0].shape, &inputs[1].shape, window, error);
    if (!status)
        status = op_attribute_ints(node, "output_shape", &wanted, error);
    if (!status)
        status = op_attribute_ints(node, "output_padding", &extra, error);
    if (status)
        return status;
    if ((wanted.is_given && wanted.count != window->rank) || (extra.is_given && extra.count != window->rank))
        return tw_fail(error, TW_CORRUPT, "output_shape or output_padding is not of %d numbers", window->rank);
    bool is_upper = op_text_is(node, "auto_pad", "SAME_UPPER", "NOTSET");
    bool is_same = is_upper || op_text_is(node, "auto_pad", "SAME_LOWER", "NOTSET");
    for (int i = 0; i < window->rank; i++) {
        int at = OP_SPATIAL - window->rank + i;
        int64_t more = extra.is_given ? extra.values[i] : 0;
        int64_t asked = wanted.is_given ? wanted.values[i] : is_same ? window->in[at] * window->stride[at] : 0;
        if (more < 0 || more > OP_MAX_EXTENT || asked < 0 || window->in[at] < 0 || window->in[at] > OP_MAX_EXTENT)
            return tw_fail(error, TW_UNSUPPORTED, "its sizes are not known or not in range in dimension %d", i);
        int64_t full =
            window->stride[at] * (window->in[at] - 1) + more + (window->kernel[at] - 1) * window->dilation[at] + 1;
        if (asked) {
            int64_t total = full > asked ? full - asked : 0;
            window->begin[at] = is_upper ? total / 2 : total - total / 2;
            window->end[at] = total - window->begin[at];
        }
        window->out[at] = asked ? asked : full - window->begin[at] - window->end[at];
        if (window->out[at] < 1)
            return tw_fail(error, TW_CORRUPT, "its pads leave %" PRId64 " elements", window->out[at]);
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_conv_transpose)
{
    struct op_window window;
    int64_t group = 1;
    enum tw_status status = check_groups(node, inputs, &group, error);
    if (!status)
        status = transposed_window(node, inputs, &window, error);
    int64_t maps = status ? 0 : inputs[1].shape.dims[1] * group;
    if (!status)
        status = check_bias(node, inputs, maps, error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    op_window_shape(&window, inputs[0].shape.dims[0], maps, &outputs[0].shape);
    return TW_OK;
}

/* Spreads one input plane over a plane of sums: the mirror of add_channel. */
static void spread_channel(const struct op_window *w, const float *x, const float *kernel, double *sums)
{
    struct tw_shape taps = {.rank = OP_SPATIAL, .dims = {w->kernel[0], w->kernel[1], w->kernel[2]}};
    struct tw_shape space = {.rank = OP_SPATIAL, .dims = {w->in[0], w->in[1], w->in[2]}};
    int64_t in[TW_MAX_RANK] = {0};
    do {
        double value = (double)*x++;
        const float *weight = kernel;
        int64_t tap[TW_MAX_RANK] = {0};
        do {
            int64_t at = 0;
            bool is_inside = true;
            for (int i = 0; i < OP_SPATIAL; i++) {
                int64_t o = in[i] * w->stride[i] + tap[i] * w->dilation[i] - w->begin[i];
                is_inside = is_inside && o >= 0 && o < w->out[i];
                at = at * w->out[i] + o;
            }
            if (is_inside)
                sums[at] += value * (double)*weight;
            weight++;
        } while (op_next_index(&taps, tap));
    } while (op_next_index(&space, in));
}

OP_FUNCTION(op_run_conv_transpose)
{
    struct op_window window;
    int64_t group = 1;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = check_groups(node, inputs, &group, error);
    if (!status)
        status = transposed_window(node, inputs, &window, error);
    if (status)
        return status;
    int64_t plane = volume(window.out), space = volume(window.in), taps = volume(window.kernel);
    double *sums = tw_alloc((size_t)plane, sizeof *sums);
    if (!sums)
        return tw_fail_memory(error, (size_t)plane * sizeof *sums, "a plane of sums");
    int64_t channels = inputs[1].shape.dims[0], maps = inputs[1].shape.dims[1], depth = channels / group;
    const struct tw_tensor *bias = op_optional(node, inputs, 2);
    float *out = outputs[0].out;
    for (int64_t n = 0; n < inputs[0].shape.dims[0]; n++) {
        for (int64_t m = 0; m < maps * group; m++) {
            for (int64_t i = 0; i < plane; i++)
                sums[i] = bias ? (double)((const float *)bias->data)[m] : 0;
            for (int64_t c = m / maps * depth; space && c < (m / maps + 1) * depth; c++)
                spread_channel(&window, (const float *)inputs[0].data + (n * channels + c) * space,
                               (const float *)inputs[1].data + (c * maps + m % maps) * taps, sums);
            for (int64_t i = 0; i < plane; i++)
                *out++ = (float)sums[i];
        }
    }
    tw_free(sums);
    return TW_OK;
}
