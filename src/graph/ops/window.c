#include "graph/ops/support.h"

#include <inttypes.h>
#include <string.h>

/* One list of the window's attributes into the last `rank` places of `out`. */
static enum tw_status read_list(const struct tw_node *node, const char *name, int rank, int64_t least, int64_t *out,
                                struct tw_error *error)
{
    struct op_ints ints;
    enum tw_status status = op_attribute_ints(node, name, &ints, error);
    if (status || !ints.is_given)
        return status;
    if (ints.count != rank)
        return tw_fail(error, TW_CORRUPT, "attribute '%s' has %d numbers for %d dimensions", name, ints.count, rank);
    for (int i = 0; i < rank; i++) {
        if (ints.values[i] < least || ints.values[i] > OP_MAX_EXTENT)
            return tw_fail(error, TW_CORRUPT, "attribute '%s' holds %" PRId64 ", outside of %" PRId64 " to %d", name,
                           ints.values[i], least, OP_MAX_EXTENT);
        out[OP_SPATIAL - rank + i] = ints.values[i];
    }
    return TW_OK;
}

static enum tw_status read_pads(const struct tw_node *node, struct op_window *window, struct tw_error *error)
{
    struct op_ints ints;
    enum tw_status status = op_attribute_ints(node, "pads", &ints, error);
    if (status || !ints.is_given)
        return status;
    if (ints.count != 2 * window->rank)
        return tw_fail(error, TW_CORRUPT, "attribute 'pads' has %d numbers for %d dimensions", ints.count,
                       window->rank);
    for (int i = 0; i < ints.count; i++) {
        if (ints.values[i] < 0 || ints.values[i] > OP_MAX_EXTENT)
            return tw_fail(error, TW_CORRUPT, "attribute 'pads' holds %" PRId64 ", outside of 0 to %d", ints.values[i],
                           OP_MAX_EXTENT);
        int at = OP_SPATIAL - window->rank + i % window->rank;
        *(i < window->rank ? &window->begin[at] : &window->end[at]) = ints.values[i];
    }
    return TW_OK;
}

static enum tw_status read_kernel(const struct tw_node *node, const struct tw_shape *weights, struct op_window *window,
                                  struct tw_error *error)
{
    int lead = OP_SPATIAL - window->rank;
    if (!weights && !tw_node_attribute(node, "kernel_shape"))
        return tw_fail(error, TW_CORRUPT, "attribute 'kernel_shape' is missing");
    for (int i = 0; weights && i < window->rank; i++) {
        int64_t size = weights->dims[2 + i];
        if (size < 1 || size > OP_MAX_EXTENT)
            return tw_fail(error, TW_CORRUPT, "a kernel of size %" PRId64 " in dimension %d", size, i);
        window->kernel[lead + i] = size;
    }
    int64_t given[OP_SPATIAL];
    memcpy(given, window->kernel, sizeof given);
    enum tw_status status = read_list(node, "kernel_shape", window->rank, 1, given, error);
    if (!status && weights && memcmp(given, window->kernel, sizeof given) != 0)
        return tw_fail(error, TW_CORRUPT, "attribute 'kernel_shape' does not agree with the weights");
    memcpy(window->kernel, given, sizeof given);
    return status;
}

enum tw_status op_window_read(const struct tw_node *node, const struct tw_shape *x, const struct tw_shape *weights,
                              struct op_window *window, struct tw_error *error)
{
    if (x->rank < 3 || x->rank > 2 + OP_SPATIAL)
        return tw_fail(error, TW_UNSUPPORTED, "its input has %d dimensions, and 3 to %d are implemented", x->rank,
                       2 + OP_SPATIAL);
    *window = (struct op_window){.rank = x->rank - 2};
    for (int i = 0; i < OP_SPATIAL; i++)
        window->kernel[i] = window->stride[i] = window->dilation[i] = window->in[i] = window->out[i] = 1;
    for (int i = 0; i < window->rank; i++)
        window->in[OP_SPATIAL - window->rank + i] = x->dims[2 + i];
    enum tw_status status = read_kernel(node, weights, window, error);
    if (!status)
        status = read_list(node, "strides", window->rank, 1, window->stride, error);
    if (!status)
        status = read_list(node, "dilations", window->rank, 1, window->dilation, error);
    if (!status)
        status = read_pads(node, window, error);
    return status;
}

enum pad_mode { PADS_GIVEN, PADS_SAME_UPPER, PADS_SAME_LOWER, PADS_NONE };

static enum tw_status read_pad_mode(const struct tw_node *node, enum pad_mode *mode, struct tw_error *error)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    for (int i = 0; i < 4; i++) {
        if (op_text_is(node, "auto_pad", names[i], "NOTSET")) {
            *mode = (enum pad_mode)i;
            return TW_OK;
        }
    }
    return op_refuse_text(node, "auto_pad", "NOTSET, SAME_UPPER, SAME_LOWER, VALID", error);
}

static enum tw_status place(struct op_window *window, int i, enum pad_mode mode, bool rounds_up, struct tw_error *error)
{
    int64_t extent = (window->kernel[i] - 1) * window->dilation[i] + 1, in = window->in[i], stride = window->stride[i];
    if (mode != PADS_GIVEN)
        window->begin[i] = window->end[i] = 0;
    if (in < 0) {
        window->out[i] = TW_UNKNOWN;
        return TW_OK;
    }
    if (mode == PADS_SAME_UPPER || mode == PADS_SAME_LOWER) {
        window->out[i] = (in + stride - 1) / stride;
        int64_t total = (window->out[i] - 1) * stride + extent - in;
        total = total < 0 ? 0 : total;
        window->begin[i] = mode == PADS_SAME_UPPER ? total / 2 : total - total / 2;
        window->end[i] = total - window->begin[i];
        return TW_OK;
    }
    int64_t room = in + window->begin[i] + window->end[i] - extent;
    if (room < 0)
        return tw_fail(error, TW_CORRUPT, "a window of %" PRId64 " does not fit into %" PRId64 " padded elements",
                       extent, in + window->begin[i] + window->end[i]);
    window->out[i] = (rounds_up ? room + stride - 1 : room) / stride + 1;
    /* A window that would begin in the padding behind the data is not one (ONNX since opset 19, as PyTorch). */
    if (rounds_up && (window->out[i] - 1) * stride >= in + window->begin[i])
        window->out[i]--;
    return TW_OK;
}

enum tw_status op_window_of(const struct tw_node *node, const struct tw_shape *x, const struct tw_shape *weights,
                            struct op_window *window, struct tw_error *error)
{
    enum pad_mode mode = PADS_GIVEN;
    enum tw_status status = op_window_read(node, x, weights, window, error);
    if (!status)
        status = read_pad_mode(node, &mode, error);
    bool rounds_up = tw_node_int(node, "ceil_mode", 0) != 0;
    for (int i = OP_SPATIAL - window->rank; i < OP_SPATIAL && !status; i++)
        status = place(window, i, mode, rounds_up, error);
    return status;
}

void op_window_shape(const struct op_window *window, int64_t batch, int64_t channels, struct tw_shape *shape)
{
    *shape = (struct tw_shape){.rank = window->rank + 2, .dims = {batch, channels}};
    for (int i = 0; i < window->rank; i++)
        shape->dims[2 + i] = window->out[OP_SPATIAL - window->rank + i];
}
