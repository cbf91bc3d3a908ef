/* Convolutions whose numbers are narrower than f32, each image as pixels of channels: bf16 with sums of f32, and integers of
 * eight bits with sums of 32, put on the grid of what is read from them. */
#include "engine/isa.h"
#include "engine/narrow/weights.h"
#include "engine/steps/convolution.h"

#include <string.h>

struct narrow {
    struct op_window window;
    struct tw_convolution_layouts layouts;
    bool is_whole;
    int y_value;     /* what is written: the node's output, or the integers that are read from it */
    bool rounds;     /* to y_grid */
    bool sums_whole; /* the residual's integers, from the output's place */
    struct grid x_grid, y_grid;
    int8_t *whole;          /* weights */
    float *scales, *biases; /* one for each output channel */
};

static void release(struct narrow *n)
{
    tw_free(n->whole);
    tw_free(n->scales);
    tw_free(n->biases);
}

static enum tw_status set_layouts(struct tw_plan *plan, const struct tw_node *node, struct narrow *n,
                                  struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *w = &values[node->inputs[1]].shape, bias = {.rank = 1, .dims = {w->dims[0]}};
    dnnl_data_type_t x_type = !n->is_whole ? dnnl_bf16 : n->x_grid.is_signed ? dnnl_s8 : dnnl_u8, y_type = dnnl_bf16;
    if (n->is_whole)
        y_type = !n->rounds ? dnnl_f32 : n->y_grid.is_signed ? dnnl_s8 : dnnl_u8;
    int64_t dims[5];
    int rank = tw_convolution_weight_dims(w, tw_node_int(node, "group", 1), dims);
    struct tw_convolution_layouts *layouts = &n->layouts;
    layouts->has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    enum tw_status status = tw_onednn_pixels(values[node->inputs[0]].shape.dims, x_type, &layouts->x, error);
    if (status == TW_OK)
        status = tw_onednn_pixels(values[node->outputs[0]].shape.dims, y_type, &layouts->y, error);
    if (status == TW_OK)
        status = tw_onednn_any(rank, dims, &layouts->weights, error);
    if (status == TW_OK)
        tw_layout_set_type(&layouts->weights, n->is_whole ? dnnl_s8 : dnnl_bf16);
    return status == TW_OK ? tw_onednn_plain(&bias, &layouts->bias, error) : status;
}

/* Sums count steps of x's grid times steps of a channel's weights; the library adds biases before it scales. The zero of a
 * residual's grid is part of them: not every kernel of the library heeds one. */
static enum tw_status set_scales(const struct tw_plan *plan, const struct tw_node *node, float result, struct narrow *n,
                                 struct tw_error *error)
{
    const struct tw_value *w = &plan->graph->values[node->inputs[1]];
    size_t channels = (size_t)w->shape.dims[0];
    n->scales = tw_alloc(channels, sizeof *n->scales);
    n->biases = tw_alloc(channels, sizeof *n->biases);
    if (n->scales == NULL || n->biases == NULL)
        return tw_fail_memory(error, channels * sizeof *n->scales, "a convolution's scales");
    const struct tw_value *bias =
        node->input_count > 2 && node->inputs[2] >= 0 ? &plan->graph->values[node->inputs[2]] : NULL;
    float offset = 0;
    if (n->sums_whole) {
        const struct grid *grid = &plan->quantised[node->residual].whole_grid;
        offset = grid->scale * (float)grid->zero;
        n->layouts.has_bias = true;
    }
    for (size_t i = 0; i < channels; i++) {
        float step = n->x_grid.scale * narrow_weights_scale(w, i);
        n->scales[i] = step / result;
        float rest;
        int32_t steps = narrow_bias(bias, i, step, &rest);
        n->biases[i] = (float)steps + rest - offset / step;
        if (!tw_onednn_scales_are_attributes())
            n->biases[i] *= n->scales[i];
    }
    return TW_OK;
}

/* *whole: NULL where the weights are not on a grid, or on one with a zero of its own: they may need nine bits, which the
 * library does not know, and who makes such networks (TensorFlow Lite) rounds before it adds a result's zero, the library
 * after. */
static enum tw_status signed_bytes(const struct tw_value *value, int8_t **whole, struct tw_error *error)
{
    struct narrow_weights weights;
    int64_t count = 0;
    if (!narrow_weights_are_even(value))
        return TW_OK;
    enum tw_status status = narrow_weights_find(value, 0, &weights, error);
    if (status == TW_OK && weights.whole != NULL && weights.least >= -128 && weights.most <= 127 &&
        tw_shape_count(&value->shape, &count)) {
        *whole = tw_alloc((size_t)count, 1);
        if (*whole == NULL)
            status = tw_fail_memory(error, (size_t)count, "weights");
        for (int64_t i = 0; i < count && *whole != NULL; i++)
            (*whole)[i] = (int8_t)weights.whole[i];
    }
    narrow_weights_release(&weights);
    return status;
}

/* Fills n->whole where the node can be done in integers. */
static enum tw_status look_for_integers(struct tw_plan *plan, const struct tw_node *node, struct narrow *n,
                                        struct tw_error *error)
{
    const struct quantised *x = &plan->quantised[node->inputs[0]], *y = &plan->quantised[node->outputs[0]];
    if (x->whole < 0 || !tw_isa_has_vnni())
        return TW_OK;
    enum tw_status status = signed_bytes(&plan->graph->values[node->inputs[1]], &n->whole, error);
    if (status != TW_OK || n->whole == NULL)
        return status;
    n->is_whole = true;
    n->x_grid = x->whole_grid;
    n->rounds = y->rounds >= 0;
    n->y_grid = y->rounds_grid;
    n->y_value = n->rounds ? y->rounds : node->outputs[0];
    /* Not every kernel of the library adds bytes of another sign. */
    n->sums_whole = n->rounds && node->residual >= 0 && plan->quantised[node->residual].whole >= 0 &&
                    plan->quantised[node->residual].whole_grid.is_signed == n->y_grid.is_signed;
    return TW_OK;
}

/* Whether the result's scale can be taken before the activation: it is linear, but for bounds that scale along. */
static bool scales_early(const struct tw_node *node, const struct narrow *n)
{
    bool is_linear = node->activation == TW_ACT_NONE || node->activation == TW_ACT_RELU ||
                     node->activation == TW_ACT_LEAKY || node->activation == TW_ACT_CLIP;
    return n->rounds && is_linear && (node->residual < 0 || n->sums_whole);
}

static enum tw_status fuse(struct tw_plan *plan, const struct tw_node *node, struct narrow *n,
                           dnnl_primitive_attr_t *attributes, bool *is_good, struct tw_error *error)
{
    struct tw_node as = *node;
    struct tw_onednn_fusion fusion = {.node = &as, .result_scale = 1};
    if (node->residual >= 0 && !n->sums_whole)
        fusion.addend = &n->layouts.y;
    struct tw_layout addend = n->layouts.y;
    if (n->is_whole) {
        bool is_early = scales_early(node, n);
        float result = is_early ? n->y_grid.scale : 1;
        enum tw_status status = set_scales(plan, node, result, n, error);
        if (status != TW_OK)
            return status;
        if (node->activation == TW_ACT_CLIP) {
            as.activation_alpha /= result;
            as.activation_beta /= result;
        }
        fusion.scales = n->scales;
        fusion.scale_count = (int)plan->graph->values[node->inputs[1]].shape.dims[0];
        fusion.has_groups = tw_node_int(node, "group", 1) > 1;
        fusion.x_zero = n->x_grid.zero;
        fusion.y_zero = n->rounds ? n->y_grid.zero : 0;
        fusion.result_scale = n->rounds && !is_early ? 1 / n->y_grid.scale : 1;
        if (n->sums_whole) {
            const struct grid *grid = &plan->quantised[node->residual].whole_grid;
            fusion.adds_output = true;
            fusion.sum_scale = grid->scale / result;
            fusion.sum_type = n->layouts.y.data_type;
        }
        tw_layout_set_type(&addend, dnnl_f32);
        if (fusion.addend != NULL)
            fusion.addend = &addend;
    }
    *is_good = tw_onednn_fuse(&fusion, attributes);
    return TW_OK;
}

/* Nothing else reads the place, and nothing lies in it. */
static bool may_overwrite(const struct tw_plan *plan, const struct tw_node *node, int value, int slot)
{
    if (plan->quantised[value].last_use != (int)(node - plan->graph->nodes) || plan->slots[slot].constant != NULL ||
        plan->slots[slot].root != slot)
        return false;
    for (int i = 0; i < plan->slot_count; i++) {
        if (i != slot && plan->slots[i].root == slot)
            return false;
    }
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        if (plan->graph->inputs[i] == value)
            return false;
    }
    return true;
}

/* The library adds to what lies in the output: the residual's integers, as they are. */
static enum tw_status start_from_residual(struct tw_plan *plan, const struct tw_node *node, const struct narrow *n,
                                          int y, struct tw_error *error)
{
    const struct quantised *residual = &plan->quantised[node->residual];
    int from;
    enum tw_status status = tw_plan_slot_in(plan, residual->whole, &n->layouts.y, &from, error);
    if (status != TW_OK)
        return status;
    if (residual->whole != plan->quantised[node->inputs[0]].whole && may_overwrite(plan, node, residual->whole, from)) {
        plan->slots[y].root = from;
        return TW_OK;
    }
    return tw_plan_add_reorder(plan, from, y, error);
}

static enum tw_status weight_slots(struct tw_plan *plan, const struct tw_node *node, const struct narrow *n,
                                   const struct tw_layout *layout, int slots[2], struct tw_error *error)
{
    if (!n->is_whole) {
        enum tw_status status = tw_plan_slot_in(plan, node->inputs[1], layout, &slots[0], error);
        return status == TW_OK && n->layouts.has_bias
                   ? tw_plan_slot_in(plan, node->inputs[2], &n->layouts.bias, &slots[1], error)
                   : status;
    }
    struct tw_shape shape = {.rank = layout->ndims};
    memcpy(shape.dims, layout->dims, (size_t)layout->ndims * sizeof *shape.dims);
    struct tw_layout plain;
    enum tw_status status = tw_onednn_plain_of(&shape, dnnl_s8, &plain, error);
    if (status == TW_OK)
        status = tw_plan_constant_in(plan, &plain, n->whole, layout, &slots[0], error);
    if (status == TW_OK && n->layouts.has_bias)
        status = tw_plan_constant_in(plan, &n->layouts.bias, n->biases, &n->layouts.bias, &slots[1], error);
    return status;
}

/* One more argument of a run: numbers that stay. */
static enum tw_status add_numbers(struct tw_plan *plan, const void *numbers, int64_t count, dnnl_data_type_t type,
                                  struct argument *argument, struct tw_error *error)
{
    const struct tw_shape shape = {.rank = 1, .dims = {count}};
    struct tw_layout layout;
    enum tw_status status = tw_onednn_plain_of(&shape, type, &layout, error);
    return status == TW_OK ? tw_plan_constant_in(plan, &layout, numbers, &layout, &argument->slot, error) : status;
}

/* Scales and zeros of the grids, where the library wants them in a run. */
static enum tw_status add_grids(struct tw_plan *plan, const struct tw_node *node, const struct narrow *n,
                                struct argument *arguments, int *count, struct tw_error *error)
{
    int32_t x_zero = n->x_grid.zero, y_zero = n->rounds ? n->y_grid.zero : 0;
    enum tw_status status = TW_OK;
    if (!n->is_whole || tw_onednn_scales_are_attributes())
        return TW_OK;
    arguments[*count].kind = TW_ONEDNN_SCALES;
    status = add_numbers(plan, n->scales, plan->graph->values[node->inputs[1]].shape.dims[0], dnnl_f32,
                         &arguments[(*count)++], error);
    if (status == TW_OK && x_zero != 0) {
        arguments[*count].kind = TW_ONEDNN_X_ZERO;
        status = add_numbers(plan, &x_zero, 1, dnnl_s32, &arguments[(*count)++], error);
    }
    if (status == TW_OK && y_zero != 0) {
        arguments[*count].kind = TW_ONEDNN_Y_ZERO;
        status = add_numbers(plan, &y_zero, 1, dnnl_s32, &arguments[(*count)++], error);
    }
    return status;
}

static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, const struct narrow *n,
                          struct tw_onednn_primitive *made, struct tw_error *error)
{
    struct argument arguments[MAX_ARGUMENTS];
    int count = 0, x, weights[2], addend = NO_SLOT, y;
    struct tw_layout w_layout = tw_onednn_layout(made->descriptor, dnnl_query_weights_md, 0);
    enum tw_status status;
    if ((status = tw_plan_slot_in(plan, n->is_whole ? plan->quantised[node->inputs[0]].whole : node->inputs[0],
                                  &n->layouts.x, &x, error)) != TW_OK ||
        (status = weight_slots(plan, node, n, &w_layout, weights, error)) != TW_OK)
        goto unused;
    struct tw_layout addend_layout = n->layouts.y;
    tw_layout_set_type(&addend_layout, n->is_whole ? dnnl_f32 : dnnl_bf16);
    if (node->residual >= 0 && !n->sums_whole &&
        (status = tw_plan_slot_in(plan, node->residual, &addend_layout, &addend, error)) != TW_OK)
        goto unused;
    if ((status = tw_plan_output_slot(plan, n->y_value, &n->layouts.y, &y, error)) != TW_OK ||
        (n->sums_whole && (status = start_from_residual(plan, node, n, y, error)) != TW_OK))
        goto unused;
    arguments[count++] = (struct argument){DNNL_ARG_SRC, x};
    arguments[count++] = (struct argument){DNNL_ARG_WEIGHTS, weights[0]};
    if (n->layouts.has_bias)
        arguments[count++] = (struct argument){DNNL_ARG_BIAS, weights[1]};
    if (addend != NO_SLOT)
        arguments[count++] = (struct argument){TW_ONEDNN_ADDEND, addend};
    arguments[count++] = (struct argument){DNNL_ARG_DST, y};
    if ((status = add_grids(plan, node, n, arguments, &count, error)) != TW_OK)
        goto unused;
    return tw_convolution_add_made(plan, node, n->is_whole ? "int8" : "bf16", made, arguments, count, error);
unused:
    dnnl_primitive_desc_destroy(made->descriptor);
    dnnl_primitive_destroy(made->primitive);
    return status;
}

/* False: the library has no kernel of that kind for this CPU. */
static bool make(const struct tw_plan *plan, const struct tw_node *node, const struct narrow *n,
                 const_dnnl_primitive_attr_t attributes, struct tw_onednn_primitive *made)
{
    struct tw_onednn_operation operation;
    tw_convolution_operation(&n->window, &n->layouts, &operation);
    if (tw_convolution_make(plan, node, n->is_whole ? "int8" : "bf16", &operation, attributes, made) != TW_OK)
        return false;
    if (tw_onednn_is_fast(made->descriptor))
        return true;
    dnnl_primitive_desc_destroy(made->descriptor);
    dnnl_primitive_destroy(made->primitive);
    return false;
}

static enum tw_status plan_narrow(struct tw_plan *plan, const struct tw_node *node, struct narrow *n, bool *is_done,
                                  struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    dnnl_primitive_attr_t attributes;
    struct tw_onednn_primitive made = {0};
    bool is_good;
    enum tw_status status =
        op_window_of(node, &values[node->inputs[0]].shape, &values[node->inputs[1]].shape, &n->window, error);
    if (status != TW_OK || (status = set_layouts(plan, node, n, error)) != TW_OK ||
        (status = fuse(plan, node, n, &attributes, &is_good, error)) != TW_OK || !is_good)
        return status;
    if (make(plan, node, n, attributes, &made)) {
        status = add(plan, node, n, &made, error);
        *is_done = status == TW_OK;
    }
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

enum tw_status tw_step_narrow_conv(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                   struct tw_error *error)
{
    if (!tw_is_convolution(plan->graph, node))
        return TW_OK;
    struct narrow n = {.y_value = node->outputs[0]};
    enum tw_status status = look_for_integers(plan, node, &n, error);
    if (status == TW_OK && (n.is_whole || plan->precision == TW_PRECISION_BF16))
        status = plan_narrow(plan, node, &n, is_done, error);
    release(&n);
    return status;
}
