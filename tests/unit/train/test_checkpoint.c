#include "train/checkpoint.h"

#include "base/memory.h"
#include "scratch.h"

enum { IDENTITY = 77, COUNT = 5 };

static void write_at(uint64_t identity, uint64_t step)
{
    float state[COUNT] = {(float)step, 1, -2, 3e30f, 0.1f};
    struct tw_error error = {0};
    if (tw_checkpoint_write(&(struct tw_checkpoint_place){".", identity, 2}, step, state, COUNT, &error))
        fail_msg("%s", error.text);
}

static void keep_warning(void *context, enum tw_log_level level, const char *text)
{
    assert_int_equal(level, TW_LOG_WARNING);
    snprintf(context, 400, "%s", text);
}

static void expect_read(uint64_t identity, size_t count, uint64_t wanted, const char *warning)
{
    char text[400] = "";
    float state[COUNT + 1] = {-1};
    uint64_t step = 99;
    const struct tw_sink sink = {.context = text, .log = keep_warning};
    struct tw_error error = {0};
    if (tw_checkpoint_read(".", identity, &step, state, count, &sink, &error))
        fail_msg("%s", error.text);
    assert_int_equal(step, wanted);
    assert_true(state[0] == (wanted ? (float)wanted : -1));
    if (wanted)
        assert_true(state[3] == 3e30f && state[4] == 0.1f);
    if (!strstr(text, warning) || (!*warning && *text))
        fail_msg("%s", text);
}

static void newest_checkpoint_comes_back(void **state)
{
    (void)state;
    expect_read(IDENTITY, COUNT, 0, "");
    write_at(IDENTITY, 9);
    write_at(IDENTITY, 100);
    expect_read(IDENTITY, COUNT, 100, "");
}

static void the_last_two_are_kept_and_those_above_go(void **state)
{
    (void)state;
    write_at(IDENTITY + 1, 900);
    put_text("notes.twc", "somebody's");
    for (uint64_t step = 100; step <= 400; step += 100)
        write_at(IDENTITY, step);
    assert_int_equal(entries_of("."), 3);
    assert_int_equal(access("step-00000300.twc", F_OK) || access("step-00000400.twc", F_OK), 0);
}

static void damage_anywhere_is_named_and_the_one_before_wins(void **state)
{
    (void)state;
    size_t size;
    write_at(IDENTITY, 100);
    write_at(IDENTITY, 200);
    uint8_t *bytes = bytes_of("step-00000200.twc", &size);
    assert_int_equal(size, 32 + COUNT * 4 + 4);
    for (size_t i = 0; i < size; i++) {
        put_bytes("step-00000200.twc", bytes, i);
        expect_read(IDENTITY, COUNT, 100, "step-00000200.twc is passed over: it is not whole");
        bytes[i] ^= 0x10;
        put_bytes("step-00000200.twc", bytes, size);
        expect_read(IDENTITY, COUNT, 100, "step-00000200.twc is passed over");
        bytes[i] ^= 0x10;
    }
    put_bytes("step-00000300.twc", bytes, size);
    remove("step-00000200.twc");
    expect_read(IDENTITY, COUNT, 100, "its name and its step differ");
    free(bytes);
}

static void checkpoint_of_another_training_is_passed_over(void **state)
{
    (void)state;
    write_at(IDENTITY, 100);
    expect_read(IDENTITY + 1, COUNT, 0, "it is of another training");
    expect_read(IDENTITY, COUNT + 1, 0, "it is of another training");
}

static void folder_that_is_missing_is_said(void **state)
{
    (void)state;
    float value = 0;
    uint64_t step;
    struct tw_error error = {0};
    assert_int_equal(tw_checkpoint_write(&(struct tw_checkpoint_place){"none", IDENTITY, 2}, 1, &value, 1, &error),
                     TW_IO);
    assert_int_equal(tw_checkpoint_read("none", IDENTITY, &step, &value, 1, NULL, &error), TW_NOT_FOUND);
    assert_non_null(strstr(error.text, "none"));
}

static void failed_allocations_leave_whole_checkpoints_only(void **state)
{
    (void)state;
    float kept[COUNT] = {0};
    bool is_whole = false;
    for (uint64_t n = 1; !is_whole; n++) {
        uint64_t step = 0;
        assert_true(n < 200);
        tw_memory_fail_at(n);
        enum tw_status status =
            tw_checkpoint_write(&(struct tw_checkpoint_place){".", IDENTITY, 2}, n, kept, COUNT, NULL);
        if (!status)
            status = tw_checkpoint_read(".", IDENTITY, &step, kept, COUNT, NULL, NULL);
        tw_memory_fail_at(0);
        is_whole = !status && step == n;
        assert_true(status == TW_OK || status == TW_NO_MEMORY || status == TW_IO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(newest_checkpoint_comes_back),
        in_folder(the_last_two_are_kept_and_those_above_go),
        in_folder(damage_anywhere_is_named_and_the_one_before_wins),
        in_folder(checkpoint_of_another_training_is_passed_over),
        in_folder(folder_that_is_missing_is_said),
        in_folder(failed_allocations_leave_whole_checkpoints_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
