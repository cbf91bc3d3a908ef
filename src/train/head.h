/* The head: embedding -> logits -> scores, as a list of dense layers; trained by a recipe, joined to the backbone's graph
 * for the model file. */
#ifndef TW_TRAIN_HEAD_H
#define TW_TRAIN_HEAD_H

#include "graph/graph.h"
#include "train/examples.h"

enum tw_layer_activation { TW_LAYER_LINEAR, TW_LAYER_RELU };

/* y = activation(x * weights + bias); weights are inputs x outputs, row-major. Owned. */
struct tw_layer {
    size_t inputs, outputs;
    float *weights, *bias;
    enum tw_layer_activation activation;
};
enum { TW_MAX_LAYERS = 4 };
/* Zero-initialise; release accepts the zero state. */
struct tw_head {
    size_t layer_count;
    struct tw_layer layers[TW_MAX_LAYERS];
};
void tw_head_release(struct tw_head *head);
size_t tw_head_inputs(const struct tw_head *head);
size_t tw_head_outputs(const struct tw_head *head);

/* Softmax scores of rows: scores is count x outputs. Same bits for any thread count and for any split of the rows. */
enum tw_status tw_head_scores(const struct tw_head *head, const float *embeddings, size_t count, int threads,
                              float *scores, struct tw_error *error) TW_MUST_USE;

/* Appends the head's nodes after value `embedding_id` (shape [N, inputs]): outputs "logits" and "scores" are added to the
 * graph's outputs. */
enum tw_status tw_head_to_graph(const struct tw_head *head, struct tw_graph *graph, int embedding_id,
                                struct tw_error *error) TW_MUST_USE;

#endif
