/* A float network as one of integers of eight bits: QuantizeLinear and DequantizeLinear around what integer arithmetic does,
 * as ONNX Runtime and the engine read them. Which values get a grid is told by the graph; which grid, by whoever has seen
 * numbers (tasks/calibration). */
#ifndef TW_GRAPH_QUANTISE_H
#define TW_GRAPH_QUANTISE_H

#include "graph/graph.h"

/* Zero-initialise; release accepts the zero state. Values of a group share one grid, so that pools take and concatenations
 * join integers as they are. */
struct tw_grid_groups {
    int *group; /* by value id; -1: the value stays float */
    size_t value_count, count;
};
/* What convolutions of constant weights and the residuals that they add are, and, through pools and concatenations, what these
 * are made of. What a global mean reads stays float: an embedding is the sum of many small numbers, which one grid for all
 * would round away. `graph`: sorted, inferred and optimised. */
enum tw_status tw_grid_groups_find(const struct tw_graph *graph, struct tw_grid_groups *groups,
                                   struct tw_error *error) TW_MUST_USE;
void tw_grid_groups_release(struct tw_grid_groups *groups);

/* Of u8: real = (q - zero) * scale. */
struct tw_grid {
    float scale;
    uint8_t zero;
};
/* grids: by group. means: by value id the mean of each channel, of those that convolutions read; NULL: not known. Weights
 * become s8, symmetric, with a scale for each output channel; what their rounding shifts the outputs by on the mean is taken
 * off the bias. */
enum tw_status tw_graph_quantise(struct tw_graph *graph, const struct tw_grid_groups *groups,
                                 const struct tw_grid *grids, const float *const *means,
                                 struct tw_error *error) TW_MUST_USE;

#endif
