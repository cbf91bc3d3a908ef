#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <string.h>

/* The ops of this file give their input's elements in their order under another shape. */
static enum tw_status copy_elements(const struct tw_tensor *x, struct tw_tensor *y)
{
    size_t bytes = (size_t)op_count(y) * tw_dtype_size(y->dtype);
    if (bytes)
        memcpy(y->out, x->data, bytes);
    return TW_OK;
}

OP_FUNCTION(op_infer_identity)
{
    (void)node;
    (void)error;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = inputs[0].shape;
    return TW_OK;
}

OP_FUNCTION(op_run_identity)
{
    (void)node;
    (void)error;
    return copy_elements(&inputs[0], &outputs[0]);
}

OP_FUNCTION(op_infer_dropout)
{
    const struct tw_tensor *trains = op_optional(node, inputs, 2);
    if (trains && (trains->dtype != TW_BOOL || !trains->data || *(const uint8_t *)trains->data))
        return tw_fail(error, TW_UNSUPPORTED, "dropout in training mode is not implemented");
    for (int i = 0; i < node->output_count; i++) {
        outputs[i].dtype = i ? TW_BOOL : inputs[0].dtype;
        outputs[i].shape = inputs[0].shape;
    }
    return TW_OK;
}

OP_FUNCTION(op_run_dropout)
{
    (void)error;
    if (node->output_count > 1 && node->outputs[1] >= 0)
        memset(outputs[1].out, 1, (size_t)op_count(&outputs[1]));
    return node->outputs[0] >= 0 ? copy_elements(&inputs[0], &outputs[0]) : TW_OK;
}

static enum tw_status fail_reshape(const struct tw_shape *from, const struct op_ints *to, struct tw_error *error)
{
    char a[128], b[128];
    struct tw_shape shape = {.rank = to->count > TW_MAX_RANK ? TW_MAX_RANK : to->count};
    memcpy(shape.dims, to->values, sizeof shape.dims);
    tw_shape_text(from, a, sizeof a);
    tw_shape_text(&shape, b, sizeof b);
    return tw_fail(error, TW_CORRUPT, "shape %s cannot become %s", a, b);
}

/* The dimension that -1 stands for: what is left of the input's elements. An unknown dimension that the result keeps as
 * it is drops out on both sides. */
static int64_t remaining(const struct tw_shape *x, const struct op_ints *target, int wild)
{
    struct tw_shape from = *x, to = {.rank = target->count};
    for (int i = 0; i < target->count; i++) {
        to.dims[i] = i == wild ? 1 : target->values[i];
        if (i < x->rank && to.dims[i] < 0 && x->dims[i] < 0 && i != wild)
            to.dims[i] = from.dims[i] = 1;
    }
    int64_t all, known;
    if (!tw_shape_count(&from, &all) || !tw_shape_count(&to, &known))
        return TW_UNKNOWN;
    return known == 0 ? (all == 0 ? 0 : -2) : all % known ? -2 : all / known;
}

OP_FUNCTION(op_infer_reshape)
{
    const struct tw_shape *x = &inputs[0].shape;
    struct op_ints target;
    enum tw_status status = op_input_ints(node, inputs, 1, "sizes", &target, error);
    if (status)
        return status;
    bool copies_zero = tw_node_int(node, "allowzero", 0) == 0;
    struct op_ints asked = target;
    int wild = -1;
    if (target.count > TW_MAX_RANK)
        return tw_fail(error, TW_LIMIT, "%d dimensions; the limit is %d", target.count, TW_MAX_RANK);
    for (int i = 0; i < target.count; i++) {
        if (target.values[i] < -1 || (target.values[i] == -1 && wild >= 0) ||
            (target.values[i] == 0 && copies_zero && i >= x->rank))
            return fail_reshape(x, &asked, error);
        if (target.values[i] == -1)
            wild = i;
        if (target.values[i] == 0 && copies_zero)
            target.values[i] = x->dims[i];
    }
    if (wild >= 0)
        target.values[wild] = remaining(x, &target, wild);
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape.rank = target.count;
    memcpy(outputs[0].shape.dims, target.values, sizeof outputs[0].shape.dims);
    int64_t before, after;
    bool is_known = tw_shape_count(x, &before) && tw_shape_count(&outputs[0].shape, &after);
    if ((wild >= 0 && target.values[wild] == -2) || (is_known && before != after))
        return fail_reshape(x, &asked, error);
    return TW_OK;
}

OP_FUNCTION(op_run_reshape)
{
    (void)node;
    (void)error;
    return copy_elements(&inputs[0], &outputs[0]);
}

static int64_t known_product(const struct tw_shape *shape, int first, int end)
{
    struct tw_shape part = {.rank = end - first};
    memcpy(part.dims, shape->dims + first, (size_t)part.rank * sizeof *part.dims);
    int64_t count;
    return tw_shape_count(&part, &count) ? count : TW_UNKNOWN;
}

OP_FUNCTION(op_infer_flatten)
{
    const struct tw_shape *x = &inputs[0].shape;
    int64_t axis = tw_node_int(node, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return tw_fail(error, TW_CORRUPT, "axis %" PRId64 " is outside of %d dimensions", axis, x->rank);
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = (struct tw_shape){.rank = 2, .dims = {known_product(x, 0, at), known_product(x, at, x->rank)}};
    return TW_OK;
}

OP_FUNCTION(op_run_flatten)
{
    (void)node;
    (void)error;
    return copy_elements(&inputs[0], &outputs[0]);
}

OP_FUNCTION(op_infer_squeeze)
{
    const struct tw_shape *x = &inputs[0].shape;
    struct op_ints axes;
    enum tw_status status = op_axes(node, inputs, 1, x->rank, &axes, error);
    if (status)
        return status;
    bool goes[TW_MAX_RANK] = {false};
    for (int i = 0; i < x->rank && !axes.is_given; i++) {
        if (x->dims[i] < 0)
            return tw_fail(error, TW_UNSUPPORTED, "which dimensions are 1 is not known");
        goes[i] = x->dims[i] == 1;
    }
    for (int i = 0; i < axes.count; i++) {
        int64_t dim = x->dims[axes.values[i]];
        if (dim >= 0 && dim != 1)
            return tw_fail(error, TW_CORRUPT, "dimension %" PRId64 " is %" PRId64 ", not 1", axes.values[i], dim);
        goes[axes.values[i]] = true;
    }
    struct tw_shape out = {0};
    for (int i = 0; i < x->rank; i++) {
        if (!goes[i])
            out.dims[out.rank++] = x->dims[i];
    }
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_squeeze)
{
    (void)node;
    (void)error;
    return copy_elements(&inputs[0], &outputs[0]);
}

OP_FUNCTION(op_infer_unsqueeze)
{
    const struct tw_shape *x = &inputs[0].shape;
    struct op_ints given, axes;
    enum tw_status status = op_attribute_ints(node, "axes", &given, error);
    if (!status && !given.is_given)
        status = op_input_ints(node, inputs, 1, "axes", &given, error);
    if (status)
        return status;
    int rank = x->rank + given.count;
    if (!given.is_given)
        return tw_fail(error, TW_CORRUPT, "its axes are missing");
    if (rank > TW_MAX_RANK)
        return tw_fail(error, TW_LIMIT, "%d dimensions with the new ones; the limit is %d", rank, TW_MAX_RANK);
    status = op_axes(node, inputs, 1, rank, &axes, error);
    if (status)
        return status;
    bool is_new[TW_MAX_RANK] = {false};
    for (int i = 0; i < axes.count; i++)
        is_new[axes.values[i]] = true;
    struct tw_shape out = {.rank = rank};
    for (int i = 0, from = 0; i < rank; i++)
        out.dims[i] = is_new[i] ? 1 : x->dims[from++];
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_unsqueeze)
{
    (void)node;
    (void)error;
    return copy_elements(&inputs[0], &outputs[0]);
}
