#include "graph/passes/edit.h"
#include "graph/passes/list.h"

/* The input of Add that comes from a node which can take the other input as its residual; -1: none. */
static int fusable_input(struct tw_edit *edit, const struct tw_node *add)
{
    const struct tw_value *sum = tw_edit_value(edit, add->outputs[0]);
    int best = -1, best_maker = -1;
    for (int i = 0; i < 2; i++) {
        const struct tw_value *other = tw_edit_value(edit, add->inputs[1 - i]);
        int maker = tw_edit_maker(edit, add->inputs[i]);
        const struct tw_node *node = maker < 0 ? NULL : tw_edit_node(edit, (size_t)maker);
        if (!node || !tw_edit_is_plain(node) || tw_edit_uses(edit, add->inputs[i]) != 1 || sum->dtype != TW_F32)
            continue;
        if (node->op != TW_OP_CONV && node->op != TW_OP_GEMM && node->op != TW_OP_MATMUL)
            continue;
        /* Shapes that are not known in full may broadcast. The later of two is chosen: the other is there by then. */
        if (tw_edit_is_known(&sum->shape) && tw_shape_equal(&sum->shape, &other->shape) &&
            tw_shape_equal(&sum->shape, &tw_edit_value(edit, add->inputs[i])->shape) && maker > best_maker) {
            best = i;
            best_maker = maker;
        }
    }
    return best;
}

TW_PASS(residual)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = 0; n < edit.first_count; n++) {
        const struct tw_node *add = tw_edit_node(&edit, n);
        int input = !add || add->op != TW_OP_ADD || add->residual >= 0 ? -1 : fusable_input(&edit, add);
        if (input < 0)
            continue;
        int maker = tw_edit_maker(&edit, add->inputs[input]), other = add->inputs[1 - input];
        struct tw_node *node = &graph->nodes[maker];
        node->residual = other;
        edit.values[other].uses++;
        node->activation = add->activation;
        node->activation_alpha = add->activation_alpha;
        node->activation_beta = add->activation_beta;
        tw_edit_take_over(&edit, (size_t)maker, n);
    }
    return tw_edit_end(&edit, status, has_changed);
}
