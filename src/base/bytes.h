/* Bytes that are borrowed, bytes that are owned, and a reader that cannot leave its bounds. */
#ifndef TW_BASE_BYTES_H
#define TW_BASE_BYTES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed, immutable. */
struct tw_span {
    const uint8_t *data;
    size_t size;
};

static inline struct tw_span tw_span_of(const void *data, size_t size)
{
    return (struct tw_span){data, size};
}
struct tw_span tw_span_of_text(const char *text);
bool tw_span_equal(struct tw_span a, struct tw_span b);
bool tw_span_starts(struct tw_span span, const void *prefix, size_t prefix_size);

/* Owned and growing. Zero-initialise; release accepts the zero state. */
struct tw_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};
enum tw_status tw_buffer_reserve(struct tw_buffer *buffer, size_t capacity, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_buffer_append(struct tw_buffer *buffer, const void *data, size_t size,
                                struct tw_error *error) TW_MUST_USE;
enum tw_status tw_buffer_append_text(struct tw_buffer *buffer, const char *text, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_buffer_printf(struct tw_buffer *buffer, struct tw_error *error, const char *format, ...)
    TW_PRINTF(3, 4);
void tw_buffer_clear(struct tw_buffer *buffer); /* size 0, capacity kept */
void tw_buffer_release(struct tw_buffer *buffer);
static inline struct tw_span tw_buffer_span(const struct tw_buffer *buffer)
{
    return (struct tw_span){buffer->data, buffer->size};
}

/* Reads forward through a span. A read past the end returns false and moves nothing. */
struct tw_reader {
    struct tw_span span;
    size_t at;
};
static inline struct tw_reader tw_reader_of(struct tw_span span)
{
    return (struct tw_reader){span, 0};
}
static inline size_t tw_reader_left(const struct tw_reader *reader)
{
    return reader->span.size - reader->at;
}
bool tw_read_u8(struct tw_reader *reader, uint8_t *value);
bool tw_read_u16le(struct tw_reader *reader, uint16_t *value);
bool tw_read_u32le(struct tw_reader *reader, uint32_t *value);
bool tw_read_u64le(struct tw_reader *reader, uint64_t *value);
bool tw_read_u16be(struct tw_reader *reader, uint16_t *value);
bool tw_read_u32be(struct tw_reader *reader, uint32_t *value);
bool tw_read_span(struct tw_reader *reader, size_t size, struct tw_span *value);
bool tw_read_skip(struct tw_reader *reader, size_t size);

void tw_store_u32le(uint8_t *at, uint32_t value);
void tw_store_u64le(uint8_t *at, uint64_t value);
static inline uint32_t tw_load_u32le(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint64_t tw_load_u64le(const uint8_t *at)
{
    return tw_load_u32le(at) | (uint64_t)tw_load_u32le(at + 4) << 32;
}

#endif
