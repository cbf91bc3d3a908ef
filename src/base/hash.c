#include "base/hash.h"

#include "base/memory.h"

#include <openssl/evp.h>
#include <string.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

/* Reflected polynomial 0x82f63b78; a nibble at a time keeps the table small enough to write down. */
uint32_t tw_crc32c_reference(uint32_t crc, const void *data, size_t size)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const uint8_t *byte = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_hardware(uint32_t crc, const uint8_t *data, size_t size)
{
    uint64_t state = ~crc;
    for (; size >= 8; size -= 8, data += 8)
        state = _mm_crc32_u64(state, tw_load_u64le(data));
    uint32_t tail = (uint32_t)state;
    for (; size; size--, data++)
        tail = _mm_crc32_u8(tail, *data);
    return ~tail;
}
static bool has_hardware_crc(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__ARM_FEATURE_CRC32)
static uint32_t crc_hardware(uint32_t crc, const uint8_t *data, size_t size)
{
    uint32_t state = ~crc;
    for (; size >= 8; size -= 8, data += 8)
        state = __crc32cd(state, tw_load_u64le(data));
    for (; size; size--, data++)
        state = __crc32cb(state, *data);
    return ~state;
}
static bool has_hardware_crc(void)
{
    return true;
}
#else
static uint32_t crc_hardware(uint32_t crc, const uint8_t *data, size_t size)
{
    return tw_crc32c_reference(crc, data, size);
}
static bool has_hardware_crc(void)
{
    return false;
}
#endif

uint32_t tw_crc32c(uint32_t crc, const void *data, size_t size)
{
    return has_hardware_crc() ? crc_hardware(crc, data, size) : tw_crc32c_reference(crc, data, size);
}

uint32_t tw_crc32c_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

struct tw_hasher {
    EVP_MD_CTX *context;
};

enum tw_status tw_hasher_new(struct tw_hasher **hasher, struct tw_error *error)
{
    struct tw_hasher *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a hash");
    made->context = EVP_MD_CTX_new();
    if (!made->context || !EVP_DigestInit_ex(made->context, EVP_sha256(), NULL)) {
        tw_hasher_free(made);
        return tw_fail(error, TW_NO_MEMORY, "SHA-256 cannot be started");
    }
    *hasher = made;
    return TW_OK;
}

void tw_hasher_add(struct tw_hasher *hasher, const void *data, size_t size)
{
    EVP_DigestUpdate(hasher->context, data, size);
}

void tw_hasher_add_text(struct tw_hasher *hasher, const char *text)
{
    tw_hasher_add(hasher, text, strlen(text) + 1);
}

void tw_hasher_finish(struct tw_hasher *hasher, struct tw_digest *digest)
{
    EVP_DigestFinal_ex(hasher->context, digest->bytes, NULL);
}

void tw_hasher_free(struct tw_hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MD_CTX_free(hasher->context);
    tw_free(hasher);
}

enum tw_status tw_digest_of(struct tw_span bytes, struct tw_digest *digest, struct tw_error *error)
{
    if (!EVP_Digest(bytes.data, bytes.size, digest->bytes, NULL, EVP_sha256(), NULL))
        return tw_fail(error, TW_NO_MEMORY, "SHA-256 cannot be computed");
    return TW_OK;
}

void tw_digest_hex(const struct tw_digest *digest, char hex[TW_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < TW_DIGEST_BYTES; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[2 * TW_DIGEST_BYTES] = 0;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tw_digest_parse(const char *hex, struct tw_digest *digest)
{
    if (strlen(hex) != 2 * TW_DIGEST_BYTES)
        return false;
    struct tw_digest parsed;
    for (size_t i = 0; i < TW_DIGEST_BYTES; i++) {
        int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *digest = parsed;
    return true;
}

bool tw_digest_equal(const struct tw_digest *a, const struct tw_digest *b)
{
    return memcmp(a->bytes, b->bytes, TW_DIGEST_BYTES) == 0;
}
