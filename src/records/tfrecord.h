/* TFRecord files, plain or gzip.
 * Record: u64le length | u32le masked CRC-32C of those 8 bytes | data | u32le masked CRC-32C of data. End of file at a
 * record boundary ends the file; anything partial is TW_CORRUPT. gzip wraps the whole file: written as one member, read
 * as any number of them. Content decides whether it is gzip, not the name. */
#ifndef TW_RECORDS_TFRECORD_H
#define TW_RECORDS_TFRECORD_H

#include "base/bytes.h"
#include "base/hash.h"

struct tw_record_limits {
    size_t max_record_bytes; /* default 256 MiB */
};
extern const struct tw_record_limits tw_record_limits_default;

/* Reads a file in order, in bounded memory. */
struct tw_record_reader;
enum tw_status tw_record_reader_open(const char *uri, const struct tw_record_limits *limits,
                                     struct tw_record_reader **reader, struct tw_error *error) TW_MUST_USE;
/* The next record, borrowed until the next call. *has_record false at the end. Errors name file, record and byte. */
enum tw_status tw_record_reader_next(struct tw_record_reader *reader, struct tw_span *record, bool *has_record,
                                     struct tw_error *error) TW_MUST_USE;
void tw_record_reader_free(struct tw_record_reader *reader);

/* Stored: gzip around the bytes as they are, for embeddings, which hardly shrink. */
enum tw_compression { TW_PLAIN, TW_GZIP, TW_GZIP_STORED };
/* Writes a shard that appears whole or not at all. Equal records give equal bytes (gzip header without time or name). */
struct tw_record_writer;
enum tw_status tw_record_writer_open(const char *uri, enum tw_compression compression, struct tw_record_writer **writer,
                                     struct tw_error *error) TW_MUST_USE;
enum tw_status tw_record_writer_add(struct tw_record_writer *writer, struct tw_span record,
                                    struct tw_error *error) TW_MUST_USE;
/* Publishes the shard; `digest` (may be NULL) receives the SHA-256 of the file's bytes. Frees the writer either way. */
enum tw_status tw_record_writer_commit(struct tw_record_writer *writer, struct tw_digest *digest,
                                       struct tw_error *error) TW_MUST_USE;
void tw_record_writer_abandon(struct tw_record_writer *writer);

#endif
