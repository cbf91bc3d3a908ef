#include "formats/tfw.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPH_NODE = 1, NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3, NODE_ATTRIBUTE = 5, ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum {
    VALUE_LIST = 1,
    VALUE_TEXT = 2,
    VALUE_INT = 3,
    VALUE_FLOAT = 4,
    VALUE_BOOL = 5,
    VALUE_TYPE = 6,
    VALUE_SHAPE = 7
};
enum { VALUE_TENSOR = 8, LIST_INTS = 3, SHAPE_DIM = 2, DIM_SIZE = 1 };
enum { TENSOR_TYPE = 1, TENSOR_SHAPE = 2, TENSOR_CONTENT = 4, TENSOR_TEXTS = 8, TYPE_TEXT = 7 };

static const struct {
    const char *name;
    enum tw_dtype dtype;
    uint64_t code; /* DataType of types.proto */
} types[] = {{"float", TW_F32, 1},      {"double", TW_F64, 2},          {"int32", TW_I32, 3},
             {"uint8", TW_U8, 4},       {"int16", TW_I16, 5},           {"int8", TW_I8, 6},
             {"int64", TW_I64, 9},      {"bool", TW_BOOL, 10},          {"half", TW_F16, 19},
             {"uint16", TW_U16, 17},    {"uint32", TW_U32, 22},         {"uint64", TW_U64, 23},
             {"bfloat16", TW_BF16, 14}, {"string", TW_TEXT, TYPE_TEXT}, {"resource", TW_DTYPE_NONE, 20}};
enum { TYPE_COUNT = sizeof types / sizeof *types };

const char *tfw_type(enum tw_dtype dtype)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i].dtype == dtype && dtype != TW_DTYPE_NONE)
            return types[i].name;
    }
    return NULL;
}

void tfw_release(struct tfw *tfw)
{
    tw_arena_release(&tfw->arena);
    tw_buffer_release(&tfw->nodes);
}

void tfw_fail(struct tfw *tfw, enum tw_status status, const char *format, ...)
{
    char text[600];
    va_list arguments;
    if (tfw->status)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tfw->status = tw_fail(tfw->error, status, "%s", text);
}

static const char *keep(struct tfw *tfw, const char *text)
{
    const char *kept = tfw->status ? NULL : tw_arena_strndup(&tfw->arena, text, strlen(text));
    if (!kept && !tfw->status)
        tfw->status = tw_fail_memory(tfw->error, strlen(text), "a name");
    return kept;
}

const char *tfw_text(struct tfw *tfw, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return keep(tfw, text);
}

const char *tfw_list(struct tfw *tfw, const int64_t *values, int count)
{
    char text[256] = "";
    size_t used = 0;
    for (int i = 0; i < count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? "," : "", (long long)values[i]);
    return keep(tfw, text);
}

const char *tfw_name(struct tfw *tfw, const char *op)
{
    return tfw_text(tfw, "%s%s_%zu", tfw->scope, op, ++tfw->count);
}

const char *tfw_port(struct tfw *tfw, const char *node, int port)
{
    return node ? tfw_text(tfw, "%s:%d", node, port) : NULL;
}

static void put_number(struct tfw *tfw, struct tw_buffer *out, uint32_t number, uint64_t value)
{
    if (!tfw->status)
        tfw->status = tw_wire_put_varint(out, number, value, tfw->error);
}

static void put_bytes(struct tfw *tfw, struct tw_buffer *out, uint32_t number, struct tw_span bytes)
{
    if (!tfw->status)
        tfw->status = tw_wire_put_bytes(out, number, bytes, tfw->error);
}

static void put_text(struct tfw *tfw, struct tw_buffer *out, uint32_t number, const char *text)
{
    put_bytes(tfw, out, number, tw_span_of_text(text));
}

static void put_message(struct tfw *tfw, struct tw_buffer *out, uint32_t number, struct tw_buffer *message)
{
    put_bytes(tfw, out, number, tw_buffer_span(message));
    tw_buffer_release(message);
}

static void put_dimension(struct tfw *tfw, struct tw_buffer *shape, int64_t size)
{
    struct tw_buffer dimension = {0};
    put_number(tfw, &dimension, DIM_SIZE, (uint64_t)size);
    put_message(tfw, shape, SHAPE_DIM, &dimension);
}

/* Numbers between commas up to `end`; ? is -1. */
static void put_numbers(struct tfw *tfw, struct tw_buffer *out, const char *at, char end, bool are_dimensions)
{
    while (*at != end) {
        char *after = (char *)at + 1;
        int64_t number = *at == '?' ? -1 : strtoll(at, &after, 10);
        if (are_dimensions)
            put_dimension(tfw, out, number);
        else
            put_number(tfw, out, LIST_INTS, (uint64_t)number);
        at = *after == ',' ? after + 1 : after;
    }
}

static bool put_type(struct tfw *tfw, struct tw_buffer *out, const char *at, size_t size)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strlen(types[i].name) == size && strncmp(types[i].name, at, size) == 0) {
            put_number(tfw, out, VALUE_TYPE, types[i].code);
            return true;
        }
    }
    return false;
}

/* The value that begins at `at` as an AttrValue; what comes after it. */
static const char *put_value(struct tfw *tfw, struct tw_buffer *out, const char *at)
{
    static const char closing[] = {['<'] = '>', ['['] = ']', ['\''] = '\'', ['{'] = '}'};
    struct tw_buffer list = {0};
    char end = *at && strchr("<['{", *at) ? closing[(int)*at] : ' ';
    const char *start = end == ' ' ? at : at + 1, *stop = strchr(start, end);
    size_t size = stop ? (size_t)(stop - start) : strlen(start);
    if (end == '>' || end == ']') {
        put_numbers(tfw, &list, start, end, end == '>');
        put_message(tfw, out, end == '>' ? VALUE_SHAPE : VALUE_LIST, &list);
    } else if (end == '}') { /* a list of one type */
        (void)put_type(tfw, &list, start, size);
        put_message(tfw, out, VALUE_LIST, &list);
    } else if (end == '\'') {
        put_bytes(tfw, out, VALUE_TEXT, tw_span_of(start, size));
    } else if (size == 4 && strncmp(at, "true", 4) == 0) {
        put_number(tfw, out, VALUE_BOOL, 1);
    } else if (size == 5 && strncmp(at, "false", 5) == 0) {
        put_number(tfw, out, VALUE_BOOL, 0);
    } else if (!put_type(tfw, out, at, size)) {
        if (memchr(at, '.', size) || memchr(at, 'e', size)) {
            if (!tfw->status)
                tfw->status = tw_wire_put_float(out, VALUE_FLOAT, strtof(at, NULL), tfw->error);
        } else {
            put_number(tfw, out, VALUE_INT, (uint64_t)strtoll(at, NULL, 10));
        }
    }
    const char *after = start + size + (end == ' ' ? 0 : 1);
    return *after == ' ' ? after + 1 : after;
}

static void put_attribute(struct tfw *tfw, struct tw_buffer *node, struct tw_span key, struct tw_buffer *value)
{
    struct tw_buffer entry = {0};
    put_bytes(tfw, &entry, ENTRY_KEY, key);
    put_message(tfw, &entry, ENTRY_VALUE, value);
    put_message(tfw, node, NODE_ATTRIBUTE, &entry);
}

const char *tfw_put_named(struct tfw *tfw, const char *name, const char *spec, const char *const *inputs)
{
    struct tw_buffer node = {0};
    if (tfw->status || !spec || !name)
        return NULL;
    put_text(tfw, &node, NODE_NAME, name);
    put_bytes(tfw, &node, NODE_OP, tw_span_of(spec, strcspn(spec, " ")));
    for (; *inputs; inputs++)
        put_text(tfw, &node, NODE_INPUT, *inputs);
    const char *at = spec + strcspn(spec, " ");
    for (at = *at ? at + 1 : at; *at;) {
        struct tw_buffer value = {0};
        struct tw_span key = tw_span_of(at, strcspn(at, "="));
        at = put_value(tfw, &value, at + key.size + 1);
        put_attribute(tfw, &node, key, &value);
    }
    put_message(tfw, &tfw->nodes, GRAPH_NODE, &node);
    return tfw->status ? NULL : name;
}

const char *tfw_put(struct tfw *tfw, const char *spec, const char *const *inputs)
{
    char op[64];
    if (tfw->status || !spec)
        return NULL;
    snprintf(op, sizeof op, "%.*s", (int)strcspn(spec, " "), spec);
    return tfw_put_named(tfw, tfw_name(tfw, op), spec, inputs);
}

/* Appends the header of a BYTES field that holds `inner` and `more` bytes behind it, then `inner`, and releases that. */
static void wrap(struct tfw *tfw, struct tw_buffer *out, uint32_t number, struct tw_buffer *inner, size_t more)
{
    if (!tfw->status)
        tfw->status = tw_wire_put_header(out, number, inner->size + more, tfw->error);
    if (!tfw->status)
        tfw->status = tw_buffer_append(out, inner->data, inner->size, tfw->error);
    tw_buffer_release(inner);
}

/* A Const node whose TensorProto is `tensor`, with `size` bytes of data behind it: from the inside out, so that these are
 * copied once. */
static const char *put_constant(struct tfw *tfw, const char *type, struct tw_buffer *tensor, const void *data,
                                size_t size)
{
    struct tw_buffer value = {0}, entry = {0}, node = {0}, dtype = {0};
    const char *name = tfw_name(tfw, "Const");
    wrap(tfw, &value, VALUE_TENSOR, tensor, size);
    put_text(tfw, &entry, ENTRY_KEY, "value");
    wrap(tfw, &entry, ENTRY_VALUE, &value, size);
    if (name)
        put_text(tfw, &node, NODE_NAME, name);
    put_text(tfw, &node, NODE_OP, "Const");
    if (tfw->control)
        put_text(tfw, &node, NODE_INPUT, tfw->control);
    (void)put_type(tfw, &dtype, type, strlen(type));
    put_attribute(tfw, &node, tw_span_of_text("dtype"), &dtype);
    wrap(tfw, &node, NODE_ATTRIBUTE, &entry, size);
    wrap(tfw, &tfw->nodes, GRAPH_NODE, &node, size);
    if (!tfw->status && size)
        tfw->status = tw_buffer_append(&tfw->nodes, data, size, tfw->error);
    return tfw->status ? NULL : name;
}

static void put_tensor_head(struct tfw *tfw, struct tw_buffer *tensor, const char *type, const struct tw_shape *shape)
{
    struct tw_buffer dimensions = {0};
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(types[i].name, type) == 0)
            put_number(tfw, tensor, TENSOR_TYPE, types[i].code);
    }
    for (int i = 0; i < shape->rank; i++)
        put_dimension(tfw, &dimensions, shape->dims[i]);
    put_message(tfw, tensor, TENSOR_SHAPE, &dimensions);
}

const char *tfw_tensor(struct tfw *tfw, enum tw_dtype dtype, const struct tw_shape *shape, const void *data)
{
    struct tw_buffer tensor = {0};
    const char *type = tfw_type(dtype);
    int64_t count = 0;
    if (tfw->status)
        return NULL;
    if (!type || dtype == TW_TEXT || !tw_shape_count(shape, &count)) {
        tfw_fail(tfw, TW_UNSUPPORTED, "a constant of type %s cannot be written", tw_dtype_name(dtype));
        return NULL;
    }
    size_t size = (size_t)count * tw_dtype_size(dtype);
    put_tensor_head(tfw, &tensor, type, shape);
    if (!tfw->status)
        tfw->status = tw_wire_put_header(&tensor, TENSOR_CONTENT, size, tfw->error);
    return put_constant(tfw, type, &tensor, data, size);
}

const char *tfw_int(struct tfw *tfw, int32_t value)
{
    return tfw_tensor(tfw, TW_I32, &(struct tw_shape){0}, &value);
}

const char *tfw_ints(struct tfw *tfw, const int32_t *values, int count)
{
    return tfw_tensor(tfw, TW_I32, &(struct tw_shape){.rank = 1, .dims = {count}}, values);
}

const char *tfw_float(struct tfw *tfw, float value)
{
    return tfw_tensor(tfw, TW_F32, &(struct tw_shape){0}, &value);
}

const char *tfw_double(struct tfw *tfw, double value)
{
    return tfw_tensor(tfw, TW_F64, &(struct tw_shape){0}, &value);
}

const char *tfw_span(struct tfw *tfw, struct tw_span text)
{
    struct tw_buffer tensor = {0};
    put_tensor_head(tfw, &tensor, "string", &(struct tw_shape){0});
    put_bytes(tfw, &tensor, TENSOR_TEXTS, text);
    return put_constant(tfw, "string", &tensor, NULL, 0);
}

const char *tfw_texts(struct tfw *tfw, const char *const *texts, size_t count, bool is_2d)
{
    struct tw_buffer tensor = {0};
    struct tw_shape flat = {.rank = 1, .dims = {(int64_t)count}}, row = {.rank = 2, .dims = {1, (int64_t)count}};
    put_tensor_head(tfw, &tensor, "string", is_2d ? &row : &flat);
    for (size_t i = 0; i < count; i++)
        put_text(tfw, &tensor, TENSOR_TEXTS, texts[i]);
    return put_constant(tfw, "string", &tensor, NULL, 0);
}

void tfw_loop_begin(struct tfw *tfw, struct tfw_loop *loop, const char *const *values)
{
    loop->outer_control = tfw->control;
    for (int i = 0; i < loop->count; i++) {
        const char *type = loop->types[i];
        const char *enter = TFW(tfw,
                                tfw_text(tfw, "Enter T=%s frame_name='%s' is_constant=false parallel_iterations=%d",
                                         type, loop->frame, loop->at_once),
                                values[i]);
        loop->next_names[i] = tfw_name(tfw, "NextIteration");
        loop->merges[i] = loop->now[i] = TFW(tfw, tfw_text(tfw, "Merge T=%s N=2", type), enter, loop->next_names[i]);
    }
    tfw->control = tfw_text(tfw, "^%s", tfw->status ? "" : loop->now[0]);
}

void tfw_loop_body(struct tfw *tfw, struct tfw_loop *loop, const char *goes_on)
{
    const char *condition = TFW(tfw, "LoopCond", goes_on);
    for (int i = 0; i < loop->count; i++) {
        const char *type = loop->types[i];
        const char *split = TFW(tfw, tfw_text(tfw, "Switch T=%s", type), loop->merges[i], condition);
        loop->exits[i] = TFW(tfw, tfw_text(tfw, "Exit T=%s", type), split);
        loop->now[i] = TFW(tfw, tfw_text(tfw, "Identity T=%s", type), tfw_port(tfw, split, 1));
    }
    tfw->control = tfw_text(tfw, "^%s", tfw->status ? "" : loop->now[0]);
}

void tfw_loop_end(struct tfw *tfw, struct tfw_loop *loop, const char *const *next)
{
    for (int i = 0; i < loop->count; i++)
        tfw_put_named(tfw, loop->next_names[i], tfw_text(tfw, "NextIteration T=%s", loop->types[i]),
                      (const char *const[]){next[i], NULL});
    tfw->control = loop->outer_control;
}

const char *tfw_loop_invariant(struct tfw *tfw, const struct tfw_loop *loop, const char *type, const char *value)
{
    return TFW(tfw,
               tfw_text(tfw, "Enter T=%s frame_name='%s' is_constant=true parallel_iterations=%d", type, loop->frame,
                        loop->at_once),
               value);
}
