/* Spellings of ONNX 7 to 22 to the meaning of ONNX 13. Source: the change log of ONNX's operators. What moved between
 * attribute and input is moved; attributes that came later are dropped where they say what 13 does anyway, else the op
 * table refuses them by name. */
#include "formats/onnx.h"

#include <string.h>

enum { MOST_AXES = 16 };

static void remove_attribute(struct onnx_node *node, const char *name)
{
    struct tw_attribute *attribute = onnx_attribute(node, name);
    if (attribute)
        *attribute = node->attributes[--node->attribute_count];
}

static int64_t int_of(struct onnx_node *node, const char *name, int64_t otherwise)
{
    const struct tw_attribute *attribute = onnx_attribute(node, name);
    return attribute && attribute->kind == TW_ATTR_INT ? attribute->i : otherwise;
}

static void set_text(struct onnx_node *node, const char *name, const char *text)
{
    remove_attribute(node, name);
    if (node->attribute_count < ONNX_MAX_ATTRIBUTES)
        node->attributes[node->attribute_count++] =
            (struct tw_attribute){.name = name, .kind = TW_ATTR_TEXT, .text = tw_span_of_text(text)};
}

static void set_int(struct onnx_node *node, const char *name, int64_t value)
{
    remove_attribute(node, name);
    if (node->attribute_count < ONNX_MAX_ATTRIBUTES)
        node->attributes[node->attribute_count++] =
            (struct tw_attribute){.name = name, .kind = TW_ATTR_INT, .i = value};
}

/* Puts an id at input `index`; the array has room, see ONNX_INPUT_ROOM. */
static void set_input(struct build *build, struct onnx_node *node, int index, int id)
{
    if (node->input_count == 0 || index >= ONNX_INPUT_ROOM) {
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %s) has no inputs", node->label, node->op);
        return;
    }
    while (node->input_count <= index)
        node->inputs[node->input_count++] = -1;
    node->inputs[index] = id;
}

static void trim_inputs(struct onnx_node *node)
{
    while (node->input_count && node->inputs[node->input_count - 1] < 0)
        node->input_count--;
}

/* Integers become an int64 list, floats a float list or, alone, a scalar. */
static void attribute_to_input(struct build *build, struct onnx_node *node, const char *name, int index)
{
    const struct tw_attribute *attribute = onnx_attribute(node, name);
    int id = -1;
    if (!attribute)
        return;
    struct tw_shape shape = {.rank = 1, .dims = {(int64_t)attribute->count}};
    if (attribute->kind == TW_ATTR_INTS)
        id = build_ints(build, node->label, name, attribute->ints, attribute->count);
    else if (attribute->kind == TW_ATTR_INT)
        id = build_ints(build, node->label, name, &attribute->i, 1);
    else if (attribute->kind == TW_ATTR_FLOATS)
        id = build_floats(build, node->label, name, &shape, attribute->floats);
    else if (attribute->kind == TW_ATTR_FLOAT)
        id = build_scalar(build, node->label, name, attribute->f);
    else
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %s): attribute '%s' is no number", node->label, node->op,
                   name);
    set_input(build, node, index, id);
    remove_attribute(node, name);
}

static void input_to_attribute(struct build *build, struct onnx_node *node, int index, const char *name)
{
    int64_t values[MOST_AXES];
    size_t count;
    if (index >= node->input_count || node->inputs[index] < 0)
        return;
    if (!build_constant_ints(build, node->inputs[index], values, MOST_AXES, &count)) {
        build_fail(build, TW_UNSUPPORTED,
                   "node '%.200s' (op %s): input '%s' is no constant list of at most %d integers", node->label,
                   node->op, name, MOST_AXES);
        return;
    }
    int64_t *kept = build_alloc(build, count, sizeof *kept);
    if (!kept)
        return;
    memcpy(kept, values, count * sizeof *kept);
    node->inputs[index] = -1;
    trim_inputs(node);
    remove_attribute(node, name);
    if (count && node->attribute_count < ONNX_MAX_ATTRIBUTES)
        node->attributes[node->attribute_count++] =
            (struct tw_attribute){.name = name, .kind = TW_ATTR_INTS, .ints = kept, .count = count};
}

/* What holds for an attribute that says nothing new. */
enum neutral { ANY, IS_INT, ALL_ONES, IS_TEXT };
static const struct {
    const char *op, *attribute;
    enum neutral neutral;
    int64_t value;
    const char *text;
} neutral_attributes[] = {
    {"BatchNormalization", "momentum", ANY, 0, NULL},
    {"BatchNormalization", "spatial", IS_INT, 1, NULL},
    {"BatchNormalization", "training_mode", IS_INT, 0, NULL},
    {"Dropout", "ratio", ANY, 0, NULL},
    {"Dropout", "seed", ANY, 0, NULL},
    {"MaxPool", "storage_order", IS_INT, 0, NULL},
    {"AveragePool", "dilations", ALL_ONES, 0, NULL},
    {"Reshape", "allowzero", IS_INT, 0, NULL},
    {"Resize", "antialias", IS_INT, 0, NULL},
    {"Resize", "keep_aspect_ratio_policy", IS_TEXT, 0, "stretch"},
    {"Cast", "saturate", ANY, 0, NULL},
    {"QuantizeLinear", "saturate", ANY, 0, NULL},
    {"QuantizeLinear", "block_size", IS_INT, 0, NULL},
    {"QuantizeLinear", "output_dtype", IS_INT, 0, NULL},
    {"DequantizeLinear", "block_size", IS_INT, 0, NULL},
    {"LayerNormalization", "stash_type", IS_INT, 1, NULL},
};

static bool is_neutral(const struct tw_attribute *attribute, enum neutral neutral, int64_t value, const char *text)
{
    switch (neutral) {
    case ANY:
        return true;
    case IS_INT:
        return attribute->kind == TW_ATTR_INT && attribute->i == value;
    case IS_TEXT:
        return attribute->kind == TW_ATTR_TEXT && tw_span_equal(attribute->text, tw_span_of_text(text));
    case ALL_ONES:
        for (size_t i = 0; attribute->kind == TW_ATTR_INTS && i < attribute->count; i++) {
            if (attribute->ints[i] != 1)
                return false;
        }
        return attribute->kind == TW_ATTR_INTS;
    }
    return false;
}

static void drop_neutral(struct onnx_node *node)
{
    for (size_t i = 0; i < sizeof neutral_attributes / sizeof *neutral_attributes; i++) {
        if (strcmp(neutral_attributes[i].op, node->op) != 0)
            continue;
        const struct tw_attribute *attribute = onnx_attribute(node, neutral_attributes[i].attribute);
        if (attribute && is_neutral(attribute, neutral_attributes[i].neutral, neutral_attributes[i].value,
                                    neutral_attributes[i].text))
            remove_attribute(node, neutral_attributes[i].attribute);
    }
}

/* Adds the node as it stands now. */
static struct tw_node *emit(struct build *build, struct onnx_node *node)
{
    enum tw_op op = tw_op_find(node->op);
    if (build->status)
        return NULL;
    if (op == TW_OP_COUNT) {
        build_fail(build, TW_UNSUPPORTED,
                   "node '%.200s' is op '%.100s' of opset %d; that op is none of the %d known ones", node->label,
                   node->op, build->graph->opset, (int)TW_OP_COUNT);
        return NULL;
    }
    trim_inputs(node);
    while (node->output_count > 1 && node->outputs[node->output_count - 1] < 0)
        node->output_count--;
    drop_neutral(node);
    struct tw_attribute *list = build_alloc(build, (size_t)node->attribute_count, sizeof *list);
    for (int i = 0; list && i < node->attribute_count; i++) {
        list[i] = node->attributes[i];
        struct onnx_tensor tensor;
        if (list[i].kind != TW_ATTR_TENSOR || !onnx_read_tensor(build, list[i].text, node->label, &tensor))
            continue;
        list[i].tensor = build_fresh(build, node->label, list[i].name);
        list[i].text = (struct tw_span){0};
        build_set_constant(build, list[i].tensor, tensor.dtype, &tensor.shape, tensor.data);
    }
    if (build->status)
        return NULL;
    struct tw_node *made = tw_graph_add_node(build->graph, op, node->name, node->inputs, node->input_count,
                                             node->outputs, node->output_count);
    if (!made) {
        build_fail_memory(build, sizeof *made);
        return NULL;
    }
    made->attributes = list;
    made->attribute_count = node->attribute_count;
    return made;
}

/* -1: not known. Declared ranks, and what ops of one rank make. */
static int rank_of(const struct build *build, int id)
{
    if (id < 0)
        return -1;
    if (build->graph->values[id].shape.rank >= 0)
        return build->graph->values[id].shape.rank;
    const struct tw_node *last = build->graph->node_count ? &build->graph->nodes[build->graph->node_count - 1] : NULL;
    bool is_made_by_last = last && last->output_count && last->outputs[0] == id;
    return is_made_by_last && (last->op == TW_OP_GEMM || last->op == TW_OP_FLATTEN) ? 2 : -1;
}

/* Before 13, Softmax is over all dimensions from `axis` on, taken as one. */
static void flat_softmax(struct build *build, struct onnx_node *node)
{
    int64_t axis = int_of(node, "axis", 1);
    int input = node->input_count ? node->inputs[0] : -1, output = node->output_count ? node->outputs[0] : -1;
    int rank = rank_of(build, input) >= 0 ? rank_of(build, input) : rank_of(build, output);
    if (axis == -1 || axis == rank - 1 || input < 0 || output < 0) {
        set_int(node, "axis", -1);
        emit(build, node);
        return;
    }
    int flat = build_fresh(build, node->label, "flat"), soft = build_fresh(build, node->label, "soft");
    build_int(build, build_node(build, TW_OP_FLATTEN, node->label, &input, 1, flat), "axis", axis);
    build_int(build, build_node(build, tw_op_find(node->op), node->label, &flat, 1, soft), "axis", -1);
    int shape = build_step(build, TW_OP_SHAPE, node->label, "shape", &input, 1);
    build_node(build, TW_OP_RESHAPE, node->name, (const int[]){soft, shape}, 2, output);
}

static void rewrite_softmax(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 13)
        flat_softmax(build, node);
    else
        emit(build, node);
}

static void rewrite_axes(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 13)
        attribute_to_input(build, node, "axes", 1);
    emit(build, node);
}

static void rewrite_reduce(struct build *build, struct onnx_node *node)
{
    bool is_noop_when_empty = int_of(node, "noop_with_empty_axes", 0) != 0;
    if (build->graph->opset >= 18) {
        input_to_attribute(build, node, 1, "axes");
        remove_attribute(node, "noop_with_empty_axes");
        if (is_noop_when_empty && !onnx_attribute(node, "axes")) {
            /* Each element is reduced alone: the norm of a number is its size. */
            node->op = strcmp(node->op, "ReduceL2") == 0 ? "Abs" : "Identity";
            node->attribute_count = 0;
        }
    }
    emit(build, node);
}

static void rewrite_split(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 13)
        attribute_to_input(build, node, "split", 1);
    if (int_of(node, "num_outputs", node->output_count) != node->output_count)
        build_fail(build, TW_CORRUPT, "node '%.200s' (op Split) has %d outputs, but num_outputs says %lld", node->label,
                   node->output_count, (long long)int_of(node, "num_outputs", 0));
    remove_attribute(node, "num_outputs");
    emit(build, node);
}

static void rewrite_slice(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 10) {
        attribute_to_input(build, node, "starts", 1);
        attribute_to_input(build, node, "ends", 2);
        attribute_to_input(build, node, "axes", 3);
    }
    emit(build, node);
}

static void rewrite_clip(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 11) {
        attribute_to_input(build, node, "min", 1);
        attribute_to_input(build, node, "max", 2);
    }
    emit(build, node);
}

static void rewrite_top_k(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 10)
        attribute_to_input(build, node, "k", 1);
    emit(build, node);
}

/* From 18 on pads may name their axes: spread to all of them. */
static void spread_pads(struct build *build, struct onnx_node *node)
{
    int64_t axes[MOST_AXES], pads[2 * MOST_AXES], all[2 * TW_MAX_RANK] = {0};
    size_t axis_count, pad_count;
    int rank = rank_of(build, node->inputs[0]);
    if (rank < 0 || !build_constant_ints(build, node->inputs[3], axes, MOST_AXES, &axis_count) ||
        !build_constant_ints(build, node->inputs[1], pads, sizeof pads / sizeof *pads, &pad_count)) {
        build_fail(build, TW_UNSUPPORTED,
                   "node '%.200s' (op Pad) has axes; these are known only for constants and an input of known rank",
                   node->label);
        return;
    }
    for (size_t i = 0; i < axis_count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank || pad_count != 2 * axis_count) {
            build_fail(build, TW_CORRUPT, "node '%.200s' (op Pad) pads axis %lld of %d", node->label,
                       (long long)axes[i], rank);
            return;
        }
        all[axis] = pads[i];
        all[rank + axis] = pads[axis_count + i];
    }
    node->inputs[1] = build_ints(build, node->label, "pads", all, 2 * (size_t)rank);
    node->inputs[3] = -1;
}

static void rewrite_pad(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset < 11) {
        attribute_to_input(build, node, "pads", 1);
        attribute_to_input(build, node, "value", 2);
    }
    if (node->input_count == 4 && node->inputs[3] >= 0)
        spread_pads(build, node);
    emit(build, node);
}

static bool is_empty(const struct build *build, int id)
{
    int64_t count;
    return id < 0 ||
           (build->graph->values[id].data && tw_shape_count(&build->graph->values[id].shape, &count) && count == 0);
}

/* Upsample and the first Resize scale by input / scale, rounded down. Since 11 all that is said by attributes. */
static void rewrite_resize(struct build *build, struct onnx_node *node)
{
    bool is_upsample = strcmp(node->op, "Upsample") == 0;
    if (is_upsample && build->graph->opset < 9)
        attribute_to_input(build, node, "scales", 1);
    if (is_upsample || build->graph->opset < 11) {
        int scales = node->input_count == 2 ? node->inputs[1] : -1;
        set_input(build, node, 1, -1);
        set_input(build, node, 2, scales);
        set_text(node, "coordinate_transformation_mode", "asymmetric");
        set_text(node, "nearest_mode", "floor");
        node->op = "Resize";
    }
    for (int i = 1; !build->status && i < node->input_count; i++) {
        if (is_empty(build, node->inputs[i]))
            node->inputs[i] = -1;
    }
    emit(build, node);
}

static void rewrite_upsample(struct build *build, struct onnx_node *node)
{
    if (build->graph->opset >= 10)
        emit(build, node);
    else
        rewrite_resize(build, node);
}

/* Ratio and mode matter to training alone. */
static void rewrite_dropout(struct build *build, struct onnx_node *node)
{
    int mode = node->input_count == 3 ? node->inputs[2] : -1;
    uint8_t is_training = 0;
    if (mode >= 0 && build->graph->values[mode].data)
        memcpy(&is_training, build->graph->values[mode].data, 1);
    if (is_training || (mode >= 0 && !build->graph->values[mode].data))
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op Dropout) is in training mode", node->label);
    if (node->input_count > 1)
        node->input_count = 1;
    emit(build, node);
}

/* Running means come out in training only. */
static void rewrite_batch_norm(struct build *build, struct onnx_node *node)
{
    if (node->output_count > 1)
        node->output_count = 1;
    emit(build, node);
}

/* Since 15 a part of the shape can be had. */
static void rewrite_shape(struct build *build, struct onnx_node *node)
{
    int64_t start = int_of(node, "start", 0), end = int_of(node, "end", INT64_MAX);
    remove_attribute(node, "start");
    remove_attribute(node, "end");
    int output = node->output_count ? node->outputs[0] : -1;
    if ((start == 0 && end == INT64_MAX) || output < 0) {
        emit(build, node);
        return;
    }
    int whole = build_fresh(build, node->label, "whole");
    node->outputs[0] = whole;
    emit(build, node);
    int starts = build_ints(build, node->label, "start", &start, 1);
    int ends = build_ints(build, node->label, "end", &end, 1);
    build_node(build, TW_OP_SLICE, node->label, (const int[]){whole, starts, ends}, 3, output);
}

/* allowzero makes a difference only where the shape holds a zero. */
static void rewrite_reshape(struct build *build, struct onnx_node *node)
{
    int64_t dims[TW_MAX_RANK];
    size_t count;
    if (node->input_count == 2 && build_constant_ints(build, node->inputs[1], dims, TW_MAX_RANK, &count)) {
        bool has_zero = false;
        for (size_t i = 0; i < count; i++)
            has_zero |= dims[i] == 0;
        if (!has_zero)
            remove_attribute(node, "allowzero");
    }
    emit(build, node);
}

static const struct {
    const char *op;
    void (*rewrite)(struct build *build, struct onnx_node *node);
} rewrites[] = {
    {"Softmax", rewrite_softmax},  {"LogSoftmax", rewrite_softmax},
    {"Squeeze", rewrite_axes},     {"Unsqueeze", rewrite_axes},
    {"ReduceSum", rewrite_axes},   {"ReduceMean", rewrite_reduce},
    {"ReduceMax", rewrite_reduce}, {"ReduceMin", rewrite_reduce},
    {"ReduceL2", rewrite_reduce},  {"Split", rewrite_split},
    {"Slice", rewrite_slice},      {"Clip", rewrite_clip},
    {"TopK", rewrite_top_k},       {"Pad", rewrite_pad},
    {"Resize", rewrite_resize},    {"Upsample", rewrite_upsample},
    {"Dropout", rewrite_dropout},  {"BatchNormalization", rewrite_batch_norm},
    {"Shape", rewrite_shape},      {"Reshape", rewrite_reshape},
};

void onnx_translate(struct build *build, struct onnx_node *node)
{
    if (build->status || onnx_translate_quantised(build, node))
        return;
    for (size_t i = 0; i < sizeof rewrites / sizeof *rewrites; i++) {
        if (strcmp(rewrites[i].op, node->op) == 0) {
            rewrites[i].rewrite(build, node);
            return;
        }
    }
    emit(build, node);
}
