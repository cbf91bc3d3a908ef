/* The sorted tables of LevelDB that TensorFlow's checkpoints are. Source: leveldb's doc/table_format.md.
 *
 * A file is blocks, then a footer of 48 bytes: where the index of blocks of indices and the index block lie, as varints, and
 * the magic number. A block is entries (shared, own and value's size as varints; the key's own part; the value), a list of
 * restarts, how many these are; behind it one byte how it is compressed (0: not, 1: Snappy) and a masked CRC-32C. */
#ifndef TW_FORMATS_TABLE_H
#define TW_FORMATS_TABLE_H

#include "formats/build.h"

bool table_matches(struct tw_span bytes);

struct table {
    struct build *build;
    struct tw_span file;
    struct tw_reader index, block; /* entries that are left */
    struct tw_buffer index_key, key;
    size_t unpacked_bytes;
};
/* False: failed. Release in any case. */
bool table_open(struct build *build, struct tw_span file, struct table *table);
/* The next entry: the key is good until the next call, the value as long as the file and the graph. False: none is left, or
 * failed. */
bool table_next(struct table *table, struct tw_span *key, struct tw_span *value);
void table_release(struct table *table);

#endif
