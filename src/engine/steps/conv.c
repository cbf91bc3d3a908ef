#include "engine/onednn.h"
#include "engine/plan.h"
#include "graph/ops/support.h"

struct convolution {
    struct op_window window;
    int64_t groups;
    bool has_bias;
    dnnl_memory_desc_t x, weights, bias, y; /* order left to the library */
    bool is_blocked;
    dnnl_memory_desc_t blocked_x, blocked_y;
};

static enum tw_status describe(struct tw_plan *plan, const struct tw_node *node, struct convolution *c,
                               struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *x = &values[node->inputs[0]].shape, *w = &values[node->inputs[1]].shape;
    const struct tw_shape *y = &values[node->outputs[0]].shape;
    enum tw_status status = op_window_of(node, x, w, &c->window, error);
    if (status != TW_OK)
        return status;
    c->groups = tw_node_int(node, "group", 1);
    c->has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    int64_t dims[5] = {c->groups, w->dims[0] / c->groups, w->dims[1], w->dims[2], w->dims[3]};
    bool is_grouped = c->groups > 1;
    if ((status = tw_onednn_any(4, x->dims, &c->x, error)) != TW_OK ||
        (status = tw_onednn_any(is_grouped ? 5 : 4, is_grouped ? dims : w->dims, &c->weights, error)) != TW_OK ||
        (status = tw_onednn_any(4, y->dims, &c->y, error)) != TW_OK)
        return status;
    c->is_blocked = tw_onednn_blocked(x->dims, &c->blocked_x);
    c->is_blocked = tw_onednn_blocked(y->dims, &c->blocked_y) && (c->is_blocked || x->dims[1] < 8);
    if (c->is_blocked && x->dims[1] < 8)
        c->blocked_x = c->x;
    return c->has_bias ? tw_onednn_plain(&values[node->inputs[2]].shape, &c->bias, error) : TW_OK;
}

static dnnl_status_t make_operation(const struct convolution *c, bool is_blocked, dnnl_convolution_desc_t *operation)
{
    dnnl_dims_t strides, dilations, begin, end;
    for (int i = 0; i < 2; i++) {
        int at = OP_SPATIAL - 2 + i;
        strides[i] = c->window.stride[at];
        dilations[i] = c->window.dilation[at] - 1;
        begin[i] = c->window.begin[at];
        /* What is really used: a stride may leave some of the given padding unread. */
        end[i] = (c->window.out[at] - 1) * c->window.stride[at] + (c->window.kernel[at] - 1) * c->window.dilation[at] +
                 1 - c->window.in[at] - c->window.begin[at];
    }
    return dnnl_dilated_convolution_forward_desc_init(
        operation, dnnl_forward_inference, dnnl_convolution_direct, is_blocked ? &c->blocked_x : &c->x, &c->weights,
        c->has_bias ? &c->bias : NULL, is_blocked ? &c->blocked_y : &c->y, strides, dilations, begin, end);
}

static bool fits(const struct tw_plan *plan, const struct tw_node *node)
{
    return node->op == TW_OP_CONV && plan->graph->values[node->inputs[0]].shape.rank == 4 &&
           tw_plan_is_constant(plan, node->inputs[1]) &&
           (node->input_count < 3 || node->inputs[2] < 0 || tw_plan_is_constant(plan, node->inputs[2]));
}

/* The sum starts from what lies in the output. */
static enum tw_status start_from_residual(struct tw_plan *plan, int value, int y, struct tw_error *error)
{
    int residual = plan->own[value];
    if (residual == NO_SLOT || plan->slots[residual].layout.ndims == 0) {
        enum tw_status status = tw_plan_plain_slot(plan, value, &residual, error);
        if (status != TW_OK)
            return status;
    }
    return tw_plan_add_reorder(plan, residual, y, error);
}

/* Reorders what must be, and adds the step. */
static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, const struct convolution *c,
                          struct tw_onednn_primitive *made, struct tw_error *error)
{
    struct argument arguments[MAX_ARGUMENTS];
    int count = 0, x, weights, bias, y;
    dnnl_memory_desc_t x_layout = tw_onednn_layout(made->descriptor, dnnl_query_src_md, 0);
    dnnl_memory_desc_t w_layout = tw_onednn_layout(made->descriptor, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t y_layout = tw_onednn_layout(made->descriptor, dnnl_query_dst_md, 0);
    enum tw_status status;
    if ((status = tw_plan_slot_in(plan, node->inputs[0], &x_layout, &x, error)) != TW_OK ||
        (status = tw_plan_slot_in(plan, node->inputs[1], &w_layout, &weights, error)) != TW_OK ||
        (c->has_bias && (status = tw_plan_slot_in(plan, node->inputs[2], &c->bias, &bias, error)) != TW_OK) ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &y_layout, &y, error)) != TW_OK)
        goto unused;
    if (node->residual >= 0 && (status = start_from_residual(plan, node->residual, y, error)) != TW_OK)
        goto unused;
    arguments[count++] = (struct argument){DNNL_ARG_SRC, x};
    arguments[count++] = (struct argument){DNNL_ARG_WEIGHTS, weights};
    if (c->has_bias)
        arguments[count++] = (struct argument){DNNL_ARG_BIAS, bias};
    arguments[count++] = (struct argument){DNNL_ARG_DST, y};
    const struct op_window *w = &c->window;
    bool is_point = w->kernel[1] == 1 && w->kernel[2] == 1;
    status = tw_plan_add_made(plan, node, is_point ? "onednn 1x1" : "onednn direct", made, arguments, count, error);
    if (status != TW_OK)
        return status;
    struct step *step = &plan->steps[plan->step_count - 1];
    step->flop = 2.0 * (double)op_product(&plan->graph->values[node->outputs[0]].shape, 0, 4) *
                 (double)op_product(&plan->graph->values[node->inputs[1]].shape, 1, 4);
    return TW_OK;
unused:
    dnnl_primitive_desc_destroy(made->descriptor);
    dnnl_primitive_destroy(made->primitive);
    return status;
}

/* Blocked channels first; what has no kernel in them gets the library's choice. */
static bool make(const struct tw_plan *plan, const struct convolution *c, const_dnnl_primitive_attr_t attributes,
                 struct tw_onednn_primitive *made)
{
    dnnl_convolution_desc_t operation;
    for (int is_blocked = c->is_blocked; is_blocked >= 0; is_blocked--) {
        if (make_operation(c, is_blocked != 0, &operation) == dnnl_success &&
            tw_onednn_make(plan->engine, &operation, attributes, made, &(struct tw_error){0}) == TW_OK)
            return true;
    }
    return false;
}

enum tw_status tw_step_conv(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct convolution c = {0};
    dnnl_primitive_attr_t attributes;
    struct tw_onednn_primitive made = {0};
    if (!fits(plan, node) || !tw_onednn_attributes(node, node->residual >= 0, &attributes))
        return TW_OK;
    enum tw_status status = describe(plan, node, &c, error);
    if (status == TW_OK && make(plan, &c, attributes, &made)) {
        status = add(plan, node, &c, &made, error);
        *is_done = status == TW_OK;
    }
    dnnl_primitive_attr_destroy(attributes);
    return status;
}
