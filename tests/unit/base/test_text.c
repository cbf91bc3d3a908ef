#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void whole_numbers_in_range_are_read(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(tw_parse_int64("42", 0, 100, &value));
    assert_int_equal(value, 42);
    assert_true(tw_parse_int64("-7", -7, 0, &value));
    assert_int_equal(value, -7);
    assert_true(tw_parse_int64("9223372036854775807", INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    assert_true(tw_parse_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MIN);
}

static void other_texts_are_no_whole_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    " 1", "1 ", "+1", "-", "1x", "0x10", "1.0", "1e3", "9223372036854775808",
                                        "101", "-1"};
    int64_t value = 5;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (tw_parse_int64(texts[i], 0, strlen(texts[i]) > 5 ? INT64_MAX : 100, &value))
            fail_msg("'%s' was taken for %lld", texts[i], (long long)value);
    }
    assert_int_equal(value, 5);
}

static void finite_numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0.1", 0.1}, {"-2", -2}, {"+3", 3}, {".5", 0.5}, {"1e-3", 1e-3}, {"0", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = 77;
        assert_true(tw_parse_double(cases[i].text, &value));
        assert_true(value == cases[i].value);
    }
}

static void other_texts_are_no_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     " 1",    "1 ",  "0x1p3", "nan", "inf",  "-inf",
                                        "+nan", "1e999", "1,5", ".",     "-",   "1.2.3"};
    double value = 5;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (tw_parse_double(texts[i], &value))
            fail_msg("'%s' was taken for %g", texts[i], value);
    }
    assert_true(value == 5);
}

static void utf8_is_told_from_what_only_looks_like_it(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x8c\xb8", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
    /* lone continuation, cut, overlong (2, 3, 4 bytes), surrogate, beyond U+10FFFF, bytes that never occur */
    static const char *const bad[] = {
        "\x80",         "a\xc3",        "\xc3\x28",         "\xe2\x82",         "\xc0\xaf",
        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(tw_is_utf8(tw_span_of_text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tw_is_utf8(tw_span_of_text(bad[i])));
}

static void base_name_is_what_follows_the_last_slash(void **state)
{
    (void)state;
    assert_string_equal(tw_base_name("photos/roses/a.jpg"), "a.jpg");
    assert_string_equal(tw_base_name("a.jpg"), "a.jpg");
    assert_string_equal(tw_base_name("photos/"), "");
}

static void edit_distance_counts_changed_added_and_missing_letters(void **state)
{
    (void)state;
    assert_int_equal(tw_edit_distance("train", "train"), 0);
    assert_int_equal(tw_edit_distance("trian", "train"), 2);
    assert_int_equal(tw_edit_distance("tain", "train"), 1);
    assert_int_equal(tw_edit_distance("", "abc"), 3);
    assert_int_equal(tw_edit_distance("abc", ""), 3);
    assert_int_equal(tw_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(tw_edit_distance("sitting", "kitten"), 3);
}

static void edit_distance_of_long_texts_is_just_great(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_true(tw_edit_distance(text, "a") >= 64);
    text[64] = 0;
    assert_int_equal(tw_edit_distance(text, text), 0);
}

static void control_characters_and_bad_utf8_become_visible(void **state)
{
    (void)state;
    char out[64];
    tw_printable("a\x1b[31m\n\x7f\xff\xc3\xa4z", out, sizeof out);
    assert_string_equal(out, "a\\x1b[31m\\x0a\\x7f\\xff\xc3\xa4z");
}

static void text_is_cut_only_where_it_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *wanted;
    } cases[] = {
        {"abcdef", 7, "abcdef"},
        {"abcdef", 6, "ab..."},
        {"abc", 4, "abc"},
        {"abcd", 4, "..."},
        {"abcd", 3, ""},
        {"abcd", 1, ""},
        {"", 1, ""},
        {"\n", 5, "\\x0a"},
        {"\n", 4, "..."},
        {"ab\xc3\xa4", 5, "ab\xc3\xa4"},
        {"a\xc3\xa4xyz", 6, "a..."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[16];
        memset(out, '#', sizeof out);
        tw_printable(cases[i].text, out, cases[i].size);
        assert_string_equal(out, cases[i].wanted);
        for (size_t k = cases[i].size; k < sizeof out; k++)
            assert_int_equal(out[k], '#');
    }
    tw_printable("abc", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_in_range_are_read),
        cmocka_unit_test(other_texts_are_no_whole_numbers),
        cmocka_unit_test(finite_numbers_are_read),
        cmocka_unit_test(other_texts_are_no_numbers),
        cmocka_unit_test(utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(base_name_is_what_follows_the_last_slash),
        cmocka_unit_test(edit_distance_counts_changed_added_and_missing_letters),
        cmocka_unit_test(edit_distance_of_long_texts_is_just_great),
        cmocka_unit_test(control_characters_and_bad_utf8_become_visible),
        cmocka_unit_test(text_is_cut_only_where_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
