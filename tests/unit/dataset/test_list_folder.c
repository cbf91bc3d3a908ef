#include "folder.h"

static void sub_folders_name_the_labels_in_the_order_of_their_bytes(void **state)
{
    (void)state;
    put_photo("p/tulips/b.jpg");
    put_photo("p/Daisy/a.jpg");
    put_photo("p/tulips/deep/er/c.jpg");
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 3);
    assert_int_equal(dataset.labels.count, 2);
    assert_string_equal(dataset.labels.names[0], "Daisy");
    item_is(&dataset, 0, "p/Daisy/a.jpg", "Daisy");
    item_is(&dataset, 1, "p/tulips/b.jpg", "tulips");
    item_is(&dataset, 2, "p/tulips/deep/er/c.jpg", "tulips");
    tw_dataset_release(&dataset);
}

static void photos_beside_the_folders_have_no_label(void **state)
{
    (void)state;
    put_photo("p/a.jpg");
    put_photo("p/x/b.jpg");
    struct tw_dataset dataset = list("p/");
    item_is(&dataset, 0, "p/a.jpg", "");
    assert_string_equal(dataset.items[0].reason, "no label");
    item_is(&dataset, 1, "p/x/b.jpg", "x");
    tw_dataset_release(&dataset);
}

static void hidden_files_and_companions_are_left_out(void **state)
{
    (void)state;
    put_photo("p/x/b.jpg");
    put_photo("p/x/.hidden.jpg");
    put_photo("p/.git/x.jpg");
    put_photo("p/x/LICENSE.txt");
    put_photo("p/x/Thumbs.db");
    put_photo("p/train.csv");
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 1);
    tw_dataset_release(&dataset);
}

static void what_is_no_file_is_named(void **state)
{
    (void)state;
    put_photo("p/x/b.jpg");
    mkfifo("p/x/c.jpg", 0666);
    assert_int_equal(symlink("nowhere.jpg", "p/x/d.jpg"), 0);
    assert_int_equal(symlink("e.jpg", "p/x/e.jpg"), 0);
    mkdir("p/x/f.JPG", 0777);
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 5);
    item_is(&dataset, 0, "p/x/b.jpg", "x");
    item_is_skipped(&dataset, 1, "p/x/c.jpg", "no regular file");
    item_is_skipped(&dataset, 2, "p/x/d.jpg", "no such file");
    item_is_skipped(&dataset, 3, "p/x/e.jpg", "symbolic links");
    item_is_skipped(&dataset, 4, "p/x/f.JPG", "an empty one");
    tw_dataset_release(&dataset);
}

static void links_that_lead_back_are_named_and_not_followed(void **state)
{
    (void)state;
    put_photo("p/cats/a.jpg");
    put_photo("p/dogs/b.jpg");
    assert_int_equal(symlink("..", "p/cats/up"), 0);
    assert_int_equal(symlink(".", "p/cats/self"), 0);
    assert_int_equal(symlink("../cats", "p/dogs/cats"), 0);
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 5);
    item_is(&dataset, 0, "p/cats/a.jpg", "cats");
    item_is_skipped(&dataset, 1, "p/cats/self", "link to a folder that is looked through anyway");
    item_is_skipped(&dataset, 2, "p/cats/up", "link to a folder that is looked through anyway");
    item_is(&dataset, 3, "p/dogs/b.jpg", "dogs");
    item_is_skipped(&dataset, 4, "p/dogs/cats", "link to a folder that is looked through anyway");
    tw_dataset_release(&dataset);
}

static void links_that_lead_out_are_followed_once(void **state)
{
    (void)state;
    put_photo("p/cats/a.jpg");
    put_photo("more/b.jpg");
    assert_int_equal(symlink("../../more", "p/cats/more"), 0);
    assert_int_equal(symlink("../p/cats", "more/back"), 0);
    assert_int_equal(symlink("../more", "more/self"), 0);
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 4);
    item_is(&dataset, 1, "p/cats/more/b.jpg", "cats");
    item_is_skipped(&dataset, 0 + 2, "p/cats/more/back", "looked through anyway");
    item_is_skipped(&dataset, 3, "p/cats/more/self", "looked through anyway");
    tw_dataset_release(&dataset);
}

static void an_input_that_is_a_link_itself_is_followed(void **state)
{
    (void)state;
    put_photo("p/cats/a.jpg");
    assert_int_equal(symlink("p", "q"), 0);
    struct tw_dataset dataset = list("q");
    assert_int_equal(dataset.count, 1);
    item_is(&dataset, 0, "q/cats/a.jpg", "cats");
    tw_dataset_release(&dataset);
}

static void too_deep_folders_are_named(void **state)
{
    (void)state;
    put_photo("p/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/in.jpg");
    put_photo("p/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/out.jpg");
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 2);
    item_is_skipped(&dataset, 0, "p/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "more than 15 folders deep");
    item_is(&dataset, 1, "p/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/in.jpg", "1");
    tw_dataset_release(&dataset);
}

static void odd_names_are_kept_as_they_are(void **state)
{
    (void)state;
    static const char *const names[] = {"p/x/\xff\xfe.jpg", "p/x/a \"b\".jpg", "p/x/line\nbreak.jpg", "p/x/~'$.jpg"};
    char name_255[300] = "p/x/";
    memset(name_255 + 4, 'n', 255);
    put_photo(name_255);
    for (size_t i = 0; i < 4; i++)
        put_photo(names[i]);
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.count, 5);
    item_is(&dataset, 0, names[1], "x");
    item_is(&dataset, 1, names[2], "x");
    item_is(&dataset, 2, name_255, "x");
    item_is(&dataset, 3, names[3], "x");
    item_is(&dataset, 4, names[0], "x");
    tw_dataset_release(&dataset);
}

static void folders_whose_name_can_be_no_label_are_skipped_by_photo(void **state)
{
    (void)state;
    put_photo("p/a\nb/1.jpg");
    put_photo("p/\xff/2.jpg");
    put_photo("p/ good /3.jpg");
    struct tw_dataset dataset = list("p");
    assert_int_equal(dataset.labels.count, 1);
    item_is(&dataset, 0, "p/ good /3.jpg", "good");
    item_is_skipped(&dataset, 1, "p/a\nb/1.jpg", "control character");
    item_is_skipped(&dataset, 2, "p/\xff/2.jpg", "no UTF-8");
    tw_dataset_release(&dataset);
}

static void single_photos_and_globs_are_inputs_too(void **state)
{
    (void)state;
    put_photo("a 1.jpg");
    put_photo("a 2.jpg");
    struct tw_dataset dataset = list("a ?.jpg");
    assert_int_equal(dataset.count, 2);
    item_is(&dataset, 1, "a 2.jpg", "");
    tw_dataset_release(&dataset);
    dataset = list("a 1.jpg");
    assert_int_equal(dataset.count, 1);
    tw_dataset_release(&dataset);
}

static void a_name_with_glob_signs_is_a_name_first(void **state)
{
    (void)state;
    put_photo("a[1].jpg");
    put_photo("a1.jpg");
    struct tw_dataset dataset = list("a[1].jpg");
    assert_int_equal(dataset.count, 1);
    item_is(&dataset, 0, "a[1].jpg", "");
    tw_dataset_release(&dataset);
}

static void a_missing_input_is_an_error_in_training_and_an_item_in_prediction(void **state)
{
    (void)state;
    refused("nowhere", &(struct tw_list_options){0}, TW_NOT_FOUND, "no file or folder nowhere");
    refused("no*where", &(struct tw_list_options){0}, TW_NOT_FOUND, "no file matches no*where");
    struct tw_dataset dataset = list_as("nowhere", &(struct tw_list_options){.is_prediction = true});
    item_is_skipped(&dataset, 0, "nowhere", "no such file");
    tw_dataset_release(&dataset);
}

static void prediction_takes_every_input_also_twice_and_no_label(void **state)
{
    (void)state;
    put_photo("p/x/a.jpg");
    const char *inputs[] = {"p/x/a.jpg", "p", "p/x/a.jpg"};
    struct tw_dataset dataset = {0};
    assert_int_equal(tw_dataset_list(inputs, 3, &(struct tw_list_options){.is_prediction = true}, &dataset, NULL),
                     TW_OK);
    assert_int_equal(dataset.count, 3);
    for (size_t i = 0; i < 3; i++)
        item_is(&dataset, i, "p/x/a.jpg", "");
    assert_int_equal(dataset.labels.count, 0);
    tw_dataset_release(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(sub_folders_name_the_labels_in_the_order_of_their_bytes),
        in_folder(photos_beside_the_folders_have_no_label),
        in_folder(hidden_files_and_companions_are_left_out),
        in_folder(what_is_no_file_is_named),
        in_folder(links_that_lead_back_are_named_and_not_followed),
        in_folder(links_that_lead_out_are_followed_once),
        in_folder(an_input_that_is_a_link_itself_is_followed),
        in_folder(too_deep_folders_are_named),
        in_folder(odd_names_are_kept_as_they_are),
        in_folder(folders_whose_name_can_be_no_label_are_skipped_by_photo),
        in_folder(single_photos_and_globs_are_inputs_too),
        in_folder(a_name_with_glob_signs_is_a_name_first),
        in_folder(a_missing_input_is_an_error_in_training_and_an_item_in_prediction),
        in_folder(prediction_takes_every_input_also_twice_and_no_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
