#include "formats/table.h"

#include "base/hash.h"

#include <snappy-c.h>
#include <string.h>

enum { FOOTER = 48, TRAILER = 5, MOST_KEY = 1 << 16, PLAIN = 0, SNAPPY = 1 };
static const uint64_t magic = 0xdb4775248b80fb57;
static const size_t most_unpacked = (size_t)1 << 30;

bool table_matches(struct tw_span bytes)
{
    return bytes.size >= FOOTER && tw_load_u64le(bytes.data + bytes.size - 8) == magic;
}

static void fail(struct build *build, const char *what)
{
    build_fail(build, TW_CORRUPT, "the checkpoint's table %s", what);
}

static struct tw_span unpacked(struct table *table, struct tw_span packed)
{
    struct build *build = table->build;
    size_t size = 0;
    if (snappy_uncompressed_length((const char *)packed.data, packed.size, &size) != SNAPPY_OK) {
        fail(build, "has a damaged block");
        return (struct tw_span){0};
    }
    if (size > most_unpacked - table->unpacked_bytes) {
        build_fail(build, TW_LIMIT, "the checkpoint's blocks take over the limit of %zu bytes", most_unpacked);
        return (struct tw_span){0};
    }
    table->unpacked_bytes += size;
    uint8_t *out = build_alloc(build, size, 1);
    if (out && snappy_uncompress((const char *)packed.data, packed.size, (char *)out, &size) != SNAPPY_OK)
        fail(build, "has a damaged block");
    return build->status ? (struct tw_span){0} : tw_span_of(out, size);
}

/* The entries of the block that a handle (varints: offset, size) names. */
static bool open_block(struct table *table, struct tw_reader *handle, struct tw_reader *entries)
{
    struct build *build = table->build;
    uint64_t offset, size;
    if (build->status)
        return false;
    if (!tw_read_varint(handle, &offset) || !tw_read_varint(handle, &size) || offset > table->file.size ||
        table->file.size - offset < TRAILER || size > table->file.size - offset - TRAILER) {
        fail(build, "names a block outside the file");
        return false;
    }
    struct tw_span block = tw_span_of(table->file.data + offset, (size_t)size);
    const uint8_t *trailer = block.data + block.size;
    if (tw_crc32c_mask(tw_crc32c(0, block.data, block.size + 1)) != tw_load_u32le(trailer + 1)) {
        fail(build, "has a block that does not fit its checksum");
        return false;
    }
    if (*trailer == SNAPPY)
        block = unpacked(table, block);
    else if (*trailer != PLAIN)
        build_fail(build, TW_UNSUPPORTED,
                   "the checkpoint's blocks are compressed in way %d; known are 0 and 1 (Snappy)", *trailer);
    if (build->status)
        return false;
    uint64_t restarts = block.size >= 4 ? tw_load_u32le(block.data + block.size - 4) : 0;
    if (block.size < 4 || restarts > (block.size - 4) / 4) {
        fail(build, "has a block without an end");
        return false;
    }
    *entries = tw_reader_of(tw_span_of(block.data, block.size - 4 - 4 * (size_t)restarts));
    return true;
}

/* Keys say how much of the one before they share. */
static bool next_entry(struct table *table, struct tw_reader *entries, struct tw_buffer *key, struct tw_span *value)
{
    struct build *build = table->build;
    uint64_t shared, own, size;
    struct tw_span part;
    if (build->status || tw_reader_left(entries) == 0)
        return false;
    if (!tw_read_varint(entries, &shared) || !tw_read_varint(entries, &own) || !tw_read_varint(entries, &size) ||
        shared > key->size || own > MOST_KEY || shared + own > MOST_KEY || !tw_read_span(entries, (size_t)own, &part) ||
        size > tw_reader_left(entries) || !tw_read_span(entries, (size_t)size, value)) {
        fail(build, "has a damaged entry");
        return false;
    }
    key->size = (size_t)shared;
    build->status = tw_buffer_append(key, part.data, part.size, build->error);
    return !build->status;
}

bool table_open(struct build *build, struct tw_span file, struct table *table)
{
    *table = (struct table){.build = build, .file = file};
    if (!table_matches(file)) {
        fail(build, "has no footer: the file is cut, or is none");
        return false;
    }
    struct tw_reader footer = tw_reader_of(tw_span_of(file.data + file.size - FOOTER, FOOTER - 8));
    uint64_t ignored;
    if (!tw_read_varint(&footer, &ignored) || !tw_read_varint(&footer, &ignored)) {
        fail(build, "has a damaged footer");
        return false;
    }
    return open_block(table, &footer, &table->index);
}

bool table_next(struct table *table, struct tw_span *key, struct tw_span *value)
{
    struct tw_span handle;
    while (!table->build->status && tw_reader_left(&table->block) == 0) {
        if (!next_entry(table, &table->index, &table->index_key, &handle))
            return false;
        struct tw_reader reader = tw_reader_of(handle);
        tw_buffer_clear(&table->key);
        if (!open_block(table, &reader, &table->block))
            return false;
    }
    if (!next_entry(table, &table->block, &table->key, value))
        return false;
    *key = tw_buffer_span(&table->key);
    return true;
}

void table_release(struct table *table)
{
    tw_buffer_release(&table->index_key);
    tw_buffer_release(&table->key);
}
