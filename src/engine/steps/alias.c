/* Ops that only give the same numbers another shape: the output's slot lies inside the input's. */
#include "engine/onednn.h"
#include "engine/plan.h"

/* Integers that stay on their grid stay what they are. */
static bool keeps_grid(const struct quantised *x, const struct quantised *y)
{
    return x->whole >= 0 && y->rounds >= 0 && tw_grid_equal(&x->whole_grid, &y->rounds_grid);
}

static enum tw_status alias(struct tw_plan *plan, int x_value, int y_value, dnnl_data_type_t type,
                            struct tw_error *error)
{
    struct tw_layout layout;
    int from, to;
    enum tw_status status = tw_plan_plain_slot(plan, x_value, &from, error);
    if (status != TW_OK ||
        (status = tw_onednn_plain_of(&plan->graph->values[y_value].shape, type, &layout, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, y_value, &layout, &to, error)) != TW_OK)
        return status;
    plan->slots[to].root = from;
    return TW_OK;
}

enum tw_status tw_step_alias(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    bool is_alias = node->op == TW_OP_RESHAPE || node->op == TW_OP_FLATTEN || node->op == TW_OP_SQUEEZE ||
                    node->op == TW_OP_UNSQUEEZE || node->op == TW_OP_IDENTITY || node->op == TW_OP_DROPOUT;
    const struct tw_value *value = &plan->graph->values[node->outputs[0]];
    if (!is_alias || value->dtype != TW_F32 || node->residual >= 0 || node->activation != TW_ACT_NONE ||
        (node->output_count > 1 && node->outputs[1] >= 0) || tw_plan_is_constant(plan, node->inputs[0]))
        return TW_OK;
    const struct quantised *x = &plan->quantised[node->inputs[0]], *y = &plan->quantised[node->outputs[0]];
    *is_done = true;
    return keeps_grid(x, y) ? alias(plan, x->whole, y->rounds, x->whole_grid.is_signed ? dnnl_s8 : dnnl_u8, error)
                            : alias(plan, node->inputs[0], node->outputs[0], dnnl_f32, error);
}
