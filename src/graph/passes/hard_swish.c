#include "graph/passes/list.h"
#include "graph/passes/product.h"

#include <math.h>

/* Clip(Add(x, 3), 0, 6). */
static bool match_clip(struct tw_edit *edit, int id, int x)
{
    const struct tw_node *clip = tw_edit_made_by(edit, id, TW_OP_CLIP);
    float low, high;
    if (!clip || clip->input_count != 3 || !tw_edit_scalar(edit, clip->inputs[1], &low) ||
        !tw_edit_scalar(edit, clip->inputs[2], &high) || low != 0 || high != 6)
        return false;
    const struct tw_node *add = tw_edit_made_by(edit, clip->inputs[0], TW_OP_ADD);
    return add && ((add->inputs[0] == x && tw_edit_is_scalar(edit, add->inputs[1], 3)) ||
                   (add->inputs[1] == x && tw_edit_is_scalar(edit, add->inputs[0], 3)));
}

static bool match_hard_sigmoid(struct tw_edit *edit, int id, int x)
{
    const struct tw_node *node = tw_edit_made_by(edit, id, TW_OP_HARD_SIGMOID);
    return node && node->inputs[0] == x && fabsf(tw_node_float(node, "alpha", 0.2f) - 1.f / 6) < 1e-5f &&
           tw_node_float(node, "beta", 0.5f) == 0.5f;
}

static enum tw_status match(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = tw_edit_node(edit, index);
    int made = node->outputs[0];
    if (!tw_edit_is_plain(node) || (node->op != TW_OP_MUL && node->op != TW_OP_DIV))
        return TW_OK;
    for (int depth = 1; depth <= TW_PRODUCT_DEPTH; depth++) {
        struct tw_product product;
        if (!tw_product_of(edit, made, depth, &product))
            continue;
        for (int i = 0; i < 2; i++) {
            int x = product.factors[i], other = product.factors[1 - i];
            bool is_clip = fabs(product.scale - 1. / 6) < 1e-5 && match_clip(edit, other, x);
            bool is_sigmoid = product.scale == 1 && match_hard_sigmoid(edit, other, x);
            if (tw_edit_value(edit, x)->dtype == TW_F32 && (is_clip || is_sigmoid))
                return tw_product_replace(edit, index, TW_OP_HARD_SWISH, x);
        }
    }
    return TW_OK;
}

TW_PASS(hard_swish)
{
    return tw_edit_sweep(graph, match, has_changed, error);
}
