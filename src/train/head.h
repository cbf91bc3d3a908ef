/* The head: embedding -> logits -> scores. Branches, each a list of stages, whose outputs are summed with weights: logits
 * = sum of weight * branch(embedding), scores = softmax(logits), or the sigmoid of each. A head of one branch of dense layers is the common case;
 * a blend of several heads is the other. Made by a recipe, joined to the backbone's graph for the model file. A new kind
 * of stage is one line in the table of stage.c. */
#ifndef TW_TRAIN_HEAD_H
#define TW_TRAIN_HEAD_H

#include "graph/graph.h"
#include "train/stage.h"

enum { TW_MAX_STAGES = 8, TW_MAX_BRANCHES = 4 };

/* Owned. */
struct tw_branch {
    float weight;
    size_t stage_count;
    struct tw_stage stages[TW_MAX_STAGES];
};
/* Zero-initialise; release accepts the zero state. */
struct tw_head {
    bool is_sigmoid; /* a row may have several labels: each score stands for itself, and they do not add up to 1 */
    size_t branch_count;
    struct tw_branch branches[TW_MAX_BRANCHES];
};
void tw_head_release(struct tw_head *head);
size_t tw_head_inputs(const struct tw_head *head);
size_t tw_head_outputs(const struct tw_head *head);

/* A new stage at the branch's end, its arrays allocated and zero; NULL: no memory. */
struct tw_stage *tw_branch_add(struct tw_branch *branch, enum tw_stage_kind kind, size_t inputs, size_t outputs);

/* Scores of rows: scores is count x outputs. Same bits for any thread count and for any split of the rows. */
enum tw_status tw_head_scores(const struct tw_head *head, const float *embeddings, size_t count, int threads,
                              float *scores, struct tw_error *error) TW_MUST_USE;

/* Appends the head's nodes after value `embedding_id` (shape [N, inputs]): outputs "logits" and "scores" are added to the
 * graph's outputs. */
enum tw_status tw_head_to_graph(const struct tw_head *head, struct tw_graph *graph, int embedding_id,
                                struct tw_error *error) TW_MUST_USE;

#endif
