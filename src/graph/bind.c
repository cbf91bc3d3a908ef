#include "graph/bind.h"

#include <string.h>

const char *tw_node_label(const struct tw_graph *graph, const struct tw_node *node)
{
    if (node->name[0])
        return node->name;
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            return graph->values[node->outputs[i]].name;
    }
    return "without a name";
}

static enum tw_status know_constant(struct tw_binder *binder, size_t id, int64_t copy_limit, struct tw_error *error)
{
    const struct tw_value *value = &binder->graph->values[id];
    size_t size = tw_dtype_size(value->dtype);
    int64_t count;
    if (!value->data || size == 0)
        return TW_OK;
    if ((uintptr_t)value->data % size == 0) {
        binder->data[id] = value->data;
        return TW_OK;
    }
    if (!tw_shape_count(&value->shape, &count) || count > copy_limit)
        return TW_OK;
    void *copy = tw_alloc((size_t)count, size);
    if (!copy)
        return tw_fail_memory(error, (size_t)count * size, "a constant");
    memcpy(copy, value->data, (size_t)count * size);
    binder->data[id] = binder->owned[id] = copy;
    return TW_OK;
}

enum tw_status tw_binder_init(struct tw_binder *binder, const struct tw_graph *graph, int64_t copy_limit,
                              struct tw_error *error)
{
    size_t most_inputs = 1, most_outputs = 1;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct tw_node *node = &graph->nodes[n];
        size_t inputs = (size_t)node->input_count + (size_t)node->attribute_count;
        most_inputs = inputs > most_inputs ? inputs : most_inputs;
        most_outputs = (size_t)node->output_count > most_outputs ? (size_t)node->output_count : most_outputs;
    }
    *binder = (struct tw_binder){
        .graph = graph,
        .data = tw_alloc(graph->value_count, sizeof *binder->data),
        .owned = tw_alloc(graph->value_count, sizeof *binder->owned),
        .inputs = tw_alloc(most_inputs, sizeof *binder->inputs),
        .outputs = tw_alloc(most_outputs, sizeof *binder->outputs),
    };
    enum tw_status status = TW_OK;
    if (!binder->data || !binder->owned || !binder->inputs || !binder->outputs)
        status = tw_fail_memory(error, graph->value_count * sizeof *binder->data, "the values of a graph");
    for (size_t id = 0; id < graph->value_count && !status; id++)
        status = know_constant(binder, id, copy_limit, error);
    if (status)
        tw_binder_release(binder);
    return status;
}

void tw_binder_release(struct tw_binder *binder)
{
    for (size_t id = 0; binder->owned && id < binder->graph->value_count; id++)
        tw_free(binder->owned[id]);
    tw_free(binder->data);
    tw_free(binder->owned);
    tw_free(binder->inputs);
    tw_free(binder->outputs);
    *binder = (struct tw_binder){0};
}

struct tw_tensor tw_binder_tensor(const struct tw_binder *binder, int id)
{
    if (id < 0)
        return (struct tw_tensor){0};
    const struct tw_value *value = &binder->graph->values[id];
    return (struct tw_tensor){.dtype = value->dtype, .shape = value->shape, .data = binder->data[id]};
}

void tw_binder_bind(struct tw_binder *binder, const struct tw_node *node)
{
    int count = 0;
    for (int i = 0; i < node->input_count; i++)
        binder->inputs[count++] = tw_binder_tensor(binder, node->inputs[i]);
    for (int i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].kind == TW_ATTR_TENSOR)
            binder->inputs[count++] = tw_binder_tensor(binder, node->attributes[i].tensor);
    }
    for (int i = 0; i < node->output_count; i++) {
        binder->outputs[i] = tw_binder_tensor(binder, node->outputs[i]);
        binder->outputs[i].data = NULL;
    }
}

void tw_binder_forget(struct tw_binder *binder, int id)
{
    tw_free(binder->owned[id]);
    binder->owned[id] = NULL;
    binder->data[id] = NULL;
}

enum tw_status tw_binder_run(struct tw_binder *binder, const struct tw_node *node, struct tw_error *error)
{
    tw_binder_bind(binder, node);
    enum tw_status status = TW_OK;
    for (int i = 0; i < node->output_count && !status; i++) {
        struct tw_tensor *out = &binder->outputs[i];
        size_t size = tw_dtype_size(out->dtype);
        int64_t count;
        if (node->outputs[i] < 0)
            continue;
        if (size == 0 || !tw_shape_count(&out->shape, &count) || (uint64_t)count > SIZE_MAX / size)
            status = tw_fail(error, TW_INVALID, "the type or shape of '%s' is not known",
                             binder->graph->values[node->outputs[i]].name);
        else if (!(out->out = binder->arena ? tw_arena_alloc(binder->arena, (size_t)count ? (size_t)count : 1, size)
                                            : tw_alloc_aligned((size_t)count * size)))
            status = tw_fail_memory(error, (size_t)count * size, binder->graph->values[node->outputs[i]].name);
    }
    struct tw_tensor residual = tw_binder_tensor(binder, node->residual);
    if (!status)
        status = tw_reference_node(node, binder->inputs, node->residual < 0 ? NULL : &residual, binder->outputs, error);
    for (int i = 0; i < node->output_count; i++) {
        int id = node->outputs[i];
        if (id < 0)
            continue;
        if (status) {
            tw_free(binder->arena ? NULL : binder->outputs[i].out);
            continue;
        }
        tw_binder_forget(binder, id);
        binder->data[id] = binder->outputs[i].out;
        binder->owned[id] = binder->arena ? NULL : binder->outputs[i].out;
    }
    if (status && status != TW_NO_MEMORY)
        return tw_fail_within(error, status, "node '%s' (%s)", tw_node_label(binder->graph, node),
                              tw_op_table[node->op].name);
    return status;
}
