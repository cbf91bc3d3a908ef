#include "graph/bind.h"

#include <string.h>

/* Kernels trust the shapes that they are given: here these are compared with what inference says. */
static enum tw_status check_shapes(const struct tw_node *node, const struct tw_tensor *inputs,
                                   const struct tw_tensor *outputs, struct tw_error *error)
{
    struct tw_tensor *inferred = tw_alloc((size_t)node->output_count, sizeof *inferred);
    if (!inferred)
        return tw_fail_memory(error, (size_t)node->output_count * sizeof *inferred, "inferred shapes");
    enum tw_status status = tw_op_table[node->op].infer(node, inputs, inferred, error);
    for (int i = 0; i < node->output_count && !status; i++) {
        if (node->outputs[i] < 0)
            continue;
        if (outputs[i].dtype != inferred[i].dtype || !tw_shape_equal(&outputs[i].shape, &inferred[i].shape)) {
            char given[128], right[128];
            tw_shape_text(&outputs[i].shape, given, sizeof given);
            tw_shape_text(&inferred[i].shape, right, sizeof right);
            status = tw_fail(error, TW_INVALID, "output %d is said to be %s of shape %s, but is %s of shape %s", i,
                             tw_dtype_name(outputs[i].dtype), given, tw_dtype_name(inferred[i].dtype), right);
        }
    }
    tw_free(inferred);
    return status;
}

static enum tw_status check_inputs(const struct tw_node *node, const struct tw_tensor *inputs, struct tw_error *error)
{
    for (int i = 0; i < node->input_count; i++) {
        int64_t count;
        if (node->inputs[i] < 0)
            continue;
        if (node->op != TW_OP_SHAPE && (!inputs[i].data || !tw_shape_count(&inputs[i].shape, &count)))
            return tw_fail(error, TW_INVALID, "the data or shape of input %d is not known", i);
    }
    return TW_OK;
}

static enum tw_status finish(const struct tw_node *node, const struct tw_tensor *residual, struct tw_tensor *y,
                             struct tw_error *error)
{
    int64_t count;
    if (!residual && node->activation == TW_ACT_NONE)
        return TW_OK;
    if (y->dtype != TW_F32 || !tw_shape_count(&y->shape, &count))
        return tw_fail(error, TW_INVALID, "a residual or an activation of %s", tw_dtype_name(y->dtype));
    if (residual && (!residual->data || residual->dtype != TW_F32 || !tw_shape_equal(&residual->shape, &y->shape)))
        return tw_fail(error, TW_INVALID, "its residual is not of its result's type and shape");
    float *out = y->out;
    for (int64_t i = 0; i < count; i++) {
        float value = residual ? out[i] + ((const float *)residual->data)[i] : out[i];
        out[i] = tw_activate(node->activation, node->activation_alpha, node->activation_beta, value);
    }
    return TW_OK;
}

enum tw_status tw_reference_node(const struct tw_node *node, const struct tw_tensor *inputs,
                                 const struct tw_tensor *residual, struct tw_tensor *outputs, struct tw_error *error)
{
    enum tw_status status = check_inputs(node, inputs, error);
    if (!status)
        status = check_shapes(node, inputs, outputs, error);
    if (!status)
        status = tw_op_table[node->op].reference(node, inputs, outputs, error);
    if (!status)
        status = finish(node, residual, &outputs[0], error);
    return status;
}

/* How often each value is still asked for; a value that nobody asks for any more gives its memory back. */
static void count_uses(const struct tw_graph *graph, size_t *uses)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct tw_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count; i++) {
            if (node->inputs[i] >= 0)
                uses[node->inputs[i]]++;
        }
        if (node->residual >= 0)
            uses[node->residual]++;
    }
    for (size_t i = 0; i < graph->output_count; i++)
        uses[graph->outputs[i]]++;
}

static void drop_use(struct tw_binder *binder, size_t *uses, int id)
{
    if (id >= 0 && --uses[id] == 0 && binder->owned[id])
        tw_binder_forget(binder, id);
}

static enum tw_status run_nodes(struct tw_binder *binder, size_t *uses, struct tw_error *error)
{
    const struct tw_graph *graph = binder->graph;
    count_uses(graph, uses);
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct tw_node *node = &graph->nodes[n];
        enum tw_status status = tw_binder_run(binder, node, error);
        if (status)
            return status;
        for (int i = 0; i < node->input_count; i++)
            drop_use(binder, uses, node->inputs[i]);
        drop_use(binder, uses, node->residual);
    }
    return TW_OK;
}

static enum tw_status copy_output(const struct tw_binder *binder, int id, void **output, struct tw_error *error)
{
    struct tw_tensor tensor = tw_binder_tensor(binder, id);
    int64_t count;
    if (!tensor.data || !tw_shape_count(&tensor.shape, &count))
        return tw_fail(error, TW_INVALID, "the data or shape of output '%s' is not known",
                       binder->graph->values[id].name);
    size_t bytes = (size_t)count * tw_dtype_size(tensor.dtype);
    void *copy = tw_alloc_aligned(bytes);
    if (!copy)
        return tw_fail_memory(error, bytes, "an output");
    memcpy(copy, tensor.data, bytes);
    *output = copy;
    return TW_OK;
}

enum tw_status tw_reference_run(const struct tw_graph *graph, const void *const *inputs, void **outputs,
                                struct tw_error *error)
{
    struct tw_binder binder;
    enum tw_status status = tw_binder_init(&binder, graph, INT64_MAX, error);
    if (status)
        return status;
    for (size_t i = 0; i < graph->input_count; i++)
        binder.data[graph->inputs[i]] = inputs[i];
    size_t done = 0, *uses = tw_alloc(graph->value_count, sizeof *uses);
    void **made = tw_alloc(graph->output_count, sizeof *made);
    if (!uses || !made)
        status = tw_fail_memory(error, graph->value_count * sizeof *uses, "a run of a graph");
    else
        status = run_nodes(&binder, uses, error);
    for (; done < graph->output_count && !status; done++)
        status = copy_output(&binder, graph->outputs[done], &made[done], error);
    for (size_t i = 0; i < graph->output_count && made; i++) {
        if (status)
            tw_free(made[i]);
        else
            outputs[i] = made[i];
    }
    tw_free(made);
    tw_free(uses);
    tw_binder_release(&binder);
    return status;
}
