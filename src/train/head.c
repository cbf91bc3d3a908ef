#include "train/head.h"

#include "base/memory.h"
#include "base/threads.h"
#include "train/dense.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Rows are scored in blocks of this many, the last one filled up with zeros, so that a row's scores hang on nothing but
 * the row. */
enum { BLOCK = 32 };

void tw_head_release(struct tw_head *head)
{
    for (size_t i = 0; i < head->branch_count; i++) {
        for (size_t j = 0; j < head->branches[i].stage_count; j++)
            tw_stage_release(&head->branches[i].stages[j]);
    }
    *head = (struct tw_head){0};
}

size_t tw_head_inputs(const struct tw_head *head)
{
    return head->branches[0].stages[0].inputs;
}

size_t tw_head_outputs(const struct tw_head *head)
{
    return head->branches[0].stages[head->branches[0].stage_count - 1].outputs;
}

struct tw_stage *tw_branch_add(struct tw_branch *branch, enum tw_stage_kind kind, size_t inputs, size_t outputs)
{
    assert(branch->stage_count < TW_MAX_STAGES);
    struct tw_stage *stage = &branch->stages[branch->stage_count];
    if (tw_stage_init(stage, kind, inputs, outputs, NULL) != TW_OK)
        return NULL;
    branch->stage_count++;
    return stage;
}

static size_t widest(const struct tw_head *head)
{
    size_t width = tw_head_inputs(head);
    for (size_t i = 0; i < head->branch_count; i++) {
        for (size_t j = 0; j < head->branches[i].stage_count; j++) {
            size_t outputs = head->branches[i].stages[j].outputs;
            width = outputs > width ? outputs : width;
        }
    }
    return width;
}

struct scoring {
    const struct tw_head *head;
    const float *embeddings;
    size_t count, width;
    float *scores;
};

/* Adds the branch's logits of a block of rows to `logits`; `from` holds the embeddings and is written over, as is `to`. */
static enum tw_status add_branch(const struct tw_branch *branch, float *from, float *to, float *logits,
                                 struct tw_error *error)
{
    enum tw_status status = TW_OK;
    size_t outputs = branch->stages[branch->stage_count - 1].outputs;
    for (size_t i = 0; i < branch->stage_count && status == TW_OK; i++) {
        status = tw_stage_forward(&branch->stages[i], from, BLOCK, to, 1, error);
        float *other = from;
        from = to, to = other;
    }
    for (size_t i = 0; i < BLOCK * outputs && status == TW_OK; i++)
        logits[i] += branch->weight * from[i];
    return status;
}

static enum tw_status score_block(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct scoring *scoring = context;
    const struct tw_head *head = scoring->head;
    size_t first = index * BLOCK, rows = scoring->count - first < BLOCK ? scoring->count - first : BLOCK;
    size_t inputs = tw_head_inputs(head), outputs = tw_head_outputs(head), size = scoring->width * BLOCK;
    (void)worker;
    float *from = tw_alloc(2 * size + outputs * BLOCK, sizeof *from);
    if (from == NULL)
        return tw_fail_memory(error, 2 * size * sizeof *from, "scores");
    float *to = from + size, *logits = to + size;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < head->branch_count && status == TW_OK; i++) {
        memset(from, 0, size * sizeof *from);
        memcpy(from, scoring->embeddings + first * inputs, rows * inputs * sizeof *from);
        status = add_branch(&head->branches[i], from, to, logits, error);
    }
    if (status == TW_OK) {
        if (head->is_sigmoid)
            tw_sigmoid_values(logits, rows * outputs);
        else
            tw_softmax_rows(logits, rows, outputs);
        memcpy(scoring->scores + first * outputs, logits, rows * outputs * sizeof *logits);
    }
    tw_free(from);
    return status;
}

enum tw_status tw_head_scores(const struct tw_head *head, const float *embeddings, size_t count, int threads,
                              float *scores, struct tw_error *error)
{
    struct scoring scoring = {head, embeddings, count, widest(head), scores};
    return tw_parallel_for(threads, (count + BLOCK - 1) / BLOCK, score_block, &scoring, error);
}

/* weight * the branch's output, added to *sum (-1: nothing yet). */
static enum tw_status add_weighted(const struct tw_head *head, size_t index, int value, struct tw_graph *graph,
                                   int *sum, struct tw_error *error)
{
    char name[64];
    bool is_last = index + 1 == head->branch_count;
    const struct tw_shape shape = {2, {TW_UNKNOWN, (int64_t)tw_head_outputs(head)}}, one = {1, {1}};
    snprintf(name, sizeof name, "head_%zu_weight", index);
    int weight = tw_graph_add_constant(graph, name, TW_F32, &one, &head->branches[index].weight, true);
    snprintf(name, sizeof name, index == 0 && is_last ? "logits" : "head_%zu_weighted", index);
    int weighted = tw_graph_add_value(graph, name, TW_F32, &shape);
    if (weight < 0 || weighted < 0 ||
        tw_graph_add_node(graph, TW_OP_MUL, name, (int[]){value, weight}, 2, &weighted, 1) == NULL)
        return tw_fail_memory(error, 1, "the head's graph");
    if (*sum < 0) {
        *sum = weighted;
        return TW_OK;
    }
    snprintf(name, sizeof name, is_last ? "logits" : "head_%zu_sum", index);
    int total = tw_graph_add_value(graph, name, TW_F32, &shape);
    if (total < 0 || tw_graph_add_node(graph, TW_OP_ADD, name, (int[]){*sum, weighted}, 2, &total, 1) == NULL)
        return tw_fail_memory(error, 1, "the head's graph");
    *sum = total;
    return TW_OK;
}

static enum tw_status add_logits(const struct tw_head *head, struct tw_graph *graph, int embedding_id, int *logits,
                                 struct tw_error *error)
{
    enum tw_status status = TW_OK;
    bool is_plain = head->branch_count == 1 && head->branches[0].weight == 1;
    *logits = -1;
    for (size_t i = 0; i < head->branch_count && status == TW_OK; i++) {
        const struct tw_branch *branch = &head->branches[i];
        int value = embedding_id;
        for (size_t j = 0; j < branch->stage_count && status == TW_OK; j++) {
            char name[64];
            snprintf(name, sizeof name, is_plain && j + 1 == branch->stage_count ? "logits" : "head_%zu_%zu", i, j);
            status = tw_stage_to_graph(&branch->stages[j], name, graph, &value, error);
        }
        if (status == TW_OK && is_plain)
            *logits = value;
        else if (status == TW_OK)
            status = add_weighted(head, i, value, graph, logits, error);
    }
    return status;
}

enum tw_status tw_head_to_graph(const struct tw_head *head, struct tw_graph *graph, int embedding_id,
                                struct tw_error *error)
{
    int value = -1, outputs[16];
    if (tw_graph_find_value(graph, "logits") >= 0 || tw_graph_find_value(graph, "scores") >= 0)
        return tw_fail(error, TW_CONFLICT, "the backbone has a value named logits or scores already");
    if (graph->output_count + 2 > sizeof outputs / sizeof *outputs)
        return tw_fail(error, TW_LIMIT, "the backbone has %zu outputs, too many to add a head's", graph->output_count);
    enum tw_status status = add_logits(head, graph, embedding_id, &value, error);
    if (status != TW_OK)
        return status;
    const struct tw_shape shape = {2, {TW_UNKNOWN, (int64_t)tw_head_outputs(head)}};
    int scores = tw_graph_add_value(graph, "scores", TW_F32, &shape);
    struct tw_node *node = scores >= 0 ? tw_graph_add_node(graph, head->is_sigmoid ? TW_OP_SIGMOID : TW_OP_SOFTMAX,
                                                           "scores", &value, 1, &scores, 1)
                                       : NULL;
    if (node == NULL)
        return tw_fail_memory(error, 1, "the head's graph");
    if (!head->is_sigmoid && (status = tw_node_set_int(graph, node, "axis", -1, error)) != TW_OK)
        return status;
    for (size_t i = 0; i < graph->output_count; i++)
        outputs[i] = graph->outputs[i];
    outputs[graph->output_count] = value;
    outputs[graph->output_count + 1] = scores;
    if (!tw_graph_set_outputs(graph, outputs, graph->output_count + 2))
        return tw_fail_memory(error, 1, "the head's graph");
    return TW_OK;
}
