#include "graph/passes/edit.h"
#include "graph/passes/list.h"

static bool reduces_space(struct tw_edit *edit, const struct tw_node *node)
{
    struct op_ints axes = {0};
    int rank = tw_edit_value(edit, node->inputs[0])->shape.rank;
    if (rank < 3 || op_attribute_ints(node, "axes", &axes, NULL) ||
        (!axes.is_given && !tw_edit_input_ints(edit, node, 1, &axes)))
        return false;
    unsigned seen = 0;
    for (int i = 0; i < axes.count; i++)
        seen |= 1u << (axes.values[i] < 0 ? axes.values[i] + rank : axes.values[i]);
    return seen == (1u << rank) - 4;
}

/* Without kept dimensions, the pool gives them and a Flatten takes them off. */
static enum tw_status replace_reduction(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = tw_edit_node(edit, index);
    if (!reduces_space(edit, node) || tw_edit_value(edit, node->inputs[0])->dtype != TW_F32)
        return TW_OK;
    enum tw_op op = node->op == TW_OP_REDUCE_MEAN ? TW_OP_GLOBAL_AVERAGE_POOL : TW_OP_GLOBAL_MAX_POOL;
    bool keeps = tw_node_int(node, "keepdims", 1) != 0;
    int made = node->outputs[0], x = node->inputs[0];
    if (!keeps) {
        struct tw_shape shape = tw_edit_value(edit, x)->shape;
        for (int i = 2; i < shape.rank; i++)
            shape.dims[i] = 1;
        int pooled = tw_edit_add_value(edit, "pooled", TW_F32, &shape);
        if (pooled < 0)
            return tw_edit_no_memory(edit);
        edit->graph->nodes[index].outputs[0] = pooled;
        edit->values[pooled].maker = (int)index;
        if (tw_edit_add_node(edit, TW_OP_FLATTEN, &pooled, 1, made) == SIZE_MAX)
            return tw_edit_no_memory(edit);
    }
    edit->graph->nodes[index].op = op;
    edit->graph->nodes[index].attribute_count = 0;
    return tw_edit_set_inputs(edit, index, &x, 1);
}

/* A pool whose one window is the whole of the space. */
static void replace_pool(struct tw_edit *edit, struct tw_node *node)
{
    struct op_window window;
    if (op_window_of(node, &tw_edit_value(edit, node->inputs[0])->shape, NULL, &window, NULL))
        return;
    for (int i = 0; i < OP_SPATIAL; i++) {
        if (window.begin[i] || window.end[i] || window.dilation[i] != 1 || window.kernel[i] != window.in[i])
            return;
    }
    node->op = node->op == TW_OP_AVERAGE_POOL ? TW_OP_GLOBAL_AVERAGE_POOL : TW_OP_GLOBAL_MAX_POOL;
    node->attribute_count = 0;
    edit->has_changed = true;
}

TW_PASS(pool)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = 0; n < edit.first_count && !status; n++) {
        struct tw_node *node = tw_edit_node(&edit, n);
        if (node->op == TW_OP_REDUCE_MEAN || node->op == TW_OP_REDUCE_MAX)
            status = replace_reduction(&edit, n);
        else if (node->op == TW_OP_AVERAGE_POOL || node->op == TW_OP_MAX_POOL)
            replace_pool(&edit, node);
    }
    return tw_edit_end(&edit, status, has_changed);
}
