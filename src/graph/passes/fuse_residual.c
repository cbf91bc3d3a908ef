#include "graph/passes/support.h"

/* The product among the two inputs of an Add that can start from the other one, or -1. */
static int product_of(const struct tw_graph *graph, const struct pass_index *index, const struct tw_node *add)
{
    const struct tw_shape *sum = &graph->values[add->outputs[0]].shape;
    for (int i = 0; i < 2; i++) {
        int own = add->inputs[i], other = add->inputs[1 - i], maker = index->makers[own];
        if (maker < 0 || index->uses[own] != 1 || !pass_takes_more(&graph->nodes[maker]) ||
            graph->nodes[maker].residual >= 0 || index->makers[other] >= maker ||
            graph->values[other].dtype != TW_F32 || graph->values[other].data != NULL)
            continue;
        if (tw_shape_equal(&graph->values[own].shape, sum) && tw_shape_equal(&graph->values[other].shape, sum))
            return i;
    }
    return -1;
}

static enum tw_status run(struct tw_graph *graph, bool *has_changed, struct tw_error *error)
{
    struct pass_index index = {0};
    enum tw_status status = pass_index_init(&index, graph, error);
    for (size_t n = 0; n < graph->node_count && status == TW_OK; n++) {
        struct tw_node *add = &graph->nodes[n];
        if (add->op != TW_OP_ADD || pass_is_removed(add) || add->residual >= 0 || add->activation != TW_ACT_NONE)
            continue;
        int own = product_of(graph, &index, add);
        if (own < 0)
            continue;
        struct tw_node *product = &graph->nodes[index.makers[add->inputs[own]]];
        product->residual = add->inputs[1 - own];
        product->outputs[0] = add->outputs[0];
        index.makers[add->outputs[0]] = (int)(product - graph->nodes);
        pass_remove(add);
        *has_changed = true;
    }
    pass_index_release(&index);
    return status;
}

const struct tw_pass tw_pass_fuse_residual = {"fuse residual", run};
