#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reader_returns_fields_in_order(void **state)
{
    (void)state;
    struct tw_buffer message = {0};
    assert_int_equal(tw_wire_put_varint(&message, 3, 300, NULL), TW_OK);
    assert_int_equal(tw_wire_put_text(&message, 4, "leaf", NULL), TW_OK);
    struct tw_reader reader = tw_reader_of(tw_buffer_span(&message));
    struct tw_wire_field field;
    bool has_field;
    assert_int_equal(tw_wire_next(&reader, &field, &has_field, NULL), TW_OK);
    assert_true(has_field);
    assert_int_equal(field.number, 3);
    assert_int_equal(field.value, 300);
    assert_int_equal(tw_wire_next(&reader, &field, &has_field, NULL), TW_OK);
    assert_memory_equal(field.bytes.data, "leaf", 4);
    assert_int_equal(tw_wire_next(&reader, &field, &has_field, NULL), TW_OK);
    assert_false(has_field);
    tw_buffer_release(&message);
}

static void reader_rejects_every_truncation(void **state)
{
    (void)state;
    struct tw_buffer message = {0};
    assert_int_equal(tw_wire_put_text(&message, 4, "a text of some length", NULL), TW_OK);
    for (size_t size = 1; size < message.size; size++) {
        struct tw_reader reader = tw_reader_of(tw_span_of(message.data, size));
        struct tw_wire_field field;
        bool has_field;
        assert_int_equal(tw_wire_next(&reader, &field, &has_field, NULL), TW_CORRUPT);
    }
    tw_buffer_release(&message);
}

static void varint_of_more_than_64_bits_is_rejected(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    struct tw_reader reader = tw_reader_of(tw_span_of(bytes, sizeof bytes));
    uint64_t value;
    assert_false(tw_read_varint(&reader, &value));
    assert_int_equal(reader.at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_returns_fields_in_order),
        cmocka_unit_test(reader_rejects_every_truncation),
        cmocka_unit_test(varint_of_more_than_64_bits_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
