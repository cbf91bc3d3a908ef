#include "serve/multipart.h"

#include "scratch.h"

static const char type[] = "multipart/form-data; boundary=XX";

#define FILE_PART(name, content)                                                                                       \
    "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" name                                             \
    "\"\r\nContent-Type: image/jpeg\r\n\r\n" content "\r\n"

static enum tw_status read_form(const char *body, const char *header, struct tw_parts *parts)
{
    return tw_parts_read(tw_span_of_text(body), header, parts, NULL);
}

static void files_are_read_and_fields_left_out(void **state)
{
    (void)state;
    struct tw_parts parts = {0};
    const char *body =
        FILE_PART("a.jpg", "one") "--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n" FILE_PART(
            "b.jpg", "\r\n--X") "--XX--\r\n";
    assert_int_equal(read_form(body, type, &parts), TW_OK);
    assert_int_equal(parts.count, 2);
    assert_string_equal(parts.parts[0].name, "a.jpg");
    assert_true(tw_span_equal(parts.parts[0].content, tw_span_of_text("one")));
    assert_string_equal(parts.parts[1].name, "b.jpg");
    assert_true(tw_span_equal(parts.parts[1].content, tw_span_of_text("\r\n--X")));
    tw_parts_release(&parts);
}

static void boundary_may_be_quoted_and_followed(void **state)
{
    (void)state;
    static const char *const types[] = {"multipart/form-data; boundary=\"XX\"",
                                        "multipart/form-data; charset=utf-8; BOUNDARY=XX; x=y"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct tw_parts parts = {0};
        assert_int_equal(read_form(FILE_PART("a", "one") "--XX--", types[i], &parts), TW_OK);
        assert_int_equal(parts.count, 1);
        tw_parts_release(&parts);
    }
}

static void file_without_a_name_has_its_fields(void **state)
{
    (void)state;
    struct tw_parts parts = {0};
    assert_int_equal(read_form(FILE_PART("", "") "--XX--", type, &parts), TW_OK);
    assert_string_equal(parts.parts[0].name, "f");
    assert_int_equal(parts.parts[0].content.size, 0);
    tw_parts_release(&parts);
}

static void what_is_no_form_is_refused(void **state)
{
    (void)state;
    struct tw_parts parts = {0};
    static const char *const bodies[] = {
        "", "--XX", "--XX--", "--XX\r\n\r\n", "--YY\r\n\r\nx\r\n--YY--", "--XX\r\n\r\nno file\r\n--XX--"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(read_form(bodies[i], type, &parts), TW_CORRUPT);
    assert_int_equal(read_form(FILE_PART("a", "one") "--XX--", "multipart/form-data", &parts), TW_CORRUPT);
    assert_int_equal(read_form(FILE_PART("a", "one") "--XX--", "multipart/form-data; boundary=", &parts), TW_CORRUPT);
}

static void form_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const char *body = FILE_PART("a.jpg", "one") FILE_PART("b.jpg", "two") "--XX--";
    for (size_t size = 0; size < strlen(body); size++) {
        struct tw_parts parts = {0};
        uint8_t *copy = malloc(size + 1); /* so that a read beyond the end is seen */
        assert_non_null(copy);
        memcpy(copy, body, size);
        uint8_t *exact = realloc(copy, size ? size : 1);
        assert_int_equal(tw_parts_read(tw_span_of(exact, size), type, &parts, NULL), TW_CORRUPT);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_fields_left_out),   cmocka_unit_test(boundary_may_be_quoted_and_followed),
        cmocka_unit_test(file_without_a_name_has_its_fields),   cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(form_that_is_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
