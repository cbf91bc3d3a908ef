#include "formats/build.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "constants are borrowed from little-endian files");

void build_fail(struct build *build, enum tw_status status, const char *format, ...)
{
    if (build->status)
        return;
    char text[TW_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    build->status = tw_fail(build->error, status, "%s", text);
}

void build_fail_memory(struct build *build, size_t size_bytes)
{
    if (!build->status)
        build->status = tw_fail_memory(build->error, size_bytes, "a network");
}

void *build_alloc(struct build *build, size_t count, size_t size)
{
    if (build->status)
        return NULL;
    void *block = tw_arena_alloc(&build->graph->arena, count ? count : 1, size);
    if (!block)
        build_fail_memory(build, count * size);
    return block;
}

bool build_charge(struct build *build, size_t size_bytes)
{
    enum { MOST_CHARGED = 256 << 20 };
    if (!build->status && size_bytes > MOST_CHARGED - (size_t)build->charged_bytes)
        build_fail(build, TW_LIMIT, "parts that the file names again and again take over %d bytes", MOST_CHARGED);
    else if (!build->status)
        build->charged_bytes += (int64_t)size_bytes;
    return !build->status;
}

bool build_next(struct build *build, struct tw_reader *reader, struct tw_wire_field *field)
{
    bool has_field = false;
    if (!build->status)
        build->status = tw_wire_next(reader, field, &has_field, build->error);
    return has_field && !build->status;
}

bool build_expect(struct build *build, const struct tw_wire_field *field, enum tw_wire_type type, const char *message)
{
    if (field->type != type)
        build_fail(build, TW_CORRUPT, "field %u of %s has wire type %d, not %d", field->number, message,
                   (int)field->type, (int)type);
    return !build->status;
}

const char *build_text(struct build *build, const struct tw_wire_field *field, const char *message)
{
    if (!build_expect(build, field, TW_WIRE_BYTES, message))
        return NULL;
    struct tw_span bytes = field->bytes;
    if ((bytes.size && memchr(bytes.data, 0, bytes.size)) || !tw_is_utf8(bytes)) {
        build_fail(build, TW_CORRUPT, "text in field %u of %s is not UTF-8 or holds a zero byte", field->number,
                   message);
        return NULL;
    }
    const char *text = tw_arena_strndup(&build->graph->arena, bytes.size ? (const char *)bytes.data : "", bytes.size);
    if (!text)
        build_fail_memory(build, bytes.size);
    return text;
}

size_t build_count_numbers(struct build *build, struct tw_span message, uint32_t number, enum tw_wire_type wire)
{
    size_t total = 0, count = 0;
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number != number)
            continue;
        build->status = tw_wire_count(&field, wire, &count, build->error);
        total += build->status ? 0 : count;
    }
    return build->status ? 0 : total;
}

/* Little-endian: the low bytes are the first ones. */
static void copy_field(struct build *build, const struct tw_wire_field *field, enum tw_wire_type wire, size_t size,
                       uint8_t *out)
{
    if (field->type != TW_WIRE_BYTES) {
        memcpy(out, &field->value, size);
        return;
    }
    if (wire != TW_WIRE_VARINT) {
        if (field->bytes.size)
            memcpy(out, field->bytes.data, field->bytes.size);
        return;
    }
    struct tw_reader reader = tw_reader_of(field->bytes);
    for (; tw_reader_left(&reader); out += size) {
        uint64_t value;
        if (!tw_read_varint(&reader, &value)) {
            build_fail(build, TW_CORRUPT, "a list of numbers is malformed");
            return;
        }
        memcpy(out, &value, size);
    }
}

void build_copy_numbers(struct build *build, struct tw_span message, uint32_t number, enum tw_wire_type wire,
                        size_t size, uint8_t *out)
{
    size_t count;
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); out && build_next(build, &reader, &field);) {
        if (field.number != number)
            continue;
        copy_field(build, &field, wire, size, out);
        if (!tw_wire_count(&field, wire, &count, NULL))
            out += count * size;
    }
}

static int add_value(struct build *build, const char *name)
{
    enum { VALUES_PER_NODE = 16 };
    if (build->graph->value_count / VALUES_PER_NODE >= build->limits->max_nodes) {
        build_fail(build, TW_LIMIT, "the network has over %zu tensors, %d for each of the %zu nodes it may have",
                   build->graph->value_count, VALUES_PER_NODE, build->limits->max_nodes);
        return -1;
    }
    int id = tw_graph_add_value(build->graph, name, TW_DTYPE_NONE, NULL);
    if (id < 0)
        build_fail_memory(build, strlen(name));
    return id;
}

int build_value(struct build *build, const char *name)
{
    if (build->status)
        return -1;
    if (!name || !*name) {
        build_fail(build, TW_CORRUPT, "a tensor has no name");
        return -1;
    }
    int id = tw_graph_find_value(build->graph, name);
    return id >= 0 ? id : add_value(build, name);
}

int build_fresh(struct build *build, const char *base, const char *suffix)
{
    if (build->status)
        return -1;
    char *name = tw_format("%s/%s", base, suffix);
    while (name && tw_graph_find_value(build->graph, name) >= 0) {
        tw_free(name);
        name = tw_format("%s/%s_%zu", base, suffix, ++build->fresh_count);
    }
    int id = -1;
    if (name)
        id = add_value(build, name);
    else
        build_fail_memory(build, strlen(base));
    tw_free(name);
    return id;
}

void build_set_constant(struct build *build, int id, enum tw_dtype dtype, const struct tw_shape *shape,
                        const void *data)
{
    if (build->status)
        return;
    struct tw_value *value = &build->graph->values[id];
    if (value->data) {
        build_fail(build, TW_CORRUPT, "constant '%s' is given twice", value->name);
        return;
    }
    value->dtype = dtype;
    value->shape = *shape;
    value->data = data;
}

int build_ints(struct build *build, const char *base, const char *suffix, const int64_t *values, size_t count)
{
    int id = build_fresh(build, base, suffix);
    int64_t *copy = build_alloc(build, count, sizeof *copy);
    if (!copy)
        return -1;
    if (count)
        memcpy(copy, values, count * sizeof *copy);
    build_set_constant(build, id, TW_I64, &(struct tw_shape){.rank = 1, .dims = {(int64_t)count}}, copy);
    return id;
}

int build_floats(struct build *build, const char *base, const char *suffix, const struct tw_shape *shape,
                 const float *values)
{
    int64_t count = 0;
    int id = build_fresh(build, base, suffix);
    float *copy = tw_shape_count(shape, &count) ? build_alloc(build, (size_t)count, sizeof *copy) : NULL;
    if (!copy)
        return -1;
    if (count)
        memcpy(copy, values, (size_t)count * sizeof *copy);
    build_set_constant(build, id, TW_F32, shape, copy);
    return id;
}

int build_scalar(struct build *build, const char *base, const char *suffix, float value)
{
    return build_floats(build, base, suffix, &(struct tw_shape){.rank = 0}, &value);
}

bool build_constant_ints(const struct build *build, int id, int64_t *out, size_t room, size_t *count)
{
    int64_t found;
    if (id < 0)
        return false;
    const struct tw_value *value = &build->graph->values[id];
    if (!value->data || !tw_shape_count(&value->shape, &found) || (uint64_t)found > room)
        return false;
    if (value->dtype == TW_I64 && found) {
        memcpy(out, value->data, (size_t)found * sizeof *out);
    } else if (value->dtype == TW_I32) {
        for (size_t i = 0; i < (size_t)found; i++) {
            int32_t element;
            memcpy(&element, (const uint8_t *)value->data + i * sizeof element, sizeof element);
            out[i] = element;
        }
    } else if (value->dtype != TW_I64) {
        return false;
    }
    *count = (size_t)found;
    return true;
}

struct tw_node *build_node(struct build *build, enum tw_op op, const char *name, const int *inputs, int input_count,
                           int output)
{
    if (build->status)
        return NULL;
    struct tw_node *node = tw_graph_add_node(build->graph, op, name, inputs, input_count, &output, 1);
    if (!node)
        build_fail_memory(build, sizeof *node);
    return node;
}

int build_step(struct build *build, enum tw_op op, const char *name, const char *suffix, const int *inputs,
               int input_count)
{
    int output = build_fresh(build, name, suffix);
    if (output < 0 || !build_node(build, op, build->graph->values[output].name, inputs, input_count, output))
        return -1;
    return output;
}

void build_int(struct build *build, struct tw_node *node, const char *name, int64_t value)
{
    if (node && !build->status)
        build->status = tw_node_set_int(build->graph, node, name, value, build->error);
}

void build_int_list(struct build *build, struct tw_node *node, const char *name, const int64_t *values, size_t count)
{
    if (node && !build->status)
        build->status = tw_node_set_ints(build->graph, node, name, values, count, build->error);
}

void build_float(struct build *build, struct tw_node *node, const char *name, float value)
{
    if (node && !build->status)
        build->status = tw_node_set_float(build->graph, node, name, value, build->error);
}

void build_word(struct build *build, struct tw_node *node, const char *name, const char *value)
{
    if (node && !build->status)
        build->status = tw_node_set_text(build->graph, node, name, value, build->error);
}

static const char *label_of(const struct tw_graph *graph, const struct tw_node *node)
{
    if (node->name[0] || node->output_count == 0 || node->outputs[0] < 0)
        return node->name;
    return graph->values[node->outputs[0]].name;
}

static void check_attributes(struct build *build, const struct tw_node *node, const struct tw_op_info *info)
{
    for (int i = 0; i < node->attribute_count; i++) {
        const char *const *known = info->attributes;
        while (known && *known && strcmp(*known, node->attributes[i].name) != 0)
            known++;
        if (known && *known)
            continue;
        char list[256] = "none";
        size_t used = 0;
        for (known = info->attributes; known && *known && used < sizeof list; known++)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *known);
        build_fail(build, TW_UNSUPPORTED,
                   "node '%.200s' (op %s) has attribute '%.100s', which is not known; known ones: %s",
                   label_of(build->graph, node), info->name, node->attributes[i].name, list);
        return;
    }
}

static void check_node(struct build *build, const struct tw_node *node)
{
    const struct tw_op_info *info = &tw_op_table[node->op];
    const char *label = label_of(build->graph, node);
    int least = info->least_inputs, most = info->most_inputs;
    if (node->input_count < least || (most >= 0 && node->input_count > most)) {
        char limit[32] = "";
        if (most >= 0)
            snprintf(limit, sizeof limit, " to %d", most);
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op %s) has %d inputs; known are %d%s%s", label, info->name,
                   node->input_count, least, limit, most < 0 ? " and more" : "");
        return;
    }
    for (int i = 0; i < least; i++) {
        if (node->inputs[i] < 0)
            build_fail(build, TW_CORRUPT, "node '%.200s' (op %s) leaves out its input %d, which it needs", label,
                       info->name, i);
    }
    if (node->output_count < 1 || (info->most_outputs >= 0 && node->output_count > info->most_outputs))
        build_fail(build, TW_UNSUPPORTED, "node '%.200s' (op %s) has %d outputs; known are 1 to %d", label, info->name,
                   node->output_count, info->most_outputs);
    check_attributes(build, node, info);
}

enum tw_status build_finish(struct build *build, struct tw_graph **graph)
{
    for (size_t i = 0; !build->status && i < build->graph->node_count; i++)
        check_node(build, &build->graph->nodes[i]);
    if (!build->status)
        build->status = tw_graph_sort(build->graph, build->error);
    if (build->status)
        tw_graph_free(build->graph);
    else
        *graph = build->graph;
    return build->status;
}
