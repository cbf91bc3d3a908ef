/* CRC-32C as TFRecord frames use it, and SHA-256 as content addresses use it. */
#ifndef TW_BASE_HASH_H
#define TW_BASE_HASH_H

#include "base/bytes.h"

/* CRC-32C (Castagnoli) of the bytes, going on from `crc` (0 to begin). Hardware instructions where the CPU has them. */
uint32_t tw_crc32c(uint32_t crc, const void *data, size_t size);
/* The plain table version, the specification of the fast one. */
uint32_t tw_crc32c_reference(uint32_t crc, const void *data, size_t size);
/* TFRecord's mask: rotate right by 15, add 0xa282ead8. */
uint32_t tw_crc32c_mask(uint32_t crc);

enum { TW_DIGEST_BYTES = 32, TW_DIGEST_HEX = 65 };
/* SHA-256. */
struct tw_digest {
    uint8_t bytes[TW_DIGEST_BYTES];
};
enum tw_status tw_digest_of(struct tw_span bytes, struct tw_digest *digest, struct tw_error *error) TW_MUST_USE;
/* 64 lower-case hex digits and a zero. */
void tw_digest_hex(const struct tw_digest *digest, char hex[TW_DIGEST_HEX]);
bool tw_digest_parse(const char *hex, struct tw_digest *digest);
bool tw_digest_equal(const struct tw_digest *a, const struct tw_digest *b);

/* In pieces. */
struct tw_hasher;
enum tw_status tw_hasher_new(struct tw_hasher **hasher, struct tw_error *error) TW_MUST_USE;
void tw_hasher_add(struct tw_hasher *hasher, const void *data, size_t size);
void tw_hasher_add_text(struct tw_hasher *hasher,
                        const char *text); /* with its final zero, so that texts do not run together */
void tw_hasher_finish(struct tw_hasher *hasher, struct tw_digest *digest); /* once; then free */
void tw_hasher_free(struct tw_hasher *hasher);

#endif
