#include "train/recipes.h"

#include "train/blobs.h"
#include "train/metrics.h"
#include "train/rows.h"

enum { CLASSES = 6, PER_CLASS = 200, WIDTH = 20, ROWS = CLASSES * PER_CLASS };

struct result {
    struct tw_head head;
    struct tw_buffer choice;
};

static struct result train(const struct tw_examples *examples, size_t classes, int64_t unlabelled_class, int threads)
{
    struct result r = {0};
    struct tw_error error = {0};
    const struct tw_recipe_options options = {
        .threads = threads, .class_count = classes, .unlabelled_class = unlabelled_class, .choice_json = &r.choice};
    if (tw_large_train(examples, &options, &r.head, &error) != TW_OK)
        fail_msg("%s", error.text);
    return r;
}

static void result_release(struct result *r)
{
    tw_head_release(&r->head);
    tw_buffer_release(&r->choice);
}

static double accuracy_of(const struct tw_head *head, const struct blobs *blobs)
{
    size_t outputs = tw_head_outputs(head), count = blobs->examples.count, right = 0;
    float *scores = tw_alloc(count * outputs, sizeof *scores);
    assert_int_equal(tw_head_scores(head, blobs->embeddings, count, 1, scores, NULL), TW_OK);
    for (size_t row = 0; row < count; row++)
        right += tw_argmax(scores + row * outputs, outputs) == (size_t)blobs->labels[row];
    tw_free(scores);
    return (double)right / (double)count;
}

static void clouds_are_told_apart_above_and_below_zero(void **state)
{
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.3, is_signed != 0);
        struct result r = train(&blobs.examples, CLASSES, -1, 2);
        assert_true(accuracy_of(&r.head, &blobs) > 0.99);
        assert_non_null(strstr((const char *)r.choice.data, "\"held_out\":120"));
        assert_true((r.head.branches[0].stage_count == 1) || !is_signed);
        result_release(&r);
        blobs_release(&blobs);
    }
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.9, false);
    struct result one = train(&blobs.examples, CLASSES, -1, 1), five = train(&blobs.examples, CLASSES, -1, 5);
    const struct tw_branch *a = &one.head.branches[0], *b = &five.head.branches[0];
    const struct tw_stage *x = &a->stages[a->stage_count - 1], *y = &b->stages[b->stage_count - 1];
    assert_int_equal(a->stage_count, b->stage_count);
    assert_memory_equal(x->weights, y->weights, WIDTH * CLASSES * sizeof(float));
    assert_memory_equal(x->bias, y->bias, CLASSES * sizeof(float));
    result_release(&one);
    result_release(&five);
    blobs_release(&blobs);
}

static void lone_rows_always_teach_and_labels_without_rows_are_never_predicted(void **state)
{
    (void)state;
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.3, false);
    for (size_t row = 0; row < ROWS; row++)
        blobs.labels[row] = blobs.labels[row] == 5 && row > 6 ? 4 : blobs.labels[row]; /* class 5 keeps one row */
    struct result r = train(&blobs.examples, CLASSES + 1, -1, 2);
    float *scores = tw_alloc(ROWS * (CLASSES + 1), sizeof *scores);
    assert_int_equal(tw_head_scores(&r.head, blobs.embeddings, ROWS, 1, scores, NULL), TW_OK);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(scores[row * (CLASSES + 1) + CLASSES] < 1e-6f);
    double sum = 0;
    for (size_t row = 0; row < ROWS; row++)
        sum += (double)scores[row * (CLASSES + 1) + 5];
    assert_true(sum > 0.01);
    tw_free(scores);
    result_release(&r);
    blobs_release(&blobs);
}

static void rows_without_a_label_teach_their_class_and_several_labels_share_a_row(void **state)
{
    (void)state;
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.3, false);
    size_t at = 0;
    int64_t *labels = tw_alloc(2 * ROWS, sizeof *labels);
    for (size_t row = 0; row < ROWS; row++) { /* class 5 loses its label, class 0 is 0 and 1 */
        blobs.starts[row] = at;
        if (row % CLASSES != 5)
            labels[at++] = (int64_t)(row % CLASSES);
        if (row % CLASSES == 0)
            labels[at++] = 1;
    }
    blobs.starts[ROWS] = at;
    blobs.examples.labels = labels;
    struct result r = train(&blobs.examples, CLASSES, 5, 2);
    float *scores = tw_alloc(ROWS * CLASSES, sizeof *scores);
    assert_int_equal(tw_head_scores(&r.head, blobs.embeddings, ROWS, 1, scores, NULL), TW_OK);
    size_t right = 0;
    for (size_t row = 0; row < ROWS; row++) {
        size_t best = tw_argmax(scores + row * CLASSES, CLASSES), class = row % CLASSES;
        right += best == class || (class == 0 && best == 1);
    }
    assert_true(right > ROWS * 98 / 100);
    tw_free(scores);
    tw_free(labels);
    result_release(&r);
    blobs_release(&blobs);
}

static void statistics_over_blocks_are_means_and_covariance_within_classes(void **state)
{
    (void)state;
    struct blobs blobs = blobs_make(CLASSES, PER_CLASS, WIDTH, 0.5, false);
    float shift[WIDTH], *values = tw_alloc(ROWS * WIDTH, sizeof *values);
    for (size_t i = 0; i < WIDTH; i++)
        shift[i] = 0.25f * (float)i;
    const struct tw_rows rows = {.examples = &blobs.examples, .map = TW_MAP_PLAIN, .shift = shift, .threads = 2};
    struct tw_statistics statistics = {0};
    struct tw_lda lda = {0};
    assert_int_equal(tw_statistics_init(&statistics, WIDTH, CLASSES, NULL), TW_OK);
    assert_int_equal(tw_lda_init(&lda, WIDTH, CLASSES, NULL), TW_OK);
    for (size_t first = 0; first < ROWS; first += 500) {
        size_t count = ROWS - first < 500 ? ROWS - first : 500;
        assert_int_equal(tw_rows_load(&rows, NULL, first, count, values, NULL), TW_OK);
        const struct tw_block block = {.examples = &blobs.examples,
                                       .unlabelled_class = -1,
                                       .first = first,
                                       .count = count,
                                       .values = values,
                                       .threads = 3};
        assert_int_equal(tw_statistics_add(&statistics, &block, NULL), TW_OK);
    }
    assert_int_equal(tw_statistics_to_lda(&statistics, &lda, NULL), TW_OK);
    for (size_t i = 0; i < WIDTH; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t row = 0; row < ROWS; row++) {
                const float *mean = lda.means + row % CLASSES * WIDTH, *x = blobs.embeddings + row * WIDTH;
                sum += (double)(x[i] - shift[i] - mean[i]) * (double)(x[j] - shift[j] - mean[j]);
            }
            assert_true(fabs(sum / ROWS - (double)lda.within[i * WIDTH + j]) < 1e-4);
        }
    }
    tw_free(values);
    tw_lda_release(&lda);
    tw_statistics_release(&statistics);
    blobs_release(&blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clouds_are_told_apart_above_and_below_zero),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(lone_rows_always_teach_and_labels_without_rows_are_never_predicted),
        cmocka_unit_test(rows_without_a_label_teach_their_class_and_several_labels_share_a_row),
        cmocka_unit_test(statistics_over_blocks_are_means_and_covariance_within_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
