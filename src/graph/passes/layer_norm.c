#include "graph/passes/edit.h"
#include "graph/passes/list.h"

/* Whether the mean goes over the last dimensions; `axis` is the first of them. */
static bool is_trailing_mean(struct tw_edit *edit, const struct tw_node *mean, int *axis)
{
    struct op_ints axes = {0};
    int rank = tw_edit_value(edit, mean->inputs[0])->shape.rank;
    if (tw_node_int(mean, "keepdims", 1) == 0)
        return false;
    if (op_attribute_ints(mean, "axes", &axes, NULL) || (!axes.is_given && !tw_edit_input_ints(edit, mean, 1, &axes)) ||
        axes.count == 0)
        return false;
    unsigned seen = 0;
    for (int i = 0; i < axes.count; i++)
        seen |= 1u << (axes.values[i] < 0 ? axes.values[i] + rank : axes.values[i]);
    *axis = rank - axes.count;
    return seen == (1u << rank) - (1u << *axis);
}

/* Sub(x, ReduceMean(x)): the value x; else -1. */
static int match_centred(struct tw_edit *edit, int id, int *axis)
{
    const struct tw_node *sub = tw_edit_made_by(edit, id, TW_OP_SUB);
    const struct tw_node *mean = sub ? tw_edit_made_by(edit, sub->inputs[1], TW_OP_REDUCE_MEAN) : NULL;
    if (!mean || mean->inputs[0] != sub->inputs[0] || !is_trailing_mean(edit, mean, axis))
        return -1;
    return sub->inputs[0];
}

/* Mean of the squares of what match_centred finds for the same x. */
static bool match_variance(struct tw_edit *edit, int id, int x, int axis)
{
    int other_axis = -1, own_axis = -1;
    const struct tw_node *mean = tw_edit_made_by(edit, id, TW_OP_REDUCE_MEAN);
    if (!mean || !is_trailing_mean(edit, mean, &own_axis) || own_axis != axis)
        return false;
    const struct tw_node *square = tw_edit_made_by(edit, mean->inputs[0], TW_OP_POW);
    if (square && !tw_edit_is_scalar(edit, square->inputs[1], 2))
        return false;
    if (!square) {
        square = tw_edit_made_by(edit, mean->inputs[0], TW_OP_MUL);
        if (!square || square->inputs[0] != square->inputs[1])
            return false;
    }
    return match_centred(edit, square->inputs[0], &other_axis) == x && other_axis == axis;
}

struct match {
    int x, axis;
    float epsilon;
};

/* Div(centred, Sqrt(Add(variance, epsilon))). */
static bool match_normalised(struct tw_edit *edit, int id, struct match *match)
{
    const struct tw_node *div = tw_edit_made_by(edit, id, TW_OP_DIV);
    const struct tw_node *root = div ? tw_edit_made_by(edit, div->inputs[1], TW_OP_SQRT) : NULL;
    const struct tw_node *add = root ? tw_edit_made_by(edit, root->inputs[0], TW_OP_ADD) : NULL;
    if (!add)
        return false;
    int constant = tw_edit_scalar(edit, add->inputs[1], &match->epsilon) ? 1 : 0;
    if (constant == 0 && !tw_edit_scalar(edit, add->inputs[0], &match->epsilon))
        return false;
    match->x = match_centred(edit, div->inputs[0], &match->axis);
    return match->x >= 0 && match_variance(edit, add->inputs[1 - constant], match->x, match->axis);
}

/* A scale or bias is a constant of the normalised dimensions, leading ones or not. */
static bool is_parameter(const struct tw_edit *edit, int id, const struct tw_shape *x, int axis)
{
    if (!tw_edit_is_constant(edit, id))
        return false;
    const struct tw_shape *shape = &tw_edit_value(edit, id)->shape;
    if (shape->rank != x->rank - axis || tw_edit_value(edit, id)->dtype != TW_F32)
        return false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] != x->dims[axis + i])
            return false;
    }
    return true;
}

static enum tw_status match_scaled(struct tw_edit *edit, size_t index)
{
    const struct tw_node *mul = tw_edit_node(edit, index);
    struct match match;
    int scale = -1;
    for (int i = 0; i < 2 && scale < 0; i++) {
        if (match_normalised(edit, mul->inputs[i], &match) &&
            is_parameter(edit, mul->inputs[1 - i], &tw_edit_value(edit, match.x)->shape, match.axis))
            scale = mul->inputs[1 - i];
    }
    if (scale < 0 || tw_edit_value(edit, match.x)->dtype != TW_F32)
        return TW_OK;
    struct tw_node *node = &edit->graph->nodes[index];
    node->op = TW_OP_LAYER_NORM;
    int rank = tw_edit_value(edit, match.x)->shape.rank;
    enum tw_status status = tw_edit_set_inputs(edit, index, (int[]){match.x, scale}, 2);
    if (!status)
        status = tw_node_set_int(edit->graph, node, "axis", match.axis - rank, edit->error);
    if (!status)
        status = tw_node_set_float(edit->graph, node, "epsilon", match.epsilon, edit->error);
    return status;
}

static enum tw_status match_bias(struct tw_edit *edit, size_t index)
{
    const struct tw_node *add = tw_edit_node(edit, index);
    for (int i = 0; i < 2; i++) {
        struct tw_node *norm = tw_edit_made_by(edit, add->inputs[i], TW_OP_LAYER_NORM);
        if (!norm || norm->input_count != 2 || tw_edit_uses(edit, add->inputs[i]) != 1)
            continue;
        const struct tw_shape *x = &tw_edit_value(edit, norm->inputs[0])->shape;
        int64_t axis = tw_node_int(norm, "axis", -1);
        if (!is_parameter(edit, add->inputs[1 - i], x, (int)(axis < 0 ? axis + x->rank : axis)))
            continue;
        size_t maker = (size_t)tw_edit_maker(edit, add->inputs[i]);
        int inputs[] = {norm->inputs[0], norm->inputs[1], add->inputs[1 - i]};
        enum tw_status status = tw_edit_set_inputs(edit, maker, inputs, 3);
        if (!status)
            tw_edit_take_over(edit, maker, index);
        return status;
    }
    return TW_OK;
}

static enum tw_status match(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = tw_edit_node(edit, index);
    if (!tw_edit_is_plain(node))
        return TW_OK;
    if (node->op == TW_OP_MUL)
        return match_scaled(edit, index);
    return node->op == TW_OP_ADD ? match_bias(edit, index) : TW_OK;
}

TW_PASS(layer_norm)
{
    return tw_edit_sweep(graph, match, has_changed, error);
}
