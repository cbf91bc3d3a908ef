/* Values of a graph as the tensors that kernels take: their shapes, and their data as far as it is known. Module-internal. */
#ifndef TW_GRAPH_BIND_H
#define TW_GRAPH_BIND_H

#include "graph/op.h"

struct tw_binder {
    const struct tw_graph *graph;
    const void **data;                  /* by value id: aligned to the type; NULL: not known */
    void **owned;                       /* by value id: what release frees */
    struct tw_tensor *inputs, *outputs; /* of the node that was bound last */
    struct tw_arena *arena;             /* what nodes make lies there and is not forgotten; NULL: on the heap */
};
/* Knows the graph's constants. Those whose place in their file does not fit their type are copied, up to `copy_limit`
 * elements; a greater one stays unknown. */
enum tw_status tw_binder_init(struct tw_binder *binder, const struct tw_graph *graph, int64_t copy_limit,
                              struct tw_error *error) TW_MUST_USE;
void tw_binder_release(struct tw_binder *binder);
struct tw_tensor tw_binder_tensor(const struct tw_binder *binder, int id);
/* Fills inputs (with the tensors of attributes behind them) and outputs; outputs' `out` is NULL. */
void tw_binder_bind(struct tw_binder *binder, const struct tw_node *node);
/* Binds and runs the node on the reference kernels; its outputs are known from then on. */
enum tw_status tw_binder_run(struct tw_binder *binder, const struct tw_node *node, struct tw_error *error) TW_MUST_USE;
void tw_binder_forget(struct tw_binder *binder, int id);

/* A node's name for people: its own, or that of what it makes. */
const char *tw_node_label(const struct tw_graph *graph, const struct tw_node *node);

#endif
