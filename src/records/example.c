#include "records/example.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <string.h>

enum { FEATURE_BYTES = 1, FEATURE_FLOATS = 2, FEATURE_INTS = 3 };

/* One entry of the map: a key and the Feature's message. */
struct entry {
    struct tw_span key, feature;
};

/* Walks Example.features' entries through `visit`. */
typedef enum tw_status entry_visitor(void *context, const struct entry *entry, struct tw_error *error);

static enum tw_status read_entry(struct tw_span bytes, struct entry *entry, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(bytes);
    struct tw_wire_field field;
    bool has_field;
    enum tw_status status;
    *entry = (struct entry){0};
    while (!(status = tw_wire_next(&reader, &field, &has_field, error)) && has_field) {
        if (field.type != TW_WIRE_BYTES)
            continue;
        if (field.number == 1)
            entry->key = field.bytes;
        else if (field.number == 2)
            entry->feature = field.bytes;
    }
    return status;
}

static enum tw_status walk(struct tw_span record, entry_visitor *visit, void *context, struct tw_error *error)
{
    struct tw_reader outer = tw_reader_of(record);
    struct tw_wire_field field;
    bool has_field;
    enum tw_status status;
    while (!(status = tw_wire_next(&outer, &field, &has_field, error)) && has_field) {
        if (field.number != 1 || field.type != TW_WIRE_BYTES)
            continue;
        struct tw_reader features = tw_reader_of(field.bytes);
        while (!(status = tw_wire_next(&features, &field, &has_field, error)) && has_field) {
            struct entry entry;
            if (field.number != 1 || field.type != TW_WIRE_BYTES)
                continue;
            status = read_entry(field.bytes, &entry, error);
            if (!status)
                status = visit(context, &entry, error);
            if (status)
                return status;
        }
        if (status)
            return status;
    }
    return status;
}

/* The list inside a Feature; *kind 0 where there is none. */
static enum tw_status open_feature(struct tw_span feature, uint32_t *kind, struct tw_span *list, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(feature);
    struct tw_wire_field field;
    bool has_field;
    enum tw_status status;
    *kind = 0;
    *list = (struct tw_span){0};
    while (!(status = tw_wire_next(&reader, &field, &has_field, error)) && has_field) {
        if (field.type == TW_WIRE_BYTES && field.number <= FEATURE_INTS) {
            *kind = field.number;
            *list = field.bytes;
        }
    }
    return status;
}

static bool key_is(const struct entry *entry, const char *key)
{
    return tw_span_equal(entry->key, tw_span_of_text(key));
}

/* The first text of a bytes_list; `*has_value` false where it is empty. */
static enum tw_status read_bytes(struct tw_span list, struct tw_span *value, bool *has_value, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(list);
    struct tw_wire_field field;
    enum tw_status status = tw_wire_next(&reader, &field, has_value, error);
    if (status)
        return status;
    *has_value = *has_value && field.number == 1 && field.type == TW_WIRE_BYTES;
    *value = *has_value ? field.bytes : (struct tw_span){0};
    return TW_OK;
}

static enum tw_status read_uri(struct tw_span list, struct tw_example *example, struct tw_error *error)
{
    struct tw_span text;
    bool has_text;
    enum tw_status status = read_bytes(list, &text, &has_text, error);
    if (status)
        return status;
    if (!has_text)
        return tw_fail(error, TW_UNSUPPORTED, "image_uri holds no text");
    if (text.size && memchr(text.data, 0, text.size))
        return tw_fail(error, TW_CORRUPT, "image_uri holds a NUL byte");
    status = tw_grow((void **)&example->image_uri, &example->uri_capacity, text.size + 1, 1, error);
    if (status)
        return status;
    if (text.size)
        memcpy(example->image_uri, text.data, text.size);
    example->image_uri[text.size] = 0;
    return TW_OK;
}

static enum tw_status read_embedding(struct tw_span list, struct tw_example *example, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(list);
    struct tw_wire_field field;
    bool has_field;
    enum tw_status status;
    example->embedding_size = 0;
    while (!(status = tw_wire_next(&reader, &field, &has_field, error)) && has_field) {
        size_t count;
        if (field.number != 1)
            continue;
        status = tw_wire_count(&field, TW_WIRE_FIXED32, &count, error);
        if (!status)
            status = tw_grow((void **)&example->embedding, &example->embedding_capacity,
                             example->embedding_size + count, sizeof(float), error);
        if (!status && count)
            status = tw_wire_floats(&field, example->embedding + example->embedding_size, error);
        if (status)
            return status;
        example->embedding_size += count;
    }
    for (size_t i = 0; !status && i < example->embedding_size; i++) {
        if (!isfinite(example->embedding[i]))
            return tw_fail(error, TW_CORRUPT, "embedding value %zu is %s", i,
                           isnan(example->embedding[i]) ? "not a number" : "infinite");
    }
    return status;
}

static enum tw_status read_labels(struct tw_span list, struct tw_example *example, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(list);
    struct tw_wire_field field;
    bool has_field;
    enum tw_status status;
    example->label_count = 0;
    while (!(status = tw_wire_next(&reader, &field, &has_field, error)) && has_field) {
        size_t count;
        if (field.number != 1)
            continue;
        status = tw_wire_count(&field, TW_WIRE_VARINT, &count, error);
        if (!status)
            status = tw_grow((void **)&example->labels, &example->label_capacity, example->label_count + count,
                             sizeof(int64_t), error);
        if (!status && count)
            status = tw_wire_int64s(&field, example->labels + example->label_count, error);
        if (status)
            return status;
        example->label_count += count;
    }
    return status;
}

struct parse {
    struct tw_example *example;
    bool has_uri, has_embedding;
};

static enum tw_status fail_kind(const struct entry *entry, uint32_t kind, const char *wanted, struct tw_error *error)
{
    static const char *const names[] = {"nothing", "bytes", "floats", "integers"};
    return tw_fail(error, TW_UNSUPPORTED, "%.*s holds %s, not %s", (int)entry->key.size, (const char *)entry->key.data,
                   names[kind], wanted);
}

static enum tw_status parse_entry(void *context, const struct entry *entry, struct tw_error *error)
{
    struct parse *parse = context;
    uint32_t kind;
    struct tw_span list;
    bool is_uri = key_is(entry, "image_uri"), is_embedding = key_is(entry, "embedding"),
         is_label = key_is(entry, "label");
    if (!is_uri && !is_embedding && !is_label)
        return TW_OK;
    enum tw_status status = open_feature(entry->feature, &kind, &list, error);
    if (status)
        return status;
    if (is_uri) {
        parse->has_uri = true;
        return kind == FEATURE_BYTES ? read_uri(list, parse->example, error) : fail_kind(entry, kind, "bytes", error);
    }
    if (is_embedding) {
        parse->has_embedding = true;
        return kind == FEATURE_FLOATS ? read_embedding(list, parse->example, error)
                                      : fail_kind(entry, kind, "floats", error);
    }
    if (kind == 0) { /* a list of nothing: unlabelled */
        parse->example->label_count = 0;
        return TW_OK;
    }
    return kind == FEATURE_INTS ? read_labels(list, parse->example, error) : fail_kind(entry, kind, "integers", error);
}

enum tw_status tw_example_parse(struct tw_span record, struct tw_example *example, struct tw_error *error)
{
    struct parse parse = {.example = example};
    example->label_count = 0;
    example->embedding_size = 0;
    enum tw_status status = walk(record, parse_entry, &parse, error);
    if (status)
        return status;
    if (!parse.has_uri)
        return tw_fail(error, TW_UNSUPPORTED, "it has no image_uri");
    if (!parse.has_embedding || example->embedding_size == 0)
        return tw_fail(error, TW_UNSUPPORTED, "it has no embedding");
    return TW_OK;
}

struct wanted {
    const char *key;
    struct tw_span value;
    bool is_found;
};

static enum tw_status take_wanted(void *context, const struct entry *entry, struct tw_error *error)
{
    struct wanted *wanted = context;
    struct tw_span list;
    uint32_t kind;
    if (!key_is(entry, wanted->key))
        return TW_OK;
    enum tw_status status = open_feature(entry->feature, &kind, &list, error);
    wanted->is_found = false; /* the last value of a key counts */
    return status || kind != FEATURE_BYTES ? status : read_bytes(list, &wanted->value, &wanted->is_found, error);
}

enum tw_status tw_example_bytes(struct tw_span record, const char *key, struct tw_span *value, struct tw_error *error)
{
    struct wanted wanted = {.key = key};
    enum tw_status status = walk(record, take_wanted, &wanted, error);
    if (!status && !wanted.is_found)
        status = tw_fail(error, TW_UNSUPPORTED, "the record has no bytes named %s", key);
    if (!status)
        *value = wanted.value;
    return status;
}

void tw_example_release(struct tw_example *example)
{
    tw_free(example->image_uri);
    tw_free(example->embedding);
    tw_free(example->labels);
    *example = (struct tw_example){0};
}

/* Feature -> map entry -> Features, from the inside out; sizes are known before, so nothing is copied twice. */
static enum tw_status put_feature(struct tw_buffer *out, const char *key, uint32_t kind, struct tw_span list,
                                  struct tw_error *error)
{
    struct tw_buffer feature = {0}, entry = {0};
    enum tw_status status = tw_wire_put_bytes(&feature, kind, list, error);
    if (!status)
        status = tw_wire_put_text(&entry, 1, key, error);
    if (!status)
        status = tw_wire_put_bytes(&entry, 2, tw_buffer_span(&feature), error);
    if (!status)
        status = tw_wire_put_bytes(out, 1, tw_buffer_span(&entry), error);
    tw_buffer_release(&feature);
    tw_buffer_release(&entry);
    return status;
}

static enum tw_status put_floats(struct tw_buffer *features, const float *values, size_t count, struct tw_error *error)
{
    struct tw_buffer list = {0};
    enum tw_status status = tw_wire_put_bytes(&list, 1, tw_span_of(values, count * sizeof *values), error);
    if (!status)
        status = put_feature(features, "embedding", FEATURE_FLOATS, tw_buffer_span(&list), error);
    tw_buffer_release(&list);
    return status;
}

static enum tw_status put_labels(struct tw_buffer *features, const int64_t *labels, size_t count,
                                 struct tw_error *error)
{
    struct tw_buffer packed = {0}, list = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < count && !status; i++) {
        uint8_t bytes[10];
        size_t size = 0;
        uint64_t value = (uint64_t)labels[i];
        do {
            bytes[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        } while (value >>= 7);
        status = tw_buffer_append(&packed, bytes, size, error);
    }
    if (!status)
        status = tw_wire_put_bytes(&list, 1, tw_buffer_span(&packed), error);
    if (!status)
        status = put_feature(features, "label", FEATURE_INTS, tw_buffer_span(&list), error);
    tw_buffer_release(&packed);
    tw_buffer_release(&list);
    return status;
}

enum tw_status tw_example_serialise(const char *image_uri, const float *embedding, size_t embedding_size,
                                    const int64_t *labels, size_t label_count, struct tw_buffer *out,
                                    struct tw_error *error)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are written as they lie in memory");
    struct tw_buffer features = {0}, list = {0};
    enum tw_status status = put_floats(&features, embedding, embedding_size, error);
    if (!status)
        status = tw_wire_put_text(&list, 1, image_uri, error);
    if (!status)
        status = put_feature(&features, "image_uri", FEATURE_BYTES, tw_buffer_span(&list), error);
    if (!status && label_count)
        status = put_labels(&features, labels, label_count, error);
    if (!status)
        status = tw_wire_put_bytes(out, 1, tw_buffer_span(&features), error);
    tw_buffer_release(&features);
    tw_buffer_release(&list);
    return status;
}

static json_t *json_of_bytes(struct tw_span bytes)
{
    bool has_nul = bytes.size && memchr(bytes.data, 0, bytes.size);
    if (!has_nul && tw_is_utf8(bytes))
        return json_stringn((const char *)bytes.data, bytes.size);
    char *text = tw_alloc(bytes.size / 3 * 4 + 8, 1);
    if (!text || bytes.size > INT32_MAX / 2) {
        tw_free(text);
        return NULL;
    }
    EVP_EncodeBlock((unsigned char *)text, bytes.data, (int)bytes.size);
    json_t *object = json_pack("{s:s}", "b64", text);
    tw_free(text);
    return object;
}

static enum tw_status add_numbers(const struct tw_wire_field *field, uint32_t kind, size_t most, json_t *list,
                                  size_t *total, struct tw_error *error)
{
    enum tw_wire_type type = kind == FEATURE_FLOATS ? TW_WIRE_FIXED32 : TW_WIRE_VARINT;
    size_t count;
    enum tw_status status = tw_wire_count(field, type, &count, error);
    if (status)
        return status;
    void *values = tw_alloc(count, sizeof(int64_t));
    if (!values)
        return tw_fail_memory(error, count * sizeof(int64_t), "a list");
    if (count)
        status = kind == FEATURE_FLOATS ? tw_wire_floats(field, values, error) : tw_wire_int64s(field, values, error);
    for (size_t i = 0; i < count && !status && (most == 0 || json_array_size(list) < most); i++) {
        double number = kind == FEATURE_FLOATS ? (double)((float *)values)[i] : 0;
        json_t *item = kind == FEATURE_INTS ? json_integer(((int64_t *)values)[i])
                       : isfinite(number)   ? json_real(number)
                                            : json_null();
        json_array_append_new(list, item);
    }
    *total += count;
    tw_free(values);
    return status;
}

struct show {
    json_t *object;
    size_t most;
};

static enum tw_status show_entry(void *context, const struct entry *entry, struct tw_error *error)
{
    struct show *show = context;
    uint32_t kind;
    struct tw_span list;
    enum tw_status status = open_feature(entry->feature, &kind, &list, error);
    if (status)
        return status;
    json_t *values = json_array();
    struct tw_reader reader = tw_reader_of(list);
    struct tw_wire_field field;
    bool has_field;
    size_t total = 0;
    while (!(status = tw_wire_next(&reader, &field, &has_field, error)) && has_field) {
        if (field.number != 1)
            continue;
        if (kind == FEATURE_BYTES && field.type == TW_WIRE_BYTES) {
            total++;
            if (show->most == 0 || json_array_size(values) < show->most)
                json_array_append_new(values, json_of_bytes(field.bytes));
        } else if (kind == FEATURE_BYTES) {
            status = tw_fail(error, TW_CORRUPT, "a list of bytes holds a number");
        } else {
            status = add_numbers(&field, kind, show->most, values, &total, error);
        }
        if (status)
            break;
    }
    if (!status && total > json_array_size(values))
        json_array_append_new(values, json_sprintf("... %zu in all", total));
    char *key = tw_strndup((const char *)entry->key.data, entry->key.size);
    if (!status && key && tw_is_utf8(entry->key))
        json_object_set(show->object, key, values);
    tw_free(key);
    json_decref(values);
    return status;
}

enum tw_status tw_example_to_json(struct tw_span record, size_t max_values, struct tw_buffer *out,
                                  struct tw_error *error)
{
    struct show show = {json_object(), max_values};
    enum tw_status status = walk(record, show_entry, &show, error);
    char *text = status ? NULL : json_dumps(show.object, JSON_SORT_KEYS | JSON_REAL_PRECISION(9));
    if (!status)
        status = text ? tw_buffer_append_text(out, text, error) : tw_fail_memory(error, record.size, "JSON");
    if (!status)
        status = tw_buffer_append_text(out, "\n", error);
    free(text);
    json_decref(show.object);
    return status;
}
