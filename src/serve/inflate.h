/* Bodies that come packed (Content-Encoding: gzip). */
#ifndef TW_SERVE_INFLATE_H
#define TW_SERVE_INFLATE_H

#include "base/bytes.h"

/* The whole of a gzip stream. TW_LIMIT where more than `most_bytes` come out of it; TW_CORRUPT. */
enum tw_status tw_inflate(struct tw_span packed, size_t most_bytes, struct tw_buffer *bytes,
                          struct tw_error *error) TW_MUST_USE;

#endif
