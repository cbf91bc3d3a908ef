#include "train/metrics.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

static bool is_near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-6;
}

static void argmax_is_the_first_of_the_greatest_and_no_nan(void **state)
{
    (void)state;
    assert_int_equal(tw_argmax((const float[]){1, 3, 3, 2}, 4), 1);
    assert_int_equal(tw_argmax((const float[]){NAN, -5, NAN}, 3), 1);
    assert_int_equal(tw_argmax((const float[]){2, NAN, 1}, 3), 0);
}

static void target_shares_its_weight_among_the_labels(void **state)
{
    (void)state;
    static const int64_t labels[] = {2, 0, 1};
    static const size_t starts[] = {0, 2, 2, 3};
    const struct tw_examples examples = {.count = 3, .labels = labels, .label_starts = starts};
    float target[4];
    tw_examples_target(&examples, 0, 3, target, 4);
    assert_memory_equal(target, ((float[]){0.5f, 0, 0.5f, 0}), sizeof target);
    tw_examples_target(&examples, 1, 3, target, 4);
    assert_memory_equal(target, ((float[]){0, 0, 0, 1}), sizeof target);
    tw_examples_target(&examples, 1, -1, target, 4);
    assert_memory_equal(target, ((float[]){0, 0, 0, 0}), sizeof target);
    tw_examples_target(&examples, 2, 3, target, 4);
    assert_memory_equal(target, ((float[]){0, 1, 0, 0}), sizeof target);
}

/* Five rows over three classes, the last row unlabelled and the last class without any truth. */
static void metrics_are_those_worked_out_by_hand(void **state)
{
    (void)state;
    static const float scores[] = {0.7f, 0.2f, 0.1f, 0.4f, 0.5f, 0.1f, 0.1f, 0.8f,
                                   0.1f, 0.3f, 0.3f, 0.4f, 0.2f, 0.2f, 0.6f};
    static const int64_t labels[] = {0, 0, 1, 1, 0};
    static const size_t starts[] = {0, 1, 2, 3, 5, 5}; /* row 3 has the labels 1 and 0 */
    const struct tw_examples examples = {.count = 5, .labels = labels, .label_starts = starts};
    struct tw_metrics m = {0};
    assert_int_equal(tw_metrics_compute(&examples, scores, 3, -1, &m, NULL), TW_OK);
    assert_int_equal(m.count, 4);
    /* Truth 0: rows 0 (right), 1 (taken for 1). Truth 1: row 2 (right), row 3 (taken for 2). */
    static const size_t confusion[] = {1, 1, 0, 0, 1, 1, 0, 0, 0};
    assert_memory_equal(m.confusion, confusion, sizeof confusion);
    assert_true(is_near(m.accuracy, 0.5));
    assert_true(is_near(m.balanced_accuracy, 0.5));
    assert_true(is_near(m.per_class[0].precision, 1) && is_near(m.per_class[0].recall, 0.5));
    assert_true(is_near(m.per_class[0].f1, 2.0 / 3));
    assert_true(is_near(m.per_class[1].precision, 0.5) && is_near(m.per_class[1].f1, 0.5));
    assert_true(is_near(m.per_class[2].precision, 0) && isnan(m.per_class[2].recall));
    assert_true(is_near(m.macro_f1, (2.0 / 3 + 0.5 + 0) / 3));
    assert_true(is_near(m.log_loss, -(log(0.7) + log(0.4) + log(0.8) + log(0.3)) / 4));
    tw_metrics_release(&m);
    /* With a class for the unlabelled, row 4 is right. */
    assert_int_equal(tw_metrics_compute(&examples, scores, 3, 2, &m, NULL), TW_OK);
    assert_int_equal(m.count, 5);
    assert_int_equal(m.confusion[8], 1);
    assert_true(is_near(m.accuracy, 0.6));
    tw_metrics_release(&m);
}

static void any_of_several_labels_is_right(void **state)
{
    (void)state;
    static const float scores[] = {0, 1};
    static const int64_t labels[] = {0, 1};
    static const size_t starts[] = {0, 2};
    const struct tw_examples examples = {.count = 1, .labels = labels, .label_starts = starts};
    struct tw_metrics m = {0};
    assert_int_equal(tw_metrics_compute(&examples, scores, 2, -1, &m, NULL), TW_OK);
    assert_true(is_near(m.accuracy, 1));
    assert_int_equal(m.confusion[3], 1);
    assert_true(is_near(m.log_loss, -log(1e-15) / 2)); /* a score of 0 is not infinitely bad */
    tw_metrics_release(&m);
}

static void nothing_to_judge_gives_no_numbers(void **state)
{
    (void)state;
    static const size_t starts[] = {0};
    const struct tw_examples examples = {.label_starts = starts};
    struct tw_metrics m = {0};
    assert_int_equal(tw_metrics_compute(&examples, NULL, 2, -1, &m, NULL), TW_OK);
    assert_true(isnan(m.accuracy) && isnan(m.balanced_accuracy) && isnan(m.macro_f1) && isnan(m.log_loss));
    tw_metrics_release(&m);
    for (uint64_t n = 1; n <= 2; n++) {
        tw_memory_fail_at(n);
        assert_int_equal(tw_metrics_compute(&examples, NULL, 2, -1, &m, NULL), TW_NO_MEMORY);
        assert_null(m.confusion);
    }
    tw_memory_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(argmax_is_the_first_of_the_greatest_and_no_nan),
        cmocka_unit_test(target_shares_its_weight_among_the_labels),
        cmocka_unit_test(metrics_are_those_worked_out_by_hand),
        cmocka_unit_test(any_of_several_labels_is_right),
        cmocka_unit_test(nothing_to_judge_gives_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
