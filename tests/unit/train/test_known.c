#include "base/random.h"
#include "graph/op.h"
#include "train/known.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 40, WIDTH = 6 };

struct made {
    float embeddings[ROWS * WIDTH];
    int64_t labels[ROWS];
    size_t starts[ROWS + 1];
    struct tw_examples examples;
};

/* Two classes round two axes. */
static void make(struct made *made)
{
    struct tw_random random = {.seed = 3};
    for (size_t i = 0; i < ROWS; i++) {
        made->labels[i] = (int64_t)(i % 2);
        made->starts[i] = i;
        for (size_t j = 0; j < WIDTH; j++)
            made->embeddings[i * WIDTH + j] =
                (float)(0.1 * tw_random_normal(&random)) + (j == i % 2 ? (float)(1 + i % 5) : 0);
    }
    made->starts[ROWS] = ROWS;
    made->examples = (struct tw_examples){.embeddings = made->embeddings,
                                          .count = ROWS,
                                          .width = WIDTH,
                                          .labels = made->labels,
                                          .label_starts = made->starts};
}

static void fit(struct made *made, int threads, struct tw_known *known)
{
    make(made);
    assert_int_equal(tw_known_fit(&made->examples, 2, threads, known, NULL), TW_OK);
}

static void rows_like_the_trained_ones_are_known_and_others_are_not(void **state)
{
    (void)state;
    static const float like[WIDTH] = {3, 0.1f, 0, 0.1f, 0, 0}, other[WIDTH] = {0, 0, 0, 2, 2, 0}, none[WIDTH] = {0};
    struct made made;
    struct tw_known known = {0};
    fit(&made, 1, &known);
    assert_int_equal(known.support_count, ROWS);
    assert_true(tw_known_score(&known, like) >= known.threshold);
    assert_true(tw_known_score(&known, other) < known.threshold);
    assert_true(tw_known_score(&known, none) < known.threshold);
    tw_known_release(&known);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    struct made made;
    struct tw_known one = {0}, four = {0};
    fit(&made, 1, &one);
    fit(&made, 4, &four);
    assert_memory_equal(&one.threshold, &four.threshold, sizeof one.threshold);
    assert_memory_equal(one.support, four.support, ROWS * WIDTH * sizeof(float));
    tw_known_release(&one);
    tw_known_release(&four);
}

static void the_graph_gives_the_score(void **state)
{
    (void)state;
    struct made made;
    struct tw_known known = {0};
    struct tw_graph *graph = tw_graph_new();
    const struct tw_shape shape = {2, {ROWS, WIDTH}};
    void *outputs[1] = {NULL};
    fit(&made, 1, &known);
    int id = tw_graph_add_value(graph, "embedding", TW_F32, &shape);
    assert_true(tw_graph_set_inputs(graph, &id, 1));
    assert_int_equal(tw_known_to_graph(&known, graph, id, NULL), TW_OK);
    assert_int_equal(tw_graph_infer(graph, &tw_graph_limits_default, NULL), TW_OK);
    memset(made.embeddings, 0, WIDTH * sizeof(float));
    const void *inputs[1] = {made.embeddings};
    assert_int_equal(tw_reference_run(graph, inputs, outputs, NULL), TW_OK);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(fabsf(((float *)outputs[0])[i] - tw_known_score(&known, made.embeddings + i * WIDTH)) < 1e-5f);
    tw_free(outputs[0]);
    tw_graph_free(graph);
    tw_known_release(&known);
}

static void very_many_classes_are_known_by_their_means(void **state)
{
    (void)state;
    enum { MANY = 401, EACH = 3, WIDE = 48, COUNT = MANY * EACH };
    float *embeddings = calloc(COUNT * WIDE, sizeof *embeddings);
    int64_t *labels = calloc(COUNT, sizeof *labels);
    size_t *starts = calloc(COUNT + 1, sizeof *starts);
    struct tw_random random = {.seed = 4};
    struct tw_known known = {0};
    for (size_t i = 0; i < COUNT; i++) {
        struct tw_random of_class = {.seed = 5, .stream = i % MANY};
        labels[i] = (int64_t)(i % MANY);
        starts[i + 1] = i + 1;
        for (size_t j = 0; j < WIDE; j++)
            embeddings[i * WIDE + j] =
                (float)(tw_random_normal(&of_class) * (j < WIDE / 2) + 0.05 * tw_random_normal(&random));
    }
    const struct tw_examples examples = {
        .embeddings = embeddings, .count = COUNT, .width = WIDE, .labels = labels, .label_starts = starts};
    assert_int_equal(tw_known_fit(&examples, MANY + 1, 1, &known, NULL), TW_OK); /* the last one has no row */
    assert_int_equal(known.support_count, MANY + 1);
    size_t below = 0;
    for (size_t i = 0; i < COUNT; i++)
        below += tw_known_score(&known, embeddings + i * WIDE) < known.threshold;
    assert_in_range(below, 0, COUNT * 8 / 100);
    for (size_t i = 0; i < 50; i++) {
        float other[WIDE];
        for (size_t j = 0; j < WIDE; j++)
            other[j] = (float)tw_random_normal(&random);
        assert_true(tw_known_score(&known, other) < known.threshold);
    }
    tw_known_release(&known);
    free(embeddings);
    free(labels);
    free(starts);
}

static void one_row_or_means_of_too_many_values_get_no_detector(void **state)
{
    (void)state;
    struct made made;
    struct tw_known known = {0};
    make(&made);
    assert_int_equal(tw_known_fit(&made.examples, (size_t)TW_MOST_MEAN_VALUES / WIDTH + 1, 1, &known, NULL), TW_OK);
    assert_int_equal(known.support_count, 0);
    made.examples.count = 1;
    assert_int_equal(tw_known_fit(&made.examples, 2, 1, &known, NULL), TW_OK);
    assert_int_equal(known.support_count, 0);
    assert_int_equal(tw_known_fit(&made.examples, 401, 1, &known, NULL), TW_OK);
    assert_int_equal(known.support_count, 0);
    tw_known_release(&known);
}

static void each_class_keeps_its_share_spread_over_its_rows(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    static float embeddings[MANY];
    static int64_t labels[MANY];
    static size_t starts[MANY + 1];
    struct tw_known known = {0};
    for (size_t i = 0; i < MANY; i++) {
        embeddings[i] = 1;
        labels[i] = i < 20 ? 1 : 0;
        starts[i + 1] = i + 1;
    }
    const struct tw_examples examples = {
        .embeddings = embeddings, .count = MANY, .width = 1, .labels = labels, .label_starts = starts};
    assert_int_equal(tw_known_fit(&examples, 2, 1, &known, NULL), TW_OK);
    assert_int_equal(known.support_count, 250 + 20);
    tw_known_release(&known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_like_the_trained_ones_are_known_and_others_are_not),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(the_graph_gives_the_score),
        cmocka_unit_test(very_many_classes_are_known_by_their_means),
        cmocka_unit_test(one_row_or_means_of_too_many_values_get_no_detector),
        cmocka_unit_test(each_class_keeps_its_share_spread_over_its_rows),
    };
    return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
