#include "graph/passes/support.h"

static bool is_no_op(const struct tw_graph *graph, const struct tw_node *node)
{
    if (node->input_count < 1 || node->output_count < 1 || node->inputs[0] < 0 || node->outputs[0] < 0 ||
        node->residual >= 0 || node->activation != TW_ACT_NONE)
        return false;
    const struct tw_value *x = &graph->values[node->inputs[0]], *y = &graph->values[node->outputs[0]];
    int64_t count;
    bool is_same = x->dtype == y->dtype && tw_shape_count(&x->shape, &count) && tw_shape_equal(&x->shape, &y->shape);
    switch (node->op) {
    case TW_OP_IDENTITY:
        return true;
    case TW_OP_DROPOUT:
        return node->output_count < 2 || node->outputs[1] < 0;
    case TW_OP_RESHAPE:
    case TW_OP_FLATTEN:
    case TW_OP_SQUEEZE:
    case TW_OP_UNSQUEEZE:
    case TW_OP_EXPAND:
    case TW_OP_CAST:
        return is_same;
    default:
        return false;
    }
}

static bool is_output(const struct tw_graph *graph, int value)
{
    for (size_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i] == value)
            return true;
    }
    return false;
}

static void replace(struct tw_graph *graph, int from, int to)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        struct tw_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            node->inputs[i] = node->inputs[i] == from ? to : node->inputs[i];
        node->residual = node->residual == from ? to : node->residual;
    }
}

static enum tw_status run(struct tw_graph *graph, bool *has_changed, struct tw_error *error)
{
    (void)error;
    for (size_t n = 0; n < graph->node_count; n++) {
        struct tw_node *node = &graph->nodes[n];
        if (!is_no_op(graph, node) || is_output(graph, node->outputs[0]))
            continue;
        replace(graph, node->outputs[0], node->inputs[0]);
        pass_remove(node);
        *has_changed = true;
    }
    return TW_OK;
}

const struct tw_pass tw_pass_remove_no_ops = {"remove no-ops", run};
