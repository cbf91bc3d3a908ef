#include "records/example.h"

#include "base/memory.h"
#include "base/wire.h"
#include "scratch.h"

#include <math.h>

static const float embedding[] = {0.5f, -1.25f, 3e7f};
static const int64_t labels[] = {4, 300};

static void append(struct tw_buffer *out, uint32_t number, const struct tw_buffer *inside)
{
    assert_int_equal(tw_wire_put_bytes(out, number, tw_buffer_span(inside), NULL), TW_OK);
}

/* Adds one entry of the map: a key and a Feature of one kind (1 bytes, 2 floats, 3 integers) that holds `list`. */
static void put_entry(struct tw_buffer *features, const char *key, uint32_t kind, struct tw_buffer *list)
{
    struct tw_buffer feature = {0}, entry = {0};
    append(&feature, kind, list);
    assert_int_equal(tw_wire_put_text(&entry, 1, key, NULL), TW_OK);
    append(&entry, 2, &feature);
    append(features, 1, &entry);
    tw_buffer_release(&feature);
    tw_buffer_release(&entry);
    tw_buffer_release(list);
}

static void put_uri(struct tw_buffer *features, const char *uri)
{
    struct tw_buffer list = {0};
    assert_int_equal(tw_wire_put_text(&list, 1, uri, NULL), TW_OK);
    put_entry(features, "image_uri", 1, &list);
}

/* A float a field: not packed. */
static void put_unpacked_floats(struct tw_buffer *features, const char *key, const float *values, size_t count)
{
    struct tw_buffer list = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tw_wire_put_float(&list, 1, values[i], NULL), TW_OK);
    put_entry(features, key, 2, &list);
}

static void put_unpacked_integers(struct tw_buffer *features, const char *key, const int64_t *values, size_t count)
{
    struct tw_buffer list = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tw_wire_put_varint(&list, 1, (uint64_t)values[i], NULL), TW_OK);
    put_entry(features, key, 3, &list);
}

/* The Example of these features; they are released. */
static struct tw_buffer example_of(struct tw_buffer *features)
{
    struct tw_buffer record = {0};
    append(&record, 1, features);
    tw_buffer_release(features);
    return record;
}

static struct tw_buffer serialised(void)
{
    struct tw_buffer record = {0};
    assert_int_equal(tw_example_serialise("photos/a.jpg", embedding, 3, labels, 2, &record, NULL), TW_OK);
    return record;
}

static void expect_example(struct tw_buffer *record, size_t label_count)
{
    struct tw_example example = {0};
    struct tw_error error = {0};
    if (tw_example_parse(tw_buffer_span(record), &example, &error))
        fail_msg("%s", error.text);
    assert_string_equal(example.image_uri, "photos/a.jpg");
    assert_int_equal(example.embedding_size, 3);
    assert_memory_equal(example.embedding, embedding, sizeof embedding);
    assert_int_equal(example.label_count, label_count);
    if (label_count)
        assert_memory_equal(example.labels, labels, label_count * sizeof *labels);
    tw_example_release(&example);
    tw_buffer_release(record);
}

static void expect_refused(struct tw_buffer *record, enum tw_status wanted, const char *words)
{
    struct tw_example example = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_example_parse(tw_buffer_span(record), &example, &error), wanted);
    if (!strstr(error.text, words))
        fail_msg("%s", error.text);
    tw_example_release(&example);
    tw_buffer_release(record);
}

static void example_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct tw_buffer record = serialised();
    expect_example(&record, 2);
    assert_int_equal(tw_example_serialise("photos/a.jpg", embedding, 3, NULL, 0, &record, NULL), TW_OK);
    expect_example(&record, 0);
}

static void unpacked_lists_and_unknown_features_are_read(void **state)
{
    (void)state;
    struct tw_buffer features = {0};
    put_unpacked_floats(&features, "other", (const float[]){NAN}, 1);
    put_unpacked_integers(&features, "label", labels, 2);
    put_uri(&features, "photos/a.jpg");
    put_unpacked_floats(&features, "embedding", embedding, 3);
    assert_int_equal(tw_wire_put_varint(&features, 9, 7, NULL), TW_OK);
    struct tw_buffer record = example_of(&features);
    assert_int_equal(tw_wire_put_text(&record, 12, "a later field", NULL), TW_OK);
    expect_example(&record, 2);
}

static void key_that_stands_twice_counts_with_its_last_value(void **state)
{
    (void)state;
    struct tw_buffer features = {0};
    put_uri(&features, "photos/old.jpg");
    put_unpacked_integers(&features, "label", (const int64_t[]){1, 2, 3}, 3);
    put_unpacked_floats(&features, "embedding", (const float[]){9}, 1);
    put_uri(&features, "photos/a.jpg");
    put_unpacked_integers(&features, "label", labels, 2);
    put_unpacked_floats(&features, "embedding", embedding, 3);
    struct tw_buffer record = example_of(&features);
    expect_example(&record, 2);
}

static void missing_feature_is_named(void **state)
{
    (void)state;
    struct tw_buffer features = {0}, record = {0};
    expect_refused(&record, TW_UNSUPPORTED, "no image_uri");
    put_uri(&features, "a");
    record = example_of(&features);
    expect_refused(&record, TW_UNSUPPORTED, "no embedding");
    put_unpacked_floats(&features, "embedding", embedding, 3);
    record = example_of(&features);
    expect_refused(&record, TW_UNSUPPORTED, "no image_uri");
    put_uri(&features, "a");
    put_unpacked_floats(&features, "embedding", embedding, 0);
    record = example_of(&features);
    expect_refused(&record, TW_UNSUPPORTED, "no embedding");
}

static void feature_of_another_kind_is_named_with_both(void **state)
{
    (void)state;
    struct tw_buffer features = {0};
    put_unpacked_integers(&features, "embedding", labels, 2);
    struct tw_buffer record = example_of(&features);
    expect_refused(&record, TW_UNSUPPORTED, "embedding holds integers, not floats");
    put_unpacked_floats(&features, "image_uri", embedding, 1);
    record = example_of(&features);
    expect_refused(&record, TW_UNSUPPORTED, "image_uri holds floats, not bytes");
    put_unpacked_floats(&features, "label", embedding, 1);
    record = example_of(&features);
    expect_refused(&record, TW_UNSUPPORTED, "label holds floats, not integers");
}

static void value_that_is_not_finite_is_corrupt_with_its_index(void **state)
{
    (void)state;
    struct tw_buffer record = {0};
    assert_int_equal(tw_example_serialise("a", (const float[]){0, NAN}, 2, NULL, 0, &record, NULL), TW_OK);
    expect_refused(&record, TW_CORRUPT, "embedding value 1 is not a number");
    assert_int_equal(tw_example_serialise("a", (const float[]){-INFINITY, 1}, 2, NULL, 0, &record, NULL), TW_OK);
    expect_refused(&record, TW_CORRUPT, "embedding value 0 is infinite");
}

static void nul_byte_in_the_uri_is_corrupt(void **state)
{
    (void)state;
    struct tw_buffer features = {0}, list = {0};
    assert_int_equal(tw_wire_put_bytes(&list, 1, tw_span_of("a\0b", 3), NULL), TW_OK);
    put_entry(&features, "image_uri", 1, &list);
    struct tw_buffer record = example_of(&features);
    expect_refused(&record, TW_CORRUPT, "NUL");
}

/* Bytes of their own, so that the sanitizer sees a read behind them. */
static void record_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct tw_buffer record = serialised();
    for (size_t cut = 0; cut < record.size; cut++) {
        struct tw_example example = {0};
        struct tw_buffer json = {0};
        uint8_t *bytes = malloc(cut ? cut : 1);
        memcpy(bytes, record.data, cut);
        assert_int_not_equal(tw_example_parse(tw_span_of(bytes, cut), &example, NULL), TW_OK);
        enum tw_status status = tw_example_to_json(tw_span_of(bytes, cut), 0, &json, NULL);
        assert_int_equal(status, cut ? TW_CORRUPT : TW_OK);
        free(bytes);
        tw_example_release(&example);
        tw_buffer_release(&json);
    }
    tw_buffer_release(&record);
}

static void any_changed_byte_is_read_safely(void **state)
{
    (void)state;
    struct tw_buffer record = serialised();
    for (size_t i = 0; i < record.size; i++) {
        uint8_t kept = record.data[i];
        for (unsigned value = 0; value < 256; value++) {
            struct tw_example example = {0};
            record.data[i] = (uint8_t)value;
            enum tw_status status = tw_example_parse(tw_buffer_span(&record), &example, NULL);
            assert_true(status == TW_OK || status == TW_CORRUPT || status == TW_UNSUPPORTED || status == TW_LIMIT);
            tw_example_release(&example);
        }
        record.data[i] = kept;
    }
    tw_buffer_release(&record);
}

static void json_shows_every_kind_and_cuts_long_lists(void **state)
{
    (void)state;
    struct tw_buffer features = {0}, list = {0}, json = {0};
    put_uri(&features, "caf\xc3\xa9.jpg");
    put_unpacked_floats(&features, "embedding", (const float[]){1, 2.5f, NAN}, 3);
    put_unpacked_integers(&features, "label", labels, 2);
    assert_int_equal(tw_wire_put_bytes(&list, 1, tw_span_of("\xff\xd8", 2), NULL), TW_OK);
    put_entry(&features, "bytes", 1, &list);
    struct tw_buffer record = example_of(&features);
    assert_int_equal(tw_example_to_json(tw_buffer_span(&record), 0, &json, NULL), TW_OK);
    assert_int_equal(tw_buffer_append(&json, "", 1, NULL), TW_OK);
    assert_string_equal((char *)json.data, "{\"bytes\": [{\"b64\": \"/9g=\"}], \"embedding\": [1.0, 2.5, null], "
                                           "\"image_uri\": [\"caf\xc3\xa9.jpg\"], \"label\": [4, 300]}\n");
    tw_buffer_clear(&json);
    assert_int_equal(tw_example_to_json(tw_buffer_span(&record), 1, &json, NULL), TW_OK);
    assert_int_equal(tw_buffer_append(&json, "", 1, NULL), TW_OK);
    assert_non_null(strstr((char *)json.data, "\"embedding\": [1.0, \"... 3 in all\"]"));
    tw_buffer_release(&json);
    tw_buffer_release(&record);
}

static void failed_allocations_are_said_and_leave_nothing(void **state)
{
    (void)state;
    bool is_whole = false;
    for (uint64_t n = 1; !is_whole; n++) {
        struct tw_buffer record = {0};
        struct tw_example example = {0};
        assert_true(n < 200);
        tw_memory_fail_at(n);
        enum tw_status status = tw_example_serialise("a", embedding, 3, labels, 2, &record, NULL);
        if (!status)
            status = tw_example_parse(tw_buffer_span(&record), &example, NULL);
        tw_memory_fail_at(0);
        is_whole = status == TW_OK;
        if (!is_whole)
            assert_int_equal(status, TW_NO_MEMORY);
        tw_example_release(&example);
        tw_buffer_release(&record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_comes_back_as_it_was_written),
        cmocka_unit_test(unpacked_lists_and_unknown_features_are_read),
        cmocka_unit_test(key_that_stands_twice_counts_with_its_last_value),
        cmocka_unit_test(missing_feature_is_named),
        cmocka_unit_test(feature_of_another_kind_is_named_with_both),
        cmocka_unit_test(value_that_is_not_finite_is_corrupt_with_its_index),
        cmocka_unit_test(nul_byte_in_the_uri_is_corrupt),
        cmocka_unit_test(record_cut_anywhere_is_refused),
        cmocka_unit_test(any_changed_byte_is_read_safely),
        cmocka_unit_test(json_shows_every_kind_and_cuts_long_lists),
        cmocka_unit_test(failed_allocations_are_said_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
