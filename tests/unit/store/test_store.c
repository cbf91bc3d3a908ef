#include "store/store.h"

#include "base/memory.h"
#include "scratch.h"

#include <pthread.h>

static const struct tw_store_source plain = {
    .files = {"model.onnx", "examples/labels.txt"}, .contents = {"run/model.onnx", "run/labels.txt"}, .file_count = 2};

static int enter_store(void **state)
{
    if (enter_folder(state))
        return 1;
    put_text("run/model.onnx", "weights");
    put_text("run/labels.txt", "hug\nnot\n");
    return tw_store_create("store", "hugs", "who hugs", NULL) != TW_OK;
}

#define in_store(test) cmocka_unit_test_setup_teardown(test, enter_store, leave_folder)

static int64_t add(const struct tw_store_source *source)
{
    struct tw_store_addition *addition = NULL;
    struct tw_error error = {0};
    int64_t number = 0;
    if (tw_store_add_begin("store", "hugs", source, &addition, &error) ||
        tw_store_add_commit(addition, &number, &error))
        fail_msg("%s", error.text);
    return number;
}

static int64_t add_named(const char *name)
{
    struct tw_store_source source = plain;
    source.name = name;
    return add(&source);
}

static enum tw_status set_label(const char *name, int64_t number, double share, struct tw_error *error)
{
    return tw_store_set_label("store", "hugs", &(struct tw_store_label){(char *)name, number, share}, error);
}

static void expect_fails(enum tw_status is, enum tw_status wanted, const struct tw_error *error, const char *words)
{
    assert_int_equal(is, wanted);
    if (!strstr(error->text, words))
        fail_msg("%s", error->text);
}

static int64_t default_of(void)
{
    struct tw_store_model model = {0};
    assert_int_equal(tw_store_read("store", "hugs", &model, NULL), TW_OK);
    int64_t number = model.default_number;
    tw_store_model_release(&model);
    return number;
}

static void added_version_holds_copies_of_the_files(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    assert_int_equal(add_named("v1"), 1);
    put_text("run/model.onnx", "changed later");
    assert_int_equal(tw_store_read("store", "hugs", &model, NULL), TW_OK);
    assert_string_equal(model.description, "who hugs");
    assert_int_equal(model.version_count, 1);
    assert_string_equal(model.versions[0].name, "v1");
    assert_int_equal(model.versions[0].file_count, 2);
    assert_int_equal(model.versions[0].files[0].size_bytes, 7);
    assert_true(model.versions[0].created_s > 1700000000);
    assert_int_equal(tw_store_check("store", "hugs", &model.versions[0], NULL), TW_OK);
    assert_int_equal(entries_of("store/hugs/1"), 3);
    tw_store_model_release(&model);
}

static void first_version_is_the_default_and_later_ones_are_not(void **state)
{
    (void)state;
    assert_int_equal(default_of(), 0);
    add(&plain);
    add(&plain);
    assert_int_equal(default_of(), 1);
    assert_int_equal(tw_store_set_default("store", "hugs", 2, NULL), TW_OK);
    add(&plain);
    assert_int_equal(default_of(), 2);
}

static void default_is_deleted_only_as_the_last(void **state)
{
    (void)state;
    struct tw_error error = {0};
    add(&plain);
    add(&plain);
    expect_fails(tw_store_delete_version("store", "hugs", 1, &error), TW_CONFLICT, &error, "default");
    assert_int_equal(tw_store_delete_version("store", "hugs", 2, NULL), TW_OK);
    expect_fails(tw_store_delete("store", "hugs", &error), TW_CONFLICT, &error, "1 version:");
    assert_int_equal(tw_store_delete_version("store", "hugs", 1, NULL), TW_OK);
    assert_int_equal(tw_store_delete("store", "hugs", NULL), TW_OK);
    assert_int_equal(entries_of("store"), 0);
    expect_fails(tw_store_delete("store", "hugs", &error), TW_NOT_FOUND, &error, "no model hugs");
}

static void number_is_never_given_twice(void **state)
{
    (void)state;
    add(&plain);
    add(&plain);
    assert_int_equal(tw_store_delete_version("store", "hugs", 2, NULL), TW_OK);
    assert_int_equal(add(&plain), 3);
}

static void version_is_found_by_number_name_label_and_as_default(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    const struct tw_store_version *found = NULL;
    struct tw_error error = {0};
    add_named("v1");
    add_named("v2");
    assert_int_equal(set_label("canary", 2, 0, NULL), TW_OK);
    assert_int_equal(tw_store_read("store", "hugs", &model, NULL), TW_OK);
    static const struct {
        const char *version;
        int64_t number;
    } cases[] = {{NULL, 1}, {"2", 2}, {"v1", 1}, {"v2", 2}, {"canary", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tw_store_find(&model, cases[i].version, &found, NULL), TW_OK);
        assert_int_equal(found->number, cases[i].number);
    }
    expect_fails(tw_store_find(&model, "v3", &found, &error), TW_NOT_FOUND, &error, "its versions are 1, 2");
    expect_fails(tw_store_find(&model, "02", &found, &error), TW_NOT_FOUND, &error, "02");
    tw_store_model_release(&model);
}

static void label_moves_keeps_its_version_and_goes(void **state)
{
    (void)state;
    struct tw_error error = {0};
    add_named("v1");
    add(&plain);
    assert_int_equal(set_label("stable", 1, 0, NULL), TW_OK);
    assert_int_equal(set_label("stable", 2, 0, NULL), TW_OK);
    expect_fails(tw_store_delete_version("store", "hugs", 2, &error), TW_CONFLICT, &error, "label stable");
    expect_fails(set_label("v1", 2, 0, &error), TW_CONFLICT, &error, "has the name v1");
    expect_fails(set_label("stable", 9, 0, &error), TW_NOT_FOUND, &error, "no version");
    assert_int_equal(set_label("stable", 0, 0, NULL), TW_OK);
    assert_int_equal(tw_store_delete_version("store", "hugs", 2, NULL), TW_OK);
}

static void shares_of_labels_are_kept_and_are_at_most_one(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    struct tw_error error = {0};
    add(&plain);
    add(&plain);
    assert_int_equal(set_label("canary", 2, 0.25, NULL), TW_OK);
    assert_int_equal(set_label("other", 2, 0.75, NULL), TW_OK);
    expect_fails(set_label("third", 2, 0.01, &error), TW_CONFLICT, &error, "would take 1.01");
    assert_int_equal(set_label("canary", 2, 0.1, NULL), TW_OK);
    assert_int_equal(tw_store_read("store", "hugs", &model, NULL), TW_OK);
    assert_int_equal(model.label_count, 2);
    assert_true(model.labels[0].share == 0.1 && model.labels[1].share == 0.75);
    tw_store_model_release(&model);
    put_text("store/hugs/model.json", "{\"format\": 1, \"labels\": {\"canary\": {\"version\": 1, \"share\": 2}}}");
    expect_fails(tw_store_read("store", "hugs", &model, &error), TW_CORRUPT, &error, "sound name, version or share");
}

static void names_that_could_leave_the_store_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",  ".",  "..",  "../run", "a/b",      "/etc",
                                        "1", "-x", "a b", "a\n",    "\xc3\xa4", ".hidden"};
    struct tw_error error = {0};
    struct tw_store_model model = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_fails(tw_store_create("store", names[i], "", &error), TW_INVALID, &error, "cannot be the name");
        expect_fails(tw_store_read("store", names[i], &model, &error), TW_INVALID, &error, "cannot be the name");
    }
    char longest[TW_STORE_NAME_SIZE + 2];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    expect_fails(tw_store_create("store", longest, "", &error), TW_INVALID, &error, "at most 128");
    longest[TW_STORE_NAME_SIZE] = 0;
    assert_int_equal(tw_store_create("store", longest, "", NULL), TW_OK);
}

static void version_that_lists_a_file_outside_is_refused_and_removes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {
        "../../run/model.onnx", "/run/model.onnx", "a/../../x", "", "a//b", ".x", "a/", "a/b/c"};
    struct tw_error error = {0};
    struct tw_store_model model = {0};
    char text[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text, sizeof text, "{\"format\": 1, \"files\": [{\"name\": \"%s\", \"size_bytes\": 1}]}", names[i]);
        put_text("store/hugs/1/version.json", text);
        expect_fails(tw_store_read("store", "hugs", &model, &error), TW_CORRUPT, &error, "no sound name");
        expect_fails(tw_store_delete_version("store", "hugs", 1, &error), TW_CORRUPT, &error, "version.json");
    }
    assert_int_equal(access("run/model.onnx", F_OK), 0);
}

static void version_on_its_way_is_not_seen_and_leaves_nothing_when_abandoned(void **state)
{
    (void)state;
    struct tw_store_addition *addition = NULL;
    assert_int_equal(tw_store_add_begin("store", "hugs", &plain, &addition, NULL), TW_OK);
    assert_string_equal(tw_store_addition_uri(addition), "store/hugs/1");
    assert_int_equal(default_of(), 0);
    tw_store_add_abandon(addition);
    tw_store_add_abandon(NULL);
    assert_int_equal(entries_of("store/hugs"), 1);
}

static void what_a_killed_addition_left_is_swept_by_the_next(void **state)
{
    (void)state;
    put_text("store/hugs/1/incoming.json", "{\"format\": 1, \"files\": [{\"name\": \"model.onnx\", \"size_bytes\": 0}, "
                                           "{\"name\": \"examples/labels.txt\", \"size_bytes\": 0}]}");
    put_text("store/hugs/1/model.onnx", "wei");
    put_text("store/hugs/1/examples/.labels.txt.tw-abc123", "hu");
    assert_int_equal(default_of(), 0);
    assert_int_equal(add(&plain), 2);
    assert_int_equal(access("store/hugs/1", F_OK), -1);
    assert_int_equal(default_of(), 2);
}

static void version_killed_after_it_was_published_stays(void **state)
{
    (void)state;
    size_t size;
    add(&plain);
    uint8_t *text = bytes_of("store/hugs/1/version.json", &size);
    put_bytes("store/hugs/1/incoming.json", text, size);
    free(text);
    assert_int_equal(add(&plain), 2);
    assert_int_equal(default_of(), 1);
    assert_int_equal(access("store/hugs/1/model.onnx", F_OK), 0);
    assert_int_equal(access("store/hugs/1/incoming.json", F_OK), -1);
}

static void changed_file_of_a_version_is_found(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    struct tw_error error = {0};
    add(&plain);
    assert_int_equal(tw_store_read("store", "hugs", &model, NULL), TW_OK);
    put_text("store/hugs/1/model.onnx", "wEights");
    expect_fails(tw_store_check("store", "hugs", &model.versions[0], &error), TW_CORRUPT, &error, "other bytes");
    put_text("store/hugs/1/model.onnx", "weight");
    expect_fails(tw_store_check("store", "hugs", &model.versions[0], &error), TW_CORRUPT, &error, "has 6 bytes");
    tw_store_model_release(&model);
}

static void missing_source_adds_nothing(void **state)
{
    (void)state;
    struct tw_error error = {0};
    struct tw_store_addition *addition = NULL;
    struct tw_store_source source = plain;
    source.contents[1] = "run/none";
    expect_fails(tw_store_add_begin("store", "hugs", &source, &addition, &error), TW_NOT_FOUND, &error, "run/none");
    assert_int_equal(entries_of("store/hugs"), 1);
    expect_fails(tw_store_add_begin("store", "mugs", &plain, &addition, &error), TW_NOT_FOUND, &error, "no model mugs");
    assert_int_equal(entries_of("store"), 1);
}

static void version_folder_of_tensorflow_serving_is_read_and_not_deleted(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    struct tw_error error = {0};
    put_text("store/other/7/saved_model.pb", "graph");
    put_text("store/other/8/variables/x", "no version");
    assert_int_equal(tw_store_read("store", "other", &model, NULL), TW_OK);
    assert_int_equal(model.version_count, 1);
    assert_true(model.versions[0].is_foreign);
    assert_int_equal(model.default_number, 7);
    tw_store_model_release(&model);
    expect_fails(tw_store_delete_version("store", "other", 7, &error), TW_UNSUPPORTED, &error, "yourself");
}

static void list_names_models_only(void **state)
{
    (void)state;
    struct tw_listing names = {0};
    put_text("store/other/7/saved_model.pb", "graph");
    put_text("store/photos/a.jpg", "no model");
    put_text("store/readme", "no folder");
    assert_int_equal(tw_store_list("store", &names, NULL), TW_OK);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.entries[0].name, "hugs");
    assert_string_equal(names.entries[1].name, "other");
    tw_listing_release(&names);
    assert_int_equal(tw_store_list("none", &names, NULL), TW_NOT_FOUND);
}

static void damaged_or_newer_model_file_is_named(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    struct tw_error error = {0};
    static const struct {
        const char *text, *words;
    } cases[] = {{"{", "no JSON object"},
                 {"{\"format\": 2}", "format is 2"},
                 {"[]", "no JSON object"},
                 {"{\"format\": 1, \"labels\": {\"../x\": 1}}", "no sound name"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text("store/hugs/model.json", cases[i].text);
        assert_int_not_equal(tw_store_read("store", "hugs", &model, &error), TW_OK);
        assert_non_null(strstr(error.text, cases[i].words));
        assert_non_null(strstr(error.text, "model.json"));
    }
}

static void *add_five(void *context)
{
    int64_t *numbers = context;
    for (int i = 0; i < 5; i++)
        numbers[i] = add(&plain);
    return NULL;
}

static void concurrent_additions_get_numbers_of_their_own(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int64_t numbers[THREADS][5];
    bool is_taken[THREADS * 5 + 1] = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_five, numbers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * 5; i++) {
        int64_t number = numbers[i / 5][i % 5];
        assert_in_range(number, 1, THREADS * 5);
        assert_false(is_taken[number]);
        is_taken[number] = true;
    }
}

/* Memory that runs out at any point: a sentence, or it is done; never half. */
static void addition_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct tw_store_model model = {0};
    for (uint64_t n = 1;; n++) {
        struct tw_store_addition *addition = NULL;
        struct tw_error error = {0};
        int64_t number = 0;
        tw_memory_fail_at(n);
        enum tw_status status = tw_store_add_begin("store", "hugs", &plain, &addition, &error);
        if (!status)
            status = tw_store_add_commit(addition, &number, &error);
        tw_memory_fail_at(0);
        assert_int_equal(tw_store_read("store", "hugs", &model, NULL), TW_OK);
        assert_int_equal(model.version_count, status ? 0 : 1);
        tw_store_model_release(&model);
        if (!status)
            break;
        assert_int_equal(status, TW_NO_MEMORY);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_store(added_version_holds_copies_of_the_files),
        in_store(first_version_is_the_default_and_later_ones_are_not),
        in_store(default_is_deleted_only_as_the_last),
        in_store(number_is_never_given_twice),
        in_store(version_is_found_by_number_name_label_and_as_default),
        in_store(label_moves_keeps_its_version_and_goes),
        in_store(shares_of_labels_are_kept_and_are_at_most_one),
        in_store(names_that_could_leave_the_store_are_refused),
        in_store(version_that_lists_a_file_outside_is_refused_and_removes_nothing),
        in_store(version_on_its_way_is_not_seen_and_leaves_nothing_when_abandoned),
        in_store(what_a_killed_addition_left_is_swept_by_the_next),
        in_store(version_killed_after_it_was_published_stays),
        in_store(changed_file_of_a_version_is_found),
        in_store(missing_source_adds_nothing),
        in_store(version_folder_of_tensorflow_serving_is_read_and_not_deleted),
        in_store(list_names_models_only),
        in_store(damaged_or_newer_model_file_is_named),
        in_store(concurrent_additions_get_numbers_of_their_own),
        in_store(addition_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
