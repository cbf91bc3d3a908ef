/* Ops that compute element by element, along an axis, or as products. */
#include "formats/tensorflow_net.h"

#include <math.h>
#include <string.h>

static const char *const names[TW_OP_COUNT] = {
    [TW_OP_RELU] = "Relu",         [TW_OP_SIGMOID] = "Sigmoid", [TW_OP_TANH] = "Tanh",
    [TW_OP_SOFTPLUS] = "Softplus", [TW_OP_ERF] = "Erf",         [TW_OP_SQRT] = "Sqrt",
    [TW_OP_EXP] = "Exp",           [TW_OP_LOG] = "Log",         [TW_OP_ABS] = "Abs",
    [TW_OP_NEG] = "Neg",           [TW_OP_FLOOR] = "Floor",     [TW_OP_RECIPROCAL] = "Reciprocal",
    [TW_OP_CEIL] = "Ceil",         [TW_OP_ROUND] = "Round",     [TW_OP_NOT] = "LogicalNot",
    [TW_OP_ADD] = "Add",           [TW_OP_SUB] = "Sub",         [TW_OP_MUL] = "Mul",
    [TW_OP_DIV] = "RealDiv",       [TW_OP_POW] = "Pow",         [TW_OP_EQUAL] = "Equal",
    [TW_OP_LESS] = "Less",         [TW_OP_GREATER] = "Greater", [TW_OP_MIN] = "Minimum",
    [TW_OP_MAX] = "Maximum",       [TW_OP_SUM] = "Add",         [TW_OP_MEAN] = "Add",
    [TW_OP_REDUCE_MEAN] = "Mean",  [TW_OP_REDUCE_SUM] = "Sum",  [TW_OP_REDUCE_MAX] = "Max",
    [TW_OP_REDUCE_MIN] = "Min",    [TW_OP_REDUCE_L2] = "Sum",
};

/* Whether an op of several inputs goes channels last: one of them is there so, and all of them can. */
static bool goes_nhwc(const struct tfn *net, const struct tw_node *node)
{
    bool is_asked = false;
    for (int i = 0; i < node->input_count; i++) {
        const struct tw_value *value = tfn_value(net, node->inputs[i]);
        if (value->shape.rank > 4 || (!value->data && value->shape.rank != 4))
            return false;
        is_asked |= tfn_prefers_nhwc(net, node->inputs[i]);
    }
    return is_asked && tfn_value(net, node->outputs[0])->shape.rank == 4;
}

static const char *input(struct tfn *net, const struct tw_node *node, int index, bool is_nhwc)
{
    return is_nhwc ? tfn_nhwc(net, node->inputs[index]) : tfn_native(net, node->inputs[index]);
}

void tfn_unary(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    const char *spec = node->op == TW_OP_NOT
                           ? names[node->op]
                           : tfw_text(net->tfw, "%s T=%s", names[node->op], tfn_type(net, node->inputs[0]));
    tfn_set(net, node->outputs[0], TFW(net->tfw, spec, input(net, node, 0, is_nhwc)), is_nhwc);
}

void tfn_binary(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = goes_nhwc(net, node);
    const char *type = tfn_type(net, node->inputs[0]), *other = tfn_type(net, node->inputs[1]), *op = names[node->op];
    const char *a = input(net, node, 0, is_nhwc), *b = input(net, node, 1, is_nhwc);
    if (strcmp(type, other) != 0)
        b = TFW(net->tfw, tfw_text(net->tfw, "Cast SrcT=%s DstT=%s", other, type), b);
    if (node->op == TW_OP_DIV && strncmp(type, "int", 3) == 0)
        op = "TruncateDiv";
    tfn_set(net, node->outputs[0], TFW(net->tfw, tfw_text(net->tfw, "%s T=%s", op, type), a, b), is_nhwc);
}

void tfn_variadic(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = goes_nhwc(net, node);
    const char *type = tfn_type(net, node->inputs[0]), *sum = input(net, node, 0, is_nhwc);
    for (int i = 1; i < node->input_count; i++)
        sum = TFW(net->tfw, tfw_text(net->tfw, "%s T=%s", names[node->op], type), sum, input(net, node, i, is_nhwc));
    if (node->op == TW_OP_MEAN)
        sum = TFW(net->tfw, "Mul T=float", sum, tfw_float(net->tfw, 1.0f / (float)node->input_count));
    tfn_set(net, node->outputs[0], sum, is_nhwc);
}

void tfn_where(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = goes_nhwc(net, node);
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, tfw_text(net->tfw, "SelectV2 T=%s", tfn_type(net, node->inputs[1])),
                input(net, node, 0, is_nhwc), input(net, node, 1, is_nhwc), input(net, node, 2, is_nhwc)),
            is_nhwc);
}

void tfn_clip_op(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    const char *x = input(net, node, 0, is_nhwc), *type = tfn_type(net, node->inputs[0]);
    for (int i = 1; i < node->input_count; i++) {
        if (node->inputs[i] >= 0)
            x = TFW(net->tfw, tfw_text(net->tfw, "%s T=%s", i == 1 ? "Maximum" : "Minimum", type), x,
                    tfn_native(net, node->inputs[i]));
    }
    tfn_set(net, node->outputs[0], x, is_nhwc);
}

void tfn_prelu(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = goes_nhwc(net, node);
    struct tfw *tfw = net->tfw;
    const char *x = input(net, node, 0, is_nhwc), *zero = tfw_float(tfw, 0);
    const char *below = TFW(tfw, "Mul T=float", TFW(tfw, "Minimum T=float", x, zero), input(net, node, 1, is_nhwc));
    tfn_set(net, node->outputs[0], TFW(tfw, "Add T=float", TFW(tfw, "Maximum T=float", x, zero), below), is_nhwc);
}

/* gamma * (x, or alpha * (e^x - 1) below zero) */
static const char *exponential(struct tfw *tfw, const char *x, float alpha, float gamma)
{
    const char *zero = tfw_float(tfw, 0), *below = TFW(tfw, "Expm1 T=float", TFW(tfw, "Minimum T=float", x, zero));
    below = TFW(tfw, "Mul T=float", below, tfw_float(tfw, alpha));
    const char *sum = TFW(tfw, "Add T=float", TFW(tfw, "Maximum T=float", x, zero), below);
    return TFW(tfw, "Mul T=float", sum, tfw_float(tfw, gamma));
}

static const char *ramp(struct tfn *net, const char *x, float alpha, float beta)
{
    struct tfw *tfw = net->tfw;
    const char *y = TFW(tfw, "Add T=float", TFW(tfw, "Mul T=float", x, tfw_float(tfw, alpha)), tfw_float(tfw, beta));
    tfn_clip(net, &y, 0, 1);
    return y;
}

static const char *gelu(struct tfw *tfw, const char *x, bool is_by_tanh)
{
    const char *inner = x;
    if (is_by_tanh) {
        const char *cube = TFW(tfw, "Mul T=float", TFW(tfw, "Mul T=float", x, x), x);
        inner = TFW(tfw, "Add T=float", x, TFW(tfw, "Mul T=float", cube, tfw_float(tfw, 0.044715f)));
    }
    const char *bend = TFW(tfw, is_by_tanh ? "Tanh T=float" : "Erf T=float",
                           TFW(tfw, "Mul T=float", inner, tfw_float(tfw, is_by_tanh ? 0.7978845608f : 0.70710678118f)));
    const char *half = TFW(tfw, "Mul T=float", x, tfw_float(tfw, 0.5f));
    return TFW(tfw, "Mul T=float", half, TFW(tfw, "Add T=float", bend, tfw_float(tfw, 1)));
}

void tfn_curve(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    const struct tw_attribute *approximate = tw_node_attribute(node, "approximate");
    const char *x = input(net, node, 0, is_nhwc), *y = NULL;
    if (node->op == TW_OP_LEAKY_RELU)
        y = TFW(tfw, tfw_text(tfw, "LeakyRelu T=float alpha=%.9e", (double)tw_node_float(node, "alpha", 0.01f)), x);
    else if (node->op == TW_OP_ELU)
        y = exponential(tfw, x, tw_node_float(node, "alpha", 1), 1);
    else if (node->op == TW_OP_SELU)
        y = exponential(tfw, x, tw_node_float(node, "alpha", 1.67326319f), tw_node_float(node, "gamma", 1.05070102f));
    else if (node->op == TW_OP_HARD_SIGMOID)
        y = ramp(net, x, tw_node_float(node, "alpha", 0.2f), tw_node_float(node, "beta", 0.5f));
    else if (node->op == TW_OP_HARD_SWISH)
        y = TFW(tfw, "Mul T=float", x, ramp(net, x, 1.0f / 6, 0.5f));
    else
        y = gelu(tfw, x, approximate && tw_span_equal(approximate->text, tw_span_of_text("tanh")));
    tfn_set(net, node->outputs[0], y, is_nhwc);
}

void tfn_softmax(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int rank = tfn_value(net, node->inputs[0])->shape.rank;
    int64_t axis = tw_node_int(node, "axis", -1);
    bool is_log = node->op == TW_OP_LOG_SOFTMAX, is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    axis = axis < 0 ? axis + rank : axis;
    int at = is_nhwc ? tfn_nhwc_axis((int)axis) : (int)axis;
    const char *x = input(net, node, 0, is_nhwc), *y;
    if (at == rank - 1) {
        y = TFW(tfw, is_log ? "LogSoftmax T=float" : "Softmax T=float", x);
    } else {
        const char *along = tfw_int(tfw, at);
        const char *most = TFW(tfw, "Max T=float Tidx=int32 keep_dims=true", x, along);
        const char *shifted = TFW(tfw, "Sub T=float", x, most), *powers = TFW(tfw, "Exp T=float", shifted);
        const char *sum = TFW(tfw, "Sum T=float Tidx=int32 keep_dims=true", powers, along);
        y = is_log ? TFW(tfw, "Sub T=float", shifted, TFW(tfw, "Log T=float", sum))
                   : TFW(tfw, "RealDiv T=float", powers, sum);
    }
    tfn_set(net, node->outputs[0], y, is_nhwc);
}

/* The axes that are reduced; all where none are named. -1: they are no constants. */
static int read_axes(struct tfn *net, const struct tw_node *node, int rank, int64_t axes[TW_MAX_RANK])
{
    const struct tw_attribute *attribute = tw_node_attribute(node, "axes");
    int count = 0;
    if (node->input_count > 1 && node->inputs[1] >= 0)
        count = tfn_constant_ints(net, node->inputs[1], axes, TW_MAX_RANK);
    for (size_t i = 0; attribute && i < attribute->count && i < TW_MAX_RANK; i++)
        axes[count++] = attribute->ints[i];
    for (int i = 0; count == 0 && i < rank; i++)
        axes[i] = i;
    count = count == 0 ? rank : count;
    for (int i = 0; i < count; i++)
        axes[i] += axes[i] < 0 ? rank : 0;
    return count;
}

void tfn_reduce(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int64_t axes[TW_MAX_RANK];
    int32_t at[TW_MAX_RANK];
    int rank = tfn_value(net, node->inputs[0])->shape.rank, count = read_axes(net, node, rank, axes);
    bool keeps = tw_node_int(node, "keepdims", 1) != 0, is_l2 = node->op == TW_OP_REDUCE_L2;
    bool is_spatial = count == 2 && axes[0] + axes[1] == 5 && axes[0] * axes[1] == 6;
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]) && (keeps || is_spatial);
    if (count < 0) {
        tfn_fail(net, node, "has axes that are no constants");
        return;
    }
    for (int i = 0; i < count; i++)
        at[i] = is_nhwc ? tfn_nhwc_axis((int)axes[i]) : (int32_t)axes[i];
    const char *x = input(net, node, 0, is_nhwc), *type = tfn_type(net, node->inputs[0]);
    if (is_l2)
        x = TFW(tfw, "Square T=float", x);
    const char *y =
        TFW(tfw, tfw_text(tfw, "%s T=%s Tidx=int32 keep_dims=%s", names[node->op], type, keeps ? "true" : "false"), x,
            tfw_ints(tfw, at, count));
    tfn_set(net, node->outputs[0], is_l2 ? TFW(tfw, "Sqrt T=float", y) : y, is_nhwc && keeps);
}

void tfn_arg_max(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    const char *axis = tfw_int(tfw, (int32_t)tw_node_int(node, "axis", 0));
    if (tw_node_int(node, "select_last_index", 0)) {
        tfn_fail(net, node, "wants the last of several, which TensorFlow's ArgMax does not give");
        return;
    }
    const char *y = TFW(tfw, tfw_text(tfw, "ArgMax T=%s Tidx=int32 output_type=int64", tfn_type(net, node->inputs[0])),
                        tfn_native(net, node->inputs[0]), axis);
    if (tw_node_int(node, "keepdims", 1))
        y = TFW(tfw, "ExpandDims T=int64 Tdim=int32", y, axis);
    tfn_set(net, node->outputs[0], y, false);
}

void tfn_gemm(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    float alpha = tw_node_float(node, "alpha", 1), beta = tw_node_float(node, "beta", 1);
    const char *spec =
        tfw_text(tfw, "MatMul T=float transpose_a=%s transpose_b=%s", tw_node_int(node, "transA", 0) ? "true" : "false",
                 tw_node_int(node, "transB", 0) ? "true" : "false");
    const char *y = TFW(tfw, spec, tfn_native(net, node->inputs[0]), tfn_native(net, node->inputs[1]));
    if (alpha != 1)
        y = TFW(tfw, "Mul T=float", y, tfw_float(tfw, alpha));
    if (node->input_count > 2 && node->inputs[2] >= 0) {
        const char *bias = tfn_native(net, node->inputs[2]);
        y = TFW(tfw, "Add T=float", y, beta == 1 ? bias : TFW(tfw, "Mul T=float", bias, tfw_float(tfw, beta)));
    }
    tfn_set(net, node->outputs[0], y, false);
}

void tfn_matmul(struct tfn *net, const struct tw_node *node)
{
    int a = tfn_value(net, node->inputs[0])->shape.rank, b = tfn_value(net, node->inputs[1])->shape.rank;
    if (a < 2 || b < 2) {
        tfn_fail(net, node, "multiplies a vector, which is not exported");
        return;
    }
    const char *spec =
        a == 2 && b == 2 ? "MatMul T=float transpose_a=false transpose_b=false" : "BatchMatMulV2 T=float";
    tfn_set(net, node->outputs[0],
            TFW(net->tfw, spec, tfn_native(net, node->inputs[0]), tfn_native(net, node->inputs[1])), false);
}

void tfn_layer_norm(struct tfn *net, const struct tw_node *node)
{
    struct tfw *tfw = net->tfw;
    int rank = tfn_value(net, node->inputs[0])->shape.rank, count = 0;
    int64_t axis = tw_node_int(node, "axis", -1);
    int32_t axes[TW_MAX_RANK];
    for (int64_t i = axis < 0 ? axis + rank : axis; i < rank; i++)
        axes[count++] = (int32_t)i;
    const char *x = tfn_native(net, node->inputs[0]), *along = tfw_ints(tfw, axes, count);
    const char *mean = TFW(tfw, "Mean T=float Tidx=int32 keep_dims=true", x, along);
    const char *variance =
        TFW(tfw, "Mean T=float Tidx=int32 keep_dims=true", TFW(tfw, "SquaredDifference T=float", x, mean), along);
    variance = TFW(tfw, "Add T=float", variance, tfw_float(tfw, tw_node_float(node, "epsilon", 1e-5f)));
    const char *y = TFW(tfw, "Mul T=float", TFW(tfw, "Sub T=float", x, mean), TFW(tfw, "Rsqrt T=float", variance));
    y = TFW(tfw, "Mul T=float", y, tfn_native(net, node->inputs[1]));
    if (node->input_count > 2 && node->inputs[2] >= 0)
        y = TFW(tfw, "Add T=float", y, tfn_native(net, node->inputs[2]));
    tfn_set(net, node->outputs[0], y, false);
}

void tfn_cast(struct tfn *net, const struct tw_node *node)
{
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    const char *from = tfn_type(net, node->inputs[0]), *to = tfn_type(net, node->outputs[0]);
    const char *x = input(net, node, 0, is_nhwc);
    if (strcmp(from, to) != 0)
        x = TFW(net->tfw, tfw_text(net->tfw, "Cast SrcT=%s DstT=%s", from, to), x);
    tfn_set(net, node->outputs[0], x, is_nhwc);
}

/* One scale for all, and the zero point that goes with it. */
static bool read_grid(struct tfn *net, const struct tw_node *node, float *scale, float *zero)
{
    int64_t count = 0, zeros = 1;
    const void *data = tfn_floats(net, node->inputs[1], &count);
    const struct tw_value *point =
        node->input_count > 2 && node->inputs[2] >= 0 ? tfn_value(net, node->inputs[2]) : NULL;
    *zero = 0;
    if (!data || count != 1 || (point && (!point->data || !tw_shape_count(&point->shape, &zeros) || zeros != 1))) {
        tfn_fail(net, node, "has a scale for each channel of what is no constant");
        return false;
    }
    memcpy(scale, data, sizeof *scale);
    if (point)
        *zero = point->dtype == TW_U8 ? *(const uint8_t *)point->data : (float)*(const int8_t *)point->data;
    return true;
}

/* To the grid's nearest whole number, as a float. */
void tfn_quantize(struct tfn *net, const struct tw_node *node)
{
    float scale, zero;
    struct tfw *tfw = net->tfw;
    enum tw_dtype dtype = tfn_value(net, node->outputs[0])->dtype;
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    if (!read_grid(net, node, &scale, &zero))
        return;
    const char *x = TFW(tfw, "RealDiv T=float", input(net, node, 0, is_nhwc), tfw_float(tfw, scale));
    x = TFW(tfw, "Add T=float", TFW(tfw, "Rint T=float", x), tfw_float(tfw, zero));
    tfn_clip(net, &x, dtype == TW_U8 ? 0 : -128, dtype == TW_U8 ? 255 : 127);
    tfn_set(net, node->outputs[0], x, is_nhwc);
}

/* Constants became floats before, by the caller. */
void tfn_dequantize(struct tfn *net, const struct tw_node *node)
{
    float scale, zero;
    struct tfw *tfw = net->tfw;
    bool is_nhwc = tfn_prefers_nhwc(net, node->inputs[0]);
    if (!read_grid(net, node, &scale, &zero))
        return;
    const char *x = TFW(tfw, "Sub T=float", input(net, node, 0, is_nhwc), tfw_float(tfw, zero));
    tfn_set(net, node->outputs[0], TFW(tfw, "Mul T=float", x, tfw_float(tfw, scale)), is_nhwc);
}
