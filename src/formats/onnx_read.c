/* ModelProto: ir_version, opset_import, graph, metadata_props; GraphProto: nodes, initializers, inputs, outputs. */
#include "formats/readers.h"

#include "formats/onnx.h"

#include <string.h>

struct model {
    struct tw_span graph;
    bool has_graph;
    uint64_t ir_version;
    int64_t opset;
    size_t property_count;
};

static bool is_standard_domain(const char *domain)
{
    return *domain == 0 || strcmp(domain, "ai.onnx") == 0;
}

static void read_opset(struct build *build, struct tw_span message, struct model *model)
{
    const char *domain = "";
    int64_t version = 0;
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1)
            domain = build_text(build, &field, "an opset");
        else if (field.number == 2 && build_expect(build, &field, TW_WIRE_VARINT, "an opset"))
            version = (int64_t)field.value;
    }
    if (!build->status && is_standard_domain(domain))
        model->opset = version;
}

static void read_property(struct build *build, struct tw_span message, struct model *model)
{
    enum { MOST_PROPERTIES = 4096 };
    const char *key = "", *value = "";
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1)
            key = build_text(build, &field, "metadata");
        else if (field.number == 2)
            value = build_text(build, &field, "metadata");
    }
    if (++model->property_count > MOST_PROPERTIES)
        build_fail(build, TW_LIMIT, "it has over %d entries of metadata", MOST_PROPERTIES);
    if (!build->status && !tw_graph_set_property(build->graph, key, value))
        build_fail_memory(build, strlen(value));
}

static void read_model(struct build *build, struct tw_span bytes, struct model *model)
{
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(bytes); build_next(build, &reader, &field);) {
        bool is_message = field.number == MODEL_GRAPH || field.number == MODEL_OPSET || field.number == MODEL_METADATA;
        if (is_message && !build_expect(build, &field, TW_WIRE_BYTES, "the model"))
            return;
        if (field.number == MODEL_IR_VERSION) {
            model->ir_version = field.value;
        } else if (field.number == MODEL_OPSET) {
            read_opset(build, field.bytes, model);
        } else if (field.number == MODEL_METADATA) {
            read_property(build, field.bytes, model);
        } else if (field.number == MODEL_GRAPH) {
            if (model->has_graph)
                build_fail(build, TW_CORRUPT, "it holds two graphs");
            model->graph = field.bytes;
            model->has_graph = true;
        }
    }
    if (build->status)
        return;
    if (!model->has_graph)
        build_fail(build, TW_CORRUPT, "it holds no graph: it is cut, or no ONNX model");
    else if (model->opset < ONNX_OPSET_LEAST || model->opset > ONNX_OPSET_MOST)
        build_fail(build, TW_UNSUPPORTED, "it is of ONNX opset %lld; opsets %d to %d are known",
                   (long long)model->opset, ONNX_OPSET_LEAST, ONNX_OPSET_MOST);
    build->graph->opset = (int)model->opset;
}

static void read_initializer(struct build *build, struct tw_span message)
{
    struct onnx_tensor tensor;
    if (!onnx_read_tensor(build, message, "initializer", &tensor))
        return;
    build_set_constant(build, build_value(build, tensor.name), tensor.dtype, &tensor.shape, tensor.data);
}

static void read_dim(struct build *build, struct tw_span message, struct tw_shape *shape)
{
    struct tw_wire_field field;
    int64_t dim = TW_UNKNOWN;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1 && build_expect(build, &field, TW_WIRE_VARINT, "a dimension"))
            dim = (int64_t)field.value < 0 ? TW_UNKNOWN : (int64_t)field.value;
    }
    if (shape->rank >= TW_MAX_RANK)
        build_fail(build, TW_UNSUPPORTED, "a tensor has over %d dimensions", TW_MAX_RANK);
    else
        shape->dims[shape->rank++] = dim;
}

/* TypeProto.Tensor: elem_type 1, shape 2 of dim 1. */
static void read_tensor_type(struct build *build, struct tw_span message, struct tw_value *value)
{
    struct tw_wire_field field, inner;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1 && build_expect(build, &field, TW_WIRE_VARINT, "a type"))
            value->dtype = onnx_dtype(field.value);
        if (field.number != 2 || !build_expect(build, &field, TW_WIRE_BYTES, "a type"))
            continue;
        value->shape = (struct tw_shape){.rank = 0};
        for (struct tw_reader dims = tw_reader_of(field.bytes); build_next(build, &dims, &inner);) {
            if (inner.number == 1 && build_expect(build, &inner, TW_WIRE_BYTES, "a shape"))
                read_dim(build, inner.bytes, &value->shape);
        }
    }
}

/* ValueInfoProto: name 1, type 2 (TypeProto: tensor_type 1). Returns the value's id; what a constant is, its data says. */
static int read_value_info(struct build *build, struct tw_span message)
{
    const char *name = "";
    struct tw_value found = {.shape.rank = TW_UNKNOWN};
    bool has_tensor_type = false;
    struct tw_wire_field field, inner;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1)
            name = build_text(build, &field, "a value");
        if (field.number != 2 || !build_expect(build, &field, TW_WIRE_BYTES, "a value"))
            continue;
        for (struct tw_reader type = tw_reader_of(field.bytes); build_next(build, &type, &inner);) {
            if (inner.number != 1 || !build_expect(build, &inner, TW_WIRE_BYTES, "a type"))
                continue;
            has_tensor_type = true;
            read_tensor_type(build, inner.bytes, &found);
        }
    }
    int id = build_value(build, name);
    if (id < 0 || build->graph->values[id].data)
        return id;
    if (has_tensor_type) {
        build->graph->values[id].dtype = found.dtype;
        build->graph->values[id].shape = found.shape;
    }
    return id;
}

struct counts {
    size_t nodes, inputs, outputs;
};

static struct counts count_fields(struct build *build, struct tw_span graph)
{
    struct counts counts = {0};
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(graph); build_next(build, &reader, &field);) {
        bool is_message = field.number == GRAPH_NODE || field.number == GRAPH_INITIALIZER ||
                          (field.number >= GRAPH_INPUT && field.number <= GRAPH_SPARSE && field.number != 14);
        if (is_message && !build_expect(build, &field, TW_WIRE_BYTES, "the graph"))
            break;
        counts.nodes += field.number == GRAPH_NODE;
        counts.inputs += field.number == GRAPH_INPUT;
        counts.outputs += field.number == GRAPH_OUTPUT;
        if (field.number == GRAPH_SPARSE)
            build_fail(build, TW_UNSUPPORTED, "it has sparse initializers, which are not known");
    }
    if (counts.nodes > build->limits->max_nodes)
        build_fail(build, TW_LIMIT, "it has %zu nodes, over the limit of %zu", counts.nodes, build->limits->max_nodes);
    return counts;
}

/* Initializers first: in files of IR version 3 and before each is listed as an input too. */
static void read_interface(struct build *build, struct tw_span graph, const struct counts *counts)
{
    int *inputs = build_alloc(build, counts->inputs, sizeof *inputs);
    int *outputs = build_alloc(build, counts->outputs, sizeof *outputs);
    size_t input_count = 0, output_count = 0;
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(graph); build_next(build, &reader, &field);) {
        if (field.number == GRAPH_INITIALIZER)
            read_initializer(build, field.bytes);
    }
    for (struct tw_reader reader = tw_reader_of(graph); build_next(build, &reader, &field);) {
        bool is_input = field.number == GRAPH_INPUT, is_output = field.number == GRAPH_OUTPUT;
        if (!is_input && !is_output && field.number != GRAPH_VALUE_INFO)
            continue;
        int id = read_value_info(build, field.bytes);
        if (build->status)
            return;
        if (is_input && !build->graph->values[id].data)
            inputs[input_count++] = id;
        else if (is_output)
            outputs[output_count++] = id;
    }
    if (!build->status && output_count == 0)
        build_fail(build, TW_CORRUPT, "its graph has no outputs");
    if (!build->status && (!tw_graph_set_inputs(build->graph, inputs, input_count) ||
                           !tw_graph_set_outputs(build->graph, outputs, output_count)))
        build_fail_memory(build, (input_count + output_count) * sizeof *inputs);
}

static void set_constant_list(struct build *build, int id, const struct tw_attribute *value, const char *op)
{
    struct tw_shape one = {.rank = 0}, list = {.rank = 1, .dims = {(int64_t)value->count}};
    struct onnx_tensor tensor;
    float *f = NULL;
    int64_t *i = NULL;
    switch (value->kind) {
    case TW_ATTR_TENSOR:
        if (onnx_read_tensor(build, value->text, op, &tensor))
            build_set_constant(build, id, tensor.dtype, &tensor.shape, tensor.data);
        break;
    case TW_ATTR_FLOAT:
        if ((f = build_alloc(build, 1, sizeof *f)))
            *f = value->f;
        build_set_constant(build, id, TW_F32, &one, f);
        break;
    case TW_ATTR_INT:
        if ((i = build_alloc(build, 1, sizeof *i)))
            *i = value->i;
        build_set_constant(build, id, TW_I64, &one, i);
        break;
    case TW_ATTR_FLOATS:
        build_set_constant(build, id, TW_F32, &list, value->floats);
        break;
    case TW_ATTR_INTS:
        build_set_constant(build, id, TW_I64, &list, value->ints);
        break;
    case TW_ATTR_TEXT:
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op Constant) holds text, which is not known", op);
        break;
    }
}

static void read_constant(struct build *build, struct onnx_node *node)
{
    static const char *const names[] = {"value", "value_float", "value_int", "value_floats", "value_ints"};
    const struct tw_attribute *value = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !value; i++)
        value = onnx_attribute(node, names[i]);
    if (!value || node->attribute_count != 1 || node->output_count != 1 || node->outputs[0] < 0) {
        build_fail(build, TW_UNSUPPORTED,
                   "node '%.200s' (op Constant) has no one attribute of value, value_float(s), value_int(s)",
                   node->label);
        return;
    }
    set_constant_list(build, node->outputs[0], value, node->label);
}

/* Twice: constants first, because what they hold decides how other nodes are spelled; with every tensor's name known,
 * names that are made on the way cannot meet one of the file's. */
static void read_nodes(struct build *build, struct tw_span graph)
{
    struct onnx_node node;
    struct tw_wire_field field;
    for (int round = 0; round < 2; round++) {
        for (struct tw_reader reader = tw_reader_of(graph); build_next(build, &reader, &field);) {
            if (field.number != GRAPH_NODE || !onnx_read_node(build, field.bytes, &node))
                continue;
            bool is_known = is_standard_domain(node.domain) ||
                            (strcmp(node.domain, "com.microsoft") == 0 && onnx_is_quantised_op(node.op));
            if (!is_known)
                build_fail(build, TW_UNSUPPORTED,
                           "node '%.200s' is op %.100s of domain '%.100s'; only ONNX's own domain is known, and ONNX "
                           "Runtime's for some quantised ops",
                           node.label, node.op, node.domain);
            bool is_constant = strcmp(node.op, "Constant") == 0;
            if (is_constant && round == 0)
                read_constant(build, &node);
            else if (!is_constant && round == 1)
                onnx_translate(build, &node);
        }
    }
}

bool onnx_matches(struct tw_span bytes)
{
    struct tw_reader reader = tw_reader_of(bytes);
    struct tw_wire_field first, second;
    bool has_field;
    if (tw_wire_next(&reader, &first, &has_field, NULL) || !has_field)
        return false;
    if (first.number == MODEL_GRAPH || first.number == MODEL_OPSET)
        return first.type == TW_WIRE_BYTES;
    if (first.number != MODEL_IR_VERSION || first.type != TW_WIRE_VARINT || first.value == 0 || first.value > 1000)
        return false;
    /* A SavedModel begins alike; its second field is a message that begins with one, ONNX's is a name. */
    if (tw_wire_next(&reader, &second, &has_field, NULL) || !has_field)
        return true;
    return !(first.value == 1 && second.number == 2 && tw_span_starts(second.bytes, "\n", 1));
}

enum tw_status onnx_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                         struct tw_graph **graph, struct tw_error *error)
{
    enum { DEPTH = 7 }; /* model, graph, value, type, tensor type, shape, dimension */
    if (limits->max_depth < DEPTH)
        return tw_fail(error, TW_LIMIT, "an ONNX model nests %d messages, over the limit of %d", DEPTH,
                       limits->max_depth);
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    struct model model = {0};
    read_model(&build, source->bytes, &model);
    struct counts counts = count_fields(&build, model.graph);
    read_interface(&build, model.graph, &counts);
    read_nodes(&build, model.graph);
    return build_finish(&build, graph);
}
