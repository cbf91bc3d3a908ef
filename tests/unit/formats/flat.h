/* Small FlatBuffers written forwards: a table first, what it leads to behind it. Failures are the test's own. */
#ifndef TW_TESTS_FLAT_H
#define TW_TESTS_FLAT_H

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static inline size_t flat_put(struct tw_buffer *out, const void *data, size_t size)
{
    size_t at = out->size;
    assert_int_equal(tw_buffer_append(out, data, size, NULL), TW_OK);
    return at;
}

static inline size_t flat_put_u32(struct tw_buffer *out, uint32_t value)
{
    return flat_put(out, &value, 4);
}

/* Makes the distance at `at` lead to `target`. */
static inline void flat_link(struct tw_buffer *out, size_t at, size_t target)
{
    tw_store_u32le(out->data + at, (uint32_t)(target - at));
}

/* A table whose fields are eight bytes each, the first `count` of them there; field i lies at the result + 4 + 8 * i. */
static inline size_t flat_put_table(struct tw_buffer *out, size_t count)
{
    uint16_t word = (uint16_t)(4 + 2 * count), size = (uint16_t)(4 + 8 * count);
    uint32_t back = word;
    flat_put(out, &word, 2);
    flat_put(out, &size, 2);
    for (size_t i = 0; i < count; i++) {
        word = (uint16_t)(4 + 8 * i);
        flat_put(out, &word, 2);
    }
    size_t at = flat_put_u32(out, back);
    static const uint8_t zeros[8];
    for (size_t i = 0; i < count; i++)
        flat_put(out, zeros, 8);
    return at;
}

static inline size_t flat_field(size_t table, size_t field)
{
    return table + 4 + 8 * field;
}

static inline void flat_set(struct tw_buffer *out, size_t table, size_t field, int64_t value)
{
    tw_store_u64le(out->data + flat_field(table, field), (uint64_t)value);
}

/* A vector behind what is there, as that field of the table; where its elements begin. */
static inline size_t flat_put_list(struct tw_buffer *out, size_t table, size_t field, const void *data, size_t count,
                                   size_t element_size)
{
    size_t at = flat_put_u32(out, (uint32_t)count);
    flat_link(out, flat_field(table, field), at);
    flat_put(out, data, count * element_size);
    return at + 4;
}

/* A vector of `count` distances that lead nowhere yet. */
static inline size_t flat_put_links(struct tw_buffer *out, size_t table, size_t field, size_t count)
{
    static const uint32_t none[16];
    return flat_put_list(out, table, field, none, count, 4);
}

#endif
