/* TensorFlow's ops to ours: a table, and what both files of ops share. */
#include "formats/graphdef.h"

#include <string.h>

void tf_fail(struct tf_graph *tf, const struct tf_node *node, const char *what)
{
    build_fail(tf->build, TW_UNSUPPORTED, "node '%.200s' (op %.100s) %s", node->name, node->op, what);
}

static struct layout_forms *forms_of(const struct tf_graph *tf, const struct tf_node *node, int input)
{
    if (tf->build->status)
        return NULL;
    if (input >= node->input_count) {
        build_fail(tf->build, TW_CORRUPT, "node '%.200s' (op %.100s) has %d inputs and needs %d", node->name, node->op,
                   node->input_count, input + 1);
        return NULL;
    }
    const struct tf_node *maker = &tf->nodes[node->inputs[input]];
    int port = node->ports[input];
    if (port >= maker->output_count || (maker->outputs[port].native < 0 && maker->outputs[port].nchw < 0)) {
        build_fail(tf->build, TW_UNSUPPORTED,
                   "node '%.200s' (op %.100s) takes output %d of node '%.200s' (op %.100s), which is not known",
                   node->name, node->op, port, maker->name, maker->op);
        return NULL;
    }
    return &maker->outputs[port];
}

int tf_native(struct tf_graph *tf, const struct tf_node *node, int input)
{
    struct layout_forms *forms = forms_of(tf, node, input);
    return forms ? layout_native(tf->build, forms) : -1;
}

int tf_nchw(struct tf_graph *tf, const struct tf_node *node, int input)
{
    struct layout_forms *forms = forms_of(tf, node, input);
    return forms ? layout_nchw(tf->build, forms) : -1;
}

bool tf_has_nchw(const struct tf_graph *tf, const struct tf_node *node, int input)
{
    const struct layout_forms *forms = forms_of(tf, node, input);
    return forms && forms->nchw >= 0;
}

struct tw_node *tf_emit(struct tf_graph *tf, struct tf_node *node, enum tw_op op, const int *inputs, int input_count,
                        bool is_nchw)
{
    int id = build_value(tf->build, node->name);
    struct tw_node *made = build_node(tf->build, op, node->name, inputs, input_count, id);
    if (made)
        node->outputs[0] = is_nchw ? (struct layout_forms){-1, id} : (struct layout_forms){id, -1};
    return made;
}

static void set_shape_of(struct tf_graph *tf, const struct tw_node *made, int input)
{
    if (made)
        tf->build->graph->values[made->outputs[0]].shape = tf->build->graph->values[input].shape;
}

/* Input 0 in the form that it has. */
static int any_form(struct tf_graph *tf, const struct tf_node *node, bool *is_nchw)
{
    *is_nchw = tf_has_nchw(tf, node, 0);
    return *is_nchw ? tf_nchw(tf, node, 0) : tf_native(tf, node, 0);
}

static struct tw_node *unary(struct tf_graph *tf, struct tf_node *node, enum tw_op op)
{
    bool is_nchw;
    int input = any_form(tf, node, &is_nchw);
    struct tw_node *made = tf_emit(tf, node, op, &input, 1, is_nchw);
    if (made)
        set_shape_of(tf, made, input);
    return made;
}

static void alias_constant_or_identity(struct tf_graph *tf, struct tf_node *node)
{
    struct layout_forms *forms = forms_of(tf, node, 0);
    if (forms && forms->native >= 0 && tf->build->graph->values[forms->native].data)
        node->outputs[0] = *forms;
    else if (forms)
        unary(tf, node, TW_OP_IDENTITY);
}

static void relu6(struct tf_graph *tf, struct tf_node *node)
{
    bool is_nchw;
    int input = any_form(tf, node, &is_nchw);
    int low = build_scalar(tf->build, node->name, "low", 0), high = build_scalar(tf->build, node->name, "high", 6);
    struct tw_node *made = tf_emit(tf, node, TW_OP_CLIP, (const int[]){input, low, high}, 3, is_nchw);
    set_shape_of(tf, made, input);
}

static void leaky_relu(struct tf_graph *tf, struct tf_node *node)
{
    build_float(tf->build, unary(tf, node, TW_OP_LEAKY_RELU), "alpha", tf_float(tf, node, "alpha", 0.2f));
}

static void rsqrt(struct tf_graph *tf, struct tf_node *node)
{
    bool is_nchw;
    int input = any_form(tf, node, &is_nchw);
    int root = input < 0 ? -1 : build_step(tf->build, TW_OP_SQRT, node->name, "sqrt", &input, 1);
    set_shape_of(tf, tf_emit(tf, node, TW_OP_RECIPROCAL, &root, 1, is_nchw), input);
}

static void square(struct tf_graph *tf, struct tf_node *node)
{
    bool is_nchw;
    int input = any_form(tf, node, &is_nchw);
    set_shape_of(tf, tf_emit(tf, node, TW_OP_MUL, (const int[]){input, input}, 2, is_nchw), input);
}

static void softmax(struct tf_graph *tf, struct tf_node *node)
{
    bool is_log = strcmp(node->op, "LogSoftmax") == 0;
    struct tw_node *made = unary(tf, node, is_log ? TW_OP_LOG_SOFTMAX : TW_OP_SOFTMAX);
    build_int(tf->build, made, "axis", made && node->outputs[0].nchw >= 0 ? 1 : -1);
}

static bool is_constant(const struct tf_graph *tf, const struct tf_node *node, int input)
{
    const struct layout_forms *forms = forms_of(tf, node, input);
    return forms && forms->native >= 0 && tf->build->graph->values[forms->native].data;
}

/* Fills `ids` with all inputs in one layout; true when that is nchw. */
static bool same_layout(struct tf_graph *tf, const struct tf_node *node, int count, int *ids)
{
    bool has_nchw = false, is_nchw = true;
    for (int i = 0; i < count; i++) {
        has_nchw |= tf_has_nchw(tf, node, i);
        is_nchw &= tf_has_nchw(tf, node, i) || is_constant(tf, node, i);
    }
    is_nchw &= has_nchw;
    for (int i = 0; i < count && !tf->build->status; i++) {
        ids[i] = is_nchw && tf_has_nchw(tf, node, i) ? tf_nchw(tf, node, i) : tf_native(tf, node, i);
        if (is_nchw && !tf_has_nchw(tf, node, i))
            ids[i] = layout_constant_for_nchw(tf->build, ids[i]);
    }
    return is_nchw;
}

static void elementwise(struct tf_graph *tf, struct tf_node *node, enum tw_op op)
{
    int *ids = build_alloc(tf->build, (size_t)node->input_count, sizeof *ids);
    if (!ids)
        return;
    bool is_nchw = same_layout(tf, node, node->input_count, ids);
    struct tw_node *made = tf_emit(tf, node, op, ids, node->input_count, is_nchw);
    if (!made || !is_nchw)
        return;
    struct tw_value *values = tf->build->graph->values;
    struct tw_shape shape = {.rank = 4, .dims = {-1, -1, -1, -1}};
    for (int i = 0; i < node->input_count; i++) {
        const struct tw_value *value = &values[ids[i]];
        for (int d = 0; d < 4 && value->shape.rank == 4 && !value->data; d++)
            shape.dims[d] = value->shape.dims[d] > 1 ? value->shape.dims[d] : shape.dims[d];
    }
    values[made->outputs[0]].shape = shape;
}

static void squared_difference(struct tf_graph *tf, struct tf_node *node)
{
    int ids[2];
    bool is_nchw = same_layout(tf, node, 2, ids);
    int difference = build_step(tf->build, TW_OP_SUB, node->name, "difference", ids, 2);
    tf_emit(tf, node, TW_OP_MUL, (const int[]){difference, difference}, 2, is_nchw);
}

/* Concat has its axis first, ConcatV2 last. */
static void concat(struct tf_graph *tf, struct tf_node *node)
{
    bool is_first = strcmp(node->op, "Concat") == 0;
    int count = node->input_count - 1;
    int64_t axis;
    size_t axis_count;
    if (count < 1 || !tf_const_ints(tf, node->inputs[is_first ? 0 : count], &axis, 1, &axis_count) || axis_count != 1) {
        tf_fail(tf, node, "has an axis that is no constant number");
        return;
    }
    struct tf_node parts = *node;
    if (is_first) {
        parts.inputs++;
        parts.ports++;
    }
    int *ids = build_alloc(tf->build, (size_t)count, sizeof *ids);
    bool is_nchw = false;
    for (int i = 0; ids && i < count; i++)
        is_nchw |= tf_has_nchw(tf, &parts, i);
    for (int i = 0; ids && i < count && !tf->build->status; i++)
        ids[i] = is_nchw ? tf_nchw(tf, &parts, i) : tf_native(tf, &parts, i);
    axis = is_nchw && axis < 0 ? axis + 4 : axis;
    if (is_nchw && (axis < 0 || axis > 3))
        tf_fail(tf, node, "has an axis that its inputs have not");
    struct tw_node *made = ids ? tf_emit(tf, node, TW_OP_CONCAT, ids, count, is_nchw) : NULL;
    build_int(tf->build, made, "axis", is_nchw && made ? layout_axis_in_nchw[axis] : axis);
    if (!made || !is_nchw)
        return;
    struct tw_value *values = tf->build->graph->values;
    struct tw_shape shape = values[ids[0]].shape;
    if (shape.rank == 4)
        shape.dims[layout_axis_in_nchw[axis]] = TW_UNKNOWN;
    values[made->outputs[0]].shape = shape;
}

static void matmul(struct tf_graph *tf, struct tf_node *node)
{
    int ids[] = {tf_native(tf, node, 0), tf_native(tf, node, 1)};
    bool turns_a = tf_int(tf, node, "transpose_a", 0), turns_b = tf_int(tf, node, "transpose_b", 0);
    if (tf_int(tf, node, "adj_x", 0) || tf_int(tf, node, "adj_y", 0))
        tf_fail(tf, node, "turns its inputs (adj_x, adj_y), which is not known");
    struct tw_node *made = tf_emit(tf, node, turns_a || turns_b ? TW_OP_GEMM : TW_OP_MATMUL, ids, 2, false);
    if (turns_a)
        build_int(tf->build, made, "transA", 1);
    if (turns_b)
        build_int(tf->build, made, "transB", 1);
}

/* Where height and width are 1 both layouts have their elements in the same order. */
static bool is_one_pixel(struct tf_graph *tf, const struct tf_node *node)
{
    const struct layout_forms *forms = forms_of(tf, node, 0);
    if (!forms || forms->nchw < 0)
        return false;
    const struct tw_shape *shape = &tf->build->graph->values[forms->nchw].shape;
    return shape->rank == 4 && shape->dims[2] == 1 && shape->dims[3] == 1;
}

static void reshape(struct tf_graph *tf, struct tf_node *node)
{
    int64_t dims[TW_MAX_RANK];
    size_t count;
    int data = is_one_pixel(tf, node) ? tf_nchw(tf, node, 0) : tf_native(tf, node, 0), shape = tf_native(tf, node, 1);
    if (shape < 0)
        return;
    if (!build_constant_ints(tf->build, shape, dims, TW_MAX_RANK, &count)) {
        int wide = build_step(tf->build, TW_OP_CAST, node->name, "shape", &shape, 1);
        build_int(tf->build, wide < 0 ? NULL : &tf->build->graph->nodes[tf->build->graph->node_count - 1], "to", 7);
        tf_emit(tf, node, TW_OP_RESHAPE, (const int[]){data, wide}, 2, false);
        return;
    }
    bool has_free = false;
    for (size_t i = 0; i < count; i++) {
        has_free |= dims[i] == -1;
        if (dims[i] == 0)
            tf_fail(tf, node, "asks for a shape of no elements");
    }
    /* A graph made for one photo takes many once its photo's way is cut off. */
    if (tf->image_node >= 0 && count > 1 && dims[0] == 1 && !has_free)
        dims[0] = -1;
    shape = build_ints(tf->build, node->name, "shape", dims, count);
    tf_emit(tf, node, TW_OP_RESHAPE, (const int[]){data, shape}, 2, false);
}

static bool is_plane(const int64_t *axes, size_t count)
{
    if (count != 2)
        return false;
    int64_t a = axes[0] < 0 ? axes[0] + 4 : axes[0], b = axes[1] < 0 ? axes[1] + 4 : axes[1];
    return (a == 1 && b == 2) || (a == 2 && b == 1);
}

static void squeeze(struct tf_graph *tf, struct tf_node *node)
{
    static const int64_t plane[] = {2, 3};
    int64_t axes[TW_MAX_RANK];
    size_t count = tf_ints(tf, node, "squeeze_dims", axes, TW_MAX_RANK);
    bool is_nchw = tf_has_nchw(tf, node, 0) && is_plane(axes, count);
    int inputs[] = {is_nchw ? tf_nchw(tf, node, 0) : tf_native(tf, node, 0), -1};
    if (count)
        inputs[1] = build_ints(tf->build, node->name, "axes", is_nchw ? plane : axes, count);
    tf_emit(tf, node, TW_OP_SQUEEZE, inputs, count ? 2 : 1, false);
}

static void expand_dims(struct tf_graph *tf, struct tf_node *node)
{
    int64_t axis;
    size_t count;
    if (node->input_count != 2 || !tf_const_ints(tf, node->inputs[1], &axis, 1, &count) || count != 1) {
        tf_fail(tf, node, "has an axis that is no constant number");
        return;
    }
    int axes = build_ints(tf->build, node->name, "axes", &axis, 1);
    tf_emit(tf, node, TW_OP_UNSQUEEZE, (const int[]){tf_native(tf, node, 0), axes}, 2, false);
}

/* A picture's layout lasts through a reduction over its plane, or over anything that keeps its dimensions. */
static void reduce(struct tf_graph *tf, struct tf_node *node, enum tw_op op)
{
    int64_t axes[TW_MAX_RANK];
    size_t count;
    if (node->input_count != 2 || !tf_const_ints(tf, node->inputs[1], axes, TW_MAX_RANK, &count)) {
        tf_fail(tf, node, "has axes that are no constant numbers");
        return;
    }
    bool keeps = tf_int(tf, node, "keep_dims", 0);
    bool is_nchw = tf_has_nchw(tf, node, 0) && (keeps || is_plane(axes, count));
    for (size_t i = 0; is_nchw && i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
        if (axis < 0 || axis > 3) {
            tf_fail(tf, node, "has an axis that its input has not");
            return;
        }
        axes[i] = layout_axis_in_nchw[axis];
    }
    int inputs[] = {is_nchw ? tf_nchw(tf, node, 0) : tf_native(tf, node, 0), -1};
    if (op == TW_OP_REDUCE_SUM)
        inputs[1] = build_ints(tf->build, node->name, "axes", axes, count);
    struct tw_node *made = tf_emit(tf, node, op, inputs, op == TW_OP_REDUCE_SUM ? 2 : 1, is_nchw && keeps);
    if (op != TW_OP_REDUCE_SUM)
        build_int_list(tf->build, made, "axes", axes, count);
    build_int(tf->build, made, "keepdims", keeps);
    if (made && is_nchw && keeps) {
        struct tw_value *values = tf->build->graph->values;
        struct tw_shape shape = values[inputs[0]].shape;
        for (size_t i = 0; shape.rank == 4 && i < count; i++)
            shape.dims[axes[i]] = 1;
        values[made->outputs[0]].shape = shape;
    }
}

static void pad(struct tf_graph *tf, struct tf_node *node)
{
    int64_t pairs[2 * TW_MAX_RANK], pads[2 * TW_MAX_RANK];
    size_t count;
    bool is_mirror = strcmp(node->op, "MirrorPad") == 0;
    if (node->input_count < 2 || !tf_const_ints(tf, node->inputs[1], pairs, 2 * TW_MAX_RANK, &count) || count % 2) {
        tf_fail(tf, node, "has paddings that are no constant pairs of numbers");
        return;
    }
    if (is_mirror && !tf_word_is(tf, node, "mode", "REFLECT")) {
        tf_fail(tf, node, "has another mode than REFLECT");
        return;
    }
    size_t rank = count / 2;
    bool is_nchw = tf_has_nchw(tf, node, 0) && rank == 4;
    for (size_t i = 0; i < rank; i++) {
        size_t to = is_nchw ? (size_t)layout_axis_in_nchw[i] : i;
        pads[to] = pairs[2 * i];
        pads[rank + to] = pairs[2 * i + 1];
    }
    int inputs[] = {is_nchw ? tf_nchw(tf, node, 0) : tf_native(tf, node, 0), -1, -1};
    inputs[1] = build_ints(tf->build, node->name, "pads", pads, count);
    if (node->input_count > 2)
        inputs[2] = tf_native(tf, node, 2);
    struct tw_node *made = tf_emit(tf, node, TW_OP_PAD, inputs, node->input_count > 2 ? 3 : 2, is_nchw);
    if (is_mirror)
        build_word(tf->build, made, "mode", "reflect");
    if (!made || !is_nchw)
        return;
    struct tw_value *values = tf->build->graph->values;
    struct tw_shape shape = values[inputs[0]].shape;
    for (size_t i = 0; shape.rank == 4 && i < 4; i++) {
        bool is_known =
            shape.dims[i] >= 0 && pads[i] >= 0 && pads[i] < 1 << 20 && pads[4 + i] >= 0 && pads[4 + i] < 1 << 20;
        shape.dims[i] = is_known ? shape.dims[i] + pads[i] + pads[4 + i] : TW_UNKNOWN;
    }
    values[made->outputs[0]].shape = shape;
}

static void cast(struct tf_graph *tf, struct tf_node *node)
{
    /* ONNX's codes of the types that TensorFlow numbers so */
    static const uint8_t codes[] = {[1] = 1,  [2] = 11,  [3] = 6,  [4] = 2,   [5] = 5,   [6] = 3,  [9] = 7,
                                    [10] = 9, [14] = 16, [17] = 4, [19] = 10, [22] = 12, [23] = 13};
    int64_t type = tf_int(tf, node, "DstT", 0);
    if (type < 1 || type >= (int64_t)sizeof codes || codes[type] == 0)
        tf_fail(tf, node, "makes a type that is not known");
    else
        build_int(tf->build, unary(tf, node, TW_OP_CAST), "to", codes[type]);
}

static void transpose(struct tf_graph *tf, struct tf_node *node)
{
    int64_t order[TW_MAX_RANK];
    size_t count;
    if (node->input_count != 2 || !tf_const_ints(tf, node->inputs[1], order, TW_MAX_RANK, &count)) {
        tf_fail(tf, node, "has an order that is no constant list of numbers");
        return;
    }
    int input = tf_native(tf, node, 0);
    build_int_list(tf->build, tf_emit(tf, node, TW_OP_TRANSPOSE, &input, 1, false), "perm", order, count);
}

static void argmax(struct tf_graph *tf, struct tf_node *node)
{
    int64_t axis;
    size_t count;
    if (node->input_count != 2 || !tf_const_ints(tf, node->inputs[1], &axis, 1, &count) || count != 1) {
        tf_fail(tf, node, "has an axis that is no constant number");
        return;
    }
    int input = tf_native(tf, node, 0);
    struct tw_node *made = tf_emit(tf, node, TW_OP_ARG_MAX, &input, 1, false);
    build_int(tf->build, made, "axis", axis);
    build_int(tf->build, made, "keepdims", 0);
}

static void constant(struct tf_graph *tf, struct tf_node *node)
{
    struct tf_tensor tensor;
    if (!tf_read_tensor(tf, node, &tensor) || tensor.dtype == TW_TEXT)
        return;
    int id = build_value(tf->build, node->name);
    build_set_constant(tf->build, id, tensor.dtype, &tensor.shape, tensor.data);
    node->outputs[0].native = id;
}

/* Under the key that a RestoreV2 asks for, else as the program called it that wrote the checkpoint. */
static const struct weights_tensor *find_variable(struct tf_graph *tf, const struct tf_node *node)
{
    enum { KIND_TEXT = 2 };
    if (!tf->weights || node->key)
        return tf->weights ? weights_find(tf->weights, node->key) : NULL;
    struct tw_span shared = tf_message(tf, node, "shared_name", KIND_TEXT);
    const struct tw_wire_field field = {.number = KIND_TEXT, .type = TW_WIRE_BYTES, .bytes = shared};
    const char *name = shared.size ? build_text(tf->build, &field, "a variable") : node->name;
    return name ? weights_find_alias(tf->weights, name) : NULL;
}

static void variable(struct tf_graph *tf, struct tf_node *node)
{
    const struct weights_tensor *tensor = find_variable(tf, node);
    if (!tensor) {
        build_fail(tf->build, TW_CORRUPT, "variable '%.200s' is in no checkpoint of the model", node->name);
        return;
    }
    int id = build_value(tf->build, node->name);
    weights_set_constant(tf->build, id, tensor);
    node->outputs[0].native = id;
}

static void placeholder(struct tf_graph *tf, struct tf_node *node)
{
    enum { MOST_INPUTS = 64, SHAPE = 7 };
    int ids[MOST_INPUTS + 1];
    struct tw_graph *graph = tf->build->graph;
    if (graph->input_count >= MOST_INPUTS) {
        tf_fail(tf, node, "is one input too many: 64 are known");
        return;
    }
    struct tw_shape shape = {.rank = TW_UNKNOWN};
    struct tw_span message = tf_message(tf, node, "shape", SHAPE);
    if (message.size)
        tf_read_shape(tf->build, message, &shape);
    int id = build_value(tf->build, node->name);
    if (tf->build->status)
        return;
    graph->values[id].dtype = tf_dtype(tf_int(tf, node, "dtype", 1));
    graph->values[id].shape = shape;
    if (graph->values[id].dtype == TW_TEXT)
        tf_fail(tf, node, "takes text, and is not followed by the decoding and resizing of a photo that is known");
    for (size_t i = 0; i < graph->input_count; i++)
        ids[i] = graph->inputs[i];
    ids[graph->input_count] = id;
    if (!tf->build->status && !tw_graph_set_inputs(graph, ids, graph->input_count + 1))
        build_fail_memory(tf->build, sizeof ids);
    node->outputs[0].native = id;
}

/* An op of TensorFlow: its own translation, or one of three that many share. */
struct rule {
    const char *name;
    void (*translate)(struct tf_graph *tf, struct tf_node *node);
    enum family { OWN, UNARY, ELEMENTWISE, REDUCE } family;
    enum tw_op op;
    int inputs; /* of ELEMENTWISE: 2, or 0 for any number */
};
static const struct rule rules[] = {
    {.name = "Const", .translate = constant},
    {.name = "Placeholder", .translate = placeholder},
    {.name = "VarHandleOp", .translate = variable},
    {.name = "VariableV2", .translate = variable},
    {.name = "Variable", .translate = variable},
    {.name = "ReadVariableOp", .translate = alias_constant_or_identity},
    {.name = "Identity", .translate = alias_constant_or_identity},
    {.name = "IdentityN", .translate = tf_identity_n},
    {.name = "Shape", .translate = tf_shape},
    {.name = "StridedSlice", .translate = tf_strided_slice},
    {.name = "Pack", .translate = tf_pack},
    {.name = "StopGradient", .translate = alias_constant_or_identity},
    {.name = "CheckNumerics", .translate = alias_constant_or_identity},
    {.name = "PlaceholderWithDefault", .translate = alias_constant_or_identity},
    {.name = "Conv2D", .translate = tf_conv},
    {.name = "DepthwiseConv2dNative", .translate = tf_depthwise_conv},
    {.name = "BiasAdd", .translate = tf_bias_add},
    {.name = "FusedBatchNorm", .translate = tf_fused_batch_norm},
    {.name = "FusedBatchNormV2", .translate = tf_fused_batch_norm},
    {.name = "FusedBatchNormV3", .translate = tf_fused_batch_norm},
    {.name = "BatchNormWithGlobalNormalization", .translate = tf_old_batch_norm},
    {.name = "LRN", .translate = tf_lrn},
    {.name = "MaxPool", .translate = tf_pool},
    {.name = "AvgPool", .translate = tf_pool},
    {.name = "Relu6", .translate = relu6},
    {.name = "LeakyRelu", .translate = leaky_relu},
    {.name = "Rsqrt", .translate = rsqrt},
    {.name = "Square", .translate = square},
    {.name = "SquaredDifference", .translate = squared_difference},
    {.name = "Softmax", .translate = softmax},
    {.name = "LogSoftmax", .translate = softmax},
    {.name = "Concat", .translate = concat},
    {.name = "ConcatV2", .translate = concat},
    {.name = "MatMul", .translate = matmul},
    {.name = "BatchMatMul", .translate = matmul},
    {.name = "BatchMatMulV2", .translate = matmul},
    {.name = "Reshape", .translate = reshape},
    {.name = "Squeeze", .translate = squeeze},
    {.name = "ExpandDims", .translate = expand_dims},
    {.name = "Pad", .translate = pad},
    {.name = "PadV2", .translate = pad},
    {.name = "MirrorPad", .translate = pad},
    {.name = "Cast", .translate = cast},
    {.name = "Transpose", .translate = transpose},
    {.name = "ArgMax", .translate = argmax},
    {.name = "Mean", .family = REDUCE, .op = TW_OP_REDUCE_MEAN},
    {.name = "Sum", .family = REDUCE, .op = TW_OP_REDUCE_SUM},
    {.name = "Max", .family = REDUCE, .op = TW_OP_REDUCE_MAX},
    {.name = "Min", .family = REDUCE, .op = TW_OP_REDUCE_MIN},
    {.name = "Relu", .family = UNARY, .op = TW_OP_RELU},
    {.name = "Elu", .family = UNARY, .op = TW_OP_ELU},
    {.name = "Selu", .family = UNARY, .op = TW_OP_SELU},
    {.name = "Sigmoid", .family = UNARY, .op = TW_OP_SIGMOID},
    {.name = "Tanh", .family = UNARY, .op = TW_OP_TANH},
    {.name = "Softplus", .family = UNARY, .op = TW_OP_SOFTPLUS},
    {.name = "Erf", .family = UNARY, .op = TW_OP_ERF},
    {.name = "Exp", .family = UNARY, .op = TW_OP_EXP},
    {.name = "Log", .family = UNARY, .op = TW_OP_LOG},
    {.name = "Sqrt", .family = UNARY, .op = TW_OP_SQRT},
    {.name = "Abs", .family = UNARY, .op = TW_OP_ABS},
    {.name = "Neg", .family = UNARY, .op = TW_OP_NEG},
    {.name = "Floor", .family = UNARY, .op = TW_OP_FLOOR},
    {.name = "Ceil", .family = UNARY, .op = TW_OP_CEIL},
    {.name = "Rint", .family = UNARY, .op = TW_OP_ROUND},
    {.name = "Round", .family = UNARY, .op = TW_OP_ROUND},
    {.name = "Reciprocal", .family = UNARY, .op = TW_OP_RECIPROCAL},
    {.name = "Inv", .family = UNARY, .op = TW_OP_RECIPROCAL},
    {.name = "Add", .family = ELEMENTWISE, .op = TW_OP_ADD, .inputs = 2},
    {.name = "AddV2", .family = ELEMENTWISE, .op = TW_OP_ADD, .inputs = 2},
    {.name = "Sub", .family = ELEMENTWISE, .op = TW_OP_SUB, .inputs = 2},
    {.name = "Mul", .family = ELEMENTWISE, .op = TW_OP_MUL, .inputs = 2},
    {.name = "RealDiv", .family = ELEMENTWISE, .op = TW_OP_DIV, .inputs = 2},
    {.name = "Div", .family = ELEMENTWISE, .op = TW_OP_DIV, .inputs = 2},
    {.name = "Pow", .family = ELEMENTWISE, .op = TW_OP_POW, .inputs = 2},
    {.name = "Maximum", .family = ELEMENTWISE, .op = TW_OP_MAX, .inputs = 2},
    {.name = "Minimum", .family = ELEMENTWISE, .op = TW_OP_MIN, .inputs = 2},
    {.name = "AddN", .family = ELEMENTWISE, .op = TW_OP_SUM},
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

bool tf_is_source(const struct tf_node *node)
{
    static const char *const names[] = {
        "Const", "Placeholder", "PlaceholderWithDefault", "NoOp", "Assert", "VarHandleOp", "VariableV2", "Variable"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(node->op, names[i]) == 0)
            return true;
    }
    return false;
}

static void apply(struct tf_graph *tf, struct tf_node *node, const struct rule *rule)
{
    switch (rule->family) {
    case OWN:
        rule->translate(tf, node);
        break;
    case UNARY:
        unary(tf, node, rule->op);
        break;
    case REDUCE:
        reduce(tf, node, rule->op);
        break;
    case ELEMENTWISE:
        if (node->input_count == rule->inputs || rule->inputs == 0)
            elementwise(tf, node, rule->op);
        else
            tf_fail(tf, node, "has not two inputs");
        break;
    }
}

void tf_translate(struct tf_graph *tf, struct tf_node *node)
{
    for (size_t i = 0; i < RULE_COUNT && !tf->build->status; i++) {
        if (strcmp(rules[i].name, node->op) == 0) {
            apply(tf, node, &rules[i]);
            return;
        }
    }
    build_fail(tf->build, TW_UNSUPPORTED,
               "node '%.200s' is TensorFlow's op '%.100s', which is none of the %d known ones", node->name, node->op,
               (int)RULE_COUNT);
}
