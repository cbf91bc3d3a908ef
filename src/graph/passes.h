/* Rewrites that keep the meaning. Each is a file; tw_graph_optimise runs them in the order of its table until none
 * changes anything. Needs an inferred graph; leaves one sorted and inferred. */
#ifndef TW_GRAPH_PASSES_H
#define TW_GRAPH_PASSES_H

#include "graph/graph.h"

struct tw_pass {
    const char *name;
    enum tw_status (*run)(struct tw_graph *graph, bool *has_changed, struct tw_error *error);
};
extern const struct tw_pass tw_passes[];
extern const size_t tw_pass_count;

/* Constant folding; Identity, Dropout, double Transpose, no-op Reshape and Cast gone; Pad into Conv and pools; batch norm,
 * scale and bias into Conv and Gemm; activations (Relu, Clip, Sigmoid*x = Swish, x*Sigmoid, HardSwish, Erf-form and op
 * Gelu) and residual Add into Conv, Gemm, MatMul; decomposed LayerNorm to LayerNormalization; spatial ReduceMean to
 * GlobalAveragePool; dead nodes. Graph inputs and outputs keep their names. */
enum tw_status tw_graph_optimise(struct tw_graph *graph, struct tw_error *error) TW_MUST_USE;

#endif
