#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <string.h>

static enum tw_status read_order(const struct tw_node *node, int rank, int order[TW_MAX_RANK], struct tw_error *error)
{
    struct op_ints perm;
    enum tw_status status = op_attribute_ints(node, "perm", &perm, error);
    if (status)
        return status;
    bool seen[TW_MAX_RANK] = {false};
    if (perm.is_given && perm.count != rank)
        return tw_fail(error, TW_CORRUPT, "attribute 'perm' has %d numbers for %d dimensions", perm.count, rank);
    for (int i = 0; i < rank; i++) {
        int64_t axis = perm.is_given ? perm.values[i] : rank - 1 - i;
        if (axis < 0 || axis >= rank || seen[axis])
            return tw_fail(error, TW_CORRUPT, "attribute 'perm' is no order of %d dimensions", rank);
        seen[axis] = true;
        order[i] = (int)axis;
    }
    return TW_OK;
}

/* Fills `y` with the elements of `x` whose strides for each of the result's dimensions are given. */
static void gather_strided(const struct tw_tensor *x, const struct tw_shape *shape, const int64_t *strides,
                           struct tw_tensor *y)
{
    size_t size = tw_dtype_size(y->dtype);
    int64_t index[TW_MAX_RANK] = {0};
    uint8_t *to = y->out;
    if (op_count(y) == 0)
        return;
    do {
        memcpy(to, (const uint8_t *)x->data + (size_t)op_offset(shape->rank, index, strides) * size, size);
        to += size;
    } while (op_next_index(shape, index));
}

OP_FUNCTION(op_infer_transpose)
{
    const struct tw_shape *x = &inputs[0].shape;
    int order[TW_MAX_RANK];
    enum tw_status status = read_order(node, x->rank, order, error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape.rank = x->rank;
    for (int i = 0; i < x->rank; i++)
        outputs[0].shape.dims[i] = x->dims[order[i]];
    return TW_OK;
}

OP_FUNCTION(op_run_transpose)
{
    const struct tw_shape *x = &inputs[0].shape;
    int order[TW_MAX_RANK];
    enum tw_status status = read_order(node, x->rank, order, error);
    if (status)
        return status;
    int64_t own[TW_MAX_RANK], strides[TW_MAX_RANK];
    op_strides(x, own);
    for (int i = 0; i < x->rank; i++)
        strides[i] = own[order[i]];
    gather_strided(&inputs[0], &outputs[0].shape, strides, &outputs[0]);
    return TW_OK;
}

OP_FUNCTION(op_infer_depth_to_space)
{
    const struct tw_shape *x = &inputs[0].shape;
    int64_t block = tw_node_int(node, "blocksize", 0);
    if (x->rank != 4 || block < 1 || block > 4096 || (x->dims[1] >= 0 && x->dims[1] % (block * block)))
        return tw_fail(error, TW_CORRUPT, "a block of %" PRId64 " does not fit its input", block);
    if (!op_text_is(node, "mode", "DCR", "DCR") && !op_text_is(node, "mode", "CRD", "DCR"))
        return op_refuse_text(node, "mode", "DCR, CRD", error);
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = *x;
    for (int i = 1; i < 4; i++) {
        int64_t dim = x->dims[i];
        outputs[0].shape.dims[i] = dim < 0 ? TW_UNKNOWN : i == 1 ? dim / (block * block) : dim * block;
    }
    return TW_OK;
}

OP_FUNCTION(op_run_depth_to_space)
{
    (void)error;
    const int64_t *dims = outputs[0].shape.dims;
    int64_t block = tw_node_int(node, "blocksize", 1), height = dims[2] / block, width = dims[3] / block;
    int64_t plane = height * width, depth = dims[1];
    bool is_dcr = op_text_is(node, "mode", "DCR", "DCR");
    /* The result as [n, c, height, block, width, block] of the input's planes. */
    struct tw_shape shape = {.rank = 6, .dims = {dims[0], depth, height, block, width, block}};
    int64_t down = is_dcr ? block * depth * plane : block * plane, right = is_dcr ? depth * plane : plane;
    int64_t across = is_dcr ? plane : block * block * plane;
    int64_t strides[TW_MAX_RANK] = {depth * block * block * plane, across, width, down, 1, right};
    gather_strided(&inputs[0], &shape, strides, &outputs[0]);
    return TW_OK;
}

OP_FUNCTION(op_infer_expand)
{
    struct op_ints sizes;
    enum tw_status status = op_input_ints(node, inputs, 1, "sizes", &sizes, error);
    if (status)
        return status;
    struct tw_shape wanted = {.rank = sizes.count};
    bool is_sound = sizes.count <= TW_MAX_RANK;
    for (int i = 0; i < sizes.count && is_sound; i++) {
        is_sound = sizes.values[i] >= 0;
        wanted.dims[i] = sizes.values[i];
    }
    if (!is_sound)
        return tw_fail(error, TW_CORRUPT, "its sizes are no shape of at most %d dimensions", TW_MAX_RANK);
    outputs[0].dtype = inputs[0].dtype;
    return op_broadcast(&inputs[0].shape, &wanted, &outputs[0].shape, error);
}

OP_FUNCTION(op_run_expand)
{
    (void)node;
    (void)error;
    int64_t strides[TW_MAX_RANK];
    op_broadcast_strides(&inputs[0].shape, &outputs[0].shape, strides);
    gather_strided(&inputs[0], &outputs[0].shape, strides, &outputs[0]);
    return TW_OK;
}

OP_FUNCTION(op_infer_tile)
{
    const struct tw_shape *x = &inputs[0].shape;
    struct op_ints repeats;
    enum tw_status status = op_input_ints(node, inputs, 1, "repeats", &repeats, error);
    if (status)
        return status;
    if (repeats.count != x->rank)
        return tw_fail(error, TW_CORRUPT, "it has %d repeats for %d dimensions", repeats.count, x->rank);
    struct tw_shape out = {.rank = x->rank};
    for (int i = 0; i < x->rank; i++) {
        int64_t repeat = repeats.values[i];
        if (repeat < 0 || repeat > OP_MAX_EXTENT ||
            (x->dims[i] > 0 && __builtin_mul_overflow(x->dims[i], repeat, &out.dims[i])))
            return tw_fail(error, TW_CORRUPT, "%" PRId64 " repeats in dimension %d", repeat, i);
        if (x->dims[i] <= 0)
            out.dims[i] = x->dims[i];
    }
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_tile)
{
    (void)node;
    (void)error;
    const struct tw_shape *x = &inputs[0].shape, *shape = &outputs[0].shape;
    size_t size = tw_dtype_size(outputs[0].dtype);
    int64_t strides[TW_MAX_RANK], index[TW_MAX_RANK] = {0};
    uint8_t *to = outputs[0].out;
    if (op_count(&outputs[0]) == 0)
        return TW_OK;
    op_strides(x, strides);
    do {
        int64_t from = 0;
        for (int i = 0; i < shape->rank; i++)
            from += index[i] % x->dims[i] * strides[i];
        memcpy(to, (const uint8_t *)inputs[0].data + (size_t)from * size, size);
        to += size;
    } while (op_next_index(shape, index));
    return TW_OK;
}
