#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

static void fail_writes_the_sentence_and_returns_its_status(void **state)
{
    (void)state;
    struct tw_error error = {0};
    assert_int_equal(tw_fail(&error, TW_LIMIT, "%s has %d pixels", "a.png", 9), TW_LIMIT);
    assert_int_equal(error.status, TW_LIMIT);
    assert_string_equal(error.text, "a.png has 9 pixels");
    assert_int_equal(tw_fail(NULL, TW_IO, "%s", "unheard"), TW_IO);
}

static void context_comes_before_the_sentence_that_is_there(void **state)
{
    (void)state;
    struct tw_error error = {0};
    assert_int_equal(tw_fail(&error, TW_CORRUPT, "byte 7 is wrong"), TW_CORRUPT);
    assert_int_equal(tw_fail_within(&error, TW_CORRUPT, "%s", "a.png"), TW_CORRUPT);
    assert_int_equal(tw_fail_within(&error, TW_UNSUPPORTED, "photos"), TW_UNSUPPORTED);
    assert_string_equal(error.text, "photos: a.png: byte 7 is wrong");
    assert_int_equal(error.status, TW_UNSUPPORTED);
    assert_int_equal(tw_fail_within(NULL, TW_IO, "unheard"), TW_IO);
}

static void long_sentences_are_cut_and_closed(void **state)
{
    (void)state;
    struct tw_error error = {0};
    assert_int_equal(tw_fail(&error, TW_CORRUPT, "%*d", 3 * TW_ERROR_SIZE, 1), TW_CORRUPT);
    assert_int_equal(strlen(error.text), TW_ERROR_SIZE - 1);
    assert_int_equal(tw_fail_within(&error, TW_CORRUPT, "context"), TW_CORRUPT);
    assert_int_equal(strlen(error.text), TW_ERROR_SIZE - 1);
    assert_memory_equal(error.text, "context: ", 9);
    assert_int_equal(tw_fail_within(&error, TW_CORRUPT, "%*d", 3 * TW_ERROR_SIZE, 1), TW_CORRUPT);
    assert_int_equal(strlen(error.text), TW_ERROR_SIZE - 1);
}

static void failing_memory_names_size_and_purpose(void **state)
{
    (void)state;
    struct tw_error error = {0};
    assert_int_equal(tw_fail_memory(&error, 4096, "a tensor"), TW_NO_MEMORY);
    assert_string_equal(error.text, "no memory for a tensor (4096 bytes)");
}

static void errno_becomes_the_status_that_fits(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum tw_status status;
    } cases[] = {{ENOENT, TW_NOT_FOUND}, {ENOTDIR, TW_NOT_FOUND}, {EACCES, TW_DENIED}, {EPERM, TW_DENIED},
                 {ENOMEM, TW_NO_MEMORY}, {EEXIST, TW_CONFLICT},   {ENOSPC, TW_IO},     {EIO, TW_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_error error = {0};
        assert_int_equal(tw_fail_errno(&error, cases[i].number, "cannot open", "a.jpg"), cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        assert_memory_equal(error.text, "cannot open a.jpg: ", 19);
        assert_string_equal(error.text + 19, strerror(cases[i].number));
    }
}

static void every_status_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (int a = TW_OK; a <= TW_INTERRUPTED; a++) {
        assert_non_null(tw_status_name((enum tw_status)a));
        assert_string_not_equal(tw_status_name((enum tw_status)a), "unknown");
        for (int b = TW_OK; b < a; b++)
            assert_string_not_equal(tw_status_name((enum tw_status)a), tw_status_name((enum tw_status)b));
    }
    assert_string_equal(tw_status_name(TW_NOT_FOUND), "not_found");
    assert_string_equal(tw_status_name((enum tw_status)999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_writes_the_sentence_and_returns_its_status),
        cmocka_unit_test(context_comes_before_the_sentence_that_is_there),
        cmocka_unit_test(long_sentences_are_cut_and_closed),
        cmocka_unit_test(failing_memory_names_size_and_purpose),
        cmocka_unit_test(errno_becomes_the_status_that_fits),
        cmocka_unit_test(every_status_has_a_word_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
