#include "train/recipe.h"

#include "train/blobs.h"
#include "train/metrics.h"

enum { CLASSES = 3, WIDTH = 24 };

struct result {
    enum tw_status status;
    struct tw_error error;
    struct tw_head head;
    struct tw_buffer choice;
};

static struct result train(const struct tw_examples *examples, size_t class_count, int64_t unlabelled_class,
                           int threads)
{
    struct result r = {0};
    const struct tw_recipe_options options = {
        .threads = threads, .class_count = class_count, .unlabelled_class = unlabelled_class, .choice_json = &r.choice};
    r.status = tw_recipe_find("auto")->train(examples, &options, &r.head, &r.error);
    return r;
}

static void result_release(struct result *r)
{
    tw_head_release(&r->head);
    tw_buffer_release(&r->choice);
}

static float *scores_of(const struct result *r, const struct tw_examples *examples)
{
    size_t outputs = tw_head_outputs(&r->head);
    float *scores = tw_alloc(examples->count * outputs, sizeof *scores);
    assert_int_equal(tw_head_scores(&r->head, examples->embeddings, examples->count, 1, scores, NULL), TW_OK);
    for (size_t i = 0; i < examples->count * outputs; i++)
        assert_true(scores[i] >= 0 && scores[i] <= 1);
    return scores;
}

static double accuracy_of(const struct result *r, const struct blobs *blobs)
{
    float *scores = scores_of(r, &blobs->examples);
    size_t outputs = tw_head_outputs(&r->head), right = 0;
    for (size_t row = 0; row < blobs->examples.count; row++)
        right += tw_argmax(scores + row * outputs, outputs) == (size_t)blobs->labels[row];
    tw_free(scores);
    return (double)right / (double)blobs->examples.count;
}

static void clouds_are_told_apart_from_one_to_forty_examples_a_class(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 5, 8, 40};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        struct blobs blobs = blobs_make(CLASSES, sizes[i / 2], WIDTH, 0.15, i % 2 != 0);
        struct result r = train(&blobs.examples, CLASSES, -1, 2);
        assert_int_equal(r.status, TW_OK);
        assert_true(accuracy_of(&r, &blobs) == 1);
        result_release(&r);
        blobs_release(&blobs);
    }
}

static bool heads_equal(const struct tw_head *a, const struct tw_head *b)
{
    bool are_equal = a->branch_count == b->branch_count;
    for (size_t i = 0; are_equal && i < a->branch_count; i++) {
        const struct tw_branch *left = &a->branches[i], *right = &b->branches[i];
        are_equal = left->stage_count == right->stage_count && left->weight == right->weight;
        for (size_t j = 0; are_equal && j < left->stage_count; j++) {
            const struct tw_stage *x = &left->stages[j], *y = &right->stages[j];
            are_equal =
                x->kind == y->kind && x->inputs == y->inputs && x->outputs == y->outputs &&
                (x->weights == NULL || memcmp(x->weights, y->weights, x->inputs * x->outputs * sizeof(float)) == 0) &&
                (x->bias == NULL || memcmp(x->bias, y->bias, x->outputs * sizeof(float)) == 0);
        }
    }
    return are_equal;
}

static void threads_change_no_bit_of_head_or_choice(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, 70, WIDTH, 0.9, false);
    struct result one = train(&blobs.examples, CLASSES, -1, 1), four = train(&blobs.examples, CLASSES, -1, 4);
    (void)state;
    assert_true(heads_equal(&one.head, &four.head));
    assert_int_equal(one.choice.size, four.choice.size);
    assert_memory_equal(one.choice.data, four.choice.data, one.choice.size);
    assert_non_null(strstr((const char *)one.choice.data, "\"candidates\":["));
    result_release(&one);
    result_release(&four);
    blobs_release(&blobs);
}

static void a_class_without_examples_is_never_predicted(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, 8, WIDTH, 0.3, false);
    struct result r = train(&blobs.examples, CLASSES + 1, -1, 1);
    (void)state;
    assert_int_equal(r.status, TW_OK);
    float *scores = scores_of(&r, &blobs.examples);
    for (size_t row = 0; row < blobs.examples.count; row++)
        assert_true(scores[row * (CLASSES + 1) + CLASSES] < 1e-6f);
    tw_free(scores);
    result_release(&r);
    blobs_release(&blobs);
}

static void examples_without_a_label_are_a_class_of_their_own(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, 10, WIDTH, 0.2, false);
    size_t kept = 0;
    (void)state;
    for (size_t row = 0; row < blobs.examples.count; row++) { /* the last class loses its labels */
        if (row % CLASSES != CLASSES - 1)
            blobs.labels[kept++] = (int64_t)(row % CLASSES);
        blobs.starts[row + 1] = kept;
    }
    struct result r = train(&blobs.examples, CLASSES, CLASSES - 1, 1);
    assert_int_equal(r.status, TW_OK);
    float *scores = scores_of(&r, &blobs.examples);
    for (size_t row = 0; row < blobs.examples.count; row++)
        assert_int_equal(tw_argmax(scores + row * CLASSES, CLASSES), row % CLASSES);
    tw_free(scores);
    result_release(&r);
    blobs_release(&blobs);
}

static void photos_that_are_all_one_give_even_scores(void **state)
{
    struct blobs blobs = blobs_make(2, 6, WIDTH, 0.2, false);
    (void)state;
    for (size_t row = 1; row < blobs.examples.count; row++)
        memcpy(blobs.embeddings + row * WIDTH, blobs.embeddings, WIDTH * sizeof(float));
    struct result r = train(&blobs.examples, 2, -1, 1);
    assert_int_equal(r.status, TW_OK);
    float *scores = scores_of(&r, &blobs.examples);
    assert_true(fabsf(scores[0] - 0.5f) < 1e-3f);
    tw_free(scores);
    result_release(&r);
    blobs_release(&blobs);
}

static void a_class_of_its_own_size_is_weighed_by_its_share(void **state)
{
    struct blobs blobs = blobs_make(2, 40, WIDTH, 3, false);
    size_t second = 0;
    (void)state;
    for (size_t row = 0; row < blobs.examples.count; row++) /* one in ten, and nothing to tell them by */
        second += (size_t)(blobs.labels[row] = row % 10 == 0);
    struct result r = train(&blobs.examples, 2, -1, 1);
    assert_int_equal(r.status, TW_OK);
    float *scores = scores_of(&r, &blobs.examples);
    double sum = 0;
    for (size_t row = 0; row < blobs.examples.count; row++)
        sum += (double)scores[row * 2 + 1] / (double)second;
    assert_true(sum > 0.3 && sum < 3);
    tw_free(scores);
    result_release(&r);
    blobs_release(&blobs);
}

static void what_is_not_a_number_is_named_with_its_photo(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, 4, WIDTH, 0.2, false);
    (void)state;
    blobs.embeddings[5 * WIDTH + 7] = NAN;
    struct result r = train(&blobs.examples, CLASSES, -1, 1);
    assert_int_equal(r.status, TW_CORRUPT);
    assert_string_equal(r.error.text, "the embedding of photo-0005 is not all numbers: value 7 is nan");
    result_release(&r);
    blobs_release(&blobs);
}

static int stop(void *context)
{
    (void)context;
    return 1;
}

static void being_stopped_leaves_nothing(void **state)
{
    struct blobs blobs = blobs_make(CLASSES, 8, WIDTH, 0.3, false);
    const struct tw_sink sink = {.is_stopped = stop};
    const struct tw_recipe_options options = {
        .threads = 1, .class_count = CLASSES, .unlabelled_class = -1, .sink = &sink};
    struct tw_head head = {0};
    struct tw_error error = {0};
    (void)state;
    assert_int_equal(tw_recipe_find("auto")->train(&blobs.examples, &options, &head, &error), TW_INTERRUPTED);
    assert_int_equal(head.branch_count, 0);
    blobs_release(&blobs);
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
    struct blobs blobs = blobs_make(2, 6, 8, 0.5, false);
    (void)state;
    for (uint64_t n = 1; n < 4000; n += 37) {
        tw_memory_fail_at(n);
        struct result r = train(&blobs.examples, 2, -1, 1);
        tw_memory_fail_at(0);
        assert_true(r.status == TW_NO_MEMORY || r.status == TW_OK);
        result_release(&r);
    }
    blobs_release(&blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clouds_are_told_apart_from_one_to_forty_examples_a_class),
        cmocka_unit_test(threads_change_no_bit_of_head_or_choice),
        cmocka_unit_test(a_class_without_examples_is_never_predicted),
        cmocka_unit_test(examples_without_a_label_are_a_class_of_their_own),
        cmocka_unit_test(photos_that_are_all_one_give_even_scores),
        cmocka_unit_test(a_class_of_its_own_size_is_weighed_by_its_share),
        cmocka_unit_test(what_is_not_a_number_is_named_with_its_photo),
        cmocka_unit_test(being_stopped_leaves_nothing),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
