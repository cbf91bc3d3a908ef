#include "graph/bind.h"
#include "graph/passes/edit.h"
#include "graph/passes/list.h"

#include <string.h>

/* A constant that is greater than this stays a computation: files must not grow in memory by what they merely name. */
static const int64_t max_folded_bytes = (int64_t)256 << 20;

static bool is_foldable(const struct tw_edit *edit, const struct tw_node *node)
{
    if (!tw_edit_is_plain(node))
        return false;
    for (int i = 0; i < node->input_count; i++) {
        bool is_shape = node->op == TW_OP_SHAPE && tw_edit_is_known(&tw_edit_value(edit, node->inputs[i])->shape);
        if (node->inputs[i] >= 0 && !tw_edit_is_constant(edit, node->inputs[i]) && !is_shape)
            return false;
    }
    for (int i = 0; i < node->output_count; i++) {
        int64_t count, bytes;
        if (node->outputs[i] < 0)
            continue;
        const struct tw_value *value = &edit->graph->values[node->outputs[i]];
        if (edit->values[node->outputs[i]].is_output || !tw_shape_count(&value->shape, &count) ||
            __builtin_mul_overflow(count, (int64_t)tw_dtype_size(value->dtype), &bytes) || bytes > max_folded_bytes)
            return false;
    }
    return true;
}

/* What a DequantizeLinear makes still says on which grid it lies: integer kernels want the integers. */
static enum tw_status keep_grid(struct tw_edit *edit, const struct tw_node *node)
{
    struct tw_graph *graph = edit->graph;
    const struct tw_value *scale = &graph->values[node->inputs[1]];
    int64_t count, axis = tw_node_int(node, "axis", 1), rank = graph->values[node->outputs[0]].shape.rank;
    if (!tw_shape_count(&scale->shape, &count) || count < 1)
        return TW_OK;
    float *scales = tw_arena_alloc(&graph->arena, (size_t)count, sizeof *scales);
    if (!scales)
        return tw_edit_no_memory(edit);
    memcpy(scales, scale->data, (size_t)count * sizeof *scales);
    int32_t *zeros = tw_arena_alloc(&graph->arena, (size_t)count, sizeof *zeros);
    if (!zeros)
        return tw_edit_no_memory(edit);
    for (int64_t i = 0; i < count && node->input_count > 2 && node->inputs[2] >= 0; i++) {
        const struct tw_value *zero = &graph->values[node->inputs[2]];
        const struct tw_tensor tensor = {.dtype = zero->dtype, .shape = zero->shape, .data = zero->data};
        zeros[i] = (int32_t)op_load_int(&tensor, zero->data, i);
    }
    graph->values[node->outputs[0]].quantisation = (struct tw_quantisation){
        .scale = scales, .zero_point = zeros, .count = count, .axis = (int)(axis < 0 ? axis + rank : axis)};
    return TW_OK;
}

/* Runs the node and keeps what it makes. One that the reference cannot run stays. */
static enum tw_status fold(struct tw_edit *edit, struct tw_binder *binder, size_t index)
{
    struct tw_graph *graph = edit->graph;
    const struct tw_node *node = &graph->nodes[index];
    struct tw_error unused = {0};
    enum tw_status status = tw_binder_run(binder, node, &unused);
    if (status)
        return status == TW_NO_MEMORY ? tw_fail(edit->error, status, "%s", unused.text) : TW_OK;
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            graph->values[node->outputs[i]].data = binder->data[node->outputs[i]];
    }
    if (node->op == TW_OP_DEQUANTIZE_LINEAR && (status = keep_grid(edit, node)) != TW_OK)
        return status;
    tw_edit_kill(edit, index);
    return TW_OK;
}

TW_PASS(fold)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    struct tw_binder binder = {0};
    for (size_t n = 0; n < edit.first_count && !status; n++) {
        if (!is_foldable(&edit, tw_edit_node(&edit, n)))
            continue;
        if (!binder.graph)
            status = tw_binder_init(&binder, graph, INT64_MAX, error);
        binder.arena = &graph->arena;
        if (!status)
            status = fold(&edit, &binder, n);
    }
    tw_binder_release(&binder);
    return tw_edit_end(&edit, status, has_changed);
}
