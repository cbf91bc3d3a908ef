#include "base/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

/* Reads the next row and compares its cells with a list that NULL ends. */
static void expect_row(struct tw_csv *csv, size_t line, const char *const *cells)
{
    bool has_row = false;
    struct tw_error error = {0};
    if (tw_csv_next(csv, &has_row, &error))
        fail_msg("%s", error.text);
    assert_true(has_row);
    assert_int_equal(csv->line, line);
    size_t count = 0;
    for (; cells[count]; count++) {
        assert_true(count < csv->cell_count);
        assert_string_equal(tw_csv_cell(csv, count), cells[count]);
    }
    assert_int_equal(csv->cell_count, count);
}
#define ROW(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_end(struct tw_csv *csv)
{
    bool has_row = true;
    assert_int_equal(tw_csv_next(csv, &has_row, NULL), TW_OK);
    assert_false(has_row);
    tw_csv_release(csv);
}

static void rows_come_with_bom_crlf_spaces_and_no_last_line_end(void **state)
{
    (void)state;
    struct tw_csv csv;
    tw_csv_init(&csv, tw_span_of_text("\xef\xbb\xbf"
                                      "a.jpg, rose ,\tred\r\n\r\n\n  b.jpg,,\nc.jpg"));
    expect_row(&csv, 1, ROW("a.jpg", "rose", "red"));
    expect_row(&csv, 4, ROW("b.jpg", "", ""));
    expect_row(&csv, 5, ROW("c.jpg"));
    expect_end(&csv);
}

static void quoted_cells_hold_commas_quotes_line_ends_and_spaces(void **state)
{
    (void)state;
    struct tw_csv csv;
    tw_csv_init(&csv, tw_span_of_text("\"a,b\" , \"say \"\"x\"\"\",\" two\r\nlines \"\r\nnext,\"\"\n"));
    expect_row(&csv, 1, ROW("a,b", "say \"x\"", " two\r\nlines "));
    expect_row(&csv, 3, ROW("next", ""));
    expect_end(&csv);
}

static void file_without_rows_has_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "\r\n\r\n", "\xef\xbb\xbf", "   \n\t\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tw_csv csv;
        tw_csv_init(&csv, tw_span_of_text(texts[i]));
        expect_end(&csv);
    }
}

/* Reads rows until one fails and returns how. */
static enum tw_status first_failure(struct tw_csv *csv, struct tw_error *error)
{
    bool has_row = true;
    enum tw_status status = TW_OK;
    while (!status && has_row)
        status = tw_csv_next(csv, &has_row, error);
    tw_csv_release(csv);
    return status;
}

static void damage_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *wanted;
    } cases[] = {
        {"a,b\nc\0d,e\n", 10, "line 2 holds a NUL byte"},
        {"a,\"b\0\"\n", 7, "line 1 holds a NUL byte"},
        {"a\n\"b\n\nc", 7, "line 2 has a quote that is never closed"},
        {"a\nb,\"", 5, "line 2 has a quote that is never closed"},
        {"\"a\nb\"\n\"c\"d\n", 11, "line 3 has text after a closing quote"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_csv csv;
        struct tw_error error = {0};
        tw_csv_init(&csv, tw_span_of(cases[i].text, cases[i].size));
        assert_int_equal(first_failure(&csv, &error), TW_CORRUPT);
        assert_string_equal(error.text, cases[i].wanted);
    }
}

static void every_truncation_ends_without_reading_beyond(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf\"a\"\"b\",c\r\n \"d\n\" ,e\n";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        /* On the heap, so that the sanitizer sees a read behind the end. */
        uint8_t *copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, text, size);
        struct tw_csv csv;
        tw_csv_init(&csv, tw_span_of(copy, size));
        enum tw_status status = first_failure(&csv, NULL);
        assert_true(status == TW_OK || status == TW_CORRUPT);
        free(copy);
    }
}

static void limits_on_cells_and_bytes_hold(void **state)
{
    (void)state;
    struct tw_csv csv;
    struct tw_error error = {0};
    tw_csv_init(&csv, tw_span_of_text("a,b,c\na,b,c,d\n"));
    csv.limits.max_cells = 3;
    assert_int_equal(first_failure(&csv, &error), TW_LIMIT);
    assert_string_equal(error.text, "line 2 has more than 3 cells");
    static const char *const texts[] = {"12345678\n123456789\n", "12345678\n\"12345678901\"\n",
                                        "1234567\n1,2,3,4,5,6\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tw_csv_init(&csv, tw_span_of_text(texts[i]));
        csv.limits.max_line_bytes = 8;
        assert_int_equal(first_failure(&csv, &error), TW_LIMIT);
        assert_string_equal(error.text, "line 2 is longer than 8 bytes");
    }
}

static void written_cells_read_back_as_they_were(void **state)
{
    (void)state;
    static const char *const cells[] = {"plain",   "",           "a,b",        "say \"x\"", " lead",
                                        "trail\t", "two\nlines", "cr\rlf\r\n", "\"",        NULL};
    struct tw_buffer out = {0};
    for (size_t i = 0; cells[i]; i++)
        assert_int_equal(tw_csv_put(&out, cells[i], i == 0, false, NULL), TW_OK);
    struct tw_csv csv;
    tw_csv_init(&csv, tw_buffer_span(&out));
    expect_row(&csv, 1, cells);
    expect_end(&csv);
    tw_buffer_release(&out);
}

static void only_cells_that_need_quotes_get_them(void **state)
{
    (void)state;
    struct tw_buffer out = {0};
    assert_int_equal(tw_csv_put(&out, "plain text", true, false, NULL), TW_OK);
    assert_int_equal(tw_csv_put(&out, "a,b", false, false, NULL), TW_OK);
    assert_true(tw_span_equal(tw_buffer_span(&out), tw_span_of_text("plain text,\"a,b\"")));
    tw_buffer_release(&out);
}

static void formulas_are_guarded_where_asked(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *guarded;
    } cases[] = {{"=1+1", "'=1+1"},   {"+1", "'+1"},  {"-1", "'-1"}, {"@x", "'@x"},
                 {"\tx", "\"'\tx\""}, {"a=1", "a=1"}, {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_buffer out = {0};
        assert_int_equal(tw_csv_put(&out, cases[i].cell, true, true, NULL), TW_OK);
        assert_true(tw_span_equal(tw_buffer_span(&out), tw_span_of_text(cases[i].guarded)));
        tw_buffer_release(&out);
    }
}

static void failing_memory_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    int failures = 0;
    for (uint64_t n = 1;; n++) {
        struct tw_csv csv;
        tw_csv_init(&csv, tw_span_of_text("\"a\",bbbbbbbbbbbbbbbbbbbb,c,d,e,f,g,h,i,j\n"));
        tw_memory_fail_at(n);
        enum tw_status status = first_failure(&csv, NULL);
        tw_memory_fail_at(0);
        if (!status)
            break;
        assert_int_equal(status, TW_NO_MEMORY);
        failures++;
    }
    assert_true(failures >= 4); /* cells and offsets, each taken and grown */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_with_bom_crlf_spaces_and_no_last_line_end),
        cmocka_unit_test(quoted_cells_hold_commas_quotes_line_ends_and_spaces),
        cmocka_unit_test(file_without_rows_has_none),
        cmocka_unit_test(damage_is_named_with_its_line),
        cmocka_unit_test(every_truncation_ends_without_reading_beyond),
        cmocka_unit_test(limits_on_cells_and_bytes_hold),
        cmocka_unit_test(written_cells_read_back_as_they_were),
        cmocka_unit_test(only_cells_that_need_quotes_get_them),
        cmocka_unit_test(formulas_are_guarded_where_asked),
        cmocka_unit_test(failing_memory_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
