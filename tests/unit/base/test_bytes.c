#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

static void buffer_keeps_what_was_appended_while_it_grows(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    for (int i = 0; i < 1000; i++) {
        uint8_t byte = (uint8_t)i;
        assert_int_equal(tw_buffer_append(&buffer, &byte, 1, NULL), TW_OK);
    }
    assert_int_equal(buffer.size, 1000);
    assert_true(buffer.capacity >= buffer.size);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer.data[i], (uint8_t)i);
    tw_buffer_release(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.size, 0);
    tw_buffer_release(&buffer);
}

static void buffer_printf_appends_without_its_zero(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    assert_int_equal(tw_buffer_append_text(&buffer, "a=", NULL), TW_OK);
    assert_int_equal(tw_buffer_printf(&buffer, NULL, "%d;%s", 17, "x"), TW_OK);
    assert_int_equal(tw_buffer_append(&buffer, NULL, 0, NULL), TW_OK);
    assert_true(tw_span_equal(tw_buffer_span(&buffer), tw_span_of_text("a=17;x")));
    tw_buffer_release(&buffer);
}

static void clear_keeps_the_capacity(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    assert_int_equal(tw_buffer_append_text(&buffer, "some text", NULL), TW_OK);
    size_t capacity = buffer.capacity;
    tw_buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.capacity, capacity);
    tw_buffer_release(&buffer);
}

static void append_beyond_the_address_space_fails_and_keeps_the_bytes(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_buffer_append_text(&buffer, "kept", NULL), TW_OK);
    assert_int_equal(tw_buffer_append(&buffer, "x", SIZE_MAX - 2, &error), TW_NO_MEMORY);
    assert_int_equal(error.status, TW_NO_MEMORY);
    assert_true(tw_span_equal(tw_buffer_span(&buffer), tw_span_of_text("kept")));
    tw_buffer_release(&buffer);
}

static void buffer_is_unchanged_where_memory_fails(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    assert_int_equal(tw_buffer_append_text(&buffer, "kept", NULL), TW_OK);
    struct tw_buffer before = buffer;
    char big[4096] = {0};
    tw_memory_fail_at(1);
    assert_int_equal(tw_buffer_append(&buffer, big, sizeof big, NULL), TW_NO_MEMORY);
    tw_memory_fail_at(1);
    assert_int_equal(tw_buffer_printf(&buffer, NULL, "%4000d", 1), TW_NO_MEMORY);
    tw_memory_fail_at(0);
    assert_memory_equal(&buffer, &before, sizeof buffer);
    tw_buffer_release(&buffer);
}

static void spans_compare_by_size_and_content(void **state)
{
    (void)state;
    struct tw_span text = tw_span_of_text("flower");
    assert_true(tw_span_starts(text, "flo", 3));
    assert_true(tw_span_starts(text, NULL, 0));
    assert_false(tw_span_starts(text, "flowers", 7));
    assert_false(tw_span_starts(text, "fla", 3));
    assert_true(tw_span_equal(text, tw_span_of("flowers", 6)));
    assert_false(tw_span_equal(text, tw_span_of("flowers", 7)));
    assert_true(tw_span_equal(tw_span_of(NULL, 0), tw_span_of("", 0)));
}

static const uint8_t counted[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88};

static void reader_reads_both_byte_orders(void **state)
{
    (void)state;
    struct tw_reader reader = tw_reader_of(tw_span_of(counted, sizeof counted));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    assert_true(tw_read_u64le(&reader, &u64));
    assert_true(u64 == 0x8807060504030201u);
    reader.at = 0;
    assert_true(tw_read_u32le(&reader, &u32));
    assert_int_equal(u32, 0x04030201);
    assert_true(tw_read_u32be(&reader, &u32));
    assert_int_equal(u32, 0x05060788);
    reader.at = 0;
    assert_true(tw_read_u16le(&reader, &u16));
    assert_int_equal(u16, 0x0201);
    assert_true(tw_read_u16be(&reader, &u16));
    assert_int_equal(u16, 0x0304);
    assert_true(tw_read_u8(&reader, &u8));
    assert_int_equal(u8, 5);
    assert_int_equal(tw_reader_left(&reader), 3);
}

static void read_beyond_the_end_moves_nothing(void **state)
{
    (void)state;
    uint8_t u8 = 77;
    uint16_t u16 = 77;
    uint32_t u32 = 77;
    uint64_t u64 = 77;
    struct tw_span span = {0};
    for (size_t left = 0; left < 8; left++) {
        struct tw_reader reader = tw_reader_of(tw_span_of(counted, sizeof counted));
        reader.at = sizeof counted - left;
        assert_int_equal(tw_read_u64le(&reader, &u64), false);
        assert_int_equal(left < 4 && tw_read_u32le(&reader, &u32), false);
        assert_int_equal(left < 4 && tw_read_u32be(&reader, &u32), false);
        assert_int_equal(left < 2 && tw_read_u16le(&reader, &u16), false);
        assert_int_equal(left < 2 && tw_read_u16be(&reader, &u16), false);
        assert_int_equal(left < 1 && tw_read_u8(&reader, &u8), false);
        assert_false(tw_read_span(&reader, left + 1, &span));
        assert_false(tw_read_skip(&reader, SIZE_MAX));
        assert_int_equal(tw_reader_left(&reader), left);
        assert_true(tw_read_skip(&reader, left));
        assert_int_equal(tw_reader_left(&reader), 0);
    }
    assert_true(u8 == 77 && u16 == 77 && u32 == 77 && u64 == 77 && !span.data);
}

static void stores_are_what_loads_read(void **state)
{
    (void)state;
    uint8_t bytes[9] = {0};
    tw_store_u64le(bytes + 1, 0x8807060504030201u); /* not aligned */
    assert_memory_equal(bytes + 1, counted, 8);
    assert_true(tw_load_u64le(bytes + 1) == 0x8807060504030201u);
    tw_store_u32le(bytes + 1, 0xfffefdfcu);
    assert_true(tw_load_u32le(bytes + 1) == 0xfffefdfcu);
    assert_int_equal(bytes[5], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_keeps_what_was_appended_while_it_grows),
        cmocka_unit_test(buffer_printf_appends_without_its_zero),
        cmocka_unit_test(clear_keeps_the_capacity),
        cmocka_unit_test(append_beyond_the_address_space_fails_and_keeps_the_bytes),
        cmocka_unit_test(buffer_is_unchanged_where_memory_fails),
        cmocka_unit_test(spans_compare_by_size_and_content),
        cmocka_unit_test(reader_reads_both_byte_orders),
        cmocka_unit_test(read_beyond_the_end_moves_nothing),
        cmocka_unit_test(stores_are_what_loads_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
