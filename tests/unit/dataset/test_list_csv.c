#include "folder.h"

static void rows_name_photos_beside_the_csv_and_their_labels(void **state)
{
    (void)state;
    put_photo("d/a.jpg");
    put_photo("d/sub/b.jpg");
    put_text("d/list.csv", "a.jpg,tulip\nsub/b.jpg,rose\n");
    struct tw_dataset dataset = list("d/list.csv");
    item_is(&dataset, 0, "a.jpg", "tulip");
    assert_string_equal(dataset.items[0].location, "d/a.jpg");
    item_is(&dataset, 1, "sub/b.jpg", "rose");
    assert_string_equal(dataset.labels.names[0], "rose");
    tw_dataset_release(&dataset);
}

static void bom_crlf_quotes_spaces_empty_lines_and_a_header_are_understood(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_photo("b, \"c\".jpg");
    put_photo("d.jpg");
    put_text("list.csv",
             "\xef\xbb\xbfuri,label\r\n  a.jpg , tulip \r\n\r\n\"b, \"\"c\"\".jpg\",\"rose\"\r\nd.jpg,tulip");
    struct tw_dataset dataset = list("list.csv");
    assert_int_equal(dataset.count, 3);
    item_is(&dataset, 0, "a.jpg", "tulip");
    item_is(&dataset, 1, "b, \"c\".jpg", "rose");
    item_is(&dataset, 2, "d.jpg", "tulip");
    tw_dataset_release(&dataset);
}

static void several_labels_are_kept_sorted_and_once(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_text("list.csv", "a.jpg,c,a,,c,b\n");
    struct tw_dataset dataset = list("list.csv");
    item_is(&dataset, 0, "a.jpg", "a+b+c");
    tw_dataset_release(&dataset);
}

static void empty_cells_mean_no_label_and_a_missing_uri_is_named_by_its_line(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_photo("b.jpg");
    put_text("list.csv", "a.jpg,\nb.jpg\n,tulip\n");
    struct tw_dataset dataset = list("list.csv");
    assert_int_equal(dataset.count, 3);
    item_is(&dataset, 0, "a.jpg", "");
    item_is(&dataset, 1, "b.jpg", "");
    item_is_skipped(&dataset, 2, "", "line 3 names no photo");
    tw_dataset_release(&dataset);
}

static void fixed_labels_keep_their_ids_and_others_are_unknown(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_photo("b.jpg");
    put_photo("c.jpg");
    put_text("dict.txt", "tulip\nrose\n");
    put_text("list.csv", "a.jpg,tulip\nb.jpg,rose,weed\nc.jpg,weed\n");
    struct tw_dataset dataset = list_as("list.csv", &(struct tw_list_options){.labels_uri = "dict.txt"});
    assert_int_equal(dataset.labels.count, 2);
    assert_int_equal(dataset.items[0].labels[0], 0);
    item_is(&dataset, 1, "b.jpg", "rose");
    assert_string_equal(dataset.items[1].reason, "unknown label weed ignored");
    item_is_skipped(&dataset, 2, "c.jpg", "unknown label weed ignored");
    tw_dataset_release(&dataset);
}

static void known_labels_are_fixed_too(void **state)
{
    (void)state;
    char *names[] = {"rose", "tulip"};
    const struct tw_labels known = {.names = names, .count = 2};
    put_photo("a.jpg");
    put_text("list.csv", "a.jpg,tulip\n");
    struct tw_dataset dataset = list_as("list.csv", &(struct tw_list_options){.known_labels = &known});
    assert_int_equal(dataset.items[0].labels[0], 1);
    tw_dataset_release(&dataset);
}

static void the_same_photo_again_is_left_out_and_under_another_label_both_are(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_photo("b.jpg");
    put_text("list.csv", "a.jpg,tulip\n./a.jpg,tulip\nb.jpg,tulip\nb.jpg,rose\n");
    struct tw_dataset dataset = list("list.csv");
    item_is(&dataset, 0, "a.jpg", "tulip");
    item_is_skipped(&dataset, 1, "./a.jpg", "listed before, as a.jpg");
    item_is_skipped(&dataset, 2, "b.jpg", "under tulip and, as b.jpg, under rose");
    item_is_skipped(&dataset, 3, "b.jpg", "under rose and, as b.jpg, under tulip");
    tw_dataset_release(&dataset);
}

static void a_row_of_unknown_labels_takes_nothing_from_the_photos_other_row(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_text("dict.txt", "tulip\n");
    put_text("list.csv", "a.jpg,tulip\na.jpg,weed\n");
    struct tw_dataset dataset = list_as("list.csv", &(struct tw_list_options){.labels_uri = "dict.txt"});
    item_is(&dataset, 0, "a.jpg", "tulip");
    item_is_skipped(&dataset, 1, "a.jpg", "unknown label weed");
    tw_dataset_release(&dataset);
}

static void missing_files_folders_and_foreign_storage_are_named(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_photo("f/x.jpg");
    put_text("list.csv", "a.jpg,t\ngone.jpg,t\nf,t\ngs://bucket/x.jpg,t\na.jpg/b.jpg,t\n");
    struct tw_dataset dataset = list("list.csv");
    assert_int_equal(dataset.count, 5);
    item_is(&dataset, 0, "a.jpg", "t");
    item_is_skipped(&dataset, 1, "gone.jpg", "no such file");
    item_is_skipped(&dataset, 2, "f", "it is a folder");
    item_is_skipped(&dataset, 3, "gs://bucket/x.jpg", "not built in");
    item_is_skipped(&dataset, 4, "a.jpg/b.jpg", "no such file");
    tw_dataset_release(&dataset);
}

static void absolute_paths_and_file_uris_meet(void **state)
{
    char text[512];
    put_photo("a b.jpg");
    snprintf(text, sizeof text, "%s/a b.jpg,t\nfile://%s/a%%20b.jpg,t\n", (char *)*state, (char *)*state);
    put_text("list.csv", text);
    struct tw_dataset dataset = list("list.csv");
    assert_int_equal(dataset.items[0].status, TW_ITEM_OK);
    assert_int_equal(dataset.items[1].status, TW_ITEM_SKIPPED);
    assert_non_null(strstr(dataset.items[1].reason, "listed before"));
    tw_dataset_release(&dataset);
}

static void damaged_csvs_are_refused_with_their_line(void **state)
{
    (void)state;
    put_photo("a.jpg");
    put_bytes("nul.csv", "a.jpg,t\nb\0.jpg,t\n", 17);
    put_text("quote.csv", "a.jpg,t\n\"b.jpg,t\n");
    put_text("after.csv", "\"a.jpg\"x,t\n");
    refused("nul.csv", &(struct tw_list_options){0}, TW_CORRUPT, "CSV nul.csv: line 2 holds a NUL byte");
    refused("quote.csv", &(struct tw_list_options){0}, TW_CORRUPT, "CSV quote.csv: line 2 has a quote");
    refused("after.csv", &(struct tw_list_options){0}, TW_CORRUPT, "CSV after.csv: line 1 has text after");
}

static void every_truncation_of_a_csv_is_listed_or_refused(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfuri,label\r\n\"a \"\"1\"\".jpg\",\"t\",u\r\nb.jpg,\r\n";
    for (size_t size = 0; size < sizeof text; size++) {
        const char *input = "list.csv";
        struct tw_dataset dataset = {0};
        put_bytes(input, text, size);
        enum tw_status status = tw_dataset_list(&input, 1, &(struct tw_list_options){0}, &dataset, NULL);
        assert_true(status == TW_OK || status == TW_CORRUPT);
        tw_dataset_release(&dataset);
    }
}

static void failed_allocations_are_reported(void **state)
{
    (void)state;
    put_photo("p/x/a.jpg");
    put_photo("p/y/b.jpg");
    put_text("list.csv", "p/x/a.jpg,t,u\np/y/b.jpg,weed\np/x/a.jpg,t,u\n");
    const char *inputs[] = {"list.csv", "p"};
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status != TW_OK; n++) {
        struct tw_dataset dataset = {0};
        tw_memory_fail_at(n);
        status = tw_dataset_list(inputs, 2, &(struct tw_list_options){0}, &dataset, NULL);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || (status == TW_NO_MEMORY && dataset.items == NULL));
        assert_true(n < 1000);
        tw_dataset_release(&dataset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(rows_name_photos_beside_the_csv_and_their_labels),
        in_folder(bom_crlf_quotes_spaces_empty_lines_and_a_header_are_understood),
        in_folder(several_labels_are_kept_sorted_and_once),
        in_folder(empty_cells_mean_no_label_and_a_missing_uri_is_named_by_its_line),
        in_folder(fixed_labels_keep_their_ids_and_others_are_unknown),
        in_folder(known_labels_are_fixed_too),
        in_folder(the_same_photo_again_is_left_out_and_under_another_label_both_are),
        in_folder(a_row_of_unknown_labels_takes_nothing_from_the_photos_other_row),
        in_folder(missing_files_folders_and_foreign_storage_are_named),
        in_folder(absolute_paths_and_file_uris_meet),
        in_folder(damaged_csvs_are_refused_with_their_line),
        in_folder(every_truncation_of_a_csv_is_listed_or_refused),
        in_folder(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
