#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    enum tw_log_level level;
    char text[2 * TW_ERROR_SIZE];
    struct tw_progress progress;
    int logs, progresses, questions;
};

static void hear_log(void *context, enum tw_log_level level, const char *text)
{
    struct heard *heard = context;
    heard->logs++;
    heard->level = level;
    assert_true(strlen(text) < sizeof heard->text);
    strcpy(heard->text, text);
}

static void hear_progress(void *context, const struct tw_progress *progress)
{
    struct heard *heard = context;
    heard->progresses++;
    heard->progress = *progress;
}

static int stop_at_second_question(void *context)
{
    struct heard *heard = context;
    return ++heard->questions >= 2;
}

static void sink_hears_the_formatted_text_and_its_level(void **state)
{
    (void)state;
    struct heard heard = {0};
    const struct tw_sink sink = {.context = &heard, .log = hear_log};
    tw_log(&sink, TW_LOG_DEBUG, "%s has %d", "a.jpg", 3);
    assert_int_equal(heard.logs, 1);
    assert_int_equal(heard.level, TW_LOG_DEBUG);
    assert_string_equal(heard.text, "a.jpg has 3");
}

static void text_that_is_too_long_is_cut(void **state)
{
    (void)state;
    struct heard heard = {0};
    const struct tw_sink sink = {.context = &heard, .log = hear_log};
    tw_log(&sink, TW_LOG_WARNING, "%*d", 2 * TW_ERROR_SIZE, 1);
    assert_int_equal(strlen(heard.text), TW_ERROR_SIZE - 1);
}

static void progress_arrives_as_it_was_given(void **state)
{
    (void)state;
    struct heard heard = {0};
    const struct tw_sink sink = {.context = &heard, .progress = hear_progress};
    const struct tw_progress progress = {.stage = "embed", .unit = "photos", .done = 3, .total = 9, .skipped = 1};
    tw_progress(&sink, &progress);
    assert_int_equal(heard.progresses, 1);
    assert_memory_equal(&heard.progress, &progress, sizeof progress);
}

static void stop_is_what_the_sink_answers(void **state)
{
    (void)state;
    struct heard heard = {0};
    const struct tw_sink sink = {.context = &heard, .is_stopped = stop_at_second_question};
    assert_false(tw_is_stopped(&sink));
    assert_true(tw_is_stopped(&sink));
}

static void sink_without_callbacks_reports_nowhere_and_never_stops(void **state)
{
    (void)state;
    static const struct tw_sink empty = {0};
    const struct tw_sink *const sinks[] = {NULL, &empty};
    for (size_t i = 0; i < 2; i++) {
        tw_log(sinks[i], TW_LOG_WARNING, "unheard");
        tw_progress(sinks[i], &(struct tw_progress){.stage = "embed"});
        assert_false(tw_is_stopped(sinks[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sink_hears_the_formatted_text_and_its_level),
        cmocka_unit_test(text_that_is_too_long_is_cut),
        cmocka_unit_test(progress_arrives_as_it_was_given),
        cmocka_unit_test(stop_is_what_the_sink_answers),
        cmocka_unit_test(sink_without_callbacks_reports_nowhere_and_never_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
