/* QuantizeLinear and DequantizeLinear where no neighbour takes them over, and sums of two values on grids. */
#include "engine/onednn.h"
#include "engine/plan.h"

#include <math.h>
#include <omp.h>

enum { AT_ONCE = 1 << 15 };

struct change {
    const struct narrow_kernels *kernels;
    size_t count;
    struct grid grid;
    uint8_t table[256];
    struct narrow_sum sum; /* without places */
};

static size_t length(size_t count, size_t from)
{
    return count - from < AT_ONCE ? count - from : AT_ONCE;
}

static enum tw_status run_quantise(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct change *c = step->state;
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < c->count; i += AT_ONCE)
        c->kernels->quantise((const float *)memory[0] + i, length(c->count, i), &c->grid, (uint8_t *)memory[1] + i);
    return TW_OK;
}

static enum tw_status run_dequantise(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct change *c = step->state;
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < c->count; i += AT_ONCE)
        c->kernels->dequantise((const uint8_t *)memory[0] + i, length(c->count, i), &c->grid, (float *)memory[1] + i);
    return TW_OK;
}

static enum tw_status run_round(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct change *c = step->state;
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < c->count; i += AT_ONCE)
        c->kernels->round((const float *)memory[0] + i, length(c->count, i), &c->grid, (float *)memory[1] + i);
    return TW_OK;
}

static enum tw_status run_table(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct change *c = step->state;
    const uint8_t *x = memory[0];
    uint8_t *y = memory[1];
    (void)error;
    for (size_t i = 0; i < c->count; i++)
        y[i] = c->table[x[i]];
    return TW_OK;
}

static enum tw_status run_add(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct change *c = step->state;
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < c->count; i += AT_ONCE) {
        struct narrow_sum sum = c->sum;
        sum.a = (const uint8_t *)memory[0] + i;
        sum.b = (const uint8_t *)memory[1] + i;
        sum.y = (uint8_t *)memory[2] + i;
        c->kernels->add(&sum, length(c->count, i));
    }
    return TW_OK;
}

static size_t elements(const struct tw_layout *layout)
{
    size_t count = 1;
    for (int i = 0; i < layout->ndims; i++)
        count *= (size_t)layout->padded_dims[i];
    return count;
}

static enum tw_status add_change(struct tw_plan *plan, const struct tw_node *node, const struct change *change,
                                 enum tw_status (*run)(const struct step *, void *const *, struct tw_error *),
                                 const struct argument *arguments, int count, struct tw_error *error)
{
    struct change *state = tw_alloc(1, sizeof *state);
    if (state == NULL)
        return tw_fail_memory(error, sizeof *state, "a step");
    enum tw_status status = tw_plan_add_step(plan, node, "narrow elementwise", NULL, arguments, count, error);
    if (status != TW_OK) {
        tw_free(state);
        return status;
    }
    *state = *change;
    state->kernels = narrow_kernels_here();
    state->count = elements(&plan->slots[arguments[0].slot].layout);
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = state;
    step->free_state = tw_free;
    step->precision = "int8";
    return TW_OK;
}

enum tw_status tw_plan_dequantise(struct tw_plan *plan, int value, struct tw_error *error)
{
    const struct quantised *quantised = &plan->quantised[value];
    if (quantised->whole < 0 || plan->own[value] != NO_SLOT || plan->plain[value] != NO_SLOT)
        return TW_OK;
    struct tw_layout layout;
    int x, y;
    enum tw_status status = tw_plan_layout(plan, quantised->whole, &layout, error);
    if (status != TW_OK || (status = tw_plan_slot_in(plan, quantised->whole, &layout, &x, error)) != TW_OK)
        return status;
    tw_layout_set_type(&layout, dnnl_f32);
    if ((status = tw_plan_output_slot(plan, value, &layout, &y, error)) != TW_OK)
        return status;
    const struct change change = {.grid = quantised->whole_grid};
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    if ((status = add_change(plan, NULL, &change, run_dequantise, arguments, 2, error)) != TW_OK)
        return status;
    plan->steps[plan->step_count - 1].op = "DequantizeLinear";
    return TW_OK;
}

/* In the order in which the numbers lie; integers that are read through another grid are looked up. */
static enum tw_status quantise(struct tw_plan *plan, const struct tw_node *node, const struct grid *grid,
                               struct tw_error *error)
{
    const struct quantised *quantised = &plan->quantised[node->inputs[0]];
    bool is_table = quantised->whole >= 0 && plan->own[node->inputs[0]] == NO_SLOT;
    int x_value = is_table ? quantised->whole : node->inputs[0], x, y;
    struct tw_layout layout;
    struct change change = {.grid = *grid};
    enum tw_status status = tw_plan_layout(plan, x_value, &layout, error);
    if (status != TW_OK)
        return status;
    if (is_table)
        tw_grid_table(&quantised->whole_grid, grid, change.table);
    else
        tw_layout_set_type(&layout, dnnl_f32);
    if ((status = tw_plan_slot_in(plan, x_value, &layout, &x, error)) != TW_OK)
        return status;
    tw_layout_set_type(&layout, grid->is_signed ? dnnl_s8 : dnnl_u8);
    if ((status = tw_plan_output_slot(plan, node->outputs[0], &layout, &y, error)) != TW_OK)
        return status;
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    return add_change(plan, node, &change, is_table ? run_table : run_quantise, arguments, 2, error);
}

/* What was put on a grid and comes back, as floats all the way; what lies on that grid already stays. */
static enum tw_status round_floats(struct tw_plan *plan, const struct tw_node *node, struct tw_error *error)
{
    const struct quantised *y = &plan->quantised[node->outputs[0]], *x = &plan->quantised[y->before];
    struct tw_layout layout;
    struct argument arguments[2] = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_DST, 0}};
    const struct change change = {.grid = y->grid};
    enum tw_status status = tw_plan_layout(plan, y->before, &layout, error);
    if (status != TW_OK || (status = tw_plan_slot_in(plan, y->before, &layout, &arguments[0].slot, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &layout, &arguments[1].slot, error)) != TW_OK)
        return status;
    if (x->is_on_grid && tw_grid_equal(&x->grid, &y->grid)) {
        plan->slots[arguments[1].slot].root = arguments[0].slot;
        return TW_OK;
    }
    return add_change(plan, node, &change, run_round, arguments, 2, error);
}

static bool is_sum_of_integers(const struct tw_plan *plan, const struct tw_node *node, struct narrow_sum *sum)
{
    const struct tw_value *values = plan->graph->values;
    bool is_sum =
        node->op == TW_OP_ADD && node->residual < 0 && values[node->outputs[0]].dtype == TW_F32 &&
        tw_shape_equal(&values[node->inputs[0]].shape, &values[node->inputs[1]].shape) &&
        plan->quantised[node->inputs[0]].whole >= 0 && plan->quantised[node->inputs[1]].whole >= 0 &&
        plan->quantised[node->outputs[0]].rounds >= 0 &&
        (node->activation == TW_ACT_NONE || node->activation == TW_ACT_RELU || node->activation == TW_ACT_CLIP);
    if (!is_sum)
        return false;
    bool is_clip = node->activation == TW_ACT_CLIP;
    const struct narrow_sum_grids grids = {
        .a = plan->quantised[node->inputs[0]].whole_grid,
        .b = plan->quantised[node->inputs[1]].whole_grid,
        .y = plan->quantised[node->outputs[0]].rounds_grid,
        .least = node->activation == TW_ACT_RELU ? 0
                 : is_clip                       ? node->activation_alpha
                                                 : -INFINITY,
        .most = is_clip ? node->activation_beta : INFINITY,
    };
    return narrow_sum_init(sum, &grids);
}

static enum tw_status add_sum(struct tw_plan *plan, const struct tw_node *node, const struct narrow_sum *sum,
                              struct tw_error *error)
{
    const struct quantised *a = &plan->quantised[node->inputs[0]], *b = &plan->quantised[node->inputs[1]],
                           *y = &plan->quantised[node->outputs[0]];
    struct argument arguments[3] = {{DNNL_ARG_SRC_0, 0}, {DNNL_ARG_SRC_1, 0}, {DNNL_ARG_DST, 0}};
    const struct change change = {.sum = *sum};
    struct tw_layout layout;
    enum tw_status status = tw_plan_layout(plan, a->whole, &layout, error);
    if (status != TW_OK || (status = tw_plan_slot_in(plan, a->whole, &layout, &arguments[0].slot, error)) != TW_OK)
        return status;
    tw_layout_set_type(&layout, b->whole_grid.is_signed ? dnnl_s8 : dnnl_u8);
    if ((status = tw_plan_slot_in(plan, b->whole, &layout, &arguments[1].slot, error)) != TW_OK)
        return status;
    tw_layout_set_type(&layout, y->rounds_grid.is_signed ? dnnl_s8 : dnnl_u8);
    if ((status = tw_plan_output_slot(plan, y->rounds, &layout, &arguments[2].slot, error)) != TW_OK)
        return status;
    return add_change(plan, node, &change, run_add, arguments, 3, error);
}

static bool is_rounding(const struct tw_plan *plan, const struct tw_node *node)
{
    return plan->prefers_floats && plan->quantised[node->outputs[0]].before >= 0 &&
           plan->quantised[node->outputs[0]].is_on_grid;
}

enum tw_status tw_step_quantise(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct grid grid;
    struct narrow_sum sum;
    if (is_sum_of_integers(plan, node, &sum)) {
        *is_done = true;
        return add_sum(plan, node, &sum, error);
    }
    if (node->op == TW_OP_DEQUANTIZE_LINEAR && plan->quantised[node->outputs[0]].before >= 0) {
        *is_done = true;
        return round_floats(plan, node, error);
    }
    if (node->op == TW_OP_DEQUANTIZE_LINEAR) {
        /* Made once its floats are asked for. */
        *is_done = plan->quantised[node->outputs[0]].whole >= 0;
        return TW_OK;
    }
    if (node->op != TW_OP_QUANTIZE_LINEAR || !tw_plan_grid(plan, node, &grid) ||
        tw_plan_is_constant(plan, node->inputs[0]))
        return TW_OK;
    *is_done = true;
    /* Nobody reads what only comes back as floats. */
    return plan->own[node->outputs[0]] != NO_SLOT || is_rounding(plan, node) ? TW_OK
                                                                             : quantise(plan, node, &grid, error);
}
