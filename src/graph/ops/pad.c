#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <string.h>

enum mode { CONSTANT, REFLECT, EDGE };

struct pads {
    enum mode mode;
    int64_t begin[TW_MAX_RANK], end[TW_MAX_RANK];
};

static enum tw_status read_mode(const struct tw_node *node, enum mode *mode, struct tw_error *error)
{
    static const char *const names[] = {"constant", "reflect", "edge"};
    for (int i = 0; i < 3; i++) {
        if (op_text_is(node, "mode", names[i], "constant")) {
            *mode = (enum mode)i;
            return TW_OK;
        }
    }
    return op_refuse_text(node, "mode", "constant, reflect, edge", error);
}

static enum tw_status read_pads(const struct tw_node *node, const struct tw_tensor *inputs, struct pads *pads,
                                struct tw_error *error)
{
    struct op_ints amounts, axes;
    int rank = inputs[0].shape.rank;
    *pads = (struct pads){0};
    enum tw_status status = read_mode(node, &pads->mode, error);
    if (!status)
        status = op_input_ints(node, inputs, 1, "pads", &amounts, error);
    if (!status)
        status = op_axes(node, inputs, 3, rank, &axes, error);
    if (status)
        return status;
    int count = axes.is_given ? axes.count : rank;
    if (amounts.count != 2 * count)
        return tw_fail(error, TW_CORRUPT, "it has %d pads for %d dimensions", amounts.count, count);
    for (int i = 0; i < amounts.count; i++) {
        int64_t amount = amounts.values[i];
        int axis = axes.is_given ? (int)axes.values[i % count] : i % count;
        int64_t dim = inputs[0].shape.dims[axis];
        if (amount < -OP_MAX_EXTENT || amount > OP_MAX_EXTENT ||
            (pads->mode == REFLECT && dim >= 0 && amount > 0 && amount >= dim) ||
            (pads->mode == EDGE && dim == 0 && amount > 0))
            return tw_fail(error, TW_CORRUPT, "a pad of %" PRId64 " in dimension %d", amount, axis);
        (i < count ? pads->begin : pads->end)[axis] = amount;
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_pad)
{
    struct pads pads;
    enum tw_status status = read_pads(node, inputs, &pads, error);
    const struct tw_tensor *value = op_optional(node, inputs, 2);
    int64_t count;
    if (!status && value && (!tw_shape_count(&value->shape, &count) || count != 1 || value->dtype != inputs[0].dtype))
        status = tw_fail(error, TW_CORRUPT, "its padding value is not one number of its input's type");
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = inputs[0].shape;
    for (int i = 0; i < inputs[0].shape.rank; i++) {
        int64_t dim = inputs[0].shape.dims[i], size = dim + pads.begin[i] + pads.end[i];
        if (dim >= 0 && size < 0)
            return tw_fail(error, TW_CORRUPT, "its pads leave %" PRId64 " elements of dimension %d", size, i);
        outputs[0].shape.dims[i] = dim < 0 ? TW_UNKNOWN : size;
    }
    return TW_OK;
}

/* Where an index of the result comes from; -1: from outside. */
static int64_t source(enum mode mode, int64_t at, int64_t dim)
{
    if (at >= 0 && at < dim)
        return at;
    if (mode == CONSTANT || dim == 0)
        return -1;
    if (mode == EDGE)
        return at < 0 ? 0 : dim - 1;
    return at < 0 ? -at : 2 * (dim - 1) - at;
}

OP_FUNCTION(op_run_pad)
{
    struct pads pads;
    enum tw_status status = read_pads(node, inputs, &pads, error);
    if (status || op_count(&outputs[0]) == 0)
        return status;
    const struct tw_shape *shape = &outputs[0].shape, *x = &inputs[0].shape;
    const struct tw_tensor *value = op_optional(node, inputs, 2);
    size_t size = tw_dtype_size(outputs[0].dtype);
    int64_t index[TW_MAX_RANK] = {0};
    uint8_t *to = outputs[0].out;
    do {
        int64_t from = 0;
        bool is_inside = true;
        for (int i = 0; i < shape->rank; i++) {
            int64_t at = source(pads.mode, index[i] - pads.begin[i], x->dims[i]);
            is_inside = is_inside && at >= 0;
            from = from * x->dims[i] + at;
        }
        if (is_inside)
            memcpy(to, (const uint8_t *)inputs[0].data + (size_t)from * size, size);
        else if (value)
            memcpy(to, value->data, size);
        else
            memset(to, 0, size);
        to += size;
    } while (op_next_index(shape, index));
    return TW_OK;
}
