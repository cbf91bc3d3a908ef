/* A checkpoint: a LevelDB table, of version 1 or the index of a bundle of version 2 with its data. With an odd first byte the input is
 * the content of a block, which gets right checksums and an index, packed by Snappy where the second bit is set. */
#include "../unit/formats/tables.h"

#include "parts.h"

static struct tw_buffer table_of(const uint8_t *data, size_t size, bool is_packed)
{
    struct tw_buffer out = {0}, block = {0}, handle = {0}, index = {0}, footer = {0};
    put_raw(&block, data, size);
    put_block(&out, &block, &handle, is_packed);
    put_entry(&index, "z", &handle);
    put_varint(&footer, 0);
    put_varint(&footer, 0);
    put_block(&out, &index, &footer, is_packed);
    put_footer(&out, &footer);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct parts parts = parts_of(data + 1, size - 1);
    struct tw_buffer table = {0};
    if (data[0] & 1) {
        table = table_of(parts.parts[0].data, parts.parts[0].size, data[0] & 2);
        parts.parts[0] = tw_buffer_span(&table);
    }
    const struct tw_model_source source = {
        .name = "fuzz", .bytes = parts.parts[0], .open = open_part, .context = &parts};
    read_model(checkpoint_matches, checkpoint_read, &source);
    tw_buffer_release(&table);
    return 0;
}
