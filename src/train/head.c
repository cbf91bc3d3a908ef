#include "train/head.h"

#include "base/memory.h"
#include "base/threads.h"
#include "train/dense.h"

#include <stdio.h>
#include <string.h>

/* Rows are scored in blocks of this many, the last one filled up with zeros, so that a row's scores hang on nothing but
 * the row. */
enum { BLOCK = 32 };

void tw_head_release(struct tw_head *head)
{
    for (size_t i = 0; i < head->layer_count; i++) {
        tw_free(head->layers[i].weights);
        tw_free(head->layers[i].bias);
    }
    *head = (struct tw_head){0};
}

size_t tw_head_inputs(const struct tw_head *head)
{
    return head->layers[0].inputs;
}

size_t tw_head_outputs(const struct tw_head *head)
{
    return head->layers[head->layer_count - 1].outputs;
}

static size_t widest(const struct tw_head *head)
{
    size_t width = tw_head_inputs(head);
    for (size_t i = 0; i < head->layer_count; i++)
        width = head->layers[i].outputs > width ? head->layers[i].outputs : width;
    return width;
}

struct scoring {
    const struct tw_head *head;
    const float *embeddings;
    size_t count, width;
    float *scores;
};

static enum tw_status score_block(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct scoring *scoring = context;
    const struct tw_head *head = scoring->head;
    size_t first = index * BLOCK, rows = scoring->count - first < BLOCK ? scoring->count - first : BLOCK;
    size_t inputs = tw_head_inputs(head), outputs = tw_head_outputs(head), size = scoring->width * BLOCK;
    (void)worker;
    float *from = tw_alloc(2 * size, sizeof *from), *to = from != NULL ? from + size : NULL, *block = from;
    if (from == NULL)
        return tw_fail_memory(error, 2 * size * sizeof *from, "scores");
    memcpy(from, scoring->embeddings + first * inputs, rows * inputs * sizeof *from);
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < head->layer_count && status == TW_OK; i++) {
        status = tw_dense_forward(&head->layers[i], from, BLOCK, to, 1, error);
        float *other = from;
        from = to, to = other;
    }
    if (status == TW_OK) {
        tw_softmax_rows(from, rows, outputs);
        memcpy(scoring->scores + first * outputs, from, rows * outputs * sizeof *from);
    }
    tw_free(block);
    return status;
}

enum tw_status tw_head_scores(const struct tw_head *head, const float *embeddings, size_t count, int threads,
                              float *scores, struct tw_error *error)
{
    struct scoring scoring = {head, embeddings, count, widest(head), scores};
    return tw_parallel_for(threads, (count + BLOCK - 1) / BLOCK, score_block, &scoring, error);
}

static enum tw_status add_layer(const struct tw_layer *layer, size_t index, bool is_last, struct tw_graph *graph,
                                int *value, struct tw_error *error)
{
    char name[64];
    const struct tw_shape weight_shape = {2, {(int64_t)layer->inputs, (int64_t)layer->outputs}};
    const struct tw_shape bias_shape = {1, {(int64_t)layer->outputs}};
    const struct tw_shape shape = {2, {TW_UNKNOWN, (int64_t)layer->outputs}};
    snprintf(name, sizeof name, "head_%zu_weights", index);
    int weights = tw_graph_add_constant(graph, name, TW_F32, &weight_shape, layer->weights, true);
    snprintf(name, sizeof name, "head_%zu_bias", index);
    int bias = tw_graph_add_constant(graph, name, TW_F32, &bias_shape, layer->bias, true);
    snprintf(name, sizeof name, is_last ? "logits" : "head_%zu", index);
    int out = tw_graph_add_value(graph, name, TW_F32, &shape);
    if (weights < 0 || bias < 0 || out < 0 ||
        tw_graph_add_node(graph, TW_OP_GEMM, name, (int[]){*value, weights, bias}, 3, &out, 1) == NULL)
        return tw_fail_memory(error, 1, "the head's graph");
    *value = out;
    if (layer->activation != TW_LAYER_RELU)
        return TW_OK;
    snprintf(name, sizeof name, "head_%zu_relu", index);
    int relu = tw_graph_add_value(graph, name, TW_F32, &shape);
    if (relu < 0 || tw_graph_add_node(graph, TW_OP_RELU, name, &out, 1, &relu, 1) == NULL)
        return tw_fail_memory(error, 1, "the head's graph");
    *value = relu;
    return TW_OK;
}

enum tw_status tw_head_to_graph(const struct tw_head *head, struct tw_graph *graph, int embedding_id,
                                struct tw_error *error)
{
    int value = embedding_id, outputs[16];
    if (tw_graph_find_value(graph, "logits") >= 0 || tw_graph_find_value(graph, "scores") >= 0)
        return tw_fail(error, TW_CONFLICT, "the backbone has a value named logits or scores already");
    if (graph->output_count + 2 > sizeof outputs / sizeof *outputs)
        return tw_fail(error, TW_LIMIT, "the backbone has %zu outputs, too many to add a head's", graph->output_count);
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < head->layer_count && status == TW_OK; i++)
        status = add_layer(&head->layers[i], i, i + 1 == head->layer_count, graph, &value, error);
    if (status != TW_OK)
        return status;
    const struct tw_shape shape = {2, {TW_UNKNOWN, (int64_t)tw_head_outputs(head)}};
    int scores = tw_graph_add_value(graph, "scores", TW_F32, &shape);
    struct tw_node *node =
        scores >= 0 ? tw_graph_add_node(graph, TW_OP_SOFTMAX, "scores", &value, 1, &scores, 1) : NULL;
    if (node == NULL)
        return tw_fail_memory(error, 1, "the head's graph");
    if ((status = tw_node_set_int(graph, node, "axis", -1, error)) != TW_OK)
        return status;
    for (size_t i = 0; i < graph->output_count; i++)
        outputs[i] = graph->outputs[i];
    outputs[graph->output_count] = value;
    outputs[graph->output_count + 1] = scores;
    if (!tw_graph_set_outputs(graph, outputs, graph->output_count + 2))
        return tw_fail_memory(error, 1, "the head's graph");
    return TW_OK;
}
