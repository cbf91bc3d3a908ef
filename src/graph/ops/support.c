#include "graph/ops/support.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum tw_status op_attribute_ints(const struct tw_node *node, const char *name, struct op_ints *ints,
                                 struct tw_error *error)
{
    *ints = (struct op_ints){0};
    const struct tw_attribute *attribute = tw_node_attribute(node, name);
    if (!attribute)
        return TW_OK;
    if (attribute->kind != TW_ATTR_INTS || attribute->count > OP_MAX_INTS)
        return tw_fail(error, TW_CORRUPT, "attribute '%s' is not a list of at most %d integers", name, OP_MAX_INTS);
    ints->is_given = true;
    ints->count = (int)attribute->count;
    if (ints->count)
        memcpy(ints->values, attribute->ints, attribute->count * sizeof *ints->values);
    return TW_OK;
}

const struct tw_tensor *op_optional(const struct tw_node *node, const struct tw_tensor *inputs, int index)
{
    return index < node->input_count && node->inputs[index] >= 0 ? &inputs[index] : NULL;
}

enum tw_status op_input_ints(const struct tw_node *node, const struct tw_tensor *inputs, int index, const char *what,
                             struct op_ints *ints, struct tw_error *error)
{
    *ints = (struct op_ints){0};
    const struct tw_tensor *tensor = op_optional(node, inputs, index);
    if (!tensor)
        return TW_OK;
    int64_t count;
    if ((tensor->dtype != TW_I64 && tensor->dtype != TW_I32) || tensor->shape.rank > 1 ||
        !tw_shape_count(&tensor->shape, &count) || count > OP_MAX_INTS)
        return tw_fail(error, TW_UNSUPPORTED, "its %s are not a list of at most %d integers", what, OP_MAX_INTS);
    if (!tensor->data && count)
        return tw_fail(error, TW_UNSUPPORTED, "its %s are not constant", what);
    ints->is_given = true;
    ints->count = (int)count;
    for (int i = 0; i < ints->count; i++)
        ints->values[i] = op_load_int(tensor, tensor->data, i);
    return TW_OK;
}

enum tw_status op_axis(int64_t axis, int rank, int *out, struct tw_error *error)
{
    if (axis < -rank || axis >= rank)
        return tw_fail(error, TW_CORRUPT, "axis %" PRId64 " is outside of %d dimensions", axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return TW_OK;
}

enum tw_status op_axes(const struct tw_node *node, const struct tw_tensor *inputs, int index, int rank,
                       struct op_ints *axes, struct tw_error *error)
{
    enum tw_status status = op_attribute_ints(node, "axes", axes, error);
    if (!status && !axes->is_given)
        status = op_input_ints(node, inputs, index, "axes", axes, error);
    bool seen[TW_MAX_RANK] = {false};
    for (int i = 0; i < axes->count && !status; i++) {
        int axis = 0;
        status = op_axis(axes->values[i], rank, &axis, error);
        if (!status && seen[axis])
            status = tw_fail(error, TW_CORRUPT, "axis %d is named twice", axis);
        seen[axis] = true;
        axes->values[i] = axis;
    }
    return status;
}

bool op_text_is(const struct tw_node *node, const char *attribute, const char *text, const char *otherwise)
{
    const struct tw_attribute *found = tw_node_attribute(node, attribute);
    struct tw_span value =
        found && found->kind == TW_ATTR_TEXT && found->text.size ? found->text : tw_span_of_text(otherwise);
    return tw_span_equal(value, tw_span_of_text(text));
}

enum tw_status op_refuse_text(const struct tw_node *node, const char *attribute, const char *known,
                              struct tw_error *error)
{
    enum { MOST_SHOWN = 40 };
    const struct tw_attribute *found = tw_node_attribute(node, attribute);
    struct tw_span text = found && found->kind == TW_ATTR_TEXT ? found->text : (struct tw_span){0};
    return tw_fail(error, TW_UNSUPPORTED, "attribute '%s' is '%.*s', which is none of %s", attribute,
                   (int)(text.size < MOST_SHOWN ? text.size : MOST_SHOWN), text.size ? (const char *)text.data : "",
                   known);
}

enum tw_status op_need_f32(const struct tw_node *node, const struct tw_tensor *inputs, struct tw_error *error)
{
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && inputs[i].dtype != TW_F32)
            return tw_fail(error, TW_UNSUPPORTED, "input %d is %s, and only f32 is implemented", i,
                           tw_dtype_name(inputs[i].dtype));
    }
    return TW_OK;
}

enum tw_status op_need_same_dtype(const struct tw_tensor *a, const struct tw_tensor *b, struct tw_error *error)
{
    if (a->dtype == b->dtype)
        return TW_OK;
    return tw_fail(error, TW_CORRUPT, "its inputs are of different types, %s and %s", tw_dtype_name(a->dtype),
                   tw_dtype_name(b->dtype));
}

bool op_is_integer(enum tw_dtype dtype)
{
    return dtype >= TW_I8 && dtype <= TW_BOOL;
}

bool op_is_real(enum tw_dtype dtype)
{
    return dtype == TW_F32 || dtype == TW_F64;
}

enum tw_status op_need_vector(const struct tw_tensor *tensor, int64_t size, const char *what, struct tw_error *error)
{
    int64_t has = tensor->shape.dims[0];
    if (tensor->shape.rank == 1 && (has == size || has < 0 || size < 0))
        return TW_OK;
    char text[128];
    tw_shape_text(&tensor->shape, text, sizeof text);
    return tw_fail(error, TW_CORRUPT, "its %s is of shape %s, not [%" PRId64 "]", what, text, size);
}

enum tw_status op_broadcast(const struct tw_shape *a, const struct tw_shape *b, struct tw_shape *out,
                            struct tw_error *error)
{
    struct tw_shape made = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < made.rank; i++) {
        int in_a = i - (made.rank - a->rank), in_b = i - (made.rank - b->rank);
        int64_t x = in_a < 0 ? 1 : a->dims[in_a], y = in_b < 0 ? 1 : b->dims[in_b];
        if (x == y || y == 1)
            made.dims[i] = x;
        else if (x == 1 || x < 0)
            made.dims[i] = y;
        else if (y < 0)
            made.dims[i] = x;
        else {
            char left[128], right[128];
            tw_shape_text(a, left, sizeof left);
            tw_shape_text(b, right, sizeof right);
            return tw_fail(error, TW_CORRUPT, "shapes %s and %s do not broadcast", left, right);
        }
    }
    *out = made;
    return TW_OK;
}

void op_strides(const struct tw_shape *shape, int64_t strides[TW_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}

void op_broadcast_strides(const struct tw_shape *shape, const struct tw_shape *out, int64_t strides[TW_MAX_RANK])
{
    int64_t own[TW_MAX_RANK] = {0};
    op_strides(shape, own);
    int lead = out->rank - shape->rank;
    for (int i = 0; i < out->rank; i++)
        strides[i] = i < lead || shape->dims[i - lead] == 1 ? 0 : own[i - lead];
}

bool op_next_index(const struct tw_shape *shape, int64_t index[TW_MAX_RANK])
{
    for (int i = shape->rank - 1; i >= 0; i--) {
        if (++index[i] < shape->dims[i])
            return true;
        index[i] = 0;
    }
    return false;
}

int64_t op_offset(int rank, const int64_t *index, const int64_t *strides)
{
    int64_t offset = 0;
    for (int i = 0; i < rank; i++)
        offset += index[i] * strides[i];
    return offset;
}

int64_t op_count(const struct tw_tensor *tensor)
{
    int64_t count = 0;
    bool is_known = tw_shape_count(&tensor->shape, &count);
    assert(is_known);
    (void)is_known;
    return count;
}

int64_t op_product(const struct tw_shape *shape, int first_axis, int end_axis)
{
    int64_t product = 1;
    for (int i = first_axis; i < end_axis; i++)
        product *= shape->dims[i];
    return product;
}

double op_load_real(const struct tw_tensor *tensor, const void *data, int64_t at)
{
    return tensor->dtype == TW_F64 ? ((const double *)data)[at] : (double)((const float *)data)[at];
}

int64_t op_load_int(const struct tw_tensor *tensor, const void *data, int64_t at)
{
    switch (tensor->dtype) {
    case TW_I8:
        return ((const int8_t *)data)[at];
    case TW_U8:
    case TW_BOOL:
        return ((const uint8_t *)data)[at];
    case TW_I16:
        return ((const int16_t *)data)[at];
    case TW_U16:
        return ((const uint16_t *)data)[at];
    case TW_I32:
        return ((const int32_t *)data)[at];
    case TW_U32:
        return ((const uint32_t *)data)[at];
    default:
        return ((const int64_t *)data)[at];
    }
}

void op_store_real(const struct tw_tensor *tensor, int64_t at, double value)
{
    if (tensor->dtype == TW_F64)
        ((double *)tensor->out)[at] = value;
    else
        ((float *)tensor->out)[at] = (float)value;
}

void op_store_int(const struct tw_tensor *tensor, int64_t at, int64_t value)
{
    switch (tw_dtype_size(tensor->dtype)) {
    case 1:
        ((uint8_t *)tensor->out)[at] = (uint8_t)value;
        break;
    case 2:
        ((uint16_t *)tensor->out)[at] = (uint16_t)value;
        break;
    case 4:
        ((uint32_t *)tensor->out)[at] = (uint32_t)value;
        break;
    default:
        ((int64_t *)tensor->out)[at] = value;
    }
}
