#include "graph/ops/families.h"

#include <string.h>

#define NAMES(...)                                                                                                     \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                                                \
    }
#define WINDOW "auto_pad", "dilations", "kernel_shape", "pads", "strides"
#define KERNEL(family) op_infer_##family, op_run_##family
enum { ANY = -1 };

/* clang-format off */
const struct tw_op_info tw_op_table[TW_OP_COUNT] = {
    [TW_OP_CONV] = {"Conv", 2, 3, 1, NAMES(WINDOW, "group"), KERNEL(conv)},
    [TW_OP_CONV_TRANSPOSE] = {"ConvTranspose", 2, 3, 1, NAMES(WINDOW, "group", "output_padding", "output_shape"), KERNEL(conv_transpose)},
    [TW_OP_GEMM] = {"Gemm", 2, 3, 1, NAMES("alpha", "beta", "transA", "transB"), KERNEL(gemm)},
    [TW_OP_MATMUL] = {"MatMul", 2, 2, 1, NAMES(), KERNEL(matmul)},
    [TW_OP_MAX_POOL] = {"MaxPool", 1, 1, 1, NAMES(WINDOW, "ceil_mode", "storage_order"), KERNEL(max_pool)},
    [TW_OP_AVERAGE_POOL] = {"AveragePool", 1, 1, 1, NAMES(WINDOW, "ceil_mode", "count_include_pad"), KERNEL(average_pool)},
    [TW_OP_GLOBAL_AVERAGE_POOL] = {"GlobalAveragePool", 1, 1, 1, NAMES(), KERNEL(global_pool)},
    [TW_OP_GLOBAL_MAX_POOL] = {"GlobalMaxPool", 1, 1, 1, NAMES(), KERNEL(global_pool)},
    [TW_OP_BATCH_NORM] = {"BatchNormalization", 5, 5, 1, NAMES("epsilon", "momentum", "training_mode", "spatial"), KERNEL(batch_norm)},
    [TW_OP_LAYER_NORM] = {"LayerNormalization", 2, 3, 1, NAMES("axis", "epsilon", "stash_type"), KERNEL(layer_norm)},
    [TW_OP_INSTANCE_NORM] = {"InstanceNormalization", 3, 3, 1, NAMES("epsilon"), KERNEL(instance_norm)},
    [TW_OP_LRN] = {"LRN", 1, 1, 1, NAMES("alpha", "beta", "bias", "size"), KERNEL(lrn)},
    [TW_OP_SOFTMAX] = {"Softmax", 1, 1, 1, NAMES("axis"), KERNEL(softmax)},
    [TW_OP_LOG_SOFTMAX] = {"LogSoftmax", 1, 1, 1, NAMES("axis"), KERNEL(softmax)},
    [TW_OP_RELU] = {"Relu", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_CLIP] = {"Clip", 1, 3, 1, NAMES(), KERNEL(clip)},
    [TW_OP_SIGMOID] = {"Sigmoid", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_TANH] = {"Tanh", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_LEAKY_RELU] = {"LeakyRelu", 1, 1, 1, NAMES("alpha"), KERNEL(unary)},
    [TW_OP_ELU] = {"Elu", 1, 1, 1, NAMES("alpha"), KERNEL(unary)},
    [TW_OP_SELU] = {"Selu", 1, 1, 1, NAMES("alpha", "gamma"), KERNEL(unary)},
    [TW_OP_HARD_SIGMOID] = {"HardSigmoid", 1, 1, 1, NAMES("alpha", "beta"), KERNEL(unary)},
    [TW_OP_HARD_SWISH] = {"HardSwish", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_GELU] = {"Gelu", 1, 1, 1, NAMES("approximate"), KERNEL(unary)},
    [TW_OP_PRELU] = {"PRelu", 2, 2, 1, NAMES(), KERNEL(prelu)},
    [TW_OP_SOFTPLUS] = {"Softplus", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_ERF] = {"Erf", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_SQRT] = {"Sqrt", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_EXP] = {"Exp", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_LOG] = {"Log", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_ABS] = {"Abs", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_NEG] = {"Neg", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_RECIPROCAL] = {"Reciprocal", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_FLOOR] = {"Floor", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_CEIL] = {"Ceil", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_ROUND] = {"Round", 1, 1, 1, NAMES(), KERNEL(unary)},
    [TW_OP_NOT] = {"Not", 1, 1, 1, NAMES(), KERNEL(not)},
    [TW_OP_ADD] = {"Add", 2, 2, 1, NAMES(), KERNEL(binary)},
    [TW_OP_SUB] = {"Sub", 2, 2, 1, NAMES(), KERNEL(binary)},
    [TW_OP_MUL] = {"Mul", 2, 2, 1, NAMES(), KERNEL(binary)},
    [TW_OP_DIV] = {"Div", 2, 2, 1, NAMES(), KERNEL(binary)},
    [TW_OP_POW] = {"Pow", 2, 2, 1, NAMES(), KERNEL(binary)},
    [TW_OP_MIN] = {"Min", 1, ANY, 1, NAMES(), KERNEL(variadic)},
    [TW_OP_MAX] = {"Max", 1, ANY, 1, NAMES(), KERNEL(variadic)},
    [TW_OP_SUM] = {"Sum", 1, ANY, 1, NAMES(), KERNEL(variadic)},
    [TW_OP_MEAN] = {"Mean", 1, ANY, 1, NAMES(), KERNEL(variadic)},
    [TW_OP_EQUAL] = {"Equal", 2, 2, 1, NAMES(), KERNEL(compare)},
    [TW_OP_LESS] = {"Less", 2, 2, 1, NAMES(), KERNEL(compare)},
    [TW_OP_GREATER] = {"Greater", 2, 2, 1, NAMES(), KERNEL(compare)},
    [TW_OP_WHERE] = {"Where", 3, 3, 1, NAMES(), KERNEL(where)},
    [TW_OP_REDUCE_MEAN] = {"ReduceMean", 1, 2, 1, NAMES("axes", "keepdims", "noop_with_empty_axes"), KERNEL(reduce)},
    [TW_OP_REDUCE_SUM] = {"ReduceSum", 1, 2, 1, NAMES("axes", "keepdims", "noop_with_empty_axes"), KERNEL(reduce)},
    [TW_OP_REDUCE_MAX] = {"ReduceMax", 1, 2, 1, NAMES("axes", "keepdims", "noop_with_empty_axes"), KERNEL(reduce)},
    [TW_OP_REDUCE_MIN] = {"ReduceMin", 1, 2, 1, NAMES("axes", "keepdims", "noop_with_empty_axes"), KERNEL(reduce)},
    [TW_OP_REDUCE_L2] = {"ReduceL2", 1, 2, 1, NAMES("axes", "keepdims", "noop_with_empty_axes"), KERNEL(reduce)},
    [TW_OP_ARG_MAX] = {"ArgMax", 1, 1, 1, NAMES("axis", "keepdims", "select_last_index"), KERNEL(arg_max)},
    [TW_OP_TOP_K] = {"TopK", 2, 2, 2, NAMES("axis", "largest", "sorted"), KERNEL(top_k)},
    [TW_OP_CONCAT] = {"Concat", 1, ANY, 1, NAMES("axis"), KERNEL(concat)},
    [TW_OP_SPLIT] = {"Split", 1, 2, ANY, NAMES("axis", "num_outputs"), KERNEL(split)},
    [TW_OP_SLICE] = {"Slice", 3, 5, 1, NAMES(), KERNEL(slice)},
    [TW_OP_GATHER] = {"Gather", 2, 2, 1, NAMES("axis"), KERNEL(gather)},
    [TW_OP_PAD] = {"Pad", 2, 4, 1, NAMES("mode"), KERNEL(pad)},
    [TW_OP_RESHAPE] = {"Reshape", 2, 2, 1, NAMES("allowzero"), KERNEL(reshape)},
    [TW_OP_FLATTEN] = {"Flatten", 1, 1, 1, NAMES("axis"), KERNEL(flatten)},
    [TW_OP_SQUEEZE] = {"Squeeze", 1, 2, 1, NAMES("axes"), KERNEL(squeeze)},
    [TW_OP_UNSQUEEZE] = {"Unsqueeze", 1, 2, 1, NAMES("axes"), KERNEL(unsqueeze)},
    [TW_OP_TRANSPOSE] = {"Transpose", 1, 1, 1, NAMES("perm"), KERNEL(transpose)},
    [TW_OP_EXPAND] = {"Expand", 2, 2, 1, NAMES(), KERNEL(expand)},
    [TW_OP_TILE] = {"Tile", 2, 2, 1, NAMES(), KERNEL(tile)},
    [TW_OP_IDENTITY] = {"Identity", 1, 1, 1, NAMES(), KERNEL(identity)},
    [TW_OP_DROPOUT] = {"Dropout", 1, 3, 2, NAMES("ratio", "seed"), KERNEL(dropout)},
    [TW_OP_CAST] = {"Cast", 1, 1, 1, NAMES("saturate", "to"), KERNEL(cast)},
    [TW_OP_SHAPE] = {"Shape", 1, 1, 1, NAMES("end", "start"), KERNEL(shape)},
    [TW_OP_CONSTANT] = {"Constant", 0, 0, 1, NAMES("value", "value_float", "value_floats", "value_int", "value_ints"), KERNEL(constant)},
    [TW_OP_CONSTANT_OF_SHAPE] = {"ConstantOfShape", 1, 1, 1, NAMES("value"), KERNEL(constant_of_shape)},
    [TW_OP_RANGE] = {"Range", 3, 3, 1, NAMES(), KERNEL(range)},
    [TW_OP_RESIZE] = {"Resize", 1, 4, 1, NAMES("antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode"), KERNEL(resize)},
    [TW_OP_DEPTH_TO_SPACE] = {"DepthToSpace", 1, 1, 1, NAMES("blocksize", "mode"), KERNEL(depth_to_space)},
    [TW_OP_QUANTIZE_LINEAR] = {"QuantizeLinear", 2, 3, 1, NAMES("axis", "saturate"), KERNEL(quantize)},
    [TW_OP_DEQUANTIZE_LINEAR] = {"DequantizeLinear", 2, 3, 1, NAMES("axis"), KERNEL(dequantize)},
};
/* clang-format on */

enum tw_op tw_op_find(const char *name)
{
    for (int op = 0; op < TW_OP_COUNT; op++) {
        if (strcmp(tw_op_table[op].name, name) == 0)
            return (enum tw_op)op;
    }
    return TW_OP_COUNT;
}

static bool is_known_attribute(const struct tw_op_info *info, const char *name)
{
    for (const char *const *known = info->attributes; *known; known++) {
        if (strcmp(*known, name) == 0)
            return true;
    }
    return false;
}

enum tw_status tw_op_check(const struct tw_node *node, struct tw_error *error)
{
    const struct tw_op_info *info = &tw_op_table[node->op];
    if (node->input_count < info->least_inputs || (info->most_inputs >= 0 && node->input_count > info->most_inputs))
        return tw_fail(error, TW_UNSUPPORTED, "node '%s' (%s) has %d inputs, which is not a number it takes",
                       node->name, info->name, node->input_count);
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] < 0 && (i < info->least_inputs || info->most_inputs < 0))
            return tw_fail(error, TW_CORRUPT, "node '%s' (%s) lacks input %d", node->name, info->name, i);
    }
    int asked = 0;
    for (int i = 0; i < node->output_count; i++)
        asked = node->outputs[i] >= 0 ? i + 1 : asked;
    if (asked == 0 || (info->most_outputs >= 0 && asked > info->most_outputs))
        return tw_fail(error, TW_UNSUPPORTED, "node '%s' (%s) has %d outputs, of which up to %d are implemented",
                       node->name, info->name, asked, info->most_outputs);
    for (int i = 0; i < node->attribute_count; i++) {
        if (!is_known_attribute(info, node->attributes[i].name))
            return tw_fail(error, TW_UNSUPPORTED, "node '%s' (%s) has attribute '%s', which is not implemented",
                           node->name, info->name, node->attributes[i].name);
    }
    return TW_OK;
}
