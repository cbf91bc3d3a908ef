#include "folder.h"

#include "storage/storage.h"

static void lines_are_labels_without_bom_crlf_and_spaces(void **state)
{
    (void)state;
    struct tw_labels labels = {0};
    size_t id;
    put_text("dict.txt", "\xef\xbb\xbf tulip \r\nwild rose\r\n\t\xc3\xa4hre\n\n\n");
    assert_int_equal(tw_labels_read("dict.txt", &labels, NULL), TW_OK);
    assert_int_equal(labels.count, 3);
    assert_string_equal(labels.names[0], "tulip");
    assert_string_equal(labels.names[1], "wild rose");
    assert_true(tw_labels_find(&labels, "\xc3\xa4hre", &id));
    assert_int_equal(id, 2);
    assert_false(tw_labels_find(&labels, "Tulip", &id));
    tw_labels_release(&labels);
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    struct tw_labels labels = {0}, back = {0};
    size_t id;
    put_text("dict.txt", "b\na,b\n\"c\"");
    assert_int_equal(tw_labels_read("dict.txt", &labels, NULL), TW_OK);
    assert_int_equal(tw_labels_add(&labels, "d", &id, NULL), TW_OK);
    assert_int_equal(tw_labels_add(&labels, "b", &id, NULL), TW_OK);
    assert_int_equal(id, 0);
    assert_int_equal(tw_labels_write("labels.txt", &labels, NULL), TW_OK);
    assert_int_equal(tw_labels_read("labels.txt", &back, NULL), TW_OK);
    assert_int_equal(back.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(back.names[i], labels.names[i]);
    tw_labels_release(&labels);
    tw_labels_release(&back);
}

static void wrong_files_are_refused_with_their_line(void **state)
{
    (void)state;
    char long_line[1100];
    memset(long_line, 'x', sizeof long_line);
    const struct {
        const char *text;
        size_t size;
        enum tw_status status;
        const char *words;
    } cases[] = {
        {"", 0, TW_CORRUPT, "label file dict.txt: it holds no label"},
        {"a\n\nb\n", 5, TW_CORRUPT, "line 2: it is empty"},
        {"a\nb\na\n", 6, TW_INVALID, "the label a stands twice, on lines 1 and 3"},
        {"a\nb\0c\n", 6, TW_CORRUPT, "line 2: it holds a NUL byte"},
        {"a\nb\x1b[2J\n", 8, TW_CORRUPT, "line 2: the label b\\x1b[2J holds a control character"},
        {"a\n\xff\n", 4, TW_CORRUPT, "line 2: the label \\xff is no UTF-8 text"},
        {long_line, sizeof long_line, TW_LIMIT, "has 1100 bytes, more than the limit of 1024"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_labels labels = {0};
        struct tw_error error = {0};
        put_bytes("dict.txt", cases[i].text, cases[i].size);
        assert_int_equal(tw_labels_read("dict.txt", &labels, &error), cases[i].status);
        if (strstr(error.text, cases[i].words) == NULL)
            fail_msg("%s", error.text);
        assert_null(labels.names);
    }
}

/* audit.csv of what listing a folder and a CSV found. */
static void the_audit_has_a_row_for_every_input(void **state)
{
    (void)state;
    struct tw_buffer text = {0};
    put_photo("=1+1.jpg");
    put_photo("b, \"c\".jpg");
    put_text("list.csv", "=1+1.jpg,t,u\n\"b, \"\"c\"\".jpg\",\ngone.jpg,t\n");
    struct tw_dataset dataset = list("list.csv");
    dataset.items[0].width = 640;
    dataset.items[0].height = 480;
    assert_int_equal(tw_audit_write("audit.csv", &dataset, NULL), TW_OK);
    assert_int_equal(tw_storage_read("audit.csv", 4096, &text, NULL), TW_OK);
    assert_int_equal(tw_buffer_append(&text, "", 1, NULL), TW_OK);
    assert_string_equal((char *)text.data, "uri,status,reason,width,height,label\n"
                                           "'=1+1.jpg,ok,,640,480,t;u\n"
                                           "\"b, \"\"c\"\".jpg\",ok,no label,,,\n"
                                           "gone.jpg,skipped,there is no such file,,,t\n");
    tw_buffer_release(&text);
    tw_dataset_release(&dataset);
}

static void sorted_labels_are_found_at_their_new_places(void **state)
{
    (void)state;
    struct tw_labels labels = {0};
    size_t id, places[100];
    char name[24];
    for (size_t i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "label %02zu", i * 37 % 100);
        assert_int_equal(tw_labels_add(&labels, name, &id, NULL), TW_OK);
        assert_int_equal(id, i);
    }
    assert_int_equal(tw_labels_sort(&labels, 0, places, NULL), TW_OK);
    for (size_t i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "label %02zu", i * 37 % 100);
        assert_string_equal(labels.names[i * 37 % 100], name);
        assert_int_equal(places[i], i * 37 % 100);
        assert_true(tw_labels_find(&labels, name, &id) && id == i * 37 % 100);
    }
    assert_false(tw_labels_find(&labels, "label 100", &id));
    tw_labels_release(&labels);
}

static void a_hundred_thousand_labels_keep_their_ids_and_one_more_is_refused(void **state)
{
    (void)state;
    struct tw_labels labels = {0};
    struct tw_error error = {0};
    size_t id;
    char name[24];
    for (size_t i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "%zu", i);
        assert_int_equal(tw_labels_add(&labels, name, &id, NULL), TW_OK);
        assert_int_equal(id, i);
    }
    assert_true(tw_labels_find(&labels, "99999", &id) && id == 99999);
    assert_int_equal(tw_labels_add(&labels, "100000", &id, &error), TW_LIMIT);
    tw_labels_release(&labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_labels_are_found_at_their_new_places),
        cmocka_unit_test(a_hundred_thousand_labels_keep_their_ids_and_one_more_is_refused),
        in_folder(lines_are_labels_without_bom_crlf_and_spaces),
        in_folder(what_is_written_reads_back_the_same),
        in_folder(wrong_files_are_refused_with_their_line),
        in_folder(the_audit_has_a_row_for_every_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
