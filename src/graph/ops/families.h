/* The two functions of each op, as op.h describes them; the table in table.c ties them to names. */
#ifndef TW_GRAPH_OPS_FAMILIES_H
#define TW_GRAPH_OPS_FAMILIES_H

#include "graph/op.h"

#define OP_FUNCTION(name)                                                                                              \
    enum tw_status name(const struct tw_node *node, const struct tw_tensor *inputs, struct tw_tensor *outputs,         \
                        struct tw_error *error)
#define OP_KERNEL(name)                                                                                                \
    OP_FUNCTION(op_infer_##name);                                                                                      \
    OP_FUNCTION(op_run_##name)

OP_KERNEL(conv);
OP_KERNEL(conv_transpose);
OP_KERNEL(gemm);
OP_KERNEL(matmul);
OP_KERNEL(max_pool);
OP_KERNEL(average_pool);
OP_KERNEL(global_pool);
OP_KERNEL(batch_norm);
OP_KERNEL(layer_norm);
OP_KERNEL(instance_norm);
OP_KERNEL(lrn);
OP_KERNEL(softmax);
OP_KERNEL(unary);
OP_KERNEL(clip);
OP_KERNEL(not );
OP_KERNEL(binary);
OP_KERNEL(compare);
OP_KERNEL(prelu);
OP_KERNEL(variadic);
OP_KERNEL(where);
OP_KERNEL(reduce);
OP_KERNEL(arg_max);
OP_KERNEL(top_k);
OP_KERNEL(concat);
OP_KERNEL(split);
OP_KERNEL(slice);
OP_KERNEL(gather);
OP_KERNEL(pad);
OP_KERNEL(reshape);
OP_KERNEL(flatten);
OP_KERNEL(squeeze);
OP_KERNEL(unsqueeze);
OP_KERNEL(identity);
OP_KERNEL(dropout);
OP_KERNEL(transpose);
OP_KERNEL(depth_to_space);
OP_KERNEL(expand);
OP_KERNEL(tile);
OP_KERNEL(cast);
OP_KERNEL(shape);
OP_KERNEL(constant);
OP_KERNEL(constant_of_shape);
OP_KERNEL(range);
OP_KERNEL(resize);
OP_KERNEL(quantize);
OP_KERNEL(dequantize);

#endif
