/* The vocabulary of the graph: a new op is one line here and one in the op table. */
#ifndef TW_GRAPH_OP_LIST_H
#define TW_GRAPH_OP_LIST_H

/* X(enumerator, ONNX name). Kept sorted by family. */
/* clang-format off */
#define TW_OPS(X) \
    X(CONV, "Conv") \
    X(CONV_TRANSPOSE, "ConvTranspose") \
    X(GEMM, "Gemm") \
    X(MATMUL, "MatMul") \
    X(MAX_POOL, "MaxPool") \
    X(AVERAGE_POOL, "AveragePool") \
    X(GLOBAL_AVERAGE_POOL, "GlobalAveragePool") \
    X(GLOBAL_MAX_POOL, "GlobalMaxPool") \
    X(BATCH_NORM, "BatchNormalization") \
    X(LAYER_NORM, "LayerNormalization") \
    X(INSTANCE_NORM, "InstanceNormalization") \
    X(LRN, "LRN") \
    X(SOFTMAX, "Softmax") \
    X(LOG_SOFTMAX, "LogSoftmax") \
    X(RELU, "Relu") \
    X(CLIP, "Clip") \
    X(SIGMOID, "Sigmoid") \
    X(TANH, "Tanh") \
    X(LEAKY_RELU, "LeakyRelu") \
    X(ELU, "Elu") \
    X(SELU, "Selu") \
    X(HARD_SIGMOID, "HardSigmoid") \
    X(HARD_SWISH, "HardSwish") \
    X(GELU, "Gelu") \
    X(PRELU, "PRelu") \
    X(SOFTPLUS, "Softplus") \
    X(ERF, "Erf") \
    X(SQRT, "Sqrt") \
    X(EXP, "Exp") \
    X(LOG, "Log") \
    X(ABS, "Abs") \
    X(NEG, "Neg") \
    X(RECIPROCAL, "Reciprocal") \
    X(FLOOR, "Floor") \
    X(CEIL, "Ceil") \
    X(ROUND, "Round") \
    X(NOT, "Not") \
    X(ADD, "Add") \
    X(SUB, "Sub") \
    X(MUL, "Mul") \
    X(DIV, "Div") \
    X(POW, "Pow") \
    X(MIN, "Min") \
    X(MAX, "Max") \
    X(SUM, "Sum") \
    X(MEAN, "Mean") \
    X(EQUAL, "Equal") \
    X(LESS, "Less") \
    X(GREATER, "Greater") \
    X(WHERE, "Where") \
    X(REDUCE_MEAN, "ReduceMean") \
    X(REDUCE_SUM, "ReduceSum") \
    X(REDUCE_MAX, "ReduceMax") \
    X(REDUCE_MIN, "ReduceMin") \
    X(REDUCE_L2, "ReduceL2") \
    X(ARG_MAX, "ArgMax") \
    X(TOP_K, "TopK") \
    X(CONCAT, "Concat") \
    X(SPLIT, "Split") \
    X(SLICE, "Slice") \
    X(GATHER, "Gather") \
    X(PAD, "Pad") \
    X(RESHAPE, "Reshape") \
    X(FLATTEN, "Flatten") \
    X(SQUEEZE, "Squeeze") \
    X(UNSQUEEZE, "Unsqueeze") \
    X(TRANSPOSE, "Transpose") \
    X(EXPAND, "Expand") \
    X(TILE, "Tile") \
    X(IDENTITY, "Identity") \
    X(DROPOUT, "Dropout") \
    X(CAST, "Cast") \
    X(SHAPE, "Shape") \
    X(CONSTANT, "Constant") \
    X(CONSTANT_OF_SHAPE, "ConstantOfShape") \
    X(RANGE, "Range") \
    X(RESIZE, "Resize") \
    X(DEPTH_TO_SPACE, "DepthToSpace") \
    X(QUANTIZE_LINEAR, "QuantizeLinear") \
    X(DEQUANTIZE_LINEAR, "DequantizeLinear")

enum tw_op {
#define TW_OP_ENUM(name, text) TW_OP_##name,
    TW_OPS(TW_OP_ENUM)
#undef TW_OP_ENUM
    TW_OP_COUNT
};
/* clang-format on */

#endif
