#include "serve/inflate.h"

#include <limits.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, PIECE = 64 * 1024 };

enum tw_status tw_inflate(struct tw_span packed, size_t most_bytes, struct tw_buffer *bytes, struct tw_error *error)
{
    z_stream stream = {.next_in = (Bytef *)packed.data, .avail_in = (uInt)packed.size};
    uint8_t piece[PIECE];
    int result = Z_OK;
    enum tw_status status = TW_OK;
    if (packed.size > UINT_MAX || inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return tw_fail_memory(error, packed.size, "a packed body");
    tw_buffer_clear(bytes);
    while (!status && result == Z_OK) {
        stream.next_out = piece;
        stream.avail_out = sizeof piece;
        result = inflate(&stream, Z_NO_FLUSH);
        size_t got = sizeof piece - stream.avail_out;
        if (got > most_bytes - bytes->size)
            status = tw_fail(error, TW_LIMIT, "the body has more than the limit of %zu bytes when it is unpacked",
                             most_bytes);
        else
            status = tw_buffer_append(bytes, piece, got, error);
    }
    if (!status && (result != Z_STREAM_END || stream.avail_in))
        status = tw_fail(error, TW_CORRUPT, "the body is no whole gzip stream");
    inflateEnd(&stream);
    return status;
}
