#include "train/reliability.h"

#include "train/blobs.h"
#include "train/solver.h"

static void bins_are_open_below_and_closed_above(void **state)
{
    (void)state;
    assert_int_equal(tw_confidence_bin(0), 0);
    assert_int_equal(tw_confidence_bin(1), TW_CONFIDENCE_BINS - 1);
    assert_int_equal(tw_confidence_bin(0.5f), 7);
    assert_int_equal(tw_confidence_bin(NAN), 0);
    assert_int_equal(tw_confidence_bin(2), TW_CONFIDENCE_BINS - 1);
}

/* Four rows of two classes: scores of 0.9 for the first class, right in half of them. */
static const float targets[] = {1, 0, 0, 1, 1, 0, 0, 1};

static void held_out_rows_are_counted_and_those_that_never_were_are_not(void **state)
{
    const uint8_t folds[] = {0, 1, 0, TW_NEVER_HELD_OUT};
    const struct tw_held_out held_out = {targets, folds, 4, 2, false};
    float scores[8];
    struct tw_reliability r;
    (void)state;
    for (size_t i = 0; i < 8; i++)
        scores[i] = logf(i % 2 ? 0.1f : 0.9f);
    tw_reliability_held_out(&held_out, scores, 1, &r);
    assert_int_equal(r.count, 3);
    assert_true(fabs(r.accuracy - 2.0 / 3) < 1e-12);
    assert_true(fabs(r.error - (0.9 - 2.0 / 3)) < 1e-6);
    assert_true(fabs(r.log_loss + (2 * log(0.9) + log(0.1)) / 3) < 1e-6);
    const struct tw_reliability_bin *bin = &r.bins[tw_confidence_bin(0.9f)];
    assert_true(bin->count == 3 && fabs(bin->confidence - 0.9) < 1e-6 && fabs(bin->right - 2.0 / 3) < 1e-12);
}

/* Scores that were divided by 2 in their logits are squared again. */
static void a_temperature_is_undone(void **state)
{
    const uint8_t folds[4] = {0};
    const struct tw_held_out held_out = {targets, folds, 4, 2, false};
    float logs[8], scores[8];
    struct tw_reliability of_logs, of_scores;
    struct blobs b = blobs_make(2, 2, 3, 0.1, false);
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        scores[i] = i % 2 ? 0.25f : 0.75f;
        logs[i] = logf(scores[i]);
    }
    tw_reliability_held_out(&held_out, logs, 2, &of_logs);
    assert_true(fabs(of_logs.bins[tw_confidence_bin(0.9f)].confidence - 0.9) < 1e-6);
    assert_int_equal(tw_reliability_evaluated(&b.examples, scores, 2, -1, 2, &of_scores, NULL), TW_OK);
    assert_true(fabs(of_scores.error - of_logs.error) < 1e-6 && fabs(of_scores.log_loss - of_logs.log_loss) < 1e-6);
    assert_int_equal(of_scores.count, 4);
    blobs_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_are_open_below_and_closed_above),
        cmocka_unit_test(held_out_rows_are_counted_and_those_that_never_were_are_not),
        cmocka_unit_test(a_temperature_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
