/* The parts of a multipart/form-data body (RFC 7578) that are files. */
#ifndef TW_SERVE_MULTIPART_H
#define TW_SERVE_MULTIPART_H

#include "base/bytes.h"

struct tw_part {
    char *name;             /* the file's name as the client gave it, or the field's; owned */
    struct tw_span content; /* borrowed from the body */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_parts {
    struct tw_part *parts;
    size_t count, capacity;
};
/* `type`: the Content-Type header, which names the boundary. TW_CORRUPT: the body is not as it says, or holds no file; TW_LIMIT:
 * more than 10,000 parts. */
enum tw_status tw_parts_read(struct tw_span body, const char *type, struct tw_parts *parts,
                             struct tw_error *error) TW_MUST_USE;
void tw_parts_release(struct tw_parts *parts);

#endif
