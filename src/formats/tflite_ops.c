/* TensorFlow Lite's ops to ours: a table. */
#include "formats/tflite.h"

#include <string.h>

/* Where height and width are 1 both layouts have their elements in the same order. */
static int in_file_order(struct tfl *tfl, const struct tfl_op *op, int input)
{
    const struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    bool is_one_pixel = tensor && tensor->shape.rank == 4 && tensor->shape.dims[1] == 1 && tensor->shape.dims[2] == 1;
    return is_one_pixel && tfl_has_nchw(tfl, op, input) ? tfl_nchw(tfl, op, input) : tfl_native(tfl, op, input);
}

static int any_form(struct tfl *tfl, const struct tfl_op *op, bool *is_nchw)
{
    *is_nchw = tfl_has_nchw(tfl, op, 0);
    return *is_nchw ? tfl_nchw(tfl, op, 0) : tfl_native(tfl, op, 0);
}

static struct tw_node *unary(struct tfl *tfl, const struct tfl_op *op, enum tw_op kind)
{
    bool is_nchw;
    int input = any_form(tfl, op, &is_nchw);
    return tfl_emit(tfl, op, kind, &input, 1, is_nchw);
}

/* The inputs in one layout: channels first where one of them is so already. True when that is it. */
static bool same_layout(struct tfl *tfl, const struct tfl_op *op, int *ids)
{
    bool is_nchw = false, can_nchw = true;
    for (int i = 0; i < op->input_count; i++) {
        const struct tfl_tensor *tensor = tfl_input(tfl, op, i);
        if (!tensor)
            return false;
        bool has_nchw = tfl_has_nchw(tfl, op, i);
        is_nchw |= has_nchw;
        can_nchw &= has_nchw || tensor->shape.rank == 4 || (tensor->data && tensor->scale_count <= 1);
    }
    is_nchw &= can_nchw;
    for (int i = 0; i < op->input_count && !tfl->build->status; i++) {
        if (!is_nchw)
            ids[i] = tfl_native(tfl, op, i);
        else if (tfl_has_nchw(tfl, op, i) || !tfl_input(tfl, op, i)->data)
            ids[i] = tfl_nchw(tfl, op, i);
        else
            ids[i] = tfl_constant_for_nchw(tfl, op, i);
    }
    return is_nchw;
}

static void binary(struct tfl *tfl, const struct tfl_op *op, enum tw_op kind)
{
    int ids[2];
    if (op->input_count != 2) {
        tfl_fail(tfl, op, "has not two inputs");
        return;
    }
    bool is_nchw = same_layout(tfl, op, ids);
    tfl_emit(tfl, op, kind, ids, 2, is_nchw);
}

static void squared_difference(struct tfl *tfl, const struct tfl_op *op)
{
    int ids[2];
    if (op->input_count != 2) {
        tfl_fail(tfl, op, "has not two inputs");
        return;
    }
    bool is_nchw = same_layout(tfl, op, ids);
    int difference = build_step(tfl->build, TW_OP_SUB, tfl->tensors[op->outputs[0]].name, "difference", ids, 2);
    tfl_emit(tfl, op, TW_OP_MUL, (const int[]){difference, difference}, 2, is_nchw);
}

static void clip(struct tfl *tfl, const struct tfl_op *op, float low, float high)
{
    bool is_nchw;
    const char *name = tfl->tensors[op->outputs[0]].name;
    int ids[] = {any_form(tfl, op, &is_nchw), build_scalar(tfl->build, name, "low", low),
                 build_scalar(tfl->build, name, "high", high)};
    tfl_emit(tfl, op, TW_OP_CLIP, ids, 3, is_nchw);
}

static void relu6(struct tfl *tfl, const struct tfl_op *op)
{
    clip(tfl, op, 0, 6);
}

static void relu_n1(struct tfl *tfl, const struct tfl_op *op)
{
    clip(tfl, op, -1, 1);
}

static void leaky_relu(struct tfl *tfl, const struct tfl_op *op)
{
    build_float(tfl->build, unary(tfl, op, TW_OP_LEAKY_RELU), "alpha", tfl_option_float(tfl, op, 0, 0));
}

static void gelu(struct tfl *tfl, const struct tfl_op *op)
{
    build_word(tfl->build, unary(tfl, op, TW_OP_GELU), "approximate", tfl_option(tfl, op, 0, 1, 0) ? "tanh" : "none");
}

static void prelu(struct tfl *tfl, const struct tfl_op *op)
{
    binary(tfl, op, TW_OP_PRELU);
}

static void rsqrt(struct tfl *tfl, const struct tfl_op *op)
{
    bool is_nchw;
    int input = any_form(tfl, op, &is_nchw);
    int root = build_step(tfl->build, TW_OP_SQRT, tfl->tensors[op->outputs[0]].name, "sqrt", &input, 1);
    tfl_emit(tfl, op, TW_OP_RECIPROCAL, &root, 1, is_nchw);
}

static void square(struct tfl *tfl, const struct tfl_op *op)
{
    bool is_nchw;
    int input = any_form(tfl, op, &is_nchw);
    tfl_emit(tfl, op, TW_OP_MUL, (const int[]){input, input}, 2, is_nchw);
}

static void softmax(struct tfl *tfl, const struct tfl_op *op)
{
    enum { LOG_SOFTMAX = 50 };
    bool is_nchw;
    int input = any_form(tfl, op, &is_nchw);
    float beta = op->code == LOG_SOFTMAX ? 1 : tfl_option_float(tfl, op, 0, 1);
    const char *name = tfl->tensors[op->outputs[0]].name;
    if (beta < 1 || beta > 1)
        input = build_step(tfl->build, TW_OP_MUL, name, "scaled",
                           (const int[]){input, build_scalar(tfl->build, name, "beta", beta)}, 2);
    enum tw_op kind = op->code == LOG_SOFTMAX ? TW_OP_LOG_SOFTMAX : TW_OP_SOFTMAX;
    build_int(tfl->build, tfl_emit(tfl, op, kind, &input, 1, is_nchw), "axis", is_nchw ? 1 : -1);
}

/* x / max(|x|, epsilon) along the channels. */
static void l2_normalization(struct tfl *tfl, const struct tfl_op *op)
{
    bool is_nchw;
    int input = any_form(tfl, op, &is_nchw);
    const char *name = tfl->tensors[op->outputs[0]].name;
    const int64_t axis = is_nchw ? 1 : -1;
    int length = build_step(tfl->build, TW_OP_REDUCE_L2, name, "length", &input, 1);
    struct tw_node *made = length < 0 ? NULL : &tfl->build->graph->nodes[tfl->build->graph->node_count - 1];
    build_int_list(tfl->build, made, "axes", &axis, 1);
    build_int(tfl->build, made, "keepdims", 1);
    const int least[] = {length, build_scalar(tfl->build, name, "epsilon", 1e-6f)};
    int divisor = build_step(tfl->build, TW_OP_MAX, name, "divisor", least, 2);
    tfl_emit(tfl, op, TW_OP_DIV, (const int[]){input, divisor}, 2, is_nchw);
}

static void concatenation(struct tfl *tfl, const struct tfl_op *op)
{
    int *ids = build_alloc(tfl->build, (size_t)op->input_count, sizeof *ids);
    const struct tfl_tensor *output = tfl_output(tfl, op);
    if (!ids || !output)
        return;
    int64_t axis = tfl_option(tfl, op, 0, 4, 0);
    axis = axis < 0 ? axis + output->shape.rank : axis;
    if (op->input_count == 0 || axis < 0 || axis >= output->shape.rank) {
        tfl_fail(tfl, op, "has no input, or an axis that its inputs have not");
        return;
    }
    bool is_nchw = same_layout(tfl, op, ids);
    build_int(tfl->build, tfl_emit(tfl, op, TW_OP_CONCAT, ids, op->input_count, is_nchw), "axis",
              is_nchw ? layout_axis_in_nchw[axis] : axis);
}

/* To the shape that the file gives the result, with a free batch. */
static int shaped(struct tfl *tfl, const struct tfl_tensor *output, int id, bool is_last, const struct tfl_op *op)
{
    int64_t dims[TW_MAX_RANK];
    for (int i = 0; i < output->shape.rank; i++) {
        dims[i] = output->shape.dims[i];
        if (dims[i] == 0)
            tfl_fail(tfl, op, "makes a tensor of no elements");
    }
    if (output->shape.rank > 1 && dims[0] == 1)
        dims[0] = -1;
    int ids[] = {id, build_ints(tfl->build, output->name, "shape", dims, (size_t)output->shape.rank)};
    if (!is_last)
        return build_step(tfl->build, TW_OP_RESHAPE, output->name, "shaped", ids, 2);
    tfl_emit(tfl, op, TW_OP_RESHAPE, ids, 2, false);
    return tfl->made;
}

/* Reshape, Squeeze, ExpandDims: they move no element. */
static void reshape(struct tfl *tfl, const struct tfl_op *op)
{
    const struct tfl_tensor *output = tfl_output(tfl, op);
    if (output)
        shaped(tfl, output, in_file_order(tfl, op, 0), true, op);
}

/* Weights are units, inputs. Dimensions before the last are taken as a batch. */
static void fully_connected(struct tfl *tfl, const struct tfl_op *op)
{
    const struct tfl_tensor *weights = tfl_input(tfl, op, 1), *output = tfl_output(tfl, op),
                            *input = tfl_input(tfl, op, 0);
    if (!weights || !output || !input)
        return;
    if (weights->shape.rank != 2 || tfl_option(tfl, op, 1, 1, 0) != 0) {
        tfl_fail(tfl, op, "has weights in a layout that is not known");
        return;
    }
    bool has_bias = tfl_has_input(op, 2), is_flat = output->shape.rank == 2;
    int ids[] = {in_file_order(tfl, op, 0), tfl_native(tfl, op, 1), -1};
    if (has_bias)
        ids[2] = tfl_native(tfl, op, 2);
    if (input->shape.rank != 2) {
        const int64_t dims[] = {-1, weights->shape.dims[1]};
        ids[0] = build_step(tfl->build, TW_OP_RESHAPE, output->name, "flat",
                            (const int[]){ids[0], build_ints(tfl->build, output->name, "flat_shape", dims, 2)}, 2);
    }
    if (is_flat) {
        build_int(tfl->build, tfl_emit(tfl, op, TW_OP_GEMM, ids, has_bias ? 3 : 2, false), "transB", 1);
        return;
    }
    int product = build_step(tfl->build, TW_OP_GEMM, output->name, "product", ids, has_bias ? 3 : 2);
    build_int(tfl->build, product < 0 ? NULL : &tfl->build->graph->nodes[tfl->build->graph->node_count - 1], "transB",
              1);
    shaped(tfl, output, product, true, op);
}

static int last_two_turned(struct tfl *tfl, const struct tfl_op *op, int input, bool turns)
{
    int id = tfl_native(tfl, op, input);
    const struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    if (!turns || !tensor || tensor->shape.rank < 2)
        return id;
    int64_t order[TW_MAX_RANK];
    int rank = tensor->shape.rank;
    for (int i = 0; i < rank; i++)
        order[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    int made = build_step(tfl->build, TW_OP_TRANSPOSE, tensor->name, "turned", &id, 1);
    build_int_list(tfl->build, made < 0 ? NULL : &tfl->build->graph->nodes[tfl->build->graph->node_count - 1], "perm",
                   order, (size_t)rank);
    return made;
}

static void batch_matmul(struct tfl *tfl, const struct tfl_op *op)
{
    int ids[] = {last_two_turned(tfl, op, 0, tfl_option(tfl, op, 0, 1, 0)),
                 last_two_turned(tfl, op, 1, tfl_option(tfl, op, 1, 1, 0))};
    tfl_emit(tfl, op, TW_OP_MATMUL, ids, 2, false);
}

static bool is_plane(const int64_t *axes, size_t count)
{
    return count == 2 && ((axes[0] == 1 && axes[1] == 2) || (axes[0] == 2 && axes[1] == 1));
}

/* A picture's layout lasts through a reduction over its plane, or over anything that keeps its dimensions. */
static void reduce(struct tfl *tfl, const struct tfl_op *op, enum tw_op kind)
{
    int64_t axes[TW_MAX_RANK];
    size_t count;
    const struct tfl_tensor *input = tfl_input(tfl, op, 0);
    if (!input || !tfl_ints(tfl, op, 1, axes, TW_MAX_RANK, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        axes[i] = axes[i] < 0 ? axes[i] + input->shape.rank : axes[i];
        if (axes[i] < 0 || axes[i] >= input->shape.rank) {
            tfl_fail(tfl, op, "has an axis that its input has not");
            return;
        }
    }
    bool keeps = tfl_option(tfl, op, 0, 1, 0);
    bool is_nchw = tfl_has_nchw(tfl, op, 0) && input->shape.rank == 4 && (keeps || is_plane(axes, count));
    for (size_t i = 0; is_nchw && i < count; i++)
        axes[i] = layout_axis_in_nchw[axes[i]];
    bool is_sum = kind == TW_OP_REDUCE_SUM;
    int ids[] = {is_nchw ? tfl_nchw(tfl, op, 0) : tfl_native(tfl, op, 0), -1};
    if (is_sum)
        ids[1] = build_ints(tfl->build, input->name, "axes", axes, count);
    struct tw_node *made = tfl_emit(tfl, op, kind, ids, is_sum ? 2 : 1, is_nchw && keeps);
    if (!is_sum)
        build_int_list(tfl->build, made, "axes", axes, count);
    build_int(tfl->build, made, "keepdims", keeps);
}

static void transpose(struct tfl *tfl, const struct tfl_op *op)
{
    int64_t order[TW_MAX_RANK];
    size_t count;
    if (!tfl_ints(tfl, op, 1, order, TW_MAX_RANK, &count))
        return;
    int input = tfl_native(tfl, op, 0);
    build_int_list(tfl->build, tfl_emit(tfl, op, TW_OP_TRANSPOSE, &input, 1, false), "perm", order, count);
}

static void argmax(struct tfl *tfl, const struct tfl_op *op)
{
    int64_t axis;
    size_t count;
    if (!tfl_ints(tfl, op, 1, &axis, 1, &count) || count != 1) {
        tfl_fail(tfl, op, "has not one axis");
        return;
    }
    int input = tfl_native(tfl, op, 0);
    struct tw_node *made = tfl_emit(tfl, op, TW_OP_ARG_MAX, &input, 1, false);
    build_int(tfl->build, made, "axis", axis);
    build_int(tfl->build, made, "keepdims", 0);
}

/* From one type of number to another; all are real numbers here. */
static void cast(struct tfl *tfl, const struct tfl_op *op)
{
    const struct tfl_tensor *input = tfl_input(tfl, op, 0), *output = tfl_output(tfl, op);
    if (!input || !output)
        return;
    bool is_float = (input->dtype == TW_F32 || input->dtype == TW_F16 || input->scales) &&
                    (output->dtype == TW_F32 || output->dtype == TW_F16 || output->scales);
    if (is_float)
        unary(tfl, op, TW_OP_IDENTITY);
    else
        tfl_fail(tfl, op, "turns integers that are not quantised, which is not known");
}

/* An op: its own translation, or one of three that many share. `activation`: the option that names what is fused; -1: none.
 * `moves`: it only moves or picks numbers, so a result on its input's grid needs no rounding. */
struct rule {
    int64_t code;
    const char *name;
    void (*translate)(struct tfl *tfl, const struct tfl_op *op);
    enum family { OWN, UNARY, BINARY, REDUCE } family;
    enum tw_op kind;
    int activation, needed; /* needed: inputs that count; 0: all */
    bool moves;
};
#define UNARY_RULE(code, name, kind)                                                                                   \
    {                                                                                                                  \
        code, name, NULL, UNARY, TW_OP_##kind, -1, 0, false                                                            \
    }
#define BINARY_RULE(code, name, kind, activation)                                                                      \
    {                                                                                                                  \
        code, name, NULL, BINARY, TW_OP_##kind, activation, 0, false                                                   \
    }
#define OWN_RULE(code, name, function, activation)                                                                     \
    {                                                                                                                  \
        code, name, function, OWN, TW_OP_COUNT, activation, 0, false                                                   \
    }
#define MOVING_RULE(code, name, function, needed)                                                                      \
    {                                                                                                                  \
        code, name, function, OWN, TW_OP_COUNT, -1, needed, true                                                       \
    }
#define REDUCE_RULE(code, name, kind)                                                                                  \
    {                                                                                                                  \
        code, name, NULL, REDUCE, TW_OP_##kind, -1, 0, false                                                           \
    }
static const struct rule rules[] = {
    OWN_RULE(1, "AVERAGE_POOL_2D", tfl_pool, 5),
    OWN_RULE(3, "CONV_2D", tfl_conv, 3),
    OWN_RULE(4, "DEPTHWISE_CONV_2D", tfl_depthwise_conv, 4),
    OWN_RULE(9, "FULLY_CONNECTED", fully_connected, 0),
    OWN_RULE(11, "L2_NORMALIZATION", l2_normalization, 0),
    OWN_RULE(17, "MAX_POOL_2D", tfl_pool, 5),
    OWN_RULE(2, "CONCATENATION", concatenation, 1),
    OWN_RULE(20, "RELU_N1_TO_1", relu_n1, -1),
    OWN_RULE(21, "RELU6", relu6, -1),
    OWN_RULE(23, "RESIZE_BILINEAR", tfl_resize, -1),
    OWN_RULE(25, "SOFTMAX", softmax, -1),
    OWN_RULE(50, "LOG_SOFTMAX", softmax, -1),
    OWN_RULE(53, "CAST", cast, -1),
    OWN_RULE(54, "PRELU", prelu, -1),
    OWN_RULE(56, "ARG_MAX", argmax, -1),
    OWN_RULE(76, "RSQRT", rsqrt, -1),
    OWN_RULE(92, "SQUARE", square, -1),
    OWN_RULE(98, "LEAKY_RELU", leaky_relu, -1),
    OWN_RULE(99, "SQUARED_DIFFERENCE", squared_difference, -1),
    OWN_RULE(126, "BATCH_MATMUL", batch_matmul, -1),
    OWN_RULE(150, "GELU", gelu, -1),
    MOVING_RULE(22, "RESHAPE", reshape, 1),
    MOVING_RULE(34, "PAD", tfl_pad, 0),
    MOVING_RULE(39, "TRANSPOSE", transpose, 0),
    MOVING_RULE(43, "SQUEEZE", reshape, 1),
    MOVING_RULE(37, "BATCH_TO_SPACE_ND", tfl_batch_to_space, 0),
    MOVING_RULE(38, "SPACE_TO_BATCH_ND", tfl_space_to_batch, 0),
    MOVING_RULE(45, "STRIDED_SLICE", tfl_strided_slice, 0),
    MOVING_RULE(49, "SPLIT", tfl_split, 0),
    MOVING_RULE(60, "PADV2", tfl_pad, 0),
    MOVING_RULE(65, "SLICE", tfl_slice, 0),
    MOVING_RULE(83, "PACK", tfl_pack, 0),
    MOVING_RULE(70, "EXPAND_DIMS", reshape, 1),
    MOVING_RULE(97, "RESIZE_NEAREST_NEIGHBOR", tfl_resize, 1),
    MOVING_RULE(100, "MIRROR_PAD", tfl_pad, 0),
    REDUCE_RULE(40, "MEAN", REDUCE_MEAN),
    REDUCE_RULE(74, "SUM", REDUCE_SUM),
    REDUCE_RULE(82, "REDUCE_MAX", REDUCE_MAX),
    REDUCE_RULE(89, "REDUCE_MIN", REDUCE_MIN),
    BINARY_RULE(0, "ADD", ADD, 0),
    BINARY_RULE(18, "MUL", MUL, 0),
    BINARY_RULE(41, "SUB", SUB, 0),
    BINARY_RULE(42, "DIV", DIV, 0),
    BINARY_RULE(55, "MAXIMUM", MAX, -1),
    BINARY_RULE(57, "MINIMUM", MIN, -1),
    BINARY_RULE(78, "POW", POW, -1),
    UNARY_RULE(6, "DEQUANTIZE", IDENTITY),
    UNARY_RULE(114, "QUANTIZE", IDENTITY),
    UNARY_RULE(8, "FLOOR", FLOOR),
    UNARY_RULE(14, "LOGISTIC", SIGMOID),
    UNARY_RULE(19, "RELU", RELU),
    UNARY_RULE(28, "TANH", TANH),
    UNARY_RULE(47, "EXP", EXP),
    UNARY_RULE(59, "NEG", NEG),
    UNARY_RULE(73, "LOG", LOG),
    UNARY_RULE(75, "SQRT", SQRT),
    UNARY_RULE(101, "ABS", ABS),
    UNARY_RULE(104, "CEIL", CEIL),
    UNARY_RULE(111, "ELU", ELU),
    UNARY_RULE(116, "ROUND", ROUND),
    UNARY_RULE(117, "HARD_SWISH", HARD_SWISH),
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

static const struct rule *find_rule(const struct tfl_op *op)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (rules[i].code == op->code)
            return &rules[i];
    }
    return NULL;
}

const char *tfl_op_name(const struct tfl_op *op)
{
    const struct rule *rule = find_rule(op);
    return rule ? rule->name : op->custom && *op->custom ? op->custom : "?";
}

int tfl_needed_inputs(const struct tfl_op *op)
{
    const struct rule *rule = find_rule(op);
    return rule && rule->needed ? rule->needed : op->input_count;
}

/* What is fused behind the op; the value that comes out. */
static int activated(struct tfl *tfl, const struct tfl_op *op, int64_t activation, bool is_last)
{
    enum { RELU = 1, RELU_N1_TO_1, RELU6, TANH };
    struct build *build = tfl->build;
    const struct tfl_tensor *output = &tfl->tensors[op->outputs[0]];
    int ids[] = {tfl->made, -1, -1}, count = 1;
    enum tw_op kind = activation == RELU ? TW_OP_RELU : activation == TANH ? TW_OP_TANH : TW_OP_CLIP;
    if (activation < RELU || activation > TANH) {
        tfl_fail(tfl, op, "has a fused activation that is none of RELU, RELU_N1_TO_1, RELU6, TANH");
        return -1;
    }
    if (kind == TW_OP_CLIP) {
        ids[1] = build_scalar(build, output->name, "low", activation == RELU6 ? 0 : -1);
        ids[2] = build_scalar(build, output->name, "high", activation == RELU6 ? 6 : 1);
        count = 3;
    }
    int id = is_last ? output->id : build_fresh(build, output->name, "active");
    return build_node(build, kind, output->name, ids, count, id) ? id : -1;
}

static void apply(struct tfl *tfl, const struct tfl_op *op, const struct rule *rule)
{
    switch (rule->family) {
    case OWN:
        rule->translate(tfl, op);
        break;
    case UNARY:
        unary(tfl, op, rule->kind);
        break;
    case BINARY:
        binary(tfl, op, rule->kind);
        break;
    case REDUCE:
        reduce(tfl, op, rule->kind);
        break;
    }
}

/* A constant that a Dequantize widens stays a constant, for weights must be one. */
static bool is_constant_again(struct tfl *tfl, const struct tfl_op *op, struct tfl_tensor *output)
{
    enum { DEQUANTIZE = 6 };
    const struct tfl_tensor *input = op->code == DEQUANTIZE ? tfl_input(tfl, op, 0) : NULL;
    if (!input || !input->data || output->scales)
        return false;
    output->data = input->data;
    output->dtype = input->dtype;
    output->shape = input->shape;
    output->scales = input->scales;
    output->zero_points = input->zero_points;
    output->scale_count = input->scale_count;
    output->axis = input->axis;
    return true;
}

void tfl_translate(struct tfl *tfl, const struct tfl_op *op)
{
    const struct rule *rule = find_rule(op);
    struct tfl_tensor *output = &tfl->tensors[op->outputs[0]];
    if (!rule) {
        build_fail(
            tfl->build, TW_UNSUPPORTED,
            "tensor '%.200s' is made by TensorFlow Lite's op %s (number %lld), which is none of the %d known ones",
            output->name, tfl_op_name(op), (long long)op->code, (int)RULE_COUNT);
        return;
    }
    if (output->data || output->forms.native >= 0 || output->forms.nchw >= 0) {
        build_fail(tfl->build, TW_CORRUPT, "tensor '%.200s' is made twice", output->name);
        return;
    }
    if (is_constant_again(tfl, op, output))
        return;
    int64_t activation = rule->activation < 0 ? 0 : tfl_option(tfl, op, (unsigned)rule->activation, 1, 0);
    const struct tfl_tensor *input = op->input_count && op->inputs[0] >= 0 ? &tfl->tensors[op->inputs[0]] : NULL;
    bool rounds = output->scales && !(rule->moves && input && tfl_same_grid(input, output));
    tfl->made = -1;
    tfl->is_made_last = !activation && !rounds;
    apply(tfl, op, rule);
    int id = tfl->made;
    if (tfl->build->status || id < 0)
        return;
    if (activation)
        id = activated(tfl, op, activation, !rounds);
    if (rounds && id >= 0)
        id = tfl_on_grid(tfl, output, id, output->id);
    output->forms = tfl->is_made_nchw ? (struct layout_forms){-1, id} : (struct layout_forms){id, -1};
}
