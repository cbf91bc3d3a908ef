#include "train/folds.h"

#include "train/blobs.h"
#include "train/solver.h"

enum { CLASSES = 3, PER_CLASS = 11, ROWS = CLASSES * PER_CLASS, WIDTH = 4 };

static size_t make(const struct blobs *blobs, uint64_t seed, uint8_t *folds)
{
    size_t classes[ROWS], fold_count = 0;
    for (size_t row = 0; row < blobs->examples.count; row++)
        classes[row] = (size_t)blobs->labels[row];
    assert_int_equal(tw_folds_make(&blobs->examples, classes, seed, 5, folds, &fold_count, NULL), TW_OK);
    return fold_count;
}

static void every_fold_holds_its_share_of_every_class(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.5, false);
    uint8_t folds[ROWS];
    size_t counts[5][CLASSES] = {{0}};
    (void)state;
    assert_int_equal(make(&blobs, 0, folds), 5);
    for (size_t row = 0; row < ROWS; row++)
        counts[folds[row]][row % CLASSES]++;
    for (size_t i = 0; i < 5 * CLASSES; i++)
        assert_in_range(counts[i / CLASSES][i % CLASSES], 2, 3);
    blobs_release(&blobs);
}

static void folds_follow_the_content_and_the_seed_not_the_order(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.5, false);
    uint8_t before[ROWS], after[ROWS], other[ROWS];
    size_t differ = 0;
    (void)state;
    make(&blobs, 0, before);
    make(&blobs, 1, other);
    for (size_t row = 0; row < ROWS / 2; row++) { /* turned round: classes take turns both ways */
        float *a = blobs.embeddings + row * WIDTH, *b = blobs.embeddings + (ROWS - 1 - row) * WIDTH, kept[WIDTH];
        memcpy(kept, a, sizeof kept);
        memcpy(a, b, sizeof kept);
        memcpy(b, kept, sizeof kept);
        int64_t label = blobs.labels[row];
        blobs.labels[row] = blobs.labels[ROWS - 1 - row];
        blobs.labels[ROWS - 1 - row] = label;
    }
    make(&blobs, 0, after);
    for (size_t row = 0; row < ROWS; row++) {
        assert_int_equal(before[row], after[ROWS - 1 - row]);
        differ += before[row] != other[row];
    }
    assert_true(differ > 0);
    blobs_release(&blobs);
}

static void copies_of_a_row_share_its_fold(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.5, false);
    uint8_t folds[ROWS];
    (void)state;
    for (size_t copy = 1; copy < 4; copy++)
        memcpy(blobs.embeddings + copy * CLASSES * WIDTH, blobs.embeddings, WIDTH * sizeof(float));
    make(&blobs, 0, folds);
    for (size_t copy = 1; copy < 4; copy++)
        assert_int_equal(folds[copy * CLASSES], folds[0]);
    blobs_release(&blobs);
}

static void rows_of_a_group_share_a_fold_across_classes(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.5, false);
    uint8_t folds[ROWS];
    size_t groups[ROWS], counts[5] = {0};
    (void)state;
    for (size_t row = 0; row < ROWS; row++)
        groups[row] = row % 11; /* each of 11 groups has a row of every class */
    blobs.examples.groups = groups;
    for (uint64_t seed = 0; seed < 5; seed++) {
        make(&blobs, seed, folds);
        for (size_t row = 11; row < ROWS; row++)
            assert_int_equal(folds[row], folds[row - 11]);
    }
    for (size_t row = 0; row < 11; row++)
        counts[folds[row]]++;
    for (size_t i = 0; i < 5; i++)
        assert_in_range(counts[i], 1, 4);
    blobs_release(&blobs);
}

static void class_that_is_one_group_always_teaches(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.5, false);
    uint8_t folds[ROWS];
    size_t groups[ROWS];
    (void)state;
    for (size_t row = 0; row < ROWS; row++)
        groups[row] = row % CLASSES == 1 ? 0 : row + 1;
    blobs.examples.groups = groups;
    assert_int_equal(make(&blobs, 0, folds), 5);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(row % CLASSES == 1 ? folds[row] == TW_NEVER_HELD_OUT : folds[row] < 5);
    blobs_release(&blobs);
}

static void small_classes_have_fewer_folds_and_a_lone_row_always_teaches(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, 3, WIDTH, 0.5, false);
    uint8_t folds[ROWS];
    (void)state;
    blobs.labels[0] = blobs.labels[3] = 1; /* class 0 keeps one row */
    assert_int_equal(make(&blobs, 0, folds), 5);
    assert_int_equal(folds[6], TW_NEVER_HELD_OUT);
    for (size_t row = 0; row < 9; row++)
        assert_true(row == 6 || folds[row] < 5);
    blobs_release(&blobs);
    blobs = blobs_make(CLASSES, 1, WIDTH, 0.5, false);
    assert_true(make(&blobs, 0, folds) < 2);
    blobs_release(&blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fold_holds_its_share_of_every_class),
        cmocka_unit_test(folds_follow_the_content_and_the_seed_not_the_order),
        cmocka_unit_test(copies_of_a_row_share_its_fold),
        cmocka_unit_test(rows_of_a_group_share_a_fold_across_classes),
        cmocka_unit_test(class_that_is_one_group_always_teaches),
        cmocka_unit_test(small_classes_have_fewer_folds_and_a_lone_row_always_teaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
