/* NodeProto and AttributeProto. */
#include "formats/onnx.h"

#include <string.h>

/* AttributeProto.type; files of before 2017 leave it out, then the field that is there tells. */
enum { TYPE_FLOAT = 1, TYPE_INT, TYPE_STRING, TYPE_TENSOR, TYPE_GRAPH, TYPE_FLOATS, TYPE_INTS, TYPE_STRINGS };

struct attribute_parts {
    struct tw_attribute attribute;
    uint64_t type, seen_type;
    struct tw_span message;
};

static void read_numbers(struct build *build, struct attribute_parts *parts, bool is_float)
{
    uint32_t number = is_float ? ATTRIBUTE_FLOATS : ATTRIBUTE_INTS;
    enum tw_wire_type wire = is_float ? TW_WIRE_FIXED32 : TW_WIRE_VARINT;
    size_t size = is_float ? sizeof(float) : sizeof(int64_t);
    size_t count = build_count_numbers(build, parts->message, number, wire);
    uint8_t *out = build_alloc(build, count, size);
    build_copy_numbers(build, parts->message, number, wire, size, out);
    parts->attribute.floats = is_float ? (const float *)(const void *)out : NULL;
    parts->attribute.ints = is_float ? NULL : (const int64_t *)(const void *)out;
    parts->attribute.count = count;
}

static void read_attribute_field(struct build *build, const struct tw_wire_field *field, struct attribute_parts *parts)
{
    struct tw_attribute *attribute = &parts->attribute;
    static const uint8_t types[] = {
        [ATTRIBUTE_F] = TYPE_FLOAT,   [ATTRIBUTE_I] = TYPE_INT,          [ATTRIBUTE_S] = TYPE_STRING,
        [ATTRIBUTE_T] = TYPE_TENSOR,  [ATTRIBUTE_G] = TYPE_GRAPH,        [ATTRIBUTE_FLOATS] = TYPE_FLOATS,
        [ATTRIBUTE_INTS] = TYPE_INTS, [ATTRIBUTE_STRINGS] = TYPE_STRINGS};
    uint32_t bits = (uint32_t)field->value;
    if (field->number < sizeof types && types[field->number])
        parts->seen_type = types[field->number];
    switch (field->number) {
    case ATTRIBUTE_NAME:
        attribute->name = build_text(build, field, "an attribute");
        break;
    case ATTRIBUTE_F:
        if (build_expect(build, field, TW_WIRE_FIXED32, "an attribute"))
            memcpy(&attribute->f, &bits, sizeof bits);
        break;
    case ATTRIBUTE_I:
        if (build_expect(build, field, TW_WIRE_VARINT, "an attribute"))
            attribute->i = (int64_t)field->value;
        break;
    case ATTRIBUTE_S:
    case ATTRIBUTE_T:
        if (build_expect(build, field, TW_WIRE_BYTES, "an attribute"))
            attribute->text = field->bytes;
        break;
    case ATTRIBUTE_TYPE:
        if (build_expect(build, field, TW_WIRE_VARINT, "an attribute"))
            parts->type = field->value;
        break;
    case ATTRIBUTE_REFERENCE:
        build_fail(build, TW_UNSUPPORTED, "an attribute refers to a function's attribute, which is not known");
        break;
    default:
        break;
    }
}

static void set_kind(struct build *build, struct attribute_parts *parts)
{
    struct tw_attribute *attribute = &parts->attribute;
    switch (parts->type ? parts->type : parts->seen_type) {
    case TYPE_FLOAT:
        attribute->kind = TW_ATTR_FLOAT;
        break;
    case TYPE_INT:
        attribute->kind = TW_ATTR_INT;
        break;
    case TYPE_STRING:
        attribute->kind = TW_ATTR_TEXT;
        if (attribute->text.size && memchr(attribute->text.data, 0, attribute->text.size))
            build_fail(build, TW_CORRUPT, "attribute '%.100s' holds a zero byte", attribute->name);
        break;
    case TYPE_TENSOR:
        attribute->kind = TW_ATTR_TENSOR;
        attribute->tensor = -1;
        break;
    case TYPE_FLOATS:
        attribute->kind = TW_ATTR_FLOATS;
        read_numbers(build, parts, true);
        break;
    case TYPE_INTS:
        attribute->kind = TW_ATTR_INTS;
        read_numbers(build, parts, false);
        break;
    default:
        build_fail(build, TW_UNSUPPORTED,
                   "attribute '%.100s' is of kind %llu; known are numbers, a text, a tensor and lists of numbers",
                   attribute->name, (unsigned long long)(parts->type ? parts->type : parts->seen_type));
    }
}

static void read_attribute(struct build *build, const struct tw_wire_field *field, struct onnx_node *node)
{
    if (!build_expect(build, field, TW_WIRE_BYTES, "a node"))
        return;
    if (node->attribute_count == ONNX_MAX_ATTRIBUTES) {
        build_fail(build, TW_LIMIT, "a node has over %d attributes", ONNX_MAX_ATTRIBUTES);
        return;
    }
    struct attribute_parts parts = {.attribute.name = "", .message = field->bytes};
    struct tw_wire_field inner;
    for (struct tw_reader reader = tw_reader_of(field->bytes); build_next(build, &reader, &inner);)
        read_attribute_field(build, &inner, &parts);
    if (!build->status && onnx_attribute(node, parts.attribute.name))
        build_fail(build, TW_CORRUPT, "attribute '%.100s' is given twice", parts.attribute.name);
    if (!build->status)
        set_kind(build, &parts);
    node->attributes[node->attribute_count++] = parts.attribute;
}

static void read_id(struct build *build, const struct tw_wire_field *field, int *ids, int *count)
{
    const char *name = build_text(build, field, "a node");
    if (name)
        ids[(*count)++] = *name ? build_value(build, name) : -1;
}

static void read_names(struct build *build, struct tw_span message, struct onnx_node *node)
{
    struct tw_wire_field field;
    size_t inputs = 0, outputs = 0;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        inputs += field.number == NODE_INPUT;
        outputs += field.number == NODE_OUTPUT;
        if (field.number == NODE_NAME)
            node->name = build_text(build, &field, "a node");
        else if (field.number == NODE_OP)
            node->op = build_text(build, &field, "a node");
        else if (field.number == NODE_DOMAIN)
            node->domain = build_text(build, &field, "a node");
    }
    enum { MOST = 1 << 24 };
    if (inputs > MOST || outputs > MOST)
        build_fail(build, TW_LIMIT, "a node has over %d inputs or outputs", MOST);
    node->inputs = build_alloc(build, inputs + ONNX_INPUT_ROOM, sizeof *node->inputs);
    node->outputs = build_alloc(build, outputs, sizeof *node->outputs);
}

bool onnx_read_node(struct build *build, struct tw_span message, struct onnx_node *node)
{
    struct tw_wire_field field;
    *node = (struct onnx_node){.name = "", .op = "", .domain = ""};
    read_names(build, message, node);
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == NODE_INPUT)
            read_id(build, &field, node->inputs, &node->input_count);
        else if (field.number == NODE_OUTPUT)
            read_id(build, &field, node->outputs, &node->output_count);
        else if (field.number == NODE_ATTRIBUTE)
            read_attribute(build, &field, node);
    }
    if (build->status) {
        if (node->name && node->op && (*node->name || *node->op))
            build->status =
                tw_fail_within(build->error, build->status, "node '%.200s' (op %.100s)", node->name, node->op);
        return false;
    }
    node->label = node->name;
    if (!*node->name && node->output_count && node->outputs[0] >= 0)
        node->label = build->graph->values[node->outputs[0]].name;
    return true;
}

struct tw_attribute *onnx_attribute(struct onnx_node *node, const char *name)
{
    for (int i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    }
    return NULL;
}
