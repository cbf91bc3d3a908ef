/* Convolutions that own kernels do faster than the library: see engine/winograd/rule.h. */
#include "engine/winograd/winograd.h"

#include "engine/steps/convolution.h"
#include "engine/winograd/rule.h"

#include <math.h>
#include <string.h>

static bool fits(const struct tw_plan *plan, const struct tw_node *node)
{
    const struct tw_value *values = plan->graph->values;
    return tw_is_convolution(plan->graph, node) && values[node->inputs[0]].shape.dims[0] == 1 &&
           tw_node_int(node, "group", 1) == 1 &&
           (node->activation == TW_ACT_NONE || node->activation == TW_ACT_RELU || node->activation == TW_ACT_CLIP);
}

/* False: not a convolution of a size that fits ints. */
static bool shape_of(const struct op_window *window, const struct tw_shape *weights, struct winograd_shape *shape)
{
    *shape = (struct winograd_shape){.in_channels = (int)weights->dims[1], .out_channels = (int)weights->dims[0]};
    if (weights->dims[0] > OP_MAX_EXTENT || weights->dims[1] > OP_MAX_EXTENT)
        return false;
    for (int i = 0; i < 2; i++) {
        int at = OP_SPATIAL - 2 + i;
        if (window->stride[at] > INT8_MAX || window->dilation[at] != 1 || window->begin[at] < 0 ||
            window->begin[at] > INT16_MAX || window->out[at] < 1 || window->in[at] > INT16_MAX ||
            window->out[at] > INT16_MAX || window->kernel[at] > WINOGRAD_MAX_TAPS)
            return false;
        shape->in[i] = (int)window->in[at];
        shape->out[i] = (int)window->out[at];
        shape->kernel[i] = (int)window->kernel[at];
        shape->stride[i] = (int)window->stride[at];
        shape->begin[i] = (int)window->begin[at];
    }
    return true;
}

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    (void)error;
    bool has_residual = step->argument_count > 2;
    const struct winograd_io io = {memory[0], has_residual ? memory[2] : NULL, memory[1]};
    winograd_run(step->state, &io, memory[step->argument_count]);
    return TW_OK;
}

static void free_state(void *state)
{
    winograd_free(state);
}

/* The file's floats where they are aligned, else a copy that is the caller's to free. */
static const float *floats_of(const struct tw_value *value, void **copy, struct tw_error *error)
{
    int64_t count;
    if ((uintptr_t)value->data % sizeof(float) == 0)
        return (const float *)value->data;
    (void)tw_shape_count(&value->shape, &count);
    *copy = tw_alloc_aligned((size_t)count * sizeof(float));
    if (*copy == NULL)
        (void)tw_fail_memory(error, (size_t)count * sizeof(float), "weights");
    else
        memcpy(*copy, value->data, (size_t)count * sizeof(float));
    return *copy;
}

static enum tw_status make(struct tw_plan *plan, const struct tw_node *node, const struct winograd_shape *shape,
                           const struct vector_kernels *kernels, struct winograd **made, struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    bool has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    void *copies[2] = {NULL, NULL};
    const float *weights = floats_of(&values[node->inputs[1]], &copies[0], error);
    const float *bias = has_bias ? floats_of(&values[node->inputs[2]], &copies[1], error) : NULL;
    enum tw_status status = TW_NO_MEMORY;
    struct winograd_options options = {kernels, -INFINITY, INFINITY, plan->threads_inside, &plan->weights};
    if (node->activation == TW_ACT_RELU)
        options.least = 0;
    if (node->activation == TW_ACT_CLIP)
        options.least = node->activation_alpha, options.most = node->activation_beta;
    if (weights != NULL && (!has_bias || bias != NULL))
        status = winograd_new(shape, &options, weights, bias, made, error);
    tw_free(copies[0]);
    tw_free(copies[1]);
    return status;
}

static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, const struct tw_layout layouts[2],
                          const struct winograd_rule *rule, struct winograd *winograd, struct tw_error *error)
{
    int x, y, residual = NO_SLOT;
    enum tw_status status;
    if ((status = tw_plan_slot_in(plan, node->inputs[0], &layouts[0], &x, error)) != TW_OK ||
        (node->residual >= 0 &&
         (status = tw_plan_slot_in(plan, node->residual, &layouts[1], &residual, error)) != TW_OK) ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &layouts[1], &y, error)) != TW_OK)
        return status;
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}, {DNNL_ARG_SRC_1, residual}};
    int count = node->residual >= 0 ? 3 : 2;
    if ((status = tw_plan_add_step(plan, node, rule->name, NULL, arguments, count, error)) != TW_OK ||
        (status = tw_convolution_note(plan, node, "f32", error)) != TW_OK)
        return status;
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = winograd;
    step->free_state = free_state;
    step->scratchpad_bytes = winograd_scratch_bytes(winograd);
    plan->weight_bytes += winograd_weight_bytes(winograd);
    return TW_OK;
}

/* What the table says, or the trial; else the rule. NULL: the library does it. */
static const struct winograd_rule *choose(const struct tw_plan *plan, const struct tw_node *node,
                                          const struct winograd_shape *shape, int width)
{
    const char *choice = tw_convolution_choice(plan, node, "f32");
    bool is_library = choice != NULL && strncmp(choice, "onednn ", 7) == 0;
    if (is_library || (choice == NULL && plan->trial.kind == TRIAL_LIBRARY))
        return NULL;
    const struct winograd_rule *rule = NULL;
    if (choice != NULL)
        rule = winograd_rule_named(shape, choice);
    else if (plan->trial.kind == TRIAL_OWN)
        rule = winograd_rule_at(shape, plan->trial.index);
    bool suits = rule != NULL && (node->residual < 0 || rule->tile == 1);
    return suits ? rule : winograd_rule_for(shape, width);
}

enum tw_status tw_step_winograd(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct op_window window;
    struct winograd_shape shape;
    struct winograd *winograd;
    struct tw_layout layouts[2];
    if (!fits(plan, node))
        return TW_OK;
    const struct tw_shape *x = &plan->graph->values[node->inputs[0]].shape,
                          *w = &plan->graph->values[node->inputs[1]].shape,
                          *y = &plan->graph->values[node->outputs[0]].shape;
    enum tw_status status = op_window_of(node, x, w, &window, error);
    if (status != TW_OK)
        return status;
    if (!shape_of(&window, w, &shape) || !tw_onednn_blocked(x->dims, &layouts[0]) ||
        !tw_onednn_blocked(y->dims, &layouts[1]))
        return TW_OK;
    int width = (int)layouts[0].blocks[0];
    const struct vector_kernels *kernels = vector_kernels_for(width);
    const struct winograd_rule *rule = choose(plan, node, &shape, width);
    if (kernels == NULL || rule == NULL || (node->residual >= 0 && rule->tile > 1))
        return TW_OK;
    for (int i = 0; i < 2; i++)
        shape.tile[i] = shape.kernel[i] > 1 ? rule->tile : 1;
    if ((status = make(plan, node, &shape, kernels, &winograd, error)) != TW_OK)
        return status;
    status = add(plan, node, layouts, rule, winograd, error);
    if (status != TW_OK)
        winograd_free(winograd);
    *is_done = status == TW_OK;
    return status;
}
