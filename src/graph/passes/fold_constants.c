#include "graph/bind.h"
#include "graph/passes/support.h"

#include <string.h>

/* What is made anew of constants may be larger than they are (Expand, Tile): up to this many bytes. */
enum { MAX_FOLDED_BYTES = 256 << 20 };

static bool is_foldable(const struct tw_graph *graph, const struct tw_node *node)
{
    int64_t count;
    if (pass_is_removed(node) || (node->input_count == 0 && node->op != TW_OP_CONSTANT))
        return false;
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] < 0)
            continue;
        const struct tw_value *value = &graph->values[node->outputs[i]];
        if (value->data != NULL || !tw_shape_count(&value->shape, &count) ||
            count * (int64_t)tw_dtype_size(value->dtype) > MAX_FOLDED_BYTES)
            return false;
    }
    if (node->op == TW_OP_SHAPE)
        return tw_shape_count(&graph->values[node->inputs[0]].shape, &count);
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && graph->values[node->inputs[i]].data == NULL)
            return false;
    }
    return node->residual < 0;
}

static enum tw_status keep_outputs(struct tw_graph *graph, const struct tw_node *node, const struct tw_binder *binder,
                                   struct tw_error *error)
{
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] < 0)
            continue;
        struct tw_tensor tensor = tw_binder_tensor(binder, node->outputs[i]);
        int64_t count = 0;
        if (tensor.data == NULL || !tw_shape_count(&tensor.shape, &count))
            return tw_fail(error, TW_CORRUPT, "a constant could not be made");
        size_t bytes = (size_t)count * tw_dtype_size(tensor.dtype);
        void *copy = tw_arena_alloc(&graph->arena, bytes + 1, 1);
        if (copy == NULL)
            return tw_fail_memory(error, bytes, "a constant");
        memcpy(copy, tensor.data, bytes);
        graph->values[node->outputs[i]].data = copy;
    }
    return TW_OK;
}

static enum tw_status run(struct tw_graph *graph, bool *has_changed, struct tw_error *error)
{
    struct tw_binder binder;
    bool has_work = false;
    for (size_t n = 0; n < graph->node_count && !has_work; n++)
        has_work = is_foldable(graph, &graph->nodes[n]);
    if (!has_work)
        return TW_OK;
    enum tw_status status = tw_binder_init(&binder, graph, INT64_MAX, error);
    if (status != TW_OK)
        return status;
    for (size_t n = 0; n < graph->node_count && status == TW_OK; n++) {
        struct tw_node *node = &graph->nodes[n];
        if (!is_foldable(graph, node))
            continue;
        status = tw_binder_run(&binder, node, error);
        if (status == TW_OK)
            status = keep_outputs(graph, node, &binder, error);
        if (status == TW_OK)
            pass_remove(node);
        *has_changed = true;
    }
    tw_binder_release(&binder);
    return status;
}

const struct tw_pass tw_pass_fold_constants = {"fold constants", run};
