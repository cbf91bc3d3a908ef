/* What no other family does runs on the graph's reference kernel, in C order. Right first; the profile names what is slow. */
#include "engine/onednn.h"
#include "engine/plan.h"

static int tensor_attributes(const struct tw_node *node)
{
    int count = 0;
    for (int i = 0; i < node->attribute_count; i++)
        count += node->attributes[i].kind == TW_ATTR_TENSOR;
    return count;
}

static void bind_inputs(const struct step *step, void *const *memory, struct tw_tensor *inputs, int *at)
{
    const struct tw_node *node = step->node;
    const struct tw_value *values = step->graph->values;
    int next = 0;
    for (int i = 0; i < node->input_count; i++, next++) {
        int id = node->inputs[i];
        if (id >= 0)
            inputs[next] =
                (struct tw_tensor){.dtype = values[id].dtype, .shape = values[id].shape, .data = memory[(*at)++]};
    }
    for (int i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].kind == TW_ATTR_TENSOR) {
            const struct tw_value *value = &values[node->attributes[i].tensor];
            inputs[next++] = (struct tw_tensor){.dtype = value->dtype, .shape = value->shape, .data = memory[(*at)++]};
        }
    }
}

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct tw_node *node = step->node;
    const struct tw_value *values = step->graph->values;
    size_t ins = (size_t)(node->input_count + tensor_attributes(node)), outs = (size_t)node->output_count;
    struct tw_tensor *inputs = tw_alloc(ins + outs + 1, sizeof *inputs), residual = {0};
    if (inputs == NULL)
        return tw_fail_memory(error, (ins + outs) * sizeof *inputs, "a step");
    struct tw_tensor *outputs = inputs + ins;
    int at = 0;
    bind_inputs(step, memory, inputs, &at);
    if (node->residual >= 0) {
        const struct tw_value *value = &values[node->residual];
        residual = (struct tw_tensor){.dtype = value->dtype, .shape = value->shape, .data = memory[at++]};
    }
    for (size_t i = 0; i < outs; i++) {
        int id = node->outputs[i];
        if (id >= 0)
            outputs[i] = (struct tw_tensor){.dtype = values[id].dtype, .shape = values[id].shape, .out = memory[at++]};
    }
    enum tw_status status = tw_reference_node(node, inputs, node->residual >= 0 ? &residual : NULL, outputs, error);
    tw_free(inputs);
    return status;
}

static enum tw_status add_output(struct tw_plan *plan, int id, struct argument *argument, struct tw_error *error)
{
    const struct tw_value *value = &plan->graph->values[id];
    struct tw_layout layout;
    int64_t count;
    if (!tw_shape_count(&value->shape, &count))
        return tw_fail(error, TW_UNSUPPORTED, "the shape of %s is not known before it runs", value->name);
    enum tw_status status = tw_plan_plain_layout(value, &layout, error);
    if (status == TW_OK)
        status = tw_plan_add_slot(plan, layout.ndims > 0 ? &layout : NULL, (size_t)count * tw_dtype_size(value->dtype),
                                  &argument->slot, error);
    if (status == TW_OK)
        plan->own[id] = plan->plain[id] = argument->slot;
    argument->kind = DNNL_ARG_DST;
    return status;
}

enum tw_status tw_step_reference(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                 struct tw_error *error)
{
    size_t most = (size_t)(node->input_count + tensor_attributes(node) + 1 + node->output_count);
    struct argument *arguments = tw_alloc(most, sizeof *arguments);
    int count = 0;
    enum tw_status status = arguments != NULL ? TW_OK : tw_fail_memory(error, most * sizeof *arguments, "a step");
    for (int i = 0; i < node->input_count && status == TW_OK; i++) {
        if (node->inputs[i] >= 0)
            status = tw_plan_plain_slot(plan, node->inputs[i], &arguments[count++].slot, error);
    }
    for (int i = 0; i < node->attribute_count && status == TW_OK; i++) {
        if (node->attributes[i].kind == TW_ATTR_TENSOR)
            status = tw_plan_plain_slot(plan, node->attributes[i].tensor, &arguments[count++].slot, error);
    }
    if (status == TW_OK && node->residual >= 0)
        status = tw_plan_plain_slot(plan, node->residual, &arguments[count++].slot, error);
    for (int i = 0; i < node->output_count && status == TW_OK; i++) {
        if (node->outputs[i] >= 0)
            status = add_output(plan, node->outputs[i], &arguments[count++], error);
    }
    if (status == TW_OK)
        status = tw_plan_add_step(plan, node, "reference", NULL, arguments, count, error);
    tw_free(arguments);
    if (status != TW_OK)
        return status;
    plan->steps[plan->step_count - 1].run = run;
    *is_done = true;
    return TW_OK;
}
