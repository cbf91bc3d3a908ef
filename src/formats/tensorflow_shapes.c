/* Ops that move, join and part. */
#include "formats/tensorflow_net.h"

#include <string.h>

static const char *typed(struct tfn *net, const char *format, int id)
{
    return tfw_text(net->tfw, "%s T=%s", format, tfn_type(net, id));
}

/* To the shape that inference found. More than one dimension that is not known: as the network's own shape tensor says. */
void tfn_reshape(struct tfn *net, const struct tw_node *node)
{
    const struct tw_shape *out = &tfn_value(net, node->outputs[0])->shape;
    int64_t dims[TW_MAX_RANK];
    int unknown = 0;
    for (int i = 0; i < out->rank; i++) {
        dims[i] = out->dims[i];
        unknown += dims[i] < 0;
    }
    const char *shape;
    if (unknown <= 1) {
        shape = tfn_int64s(net, dims, out->rank);
    } else if (node->op == TW_OP_RESHAPE && !tfn_value(net, node->inputs[1])->data) {
        shape = tfn_native(net, node->inputs[1]);
    } else {
        tfn_fail(net, node, "gives a shape of which more than the batch is not known");
        return;
    }
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, typed(net, "Reshape Tshape=int64", node->inputs[0]), tfn_native(net, node->inputs[0]), shape),
            false);
}

static int axis_of(const struct tfn *net, const struct tw_node *node, int64_t otherwise)
{
    int64_t axis = tw_node_int(node, "axis", otherwise);
    return (int)(axis < 0 ? axis + tfn_value(net, node->inputs[0])->shape.rank : axis);
}

void tfn_concat(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int count = node->input_count, axis = axis_of(net, node, 0);
    bool is_nhwc = tfn_value(net, node->outputs[0])->shape.rank == 4, is_asked = false;
    for (int i = 0; i < count; i++)
        is_asked |= tfn_prefers_nhwc(net, node->inputs[i]);
    is_nhwc &= is_asked;
    const char **inputs = tw_alloc((size_t)count + 2, sizeof *inputs);
    if (!inputs) {
        tfw->status = tw_fail_memory(tfw->error, (size_t)count * sizeof *inputs, "inputs");
        return;
    }
    for (int i = 0; i < count; i++)
        inputs[i] = is_nhwc ? tfn_nhwc(net, node->inputs[i]) : tfn_native(net, node->inputs[i]);
    inputs[count] = tfw_int(tfw, is_nhwc ? tfn_nhwc_axis(axis) : axis);
    inputs[count + 1] = NULL;
    const char *spec = tfw_text(tfw, "ConcatV2 T=%s Tidx=int32 N=%d", tfn_type(net, node->inputs[0]), count);
    const char *name = count == 1 ? inputs[0] : tfw_put(tfw, spec, inputs);
    tw_free(inputs);
    tfn_set(net, node->outputs[0], name, is_nhwc);
}

void tfn_split(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int axis = axis_of(net, node, 0), count = node->output_count;
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    int32_t *sizes = tw_alloc((size_t)count, sizeof *sizes);
    if (!sizes) {
        tfw->status = tw_fail_memory(tfw->error, (size_t)count * sizeof *sizes, "parts");
        return;
    }
    for (int i = 0; i < count; i++) {
        int64_t size = node->outputs[i] >= 0 ? tfn_value(net, node->outputs[i])->shape.dims[axis] : -1;
        sizes[i] = (int32_t)size;
        if (size < 0)
            tfn_fail(net, node, "splits along a dimension that is not known");
    }
    const char *spec = tfw_text(tfw, "SplitV T=%s Tlen=int32 num_split=%d", tfn_type(net, node->inputs[0]), count);
    const char *parts = TFW(tfw, spec, is_nhwc ? tfn_nhwc(net, node->inputs[0]) : tfn_native(net, node->inputs[0]),
                            tfw_ints(tfw, sizes, count), tfw_int(tfw, is_nhwc ? tfn_nhwc_axis(axis) : axis));
    tw_free(sizes);
    for (int i = 0; i < count; i++)
        tfn_set(net, node->outputs[i], tfw_port(tfw, parts, i), is_nhwc);
}

/* A bound at or beyond the end, either way, is left to TensorFlow's masks. */
void tfn_slice(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int64_t starts[TW_MAX_RANK], ends[TW_MAX_RANK], axes[TW_MAX_RANK], steps[TW_MAX_RANK];
    int rank = tfn_value(net, node->inputs[0])->shape.rank,
        count = tfn_constant_ints(net, node->inputs[1], starts, TW_MAX_RANK);
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    bool has_axes = node->input_count > 3 && node->inputs[3] >= 0,
         has_steps = node->input_count > 4 && node->inputs[4] >= 0;
    if (count < 0 || tfn_constant_ints(net, node->inputs[2], ends, TW_MAX_RANK) != count ||
        (has_axes && tfn_constant_ints(net, node->inputs[3], axes, TW_MAX_RANK) != count) ||
        (has_steps && tfn_constant_ints(net, node->inputs[4], steps, TW_MAX_RANK) != count)) {
        tfn_fail(net, node, "has bounds that are no constants");
        return;
    }
    int64_t begin[TW_MAX_RANK] = {0}, end[TW_MAX_RANK] = {0}, stride[TW_MAX_RANK];
    int begin_mask = (1 << rank) - 1, end_mask = begin_mask;
    for (int i = 0; i < rank; i++)
        stride[i] = 1;
    for (int i = 0; i < count; i++) {
        int64_t axis = has_axes ? axes[i] : i;
        axis += axis < 0 ? rank : 0;
        int at = is_nhwc ? tfn_nhwc_axis((int)axis) : (int)axis;
        stride[at] = has_steps ? steps[i] : 1;
        begin[at] = starts[i];
        end[at] = ends[i];
        begin_mask &= ~(1 << at);
        if (ends[i] < INT32_MAX && ends[i] > -INT32_MAX)
            end_mask &= ~(1 << at);
        else
            end[at] = 0;
    }
    const char *spec = tfw_text(tfw, "StridedSlice T=%s Index=int64 begin_mask=%d end_mask=%d",
                                tfn_type(net, node->inputs[0]), begin_mask, end_mask);
    tfn_set(net, node->outputs[0],
            TFW(tfw, spec, is_nhwc ? tfn_nhwc(net, node->inputs[0]) : tfn_native(net, node->inputs[0]),
                tfn_int64s(net, begin, rank), tfn_int64s(net, end, rank), tfn_int64s(net, stride, rank)),
            is_nhwc);
}

/* TensorFlow counts no index from the end: a constant one is counted from the start here. */
void tfn_gather(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    enum { ROOM = 4096 };
    int64_t indices[ROOM];
    int axis = axis_of(net, node, 0), count = tfn_constant_ints(net, node->inputs[1], indices, ROOM);
    int64_t size = tfn_value(net, node->inputs[0])->shape.dims[axis];
    const char *at = tfn_native(net, node->inputs[1]), *type = tfn_type(net, node->inputs[1]);
    bool is_negative = false;
    for (int i = 0; i < count; i++) {
        is_negative |= indices[i] < 0;
        indices[i] += indices[i] < 0 ? size : 0;
    }
    if (is_negative && size < 0) {
        tfn_fail(net, node, "counts from the end of a dimension that is not known");
        return;
    }
    if (is_negative) {
        type = "int64";
        at = tfw_tensor(tfw, TW_I64, &tfn_value(net, node->inputs[1])->shape, indices);
    }
    const char *spec =
        tfw_text(tfw, "GatherV2 Tparams=%s Tindices=%s Taxis=int32", tfn_type(net, node->inputs[0]), type);
    tfn_set(net, node->outputs[0], TFW(tfw, spec, tfn_native(net, node->inputs[0]), at, tfw_int(tfw, axis)), false);
}

void tfn_pad(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int64_t pads[2 * TW_MAX_RANK], axes[TW_MAX_RANK];
    int32_t pairs[2 * TW_MAX_RANK] = {0};
    int rank = tfn_value(net, node->inputs[0])->shape.rank,
        count = tfn_constant_ints(net, node->inputs[1], pads, 2 * TW_MAX_RANK);
    const struct tw_attribute *mode = tw_node_attribute(node, "mode");
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]),
         is_reflected = mode && tw_span_equal(mode->text, tw_span_of_text("reflect"));
    bool has_axes = node->input_count > 3 && node->inputs[3] >= 0,
         is_constant = !mode || tw_span_equal(mode->text, tw_span_of_text("constant"));
    int named = has_axes ? tfn_constant_ints(net, node->inputs[3], axes, TW_MAX_RANK) : rank;
    if (count < 0 || count != 2 * named || (!is_constant && !is_reflected)) {
        tfn_fail(net, node, "pads by no constants, or neither with a constant nor by reflection");
        return;
    }
    for (int i = 0; i < named; i++) {
        int64_t axis = has_axes ? axes[i] : i;
        int at = (int)(axis < 0 ? axis + rank : axis);
        at = is_nhwc ? tfn_nhwc_axis(at) : at;
        pairs[2 * at] = (int32_t)pads[i];
        pairs[2 * at + 1] = (int32_t)pads[named + i];
        if (pads[i] < 0 || pads[named + i] < 0)
            tfn_fail(net, node, "cuts by negative pads, which is not exported");
    }
    const char *x = is_nhwc ? tfn_nhwc(net, node->inputs[0]) : tfn_native(net, node->inputs[0]),
               *type = tfn_type(net, node->inputs[0]);
    const char *amounts = tfw_tensor(tfw, TW_I32, &(struct tw_shape){.rank = 2, .dims = {rank, 2}}, pairs), *y;
    if (is_reflected)
        y = TFW(tfw, tfw_text(tfw, "MirrorPad T=%s Tpaddings=int32 mode='REFLECT'", type), x, amounts);
    else if (node->input_count > 2 && node->inputs[2] >= 0)
        y = TFW(tfw, tfw_text(tfw, "PadV2 T=%s Tpaddings=int32", type), x, amounts, tfn_native(net, node->inputs[2]));
    else
        y = TFW(tfw, tfw_text(tfw, "Pad T=%s Tpaddings=int32", type), x, amounts);
    tfn_set(net, node->outputs[0], y, is_nhwc);
}

/* Between the two orders of a picture nothing moves: the other form is what is asked for. */
void tfn_transpose(struct tfn *net, const struct tw_node *node)
{
    static const int64_t to_nhwc[] = {0, 2, 3, 1}, to_nchw[] = {0, 3, 1, 2};
    const struct tw_attribute *order = tw_node_attribute(node, "perm");
    int rank = tfn_value(net, node->inputs[0])->shape.rank;
    bool is_picture = order && order->count == 4;
    if (is_picture && memcmp(order->ints, to_nhwc, sizeof to_nhwc) == 0) {
        tfn_set(net, node->outputs[0], tfn_nhwc(net, node->inputs[0]), false);
        return;
    }
    if (is_picture && memcmp(order->ints, to_nchw, sizeof to_nchw) == 0) {
        tfn_set(net, node->outputs[0], tfn_native(net, node->inputs[0]), true);
        return;
    }
    int32_t places[TW_MAX_RANK];
    for (int i = 0; i < rank; i++)
        places[i] = order ? (int32_t)order->ints[i] : rank - 1 - i;
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, typed(net, "Transpose Tperm=int32", node->inputs[0]), tfn_native(net, node->inputs[0]),
                tfw_ints(net->tfw, places, rank)),
            false);
}

/* TensorFlow's BroadcastTo repeats, but takes no 1 for what is greater already: both shapes' maximum is what ONNX means. */
void tfn_expand(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    const struct tw_shape *in = &tfn_value(net, node->inputs[0])->shape,
                          *out = &tfn_value(net, node->outputs[0])->shape;
    int64_t ones[TW_MAX_RANK];
    for (int i = 0; i < TW_MAX_RANK; i++)
        ones[i] = 1;
    const char *wanted = tfn_native(net, node->inputs[1]), *have = tfn_native(net, node->inputs[0]);
    const char *is = TFW(tfw, tfw_text(tfw, "Shape T=%s out_type=int64", tfn_type(net, node->inputs[0])), have);
    int wanted_rank = (int)tfn_value(net, node->inputs[1])->shape.dims[0];
    const char *axis = tfw_int(tfw, 0);
    if (in->rank < out->rank)
        is = TFW(tfw, "ConcatV2 T=int64 Tidx=int32 N=2", tfn_int64s(net, ones, out->rank - in->rank), is, axis);
    if (wanted_rank >= 0 && wanted_rank < out->rank)
        wanted =
            TFW(tfw, "ConcatV2 T=int64 Tidx=int32 N=2", tfn_int64s(net, ones, out->rank - wanted_rank), wanted, axis);
    const char *shape = TFW(tfw, "Maximum T=int64", is, wanted);
    tfn_set(net, node->outputs[0], TFW(tfw, typed(net, "BroadcastTo Tidx=int64", node->inputs[0]), have, shape), false);
}

void tfn_tile(struct tfn *net, const struct tw_node *node)
{
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, typed(net, "Tile Tmultiples=int64", node->inputs[0]), tfn_native(net, node->inputs[0]),
                tfn_native(net, node->inputs[1])),
            false);
}

void tfn_shape(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int64_t rank = tfn_value(net, node->inputs[0])->shape.rank, start = tw_node_int(node, "start", 0),
            end = tw_node_int(node, "end", rank);
    const char *shape = TFW(tfw, tfw_text(tfw, "Shape T=%s out_type=int64", tfn_type(net, node->inputs[0])),
                            tfn_native(net, node->inputs[0]));
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end > rank ? rank : end;
    if (start > 0 || end < rank) {
        const int64_t one = 1;
        shape = TFW(tfw, "StridedSlice T=int64 Index=int64", shape, tfn_int64s(net, &start, 1),
                    tfn_int64s(net, &end, 1), tfn_int64s(net, &one, 1));
    }
    tfn_set(net, node->outputs[0], shape, false);
}

void tfn_constant_of_shape(struct tfn *net, const struct tw_node *node)
{
    const struct tw_attribute *value = tw_node_attribute(node, "value");
    const char *type = tfn_type(net, node->outputs[0]), *filler;
    if (value && value->kind == TW_ATTR_TENSOR)
        filler = tfw_tensor(net->tfw, tfn_value(net, value->tensor)->dtype, &(struct tw_shape){0},
                            tfn_value(net, value->tensor)->data);
    else
        filler = tfw_float(net->tfw, 0);
    tfn_set(
        net, node->outputs[0],
        TFW(net->tfw, tfw_text(net->tfw, "Fill T=%s index_type=int64", type), tfn_native(net, node->inputs[0]), filler),
        false);
}

void tfn_range(struct tfn *net, const struct tw_node *node)
{
    const char *spec = tfw_text(net->tfw, "Range Tidx=%s", tfn_type(net, node->inputs[0]));
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, spec, tfn_native(net, node->inputs[0]), tfn_native(net, node->inputs[1]),
                tfn_native(net, node->inputs[2])),
            false);
}
