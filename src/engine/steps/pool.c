#include "engine/steps/pooling.h"

#include "engine/vector/kernels.h"

bool tw_is_pool(const struct tw_plan *plan, const struct tw_node *node)
{
    bool is_global = node->op == TW_OP_GLOBAL_AVERAGE_POOL || node->op == TW_OP_GLOBAL_MAX_POOL;
    bool is_pool = is_global || node->op == TW_OP_MAX_POOL || node->op == TW_OP_AVERAGE_POOL;
    return is_pool && plan->graph->values[node->inputs[0]].shape.rank == 4 && node->residual < 0 &&
           node->activation == TW_ACT_NONE && (node->output_count < 2 || node->outputs[1] < 0) &&
           plan->graph->values[node->inputs[0]].dtype == TW_F32;
}

enum tw_status tw_pool_window(const struct tw_plan *plan, const struct tw_node *node, struct op_window *window,
                              struct tw_error *error)
{
    const struct tw_shape *x = &plan->graph->values[node->inputs[0]].shape;
    if (node->op == TW_OP_MAX_POOL || node->op == TW_OP_AVERAGE_POOL)
        return op_window_of(node, x, NULL, window, error);
    *window = (struct op_window){.rank = 2};
    for (int i = 1; i < OP_SPATIAL; i++) {
        window->in[i] = window->kernel[i] = x->dims[i + 1];
        window->out[i] = window->stride[i] = window->dilation[i] = 1;
    }
    return TW_OK;
}

bool tw_pool_operation(const struct tw_node *node, const struct op_window *w, const struct tw_layout *x,
                       const struct tw_layout *y, struct tw_onednn_operation *operation)
{
    bool is_max = node->op == TW_OP_MAX_POOL || node->op == TW_OP_GLOBAL_MAX_POOL;
    bool counts_pads = tw_node_int(node, "count_include_pad", 0) != 0;
    *operation = (struct tw_onednn_operation){.kind = TW_ONEDNN_POOLING, .x = *x, .y = *y};
    for (int i = 0; i < 2; i++) {
        int at = OP_SPATIAL - 2 + i;
        operation->strides[i] = w->stride[at];
        operation->kernel[i] = w->kernel[at];
        operation->begin[i] = w->begin[at];
        operation->end[i] = (w->out[at] - 1) * w->stride[at] + w->kernel[at] - w->in[at] - w->begin[at];
        if (w->dilation[at] != 1 || (counts_pads && operation->end[i] > w->end[at]))
            return false;
    }
    operation->how = is_max        ? dnnl_pooling_max
                     : counts_pads ? dnnl_pooling_avg_include_padding
                                   : dnnl_pooling_avg_exclude_padding;
    return true;
}

/* Windows over blocks of channels: own kernels, which are bound by memory only. */
struct pooling {
    struct vector_pool form; /* places are filled in for each block */
    void (*kernel)(const struct vector_pool *pool);
    int blocks, width;
};

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct pooling *pooling = step->state;
    const int *in = pooling->form.in, *out = pooling->form.out;
    (void)error;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < pooling->blocks; i++) {
        struct vector_pool pool = pooling->form;
        pool.x = (const float *)memory[0] + (size_t)i * (size_t)in[0] * (size_t)in[1] * (size_t)pooling->width;
        pool.y = (float *)memory[1] + (size_t)i * (size_t)out[0] * (size_t)out[1] * (size_t)pooling->width;
        pooling->kernel(&pool);
    }
    return TW_OK;
}

/* False: not a form for own kernels. */
static bool describe(const struct tw_node *node, const struct op_window *w, const struct tw_layout *x,
                     const struct tw_layout *y, struct pooling *pooling)
{
    struct tw_layout blocked;
    if (!tw_onednn_blocked(x->dims, &blocked) || !tw_onednn_same(&blocked, x))
        return false;
    int width = (int)blocked.blocks[0];
    const struct vector_kernels *kernels = vector_kernels_for(width);
    if (kernels == NULL || !tw_onednn_blocked(y->dims, &blocked) || x->dims[0] * x->dims[1] > OP_MAX_EXTENT)
        return false;
    pooling->kernel = kernels->pool;
    pooling->width = width;
    pooling->blocks = (int)(x->dims[0] * x->dims[1]) / width;
    struct vector_pool *form = &pooling->form;
    form->is_mean = node->op == TW_OP_AVERAGE_POOL || node->op == TW_OP_GLOBAL_AVERAGE_POOL;
    form->counts_pads = tw_node_int(node, "count_include_pad", 0) != 0;
    for (int i = 0; i < 2; i++) {
        int at = OP_SPATIAL - 2 + i;
        if (w->in[at] > INT16_MAX || w->kernel[at] > INT16_MAX || w->stride[at] > INT16_MAX || w->dilation[at] != 1 ||
            w->begin[at] >= w->kernel[at] || (w->out[at] - 1) * w->stride[at] - w->begin[at] >= w->in[at] ||
            (form->counts_pads &&
             (w->out[at] - 1) * w->stride[at] + w->kernel[at] - w->in[at] - w->begin[at] > w->end[at]))
            return false;
        form->in[i] = (int)w->in[at];
        form->out[i] = (int)w->out[at];
        form->kernel[i] = (int)w->kernel[at];
        form->stride[i] = (int)w->stride[at];
        form->begin[i] = (int)w->begin[at];
    }
    return true;
}

static enum tw_status add_own(struct tw_plan *plan, const struct tw_node *node, const struct pooling *pooling, int x,
                              struct tw_error *error)
{
    struct tw_layout layout;
    int y;
    struct pooling *state = tw_alloc(1, sizeof *state);
    enum tw_status status = state != NULL ? TW_OK : tw_fail_memory(error, sizeof *state, "a pool");
    (void)tw_onednn_blocked(plan->graph->values[node->outputs[0]].shape.dims, &layout);
    if (status == TW_OK)
        status = tw_plan_output_slot(plan, node->outputs[0], &layout, &y, error);
    if (status == TW_OK) {
        const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
        status = tw_plan_add_step(plan, node, "vector pool", NULL, arguments, 2, error);
    }
    if (status != TW_OK) {
        tw_free(state);
        return status;
    }
    *state = *pooling;
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = state;
    step->free_state = tw_free;
    return TW_OK;
}

enum tw_status tw_step_pool(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct op_window window;
    struct tw_layout x_layout, y_layout;
    struct tw_onednn_operation operation;
    struct tw_onednn_primitive made;
    dnnl_primitive_attr_t attributes;
    int x, y;
    if (!tw_is_pool(plan, node))
        return TW_OK;
    enum tw_status status = tw_pool_window(plan, node, &window, error);
    if (status != TW_OK || (status = tw_plan_layout(plan, node->inputs[0], &x_layout, error)) != TW_OK ||
        (status = tw_onednn_any(4, plan->graph->values[node->outputs[0]].shape.dims, &y_layout, error)) != TW_OK)
        return status;
    struct pooling pooling;
    if (describe(node, &window, &x_layout, &y_layout, &pooling)) {
        *is_done = true;
        if ((status = tw_plan_slot_in(plan, node->inputs[0], &x_layout, &x, error)) != TW_OK)
            return status;
        return add_own(plan, node, &pooling, x, error);
    }
    if (!tw_pool_operation(node, &window, &x_layout, &y_layout, &operation) ||
        !tw_onednn_attributes(node, false, &attributes))
        return TW_OK;
    bool is_made = tw_onednn_make(plan->engine, &operation, attributes, &made, &(struct tw_error){0}) == TW_OK;
    dnnl_primitive_attr_destroy(attributes);
    if (!is_made)
        return TW_OK;
    y_layout = tw_onednn_layout(made.descriptor, dnnl_query_dst_md, 0);
    if ((status = tw_plan_slot_in(plan, node->inputs[0], &x_layout, &x, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &y_layout, &y, error)) != TW_OK) {
        dnnl_primitive_desc_destroy(made.descriptor);
        dnnl_primitive_destroy(made.primitive);
        return status;
    }
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    status = tw_plan_add_made(plan, node, "onednn pool", &made, arguments, 2, error);
    *is_done = status == TW_OK;
    return status;
}
