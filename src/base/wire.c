#include "base/wire.h"

#include <string.h>

bool tw_read_varint(struct tw_reader *reader, uint64_t *value)
{
    uint64_t result = 0;
    size_t at = reader->at;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (at >= reader->span.size)
            return false;
        uint8_t byte = reader->span.data[at++];
        if (shift == 63 && byte > 1)
            return false;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            reader->at = at;
            *value = result;
            return true;
        }
    }
    return false;
}

static bool read_value(struct tw_reader *reader, struct tw_wire_field *field)
{
    uint32_t low;
    uint64_t size;
    switch (field->type) {
    case TW_WIRE_VARINT:
        return tw_read_varint(reader, &field->value);
    case TW_WIRE_FIXED64:
        return tw_read_u64le(reader, &field->value);
    case TW_WIRE_FIXED32:
        if (!tw_read_u32le(reader, &low))
            return false;
        field->value = low;
        return true;
    case TW_WIRE_BYTES:
        return tw_read_varint(reader, &size) && size <= tw_reader_left(reader) &&
               tw_read_span(reader, (size_t)size, &field->bytes);
    }
    return false;
}

enum tw_status tw_wire_next(struct tw_reader *reader, struct tw_wire_field *field, bool *has_field,
                            struct tw_error *error)
{
    *has_field = false;
    if (tw_reader_left(reader) == 0)
        return TW_OK;
    size_t start = reader->at;
    uint64_t key;
    if (!tw_read_varint(reader, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return tw_fail(error, TW_CORRUPT, "malformed protobuf key at byte %zu of %zu", start, reader->span.size);
    *field = (struct tw_wire_field){.number = (uint32_t)(key >> 3), .type = (enum tw_wire_type)(key & 7)};
    if (!read_value(reader, field))
        return tw_fail(error, TW_CORRUPT, "protobuf field %u at byte %zu is malformed or runs past the end at %zu",
                       field->number, start, reader->span.size);
    *has_field = true;
    return TW_OK;
}

static size_t width_of(enum tw_wire_type element)
{
    return element == TW_WIRE_FIXED32 ? 4 : 8;
}

enum tw_status tw_wire_count(const struct tw_wire_field *field, enum tw_wire_type element, size_t *count,
                             struct tw_error *error)
{
    if (field->type == element) {
        *count = 1;
        return TW_OK;
    }
    if (field->type != TW_WIRE_BYTES)
        return tw_fail(error, TW_CORRUPT, "protobuf field %u has wire type %d where a list of numbers is expected",
                       field->number, (int)field->type);
    size_t found = 0;
    if (element == TW_WIRE_VARINT) {
        for (size_t i = 0; i < field->bytes.size; i++)
            found += !(field->bytes.data[i] & 0x80);
        if (field->bytes.size && field->bytes.data[field->bytes.size - 1] & 0x80)
            return tw_fail(error, TW_CORRUPT, "packed list of protobuf field %u is cut", field->number);
    } else {
        if (field->bytes.size % width_of(element))
            return tw_fail(error, TW_CORRUPT, "packed list of protobuf field %u has %zu bytes, not a multiple of %zu",
                           field->number, field->bytes.size, width_of(element));
        found = field->bytes.size / width_of(element);
    }
    *count = found;
    return TW_OK;
}

enum tw_status tw_wire_floats(const struct tw_wire_field *field, float *out, struct tw_error *error)
{
    size_t count;
    enum tw_status status = tw_wire_count(field, TW_WIRE_FIXED32, &count, error);
    if (status)
        return status;
    if (field->type == TW_WIRE_FIXED32) {
        uint32_t bits = (uint32_t)field->value;
        memcpy(out, &bits, sizeof bits);
        return TW_OK;
    }
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats lie in memory as they lie in the file");
    if (count > 0)
        memcpy(out, field->bytes.data, count * sizeof *out);
    return TW_OK;
}

enum tw_status tw_wire_int64s(const struct tw_wire_field *field, int64_t *out, struct tw_error *error)
{
    if (field->type == TW_WIRE_VARINT) {
        *out = (int64_t)field->value;
        return TW_OK;
    }
    size_t count;
    enum tw_status status = tw_wire_count(field, TW_WIRE_VARINT, &count, error);
    if (status)
        return status;
    struct tw_reader reader = tw_reader_of(field->bytes);
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        if (!tw_read_varint(&reader, &value))
            return tw_fail(error, TW_CORRUPT, "packed list of protobuf field %u is malformed", field->number);
        out[i] = (int64_t)value;
    }
    return TW_OK;
}

size_t tw_varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >>= 7)
        size++;
    return size;
}

static enum tw_status put_raw_varint(struct tw_buffer *out, uint64_t value, struct tw_error *error)
{
    uint8_t bytes[10];
    size_t size = 0;
    do {
        bytes[size] = (uint8_t)((value & 0x7f) | (value >> 7 ? 0x80 : 0));
        size++;
    } while (value >>= 7);
    return tw_buffer_append(out, bytes, size, error);
}

static enum tw_status put_key(struct tw_buffer *out, uint32_t number, enum tw_wire_type type, struct tw_error *error)
{
    return put_raw_varint(out, (uint64_t)number << 3 | (uint64_t)type, error);
}

enum tw_status tw_wire_put_varint(struct tw_buffer *out, uint32_t number, uint64_t value, struct tw_error *error)
{
    enum tw_status status = put_key(out, number, TW_WIRE_VARINT, error);
    return status ? status : put_raw_varint(out, value, error);
}

enum tw_status tw_wire_put_header(struct tw_buffer *out, uint32_t number, size_t size, struct tw_error *error)
{
    enum tw_status status = put_key(out, number, TW_WIRE_BYTES, error);
    return status ? status : put_raw_varint(out, size, error);
}

enum tw_status tw_wire_put_bytes(struct tw_buffer *out, uint32_t number, struct tw_span bytes, struct tw_error *error)
{
    enum tw_status status = tw_wire_put_header(out, number, bytes.size, error);
    return status ? status : tw_buffer_append(out, bytes.data, bytes.size, error);
}

enum tw_status tw_wire_put_text(struct tw_buffer *out, uint32_t number, const char *text, struct tw_error *error)
{
    return tw_wire_put_bytes(out, number, tw_span_of_text(text), error);
}

enum tw_status tw_wire_put_float(struct tw_buffer *out, uint32_t number, float value, struct tw_error *error)
{
    uint32_t bits;
    uint8_t bytes[4];
    memcpy(&bits, &value, sizeof bits);
    tw_store_u32le(bytes, bits);
    enum tw_status status = put_key(out, number, TW_WIRE_FIXED32, error);
    return status ? status : tw_buffer_append(out, bytes, sizeof bytes, error);
}

enum tw_status tw_wire_put_double(struct tw_buffer *out, uint32_t number, double value, struct tw_error *error)
{
    uint64_t bits;
    uint8_t bytes[8];
    memcpy(&bits, &value, sizeof bits);
    tw_store_u64le(bytes, bits);
    enum tw_status status = put_key(out, number, TW_WIRE_FIXED64, error);
    return status ? status : tw_buffer_append(out, bytes, sizeof bytes, error);
}
