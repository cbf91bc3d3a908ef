/* Quantised networks that name integer ops ("QOperator" of onnxruntime.quantization): each becomes DequantizeLinear, the op, and
 * QuantizeLinear, the spelling ("QDQ") that the rest of topwork knows; the engine computes both in integers. Source: ONNX's
 * operators and ONNX Runtime's ContribOperators.md. */
#include "formats/onnx.h"

#include <string.h>

/* Where an op's inputs stand: tensors, each followed by scale and zero point; then the result's. */
struct form {
    const char *op, *is; /* what it is without its grids */
    int tensors;         /* of which each takes three inputs; 0: any number, after the result's grid */
    bool has_bias;       /* one integer input more, on the grid of the first two */
};
static const struct form forms[] = {
    {"QLinearConv", "Conv", 2, true},
    {"QLinearMatMul", "MatMul", 2, false},
    {"QGemm", "Gemm", 2, true},
    {"QLinearAdd", "Add", 2, false},
    {"QLinearMul", "Mul", 2, false},
    {"QLinearConcat", "Concat", 0, false},
    {"QLinearAveragePool", "AveragePool", 1, false},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", 1, false},
    {"QLinearLeakyRelu", "LeakyRelu", 1, false},
    {"QLinearSigmoid", "Sigmoid", 1, false},
    {"QLinearSoftmax", "Softmax", 1, false},
};

/* Ops that give on integers as they are, of their first input. */
static const char *const carriers[] = {"MaxPool",   "Reshape", "Transpose", "Flatten", "Squeeze",
                                       "Unsqueeze", "Slice",   "Identity",  "Dropout"};

static const struct form *form_of(const char *op)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].op, op) == 0)
            return &forms[i];
    }
    return NULL;
}

bool onnx_is_quantised_op(const char *op)
{
    return form_of(op) != NULL || strcmp(op, "QuantizeLinear") == 0 || strcmp(op, "DequantizeLinear") == 0;
}

static void note_grid(struct build *build, int id, int scale, int zero)
{
    if (build->status || id < 0)
        return;
    if ((size_t)id >= build->grid_room) {
        size_t room = 2 * (size_t)id + 64;
        struct build_grid *grids = build_alloc(build, room, sizeof *grids);
        if (!grids)
            return;
        if (build->grid_room)
            memcpy(grids, build->grids, build->grid_room * sizeof *grids);
        build->grids = grids;
        build->grid_room = room;
    }
    build->grids[id] = (struct build_grid){true, scale, zero};
}

static const struct build_grid *grid_of(const struct build *build, int id)
{
    return id >= 0 && (size_t)id < build->grid_room && build->grids[id].is_known ? &build->grids[id] : NULL;
}

static int count_of(const int ids[3])
{
    return ids[2] >= 0 ? 3 : 2;
}

/* ids: integers, scale, zero point or -1. */
static int real_of(struct build *build, const struct onnx_node *node, const int ids[3], int axis)
{
    if (build->status)
        return -1;
    if (ids[0] < 0 || ids[1] < 0) {
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %s) leaves out a tensor or its scale", node->label, node->op);
        return -1;
    }
    int real = build_step(build, TW_OP_DEQUANTIZE_LINEAR, node->label, "real", ids, count_of(ids));
    if (real >= 0 && build->graph->values[ids[1]].shape.rank == 1)
        build_int(build, &build->graph->nodes[build->graph->node_count - 1], "axis", axis);
    return real;
}

static void put_on_grid(struct build *build, const struct onnx_node *node, int real, const int grid[2], int output)
{
    const int inputs[] = {real, grid[0], grid[1]};
    if (!build->status && grid[0] < 0)
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %s) leaves out its result's scale", node->label, node->op);
    build_node(build, TW_OP_QUANTIZE_LINEAR, node->label, inputs, count_of(inputs), output);
    note_grid(build, output, grid[0], grid[1]);
}

static bool constant_floats(const struct build *build, int id, const float **values, int64_t *count)
{
    if (id < 0)
        return false;
    const struct tw_value *value = &build->graph->values[id];
    *values = value->data;
    return value->data && value->dtype == TW_F32 && tw_shape_count(&value->shape, count) && *count > 0;
}

static float float_at(const float *values, int64_t at)
{
    float x;
    memcpy(&x, values + at, sizeof x);
    return x;
}

/* A bias has the product of both scales as its own. */
static int real_bias(struct build *build, const struct onnx_node *node, int bias, float alpha)
{
    const float *x, *w;
    int64_t x_count, w_count;
    if (!constant_floats(build, node->inputs[1], &x, &x_count) ||
        !constant_floats(build, node->inputs[4], &w, &w_count) || x_count != 1) {
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op %s): the scales of its inputs are no constants",
                   node->label, node->op);
        return -1;
    }
    float *scales = build_alloc(build, (size_t)w_count, sizeof *scales);
    if (!scales)
        return -1;
    for (int64_t i = 0; i < w_count; i++)
        scales[i] = alpha * float_at(x, 0) * float_at(w, i);
    struct tw_shape shape = {.rank = w_count > 1, .dims = {w_count}};
    const int ids[] = {bias, build_floats(build, node->label, "bias_scale", &shape, scales), -1};
    return real_of(build, node, ids, 0);
}

static float alpha_of(struct onnx_node *node)
{
    const struct tw_attribute *alpha = onnx_attribute(node, "alpha");
    return alpha && alpha->kind == TW_ATTR_FLOAT ? alpha->f : 1;
}

static int int_of(struct onnx_node *node, const char *name)
{
    const struct tw_attribute *attribute = onnx_attribute(node, name);
    return attribute && attribute->kind == TW_ATTR_INT ? (int)attribute->i : 0;
}

/* The dimension of the second tensor that has a scale for each index. */
static int weight_axis(struct onnx_node *node)
{
    if (strcmp(node->op, "QLinearConv") == 0)
        return 0;
    return strcmp(node->op, "QGemm") == 0 && int_of(node, "transB") ? 0 : 1;
}

/* What says nothing without the grids, or what we do anyway. */
static void drop_attributes(struct build *build, struct onnx_node *node)
{
    struct tw_attribute *last = onnx_attribute(node, "channels_last");
    if (last && last->i != 0)
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op %s) has its channels last, which is not known",
                   node->label, node->op);
    struct tw_attribute *opset = onnx_attribute(node, "opset");
    if (opset && opset->i < 13)
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op %s) is of opset %lld; known are 13 and later", node->label,
                   node->op, (long long)opset->i);
    for (int i = 0; i < node->attribute_count; i++) {
        const char *name = node->attributes[i].name;
        if (strcmp(name, "channels_last") == 0 || strcmp(name, "opset") == 0)
            node->attributes[i--] = node->attributes[--node->attribute_count];
    }
}

static int input_at(const struct onnx_node *node, int index)
{
    return index < node->input_count ? node->inputs[index] : -1;
}

/* Replaces the inputs by real ones; `grid` becomes the result's. */
static void make_real(struct build *build, struct onnx_node *node, const struct form *form, int grid[2])
{
    int count = form->tensors ? form->tensors : (node->input_count - 2) / 3, first = form->tensors ? 0 : 2;
    int bias_at = strcmp(form->op, "QGemm") == 0 ? 6 : 8, at = form->tensors ? 3 * count : 0;
    at += strcmp(form->op, "QGemm") == 0;
    grid[0] = input_at(node, at);
    grid[1] = input_at(node, at + 1);
    int bias = form->has_bias && input_at(node, bias_at) >= 0
                   ? real_bias(build, node, input_at(node, bias_at), alpha_of(node))
                   : -1;
    int axis = weight_axis(node);
    for (int i = 0; i < count && !build->status; i++) {
        const int ids[] = {input_at(node, first + 3 * i), input_at(node, first + 3 * i + 1),
                           input_at(node, first + 3 * i + 2)};
        int real = real_of(build, node, ids, axis);
        node->inputs[i] = real; /* never behind what is still to be read */
    }
    node->input_count = count;
    if (bias >= 0)
        node->inputs[node->input_count++] = bias;
}

static void translate_form(struct build *build, struct onnx_node *node, const struct form *form)
{
    int grid[2], output = node->output_count ? node->outputs[0] : -1;
    if (node->input_count < (form->tensors ? 3 * form->tensors : 5) || output < 0) {
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %s) has %d inputs and %d outputs", node->label, node->op,
                   node->input_count, node->output_count);
        return;
    }
    make_real(build, node, form, grid);
    drop_attributes(build, node);
    if (build->status)
        return;
    node->op = form->is;
    if (strcmp(form->op, "QGemm") == 0 && grid[0] < 0) { /* its result is real */
        onnx_translate(build, node);
        return;
    }
    node->outputs[0] = build_fresh(build, node->label, "real");
    int real = node->outputs[0];
    onnx_translate(build, node);
    put_on_grid(build, node, real, grid, output);
}

/* The op on real numbers, and back: then pools and the rest know the grid. */
static void translate_carrier(struct build *build, struct onnx_node *node, const struct build_grid *grid)
{
    const int ids[] = {node->inputs[0], grid->scale, grid->zero}, back[] = {grid->scale, grid->zero};
    int output = node->outputs[0];
    node->inputs[0] = real_of(build, node, ids, 1);
    node->outputs[0] = build_fresh(build, node->label, "real");
    int real = node->outputs[0];
    node->output_count = 1;
    onnx_translate(build, node);
    put_on_grid(build, node, real, back, output);
}

/* Integers that are chosen for each photo are not made: what DynamicQuantizeLinear gives on is its input, in steps of 1. */
static void translate_dynamic(struct build *build, struct onnx_node *node)
{
    uint8_t *zero = build_alloc(build, 1, 1);
    if (node->input_count != 1 || node->output_count != 3 || node->outputs[0] < 0 || !zero) {
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %s) has not one input and three outputs", node->label,
                   node->op);
        return;
    }
    const float one = 1;
    float *scale = build_alloc(build, 1, sizeof *scale);
    if (scale)
        memcpy(scale, &one, sizeof one);
    build_node(build, TW_OP_IDENTITY, node->label, node->inputs, 1, node->outputs[0]);
    if (node->outputs[1] >= 0)
        build_set_constant(build, node->outputs[1], TW_F32, &(struct tw_shape){.rank = 0}, scale);
    if (node->outputs[2] >= 0)
        build_set_constant(build, node->outputs[2], TW_U8, &(struct tw_shape){.rank = 0}, zero);
    note_grid(build, node->outputs[0], -1, -1);
}

/* Of what DynamicQuantizeLinear gave, times integer weights less their zero points. */
static void translate_integer_product(struct build *build, struct onnx_node *node, const char *is)
{
    int weights = input_at(node, 1);
    if (!grid_of(build, input_at(node, 0)) || weights < 0 || !build->graph->values[weights].data) {
        build_fail(build, TW_UNSUPPORTED,
                   "node '%.200s' (op %s): known is only the product of what DynamicQuantizeLinear gives and constant "
                   "weights",
                   node->label, node->op);
        return;
    }
    int64_t count = 1;
    const struct tw_value *zero = input_at(node, 3) >= 0 ? &build->graph->values[node->inputs[3]] : NULL;
    if (zero)
        (void)tw_shape_count(&zero->shape, &count);
    float *ones = build_alloc(build, (size_t)count, sizeof *ones);
    for (int64_t i = 0; ones && i < count; i++)
        ones[i] = 1;
    struct tw_shape shape = zero ? zero->shape : (struct tw_shape){.rank = 0};
    const int ids[] = {weights, build_floats(build, node->label, "step", &shape, ones), input_at(node, 3)};
    node->inputs[1] = real_of(build, node, ids, strcmp(is, "Conv") == 0 ? 0 : 1);
    node->input_count = 2;
    node->op = is;
    onnx_translate(build, node);
}

bool onnx_translate_quantised(struct build *build, struct onnx_node *node)
{
    const struct form *form = form_of(node->op);
    const struct build_grid *grid = grid_of(build, input_at(node, 0));
    if (form) {
        translate_form(build, node, form);
        return true;
    }
    if (strcmp(node->op, "DynamicQuantizeLinear") == 0) {
        translate_dynamic(build, node);
        return true;
    }
    if (strcmp(node->op, "ConvInteger") == 0 || strcmp(node->op, "MatMulInteger") == 0) {
        translate_integer_product(build, node, strcmp(node->op, "ConvInteger") == 0 ? "Conv" : "MatMul");
        return true;
    }
    if (strcmp(node->op, "QuantizeLinear") == 0 && node->output_count && input_at(node, 1) >= 0)
        note_grid(build, node->outputs[0], node->inputs[1], input_at(node, 2));
    for (size_t i = 0; grid && grid->scale >= 0 && i < sizeof carriers / sizeof *carriers; i++) {
        if (strcmp(carriers[i], node->op) == 0 && node->output_count == 1 && node->outputs[0] >= 0) {
            translate_carrier(build, node, grid);
            return true;
        }
    }
    return false;
}
