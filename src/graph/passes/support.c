#include "graph/passes/support.h"

#include <string.h>

enum tw_status pass_index_init(struct pass_index *index, const struct tw_graph *graph, struct tw_error *error)
{
    index->makers = tw_alloc(3 * graph->value_count + 1, sizeof *index->makers);
    if (index->makers == NULL)
        return tw_fail_memory(error, 3 * graph->value_count * sizeof *index->makers, "a pass over a graph");
    index->uses = index->makers + graph->value_count;
    index->user = index->uses + graph->value_count;
    for (size_t i = 0; i < graph->value_count; i++)
        index->makers[i] = index->user[i] = -1;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct tw_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count + 1; i++) {
            int id = i < node->input_count ? node->inputs[i] : node->residual;
            if (id >= 0)
                index->uses[id]++, index->user[id] = (int)n;
        }
        for (int i = 0; i < node->output_count; i++) {
            if (node->outputs[i] >= 0)
                index->makers[node->outputs[i]] = (int)n;
        }
    }
    for (size_t i = 0; i < graph->output_count; i++)
        index->uses[graph->outputs[i]]++;
    return TW_OK;
}

void pass_index_release(struct pass_index *index)
{
    tw_free(index->makers);
    *index = (struct pass_index){0};
}

void pass_remove(struct tw_node *node)
{
    node->input_count = node->output_count = 0;
    node->residual = -1;
}

bool pass_is_removed(const struct tw_node *node)
{
    return node->output_count == 0;
}

float pass_element(const struct tw_graph *graph, int value, int64_t at)
{
    float number;
    memcpy(&number, (const char *)graph->values[value].data + at * (int64_t)sizeof number, sizeof number);
    return number;
}

bool pass_scalar(const struct tw_graph *graph, int value, float *number)
{
    int64_t count;
    if (value < 0 || graph->values[value].data == NULL || graph->values[value].dtype != TW_F32 ||
        !tw_shape_count(&graph->values[value].shape, &count) || count != 1)
        return false;
    *number = pass_element(graph, value, 0);
    return true;
}

bool pass_takes_more(const struct tw_node *node)
{
    return (node->op == TW_OP_CONV || node->op == TW_OP_GEMM || node->op == TW_OP_MATMUL) && node->output_count == 1 &&
           node->activation == TW_ACT_NONE;
}
