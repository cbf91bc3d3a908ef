#include "train/select.h"

#include "train/blobs.h"

enum { ROWS = 400, CLASSES = 2 };

/* Rows of two classes; a logit speaks for the right class `right` times of ten, as strongly as `size`. */
struct fixture {
    float targets[ROWS * CLASSES];
    uint8_t folds[ROWS];
    struct tw_task task;
};

static void fixture_init(struct fixture *f)
{
    *f = (struct fixture){0};
    for (size_t row = 0; row < ROWS; row++)
        f->targets[row * CLASSES + row % 2] = 1;
    f->task.held_out = (struct tw_held_out){f->targets, f->folds, ROWS, CLASSES, false};
}

static float *logits_of(size_t wrong_rows, float size)
{
    float *logits = tw_alloc(ROWS * CLASSES, sizeof *logits);
    for (size_t row = 0; row < ROWS; row++)
        logits[row * CLASSES + (row < wrong_rows ? 1 - row % 2 : row % 2)] = size;
    return logits;
}

static void the_temperature_turns_margins_into_the_odds_that_are_seen(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    float *logits = logits_of(40, 20); /* right in nine of ten: the odds are 9 */
    double temperature = tw_temperature_fit(&f.task.held_out, logits);
    double doubt = 1 / (ROWS + 2.0), share = 0.9 * (1 - doubt) + doubt / 2;
    assert_true(fabs(20 / temperature - log(share / (1 - share))) < 0.005);
    tw_temperature_apply(&f.task.held_out, temperature, logits);
    assert_true(fabs(exp((double)logits[ROWS * CLASSES - 1]) - 0.9) < 0.002);
    struct tw_judgement judgement = tw_judge(&f.task.held_out, logits);
    assert_true(fabs(judgement.accuracy - 0.9) < 1e-9);
    assert_true(fabs(judgement.loss + 0.9 * log(0.9) + 0.1 * log(0.1)) < 0.001);
    tw_free(logits);
}

/* That all of n rows are right is no proof of certainty: scores stay about one in n + 2 away from it. */
static void rows_that_are_all_right_leave_a_doubt(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    f.task.held_out.count = 8;
    float *logits = logits_of(0, 20);
    tw_temperature_apply(&f.task.held_out, tw_temperature_fit(&f.task.held_out, logits), logits);
    assert_true(fabs(exp((double)logits[0]) - (1 - 0.1 / 2)) < 0.002);
    tw_free(logits);
}

static void rows_that_are_never_held_out_do_not_count(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    memset(f.folds, TW_NEVER_HELD_OUT, 40);
    float *logits = logits_of(40, 1);
    assert_true(tw_judge(&f.task.held_out, logits).accuracy == 1);
    tw_free(logits);
}

static struct tw_candidate candidate(const struct fixture *f, size_t family, size_t wrong_rows)
{
    struct tw_candidate c = {.family = &tw_families[family], .log_scores = logits_of(wrong_rows, 1)};
    c.temperature = tw_temperature_fit(&f->task.held_out, c.log_scores);
    tw_temperature_apply(&f->task.held_out, c.temperature, c.log_scores);
    c.judgement = tw_judge(&f->task.held_out, c.log_scores);
    return c;
}

static size_t chosen_family(size_t wrong_by_simple, size_t wrong_by_rich)
{
    struct fixture f;
    fixture_init(&f);
    struct tw_candidate items[] = {candidate(&f, 1, wrong_by_simple), candidate(&f, 3, wrong_by_rich)};
    const struct tw_candidates candidates = {.items = items, .count = 2};
    struct tw_choice choice;
    assert_int_equal(tw_choose(&f.task, &candidates, &choice, NULL), TW_OK);
    assert_int_equal(choice.member_count, 1);
    size_t family = (size_t)(choice.members[0]->family - tw_families);
    tw_free(items[0].log_scores);
    tw_free(items[1].log_scores);
    return family;
}

static void the_richer_head_is_taken_only_where_it_is_clearly_better(void **state)
{
    (void)state;
    assert_int_equal(chosen_family(80, 10), 3);
    assert_int_equal(chosen_family(20, 20), 1);
    assert_int_equal(chosen_family(10, 80), 1);
}

static void no_candidate_is_an_error_in_words(void **state)
{
    struct fixture f;
    struct tw_error error = {0};
    struct tw_choice choice;
    (void)state;
    fixture_init(&f);
    assert_int_equal(tw_choose(&f.task, &(struct tw_candidates){0}, &choice, &error), TW_CORRUPT);
    assert_string_equal(error.text, "no rule could be learnt from the embeddings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_temperature_turns_margins_into_the_odds_that_are_seen),
        cmocka_unit_test(rows_that_are_all_right_leave_a_doubt),
        cmocka_unit_test(rows_that_are_never_held_out_do_not_count),
        cmocka_unit_test(the_richer_head_is_taken_only_where_it_is_clearly_better),
        cmocka_unit_test(no_candidate_is_an_error_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
