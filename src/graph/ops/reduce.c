#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Which axes go: all of them where none is named, unless the node says that none means none. */
static enum tw_status reduced_axes(const struct tw_node *node, const struct tw_tensor *inputs,
                                   bool is_reduced[TW_MAX_RANK], struct tw_error *error)
{
    struct op_ints axes;
    int rank = inputs[0].shape.rank;
    enum tw_status status = op_axes(node, inputs, 1, rank, &axes, error);
    if (status)
        return status;
    bool takes_all = axes.count == 0 && tw_node_int(node, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < TW_MAX_RANK; i++)
        is_reduced[i] = takes_all && i < rank;
    for (int i = 0; i < axes.count; i++)
        is_reduced[axes.values[i]] = true;
    return TW_OK;
}

OP_FUNCTION(op_infer_reduce)
{
    bool is_reduced[TW_MAX_RANK];
    enum tw_status status = reduced_axes(node, inputs, is_reduced, error);
    if (status)
        return status;
    bool keeps = tw_node_int(node, "keepdims", 1) != 0;
    struct tw_shape out = {0};
    for (int i = 0; i < inputs[0].shape.rank; i++) {
        if (!is_reduced[i])
            out.dims[out.rank++] = inputs[0].shape.dims[i];
        else if (keeps)
            out.dims[out.rank++] = 1;
    }
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

static double add_real(enum tw_op op, double so_far, double x)
{
    switch (op) {
    case TW_OP_REDUCE_MAX:
        return x > so_far || isnan(x) ? x : so_far;
    case TW_OP_REDUCE_MIN:
        return x < so_far || isnan(x) ? x : so_far;
    case TW_OP_REDUCE_L2:
        return so_far + x * x;
    default:
        return so_far + x;
    }
}

static int64_t add_integer(enum tw_op op, int64_t so_far, int64_t x)
{
    if (op == TW_OP_REDUCE_MAX)
        return x > so_far ? x : so_far;
    if (op == TW_OP_REDUCE_MIN)
        return x < so_far ? x : so_far;
    return (int64_t)((uint64_t)so_far + (uint64_t)x);
}

/* One result: `line` holds the strides of the axes that go, over `inner`. */
static void reduce_one(enum tw_op op, const struct tw_tensor *x, int64_t base, const struct tw_shape *inner,
                       const int64_t *line, const struct tw_tensor *y, int64_t at)
{
    bool is_max = op == TW_OP_REDUCE_MAX, is_min = op == TW_OP_REDUCE_MIN, is_real = op_is_real(x->dtype);
    double real = is_max ? -INFINITY : is_min ? INFINITY : 0;
    int64_t integer = is_max ? INT64_MIN : is_min ? INT64_MAX : 0;
    int64_t index[TW_MAX_RANK] = {0}, count = op_product(inner, 0, inner->rank);
    for (int64_t i = 0; i < count; i++, op_next_index(inner, index)) {
        int64_t from = base + op_offset(inner->rank, index, line);
        if (is_real)
            real = add_real(op, real, op_load_real(x, x->data, from));
        else
            integer = add_integer(op, integer, op_load_int(x, x->data, from));
    }
    if (op == TW_OP_REDUCE_L2)
        real = sqrt(real);
    if (op == TW_OP_REDUCE_MEAN && count)
        real /= (double)count, integer /= count;
    if (is_real)
        op_store_real(y, at, real);
    else
        op_store_int(y, at, integer);
}

OP_FUNCTION(op_run_reduce)
{
    const struct tw_tensor *x = &inputs[0];
    if (!op_is_real(x->dtype) && (!op_is_integer(x->dtype) || node->op == TW_OP_REDUCE_L2))
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(x->dtype));
    bool is_reduced[TW_MAX_RANK];
    enum tw_status status = reduced_axes(node, inputs, is_reduced, error);
    if (status || op_count(&outputs[0]) == 0)
        return status;
    int64_t strides[TW_MAX_RANK], line[TW_MAX_RANK], across[TW_MAX_RANK], index[TW_MAX_RANK] = {0};
    struct tw_shape inner = {0}, outer = {0};
    op_strides(&x->shape, strides);
    for (int i = 0; i < x->shape.rank; i++) {
        struct tw_shape *part = is_reduced[i] ? &inner : &outer;
        (is_reduced[i] ? line : across)[part->rank] = strides[i];
        part->dims[part->rank++] = x->shape.dims[i];
    }
    int64_t at = 0;
    do {
        reduce_one(node->op, x, op_offset(outer.rank, index, across), &inner, line, &outputs[0], at++);
    } while (op_next_index(&outer, index));
    return TW_OK;
}

OP_FUNCTION(op_infer_arg_max)
{
    int axis;
    const struct tw_shape *x = &inputs[0].shape;
    enum tw_status status = op_axis(tw_node_int(node, "axis", 0), x->rank, &axis, error);
    if (status)
        return status;
    bool keeps = tw_node_int(node, "keepdims", 1) != 0;
    struct tw_shape out = {0};
    for (int i = 0; i < x->rank; i++) {
        if (i != axis || keeps)
            out.dims[out.rank++] = i == axis ? 1 : x->dims[i];
    }
    outputs[0].dtype = TW_I64;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_arg_max)
{
    int axis;
    const struct tw_shape *shape = &inputs[0].shape;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = op_axis(tw_node_int(node, "axis", 0), shape->rank, &axis, error);
    if (status)
        return status;
    int64_t count = shape->dims[axis], stride = op_product(shape, axis + 1, shape->rank);
    bool takes_last = tw_node_int(node, "select_last_index", 0) != 0;
    const float *x = inputs[0].data;
    for (int64_t line = 0; line < op_count(&outputs[0]); line++) {
        const float *from = x + line / stride * count * stride + line % stride;
        int64_t best = 0;
        for (int64_t i = 1; i < count; i++) {
            float value = from[i * stride], greatest = from[best * stride];
            if (value > greatest || (takes_last && value == greatest))
                best = i;
        }
        ((int64_t *)outputs[0].out)[line] = best;
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_top_k)
{
    int axis;
    struct op_ints k;
    enum tw_status status = op_axis(tw_node_int(node, "axis", -1), inputs[0].shape.rank, &axis, error);
    if (!status)
        status = op_input_ints(node, inputs, 1, "k", &k, error);
    if (status)
        return status;
    int64_t size = inputs[0].shape.dims[axis];
    if (k.count != 1 || k.values[0] < 0 || (size >= 0 && k.values[0] > size))
        return tw_fail(error, TW_CORRUPT, "k is not one number from 0 to %" PRId64, size);
    for (int i = 0; i < node->output_count; i++) {
        outputs[i].dtype = i ? TW_I64 : inputs[0].dtype;
        outputs[i].shape = inputs[0].shape;
        outputs[i].shape.dims[axis] = k.values[0];
    }
    return TW_OK;
}

/* The next one after (value, index) in the order: better value first, then lower index. */
static int64_t next_best(const float *x, int64_t count, int64_t stride, bool is_largest, int64_t after)
{
    int64_t best = -1;
    for (int64_t i = 0; i < count; i++) {
        float value = is_largest ? x[i * stride] : -x[i * stride];
        if (after >= 0) {
            float last = is_largest ? x[after * stride] : -x[after * stride];
            if (value > last || (value == last && i <= after))
                continue;
        }
        float greatest = best < 0 ? 0 : is_largest ? x[best * stride] : -x[best * stride];
        if (best < 0 || value > greatest)
            best = i;
    }
    return best < 0 ? 0 : best;
}

OP_FUNCTION(op_run_top_k)
{
    int axis;
    const struct tw_shape *shape = &inputs[0].shape;
    if (inputs[0].dtype != TW_F32)
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(inputs[0].dtype));
    enum tw_status status = op_axis(tw_node_int(node, "axis", -1), shape->rank, &axis, error);
    if (status)
        return status;
    int64_t count = shape->dims[axis], stride = op_product(shape, axis + 1, shape->rank);
    int64_t k = outputs[0].shape.dims[axis], lines = op_product(shape, 0, axis) * stride;
    bool is_largest = tw_node_int(node, "largest", 1) != 0;
    float *values = node->outputs[0] >= 0 ? outputs[0].out : NULL;
    int64_t *indices = node->output_count > 1 && node->outputs[1] >= 0 ? outputs[1].out : NULL;
    for (int64_t line = 0; line < lines; line++) {
        const float *from = (const float *)inputs[0].data + line / stride * count * stride + line % stride;
        int64_t to = line / stride * k * stride + line % stride, last = -1;
        for (int64_t i = 0; i < k; i++, to += stride) {
            last = next_best(from, count, stride, is_largest, last);
            if (values)
                values[to] = from[last * stride];
            if (indices)
                indices[to] = last;
        }
    }
    return TW_OK;
}
