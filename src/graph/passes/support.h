/* What the passes share. A pass may change nodes in place and mark them for removal; the optimiser sweeps after it. */
#ifndef TW_GRAPH_PASSES_SUPPORT_H
#define TW_GRAPH_PASSES_SUPPORT_H

#include "graph/op.h"

struct tw_pass {
    const char *name;
    enum tw_status (*run)(struct tw_graph *graph, bool *has_changed, struct tw_error *error);
};
extern const struct tw_pass tw_pass_fold_constants, tw_pass_remove_no_ops, tw_pass_fold_batch_norm,
    tw_pass_fuse_residual, tw_pass_fuse_activation;

/* Who makes and who uses the values of a graph, while its nodes stay where they are. Zero-initialise. */
struct pass_index {
    int *makers; /* node by value; -1: input or constant */
    int *uses;   /* by value; a graph output counts as one */
    int *user;   /* the last node that uses it; -1: none */
};
enum tw_status pass_index_init(struct pass_index *index, const struct tw_graph *graph,
                               struct tw_error *error) TW_MUST_USE;
void pass_index_release(struct pass_index *index);
/* Takes a node out: it keeps its place without inputs and outputs until the sweep. */
void pass_remove(struct tw_node *node);
bool pass_is_removed(const struct tw_node *node);
/* Constant f32 scalar. */
bool pass_scalar(const struct tw_graph *graph, int value, float *number);
/* Element `at` of a constant f32 value, whatever its alignment. */
float pass_element(const struct tw_graph *graph, int value, int64_t at);
/* The node is a product that the engine finishes with a residual and an activation, and nothing is fused behind it yet. */
bool pass_takes_more(const struct tw_node *node);

#endif
