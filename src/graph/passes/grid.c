#include "graph/passes/edit.h"
#include "graph/passes/list.h"

static bool has_one_grid(struct tw_edit *edit, const struct tw_node *node)
{
    int64_t count;
    return tw_shape_count(&tw_edit_value(edit, node->inputs[1])->shape, &count) && count == 1;
}

/* Transpose(Dequantise(Quantise(x))) is Dequantise(Quantise(Transpose(x))): so who reads the integers finds them. Of the
 * network's input only: elsewhere Transposes sink, and meet their inverse. */
static enum tw_status visit(struct tw_edit *edit, size_t index)
{
    struct tw_node *node = tw_edit_node(edit, index);
    if (node->op != TW_OP_TRANSPOSE)
        return TW_OK;
    int real = node->inputs[0];
    const struct tw_node *back = tw_edit_made_by(edit, real, TW_OP_DEQUANTIZE_LINEAR);
    const struct tw_node *to = back ? tw_edit_made_by(edit, back->inputs[0], TW_OP_QUANTIZE_LINEAR) : NULL;
    if (!to || tw_edit_maker(edit, to->inputs[0]) >= 0 || tw_edit_uses(edit, real) != 1 ||
        tw_edit_uses(edit, back->inputs[0]) != 1 || !has_one_grid(edit, back) || !has_one_grid(edit, to))
        return TW_OK;
    int last = node->outputs[0], x = to->inputs[0];
    size_t to_index = (size_t)tw_edit_maker(edit, back->inputs[0]), back_index = (size_t)tw_edit_maker(edit, real);
    const struct tw_shape shape = tw_edit_value(edit, last)->shape;
    enum tw_dtype dtype = tw_edit_value(edit, to->outputs[0])->dtype;
    int moved = tw_edit_add_value(edit, "moved", TW_F32, &shape);
    int whole = moved < 0 ? -1 : tw_edit_add_value(edit, "whole", dtype, &shape);
    if (whole < 0)
        return tw_edit_no_memory(edit);
    struct tw_node *nodes = edit->graph->nodes;
    tw_edit_set_input(edit, index, 0, x);
    nodes[index].outputs[0] = moved;
    edit->values[moved].maker = (int)index;
    tw_edit_set_input(edit, to_index, 0, moved);
    nodes[to_index].outputs[0] = whole;
    edit->values[whole].maker = (int)to_index;
    tw_edit_set_input(edit, back_index, 0, whole);
    nodes[back_index].outputs[0] = last;
    edit->values[last].maker = (int)back_index;
    edit->has_changed = true;
    return TW_OK;
}

TW_PASS(grid)
{
    return tw_edit_sweep(graph, visit, has_changed, error);
}
