#include "engine/steps/convolution.h"

struct convolution {
    struct op_window window;
    struct tw_convolution_layouts any; /* order left to the library */
    bool is_blocked;
    struct tw_layout blocked_x, blocked_y;
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
    int64_t dims[5];
    int rank = tw_convolution_weight_dims(w, tw_node_int(node, "group", 1), dims);
    c->any.has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    if ((status = tw_onednn_any(4, x->dims, &c->any.x, error)) != TW_OK ||
        (status = tw_onednn_any(rank, dims, &c->any.weights, error)) != TW_OK ||
        (status = tw_onednn_any(4, y->dims, &c->any.y, error)) != TW_OK)
        return status;
    c->is_blocked = tw_onednn_blocked(x->dims, &c->blocked_x);
    c->is_blocked = tw_onednn_blocked(y->dims, &c->blocked_y) && (c->is_blocked || x->dims[1] < 8);
    if (c->is_blocked && x->dims[1] < 8)
        c->blocked_x = c->any.x;
    return c->any.has_bias ? tw_onednn_plain(&values[node->inputs[2]].shape, &c->any.bias, error) : TW_OK;
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
    struct tw_layout x_layout = tw_onednn_layout(made->descriptor, dnnl_query_src_md, 0);
    struct tw_layout w_layout = tw_onednn_layout(made->descriptor, dnnl_query_weights_md, 0);
    struct tw_layout y_layout = tw_onednn_layout(made->descriptor, dnnl_query_dst_md, 0);
    enum tw_status status;
    if ((status = tw_plan_slot_in(plan, node->inputs[0], &x_layout, &x, error)) != TW_OK ||
        (status = tw_plan_slot_in(plan, node->inputs[1], &w_layout, &weights, error)) != TW_OK ||
        (c->any.has_bias && (status = tw_plan_slot_in(plan, node->inputs[2], &c->any.bias, &bias, error)) != TW_OK) ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &y_layout, &y, error)) != TW_OK)
        goto unused;
    if (node->residual >= 0 && (status = start_from_residual(plan, node->residual, y, error)) != TW_OK)
        goto unused;
    arguments[count++] = (struct argument){DNNL_ARG_SRC, x};
    arguments[count++] = (struct argument){DNNL_ARG_WEIGHTS, weights};
    if (c->any.has_bias)
        arguments[count++] = (struct argument){DNNL_ARG_BIAS, bias};
    arguments[count++] = (struct argument){DNNL_ARG_DST, y};
    return tw_convolution_add_made(plan, node, "f32", made, arguments, count, error);
unused:
    dnnl_primitive_desc_destroy(made->descriptor);
    dnnl_primitive_destroy(made->primitive);
    return status;
}

/* Blocked channels first; what has no kernel in them gets the library's choice. */
static bool make(const struct tw_plan *plan, const struct tw_node *node, const struct convolution *c,
                 const_dnnl_primitive_attr_t attributes, struct tw_onednn_primitive *made)
{
    struct tw_onednn_operation operation;
    for (int is_blocked = c->is_blocked; is_blocked >= 0; is_blocked--) {
        struct tw_convolution_layouts layouts = c->any;
        if (is_blocked) {
            layouts.x = c->blocked_x;
            layouts.y = c->blocked_y;
        }
        tw_convolution_operation(&c->window, &layouts, &operation);
        if (tw_convolution_make(plan, node, "f32", &operation, attributes, made) == TW_OK)
            return true;
    }
    return false;
}

enum tw_status tw_step_conv(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct convolution c = {0};
    dnnl_primitive_attr_t attributes;
    struct tw_onednn_primitive made = {0};
    if (!tw_is_convolution(plan->graph, node) || !tw_onednn_attributes(node, node->residual >= 0, &attributes))
        return TW_OK;
    enum tw_status status = describe(plan, node, &c, error);
    if (status == TW_OK && make(plan, node, &c, attributes, &made)) {
        status = add(plan, node, &c, &made, error);
        *is_done = status == TW_OK;
    }
    dnnl_primitive_attr_destroy(attributes);
    return status;
}
