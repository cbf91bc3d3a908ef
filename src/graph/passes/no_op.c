#include "graph/passes/edit.h"
#include "graph/passes/list.h"

#include <string.h>

static bool keeps_shape(const struct tw_edit *edit, const struct tw_node *node)
{
    const struct tw_value *x = tw_edit_value(edit, node->inputs[0]), *y = tw_edit_value(edit, node->outputs[0]);
    return x->dtype == y->dtype && tw_edit_is_known(&x->shape) && tw_shape_equal(&x->shape, &y->shape);
}

static bool are_all_zero(const struct tw_edit *edit, const struct tw_node *node, int index)
{
    struct op_ints ints;
    if (!tw_edit_input_ints(edit, node, index, &ints))
        return false;
    for (int i = 0; i < ints.count; i++) {
        if (ints.values[i] != 0)
            return false;
    }
    return true;
}

static bool steps_forward(const struct tw_edit *edit, const struct tw_node *node)
{
    struct op_ints steps;
    if (node->input_count < 5 || node->inputs[4] < 0)
        return true;
    bool is_forward = tw_edit_input_ints(edit, node, 4, &steps);
    for (int i = 0; i < steps.count; i++)
        is_forward = is_forward && steps.values[i] > 0;
    return is_forward;
}

static bool is_all(const struct tw_edit *edit, int id, double expected)
{
    if (!tw_edit_is_constant(edit, id))
        return false;
    const struct tw_value *value = tw_edit_value(edit, id);
    int64_t count;
    if (value->dtype != TW_F32 || !tw_shape_count(&value->shape, &count))
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (tw_edit_float_at(value, i) != expected)
            return false;
    }
    return true;
}

/* The input that the node gives on as it is; -1: none. */
static int passed_on(const struct tw_edit *edit, const struct tw_node *node)
{
    switch (node->op) {
    case TW_OP_IDENTITY:
        return node->inputs[0];
    case TW_OP_DROPOUT:
        if (node->outputs[0] < 0 ||
            (node->output_count > 1 && node->outputs[1] >= 0 && tw_edit_uses(edit, node->outputs[1])))
            return -1;
        return node->inputs[0];
    case TW_OP_SUM:
    case TW_OP_MEAN:
    case TW_OP_MIN:
    case TW_OP_MAX:
    case TW_OP_CONCAT:
        return node->input_count == 1 ? node->inputs[0] : -1;
    case TW_OP_SPLIT:
        return node->output_count == 1 ? node->inputs[0] : -1;
    case TW_OP_CAST:
        return tw_edit_value(edit, node->inputs[0])->dtype == tw_edit_value(edit, node->outputs[0])->dtype
                   ? node->inputs[0]
                   : -1;
    case TW_OP_RESHAPE:
    case TW_OP_FLATTEN:
    case TW_OP_SQUEEZE:
    case TW_OP_UNSQUEEZE:
    case TW_OP_EXPAND:
    case TW_OP_TILE:
        return keeps_shape(edit, node) ? node->inputs[0] : -1;
    case TW_OP_SLICE:
        return keeps_shape(edit, node) && steps_forward(edit, node) ? node->inputs[0] : -1;
    case TW_OP_PAD:
        return are_all_zero(edit, node, 1) ? node->inputs[0] : -1;
    case TW_OP_ADD:
    case TW_OP_SUB:
    case TW_OP_MUL:
    case TW_OP_DIV: {
        double neutral = node->op == TW_OP_MUL || node->op == TW_OP_DIV ? 1 : 0;
        return keeps_shape(edit, node) && is_all(edit, node->inputs[1], neutral) ? node->inputs[0] : -1;
    }
    default:
        return -1;
    }
}

static bool is_view(enum tw_op op)
{
    return op == TW_OP_RESHAPE || op == TW_OP_FLATTEN || op == TW_OP_SQUEEZE || op == TW_OP_UNSQUEEZE;
}

/* A view of a view is one Reshape to what comes out at the end. */
static enum tw_status merge_views(struct tw_edit *edit, size_t index)
{
    struct tw_node *node = tw_edit_node(edit, index);
    int maker = tw_edit_maker(edit, node->inputs[0]);
    const struct tw_shape shape = tw_edit_value(edit, node->outputs[0])->shape;
    if (!is_view(node->op) || maker < 0 || !tw_edit_is_known(&shape))
        return TW_OK;
    const struct tw_node *inner = tw_edit_node(edit, (size_t)maker);
    bool has_zero = false;
    for (int i = 0; i < shape.rank; i++)
        has_zero = has_zero || shape.dims[i] == 0;
    if (!is_view(inner->op) || has_zero)
        return TW_OK;
    int sizes = tw_edit_add_ints(edit, "sizes", shape.dims, shape.rank);
    if (sizes < 0)
        return tw_edit_no_memory(edit);
    node->op = TW_OP_RESHAPE;
    node->attribute_count = 0;
    return tw_edit_set_inputs(edit, index, (int[]){inner->inputs[0], sizes}, 2);
}

TW_PASS(no_op)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = 0; n < edit.first_count && !status; n++) {
        struct tw_node *node = tw_edit_node(&edit, n);
        if (!node || !tw_edit_is_plain(node))
            continue;
        int given = passed_on(&edit, node);
        if (given >= 0 && tw_edit_bypass(&edit, n, given))
            continue;
        if (node->op == TW_OP_SUM && node->input_count == 2) {
            node->op = TW_OP_ADD;
            edit.has_changed = true;
        }
        status = merge_views(&edit, n);
    }
    return tw_edit_end(&edit, status, has_changed);
}
