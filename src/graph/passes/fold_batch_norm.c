/* y = (conv(x) - mean) * gain / sqrt(variance + epsilon) + shift, all of it linear by channel, becomes one convolution. */
#include "graph/passes/support.h"

#include <math.h>
#include <stdio.h>

static bool fits(const struct tw_graph *graph, const struct pass_index *index, const struct tw_node *norm)
{
    if (norm->op != TW_OP_BATCH_NORM || norm->input_count != 5 || norm->output_count < 1)
        return false;
    for (int i = 1; i < 5; i++) {
        if (norm->inputs[i] < 0 || graph->values[norm->inputs[i]].data == NULL ||
            graph->values[norm->inputs[i]].dtype != TW_F32)
            return false;
    }
    int maker = index->makers[norm->inputs[0]];
    if (maker < 0 || index->uses[norm->inputs[0]] != 1)
        return false;
    const struct tw_node *conv = &graph->nodes[maker];
    if (conv->op != TW_OP_CONV || conv->residual >= 0 || !pass_takes_more(conv))
        return false;
    const struct tw_value *weights = &graph->values[conv->inputs[1]];
    bool has_bias = conv->input_count > 2 && conv->inputs[2] >= 0;
    return weights->data != NULL && weights->dtype == TW_F32 &&
           (!has_bias || graph->values[conv->inputs[2]].data != NULL);
}

static enum tw_status fold(struct tw_graph *graph, struct tw_node *conv, const struct tw_node *norm,
                           struct tw_error *error)
{
    const struct tw_value weights = graph->values[conv->inputs[1]];
    int64_t channels = weights.shape.dims[0], count = 0;
    (void)tw_shape_count(&weights.shape, &count);
    float epsilon = tw_node_float(norm, "epsilon", 1e-5f);
    float *folded = tw_arena_alloc(&graph->arena, (size_t)count, sizeof *folded);
    float *bias = tw_arena_alloc(&graph->arena, (size_t)channels, sizeof *bias);
    int *inputs = tw_arena_alloc(&graph->arena, 3, sizeof *inputs);
    if (folded == NULL || bias == NULL || inputs == NULL)
        return tw_fail_memory(error, (size_t)count * sizeof *folded, "folded weights");
    bool has_bias = conv->input_count > 2 && conv->inputs[2] >= 0;
    for (int64_t c = 0; c < channels; c++) {
        double gain = (double)pass_element(graph, norm->inputs[1], c) /
                      sqrt((double)pass_element(graph, norm->inputs[4], c) + (double)epsilon);
        double start = has_bias ? (double)pass_element(graph, conv->inputs[2], c) : 0;
        bias[c] = (float)((start - (double)pass_element(graph, norm->inputs[3], c)) * gain +
                          (double)pass_element(graph, norm->inputs[2], c));
        for (int64_t i = c * (count / channels); i < (c + 1) * (count / channels); i++)
            folded[i] = (float)((double)pass_element(graph, conv->inputs[1], i) * gain);
    }
    char name[256];
    const struct tw_shape shape = {1, {channels}};
    snprintf(name, sizeof name, "folded_%zu", graph->value_count);
    int weight_id = tw_graph_add_constant(graph, name, TW_F32, &weights.shape, folded, false);
    snprintf(name, sizeof name, "folded_%zu", graph->value_count);
    int bias_id = weight_id >= 0 ? tw_graph_add_constant(graph, name, TW_F32, &shape, bias, false) : -1;
    if (bias_id < 0)
        return tw_fail_memory(error, 1, "folded weights");
    inputs[0] = conv->inputs[0], inputs[1] = weight_id, inputs[2] = bias_id;
    conv->inputs = inputs;
    conv->input_count = 3;
    return TW_OK;
}

static enum tw_status run(struct tw_graph *graph, bool *has_changed, struct tw_error *error)
{
    struct pass_index index = {0};
    enum tw_status status = pass_index_init(&index, graph, error);
    for (size_t n = 0; n < graph->node_count && status == TW_OK; n++) {
        struct tw_node *norm = &graph->nodes[n];
        if (pass_is_removed(norm) || !fits(graph, &index, norm))
            continue;
        struct tw_node *conv = &graph->nodes[index.makers[norm->inputs[0]]];
        status = fold(graph, conv, norm, error);
        conv->outputs[0] = norm->outputs[0];
        index.makers[norm->outputs[0]] = (int)(conv - graph->nodes);
        pass_remove(norm);
        *has_changed = true;
    }
    pass_index_release(&index);
    return status;
}

const struct tw_pass tw_pass_fold_batch_norm = {"fold batch norm", run};
