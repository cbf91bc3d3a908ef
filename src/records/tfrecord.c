#include "records/tfrecord.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <string.h>
#include <zlib.h>

const struct tw_record_limits tw_record_limits_default = {.max_record_bytes = 256u << 20};

enum { FRAME_HEAD = 12, FRAME_TAIL = 4, INFLATE_CHUNK = 1 << 18 };

struct tw_record_reader {
    char *uri;
    struct tw_record_limits limits;
    struct tw_mapping mapping;
    size_t at;           /* plain: next byte of the mapping; gzip: next compressed byte */
    uint64_t offset;     /* of the next record in the uncompressed stream */
    size_t record_index; /* of the next record */
    bool is_gzip, is_inflating, is_ended;
    z_stream stream;
    struct tw_buffer pending; /* gzip: inflated bytes; taken from pending_at on */
    size_t pending_at;
};

enum tw_status tw_record_reader_open(const char *uri, const struct tw_record_limits *limits,
                                     struct tw_record_reader **reader, struct tw_error *error)
{
    struct tw_record_reader *made = tw_alloc(1, sizeof *made);
    if (!made || !(made->uri = tw_strdup(uri))) {
        tw_free(made);
        return tw_fail_memory(error, sizeof *made, "a record reader");
    }
    made->limits = *limits;
    enum tw_status status = tw_storage_map(uri, &made->mapping, error);
    if (!status) {
        made->is_gzip = tw_span_starts(made->mapping.bytes, "\x1f\x8b", 2);
        if (made->is_gzip && inflateInit2(&made->stream, 16 + MAX_WBITS) != Z_OK)
            status = tw_fail_memory(error, sizeof made->stream, "gzip");
        made->is_inflating = made->is_gzip && !status;
    }
    if (status) {
        tw_record_reader_free(made);
        return status;
    }
    *reader = made;
    return TW_OK;
}

void tw_record_reader_free(struct tw_record_reader *reader)
{
    if (!reader)
        return;
    if (reader->is_inflating)
        inflateEnd(&reader->stream);
    tw_buffer_release(&reader->pending);
    tw_mapping_release(&reader->mapping);
    tw_free(reader->uri);
    tw_free(reader);
}

static enum tw_status fail_at(const struct tw_record_reader *reader, struct tw_error *error, const char *what)
{
    return tw_fail(error, TW_CORRUPT, "%s: record %zu at byte %llu%s %s", reader->uri, reader->record_index,
                   (unsigned long long)reader->offset, reader->is_gzip ? " (inflated)" : "", what);
}

/* A gzip member has ended: another one may follow, zero padding may too. */
static enum tw_status next_member(struct tw_record_reader *reader, struct tw_error *error)
{
    struct tw_span rest = {reader->mapping.bytes.data + reader->at, reader->mapping.bytes.size - reader->at};
    size_t zeros = 0;
    while (zeros < rest.size && rest.data[zeros] == 0)
        zeros++;
    if (zeros == rest.size) {
        reader->is_ended = true;
        return TW_OK;
    }
    if (!tw_span_starts(rest, "\x1f\x8b", 2) || inflateReset(&reader->stream) != Z_OK)
        return fail_at(reader, error, "is followed by bytes that are not gzip");
    return TW_OK;
}

/* Inflates one more chunk behind what is pending. */
static enum tw_status inflate_more(struct tw_record_reader *reader, struct tw_error *error)
{
    struct tw_buffer *pending = &reader->pending;
    if (reader->pending_at) {
        memmove(pending->data, pending->data + reader->pending_at, pending->size - reader->pending_at);
        pending->size -= reader->pending_at;
        reader->pending_at = 0;
    }
    enum tw_status status = tw_buffer_reserve(pending, pending->size + INFLATE_CHUNK, error);
    if (status)
        return status;
    size_t left = reader->mapping.bytes.size - reader->at;
    if (left > 1u << 30)
        left = 1u << 30;
    reader->stream.next_in = (Bytef *)(uintptr_t)(reader->mapping.bytes.data + reader->at);
    reader->stream.avail_in = (uInt)left;
    reader->stream.next_out = pending->data + pending->size;
    reader->stream.avail_out = INFLATE_CHUNK;
    int result = inflate(&reader->stream, Z_NO_FLUSH);
    size_t produced = INFLATE_CHUNK - reader->stream.avail_out, consumed = left - reader->stream.avail_in;
    pending->size += produced;
    reader->at += consumed;
    if (result == Z_STREAM_END)
        return next_member(reader, error);
    if (result == Z_MEM_ERROR)
        return tw_fail_memory(error, INFLATE_CHUNK, "gzip");
    if (result != Z_OK && result != Z_BUF_ERROR)
        return fail_at(reader, error, "lies in damaged gzip data");
    if (produced == 0 && consumed == 0)
        return fail_at(reader, error, "is cut: the gzip data ends early");
    return TW_OK;
}

/* The next `size` bytes of the stream, borrowed; fewer only at the stream's end. */
static enum tw_status peek(struct tw_record_reader *reader, size_t size, struct tw_span *bytes, struct tw_error *error)
{
    if (!reader->is_gzip) {
        size_t left = reader->mapping.bytes.size - reader->at;
        *bytes = left > 0 ? tw_span_of(reader->mapping.bytes.data + reader->at, left < size ? left : size)
                          : tw_span_of("", 0);
        return TW_OK;
    }
    while (!reader->is_ended && reader->pending.size - reader->pending_at < size) {
        enum tw_status status = inflate_more(reader, error);
        if (status)
            return status;
    }
    size_t left = reader->pending.size - reader->pending_at;
    *bytes = tw_span_of(reader->pending.data + reader->pending_at, left < size ? left : size);
    return TW_OK;
}

static void take(struct tw_record_reader *reader, size_t size)
{
    if (reader->is_gzip)
        reader->pending_at += size;
    else
        reader->at += size;
    reader->offset += size;
}

enum tw_status tw_record_reader_next(struct tw_record_reader *reader, struct tw_span *record, bool *has_record,
                                     struct tw_error *error)
{
    struct tw_span head, frame;
    *has_record = false;
    enum tw_status status = peek(reader, FRAME_HEAD, &head, error);
    if (status || head.size == 0)
        return status;
    if (head.size < FRAME_HEAD)
        return fail_at(reader, error, "is cut within its length");
    uint64_t length = tw_load_u64le(head.data);
    if (tw_load_u32le(head.data + 8) != tw_crc32c_mask(tw_crc32c(0, head.data, 8)))
        return fail_at(reader, error, "has a wrong checksum of its length: the file is damaged or is no TFRecord file");
    if (length > reader->limits.max_record_bytes)
        return tw_fail(error, TW_LIMIT, "%s: record %zu has %llu bytes, over the limit of %zu", reader->uri,
                       reader->record_index, (unsigned long long)length, reader->limits.max_record_bytes);
    size_t whole = FRAME_HEAD + (size_t)length + FRAME_TAIL;
    status = peek(reader, whole, &frame, error);
    if (status)
        return status;
    if (frame.size < whole)
        return fail_at(reader, error, "is cut");
    *record = tw_span_of(frame.data + FRAME_HEAD, (size_t)length);
    if (tw_load_u32le(frame.data + FRAME_HEAD + length) != tw_crc32c_mask(tw_crc32c(0, record->data, record->size)))
        return fail_at(reader, error, "has a wrong checksum: the file is damaged");
    take(reader, whole);
    reader->record_index++;
    *has_record = true;
    return TW_OK;
}

struct tw_record_writer {
    struct tw_writer *out;
    struct tw_hasher *hasher;
    bool is_gzip;
    z_stream stream;
    uint8_t chunk[1 << 16];
};

static void free_writer(struct tw_record_writer *writer)
{
    if (writer->is_gzip)
        deflateEnd(&writer->stream);
    tw_hasher_free(writer->hasher);
    tw_free(writer);
}

enum tw_status tw_record_writer_open(const char *uri, enum tw_compression compression, struct tw_record_writer **writer,
                                     struct tw_error *error)
{
    struct tw_record_writer *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a record writer");
    enum tw_status status = tw_hasher_new(&made->hasher, error);
    if (!status && compression != TW_PLAIN) {
        /* Embeddings hardly shrink: the fastest level. zlib's header has neither time nor name unless it is told one. */
        int level = compression == TW_GZIP_STORED ? 0 : 1;
        if (deflateInit2(&made->stream, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            status = tw_fail_memory(error, sizeof made->stream, "gzip");
        made->is_gzip = !status;
    }
    if (!status)
        status = tw_writer_open(uri, &made->out, error);
    if (status) {
        free_writer(made);
        return status;
    }
    *writer = made;
    return TW_OK;
}

static enum tw_status put(struct tw_record_writer *writer, const void *data, size_t size, struct tw_error *error)
{
    tw_hasher_add(writer->hasher, data, size);
    return tw_writer_write(writer->out, data, size, error);
}

static enum tw_status deflate_all(struct tw_record_writer *writer, const void *data, size_t size, int flush,
                                  struct tw_error *error)
{
    if (size > UINT32_MAX)
        return tw_fail(error, TW_LIMIT, "a record of %zu bytes is too long", size);
    writer->stream.next_in = (Bytef *)(uintptr_t)data;
    writer->stream.avail_in = (uInt)size;
    int result;
    do {
        writer->stream.next_out = writer->chunk;
        writer->stream.avail_out = sizeof writer->chunk;
        result = deflate(&writer->stream, flush);
        enum tw_status status = put(writer, writer->chunk, sizeof writer->chunk - writer->stream.avail_out, error);
        if (status)
            return status;
    } while (writer->stream.avail_out == 0 || (flush == Z_FINISH && result != Z_STREAM_END));
    return TW_OK;
}

static enum tw_status put_part(struct tw_record_writer *writer, const void *data, size_t size, struct tw_error *error)
{
    return writer->is_gzip ? deflate_all(writer, data, size, Z_NO_FLUSH, error) : put(writer, data, size, error);
}

enum tw_status tw_record_writer_add(struct tw_record_writer *writer, struct tw_span record, struct tw_error *error)
{
    uint8_t head[FRAME_HEAD], tail[FRAME_TAIL];
    tw_store_u64le(head, record.size);
    tw_store_u32le(head + 8, tw_crc32c_mask(tw_crc32c(0, head, 8)));
    tw_store_u32le(tail, tw_crc32c_mask(tw_crc32c(0, record.data, record.size)));
    enum tw_status status = put_part(writer, head, sizeof head, error);
    if (!status)
        status = put_part(writer, record.data, record.size, error);
    return status ? status : put_part(writer, tail, sizeof tail, error);
}

enum tw_status tw_record_writer_commit(struct tw_record_writer *writer, struct tw_digest *digest,
                                       struct tw_error *error)
{
    struct tw_digest made;
    enum tw_status status = writer->is_gzip ? deflate_all(writer, NULL, 0, Z_FINISH, error) : TW_OK;
    if (status) {
        tw_record_writer_abandon(writer);
        return status;
    }
    status = tw_writer_commit(writer->out, error);
    tw_hasher_finish(writer->hasher, &made);
    free_writer(writer);
    if (!status && digest)
        *digest = made;
    return status;
}

void tw_record_writer_abandon(struct tw_record_writer *writer)
{
    if (!writer)
        return;
    tw_writer_abandon(writer->out);
    free_writer(writer);
}
