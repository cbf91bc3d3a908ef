#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <string.h>

/* What a Slice takes of each dimension. */
struct cut {
    int64_t start[TW_MAX_RANK], step[TW_MAX_RANK], size[TW_MAX_RANK];
};

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void cut_axis(struct cut *cut, int axis, int64_t dim, int64_t start, int64_t end, int64_t step)
{
    if (dim < 0) {
        cut->size[axis] = TW_UNKNOWN;
        return;
    }
    start = start < 0 ? start + dim : start;
    end = end < 0 ? (end < -dim ? -1 : end + dim) : end;
    if (step > 0) {
        start = clamp(start, 0, dim);
        end = clamp(end, 0, dim);
    } else {
        start = clamp(start, 0, dim - 1);
        end = clamp(end, -1, dim - 1);
    }
    int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    cut->start[axis] = start;
    cut->step[axis] = step;
    cut->size[axis] = span <= 0 || dim == 0 ? 0 : (span - 1) / stride + 1;
}

static enum tw_status read_cut(const struct tw_node *node, const struct tw_tensor *inputs, struct cut *cut,
                               struct tw_error *error)
{
    struct op_ints starts, ends, axes, steps;
    int rank = inputs[0].shape.rank;
    enum tw_status status = op_input_ints(node, inputs, 1, "starts", &starts, error);
    if (!status)
        status = op_input_ints(node, inputs, 2, "ends", &ends, error);
    if (!status)
        status = op_axes(node, inputs, 3, rank, &axes, error);
    if (!status)
        status = op_input_ints(node, inputs, 4, "steps", &steps, error);
    if (status)
        return status;
    if (starts.count != ends.count || (axes.is_given ? axes.count != starts.count : starts.count > rank) ||
        (steps.is_given && steps.count != starts.count))
        return tw_fail(error, TW_CORRUPT, "its starts, ends, axes and steps are not of one length");
    *cut = (struct cut){0};
    for (int i = 0; i < rank; i++) {
        cut->step[i] = 1;
        cut->size[i] = inputs[0].shape.dims[i];
    }
    for (int i = 0; i < starts.count; i++) {
        int axis = axes.is_given ? (int)axes.values[i] : i;
        int64_t step = steps.is_given ? steps.values[i] : 1;
        if (step == 0 || step == INT64_MIN)
            return tw_fail(error, TW_CORRUPT, "a step of %" PRId64, step);
        cut_axis(cut, axis, inputs[0].shape.dims[axis], starts.values[i], ends.values[i], step);
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_slice)
{
    struct cut cut;
    enum tw_status status = read_cut(node, inputs, &cut, error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape.rank = inputs[0].shape.rank;
    memcpy(outputs[0].shape.dims, cut.size, sizeof cut.size);
    return TW_OK;
}

OP_FUNCTION(op_run_slice)
{
    struct cut cut;
    enum tw_status status = read_cut(node, inputs, &cut, error);
    if (status || op_count(&outputs[0]) == 0)
        return status;
    const struct tw_shape *shape = &outputs[0].shape;
    size_t size = tw_dtype_size(outputs[0].dtype);
    int64_t strides[TW_MAX_RANK] = {0}, index[TW_MAX_RANK] = {0};
    op_strides(&inputs[0].shape, strides);
    int64_t base = op_offset(shape->rank, cut.start, strides);
    for (int i = 0; i < shape->rank; i++)
        strides[i] = cut.size[i] > 1 ? strides[i] * cut.step[i] : 0;
    uint8_t *to = outputs[0].out;
    do {
        int64_t from = base + op_offset(shape->rank, index, strides);
        memcpy(to, (const uint8_t *)inputs[0].data + (size_t)from * size, size);
        to += size;
    } while (op_next_index(shape, index));
    return TW_OK;
}

OP_FUNCTION(op_infer_gather)
{
    int axis;
    const struct tw_shape *x = &inputs[0].shape, *indices = &inputs[1].shape;
    enum tw_status status = op_axis(tw_node_int(node, "axis", 0), x->rank, &axis, error);
    if (status)
        return status;
    if (inputs[1].dtype != TW_I64 && inputs[1].dtype != TW_I32)
        return tw_fail(error, TW_CORRUPT, "its indices are %s, not integers", tw_dtype_name(inputs[1].dtype));
    if (x->rank - 1 + indices->rank > TW_MAX_RANK)
        return tw_fail(error, TW_LIMIT, "its result has %d dimensions; the limit is %d", x->rank - 1 + indices->rank,
                       TW_MAX_RANK);
    struct tw_shape out = {0};
    for (int i = 0; i < axis; i++)
        out.dims[out.rank++] = x->dims[i];
    for (int i = 0; i < indices->rank; i++)
        out.dims[out.rank++] = indices->dims[i];
    for (int i = axis + 1; i < x->rank; i++)
        out.dims[out.rank++] = x->dims[i];
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_gather)
{
    int axis;
    const struct tw_shape *x = &inputs[0].shape;
    enum tw_status status = op_axis(tw_node_int(node, "axis", 0), x->rank, &axis, error);
    if (status)
        return status;
    size_t bytes = (size_t)op_product(x, axis + 1, x->rank) * tw_dtype_size(inputs[0].dtype);
    int64_t count = op_count(&inputs[1]), dim = x->dims[axis];
    uint8_t *to = outputs[0].out;
    for (int64_t row = 0; row < op_product(x, 0, axis); row++) {
        for (int64_t i = 0; i < count; i++) {
            int64_t index = op_load_int(&inputs[1], inputs[1].data, i);
            if (index < -dim || index >= dim)
                return tw_fail(error, TW_CORRUPT, "index %" PRId64 " is outside of %" PRId64 " elements", index, dim);
            index = index < 0 ? index + dim : index;
            if (bytes)
                memcpy(to, (const uint8_t *)inputs[0].data + (size_t)(row * dim + index) * bytes, bytes);
            to += bytes;
        }
    }
    return TW_OK;
}
