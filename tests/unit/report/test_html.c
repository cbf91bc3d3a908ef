#include "report/html.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct tw_report empty = {0};

static void check(struct tw_page *page, const char *wanted)
{
    assert_int_equal(page->status, TW_OK);
    assert_int_equal(tw_buffer_append(&page->html, "", 1, NULL), TW_OK);
    assert_string_equal((const char *)page->html.data, wanted);
    tw_buffer_release(&page->html);
}

static void text_and_attributes_are_escaped(void **state)
{
    (void)state;
    struct tw_page page = {.report = &empty};
    tw_html(&page, "<p title=\"%s\">%s</p>", "\"onload='x' <b>", "</p><script>&amp;");
    check(&page, "<p title=\"&quot;onload=&#39;x&#39; &lt;b&gt;\">&lt;/p&gt;&lt;script&gt;&amp;amp;</p>");
}

static void what_is_no_text_becomes_the_replacement_character(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc3<", "\xef\xbf\xbd&lt;"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\x1b[31m\x7f", "\xef\xbf\xbd[31m\xef\xbf\xbd"},
        {"\xc2\x85", "\xef\xbf\xbd"},
        {"\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x8c\xb7 \xc3\xa9", "\xf0\x9f\x8c\xb7 \xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_page page = {.report = &empty};
        tw_html(&page, "%s", cases[i][0]);
        check(&page, cases[i][1]);
    }
}

static void numbers_stand_as_asked_for(void **state)
{
    (void)state;
    struct tw_page page = {.report = &empty};
    tw_html(&page, "%d|%zu|%.1f|%.0f|%% %s", -3, (size_t)18446744073709551615u, 2.25, 99.6, "end");
    tw_html_percent(&page, 0.875);
    tw_html_percent(&page, NAN);
    check(&page, "-3|18446744073709551615|2.2|100|% end87.5 %–");
}

static void a_value_is_never_taken_for_a_format(void **state)
{
    (void)state;
    struct tw_page page = {.report = &empty};
    tw_html(&page, "%s", "%s%n%d");
    check(&page, "%s%n%d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_attributes_are_escaped),
        cmocka_unit_test(what_is_no_text_becomes_the_replacement_character),
        cmocka_unit_test(numbers_stand_as_asked_for),
        cmocka_unit_test(a_value_is_never_taken_for_a_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
