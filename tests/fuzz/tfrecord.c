/* A TFRecord file: as it is, or (first byte odd) chunks of the input framed with right checksums, so that what lies behind them is
 * reached. */
#include "base/hash.h"
#include "fuzz.h"
#include "records/tfrecord.h"

static void frame(const uint8_t *data, size_t size, struct tw_buffer *out)
{
    while (size > 1) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        uint8_t head[12], tail[4];
        tw_store_u64le(head, length);
        tw_store_u32le(head + 8, tw_crc32c_mask(tw_crc32c(0, head, 8)));
        tw_store_u32le(tail, tw_crc32c_mask(tw_crc32c(0, data + 1, length)));
        must(tw_buffer_append(out, head, 12, NULL) == TW_OK && tw_buffer_append(out, data + 1, length, NULL) == TW_OK &&
                 tw_buffer_append(out, tail, 4, NULL) == TW_OK,
             "memory");
        data += 1 + length, size -= 1 + length;
    }
    must(tw_buffer_append(out, data, size, NULL) == TW_OK, "memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_record_limits limits = {.max_record_bytes = 1 << 16};
    struct tw_buffer framed = {0};
    struct tw_record_reader *reader = NULL;
    struct tw_error error = {0};
    if (size == 0)
        return 0;
    if (data[0] & 1)
        frame(data + 1, size - 1, &framed);
    const char *path = data[0] & 1 ? file_of(framed.data, framed.size) : file_of(data + 1, size - 1);
    enum tw_status status = tw_record_reader_open(path, &limits, &reader, &error);
    bool has_record = true;
    for (int i = 0; status == TW_OK && has_record && i < 1000; i++) {
        struct tw_span record;
        status = tw_record_reader_next(reader, &record, &has_record, &error);
        must(status != TW_OK || !has_record || record.size <= limits.max_record_bytes, "the limit of a record");
    }
    must_explain(status, &error);
    tw_record_reader_free(reader);
    tw_buffer_release(&framed);
    return 0;
}
