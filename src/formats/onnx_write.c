/* ModelProto of IR version 8. The graph's size is known before its weights are written, so that these are copied once. */
#include "formats/format.h"
#include "formats/onnx.h"

#include <string.h>

enum { IR_VERSION = 8 };

/* Errors stick, as in build.h. */
struct writing {
    const struct tw_graph *graph;
    int64_t opset;
    struct tw_buffer nodes;   /* fields of GraphProto */
    struct tw_buffer scratch; /* small constants that this writer makes: whole fields of GraphProto */
    bool *is_needed;          /* by value id: a constant that a node or an output asks for */
    size_t fresh_count;
    enum tw_status status;
    struct tw_error *error;
};

static void put_int(struct writing *writing, struct tw_buffer *out, uint32_t number, uint64_t value)
{
    if (!writing->status)
        writing->status = tw_wire_put_varint(out, number, value, writing->error);
}

static void put_text(struct writing *writing, struct tw_buffer *out, uint32_t number, const char *text)
{
    if (!writing->status)
        writing->status = tw_wire_put_text(out, number, text, writing->error);
}

static void put_bytes(struct writing *writing, struct tw_buffer *out, uint32_t number, struct tw_span bytes)
{
    if (!writing->status)
        writing->status = tw_wire_put_bytes(out, number, bytes, writing->error);
}

static void put_message(struct writing *writing, struct tw_buffer *out, uint32_t number, struct tw_buffer *message)
{
    put_bytes(writing, out, number, tw_buffer_span(message));
    tw_buffer_release(message);
}

/* The fields of a TensorProto that go before its bytes, and the key and length of these. Names end at `name_size`. */
static void put_tensor_head(struct writing *writing, struct tw_buffer *out, const char *name,
                            const struct tw_value *value, size_t *data_size)
{
    int64_t count = 0;
    int code = onnx_dtype_code(value->dtype);
    if (code == 0 || tw_dtype_size(value->dtype) == 0 || !tw_shape_count(&value->shape, &count)) {
        if (!writing->status)
            writing->status = tw_fail(writing->error, TW_UNSUPPORTED, "constant '%.200s' of type %s cannot be written",
                                      value->name, tw_dtype_name(value->dtype));
        return;
    }
    *data_size = (size_t)count * tw_dtype_size(value->dtype);
    for (int i = 0; i < value->shape.rank; i++)
        put_int(writing, out, TENSOR_DIMS, (uint64_t)value->shape.dims[i]);
    put_int(writing, out, TENSOR_TYPE, (uint64_t)code);
    if (*name)
        put_text(writing, out, TENSOR_NAME, name);
    if (!writing->status)
        writing->status = tw_wire_put_header(out, TENSOR_RAW, *data_size, writing->error);
}

static void put_tensor(struct writing *writing, struct tw_buffer *out, uint32_t number, const char *name,
                       const struct tw_value *value)
{
    struct tw_buffer message = {0};
    size_t size = 0;
    put_tensor_head(writing, &message, name, value, &size);
    if (!writing->status)
        writing->status = tw_buffer_append(&message, value->data, size, writing->error);
    put_message(writing, out, number, &message);
}

/* A name that no value of the graph has; the caller's to tw_free. */
static char *fresh_name(struct writing *writing, const char *base, const char *suffix)
{
    char *name = writing->status ? NULL : tw_format("%s/%s", base, suffix);
    while (name && tw_graph_find_value(writing->graph, name) >= 0) {
        tw_free(name);
        name = tw_format("%s/%s_%zu", base, suffix, ++writing->fresh_count);
    }
    if (!name && !writing->status)
        writing->status = tw_fail_memory(writing->error, strlen(base), "a name");
    return name;
}

static void put_attribute(struct writing *writing, struct tw_buffer *node, const struct tw_attribute *attribute)
{
    /* AttributeProto.type of each kind of ours */
    static const uint8_t types[] = {[TW_ATTR_INT] = 2,  [TW_ATTR_FLOAT] = 1,  [TW_ATTR_TEXT] = 3,
                                    [TW_ATTR_INTS] = 7, [TW_ATTR_FLOATS] = 6, [TW_ATTR_TENSOR] = 4};
    struct tw_buffer message = {0};
    put_text(writing, &message, ATTRIBUTE_NAME, attribute->name);
    switch (attribute->kind) {
    case TW_ATTR_INT:
        put_int(writing, &message, ATTRIBUTE_I, (uint64_t)attribute->i);
        break;
    case TW_ATTR_FLOAT:
        if (!writing->status)
            writing->status = tw_wire_put_float(&message, ATTRIBUTE_F, attribute->f, writing->error);
        break;
    case TW_ATTR_TEXT:
        put_bytes(writing, &message, ATTRIBUTE_S, attribute->text);
        break;
    case TW_ATTR_INTS:
        for (size_t i = 0; i < attribute->count; i++)
            put_int(writing, &message, ATTRIBUTE_INTS, (uint64_t)attribute->ints[i]);
        break;
    case TW_ATTR_FLOATS:
        for (size_t i = 0; i < attribute->count && !writing->status; i++)
            writing->status = tw_wire_put_float(&message, ATTRIBUTE_FLOATS, attribute->floats[i], writing->error);
        break;
    case TW_ATTR_TENSOR:
        put_tensor(writing, &message, ATTRIBUTE_T, "", &writing->graph->values[attribute->tensor]);
        break;
    }
    put_int(writing, &message, ATTRIBUTE_TYPE, types[attribute->kind]);
    put_message(writing, node, NODE_ATTRIBUTE, &message);
}

/* A node of names, for what has no node in the graph. `attribute` may be NULL. */
static void put_plain_node(struct writing *writing, const char *op, const char *const *inputs, const char *output,
                           const struct tw_attribute *attributes, size_t attribute_count)
{
    struct tw_buffer node = {0};
    for (; *inputs; inputs++)
        put_text(writing, &node, NODE_INPUT, *inputs);
    put_text(writing, &node, NODE_OUTPUT, output);
    put_text(writing, &node, NODE_NAME, output);
    put_text(writing, &node, NODE_OP, op);
    for (size_t i = 0; i < attribute_count; i++)
        put_attribute(writing, &node, &attributes[i]);
    put_message(writing, &writing->nodes, GRAPH_NODE, &node);
}

/* Name of a new scalar of float; the caller's to tw_free. */
static char *put_scalar(struct writing *writing, const char *base, const char *suffix, float number)
{
    char *name = fresh_name(writing, base, suffix);
    struct tw_value value = {.name = name, .dtype = TW_F32, .data = &number};
    if (name)
        put_tensor(writing, &writing->scratch, GRAPH_INITIALIZER, name, &value);
    return name;
}

static char *put_ints(struct writing *writing, const char *base, const struct tw_attribute *list)
{
    char *name = fresh_name(writing, base, list->name);
    struct tw_value value = {.name = name, .dtype = TW_I64, .data = list->ints};
    value.shape = (struct tw_shape){.rank = 1, .dims = {(int64_t)list->count}};
    if (name)
        put_tensor(writing, &writing->scratch, GRAPH_INITIALIZER, name, &value);
    return name;
}

/* x * 0.5 * (1 + erf(x / sqrt 2)): the op Gelu came with 20 only. */
static void put_gelu(struct writing *writing, const char *input, const char *output)
{
    char *root = put_scalar(writing, output, "root_half", 0.70710678118654752f);
    char *one = put_scalar(writing, output, "one", 1), *half = put_scalar(writing, output, "half", 0.5f);
    char *scaled = fresh_name(writing, output, "scaled"), *erf = fresh_name(writing, output, "erf");
    char *sum = fresh_name(writing, output, "sum"), *product = fresh_name(writing, output, "product");
    if (!writing->status) {
        put_plain_node(writing, "Mul", (const char *[]){input, root, NULL}, scaled, NULL, 0);
        put_plain_node(writing, "Erf", (const char *[]){scaled, NULL}, erf, NULL, 0);
        put_plain_node(writing, "Add", (const char *[]){erf, one, NULL}, sum, NULL, 0);
        put_plain_node(writing, "Mul", (const char *[]){input, sum, NULL}, product, NULL, 0);
        put_plain_node(writing, "Mul", (const char *[]){product, half, NULL}, output, NULL, 0);
    }
    char *const names[] = {root, one, half, scaled, erf, sum, product};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        tw_free(names[i]);
}

/* x * gate(x), as Swish and HardSwish are. */
static void put_gated(struct writing *writing, const char *gate_op, const struct tw_attribute *attributes,
                      size_t attribute_count, const char *input, const char *output)
{
    char *gate = fresh_name(writing, output, "gate");
    if (gate) {
        put_plain_node(writing, gate_op, (const char *[]){input, NULL}, gate, attributes, attribute_count);
        put_plain_node(writing, "Mul", (const char *[]){input, gate, NULL}, output, NULL, 0);
    }
    tw_free(gate);
}

static void put_clip(struct writing *writing, const struct tw_node *node, const char *input, const char *output)
{
    char *low = put_scalar(writing, output, "low", node->activation_alpha);
    char *high = put_scalar(writing, output, "high", node->activation_beta);
    if (low && high)
        put_plain_node(writing, "Clip", (const char *[]){input, low, high, NULL}, output, NULL, 0);
    tw_free(low);
    tw_free(high);
}

static void put_activation(struct writing *writing, const struct tw_node *node, const char *input, const char *output)
{
    const struct tw_attribute slope = {.name = "alpha", .kind = TW_ATTR_FLOAT, .f = node->activation_alpha};
    const struct tw_attribute hard[] = {{.name = "alpha", .kind = TW_ATTR_FLOAT, .f = 1.0f / 6},
                                        {.name = "beta", .kind = TW_ATTR_FLOAT, .f = 0.5f}};
    const char *const inputs[] = {input, NULL};
    switch (node->activation) {
    case TW_ACT_NONE:
        break;
    case TW_ACT_RELU:
        put_plain_node(writing, "Relu", inputs, output, NULL, 0);
        break;
    case TW_ACT_SIGMOID:
        put_plain_node(writing, "Sigmoid", inputs, output, NULL, 0);
        break;
    case TW_ACT_TANH:
        put_plain_node(writing, "Tanh", inputs, output, NULL, 0);
        break;
    case TW_ACT_LEAKY:
        put_plain_node(writing, "LeakyRelu", inputs, output, &slope, 1);
        break;
    case TW_ACT_CLIP:
        put_clip(writing, node, input, output);
        break;
    case TW_ACT_SWISH:
        put_gated(writing, "Sigmoid", NULL, 0, input, output);
        break;
    case TW_ACT_HARD_SWISH:
        put_gated(writing, "HardSigmoid", hard, 2, input, output);
        break;
    case TW_ACT_GELU:
        put_gelu(writing, input, output);
        break;
    }
}

static const char *value_name(const struct writing *writing, int id)
{
    return id < 0 ? "" : writing->graph->values[id].name;
}

/* From 18 on these take their axes as an input; the graph's vocabulary is that of 13. */
static bool has_axes_input(const struct writing *writing, const struct tw_node *node)
{
    return writing->opset >= 18 && (node->op == TW_OP_REDUCE_MEAN || node->op == TW_OP_REDUCE_MAX ||
                                    node->op == TW_OP_REDUCE_MIN || node->op == TW_OP_REDUCE_L2);
}

static void put_attributes(struct writing *writing, const struct tw_node *node, struct tw_buffer *message)
{
    for (int i = 0; i < node->attribute_count; i++) {
        if (!has_axes_input(writing, node) || strcmp(node->attributes[i].name, "axes") != 0)
            put_attribute(writing, message, &node->attributes[i]);
    }
    const struct tw_attribute parts = {.name = "num_outputs", .kind = TW_ATTR_INT, .i = node->output_count};
    if (node->op == TW_OP_SPLIT && writing->opset >= 18 && (node->input_count < 2 || node->inputs[1] < 0))
        put_attribute(writing, message, &parts);
}

static void put_main_node(struct writing *writing, const struct tw_node *node, const char *first_output)
{
    struct tw_buffer message = {0};
    for (int i = 0; i < node->input_count; i++)
        put_text(writing, &message, NODE_INPUT, value_name(writing, node->inputs[i]));
    const struct tw_attribute *axes = tw_node_attribute(node, "axes");
    if (axes && axes->kind == TW_ATTR_INTS && has_axes_input(writing, node)) {
        char *name = put_ints(writing, first_output, axes);
        put_text(writing, &message, NODE_INPUT, name ? name : "");
        tw_free(name);
    }
    put_text(writing, &message, NODE_OUTPUT, first_output);
    for (int i = 1; i < node->output_count; i++)
        put_text(writing, &message, NODE_OUTPUT, value_name(writing, node->outputs[i]));
    /* ONNX Runtime wants node names to be unique; those of tensors are. */
    put_text(writing, &message, NODE_NAME, first_output);
    put_text(writing, &message, NODE_OP, tw_op_table[node->op].name);
    put_attributes(writing, node, &message);
    put_message(writing, &writing->nodes, GRAPH_NODE, &message);
}

/* output = activation(op(inputs) + residual), each a node of its own. */
static void put_node(struct writing *writing, const struct tw_node *node)
{
    const char *output = value_name(writing, node->output_count ? node->outputs[0] : -1);
    bool has_residual = node->residual >= 0, has_activation = node->activation != TW_ACT_NONE;
    char *plain = has_residual || has_activation ? fresh_name(writing, output, "plain") : NULL;
    char *sum = has_residual && has_activation ? fresh_name(writing, output, "with_residual") : NULL;
    if (!writing->status) {
        const char *before = plain ? plain : output;
        put_main_node(writing, node, before);
        if (has_residual) {
            const char *const inputs[] = {before, value_name(writing, node->residual), NULL};
            put_plain_node(writing, "Add", inputs, sum ? sum : output, NULL, 0);
        }
        put_activation(writing, node, sum ? sum : before, output);
    }
    tw_free(plain);
    tw_free(sum);
}

static void mark_constants(struct writing *writing)
{
    const struct tw_graph *graph = writing->graph;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct tw_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count; i++) {
            if (node->inputs[i] >= 0)
                writing->is_needed[node->inputs[i]] = true;
        }
        if (node->residual >= 0)
            writing->is_needed[node->residual] = true;
    }
    for (size_t i = 0; i < graph->output_count; i++)
        writing->is_needed[graph->outputs[i]] = true;
    for (size_t id = 0; id < graph->value_count && !writing->status; id++) {
        const struct tw_value *value = &graph->values[id];
        if (writing->is_needed[id] && value->quantisation.scale && value->dtype != TW_F32)
            writing->status =
                tw_fail(writing->error, TW_UNSUPPORTED,
                        "tensor '%.200s' is quantised by the network's own scheme, which ONNX has not", value->name);
        writing->is_needed[id] = writing->is_needed[id] && value->data;
    }
}

/* Ops that came after 13. */
static int64_t choose_opset(const struct tw_graph *graph)
{
    int64_t opset = graph->opset > ONNX_OPSET_OURS ? graph->opset : ONNX_OPSET_OURS;
    for (size_t n = 0; n < graph->node_count; n++) {
        enum tw_op op = graph->nodes[n].op;
        int64_t since = op == TW_OP_GELU ? 20 : op == TW_OP_LAYER_NORM ? 17 : op == TW_OP_HARD_SWISH ? 14 : 0;
        opset = since > opset ? since : opset;
    }
    return opset;
}

/* ValueInfoProto. The first dimension, where it is free, is the batch and is called N. */
static void put_value_info(struct writing *writing, struct tw_buffer *out, uint32_t number, int id)
{
    const struct tw_value *value = &writing->graph->values[id];
    struct tw_buffer info = {0}, type = {0}, tensor = {0}, shape = {0}, dim = {0};
    int code = onnx_dtype_code(value->dtype);
    if (code == 0 && !writing->status)
        writing->status =
            tw_fail(writing->error, TW_INVALID, "tensor '%.200s' has no known type: infer shapes first", value->name);
    put_int(writing, &tensor, 1, (uint64_t)code);
    for (int i = 0; i < value->shape.rank; i++) {
        tw_buffer_clear(&dim);
        if (value->shape.dims[i] >= 0)
            put_int(writing, &dim, 1, (uint64_t)value->shape.dims[i]);
        else if (i == 0)
            put_text(writing, &dim, 2, "N");
        put_bytes(writing, &shape, 1, tw_buffer_span(&dim));
    }
    tw_buffer_release(&dim);
    if (value->shape.rank >= 0)
        put_bytes(writing, &tensor, 2, tw_buffer_span(&shape));
    tw_buffer_release(&shape);
    put_message(writing, &type, 1, &tensor);
    put_text(writing, &info, 1, value->name);
    put_message(writing, &info, 2, &type);
    put_message(writing, out, number, &info);
}

/* The bytes that the constants of the graph take as fields of GraphProto; appended to `out` where that is not NULL. */
static size_t put_constants(struct writing *writing, struct tw_buffer *out)
{
    size_t total = 0;
    struct tw_buffer head = {0};
    for (size_t id = 0; id < writing->graph->value_count && !writing->status; id++) {
        const struct tw_value *value = &writing->graph->values[id];
        if (!writing->is_needed[id])
            continue;
        size_t size = 0;
        tw_buffer_clear(&head);
        put_tensor_head(writing, &head, value->name, value, &size);
        total += 1 + tw_varint_size(head.size + size) + head.size + size;
        if (!out || writing->status)
            continue;
        writing->status = tw_wire_put_header(out, GRAPH_INITIALIZER, head.size + size, writing->error);
        if (!writing->status)
            writing->status = tw_buffer_append(out, head.data, head.size, writing->error);
        if (!writing->status)
            writing->status = tw_buffer_append(out, value->data, size, writing->error);
    }
    tw_buffer_release(&head);
    return total;
}

static void put_graph(struct writing *writing, struct tw_buffer *out)
{
    const struct tw_graph *graph = writing->graph;
    struct tw_buffer interface = {0};
    for (size_t i = 0; i < graph->node_count && !writing->status; i++)
        put_node(writing, &graph->nodes[i]);
    put_text(writing, &writing->nodes, GRAPH_NAME, "network");
    for (size_t i = 0; i < graph->input_count; i++)
        put_value_info(writing, &interface, GRAPH_INPUT, graph->inputs[i]);
    for (size_t i = 0; i < graph->output_count; i++)
        put_value_info(writing, &interface, GRAPH_OUTPUT, graph->outputs[i]);
    size_t size = writing->nodes.size + put_constants(writing, NULL) + writing->scratch.size + interface.size;
    if (!writing->status)
        writing->status = tw_buffer_reserve(out, out->size + size + 64, writing->error);
    if (!writing->status)
        writing->status = tw_wire_put_header(out, MODEL_GRAPH, size, writing->error);
    if (!writing->status)
        writing->status = tw_buffer_append(out, writing->nodes.data, writing->nodes.size, writing->error);
    put_constants(writing, out);
    if (!writing->status)
        writing->status = tw_buffer_append(out, writing->scratch.data, writing->scratch.size, writing->error);
    if (!writing->status)
        writing->status = tw_buffer_append(out, interface.data, interface.size, writing->error);
    tw_buffer_release(&interface);
}

static void put_pair(struct writing *writing, struct tw_buffer *out, uint32_t number, const struct tw_property *pair)
{
    struct tw_buffer message = {0};
    put_text(writing, &message, 1, pair->key);
    put_text(writing, &message, 2, pair->value);
    put_message(writing, out, number, &message);
}

enum tw_status tw_onnx_write(const struct tw_graph *graph, const char *producer, const char *producer_version,
                             struct tw_buffer *out, struct tw_error *error)
{
    size_t start = out->size;
    struct tw_buffer opset = {0};
    struct writing writing = {.graph = graph, .error = error, .opset = choose_opset(graph)};
    writing.is_needed = tw_alloc(graph->value_count, sizeof *writing.is_needed);
    if (!writing.is_needed)
        return tw_fail_memory(error, graph->value_count, "an ONNX model");
    mark_constants(&writing);
    put_int(&writing, out, MODEL_IR_VERSION, IR_VERSION);
    put_text(&writing, out, 2, producer);
    put_text(&writing, out, 3, producer_version);
    put_graph(&writing, out);
    put_text(&writing, &opset, 1, "");
    put_int(&writing, &opset, 2, (uint64_t)writing.opset);
    put_message(&writing, out, MODEL_OPSET, &opset);
    for (size_t i = 0; i < graph->property_count; i++)
        put_pair(&writing, out, MODEL_METADATA, &graph->properties[i]);
    tw_buffer_release(&writing.nodes);
    tw_buffer_release(&writing.scratch);
    tw_free(writing.is_needed);
    if (writing.status)
        out->size = start;
    return writing.status;
}
