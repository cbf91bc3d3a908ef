#include "graph/passes/edit.h"
#include "graph/passes/list.h"

#include <math.h>

struct found {
    enum tw_activation activation;
    float alpha, beta;
    int x;
    size_t uses; /* of x, by what the activation is made of */
};

static bool clip_bound(const struct tw_edit *edit, const struct tw_node *node, int index, float *bound)
{
    return index >= node->input_count || node->inputs[index] < 0 || tw_edit_scalar(edit, node->inputs[index], bound);
}

/* Mul(x, Sigmoid(x)); Relu of a Conv whose result is Sigmoid's too must not take it, hence the count of uses. */
static bool find_swish(struct tw_edit *edit, const struct tw_node *mul, struct found *found)
{
    for (int i = 0; i < 2; i++) {
        const struct tw_node *sigmoid = tw_edit_made_by(edit, mul->inputs[i], TW_OP_SIGMOID);
        if (sigmoid && sigmoid->inputs[0] == mul->inputs[1 - i] && tw_edit_uses(edit, mul->inputs[i]) == 1) {
            *found = (struct found){.activation = TW_ACT_SWISH, .x = sigmoid->inputs[0], .uses = 2};
            return true;
        }
    }
    return false;
}

static bool find(struct tw_edit *edit, const struct tw_node *node, struct found *found)
{
    *found = (struct found){.x = node->input_count ? node->inputs[0] : -1, .uses = 1};
    switch (node->op) {
    case TW_OP_RELU:
        found->activation = TW_ACT_RELU;
        return true;
    case TW_OP_SIGMOID:
        found->activation = TW_ACT_SIGMOID;
        return true;
    case TW_OP_TANH:
        found->activation = TW_ACT_TANH;
        return true;
    case TW_OP_HARD_SWISH:
        found->activation = TW_ACT_HARD_SWISH;
        return true;
    case TW_OP_LEAKY_RELU:
        found->activation = TW_ACT_LEAKY;
        found->alpha = tw_node_float(node, "alpha", 0.01f);
        return true;
    case TW_OP_GELU:
        found->activation = TW_ACT_GELU;
        return op_text_is(node, "approximate", "none", "none");
    case TW_OP_CLIP:
        found->activation = TW_ACT_CLIP;
        found->alpha = -INFINITY;
        found->beta = INFINITY;
        return clip_bound(edit, node, 1, &found->alpha) && clip_bound(edit, node, 2, &found->beta);
    case TW_OP_MUL:
        return find_swish(edit, node, found);
    default:
        return false;
    }
}

static bool takes_activation(const struct tw_node *node)
{
    return node->activation == TW_ACT_NONE &&
           (node->op == TW_OP_CONV || node->op == TW_OP_GEMM || node->op == TW_OP_MATMUL || node->op == TW_OP_ADD);
}

TW_PASS(activation)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = 0; n < edit.first_count; n++) {
        const struct tw_node *node = tw_edit_node(&edit, n);
        struct found found;
        if (!node || !tw_edit_is_plain(node) || !find(&edit, node, &found))
            continue;
        int maker = tw_edit_maker(&edit, found.x);
        struct tw_node *made = maker < 0 ? NULL : tw_edit_node(&edit, (size_t)maker);
        if (!made || !takes_activation(made) || tw_edit_uses(&edit, found.x) != found.uses ||
            tw_edit_value(&edit, found.x)->dtype != TW_F32)
            continue;
        if (node->op == TW_OP_MUL) {
            int other = node->inputs[0] == found.x ? 1 : 0;
            tw_edit_kill(&edit, (size_t)tw_edit_maker(&edit, node->inputs[other]));
        }
        made->activation = found.activation;
        made->activation_alpha = found.alpha;
        made->activation_beta = found.beta;
        tw_edit_take_over(&edit, (size_t)maker, n);
    }
    return tw_edit_end(&edit, status, has_changed);
}
