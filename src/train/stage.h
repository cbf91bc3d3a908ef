/* One step of a head, rows in, rows out, and the same step as nodes of a graph. */
#ifndef TW_TRAIN_STAGE_H
#define TW_TRAIN_STAGE_H

#include "graph/graph.h"

enum tw_stage_kind {
    TW_STAGE_DENSE,       /* x * weights + bias */
    TW_STAGE_RELU,        /* max(x, 0) */
    TW_STAGE_SQRT,        /* sqrt(max(x, 0)) */
    TW_STAGE_UNIT,        /* x / max(|x|, 1e-12): rows of length 1 */
    TW_STAGE_SHIFT,       /* x + bias */
    TW_STAGE_RBF,         /* exp(-scale * |x - s|^2) for each support row s; weights = s transposed, inputs x outputs */
    TW_STAGE_LOG_SOFTMAX, /* logarithms of the softmax */
    TW_STAGE_KINDS
};

/* Arrays are owned; those that a kind does not name are NULL. */
struct tw_stage {
    enum tw_stage_kind kind;
    size_t inputs, outputs;
    float *weights; /* DENSE, RBF: inputs x outputs, row-major */
    float *bias;    /* DENSE, SHIFT: outputs; RBF: the squared length of each support row */
    float scale;    /* RBF */
};
enum tw_status tw_stage_init(struct tw_stage *stage, enum tw_stage_kind kind, size_t inputs, size_t outputs,
                             struct tw_error *error) TW_MUST_USE;
void tw_stage_release(struct tw_stage *stage);

/* out (rows x outputs) of in (rows x inputs); they do not overlap. A row's result hangs on the row alone where `rows` is
 * always the same number. */
enum tw_status tw_stage_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                struct tw_error *error) TW_MUST_USE;

/* Appends the stage's nodes after *value, which becomes its output, named `name`. */
enum tw_status tw_stage_to_graph(const struct tw_stage *stage, const char *name, struct tw_graph *graph, int *value,
                                 struct tw_error *error) TW_MUST_USE;

#endif
