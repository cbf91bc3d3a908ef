/* Small tables of LevelDB, as TensorFlow's checkpoints are. Failures are the test's own. */
#ifndef TW_TESTS_TABLES_H
#define TW_TESTS_TABLES_H

#include "base/hash.h"
#include "messages.h"

#include <snappy-c.h>
#include <string.h>

static inline void put_raw(struct tw_buffer *out, const void *data, size_t size)
{
    assert_int_equal(tw_buffer_append(out, data, size, NULL), TW_OK);
}

static inline void put_varint(struct tw_buffer *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        put_raw(out, &(uint8_t){(uint8_t)(value | 128)}, 1);
    put_raw(out, &(uint8_t){(uint8_t)value}, 1);
}

static inline void put_entry(struct tw_buffer *block, const char *key, struct tw_buffer *value)
{
    put_varint(block, 0);
    put_varint(block, strlen(key));
    put_varint(block, value->size);
    put_raw(block, key, strlen(key));
    put_raw(block, value->data, value->size);
    tw_buffer_release(value);
}

static inline void pack(struct tw_buffer *block)
{
    struct tw_buffer packed = {0};
    size_t size = snappy_max_compressed_length(block->size);
    assert_int_equal(tw_buffer_reserve(&packed, size, NULL), TW_OK);
    assert_int_equal(snappy_compress((const char *)block->data, block->size, (char *)packed.data, &size), SNAPPY_OK);
    packed.size = size;
    tw_buffer_release(block);
    *block = packed;
}

/* Appends the block with its one restart and its trailer; its handle goes to `handle`. */
static inline void put_block(struct tw_buffer *out, struct tw_buffer *block, struct tw_buffer *handle, bool is_packed)
{
    uint8_t words[8] = {0}, trailer[5] = {is_packed};
    size_t start = out->size;
    tw_store_u32le(words + 4, 1);
    put_raw(block, words, 8);
    if (is_packed)
        pack(block);
    put_raw(out, block->data, block->size);
    put_varint(handle, start);
    put_varint(handle, block->size);
    tw_store_u32le(trailer + 1, tw_crc32c_mask(tw_crc32c(tw_crc32c(0, block->data, block->size), trailer, 1)));
    put_raw(out, trailer, 5);
    tw_buffer_release(block);
}

/* `handles`: of the index of indices and the index block. */
static inline void put_footer(struct tw_buffer *out, struct tw_buffer *handles)
{
    uint8_t footer[48] = {0};
    memcpy(footer, handles->data, handles->size);
    tw_store_u64le(footer + 40, 0xdb4775248b80fb57);
    put_raw(out, footer, sizeof footer);
    tw_buffer_release(handles);
}

#endif
