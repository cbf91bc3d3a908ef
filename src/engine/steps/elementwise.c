/* Activations on their own and sums, differences and products of two values of one shape, in the layout that they have. */
#include "engine/onednn.h"
#include "engine/plan.h"

static bool unary_of(const struct tw_node *node, struct tw_node *as)
{
    static const enum tw_activation kinds[TW_OP_COUNT] = {
        [TW_OP_RELU] = TW_ACT_RELU,        [TW_OP_SIGMOID] = TW_ACT_SIGMOID,       [TW_OP_TANH] = TW_ACT_TANH,
        [TW_OP_LEAKY_RELU] = TW_ACT_LEAKY, [TW_OP_HARD_SWISH] = TW_ACT_HARD_SWISH,
    };
    *as = *node;
    as->activation = kinds[node->op];
    as->activation_alpha = tw_node_float(node, "alpha", 0.01f);
    return as->activation != TW_ACT_NONE && node->activation == TW_ACT_NONE && node->residual < 0;
}

static dnnl_status_t unary_operation(const struct tw_node *as, const dnnl_memory_desc_t *x,
                                     dnnl_eltwise_desc_t *operation)
{
    static const dnnl_alg_kind_t kinds[] = {
        [TW_ACT_RELU] = dnnl_eltwise_relu,
        [TW_ACT_SIGMOID] = dnnl_eltwise_logistic,
        [TW_ACT_TANH] = dnnl_eltwise_tanh,
        [TW_ACT_LEAKY] = dnnl_eltwise_relu,
        [TW_ACT_HARD_SWISH] = dnnl_eltwise_hardswish,
    };
    float alpha = as->activation == TW_ACT_LEAKY ? as->activation_alpha : 0;
    return dnnl_eltwise_forward_desc_init(operation, dnnl_forward_inference, kinds[as->activation], x, alpha, 0);
}

static bool binary_of(const struct tw_plan *plan, const struct tw_node *node, dnnl_alg_kind_t *kind)
{
    const struct tw_value *values = plan->graph->values;
    *kind = node->op == TW_OP_ADD ? dnnl_binary_add : node->op == TW_OP_MUL ? dnnl_binary_mul : dnnl_binary_sub;
    return (node->op == TW_OP_ADD || node->op == TW_OP_MUL || node->op == TW_OP_SUB) && node->residual < 0 &&
           values[node->inputs[0]].shape.rank > 0 &&
           tw_shape_equal(&values[node->inputs[0]].shape, &values[node->inputs[1]].shape) &&
           !tw_plan_is_constant(plan, node->inputs[0]) && !tw_plan_is_constant(plan, node->inputs[1]);
}

static enum tw_status finish(struct tw_plan *plan, const struct tw_node *node, const void *operation,
                             const dnnl_memory_desc_t *x_layout, const struct tw_node *fused, int inputs, bool *is_done,
                             struct tw_error *error)
{
    struct tw_onednn_primitive made;
    dnnl_primitive_attr_t attributes;
    struct argument arguments[3];
    int x[2] = {NO_SLOT, NO_SLOT}, y;
    if (!tw_onednn_attributes(fused, false, &attributes))
        return TW_OK;
    bool is_made = tw_onednn_make(plan->engine, operation, attributes, &made, &(struct tw_error){0}) == TW_OK;
    dnnl_primitive_attr_destroy(attributes);
    if (!is_made)
        return TW_OK;
    enum tw_status status = TW_OK;
    for (int i = 0; i < inputs && status == TW_OK; i++) {
        status = tw_plan_slot_in(plan, node->inputs[i], x_layout, &x[i], error);
        arguments[i] = (struct argument){i == 0 ? DNNL_ARG_SRC_0 : DNNL_ARG_SRC_1, x[i]};
    }
    if (status == TW_OK)
        status = tw_plan_output_slot(plan, node->outputs[0], x_layout, &y, error);
    if (status != TW_OK) {
        dnnl_primitive_desc_destroy(made.descriptor);
        dnnl_primitive_destroy(made.primitive);
        return status;
    }
    arguments[inputs] = (struct argument){DNNL_ARG_DST, y};
    status = tw_plan_add_made(plan, node, "onednn elementwise", &made, arguments, inputs + 1, error);
    *is_done = status == TW_OK;
    return status;
}

enum tw_status tw_step_elementwise(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                   struct tw_error *error)
{
    struct tw_node as;
    dnnl_alg_kind_t kind;
    dnnl_memory_desc_t layout;
    enum tw_status status = TW_OK;
    if (node->output_count < 1 || plan->graph->values[node->outputs[0]].dtype != TW_F32)
        return TW_OK;
    if (unary_of(node, &as) && !tw_plan_is_constant(plan, node->inputs[0])) {
        dnnl_eltwise_desc_t operation;
        const struct tw_node plain = {.activation = TW_ACT_NONE};
        if ((status = tw_plan_layout(plan, node->inputs[0], &layout, error)) != TW_OK)
            return status;
        return unary_operation(&as, &layout, &operation) == dnnl_success
                   ? finish(plan, node, &operation, &layout, &plain, 1, is_done, error)
                   : TW_OK;
    }
    if (!binary_of(plan, node, &kind))
        return TW_OK;
    dnnl_binary_desc_t operation;
    if ((status = tw_plan_layout(plan, node->inputs[0], &layout, error)) != TW_OK)
        return status;
    return dnnl_binary_desc_init(&operation, kind, &layout, &layout, &layout) == dnnl_success
               ? finish(plan, node, &operation, &layout, node, 2, is_done, error)
               : TW_OK;
}
