/* tf.Example: Example.features = 1; Features.feature = map field 1; Feature: bytes_list 1, float_list 2, int64_list 3.
 * Lists may be packed or not. A key that stands twice counts with its last value, as protobuf maps do. */
#ifndef TW_RECORDS_EXAMPLE_H
#define TW_RECORDS_EXAMPLE_H

#include "base/bytes.h"

/* One photo's record, in the keys of the ancestor pipeline: image_uri bytes, embedding float[n], label int64 list (absent
 * when unlabelled). Owned buffers are kept from one parse to the next. Zero-initialise. */
struct tw_example {
    char *image_uri; /* zero-ended; a NUL inside is refused */
    size_t uri_capacity;
    float *embedding;
    size_t embedding_size, embedding_capacity;
    int64_t *labels;
    size_t label_count, label_capacity;
};
/* TW_CORRUPT: not an Example; TW_UNSUPPORTED: no image_uri or embedding, or of another type. NaN and infinities are
 * TW_CORRUPT with the index. */
enum tw_status tw_example_parse(struct tw_span record, struct tw_example *example, struct tw_error *error) TW_MUST_USE;
/* Appends the serialised Example; keys in sorted order, packed lists: what TensorFlow writes. */
enum tw_status tw_example_serialise(const char *image_uri, const float *embedding, size_t embedding_size,
                                    const int64_t *labels, size_t label_count, struct tw_buffer *out,
                                    struct tw_error *error) TW_MUST_USE;
/* The first value of any Example's bytes feature `key`, borrowed from the record. TW_UNSUPPORTED: there is none. */
enum tw_status tw_example_bytes(struct tw_span record, const char *key, struct tw_span *value,
                                struct tw_error *error) TW_MUST_USE;
void tw_example_release(struct tw_example *example);

/* Any Example as one line of JSON (for `records cat`): bytes as text where UTF-8, else {"b64": ...}. Long float lists are
 * cut to `max_values` with a count; 0 is all. Appends. */
enum tw_status tw_example_to_json(struct tw_span record, size_t max_values, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;

#endif
