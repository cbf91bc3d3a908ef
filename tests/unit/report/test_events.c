#include "base/wire.h"
#include "records/tfrecord.h"
#include "report/events.h"
#include "storage/storage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64], file[256];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/topwork-events-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct tw_error error = {0};
    return tw_events_remove(folder, NULL, &error) || remove(folder);
}

static struct tw_events *open_events(void)
{
    struct tw_events *events = NULL;
    struct tw_listing listing = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_events_open(folder, "part", &events, &error), TW_OK);
    assert_int_equal(tw_storage_list(folder, &listing, &error), TW_OK);
    assert_int_equal(listing.count, 1);
    assert_int_equal(strncmp(listing.entries[0].name, "events.out.tfevents.", 20), 0);
    snprintf(file, sizeof file, "%s/%s", folder, listing.entries[0].name);
    tw_listing_release(&listing);
    return events;
}

/* The field of this number; fails where it is missing. */
static struct tw_wire_field field_of(struct tw_span message, uint32_t number)
{
    struct tw_reader reader = tw_reader_of(message);
    struct tw_wire_field field;
    bool has_field = true;
    while (tw_wire_next(&reader, &field, &has_field, NULL) == TW_OK && has_field) {
        if (field.number == number)
            return field;
    }
    fail_msg("there is no field %u", number);
    return field;
}

/* The event of this number from the file's start, read with its checksums. */
static void read_event(size_t index, struct tw_buffer *event)
{
    struct tw_record_reader *reader = NULL;
    struct tw_error error = {0};
    struct tw_span record;
    bool has_record;
    assert_int_equal(tw_record_reader_open(file, &tw_record_limits_default, &reader, &error), TW_OK);
    for (size_t i = 0; i <= index; i++) {
        assert_int_equal(tw_record_reader_next(reader, &record, &has_record, &error), TW_OK);
        assert_true(has_record);
    }
    tw_buffer_clear(event);
    assert_int_equal(tw_buffer_append(event, record.data, record.size, &error), TW_OK);
    tw_record_reader_free(reader);
}

static struct tw_span value_of(const struct tw_buffer *event)
{
    return field_of(field_of(tw_buffer_span(event), 5).bytes, 1).bytes;
}

static void the_first_record_names_the_version(void **state)
{
    (void)state;
    struct tw_buffer event = {0};
    struct tw_events *events = open_events();
    read_event(0, &event);
    assert_true(tw_span_equal(field_of(tw_buffer_span(&event), 3).bytes, tw_span_of_text("brain.Event:2")));
    assert_int_equal(tw_events_close(events, NULL), TW_OK);
    tw_buffer_release(&event);
}

static void a_scalar_is_whole_in_the_file_when_the_call_returns(void **state)
{
    (void)state;
    struct tw_buffer event = {0};
    struct tw_error error = {0};
    struct tw_events *events = open_events();
    assert_int_equal(tw_events_scalar(events, 300, "loss", 0.5, &error), TW_OK);
    read_event(1, &event);
    assert_int_equal(field_of(tw_buffer_span(&event), 2).value, 300);
    struct tw_span value = value_of(&event), tensor = field_of(value, 8).bytes;
    assert_true(tw_span_equal(field_of(value, 1).bytes, tw_span_of_text("loss")));
    assert_int_equal(field_of(tensor, 1).value, 1);
    assert_int_equal(field_of(tensor, 5).value, 0x3f000000);
    struct tw_span plugin = field_of(field_of(value, 9).bytes, 1).bytes;
    assert_true(tw_span_equal(field_of(plugin, 1).bytes, tw_span_of_text("scalars")));
    assert_int_equal(tw_events_close(events, NULL), TW_OK);
    tw_buffer_release(&event);
}

static void a_scalar_that_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct tw_error error = {0};
    uint64_t before, after;
    enum tw_entry_kind kind;
    struct tw_events *events = open_events();
    assert_int_equal(tw_storage_kind(file, &kind, &before, &error), TW_OK);
    assert_int_equal(tw_events_scalar(events, 1, "loss", NAN, &error), TW_OK);
    assert_int_equal(tw_storage_kind(file, &kind, &after, &error), TW_OK);
    assert_int_equal(before, after);
    assert_int_equal(tw_events_close(events, NULL), TW_OK);
}

static void check_histogram(const float *values, size_t count, size_t counted)
{
    struct tw_buffer event = {0};
    struct tw_error error = {0};
    struct tw_events *events = open_events();
    double bins[30][3], sum = 0;
    assert_int_equal(tw_events_histogram(events, 1, "weights", values, count, &error), TW_OK);
    read_event(1, &event);
    struct tw_span content = field_of(field_of(value_of(&event), 8).bytes, 4).bytes;
    assert_int_equal(content.size, sizeof bins);
    memcpy(bins, content.data, sizeof bins);
    for (int i = 0; i < 30; i++) {
        assert_true(bins[i][0] <= bins[i][1]);
        sum += bins[i][2];
    }
    assert_true(sum == (double)counted);
    assert_int_equal(tw_events_close(events, NULL), TW_OK);
    tw_buffer_release(&event);
}

static void a_histogram_counts_every_finite_value_once(void **state)
{
    (void)state;
    static const float values[] = {-1, -0.5f, 0, 0.25f, 1, NAN, INFINITY, -INFINITY, 1};
    check_histogram(values, sizeof values / sizeof *values, 6);
}

static void a_histogram_of_one_value_is_one_bin(void **state)
{
    (void)state;
    static const float values[] = {3, 3, 3};
    check_histogram(values, 3, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_record_names_the_version, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_scalar_is_whole_in_the_file_when_the_call_returns, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_scalar_that_is_not_known_is_left_out, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_histogram_counts_every_finite_value_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_histogram_of_one_value_is_one_bin, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
