/* The ops: one enum line and one table line each; one file for each family holds shape inference and the plain C
 * reference, which is the specification that the engine is tested against. */
#ifndef TW_GRAPH_OP_H
#define TW_GRAPH_OP_H

#include "graph/graph.h"

/* What a reference kernel sees: shapes known, data in C order and aligned to its type; outputs are the kernel's to fill. */
struct tw_tensor {
    enum tw_dtype dtype;
    struct tw_shape shape;
    const void *data; /* inputs; NULL: optional input left out */
    void *out;        /* outputs */
};

struct tw_op_info {
    const char *name;
    int least_inputs, most_inputs; /* most -1: any number */
    int most_outputs;
    /* Attributes that are known, ending with NULL; another one is TW_UNSUPPORTED with node, op and name. */
    const char *const *attributes;
    /* Sets outputs' dtype and shape. Inputs' data where constant (ops whose shape hangs on a value need it). `inputs` has
     * one tensor for each of the node's inputs, then one for each of its TENSOR attributes, in their order. */
    enum tw_status (*infer)(const struct tw_node *node, const struct tw_tensor *inputs, struct tw_tensor *outputs,
                            struct tw_error *error);
    /* The specification: plain loops, f32 (and integers where the op is used on shapes). Ignores the node's fused
     * residual and activation: tw_reference_run applies these after it. */
    enum tw_status (*reference)(const struct tw_node *node, const struct tw_tensor *inputs, struct tw_tensor *outputs,
                                struct tw_error *error);
};
extern const struct tw_op_info tw_op_table[TW_OP_COUNT];

/* TW_OP_COUNT: unknown. */
enum tw_op tw_op_find(const char *name);
/* Number of inputs and names of attributes against the table; every reader calls it, tw_graph_infer too. */
enum tw_status tw_op_check(const struct tw_node *node, struct tw_error *error) TW_MUST_USE;
float tw_activate(enum tw_activation activation, float alpha, float beta, float x);

/* Runs one node, with what passes fused into it, or the whole graph, on the reference kernels. Slow, exact, for tests and
 * constant folding. A node's outputs come with the dtypes and shapes that inference gives them (else TW_INVALID) and room in
 * `out`. Of a run of an inferred graph, outputs[i] is a heap block of the value's size, the caller's to tw_free. */
enum tw_status tw_reference_node(const struct tw_node *node, const struct tw_tensor *inputs,
                                 const struct tw_tensor *residual, struct tw_tensor *outputs,
                                 struct tw_error *error) TW_MUST_USE;
enum tw_status tw_reference_run(const struct tw_graph *graph, const void *const *inputs, void **outputs,
                                struct tw_error *error) TW_MUST_USE;

#endif
