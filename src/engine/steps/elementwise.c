/* Activations on their own and sums, differences, products and quotients of two values, of which the second may
 * repeat, in the layout that the first has. */
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

static struct tw_onednn_operation unary_operation(const struct tw_node *as, const struct tw_layout *x)
{
    static const dnnl_alg_kind_t kinds[] = {
        [TW_ACT_RELU] = dnnl_eltwise_relu,
        [TW_ACT_SIGMOID] = dnnl_eltwise_logistic,
        [TW_ACT_TANH] = dnnl_eltwise_tanh,
        [TW_ACT_LEAKY] = dnnl_eltwise_relu,
        [TW_ACT_HARD_SWISH] = dnnl_eltwise_hardswish,
    };
    return (struct tw_onednn_operation){.kind = TW_ONEDNN_ACTIVATION,
                                        .how = kinds[as->activation],
                                        .x = *x,
                                        .y = *x,
                                        .alpha = as->activation == TW_ACT_LEAKY ? as->activation_alpha : 0};
}

/* Which input has the result's shape, and the other's with its missing dimensions; false: none has, or it is no such op. */
static bool binary_of(const struct tw_plan *plan, const struct tw_node *node, dnnl_alg_kind_t *kind, int order[2],
                      struct tw_shape *other)
{
    static const dnnl_alg_kind_t kinds[TW_OP_COUNT] = {
        [TW_OP_ADD] = dnnl_binary_add,
        [TW_OP_MUL] = dnnl_binary_mul,
        [TW_OP_SUB] = dnnl_binary_sub,
        [TW_OP_DIV] = dnnl_binary_div,
    };
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *y = &values[node->outputs[0]].shape;
    *kind = kinds[node->op];
    if (*kind == dnnl_alg_kind_undef || node->residual >= 0 || y->rank < 1 || y->rank > 5)
        return false;
    bool may_turn = node->op == TW_OP_ADD || node->op == TW_OP_MUL;
    for (order[0] = 0; order[0] < (may_turn ? 2 : 1); order[0]++) {
        order[1] = 1 - order[0];
        if (tw_shape_equal(&values[node->inputs[order[0]]].shape, y) &&
            !tw_plan_is_constant(plan, node->inputs[order[0]]))
            break;
    }
    if (order[0] == (may_turn ? 2 : 1))
        return false;
    const struct tw_shape *small = &values[node->inputs[order[1]]].shape;
    *other = (struct tw_shape){.rank = y->rank};
    for (int i = 0; i < y->rank; i++) {
        int at = i - (y->rank - small->rank);
        other->dims[i] = at < 0 ? 1 : small->dims[at];
    }
    return true;
}

/* The smaller input in C order, seen with as many dimensions as the other. */
static enum tw_status place_other(struct tw_plan *plan, int value, const struct tw_shape *shape,
                                  const struct tw_layout *x_layout, struct argument *argument, struct tw_error *error)
{
    struct tw_layout plain;
    int slot;
    bool is_whole = true;
    for (int i = 0; i < shape->rank; i++)
        is_whole = is_whole && shape->dims[i] == x_layout->dims[i];
    argument->kind = DNNL_ARG_SRC_1;
    if (is_whole && !tw_plan_is_constant(plan, value))
        return tw_plan_slot_in(plan, value, x_layout, &argument->slot, error);
    enum tw_status status = tw_onednn_plain(shape, &plain, error);
    if (status == TW_OK)
        status = tw_plan_plain_slot(plan, value, &slot, error);
    if (status == TW_OK)
        status = tw_plan_add_slot(plan, &plain, 0, &argument->slot, error);
    if (status != TW_OK)
        return status;
    plan->slots[argument->slot].root = slot;
    plan->slots[argument->slot].constant = plan->slots[slot].constant;
    return TW_OK;
}

static enum tw_status add_binary(struct tw_plan *plan, const struct tw_node *node, struct tw_onednn_primitive *made,
                                 const struct tw_layout *layout, struct argument arguments[3], bool *is_done,
                                 struct tw_error *error)
{
    enum tw_status status = tw_plan_output_slot(plan, node->outputs[0], layout, &arguments[2].slot, error);
    arguments[2].kind = DNNL_ARG_DST;
    if (status != TW_OK) {
        dnnl_primitive_desc_destroy(made->descriptor);
        dnnl_primitive_destroy(made->primitive);
        return status;
    }
    status = tw_plan_add_made(plan, node, "onednn elementwise", made, arguments, 3, error);
    *is_done = status == TW_OK;
    return status;
}

static enum tw_status plan_binary(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                  struct tw_error *error)
{
    dnnl_alg_kind_t kind;
    int order[2];
    struct tw_shape other;
    struct argument arguments[3] = {{DNNL_ARG_SRC_0, 0}};
    if (!binary_of(plan, node, &kind, order, &other))
        return TW_OK;
    struct tw_layout layout, second;
    enum tw_status status = tw_plan_layout(plan, node->inputs[order[0]], &layout, error);
    if (status != TW_OK ||
        (status = tw_plan_slot_in(plan, node->inputs[order[0]], &layout, &arguments[0].slot, error)) != TW_OK ||
        (status = place_other(plan, node->inputs[order[1]], &other, &layout, &arguments[1], error)) != TW_OK)
        return status;
    second = plan->slots[arguments[1].slot].layout;
    const struct tw_onednn_operation operation = {
        .kind = TW_ONEDNN_BINARY, .how = kind, .x = layout, .second = second, .y = layout};
    dnnl_primitive_attr_t attributes;
    struct tw_onednn_primitive made;
    if (!tw_onednn_attributes(node, false, &attributes))
        return TW_OK;
    bool is_made = tw_onednn_make(plan->engine, &operation, attributes, &made, &(struct tw_error){0}) == TW_OK;
    dnnl_primitive_attr_destroy(attributes);
    return is_made ? add_binary(plan, node, &made, &layout, arguments, is_done, error) : TW_OK;
}

static enum tw_status add_unary(struct tw_plan *plan, const struct tw_node *node,
                                const struct tw_onednn_operation *operation, const struct tw_layout *x_layout,
                                bool *is_done, struct tw_error *error)
{
    const struct tw_node plain = {.activation = TW_ACT_NONE};
    struct tw_onednn_primitive made;
    dnnl_primitive_attr_t attributes;
    int x, y;
    if (!tw_onednn_attributes(&plain, false, &attributes))
        return TW_OK;
    bool is_made = tw_onednn_make(plan->engine, operation, attributes, &made, &(struct tw_error){0}) == TW_OK;
    dnnl_primitive_attr_destroy(attributes);
    if (!is_made)
        return TW_OK;
    enum tw_status status = tw_plan_slot_in(plan, node->inputs[0], x_layout, &x, error);
    if (status == TW_OK)
        status = tw_plan_output_slot(plan, node->outputs[0], x_layout, &y, error);
    if (status != TW_OK) {
        dnnl_primitive_desc_destroy(made.descriptor);
        dnnl_primitive_destroy(made.primitive);
        return status;
    }
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    status = tw_plan_add_made(plan, node, "onednn elementwise", &made, arguments, 2, error);
    *is_done = status == TW_OK;
    return status;
}

enum tw_status tw_step_elementwise(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                   struct tw_error *error)
{
    struct tw_node as;
    struct tw_layout layout;
    enum tw_status status = TW_OK;
    if (node->output_count < 1 || plan->graph->values[node->outputs[0]].dtype != TW_F32)
        return TW_OK;
    if (unary_of(node, &as) && !tw_plan_is_constant(plan, node->inputs[0])) {
        if ((status = tw_plan_layout(plan, node->inputs[0], &layout, error)) != TW_OK)
            return status;
        const struct tw_onednn_operation operation = unary_operation(&as, &layout);
        return add_unary(plan, node, &operation, &layout, is_done, error);
    }
    return plan_binary(plan, node, is_done, error);
}
