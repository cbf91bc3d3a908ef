#include "formats/format.h"
#include "tables.h"

static struct tw_buffer safetensors_of(const char *header, size_t data_bytes)
{
    struct tw_buffer out = {0};
    static const uint8_t zeros[64];
    uint8_t size[8];
    tw_store_u64le(size, strlen(header));
    put_raw(&out, size, 8);
    put_raw(&out, header, strlen(header));
    put_raw(&out, zeros, data_bytes);
    return out;
}

static struct tw_buffer small_safetensors(void)
{
    return safetensors_of("{\"__metadata__\":{\"format\":\"pt\"},"
                          "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                          "\"b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]}}",
                          32);
}

/* A checkpoint of version 1 of one tensor of two floats, its blocks packed by Snappy. */
static struct tw_buffer small_checkpoint(void)
{
    struct tw_buffer out = {0}, block = {0}, value = {0}, meta = {0}, tensor = {0}, shape = {0}, dim = {0};
    struct tw_buffer index = {0}, handle = {0}, footer = {0}, numbers = {0}, slice = {0}, extent = {0};
    const float values[] = {3, -2};
    put_text(&tensor, 1, "layer/weights");
    put_int(&dim, 1, 2);
    put_message(&shape, 2, &dim);
    put_message(&tensor, 2, &shape);
    put_int(&tensor, 3, 1);
    put_message(&meta, 1, &tensor);
    put_message(&value, 1, &meta);
    put_entry(&block, "", &value);
    put_text(&tensor, 1, "layer/weights");
    put_message(&slice, 1, &extent);
    put_message(&tensor, 2, &slice);
    put_raw(&numbers, values, sizeof values);
    put_message(&dim, 5, &numbers);
    put_message(&tensor, 3, &dim);
    put_message(&value, 2, &tensor);
    put_entry(&block, "\x01key of the slice", &value);
    put_block(&out, &block, &handle, true);
    put_entry(&index, "z", &handle);
    put_varint(&footer, 0);
    put_varint(&footer, 0);
    put_block(&out, &index, &footer, true);
    put_footer(&out, &footer);
    return out;
}

static void expect_failure(struct tw_buffer bytes, enum tw_status status, const char *words)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    assert_int_equal(tw_model_read("w", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, &error), status);
    assert_null(graph);
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
    tw_buffer_release(&bytes);
}

static void weights_of_no_known_network_are_counted_and_named(void **state)
{
    (void)state;
    expect_failure(small_safetensors(), TW_UNSUPPORTED, "holds 2 tensors (the first is 'a') without a network");
    expect_failure(small_checkpoint(), TW_UNSUPPORTED,
                   "holds 1 tensors (the first is 'layer/weights') without a network");
}

static void tensors_outside_the_file_and_of_other_sizes_are_refused(void **state)
{
    (void)state;
    expect_failure(safetensors_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7), TW_CORRUPT,
                   "'a' has no shape of at most 8 dimensions, or lies outside the file");
    expect_failure(safetensors_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8), TW_CORRUPT,
                   "'a'");
    expect_failure(safetensors_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8), TW_CORRUPT,
                   "'a'");
    expect_failure(safetensors_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8), TW_CORRUPT,
                   "'a' of type f32 and shape [3] has 8 bytes");
    expect_failure(
        safetensors_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", 8),
        TW_CORRUPT, "'a' of type f32");
    expect_failure(safetensors_of("{\"a\":3}", 8), TW_CORRUPT, "'a'");
    expect_failure(safetensors_of("{\"a\":{}, \"a\":{}}", 8), TW_CORRUPT, "no JSON object");
    expect_failure(safetensors_of("{\"a\": ", 8), TW_CORRUPT, "no JSON object");
}

static void a_header_longer_than_the_file_is_refused(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_safetensors();
    tw_store_u64le(bytes.data, 1 << 30);
    expect_failure(bytes, TW_CORRUPT, "its header takes 1073741824 bytes");
}

static void a_changed_checkpoint_is_always_noticed(void **state)
{
    (void)state;
    struct tw_buffer bytes = small_checkpoint();
    for (size_t at = 0; at + 48 < bytes.size; at++) {
        struct tw_graph *graph = NULL;
        struct tw_error error = {0};
        bytes.data[at] ^= 4;
        assert_int_not_equal(tw_model_read("w", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, &error),
                             TW_OK);
        assert_non_null(strstr(error.text, "checksum"));
        bytes.data[at] ^= 4;
    }
    tw_buffer_release(&bytes);
}

static void damage(struct tw_buffer bytes)
{
    size_t size = bytes.size;
    for (size_t at = 0; at < size; at++) {
        uint8_t was = bytes.data[at];
        for (unsigned change = 0; change < 256; change = change * 2 + 1) {
            struct tw_graph *graph = NULL;
            struct tw_error error = {0};
            bytes.data[at] = (uint8_t)(was ^ change);
            bytes.size = change ? size : at;
            assert_int_not_equal(tw_model_read("w", tw_buffer_span(&bytes), &tw_format_limits_default, &graph, &error),
                                 TW_OK);
            assert_true(graph == NULL && error.text[0]);
        }
        bytes.data[at] = was;
        bytes.size = size;
    }
    tw_buffer_release(&bytes);
}

static void damaged_files_never_crash(void **state)
{
    (void)state;
    damage(small_safetensors());
    damage(small_checkpoint());
}

/* Checksums are right here, so what they guard is read. */
static void damaged_blocks_with_right_checksums_never_crash(void **state)
{
    (void)state;
    for (size_t at = 0; at < 200; at++) {
        struct tw_buffer block = {0}, value = {0}, out = {0}, handle = {0}, index = {0}, footer = {0};
        struct tw_graph *graph = NULL;
        put_int(&value, 1, 1);
        put_entry(&block, "", &value);
        put_int(&value, 1, 1);
        put_int(&value, 5, 8);
        put_entry(&block, "a/long/enough/name", &value);
        block.data[at % block.size] ^= (uint8_t)(1 + at / block.size * 37);
        put_block(&out, &block, &handle, at % 2);
        put_entry(&index, "z", &handle);
        put_varint(&footer, 0);
        put_varint(&footer, 0);
        put_block(&out, &index, &footer, false);
        put_footer(&out, &footer);
        assert_int_not_equal(tw_model_read("w", tw_buffer_span(&out), &tw_format_limits_default, &graph, NULL), TW_OK);
        tw_buffer_release(&out);
    }
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    struct tw_buffer files[] = {small_safetensors(), small_checkpoint()};
    for (size_t i = 0; i < 2; i++) {
        enum tw_status status = TW_NO_MEMORY;
        for (uint64_t n = 1; n < 1000 && status == TW_NO_MEMORY; n++) {
            struct tw_graph *graph = NULL;
            tw_memory_fail_at(n);
            status = tw_model_read("w", tw_buffer_span(&files[i]), &tw_format_limits_default, &graph, NULL);
            tw_memory_fail_at(0);
        }
        assert_int_equal(status, TW_UNSUPPORTED);
        tw_buffer_release(&files[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_no_known_network_are_counted_and_named),
        cmocka_unit_test(tensors_outside_the_file_and_of_other_sizes_are_refused),
        cmocka_unit_test(a_header_longer_than_the_file_is_refused),
        cmocka_unit_test(a_changed_checkpoint_is_always_noticed),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(damaged_blocks_with_right_checksums_never_crash),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
