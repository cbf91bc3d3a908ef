/* A bounded reader of the protobuf wire format, over bytes that stay where they are, and a small writer.
 * Source: protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4) are refused. No recursion: the caller
 * walks nested messages with a reader each, and so decides the depth. */
#ifndef TW_BASE_WIRE_H
#define TW_BASE_WIRE_H

#include "base/bytes.h"

enum tw_wire_type { TW_WIRE_VARINT = 0, TW_WIRE_FIXED64 = 1, TW_WIRE_BYTES = 2, TW_WIRE_FIXED32 = 5 };

/* One field as it stands. */
struct tw_wire_field {
    uint32_t number;
    enum tw_wire_type type;
    uint64_t value;       /* VARINT, FIXED32, FIXED64: the raw bits */
    struct tw_span bytes; /* BYTES: borrowed from the message */
};

/* Reads the next field. TW_OK with *has_field false at the end of the message; TW_CORRUPT (with the offset) on a
 * truncated or malformed one. */
enum tw_status tw_wire_next(struct tw_reader *reader, struct tw_wire_field *field, bool *has_field,
                            struct tw_error *error) TW_MUST_USE;

bool tw_read_varint(struct tw_reader *reader, uint64_t *value);

/* How many numbers a field of a list holds, packed or not. FIXED32 for floats, VARINT for integers, FIXED64 for
 * doubles. */
enum tw_status tw_wire_count(const struct tw_wire_field *field, enum tw_wire_type element, size_t *count,
                             struct tw_error *error) TW_MUST_USE;
/* `out` has room for what tw_wire_count said. Bits are copied as they are (float as u32). */
enum tw_status tw_wire_floats(const struct tw_wire_field *field, float *out, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_wire_int64s(const struct tw_wire_field *field, int64_t *out, struct tw_error *error) TW_MUST_USE;

/* Writing: appends to a buffer. A nested message is written to a buffer of its own, then by tw_wire_put_bytes. */
enum tw_status tw_wire_put_varint(struct tw_buffer *out, uint32_t number, uint64_t value,
                                  struct tw_error *error) TW_MUST_USE;
enum tw_status tw_wire_put_bytes(struct tw_buffer *out, uint32_t number, struct tw_span bytes,
                                 struct tw_error *error) TW_MUST_USE;
enum tw_status tw_wire_put_text(struct tw_buffer *out, uint32_t number, const char *text,
                                struct tw_error *error) TW_MUST_USE;
enum tw_status tw_wire_put_float(struct tw_buffer *out, uint32_t number, float value,
                                 struct tw_error *error) TW_MUST_USE;
enum tw_status tw_wire_put_double(struct tw_buffer *out, uint32_t number, double value,
                                  struct tw_error *error) TW_MUST_USE;
/* Key and length of a BYTES field whose content the caller appends itself. */
enum tw_status tw_wire_put_header(struct tw_buffer *out, uint32_t number, size_t size,
                                  struct tw_error *error) TW_MUST_USE;
/* Bytes that tw_wire_put_varint's value takes. */
size_t tw_varint_size(uint64_t value);

#endif
