#include "graph/passes/list.h"
#include "graph/passes/product.h"

#include <math.h>

/* Add(Erf(x / sqrt 2), 1). */
static bool match_erf(struct tw_edit *edit, int id, int x)
{
    const struct tw_node *add = tw_edit_made_by(edit, id, TW_OP_ADD);
    if (!add)
        return false;
    int constant = tw_edit_is_scalar(edit, add->inputs[1], 1) ? 1 : 0;
    if (!tw_edit_is_scalar(edit, add->inputs[constant], 1))
        return false;
    const struct tw_node *erf = tw_edit_made_by(edit, add->inputs[1 - constant], TW_OP_ERF);
    if (!erf)
        return false;
    const struct tw_node *div = tw_edit_made_by(edit, erf->inputs[0], TW_OP_DIV);
    if (div)
        return div->inputs[0] == x && tw_edit_is_scalar(edit, div->inputs[1], (float)M_SQRT2);
    const struct tw_node *mul = tw_edit_made_by(edit, erf->inputs[0], TW_OP_MUL);
    return mul && ((mul->inputs[0] == x && tw_edit_is_scalar(edit, mul->inputs[1], (float)M_SQRT1_2)) ||
                   (mul->inputs[1] == x && tw_edit_is_scalar(edit, mul->inputs[0], (float)M_SQRT1_2)));
}

static enum tw_status match(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = tw_edit_node(edit, index);
    int made = node->outputs[0];
    if (!tw_edit_is_plain(node) || (node->op != TW_OP_MUL && node->op != TW_OP_DIV))
        return TW_OK;
    for (int depth = 1; depth <= TW_PRODUCT_DEPTH; depth++) {
        struct tw_product product;
        if (!tw_product_of(edit, made, depth, &product) || fabs(product.scale - 0.5) > 1e-4)
            continue;
        for (int i = 0; i < 2; i++) {
            int x = product.factors[i];
            if (tw_edit_value(edit, x)->dtype == TW_F32 && match_erf(edit, product.factors[1 - i], x))
                return tw_product_replace(edit, index, TW_OP_GELU, x);
        }
    }
    return TW_OK;
}

TW_PASS(gelu)
{
    return tw_edit_sweep(graph, match, has_changed, error);
}
