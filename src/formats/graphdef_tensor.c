/* Attributes, shapes and tensors of a GraphDef. TensorProto: dtype 1, tensor_shape 2, tensor_content 4 (raw), or a list
 * of values, of which the last one stands for all that are missing. */
#include "formats/graphdef.h"

#include <string.h>

enum { KIND_LIST = 1, KIND_S, KIND_I, KIND_F, KIND_B, KIND_TYPE, KIND_SHAPE, KIND_TENSOR }; /* fields of AttrValue */

/* NodeDef.attr is a map: entries of key 1 and value 2. */
static bool find_attribute(struct tf_graph *tf, const struct tf_node *node, const char *key,
                           struct tw_wire_field *value)
{
    enum { NODE_ATTR = 5 };
    struct tw_wire_field field, part;
    for (struct tw_reader reader = tw_reader_of(node->message); build_next(tf->build, &reader, &field);) {
        if (field.number != NODE_ATTR || !build_expect(tf->build, &field, TW_WIRE_BYTES, "a node"))
            continue;
        struct tw_span name = {0}, message = {0};
        for (struct tw_reader entry = tw_reader_of(field.bytes); build_next(tf->build, &entry, &part);) {
            if (part.number == 1)
                name = part.bytes;
            else if (part.number == 2)
                message = part.bytes;
        }
        if (!tw_span_equal(name, tw_span_of_text(key)))
            continue;
        struct tw_reader inner = tw_reader_of(message);
        return build_next(tf->build, &inner, value);
    }
    return false;
}

int64_t tf_int(struct tf_graph *tf, const struct tf_node *node, const char *key, int64_t otherwise)
{
    struct tw_wire_field value;
    if (!find_attribute(tf, node, key, &value) || value.type != TW_WIRE_VARINT)
        return otherwise;
    return (int64_t)value.value;
}

float tf_float(struct tf_graph *tf, const struct tf_node *node, const char *key, float otherwise)
{
    struct tw_wire_field value;
    if (!find_attribute(tf, node, key, &value) || value.type != TW_WIRE_FIXED32)
        return otherwise;
    uint32_t bits = (uint32_t)value.value;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

bool tf_word_is(struct tf_graph *tf, const struct tf_node *node, const char *key, const char *word)
{
    struct tw_wire_field value;
    return find_attribute(tf, node, key, &value) && value.number == KIND_S && value.type == TW_WIRE_BYTES &&
           tw_span_equal(value.bytes, tw_span_of_text(word));
}

size_t tf_ints(struct tf_graph *tf, const struct tf_node *node, const char *key, int64_t *out, size_t room)
{
    enum { LIST_INTS = 3 };
    struct tw_wire_field value;
    if (!find_attribute(tf, node, key, &value) || value.number != KIND_LIST || value.type != TW_WIRE_BYTES)
        return 0;
    size_t count = build_count_numbers(tf->build, value.bytes, LIST_INTS, TW_WIRE_VARINT);
    if (count > room)
        tf_fail(tf, node, "has a list of too many numbers");
    if (tf->build->status)
        return 0;
    build_copy_numbers(tf->build, value.bytes, LIST_INTS, TW_WIRE_VARINT, sizeof *out, (uint8_t *)out);
    return tf->build->status ? 0 : count;
}

struct tw_span tf_message(struct tf_graph *tf, const struct tf_node *node, const char *key, uint32_t kind)
{
    struct tw_wire_field value;
    if (!find_attribute(tf, node, key, &value) || value.number != kind || value.type != TW_WIRE_BYTES)
        return (struct tw_span){0};
    return value.bytes;
}

/* DataType: the field of TensorProto with its values, and their wire type. */
static const struct {
    enum tw_dtype dtype;
    uint32_t list;
    enum tw_wire_type wire;
} types[] = {
    [1] = {TW_F32, 5, TW_WIRE_FIXED32},   [2] = {TW_F64, 6, TW_WIRE_FIXED64},  [3] = {TW_I32, 7, TW_WIRE_VARINT},
    [4] = {TW_U8, 7, TW_WIRE_VARINT},     [5] = {TW_I16, 7, TW_WIRE_VARINT},   [6] = {TW_I8, 7, TW_WIRE_VARINT},
    [7] = {TW_TEXT, 8, TW_WIRE_BYTES},    [9] = {TW_I64, 10, TW_WIRE_VARINT},  [10] = {TW_BOOL, 11, TW_WIRE_VARINT},
    [14] = {TW_BF16, 13, TW_WIRE_VARINT}, [17] = {TW_U16, 7, TW_WIRE_VARINT},  [19] = {TW_F16, 13, TW_WIRE_VARINT},
    [22] = {TW_U32, 16, TW_WIRE_VARINT},  [23] = {TW_U64, 17, TW_WIRE_VARINT},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

enum tw_dtype tf_dtype(int64_t code)
{
    return code > 0 && code < TYPE_COUNT ? types[code].dtype : TW_DTYPE_NONE;
}

static int64_t read_dim(struct build *build, struct tw_span message)
{
    int64_t size = 0;
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1 && field.type == TW_WIRE_VARINT)
            size = (int64_t)field.value;
    }
    return size < 0 ? TW_UNKNOWN : size;
}

void tf_read_shape(struct build *build, struct tw_span message, struct tw_shape *shape)
{
    bool has_no_rank = false;
    struct tw_wire_field field;
    *shape = (struct tw_shape){.rank = 0};
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 3)
            has_no_rank = field.value != 0;
        if (field.number != 2 || !build_expect(build, &field, TW_WIRE_BYTES, "a shape"))
            continue;
        if (shape->rank == TW_MAX_RANK) {
            build_fail(build, TW_UNSUPPORTED, "a tensor has over %d dimensions", TW_MAX_RANK);
            return;
        }
        shape->dims[shape->rank++] = read_dim(build, field.bytes);
    }
    if (has_no_rank)
        shape->rank = TW_UNKNOWN;
}

struct parts {
    int64_t code;
    struct tw_span shape, content;
};

static struct parts split(struct build *build, struct tw_span message)
{
    struct parts parts = {0};
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1 && field.type == TW_WIRE_VARINT)
            parts.code = (int64_t)field.value;
        else if (field.number == 2)
            parts.shape = field.bytes;
        else if (field.number == 4)
            parts.content = field.bytes;
    }
    return parts;
}

/* A value stands for all that follow: a few bytes may ask for much memory, so that has a limit of its own. */
const void *tf_read_values(struct build *build, struct tw_span message, int64_t code, size_t count)
{
    enum { MOST_MADE_BYTES = 256 << 20 };
    size_t size = tw_dtype_size(types[code].dtype);
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        /* All in one field, spelled as in memory. */
        if (field.number == types[code].list && field.type == TW_WIRE_BYTES && types[code].wire != TW_WIRE_VARINT &&
            count && field.bytes.size == count * size)
            return field.bytes.data;
    }
    size_t given = build_count_numbers(build, message, types[code].list, types[code].wire);
    if (given > count)
        build_fail(build, TW_CORRUPT, "it has %zu elements where its shape asks for %zu", given, count);
    build->made_bytes += (int64_t)((count - (given < count ? given : count)) * size);
    if (build->made_bytes > MOST_MADE_BYTES)
        build_fail(build, TW_LIMIT, "constants of repeated values take over %d bytes", MOST_MADE_BYTES);
    uint8_t *out = build_alloc(build, count, size);
    build_copy_numbers(build, message, types[code].list, types[code].wire, size, out);
    for (size_t i = given; out && given && i < count; i++)
        memcpy(out + i * size, out + (given - 1) * size, size);
    return out;
}

static void read_elements(struct build *build, struct tw_span message, const struct parts *parts,
                          struct tf_tensor *tensor)
{
    int64_t count = 0;
    char shape[128];
    tf_read_shape(build, parts->shape, &tensor->shape);
    tw_shape_text(&tensor->shape, shape, sizeof shape);
    size_t size = tw_dtype_size(tensor->dtype);
    if (!tw_shape_count(&tensor->shape, &count))
        build_fail(build, TW_CORRUPT, "its shape is %s", shape);
    else if (count > build->limits->max_tensor_bytes / (int64_t)size)
        build_fail(build, TW_LIMIT, "its shape %s takes more than the limit of %lld bytes", shape,
                   (long long)build->limits->max_tensor_bytes);
    else if (parts->content.size && parts->content.size != (size_t)count * size)
        build_fail(build, TW_CORRUPT, "it has %zu bytes where its shape %s asks for %zu", parts->content.size, shape,
                   (size_t)count * size);
    if (build->status)
        return;
    tensor->data =
        parts->content.size ? parts->content.data : tf_read_values(build, message, parts->code, (size_t)count);
}

bool tf_read_tensor(struct tf_graph *tf, const struct tf_node *node, struct tf_tensor *tensor)
{
    struct build *build = tf->build;
    struct tw_span message = tf_message(tf, node, "value", KIND_TENSOR);
    struct parts parts = split(build, message);
    if (build->status)
        return false;
    *tensor = (struct tf_tensor){.dtype = tf_dtype(parts.code)};
    if (tensor->dtype == TW_DTYPE_NONE)
        build_fail(build, TW_UNSUPPORTED, "its data type is number %lld, which is not known", (long long)parts.code);
    else if (tensor->dtype != TW_TEXT)
        read_elements(build, message, &parts, tensor);
    if (build->status)
        build->status = tw_fail_within(build->error, build->status, "node '%.200s' (op Const)", node->name);
    return !build->status;
}

static const struct tf_node *behind_identity(const struct tf_graph *tf, int index)
{
    const struct tf_node *node = &tf->nodes[index];
    for (size_t i = 0; i < tf->node_count && strcmp(node->op, "Identity") == 0 && node->input_count == 1; i++)
        node = &tf->nodes[node->inputs[0]];
    return strcmp(node->op, "Const") == 0 ? node : NULL;
}

/* Small constants only: the made ones of a search are not to fill memory. */
static bool read_small(struct tf_graph *tf, int index, size_t room, struct tf_tensor *tensor, size_t *count)
{
    const struct tf_node *node = behind_identity(tf, index);
    int64_t found;
    if (!node || tf->build->status)
        return false;
    struct parts parts = split(tf->build, tf_message(tf, node, "value", KIND_TENSOR));
    struct tw_shape shape;
    tf_read_shape(tf->build, parts.shape, &shape);
    if (tf->build->status || !tw_shape_count(&shape, &found) || (uint64_t)found > room ||
        !tf_read_tensor(tf, node, tensor) || !tensor->data)
        return false;
    *count = (size_t)found;
    return true;
}

bool tf_const_floats(struct tf_graph *tf, int index, float *out, size_t room, size_t *count)
{
    struct tf_tensor tensor;
    if (!read_small(tf, index, room, &tensor, count) || tensor.dtype != TW_F32)
        return false;
    if (*count)
        memcpy(out, tensor.data, *count * sizeof *out);
    return true;
}

bool tf_const_ints(struct tf_graph *tf, int index, int64_t *out, size_t room, size_t *count)
{
    struct tf_tensor tensor;
    if (!read_small(tf, index, room, &tensor, count) || (tensor.dtype != TW_I32 && tensor.dtype != TW_I64))
        return false;
    for (size_t i = 0; i < *count; i++) {
        int32_t narrow;
        if (tensor.dtype == TW_I64) {
            memcpy(&out[i], (const uint8_t *)tensor.data + i * sizeof *out, sizeof *out);
            continue;
        }
        memcpy(&narrow, (const uint8_t *)tensor.data + i * sizeof narrow, sizeof narrow);
        out[i] = narrow;
    }
    return true;
}

bool tf_const_texts(struct tf_graph *tf, int index, const char *const **texts, size_t *count)
{
    enum { STRING_VAL = 8 };
    struct build *build = tf->build;
    struct tw_wire_field field;
    const struct tf_node *node = behind_identity(tf, index);
    struct tw_span message = node ? tf_message(tf, node, "value", KIND_TENSOR) : (struct tw_span){0};
    size_t found = 0;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);)
        found += field.number == STRING_VAL;
    const char **list = NULL;
    if (build_charge(build, message.size + found * sizeof *list))
        list = build_alloc(build, found, sizeof *list);
    *count = 0;
    for (struct tw_reader reader = tw_reader_of(message); list && build_next(build, &reader, &field);) {
        if (field.number == STRING_VAL)
            list[(*count)++] = build_text(build, &field, "a tensor of texts");
    }
    *texts = list;
    return node && !build->status && found;
}
