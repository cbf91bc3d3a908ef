#include "base/bytes.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct tw_span tw_span_of_text(const char *text)
{
    return (struct tw_span){(const uint8_t *)text, strlen(text)};
}

bool tw_span_equal(struct tw_span a, struct tw_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool tw_span_starts(struct tw_span span, const void *prefix, size_t prefix_size)
{
    return span.size >= prefix_size && (prefix_size == 0 || memcmp(span.data, prefix, prefix_size) == 0);
}

enum tw_status tw_buffer_reserve(struct tw_buffer *buffer, size_t capacity, struct tw_error *error)
{
    return tw_grow((void **)&buffer->data, &buffer->capacity, capacity, 1, error);
}

enum tw_status tw_buffer_append(struct tw_buffer *buffer, const void *data, size_t size, struct tw_error *error)
{
    if (size > SIZE_MAX - buffer->size)
        return tw_fail_memory(error, size, "a buffer");
    if (size == 0)
        return TW_OK;
    enum tw_status status = tw_buffer_reserve(buffer, buffer->size + size, error);
    if (status)
        return status;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return TW_OK;
}

enum tw_status tw_buffer_append_text(struct tw_buffer *buffer, const char *text, struct tw_error *error)
{
    return tw_buffer_append(buffer, text, strlen(text), error);
}

enum tw_status tw_buffer_printf(struct tw_buffer *buffer, struct tw_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return tw_fail(error, TW_INVALID, "text cannot be formatted");
    enum tw_status status = tw_buffer_reserve(buffer, buffer->size + (size_t)length + 1, error);
    if (status)
        return status;
    va_start(args, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, args);
    va_end(args);
    buffer->size += (size_t)length;
    return TW_OK;
}

void tw_buffer_clear(struct tw_buffer *buffer)
{
    buffer->size = 0;
}

void tw_buffer_release(struct tw_buffer *buffer)
{
    tw_free(buffer->data);
    *buffer = (struct tw_buffer){0};
}

void tw_store_u32le(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void tw_store_u64le(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

bool tw_read_span(struct tw_reader *reader, size_t size, struct tw_span *value)
{
    if (size > tw_reader_left(reader))
        return false;
    *value = (struct tw_span){reader->span.data + reader->at, size};
    reader->at += size;
    return true;
}

bool tw_read_skip(struct tw_reader *reader, size_t size)
{
    struct tw_span ignored;
    return tw_read_span(reader, size, &ignored);
}

bool tw_read_u8(struct tw_reader *reader, uint8_t *value)
{
    struct tw_span span;
    if (!tw_read_span(reader, 1, &span))
        return false;
    *value = span.data[0];
    return true;
}

bool tw_read_u16le(struct tw_reader *reader, uint16_t *value)
{
    struct tw_span span;
    if (!tw_read_span(reader, 2, &span))
        return false;
    *value = (uint16_t)(span.data[0] | span.data[1] << 8);
    return true;
}

bool tw_read_u16be(struct tw_reader *reader, uint16_t *value)
{
    struct tw_span span;
    if (!tw_read_span(reader, 2, &span))
        return false;
    *value = (uint16_t)(span.data[0] << 8 | span.data[1]);
    return true;
}

bool tw_read_u32le(struct tw_reader *reader, uint32_t *value)
{
    struct tw_span span;
    if (!tw_read_span(reader, 4, &span))
        return false;
    *value = tw_load_u32le(span.data);
    return true;
}

bool tw_read_u32be(struct tw_reader *reader, uint32_t *value)
{
    struct tw_span span;
    if (!tw_read_span(reader, 4, &span))
        return false;
    *value = __builtin_bswap32(tw_load_u32le(span.data));
    return true;
}

bool tw_read_u64le(struct tw_reader *reader, uint64_t *value)
{
    struct tw_span span;
    if (!tw_read_span(reader, 8, &span))
        return false;
    *value = tw_load_u64le(span.data);
    return true;
}
