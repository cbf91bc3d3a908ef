#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Dimensions [first, end) of the input that Shape tells. */
static void shape_range(const struct tw_node *node, int rank, int *first, int *end)
{
    int64_t start = tw_node_int(node, "start", 0), stop = tw_node_int(node, "end", rank);
    start = start < 0 ? start + rank : start;
    stop = stop < 0 ? stop + rank : stop;
    *first = (int)(start < 0 ? 0 : start > rank ? rank : start);
    *end = (int)(stop < *first ? *first : stop > rank ? rank : stop);
}

OP_FUNCTION(op_infer_shape)
{
    (void)error;
    int first, end;
    shape_range(node, inputs[0].shape.rank, &first, &end);
    outputs[0].dtype = TW_I64;
    outputs[0].shape = (struct tw_shape){.rank = 1, .dims = {end - first}};
    return TW_OK;
}

OP_FUNCTION(op_run_shape)
{
    (void)error;
    int first, end;
    shape_range(node, inputs[0].shape.rank, &first, &end);
    for (int i = first; i < end; i++)
        ((int64_t *)outputs[0].out)[i - first] = inputs[0].shape.dims[i];
    return TW_OK;
}

/* A Constant's one attribute. Its tensor, where it is one, comes behind the inputs. */
OP_FUNCTION(op_infer_constant)
{
    if (node->attribute_count != 1)
        return tw_fail(error, TW_CORRUPT, "it has %d attributes, not one", node->attribute_count);
    const struct tw_attribute *value = &node->attributes[0];
    bool is_list = value->kind == TW_ATTR_INTS || value->kind == TW_ATTR_FLOATS;
    outputs[0].shape = (struct tw_shape){.rank = is_list ? 1 : 0, .dims = {(int64_t)value->count}};
    switch (value->kind) {
    case TW_ATTR_TENSOR:
        outputs[0].dtype = inputs[node->input_count].dtype;
        outputs[0].shape = inputs[node->input_count].shape;
        return TW_OK;
    case TW_ATTR_INT:
    case TW_ATTR_INTS:
        outputs[0].dtype = TW_I64;
        return TW_OK;
    case TW_ATTR_FLOAT:
    case TW_ATTR_FLOATS:
        outputs[0].dtype = TW_F32;
        return TW_OK;
    case TW_ATTR_TEXT:
        break;
    }
    return tw_fail(error, TW_UNSUPPORTED, "its value is a text");
}

OP_FUNCTION(op_run_constant)
{
    (void)error;
    const struct tw_attribute *value = &node->attributes[0];
    const void *from = value->kind == TW_ATTR_TENSOR  ? inputs[node->input_count].data
                       : value->kind == TW_ATTR_INT   ? (const void *)&value->i
                       : value->kind == TW_ATTR_INTS  ? (const void *)value->ints
                       : value->kind == TW_ATTR_FLOAT ? (const void *)&value->f
                                                      : (const void *)value->floats;
    size_t bytes = (size_t)op_count(&outputs[0]) * tw_dtype_size(outputs[0].dtype);
    if (bytes)
        memcpy(outputs[0].out, from, bytes);
    return TW_OK;
}

static const struct tw_tensor *fill_value(const struct tw_node *node, const struct tw_tensor *inputs)
{
    const struct tw_attribute *value = tw_node_attribute(node, "value");
    return value && value->kind == TW_ATTR_TENSOR ? &inputs[node->input_count] : NULL;
}

OP_FUNCTION(op_infer_constant_of_shape)
{
    struct op_ints sizes;
    enum tw_status status = op_input_ints(node, inputs, 0, "sizes", &sizes, error);
    if (status)
        return status;
    const struct tw_tensor *value = fill_value(node, inputs);
    int64_t count;
    if (value && (!tw_shape_count(&value->shape, &count) || count != 1 || tw_dtype_size(value->dtype) == 0))
        return tw_fail(error, TW_CORRUPT, "its value is not one number");
    struct tw_shape shape = {.rank = sizes.count};
    if (sizes.count > TW_MAX_RANK)
        return tw_fail(error, TW_LIMIT, "%d dimensions; the limit is %d", sizes.count, TW_MAX_RANK);
    for (int i = 0; i < sizes.count; i++) {
        if (sizes.values[i] < 0)
            return tw_fail(error, TW_CORRUPT, "a size of %" PRId64, sizes.values[i]);
        shape.dims[i] = sizes.values[i];
    }
    outputs[0].dtype = value ? value->dtype : TW_F32;
    outputs[0].shape = shape;
    return TW_OK;
}

OP_FUNCTION(op_run_constant_of_shape)
{
    (void)error;
    const struct tw_tensor *value = fill_value(node, inputs);
    size_t size = tw_dtype_size(outputs[0].dtype), count = (size_t)op_count(&outputs[0]);
    if (!value && count)
        memset(outputs[0].out, 0, count * size);
    for (size_t i = 0; i < count && value; i++)
        memcpy((uint8_t *)outputs[0].out + i * size, value->data, size);
    return TW_OK;
}

static enum tw_status range_count(const struct tw_tensor *inputs, int64_t *count, struct tw_error *error)
{
    double ends[3];
    for (int i = 0; i < 3; i++) {
        int64_t size;
        if (inputs[i].dtype != inputs[0].dtype || !tw_shape_count(&inputs[i].shape, &size) || size != 1)
            return tw_fail(error, TW_CORRUPT, "start, limit and delta are not one number each, of one type");
        if (!inputs[i].data)
            return tw_fail(error, TW_UNSUPPORTED, "its start, limit or delta is not constant");
        if (!op_is_real(inputs[i].dtype) && !op_is_integer(inputs[i].dtype))
            return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(inputs[i].dtype));
        ends[i] = op_is_real(inputs[i].dtype) ? op_load_real(&inputs[i], inputs[i].data, 0)
                                              : (double)op_load_int(&inputs[i], inputs[i].data, 0);
    }
    double steps = ceil((ends[1] - ends[0]) / ends[2]);
    if (!(steps <= OP_MAX_EXTENT) || ends[2] == 0)
        return tw_fail(error, TW_LIMIT, "it runs from %g to %g in steps of %g, which is over %d elements", ends[0],
                       ends[1], ends[2], OP_MAX_EXTENT);
    *count = steps < 0 ? 0 : (int64_t)steps;
    return TW_OK;
}

OP_FUNCTION(op_infer_range)
{
    (void)node;
    int64_t count = 0;
    enum tw_status status = range_count(inputs, &count, error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = (struct tw_shape){.rank = 1, .dims = {count}};
    return TW_OK;
}

OP_FUNCTION(op_run_range)
{
    (void)node;
    (void)error;
    for (int64_t i = 0; i < op_count(&outputs[0]); i++) {
        if (op_is_real(inputs[0].dtype)) {
            double start = op_load_real(&inputs[0], inputs[0].data, 0);
            op_store_real(&outputs[0], i, start + (double)i * op_load_real(&inputs[2], inputs[2].data, 0));
            continue;
        }
        uint64_t start = (uint64_t)op_load_int(&inputs[0], inputs[0].data, 0);
        uint64_t delta = (uint64_t)op_load_int(&inputs[2], inputs[2].data, 0);
        op_store_int(&outputs[0], i, (int64_t)(start + (uint64_t)i * delta));
    }
    return TW_OK;
}
