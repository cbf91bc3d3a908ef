/* The passes, in no order: optimise.c has the table. Module-internal. */
#ifndef TW_GRAPH_PASSES_LIST_H
#define TW_GRAPH_PASSES_LIST_H

#include "graph/graph.h"

#define TW_PASS(name) enum tw_status tw_pass_##name(struct tw_graph *graph, bool *has_changed, struct tw_error *error)

TW_PASS(fold);       /* what hangs on constants only becomes a constant */
TW_PASS(no_op);      /* nodes that give their input on as it is; Reshape of Reshape */
TW_PASS(layer_norm); /* Mul(Div(Sub(x, mean), Sqrt(variance + epsilon)), scale) to LayerNormalization; its bias */
TW_PASS(gelu);       /* x * 0.5 * (1 + Erf(x / sqrt 2)) to Gelu */
TW_PASS(hard_swish); /* x * Clip(x + 3, 0, 6) / 6 and x * HardSigmoid(x) to HardSwish */
TW_PASS(transpose);  /* Transposes sink towards the outputs, where they meet their inverse */
TW_PASS(grid);       /* Transposes of the input rise before QuantizeLinear and DequantizeLinear */
TW_PASS(pad);        /* Pad into Conv and pools */
TW_PASS(pool);       /* means and pools over all of the space to global pools */
TW_PASS(linear);     /* batch norm, scale and bias into Conv, ConvTranspose, Gemm and MatMul */
TW_PASS(residual);   /* Add of a tensor into Conv, Gemm, MatMul */
TW_PASS(activation); /* activations into Conv, Gemm, MatMul, Add */
TW_PASS(dead);       /* nodes that nobody asks */

#endif
