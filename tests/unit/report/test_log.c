#include "report/log_text.h"
#include "report/run_log.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/topwork-log-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/topwork-log-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static void path_of(char *path)
{
    sprintf(path, "%s/log.jsonl", folder);
}

static int remove_folder(void **state)
{
    (void)state;
    char path[64];
    path_of(path);
    unlink(path);
    return rmdir(folder);
}

static size_t read_log(char *text, size_t size)
{
    char path[64];
    path_of(path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t got = fread(text, 1, size - 1, file);
    fclose(file);
    text[got] = 0;
    return got;
}

static void add_points(struct tw_run_log *log, size_t first, size_t last)
{
    for (size_t step = first; step <= last; step += 10) {
        struct tw_log_point point = {.step = step, .step_count = 100, .train_loss = 0.5, .eval_loss = NAN};
        tw_run_log_point(log, &point, 0);
    }
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

static void a_line_is_in_the_file_when_the_call_returns(void **state)
{
    (void)state;
    struct tw_run_log log = {0};
    struct tw_error error = {0};
    char text[4096];
    assert_int_equal(tw_run_log_open(folder, "train", &log, &error), TW_OK);
    add_points(&log, 10, 10);
    size_t size = read_log(text, sizeof text);
    assert_int_equal(text[size - 1], '\n');
    assert_non_null(strstr(text, "{\"step\": 10, \"total\": 100, \"train_loss\": 0.5"));
    assert_null(strstr(text, "eval_loss"));
    tw_run_log_release(&log);
}

static void points_of_an_earlier_run_at_the_same_step_and_later_go(void **state)
{
    (void)state;
    struct tw_run_log log = {0};
    struct tw_error error = {0};
    char text[4096];
    assert_int_equal(tw_run_log_open(folder, "train", &log, &error), TW_OK);
    add_points(&log, 10, 60);
    tw_run_log_release(&log);
    assert_int_equal(tw_run_log_open(folder, "train", &log, &error), TW_OK);
    tw_run_log_message(&log, TW_LOG_WARNING, "before the first point");
    read_log(text, sizeof text);
    assert_int_equal(count_of(text, "\"step\""), 6); /* nothing goes before it is said anew */
    add_points(&log, 40, 50);
    assert_int_equal(tw_run_log_status(&log, &error), TW_OK);
    tw_run_log_release(&log);
    read_log(text, sizeof text);
    assert_int_equal(count_of(text, "\"step\""), 5);
    assert_int_equal(count_of(text, "\"step\": 40,"), 1);
    assert_int_equal(count_of(text, "\"step\": 60,"), 0);
    assert_int_equal(count_of(text, "\"start\""), 2);
    assert_int_equal(count_of(text, "before the first point"), 1);
}

static void a_second_writer_is_refused_while_the_first_is_open(void **state)
{
    (void)state;
    struct tw_run_log first = {0}, second = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_run_log_open(folder, "train", &first, &error), TW_OK);
    assert_int_equal(tw_run_log_open(folder, "train", &second, &error), TW_CONFLICT);
    tw_run_log_release(&second);
    tw_run_log_release(&first);
    assert_int_equal(tw_run_log_open(folder, "train", &second, &error), TW_OK);
    tw_run_log_release(&second);
}

static void a_follower_gets_whole_lines_only_and_knows_the_writer(void **state)
{
    (void)state;
    struct tw_appender *appender = NULL;
    struct tw_follower *follower = NULL;
    struct tw_error error = {0};
    struct tw_span line;
    bool has_line;
    char path[64];
    path_of(path);
    assert_int_equal(tw_appender_open(path, &appender, &error), TW_OK);
    assert_int_equal(tw_appender_write(appender, tw_span_of_text("one\ntw"), &error), TW_OK);
    assert_int_equal(tw_follower_open(path, &follower, &error), TW_OK);
    assert_true(tw_follower_has_writer(follower));
    assert_int_equal(tw_follower_next(follower, &line, &has_line, &error), TW_OK);
    assert_true(has_line && tw_span_equal(line, tw_span_of_text("one")));
    assert_int_equal(tw_follower_next(follower, &line, &has_line, &error), TW_OK);
    assert_false(has_line);
    assert_int_equal(tw_appender_write(appender, tw_span_of_text("o\n"), &error), TW_OK);
    assert_int_equal(tw_follower_next(follower, &line, &has_line, &error), TW_OK);
    assert_true(has_line && tw_span_equal(line, tw_span_of_text("two")));
    assert_int_equal(tw_appender_cut(appender, 4, &error), TW_OK);
    assert_int_equal(tw_follower_next(follower, &line, &has_line, &error), TW_OK);
    assert_int_equal(tw_appender_write(appender, tw_span_of_text("three\n"), &error), TW_OK);
    assert_int_equal(tw_follower_next(follower, &line, &has_line, &error), TW_OK);
    assert_true(has_line && tw_span_equal(line, tw_span_of_text("three")));
    assert_int_equal(tw_appender_close(appender, &error), TW_OK);
    assert_false(tw_follower_has_writer(follower));
    tw_follower_free(follower);
}

static void lines_read_as_people_read_them(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"step\": 100, \"total\": 400, \"train_loss\": 0.25, \"train_accuracy\": 0.9, \"eval_loss\": 0.5, "
         "\"eval_accuracy\": 0.8, \"rate\": 1000.0, \"left_seconds\": 75.0}",
         "train    step 100/400, loss 0.2500, accuracy 90.0 %; evaluation loss 0.5000, accuracy 80.0 %; 1000 "
         "examples/s, 1:15 left\n"},
        {"{\"event\": \"progress\", \"stage\": \"embed\", \"unit\": \"photos\", \"done\": 50, \"total\": 200, "
         "\"skipped\": 2, \"rate\": 10.0, \"left_seconds\": 15.0}",
         "embed    50/200 photos, 25 %, 10.0/s, 0:15 left, 2 skipped\n"},
        {"{\"event\": \"end\", \"time\": \"2026-03-01T12:00:00Z\", \"result\": \"done\", \"seconds\": 3725.0, "
         "\"accuracy\": 0.925}",
         "2026-03-01 12:00:00Z  done after 1:02:05: accuracy 92.5 %\n"},
        {"no json", "no json\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_buffer out = {0};
        struct tw_error error = {0};
        assert_int_equal(tw_log_line_to_text(tw_span_of_text(cases[i][0]), &out, &error), TW_OK);
        assert_int_equal(tw_buffer_append(&out, "", 1, &error), TW_OK);
        assert_string_equal((const char *)out.data, cases[i][1]);
        tw_buffer_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_in_the_file_when_the_call_returns, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(points_of_an_earlier_run_at_the_same_step_and_later_go, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_second_writer_is_refused_while_the_first_is_open, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_follower_gets_whole_lines_only_and_knows_the_writer, make_folder,
                                        remove_folder),
        cmocka_unit_test(lines_read_as_people_read_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
