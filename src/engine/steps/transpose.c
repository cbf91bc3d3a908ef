/* Transpose: the same numbers by other steps. An image whose channels come last is the layout of narrow numbers, so nothing
 * moves; all else is copied by the library. */
#include "engine/onednn.h"
#include "engine/plan.h"
#include "graph/ops/support.h"

/* `as`: the layout of x with its dimensions in the order of the result. */
static bool permute(const struct tw_node *node, const struct tw_layout *x, struct tw_layout *as)
{
    struct op_ints perm;
    int places[TW_MAX_RANK];
    if (op_attribute_ints(node, "perm", &perm, NULL) != TW_OK)
        return false;
    for (int i = 0; i < x->ndims; i++)
        places[perm.is_given ? perm.values[i] : x->ndims - 1 - i] = i;
    return tw_layout_permute(x, places, as) == dnnl_success;
}

enum tw_status tw_step_transpose(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                 struct tw_error *error)
{
    const struct tw_value *value = &plan->graph->values[node->outputs[0]];
    struct tw_layout x_layout, as, pixels, plain;
    int x, y, copied;
    int64_t count;
    if (node->op != TW_OP_TRANSPOSE || value->dtype != TW_F32 || value->shape.rank < 1 || node->residual >= 0 ||
        node->activation != TW_ACT_NONE || tw_plan_is_constant(plan, node->inputs[0]) ||
        !tw_shape_count(&value->shape, &count) || count < 1)
        return TW_OK;
    enum tw_status status = tw_plan_plain_slot(plan, node->inputs[0], &x, error);
    if (status != TW_OK ||
        (status = tw_onednn_plain(&plan->graph->values[node->inputs[0]].shape, &x_layout, error)) != TW_OK ||
        (status = tw_onednn_plain(&value->shape, &plain, error)) != TW_OK)
        return status;
    if (!permute(node, &x_layout, &as))
        return TW_OK;
    bool is_image = value->shape.rank == 4 &&
                    tw_onednn_pixels(value->shape.dims, dnnl_f32, &pixels, &(struct tw_error){0}) == TW_OK &&
                    tw_onednn_same(&as, &pixels);
    *is_done = true;
    if (is_image) {
        status = tw_plan_output_slot(plan, node->outputs[0], &as, &y, error);
        if (status == TW_OK)
            plan->slots[y].root = x;
        return status;
    }
    if ((status = tw_plan_add_slot(plan, &as, 0, &copied, error)) != TW_OK)
        return status;
    plan->slots[copied].root = x;
    status = tw_plan_output_slot(plan, node->outputs[0], &plain, &y, error);
    if (status == TW_OK)
        status = tw_plan_add_reorder(plan, copied, y, error);
    if (status == TW_OK) {
        plan->steps[plan->step_count - 1].op = "Transpose";
        plan->steps[plan->step_count - 1].name = tw_node_label(plan->graph, node);
    }
    return status;
}
