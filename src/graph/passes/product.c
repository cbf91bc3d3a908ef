#include "graph/passes/product.h"

struct parts {
    int factors[2];
    int count;
    double scale;
};

static void open_product(struct tw_edit *edit, int id, int depth, struct parts *parts)
{
    float value;
    const struct tw_node *mul = depth ? tw_edit_made_by(edit, id, TW_OP_MUL) : NULL;
    const struct tw_node *div = depth ? tw_edit_made_by(edit, id, TW_OP_DIV) : NULL;
    if (tw_edit_scalar(edit, id, &value)) {
        parts->scale *= (double)value;
    } else if (mul) {
        int a = mul->inputs[0], b = mul->inputs[1];
        open_product(edit, a, depth - 1, parts);
        open_product(edit, b, depth - 1, parts);
    } else if (div && tw_edit_scalar(edit, div->inputs[1], &value) && value != 0) {
        parts->scale /= (double)value;
        open_product(edit, div->inputs[0], depth - 1, parts);
    } else {
        if (parts->count < 2)
            parts->factors[parts->count] = id;
        parts->count++;
    }
}

bool tw_product_of(struct tw_edit *edit, int id, int depth, struct tw_product *product)
{
    struct parts parts = {.scale = 1};
    open_product(edit, id, depth, &parts);
    if (parts.count != 2)
        return false;
    *product = (struct tw_product){.factors = {parts.factors[0], parts.factors[1]}, .scale = parts.scale};
    return true;
}

enum tw_status tw_product_replace(struct tw_edit *edit, size_t index, enum tw_op op, int x)
{
    struct tw_node *node = &edit->graph->nodes[index];
    node->op = op;
    node->attribute_count = 0;
    return tw_edit_set_inputs(edit, index, &x, 1);
}
