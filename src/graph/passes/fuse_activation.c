#include "graph/passes/support.h"

#include <math.h>

static bool read_clip(const struct tw_graph *graph, const struct tw_node *node, struct tw_node *as)
{
    as->activation_alpha = -INFINITY;
    as->activation_beta = INFINITY;
    if (node->input_count > 1 && node->inputs[1] >= 0 && !pass_scalar(graph, node->inputs[1], &as->activation_alpha))
        return false;
    if (node->input_count > 2 && node->inputs[2] >= 0 && !pass_scalar(graph, node->inputs[2], &as->activation_beta))
        return false;
    return isfinite(as->activation_alpha) && isfinite(as->activation_beta);
}

/* A node that is an activation of its first input alone. */
static bool is_activation(const struct tw_graph *graph, const struct tw_node *node, struct tw_node *as)
{
    as->activation_alpha = as->activation_beta = 0;
    switch (node->op) {
    case TW_OP_RELU:
        as->activation = TW_ACT_RELU;
        return true;
    case TW_OP_SIGMOID:
        as->activation = TW_ACT_SIGMOID;
        return true;
    case TW_OP_TANH:
        as->activation = TW_ACT_TANH;
        return true;
    case TW_OP_HARD_SWISH:
        as->activation = TW_ACT_HARD_SWISH;
        return true;
    case TW_OP_LEAKY_RELU:
        as->activation = TW_ACT_LEAKY;
        as->activation_alpha = tw_node_float(node, "alpha", 0.01f);
        return true;
    case TW_OP_CLIP:
        as->activation = TW_ACT_CLIP;
        return read_clip(graph, node, as);
    default:
        return false;
    }
}

/* x * Sigmoid(x) is Swish, x * HardSigmoid(x) with 1/6 and 1/2 is HardSwish; returns x, or -1. */
static int gated(const struct tw_graph *graph, const struct pass_index *index, const struct tw_node *mul, int *gate,
                 struct tw_node *as)
{
    for (int i = 0; i < 2; i++) {
        int x = mul->inputs[i], y = mul->inputs[1 - i], maker = index->makers[y];
        if (maker < 0 || index->uses[y] != 1 || graph->nodes[maker].input_count < 1 ||
            graph->nodes[maker].inputs[0] != x || graph->nodes[maker].activation != TW_ACT_NONE ||
            graph->nodes[maker].residual >= 0)
            continue;
        const struct tw_node *node = &graph->nodes[maker];
        bool is_hard = node->op == TW_OP_HARD_SIGMOID && fabsf(tw_node_float(node, "alpha", 0.2f) - 1.0f / 6) < 1e-6f &&
                       tw_node_float(node, "beta", 0.5f) == 0.5f;
        if (node->op != TW_OP_SIGMOID && !is_hard)
            continue;
        as->activation = is_hard ? TW_ACT_HARD_SWISH : TW_ACT_SWISH;
        as->activation_alpha = as->activation_beta = 0;
        *gate = maker;
        return x;
    }
    return -1;
}

static void fuse(struct tw_graph *graph, struct pass_index *index, struct tw_node *product, struct tw_node *activation,
                 const struct tw_node *as)
{
    product->activation = as->activation;
    product->activation_alpha = as->activation_alpha;
    product->activation_beta = as->activation_beta;
    product->outputs[0] = activation->outputs[0];
    index->makers[activation->outputs[0]] = (int)(product - graph->nodes);
    pass_remove(activation);
}

static enum tw_status run(struct tw_graph *graph, bool *has_changed, struct tw_error *error)
{
    struct pass_index index = {0};
    enum tw_status status = pass_index_init(&index, graph, error);
    for (size_t n = 0; n < graph->node_count && status == TW_OK; n++) {
        struct tw_node *node = &graph->nodes[n], as = {0};
        int gate = -1, x = -1, uses = 1;
        if (pass_is_removed(node) || node->residual >= 0 || node->activation != TW_ACT_NONE)
            continue;
        if (is_activation(graph, node, &as)) {
            x = node->inputs[0];
        } else if (node->op == TW_OP_MUL) {
            x = gated(graph, &index, node, &gate, &as);
            uses = 2;
        }
        int maker = x >= 0 ? index.makers[x] : -1;
        if (maker < 0 || index.uses[x] != uses || !pass_takes_more(&graph->nodes[maker]))
            continue;
        fuse(graph, &index, &graph->nodes[maker], node, &as);
        if (gate >= 0)
            pass_remove(&graph->nodes[gate]);
        *has_changed = true;
    }
    pass_index_release(&index);
    return status;
}

const struct tw_pass tw_pass_fuse_activation = {"fuse activation", run};
