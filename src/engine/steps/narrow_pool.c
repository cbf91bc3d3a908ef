/* Pools of bf16 and of integers on one grid, by the library; the mean of a whole image, which leaves as f32, by own loops. */
#include "engine/steps/pooling.h"

struct mean {
    const struct narrow_kernels *kernels;
    size_t images, pixels, channels;
    bool is_whole;
    struct grid grid;
};

static enum tw_status run_mean(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct mean *mean = step->state;
    int32_t *sums = memory[2];
    (void)error;
    for (size_t i = 0; i < mean->images; i++) {
        size_t at = i * mean->pixels * mean->channels;
        float *y = (float *)memory[1] + i * mean->channels;
        if (mean->is_whole) {
            mean->kernels->sum_whole((const uint8_t *)memory[0] + at, mean->pixels, mean->channels,
                                     mean->grid.is_signed, sums);
            for (size_t c = 0; c < mean->channels; c++) {
                double steps = (double)sums[c] / (double)mean->pixels - mean->grid.zero;
                y[c] = (float)(steps * (double)mean->grid.scale);
            }
        } else {
            mean->kernels->sum_bf16((const uint16_t *)memory[0] + at, mean->pixels, mean->channels, y);
            for (size_t c = 0; c < mean->channels; c++)
                y[c] /= (float)mean->pixels;
        }
    }
    return TW_OK;
}

static enum tw_status add_mean(struct tw_plan *plan, const struct tw_node *node, int value,
                               const struct tw_layout *layout, struct tw_error *error)
{
    const struct quantised *quantised = &plan->quantised[node->inputs[0]];
    int x, y;
    struct tw_layout y_layout;
    enum tw_status status = tw_plan_slot_in(plan, value, layout, &x, error);
    if (status != TW_OK ||
        (status = tw_onednn_plain(&plan->graph->values[node->outputs[0]].shape, &y_layout, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &y_layout, &y, error)) != TW_OK)
        return status;
    struct mean *mean = tw_alloc(1, sizeof *mean);
    if (mean == NULL)
        return tw_fail_memory(error, sizeof *mean, "a pool");
    *mean = (struct mean){
        .kernels = narrow_kernels_here(),
        .images = (size_t)layout->dims[0],
        .pixels = (size_t)(layout->dims[2] * layout->dims[3]),
        .channels = (size_t)layout->dims[1],
        .is_whole = quantised->whole >= 0,
        .grid = quantised->whole_grid,
    };
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    if ((status = tw_plan_add_step(plan, node, "narrow mean", NULL, arguments, 2, error)) != TW_OK) {
        tw_free(mean);
        return status;
    }
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run_mean;
    step->state = mean;
    step->free_state = tw_free;
    step->scratchpad_bytes = mean->channels * sizeof(int32_t);
    step->precision = mean->is_whole ? "int8" : "bf16";
    return TW_OK;
}

/* Whether windows of integers give integers of the same grid, as the library makes them. */
static bool stays_on_grid(const struct quantised *x, const struct quantised *y, const struct tw_node *node)
{
    bool is_mean = node->op == TW_OP_AVERAGE_POOL;
    return y->rounds >= 0 && tw_grid_equal(&x->whole_grid, &y->rounds_grid) &&
           (!is_mean || x->whole_grid.zero == 0 || tw_node_int(node, "count_include_pad", 0) == 0);
}

static enum tw_status add_pool(struct tw_plan *plan, const struct tw_node *node, int x_value, int y_value,
                               const struct tw_layout *layout, bool *is_done, struct tw_error *error)
{
    struct op_window window;
    struct tw_layout y_layout;
    struct tw_onednn_operation operation;
    struct tw_onednn_primitive made;
    dnnl_primitive_attr_t attributes;
    int x, y;
    enum tw_status status = tw_pool_window(plan, node, &window, error);
    if (status != TW_OK || (status = tw_onednn_pixels(plan->graph->values[node->outputs[0]].shape.dims,
                                                      layout->data_type, &y_layout, error)) != TW_OK)
        return status;
    if (!tw_pool_operation(node, &window, layout, &y_layout, &operation) ||
        !tw_onednn_attributes(node, false, &attributes))
        return TW_OK;
    bool is_made = tw_onednn_make(plan->engine, &operation, attributes, &made, &(struct tw_error){0}) == TW_OK;
    dnnl_primitive_attr_destroy(attributes);
    if (!is_made)
        return TW_OK;
    if ((status = tw_plan_slot_in(plan, x_value, layout, &x, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, y_value, &y_layout, &y, error)) != TW_OK) {
        dnnl_primitive_desc_destroy(made.descriptor);
        dnnl_primitive_destroy(made.primitive);
        return status;
    }
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    status = tw_plan_add_made(plan, node, "onednn pool", &made, arguments, 2, error);
    if (status != TW_OK)
        return status;
    plan->steps[plan->step_count - 1].precision = layout->data_type == dnnl_bf16 ? "bf16" : "int8";
    *is_done = true;
    return TW_OK;
}

enum tw_status tw_step_narrow_pool(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                   struct tw_error *error)
{
    if (!tw_is_pool(plan, node))
        return TW_OK;
    const struct quantised *x = &plan->quantised[node->inputs[0]], *y = &plan->quantised[node->outputs[0]];
    bool is_whole = x->whole >= 0, is_mean = node->op == TW_OP_GLOBAL_AVERAGE_POOL;
    int x_value = is_whole ? x->whole : node->inputs[0];
    struct tw_layout layout;
    if (!is_whole && !tw_plan_is_bf16(plan, node->inputs[0]))
        return TW_OK;
    dnnl_data_type_t type = !is_whole ? dnnl_bf16 : x->whole_grid.is_signed ? dnnl_s8 : dnnl_u8;
    enum tw_status status = tw_onednn_pixels(plan->graph->values[node->inputs[0]].shape.dims, type, &layout, error);
    if (status != TW_OK)
        return status;
    if (is_mean) {
        *is_done = true;
        return add_mean(plan, node, x_value, &layout, error);
    }
    if (is_whole && !stays_on_grid(x, y, node))
        return TW_OK;
    return add_pool(plan, node, x_value, is_whole ? y->rounds : node->outputs[0], &layout, is_done, error);
}
