#include "serve/shelf.h"

#include "base/memory.h"
#include "scratch.h"

/* A store's word on a model: versions 1..count, the default, and one label. */
struct word {
    struct tw_store_version versions[4];
    struct tw_store_label label;
    struct tw_store_model model;
};

static struct word say(size_t count, int64_t default_number, int64_t labelled)
{
    struct word word = {.label = {(char *)"canary", labelled, 0}};
    for (size_t i = 0; i < count; i++)
        word.versions[i].number = (int64_t)i + 1;
    word.model = (struct tw_store_model){.description = (char *)"",
                                         .version_count = count,
                                         .default_number = default_number,
                                         .label_count = labelled != 0};
    return word;
}

static size_t follow(struct tw_shelf *shelf, struct word *word)
{
    struct tw_served *gone[8];
    size_t count = 0;
    word->model.versions = word->versions;
    word->model.labels = &word->label;
    assert_int_equal(tw_shelf_follow(shelf, &word->model, NULL), TW_OK);
    assert_int_equal(tw_shelf_settle(shelf, &word->model, NULL), TW_OK);
    tw_shelf_drop(shelf, &word->model, gone, &count);
    return count;
}

static void load(struct tw_shelf *shelf, int64_t number)
{
    tw_shelf_find(shelf, number)->state = TW_SERVED_AVAILABLE;
}

static void default_moves_only_to_what_is_available(void **state)
{
    (void)state;
    struct tw_shelf shelf = {0};
    struct word first = say(1, 1, 0), second = say(2, 2, 0);
    follow(&shelf, &first);
    load(&shelf, 1);
    follow(&shelf, &second);
    assert_int_equal(tw_shelf_named(&shelf, NULL)->number, 1);
    load(&shelf, 2);
    follow(&shelf, &second);
    assert_int_equal(tw_shelf_named(&shelf, NULL)->number, 2);
    tw_shelf_release(&shelf);
}

static void label_moves_only_to_what_is_available(void **state)
{
    (void)state;
    struct tw_shelf shelf = {0};
    struct word first = say(2, 1, 1), second = say(2, 1, 2), none = say(2, 1, 0);
    follow(&shelf, &first);
    assert_null(tw_shelf_named(&shelf, "canary"));
    load(&shelf, 1);
    follow(&shelf, &first);
    assert_int_equal(tw_shelf_named(&shelf, "canary")->number, 1);
    follow(&shelf, &second);
    assert_int_equal(tw_shelf_named(&shelf, "canary")->number, 1);
    load(&shelf, 2);
    follow(&shelf, &second);
    assert_int_equal(tw_shelf_named(&shelf, "canary")->number, 2);
    follow(&shelf, &none);
    assert_null(tw_shelf_named(&shelf, "canary"));
    tw_shelf_release(&shelf);
}

static void share_of_a_label_is_dealt_evenly(void **state)
{
    (void)state;
    struct tw_shelf shelf = {0};
    struct word word = say(2, 1, 2);
    int to_canary = 0;
    word.label.share = 0.3;
    follow(&shelf, &word);
    load(&shelf, 1);
    load(&shelf, 2);
    follow(&shelf, &word);
    for (int i = 1; i <= 1000; i++) {
        to_canary += tw_shelf_named(&shelf, NULL)->number == 2;
        assert_true(to_canary - 0.3 * i < 2.5 && 0.3 * i - to_canary < 2.5);
    }
    assert_int_equal(tw_shelf_named(&shelf, "1")->number, 1);
    tw_shelf_release(&shelf);
}

static void version_that_left_the_store_leaves_the_shelf(void **state)
{
    (void)state;
    struct tw_shelf shelf = {0};
    struct word two = say(2, 1, 0), one = say(1, 1, 0);
    follow(&shelf, &two);
    follow(&shelf, &one);
    assert_int_equal(shelf.entry_count, 1);
    assert_null(tw_shelf_find(&shelf, 2));
    tw_shelf_release(&shelf);
}

static void default_that_left_the_store_answers_until_the_next_one_can(void **state)
{
    (void)state;
    struct tw_shelf shelf = {0};
    struct word first = say(1, 1, 0), second = say(1, 2, 0), none = say(0, 0, 0);
    second.versions[0].number = 2;
    follow(&shelf, &first);
    load(&shelf, 1);
    follow(&shelf, &first);
    follow(&shelf, &second); /* 1 is gone, and 2 is not loaded yet */
    assert_int_equal(tw_shelf_named(&shelf, NULL)->number, 1);
    load(&shelf, 2);
    follow(&shelf, &second);
    assert_int_equal(tw_shelf_named(&shelf, NULL)->number, 2);
    assert_null(tw_shelf_find(&shelf, 1));
    follow(&shelf, &none);
    assert_int_equal(shelf.entry_count, 0);
    tw_shelf_release(&shelf);
}

static void version_is_named_by_its_number_as_it_is_written(void **state)
{
    (void)state;
    struct tw_shelf shelf = {0};
    struct word two = say(2, 1, 0);
    follow(&shelf, &two);
    assert_int_equal(tw_shelf_named(&shelf, "2")->number, 2);
    static const char *const others[] = {"02", "+2", "2 ", "", "3", "two"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(tw_shelf_named(&shelf, others[i]));
    tw_shelf_release(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_moves_only_to_what_is_available),
        cmocka_unit_test(label_moves_only_to_what_is_available),
        cmocka_unit_test(share_of_a_label_is_dealt_evenly),
        cmocka_unit_test(version_that_left_the_store_leaves_the_shelf),
        cmocka_unit_test(default_that_left_the_store_answers_until_the_next_one_can),
        cmocka_unit_test(version_is_named_by_its_number_as_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
