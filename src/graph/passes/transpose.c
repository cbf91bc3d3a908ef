#include "graph/passes/edit.h"
#include "graph/passes/list.h"

#include <string.h>

/* Result dimension i is dimension order[i] of the input. */
struct order {
    int rank, axes[TW_MAX_RANK];
};

static bool read_order(const struct tw_edit *edit, const struct tw_node *node, struct order *order)
{
    struct op_ints perm;
    order->rank = tw_edit_value(edit, node->inputs[0])->shape.rank;
    if (op_attribute_ints(node, "perm", &perm, NULL) || order->rank < 0)
        return false;
    for (int i = 0; i < order->rank; i++)
        order->axes[i] = perm.is_given ? (int)perm.values[i] : order->rank - 1 - i;
    return true;
}

static struct order inverse_of(const struct order *order)
{
    struct order inverse = {.rank = order->rank};
    for (int i = 0; i < order->rank; i++)
        inverse.axes[order->axes[i]] = i;
    return inverse;
}

static bool is_identity(const struct order *order)
{
    for (int i = 0; i < order->rank; i++) {
        if (order->axes[i] != i)
            return false;
    }
    return true;
}

static bool is_same(const struct order *a, const struct order *b)
{
    return a->rank == b->rank && memcmp(a->axes, b->axes, (size_t)a->rank * sizeof *a->axes) == 0;
}

/* Dimensions of 1 may move without an element's moving. */
static bool moves_nothing(const struct tw_shape *shape, const struct order *order)
{
    int last = -1;
    for (int i = 0; i < order->rank; i++) {
        if (shape->dims[order->axes[i]] == 1)
            continue;
        if (order->axes[i] < last)
            return false;
        last = order->axes[i];
    }
    return true;
}

static enum tw_status set_order(struct tw_edit *edit, struct tw_node *node, const struct order *order)
{
    int64_t perm[TW_MAX_RANK];
    for (int i = 0; i < order->rank; i++)
        perm[i] = order->axes[i];
    edit->has_changed = true;
    return tw_node_set_ints(edit->graph, node, "perm", perm, (size_t)order->rank, edit->error);
}

/* A new node behind all others; *id is what it makes. */
static enum tw_status add_reshape(struct tw_edit *edit, int x, const struct tw_shape *shape, int *id)
{
    enum tw_dtype dtype = tw_edit_value(edit, x)->dtype;
    int sizes = tw_edit_add_ints(edit, "sizes", shape->dims, shape->rank);
    int made = sizes < 0 ? -1 : tw_edit_add_value(edit, "reshaped", dtype, shape);
    if (made < 0 || tw_edit_add_node(edit, TW_OP_RESHAPE, (int[]){x, sizes}, 2, made) == SIZE_MAX)
        return tw_edit_no_memory(edit);
    *id = made;
    return TW_OK;
}

static enum tw_status add_transpose(struct tw_edit *edit, int x, const struct order *order, int made)
{
    size_t index = tw_edit_add_node(edit, TW_OP_TRANSPOSE, &x, 1, made);
    return index == SIZE_MAX ? tw_edit_no_memory(edit) : set_order(edit, &edit->graph->nodes[index], order);
}

/* Transpose of Transpose is one; one that is none goes. */
static enum tw_status simplify(struct tw_edit *edit, size_t index)
{
    struct tw_node *node = tw_edit_node(edit, index);
    struct order order, inner_order;
    if (!read_order(edit, node, &order))
        return TW_OK;
    const struct tw_node *inner = tw_edit_made_by(edit, node->inputs[0], TW_OP_TRANSPOSE);
    if (inner && read_order(edit, inner, &inner_order)) {
        for (int i = 0; i < order.rank; i++)
            order.axes[i] = inner_order.axes[order.axes[i]];
        tw_edit_set_input(edit, index, 0, inner->inputs[0]);
        enum tw_status status = set_order(edit, node, &order);
        if (status)
            return status;
    }
    if (is_identity(&order))
        tw_edit_bypass(edit, index, node->inputs[0]);
    return TW_OK;
}

/* A Transpose that can sink no further and moves nothing is a Reshape, which other passes see through. */
static enum tw_status make_reshape(struct tw_edit *edit, size_t index)
{
    struct tw_node *node = tw_edit_node(edit, index);
    struct order order;
    if (!read_order(edit, node, &order))
        return TW_OK;
    const struct tw_shape shape = tw_edit_value(edit, node->outputs[0])->shape;
    if (!tw_edit_is_known(&shape) || !moves_nothing(&tw_edit_value(edit, node->inputs[0])->shape, &order))
        return TW_OK;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dims[i] == 0)
            return TW_OK;
    }
    int x = node->inputs[0], sizes = tw_edit_add_ints(edit, "sizes", shape.dims, shape.rank);
    if (sizes < 0)
        return tw_edit_no_memory(edit);
    node->op = TW_OP_RESHAPE;
    node->attribute_count = 0;
    return tw_edit_set_inputs(edit, index, (int[]){x, sizes}, 2);
}

enum kind { NO_KIND, ELEMENTWISE, JOINING, ALONG_AXIS, REDUCING, PADDING };

static enum kind kind_of(enum tw_op op)
{
    switch (op) {
    case TW_OP_CONCAT:
        return JOINING;
    case TW_OP_SOFTMAX:
    case TW_OP_LOG_SOFTMAX:
        return ALONG_AXIS;
    case TW_OP_REDUCE_MEAN:
    case TW_OP_REDUCE_SUM:
    case TW_OP_REDUCE_MAX:
    case TW_OP_REDUCE_MIN:
    case TW_OP_REDUCE_L2:
        return REDUCING;
    case TW_OP_PAD:
        return PADDING;
    case TW_OP_CAST:
        return ELEMENTWISE;
    default:
        return op >= TW_OP_RELU && op <= TW_OP_WHERE ? ELEMENTWISE : NO_KIND;
    }
}

/* Inputs from this on are parameters, not tensors in the result's layout. */
static int tensor_inputs(const struct tw_node *node)
{
    bool takes_all = node->op != TW_OP_CLIP && kind_of(node->op) != PADDING && kind_of(node->op) != REDUCING;
    return takes_all ? node->input_count : 1;
}

/* Whether the input can be had in the layout before the Transposes: it comes from one of the same order, or is a constant,
 * or would not move an element. */
static bool can_be_undone(struct tw_edit *edit, const struct tw_node *node, int id, const struct order *order)
{
    const struct tw_value *value = tw_edit_value(edit, id);
    const struct tw_node *maker = tw_edit_made_by(edit, id, TW_OP_TRANSPOSE);
    struct order other;
    if (maker && read_order(edit, maker, &other) && is_same(order, &other))
        return true;
    if (value->shape.rank > order->rank || !tw_edit_is_known(&value->shape) ||
        (kind_of(node->op) == JOINING && value->shape.rank != order->rank))
        return false;
    int64_t count = 0;
    if (!tw_shape_count(&value->shape, &count) || count == 0)
        return false;
    struct order inverse = inverse_of(order);
    return value->data || (value->shape.rank == order->rank && moves_nothing(&value->shape, &inverse));
}

static enum tw_status undo(struct tw_edit *edit, int id, const struct order *order, int *undone)
{
    const struct tw_node *maker = tw_edit_made_by(edit, id, TW_OP_TRANSPOSE);
    struct order other, inverse = inverse_of(order);
    if (maker && read_order(edit, maker, &other) && is_same(order, &other)) {
        *undone = maker->inputs[0];
        return TW_OK;
    }
    const struct tw_value value = *tw_edit_value(edit, id);
    int64_t count = 0;
    *undone = id;
    if (tw_shape_count(&value.shape, &count) && count == 1)
        return TW_OK;
    struct tw_shape wide = {.rank = order->rank}, before = wide;
    int lead = order->rank - value.shape.rank;
    for (int i = 0; i < order->rank; i++)
        wide.dims[i] = i < lead ? 1 : value.shape.dims[i - lead];
    for (int i = 0; i < order->rank; i++)
        before.dims[i] = wide.dims[inverse.axes[i]];
    if (moves_nothing(&wide, &inverse))
        return add_reshape(edit, id, &before, undone);
    enum tw_status status = lead ? add_reshape(edit, id, &wide, undone) : TW_OK;
    if (status)
        return status;
    int made = tw_edit_add_value(edit, "undone", value.dtype, &before);
    status = made < 0 ? tw_edit_no_memory(edit) : add_transpose(edit, *undone, &inverse, made);
    *undone = made;
    return status;
}

/* The order of what a reduction without kept dimensions leaves. */
static struct order remaining_order(const struct order *order, unsigned reduced)
{
    struct order left = {0}, result = {0};
    for (int i = 0; i < order->rank; i++) {
        if (!(reduced >> i & 1))
            left.axes[left.rank++] = order->axes[i];
    }
    result.rank = left.rank;
    for (int i = 0; i < left.rank; i++) {
        for (int j = 0; j < left.rank; j++)
            result.axes[i] += left.axes[j] < left.axes[i];
    }
    return result;
}

/* Axes by the layout before; `after` becomes the order of the result. */
static enum tw_status move_reduction(struct tw_edit *edit, size_t index, const struct order *order, struct order *after)
{
    struct tw_node *node = &edit->graph->nodes[index];
    struct op_ints axes;
    unsigned reduced = 0;
    bool is_attribute = tw_node_attribute(node, "axes") != NULL;
    enum tw_status status = op_attribute_ints(node, "axes", &axes, edit->error);
    if (status)
        return status;
    if (!is_attribute && !tw_edit_input_ints(edit, node, 1, &axes))
        return TW_OK;
    for (int i = 0; i < axes.count; i++) {
        int axis = (int)(axes.values[i] < 0 ? axes.values[i] + order->rank : axes.values[i]);
        reduced |= 1u << axis;
        axes.values[i] = order->axes[axis];
    }
    if (tw_node_int(node, "keepdims", 1) == 0)
        *after = remaining_order(order, reduced);
    if (is_attribute)
        return tw_node_set_ints(edit->graph, node, "axes", axes.values, (size_t)axes.count, edit->error);
    int id = tw_edit_add_ints(edit, "axes", axes.values, axes.count);
    if (id < 0)
        return tw_edit_no_memory(edit);
    tw_edit_set_input(edit, index, 1, id);
    return TW_OK;
}

static enum tw_status move_pads(struct tw_edit *edit, size_t index, const struct order *order)
{
    struct op_ints pads, moved;
    if (!tw_edit_input_ints(edit, &edit->graph->nodes[index], 1, &pads))
        return TW_OK;
    moved = pads;
    for (int i = 0; i < pads.count; i++)
        moved.values[i / order->rank * order->rank + order->axes[i % order->rank]] = pads.values[i];
    int id = tw_edit_add_ints(edit, "pads", moved.values, moved.count);
    if (id < 0)
        return tw_edit_no_memory(edit);
    tw_edit_set_input(edit, index, 1, id);
    return TW_OK;
}

/* What the op says of axes, in the layout before the Transposes. */
static enum tw_status move_axes(struct tw_edit *edit, size_t index, const struct order *order, struct order *after)
{
    struct tw_node *node = &edit->graph->nodes[index];
    enum kind kind = kind_of(node->op);
    *after = *order;
    if (kind == REDUCING)
        return move_reduction(edit, index, order, after);
    if (kind == PADDING)
        return move_pads(edit, index, order);
    if (kind == ELEMENTWISE)
        return TW_OK;
    int64_t axis = tw_node_int(node, "axis", -1);
    axis = axis < 0 ? axis + order->rank : axis;
    return tw_node_set_int(edit->graph, node, "axis", order->axes[axis], edit->error);
}

static bool has_movable_axes(struct tw_edit *edit, const struct tw_node *node)
{
    struct op_ints ints;
    if (kind_of(node->op) == REDUCING)
        return tw_node_attribute(node, "axes") || tw_edit_input_ints(edit, node, 1, &ints);
    if (kind_of(node->op) == PADDING)
        return node->input_count <= 3 && tw_edit_input_ints(edit, node, 1, &ints);
    return true;
}

/* The order of the first Transpose among the inputs, where all of them can do without it. */
static bool can_sink(struct tw_edit *edit, const struct tw_node *node, struct order *order)
{
    int count = tensor_inputs(node);
    bool has_order = false;
    if (kind_of(node->op) == NO_KIND || node->residual >= 0 || node->output_count != 1)
        return false;
    for (int i = 0; i < count && !has_order; i++) {
        const struct tw_node *maker = tw_edit_made_by(edit, node->inputs[i], TW_OP_TRANSPOSE);
        has_order = maker && read_order(edit, maker, order);
    }
    if (!has_order || !has_movable_axes(edit, node))
        return false;
    for (int i = 0; i < count; i++) {
        if (node->inputs[i] < 0 || !can_be_undone(edit, node, node->inputs[i], order))
            return false;
    }
    return true;
}

static enum tw_status sink(struct tw_edit *edit, size_t index, const struct order *order)
{
    struct order after;
    enum tw_status status = move_axes(edit, index, order, &after);
    int count = tensor_inputs(&edit->graph->nodes[index]);
    for (int i = 0; i < count && !status; i++) {
        int undone = -1;
        status = undo(edit, edit->graph->nodes[index].inputs[i], order, &undone);
        if (!status)
            tw_edit_set_input(edit, index, i, undone);
    }
    if (status)
        return status;
    int made = edit->graph->nodes[index].outputs[0];
    const struct tw_value value = *tw_edit_value(edit, made);
    struct tw_shape shape = value.shape;
    for (int i = 0; i < after.rank; i++)
        shape.dims[after.axes[i]] = value.shape.dims[i];
    int before = tw_edit_add_value(edit, "untransposed", value.dtype, &shape);
    if (before < 0)
        return tw_edit_no_memory(edit);
    edit->graph->nodes[index].outputs[0] = before;
    edit->values[before].maker = (int)index;
    return add_transpose(edit, before, &after, made);
}

TW_PASS(transpose)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = 0; n < edit.first_count && !status; n++) {
        const struct tw_node *node = tw_edit_node(&edit, n);
        struct order order;
        if (node && node->op == TW_OP_TRANSPOSE)
            status = simplify(&edit, n);
        else if (node && can_sink(&edit, node, &order))
            status = sink(&edit, n, &order);
    }
    bool has_settled = !edit.has_changed;
    for (size_t n = 0; n < edit.first_count && !status && has_settled; n++) {
        if (graph->nodes[n].op == TW_OP_TRANSPOSE)
            status = make_reshape(&edit, n);
    }
    return tw_edit_end(&edit, status, has_changed);
}
