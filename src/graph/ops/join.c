#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <string.h>

static enum tw_status concat_axis(const struct tw_node *node, const struct tw_tensor *inputs, int *axis,
                                  struct tw_error *error)
{
    if (!tw_node_attribute(node, "axis"))
        return tw_fail(error, TW_CORRUPT, "attribute 'axis' is missing");
    return op_axis(tw_node_int(node, "axis", 0), inputs[0].shape.rank, axis, error);
}

/* Adds one more input's shape; every dimension but the axis must agree. */
static enum tw_status join(struct tw_shape *out, const struct tw_shape *more, int axis, struct tw_error *error)
{
    bool agrees = out->rank == more->rank;
    for (int i = 0; i < out->rank && agrees; i++) {
        int64_t *dim = &out->dims[i];
        if (i == axis)
            *dim =
                *dim < 0 || more->dims[i] < 0 || *dim > INT64_MAX - more->dims[i] ? TW_UNKNOWN : *dim + more->dims[i];
        else if (*dim < 0)
            *dim = more->dims[i];
        else
            agrees = more->dims[i] < 0 || more->dims[i] == *dim;
    }
    if (agrees)
        return TW_OK;
    char a[128], b[128];
    tw_shape_text(out, a, sizeof a);
    tw_shape_text(more, b, sizeof b);
    return tw_fail(error, TW_CORRUPT, "shapes %s and %s cannot be joined in dimension %d", a, b, axis);
}

OP_FUNCTION(op_infer_concat)
{
    int axis;
    enum tw_status status = concat_axis(node, inputs, &axis, error);
    struct tw_shape out = inputs[0].shape;
    for (int i = 1; i < node->input_count && !status; i++) {
        status = op_need_same_dtype(&inputs[0], &inputs[i], error);
        if (!status)
            status = join(&out, &inputs[i].shape, axis, error);
    }
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_concat)
{
    int axis;
    enum tw_status status = concat_axis(node, inputs, &axis, error);
    if (status)
        return status;
    size_t size = tw_dtype_size(outputs[0].dtype);
    int64_t rows = op_product(&outputs[0].shape, 0, axis);
    uint8_t *to = outputs[0].out;
    for (int64_t row = 0; row < rows; row++) {
        for (int i = 0; i < node->input_count; i++) {
            size_t bytes = (size_t)op_product(&inputs[i].shape, axis, inputs[i].shape.rank) * size;
            if (bytes)
                memcpy(to, (const uint8_t *)inputs[i].data + (size_t)row * bytes, bytes);
            to += bytes;
        }
    }
    return TW_OK;
}

/* Even parts, the last one smaller where the op was told how many there are (opset 18). */
static enum tw_status even_parts(const struct tw_node *node, int64_t size, struct op_ints *parts,
                                 struct tw_error *error)
{
    int64_t count = node->output_count, part = size < 0 ? TW_UNKNOWN : (size + count - 1) / count;
    bool may_be_uneven = tw_node_attribute(node, "num_outputs") != NULL;
    if (count > OP_MAX_INTS)
        return tw_fail(error, TW_UNSUPPORTED, "it has %" PRId64 " outputs, and up to %d are implemented", count,
                       OP_MAX_INTS);
    if (size >= 0 && size % count && (!may_be_uneven || part * (count - 1) > size))
        return tw_fail(error, TW_CORRUPT, "%" PRId64 " elements do not split into %" PRId64 " parts", size, count);
    parts->count = (int)count;
    for (int i = 0; i < parts->count; i++)
        parts->values[i] = size < 0 ? TW_UNKNOWN : i + 1 < count ? part : size - part * (count - 1);
    return TW_OK;
}

static enum tw_status split_parts(const struct tw_node *node, const struct tw_tensor *inputs, int *axis,
                                  struct op_ints *parts, struct tw_error *error)
{
    enum tw_status status = op_axis(tw_node_int(node, "axis", 0), inputs[0].shape.rank, axis, error);
    if (!status)
        status = op_input_ints(node, inputs, 1, "split sizes", parts, error);
    if (status)
        return status;
    int64_t size = inputs[0].shape.dims[*axis], sum = 0;
    if (!parts->is_given)
        return even_parts(node, size, parts, error);
    bool is_sound = parts->count == node->output_count;
    for (int i = 0; i < parts->count; i++) {
        is_sound = is_sound && parts->values[i] >= 0 && parts->values[i] <= OP_MAX_EXTENT;
        sum += is_sound ? parts->values[i] : 0;
    }
    if (!is_sound || (size >= 0 && sum != size))
        return tw_fail(error, TW_CORRUPT, "its split sizes do not add up to %" PRId64 " in %d parts", size,
                       node->output_count);
    return TW_OK;
}

OP_FUNCTION(op_infer_split)
{
    int axis;
    struct op_ints parts;
    enum tw_status status = split_parts(node, inputs, &axis, &parts, error);
    for (int i = 0; i < node->output_count && !status; i++) {
        outputs[i].dtype = inputs[0].dtype;
        outputs[i].shape = inputs[0].shape;
        outputs[i].shape.dims[axis] = parts.values[i];
    }
    return status;
}

OP_FUNCTION(op_run_split)
{
    int axis;
    struct op_ints parts;
    enum tw_status status = split_parts(node, inputs, &axis, &parts, error);
    if (status)
        return status;
    const struct tw_shape *shape = &inputs[0].shape;
    size_t element = (size_t)op_product(shape, axis + 1, shape->rank) * tw_dtype_size(inputs[0].dtype);
    const uint8_t *from = inputs[0].data;
    for (int64_t row = 0; row < op_product(shape, 0, axis); row++) {
        for (int i = 0; i < node->output_count; i++) {
            size_t bytes = (size_t)parts.values[i] * element;
            if (bytes && node->outputs[i] >= 0)
                memcpy((uint8_t *)outputs[i].out + (size_t)row * bytes, from, bytes);
            from += bytes;
        }
    }
    return TW_OK;
}
