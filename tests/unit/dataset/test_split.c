#include "folder.h"

/* `count` photos of each of `classes` classes, content made from a number. */
static struct tw_dataset dataset_of(size_t classes, size_t count)
{
    struct tw_dataset dataset = {0};
    size_t id;
    for (size_t label = 0; label < classes; label++) {
        char name[32];
        snprintf(name, sizeof name, "class %zu", label);
        assert_int_equal(tw_labels_add(&dataset.labels, name, &id, NULL), TW_OK);
        for (size_t i = 0; i < count; i++) {
            char uri[64];
            struct tw_item *item;
            snprintf(uri, sizeof uri, "%zu/%zu.jpg", label, i);
            assert_int_equal(tw_dataset_add(&dataset, uri, uri, &item, NULL), TW_OK);
            assert_int_equal(tw_digest_of(tw_span_of_text(uri), &item->content, NULL), TW_OK);
            item->labels = tw_alloc(1, sizeof *item->labels);
            item->labels[0] = (int64_t)label;
            item->label_count = 1;
        }
    }
    return dataset;
}

static size_t on_side(const struct tw_dataset *dataset, int64_t label, enum tw_side side)
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->count; i++)
        count += dataset->items[i].labels[0] == label && dataset->items[i].side == side;
    return count;
}

static size_t split(struct tw_dataset *dataset, double eval_share, bool at_least_one, const struct tw_kept_sides *kept)
{
    size_t apart = 1;
    assert_int_equal(tw_dataset_split(dataset, eval_share, at_least_one, kept, &apart, NULL), TW_OK);
    return apart;
}

static void the_point_is_the_first_53_bits_of_the_hash(void **state)
{
    (void)state;
    struct tw_digest digest = {{0}};
    assert_true(tw_split_point(&digest) == 0);
    digest.bytes[0] = 0x80;
    assert_true(tw_split_point(&digest) == 0.5);
    memset(digest.bytes, 0xff, sizeof digest.bytes);
    assert_true(tw_split_point(&digest) < 1);
}

static void the_share_is_kept_roughly_and_its_ends_exactly(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(1, 2000);
    split(&dataset, 0, false, NULL);
    assert_int_equal(on_side(&dataset, 0, TW_SIDE_EVAL), 0);
    split(&dataset, 1, false, NULL);
    assert_int_equal(on_side(&dataset, 0, TW_SIDE_TRAIN), 0);
    split(&dataset, 0.1, false, NULL);
    assert_in_range(on_side(&dataset, 0, TW_SIDE_EVAL), 150, 250);
    tw_dataset_release(&dataset);
}

static void a_photo_and_its_copy_are_on_one_side_for_every_share(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(2, 10);
    dataset.items[3].content = dataset.items[7].content;
    dataset.items[1].content = dataset.items[15].content;
    for (int percent = 1; percent < 100; percent++) {
        split(&dataset, percent / 100.0, true, NULL);
        assert_int_equal(dataset.items[3].side, dataset.items[7].side);
        assert_int_equal(dataset.items[1].side, dataset.items[15].side);
    }
    tw_dataset_release(&dataset);
}

static void photos_that_look_alike_are_on_one_side_for_every_share_and_order(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(2, 10), turned = dataset;
    for (size_t i = 0; i < 20; i++)
        dataset.items[i].cluster = i % 4 == 0 ? 5 : 0;
    turned.items = tw_alloc(20, sizeof *turned.items);
    for (size_t i = 0; i < 20; i++)
        turned.items[i] = dataset.items[19 - i];
    for (int percent = 1; percent < 100; percent += 3) {
        split(&dataset, percent / 100.0, true, NULL);
        split(&turned, percent / 100.0, true, NULL);
        for (size_t i = 0; i < 20; i++) {
            assert_true(i % 4 != 0 || dataset.items[i].side == dataset.items[0].side);
            assert_int_equal(dataset.items[i].side, turned.items[19 - i].side);
        }
    }
    tw_free(turned.items);
    tw_dataset_release(&dataset);
}

static void newcomer_joins_its_likeness_where_that_stood_before(void **state)
{
    (void)state;
    for (size_t old = 0; old < 20; old++) {
        struct tw_dataset dataset = dataset_of(1, 20);
        struct tw_kept_sides kept = {0};
        split(&dataset, 0.5, false, NULL);
        const enum tw_side before = dataset.items[old].side;
        if (before == TW_SIDE_EVAL)
            kept = (struct tw_kept_sides){.eval = &dataset.items[old].content, .eval_count = 1};
        else
            kept = (struct tw_kept_sides){.train = &dataset.items[old].content, .train_count = 1};
        dataset.items[old].cluster = dataset.items[(old + 1) % 20].cluster = dataset.items[(old + 7) % 20].cluster = 3;
        assert_int_equal(split(&dataset, 0.5, false, &kept), 0);
        assert_int_equal(dataset.items[old].side, before);
        assert_int_equal(dataset.items[(old + 1) % 20].side, before);
        assert_int_equal(dataset.items[(old + 7) % 20].side, before);
        tw_dataset_release(&dataset);
    }
}

static void likenesses_that_stood_on_both_sides_stay_and_are_counted(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(1, 3);
    const struct tw_kept_sides kept = {
        .eval = &dataset.items[0].content, .eval_count = 1, .train = &dataset.items[1].content, .train_count = 1};
    for (size_t i = 0; i < 3; i++)
        dataset.items[i].cluster = 1;
    assert_int_equal(split(&dataset, 0.5, true, &kept), 1);
    assert_int_equal(dataset.items[0].side, TW_SIDE_EVAL);
    assert_int_equal(dataset.items[1].side, TW_SIDE_TRAIN);
    tw_dataset_release(&dataset);
}

static void class_of_likenesses_alone_is_not_torn_apart(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(2, 4);
    for (size_t i = 0; i < 4; i++)
        dataset.items[i].cluster = 1;
    for (int percent = 1; percent < 100; percent += 9) {
        split(&dataset, percent / 100.0, true, NULL);
        assert_true(on_side(&dataset, 0, TW_SIDE_EVAL) % 4 == 0);
        assert_true(on_side(&dataset, 1, TW_SIDE_EVAL) >= 1 && on_side(&dataset, 1, TW_SIDE_TRAIN) >= 1);
    }
    tw_dataset_release(&dataset);
}

static void adding_photos_moves_none(void **state)
{
    (void)state;
    struct tw_dataset few = dataset_of(1, 50), more = dataset_of(1, 400);
    split(&few, 0.2, true, NULL);
    split(&more, 0.2, true, NULL);
    for (size_t i = 0; i < few.count; i++)
        assert_int_equal(few.items[i].side, more.items[i].side);
    tw_dataset_release(&few);
    tw_dataset_release(&more);
}

static void five_photos_a_class_leave_one_to_evaluate_and_one_to_train(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(40, 5);
    size_t without = 0;
    split(&dataset, 0.1, false, NULL);
    for (int64_t label = 0; label < 40; label++)
        without += on_side(&dataset, label, TW_SIDE_EVAL) == 0;
    assert_true(without > 0);
    for (int percent = 1; percent < 100; percent += 7) {
        split(&dataset, percent / 100.0, true, NULL);
        for (int64_t label = 0; label < 40; label++) {
            assert_true(on_side(&dataset, label, TW_SIDE_EVAL) >= 1);
            assert_true(on_side(&dataset, label, TW_SIDE_TRAIN) >= 1);
        }
    }
    tw_dataset_release(&dataset);
}

/* A photo added may have a lower hash than the one that its class evaluates with, which stays where the list is kept. */
static void photos_moved_for_their_class_stay_when_others_are_added(void **state)
{
    (void)state;
    size_t changed = 0;
    for (size_t more = 3; more <= 30; more++) {
        struct tw_dataset few = dataset_of(1, 2), many = dataset_of(1, more);
        struct tw_digest *moved[2];
        struct tw_kept_sides kept = {0};
        split(&few, 0.01, true, NULL);
        assert_int_equal(tw_dataset_contents(&few, TW_SIDE_EVAL, &moved[0], &kept.eval_count, NULL), TW_OK);
        assert_int_equal(tw_dataset_contents(&few, TW_SIDE_TRAIN, &moved[1], &kept.train_count, NULL), TW_OK);
        assert_int_equal(kept.eval_count, 1);
        assert_int_equal(kept.train_count, 1);
        kept.eval = moved[0];
        kept.train = moved[1];
        split(&many, 0.01, true, NULL);
        changed += few.items[0].side != many.items[0].side || few.items[1].side != many.items[1].side;
        split(&many, 0.01, true, &kept);
        for (size_t i = 0; i < few.count; i++)
            assert_int_equal(few.items[i].side, many.items[i].side);
        tw_free(moved[0]);
        tw_free(moved[1]);
        tw_dataset_release(&few);
        tw_dataset_release(&many);
    }
    assert_true(changed > 0);
}

static void a_class_of_one_photo_follows_the_rule(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(1, 1);
    split(&dataset, 1e-9, true, NULL);
    assert_int_equal(dataset.items[0].side, TW_SIDE_TRAIN);
    tw_dataset_release(&dataset);
}

static void skipped_photos_are_not_what_a_class_evaluates_with(void **state)
{
    (void)state;
    struct tw_dataset dataset = dataset_of(1, 5);
    split(&dataset, 1e-9, true, NULL);
    for (size_t i = 0; i < 5; i++) {
        if (dataset.items[i].side == TW_SIDE_EVAL)
            assert_int_equal(tw_item_skip(&dataset.items[i], "broken", NULL), TW_OK);
    }
    split(&dataset, 1e-9, true, NULL);
    size_t usable = 0;
    for (size_t i = 0; i < 5; i++)
        usable += dataset.items[i].side == TW_SIDE_EVAL && dataset.items[i].status == TW_ITEM_OK;
    assert_int_equal(usable, 1);
    tw_dataset_release(&dataset);
}

static void hashing_reads_every_file_and_names_those_it_cannot(void **state)
{
    (void)state;
    struct tw_digest wanted;
    put_text("p/x/a.jpg", "content");
    put_text("p/x/b.jpg", "more than the limit of bytes");
    put_text("p/x/c.jpg", "");
    put_text("p/x/d.jpg", "goes");
    for (int threads = 1; threads <= 4; threads += 3) {
        struct tw_dataset dataset = list("p");
        put_text("p/x/d.jpg", "goes");
        unlink("p/x/d.jpg");
        assert_int_equal(tw_dataset_hash(&dataset, threads, 20, NULL, NULL), TW_OK);
        assert_int_equal(tw_digest_of(tw_span_of_text("content"), &wanted, NULL), TW_OK);
        assert_true(tw_digest_equal(&dataset.items[0].content, &wanted));
        item_is_skipped(&dataset, 1, "p/x/b.jpg", "28 bytes, over the limit of 20");
        item_is(&dataset, 2, "p/x/c.jpg", "x");
        item_is_skipped(&dataset, 3, "p/x/d.jpg", "No such file");
        tw_dataset_release(&dataset);
        put_text("p/x/d.jpg", "goes");
    }
}

static void copies_under_two_labels_are_skipped_and_under_one_are_kept(void **state)
{
    (void)state;
    put_text("p/x/a.jpg", "one");
    put_text("p/x/b.jpg", "one");
    put_text("p/x/c.jpg", "two");
    put_text("p/y/d.jpg", "two");
    struct tw_dataset dataset = list("p");
    assert_int_equal(tw_dataset_hash(&dataset, 2, 100, NULL, NULL), TW_OK);
    item_is(&dataset, 0, "p/x/a.jpg", "x");
    item_is(&dataset, 1, "p/x/b.jpg", "x");
    item_is_skipped(&dataset, 2, "p/x/c.jpg", "under x and, as p/y/d.jpg, under y");
    item_is_skipped(&dataset, 3, "p/y/d.jpg", "under y and, as p/x/c.jpg, under x");
    tw_dataset_release(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_point_is_the_first_53_bits_of_the_hash),
        cmocka_unit_test(the_share_is_kept_roughly_and_its_ends_exactly),
        cmocka_unit_test(a_photo_and_its_copy_are_on_one_side_for_every_share),
        cmocka_unit_test(photos_that_look_alike_are_on_one_side_for_every_share_and_order),
        cmocka_unit_test(newcomer_joins_its_likeness_where_that_stood_before),
        cmocka_unit_test(likenesses_that_stood_on_both_sides_stay_and_are_counted),
        cmocka_unit_test(class_of_likenesses_alone_is_not_torn_apart),
        cmocka_unit_test(adding_photos_moves_none),
        cmocka_unit_test(five_photos_a_class_leave_one_to_evaluate_and_one_to_train),
        cmocka_unit_test(photos_moved_for_their_class_stay_when_others_are_added),
        cmocka_unit_test(a_class_of_one_photo_follows_the_rule),
        cmocka_unit_test(skipped_photos_are_not_what_a_class_evaluates_with),
        in_folder(hashing_reads_every_file_and_names_those_it_cannot),
        in_folder(copies_under_two_labels_are_skipped_and_under_one_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
