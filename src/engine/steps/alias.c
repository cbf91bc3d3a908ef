/* Ops that only give the same numbers another shape: the output's slot lies inside the input's. */
#include "engine/onednn.h"
#include "engine/plan.h"

enum tw_status tw_step_alias(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    bool is_alias = node->op == TW_OP_RESHAPE || node->op == TW_OP_FLATTEN || node->op == TW_OP_SQUEEZE ||
                    node->op == TW_OP_UNSQUEEZE || node->op == TW_OP_IDENTITY || node->op == TW_OP_DROPOUT;
    dnnl_memory_desc_t layout;
    int from, to;
    const struct tw_value *value = &plan->graph->values[node->outputs[0]];
    if (!is_alias || value->dtype != TW_F32 || node->residual >= 0 || node->activation != TW_ACT_NONE ||
        (node->output_count > 1 && node->outputs[1] >= 0) || tw_plan_is_constant(plan, node->inputs[0]))
        return TW_OK;
    enum tw_status status = tw_plan_plain_slot(plan, node->inputs[0], &from, error);
    if (status != TW_OK || (status = tw_onednn_plain(&value->shape, &layout, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &layout, &to, error)) != TW_OK)
        return status;
    plan->slots[to].root = from;
    *is_done = true;
    return TW_OK;
}
