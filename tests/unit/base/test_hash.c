#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

/* RFC 3720, appendix B.4. */
static void crc32c_has_the_values_of_its_standard(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_true(tw_crc32c(0, bytes, 32) == 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_true(tw_crc32c(0, bytes, 32) == 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_true(tw_crc32c(0, bytes, 32) == 0x46dd794eu);
    assert_true(tw_crc32c(0, "123456789", 9) == 0xe3069283u);
    assert_true(tw_crc32c(0, "", 0) == 0);
}

static void fast_crc32c_equals_the_reference_at_every_offset_size_and_cut(void **state)
{
    (void)state;
    uint8_t bytes[96];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + 13);
    for (size_t start = 0; start < 9; start++) {
        for (size_t size = 0; start + size <= sizeof bytes; size++) {
            uint32_t wanted = tw_crc32c_reference(0, bytes + start, size);
            assert_true(tw_crc32c(0, bytes + start, size) == wanted);
            uint32_t first = tw_crc32c(0, bytes + start, size / 3);
            assert_true(tw_crc32c(first, bytes + start + size / 3, size - size / 3) == wanted);
        }
    }
}

static void mask_rotates_and_adds(void **state)
{
    (void)state;
    assert_true(tw_crc32c_mask(0) == 0xa282ead8u);
    assert_true(tw_crc32c_mask(0x00008000u) == 0xa282ead9u);
    assert_true(tw_crc32c_mask(1) == 0xa284ead8u);
}

/* FIPS 180-2: "abc". */
static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void sha256_has_the_value_of_its_standard_whole_and_in_pieces(void **state)
{
    (void)state;
    struct tw_digest whole, pieces;
    char hex[TW_DIGEST_HEX];
    assert_int_equal(tw_digest_of(tw_span_of_text("abc"), &whole, NULL), TW_OK);
    tw_digest_hex(&whole, hex);
    assert_string_equal(hex, abc_hex);
    struct tw_hasher *hasher;
    assert_int_equal(tw_hasher_new(&hasher, NULL), TW_OK);
    tw_hasher_add(hasher, "a", 1);
    tw_hasher_add(hasher, "", 0);
    tw_hasher_add(hasher, "bc", 2);
    tw_hasher_finish(hasher, &pieces);
    tw_hasher_free(hasher);
    assert_true(tw_digest_equal(&whole, &pieces));
    pieces.bytes[31] ^= 1;
    assert_false(tw_digest_equal(&whole, &pieces));
}

static struct tw_digest digest_of_texts(const char *a, const char *b)
{
    struct tw_digest digest;
    struct tw_hasher *hasher;
    assert_int_equal(tw_hasher_new(&hasher, NULL), TW_OK);
    tw_hasher_add_text(hasher, a);
    tw_hasher_add_text(hasher, b);
    tw_hasher_finish(hasher, &digest);
    tw_hasher_free(hasher);
    return digest;
}

static void texts_do_not_run_together(void **state)
{
    (void)state;
    struct tw_digest one = digest_of_texts("ab", "c"), other = digest_of_texts("a", "bc");
    assert_false(tw_digest_equal(&one, &other));
}

static void digest_parses_only_64_lower_case_digits(void **state)
{
    (void)state;
    struct tw_digest wanted, digest = {{0}};
    assert_int_equal(tw_digest_of(tw_span_of_text("abc"), &wanted, NULL), TW_OK);
    assert_true(tw_digest_parse(abc_hex, &digest));
    assert_true(tw_digest_equal(&digest, &wanted));
    char wrong[TW_DIGEST_HEX + 1];
    static const char bad[] = {'G', 'A', 'g', ' ', '/', ':', '`'};
    for (size_t i = 0; i < sizeof bad; i++) {
        memcpy(wrong, abc_hex, sizeof abc_hex);
        wrong[63] = bad[i];
        assert_false(tw_digest_parse(wrong, &digest));
    }
    memcpy(wrong, abc_hex, sizeof abc_hex);
    wrong[63] = 0;
    assert_false(tw_digest_parse(wrong, &digest));
    memcpy(wrong, abc_hex, sizeof abc_hex);
    memcpy(wrong + 64, "0", 2);
    assert_false(tw_digest_parse(wrong, &digest));
    assert_false(tw_digest_parse("", &digest));
    assert_true(tw_digest_equal(&digest, &wanted)); /* written only on success */
}

static void hasher_reports_failing_memory(void **state)
{
    (void)state;
    struct tw_hasher *hasher = NULL;
    tw_memory_fail_at(1);
    assert_int_equal(tw_hasher_new(&hasher, NULL), TW_NO_MEMORY);
    tw_memory_fail_at(0);
    assert_null(hasher);
    tw_hasher_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_has_the_values_of_its_standard),
        cmocka_unit_test(fast_crc32c_equals_the_reference_at_every_offset_size_and_cut),
        cmocka_unit_test(mask_rotates_and_adds),
        cmocka_unit_test(sha256_has_the_value_of_its_standard_whole_and_in_pieces),
        cmocka_unit_test(texts_do_not_run_together),
        cmocka_unit_test(digest_parses_only_64_lower_case_digits),
        cmocka_unit_test(hasher_reports_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
