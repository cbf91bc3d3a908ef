#include "base/memory.h"
#include "base/random.h"
#include "train/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60, CLASSES = 3 };

/* Rows whose truths are i mod 3 and whose scores are drawn; every third row has a tied score. */
struct made {
    int64_t labels[ROWS];
    size_t starts[ROWS + 1];
    float scores[ROWS * CLASSES];
    struct tw_examples examples;
};

static void make(struct made *made)
{
    struct tw_random random = {.seed = 7};
    for (size_t i = 0; i < ROWS; i++) {
        float sum = 0, *row = made->scores + i * CLASSES;
        made->labels[i] = (int64_t)(i % CLASSES);
        made->starts[i] = i;
        for (size_t j = 0; j < CLASSES; j++)
            row[j] = (float)tw_random_unit(&random) + (j == i % CLASSES ? 0.6f : 0);
        if (i % 3 == 0)
            row[1] = row[0];
        for (size_t j = 0; j < CLASSES; j++)
            sum += row[j];
        for (size_t j = 0; j < CLASSES; j++)
            row[j] /= sum;
    }
    made->starts[ROWS] = ROWS;
    made->examples = (struct tw_examples){.count = ROWS, .labels = made->labels, .label_starts = made->starts};
}

static void complete(const struct made *made, int threads, struct tw_metrics *metrics)
{
    assert_int_equal(tw_metrics_compute(&made->examples, made->scores, CLASSES, -1, metrics, NULL), TW_OK);
    assert_int_equal(tw_metrics_complete(&made->examples, made->scores, -1, threads, metrics, NULL), TW_OK);
}

static void intervals_have_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    struct made made;
    struct tw_metrics one = {0}, five = {0};
    make(&made);
    complete(&made, 1, &one);
    complete(&made, 5, &five);
    assert_memory_equal(one.intervals, five.intervals, sizeof one.intervals);
    assert_memory_equal(one.per_class, five.per_class, CLASSES * sizeof *one.per_class);
    assert_int_equal(one.resamples, 1000);
    tw_metrics_release(&one);
    tw_metrics_release(&five);
}

static void intervals_hold_the_value_and_have_the_width_of_a_binomial(void **state)
{
    (void)state;
    struct made made;
    struct tw_metrics metrics = {0};
    make(&made);
    complete(&made, 2, &metrics);
    for (size_t i = 0; i < TW_MEASURES; i++) {
        double value = tw_metrics_measure(&metrics, (enum tw_measure)i);
        if (!isnan(value) && i != TW_CALIBRATION_ERROR)
            assert_true(metrics.intervals[i].low <= value && value <= metrics.intervals[i].high);
    }
    double deviation = sqrt(metrics.accuracy * (1 - metrics.accuracy) / ROWS);
    double width = metrics.intervals[TW_ACCURACY].high - metrics.intervals[TW_ACCURACY].low;
    assert_true(fabs(width / (2 * 1.96 * deviation) - 1) < 0.2);
    tw_metrics_release(&metrics);
}

/* Precision at each distinct score, weighted by the gain of recall, straight from the definition. */
static double average_precision_by_definition(const struct made *made, size_t class)
{
    double sum = 0, recall_before = 0;
    for (float threshold = 2; threshold >= 0;) {
        float next = -1;
        double passed = 0, hits = 0, positives = 0;
        for (size_t i = 0; i < ROWS; i++) {
            float score = made->scores[i * CLASSES + class];
            next = score < threshold && score > next ? score : next;
        }
        for (size_t i = 0; i < ROWS; i++) {
            bool is_positive = made->labels[i] == (int64_t) class;
            positives += is_positive;
            passed += made->scores[i * CLASSES + class] >= next;
            hits += made->scores[i * CLASSES + class] >= next && is_positive;
        }
        if (next < 0)
            break;
        sum += (hits / positives - recall_before) * hits / passed;
        recall_before = hits / positives;
        threshold = next;
    }
    return sum;
}

static void average_precision_is_that_of_its_definition(void **state)
{
    (void)state;
    struct made made;
    struct tw_metrics metrics = {0};
    make(&made);
    complete(&made, 2, &metrics);
    for (size_t i = 0; i < CLASSES; i++)
        assert_true(fabs(metrics.per_class[i].average_precision - average_precision_by_definition(&made, i)) < 1e-12);
    tw_metrics_release(&metrics);
}

static void sparse_and_dense_confusion_agree(void **state)
{
    (void)state;
    struct made made;
    struct tw_metrics metrics = {0};
    size_t sum = 0;
    make(&made);
    complete(&made, 1, &metrics);
    for (size_t i = 0; i < metrics.pair_count; i++) {
        const struct tw_confused *pair = &metrics.pairs[i];
        assert_int_equal(metrics.confusion[pair->truth * CLASSES + pair->prediction], pair->count);
        sum += pair->count;
    }
    assert_int_equal(sum, ROWS);
    tw_metrics_release(&metrics);
}

static void a_class_without_rows_has_no_recall_and_does_not_count(void **state)
{
    (void)state;
    static const int64_t labels[] = {0, 0, 1};
    static const size_t starts[] = {0, 1, 2, 3};
    static const float scores[] = {0.8f, 0.1f, 0.1f, 0.1f, 0.2f, 0.7f, 0.2f, 0.7f, 0.1f};
    const struct tw_examples examples = {.count = 3, .labels = labels, .label_starts = starts};
    struct tw_metrics metrics = {0};
    assert_int_equal(tw_metrics_compute(&examples, scores, 3, -1, &metrics, NULL), TW_OK);
    assert_true(isnan(metrics.per_class[2].recall));
    assert_true(fabs(metrics.balanced_accuracy - 0.75) < 1e-12);
    assert_true(fabs(metrics.top_2 - 2.0 / 3) < 1e-12);
    assert_true(isnan(metrics.top_3));
    tw_metrics_release(&metrics);
}

static void calibration_error_is_the_gap_of_score_and_success(void **state)
{
    (void)state;
    static const int64_t labels[] = {0, 0, 1, 1};
    static const size_t starts[] = {0, 1, 2, 3, 4};
    static const float scores[] = {0.9f, 0.1f, 0.9f, 0.1f, 0.9f, 0.1f, 0.4f, 0.6f};
    const struct tw_examples examples = {.count = 4, .labels = labels, .label_starts = starts};
    struct tw_metrics metrics = {0};
    assert_int_equal(tw_metrics_compute(&examples, scores, 2, -1, &metrics, NULL), TW_OK);
    /* Of three rows at 0.9 two are right, the one at 0.6 is. */
    assert_true(fabs(metrics.calibration_error - ((2.7 - 2) / 4 + (1 - 0.6) / 4)) < 1e-6);
    tw_metrics_release(&metrics);
}

static void a_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    struct made made;
    make(&made);
    for (uint64_t n = 1; n < 12; n++) {
        struct tw_metrics metrics = {0};
        tw_memory_fail_at(n);
        enum tw_status status = tw_metrics_compute(&made.examples, made.scores, CLASSES, -1, &metrics, NULL);
        if (status == TW_OK)
            status = tw_metrics_complete(&made.examples, made.scores, -1, 1, &metrics, NULL);
        tw_memory_fail_at(0);
        assert_int_equal(status, TW_NO_MEMORY);
        tw_metrics_release(&metrics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_have_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(intervals_hold_the_value_and_have_the_width_of_a_binomial),
        cmocka_unit_test(average_precision_is_that_of_its_definition),
        cmocka_unit_test(sparse_and_dense_confusion_agree),
        cmocka_unit_test(a_class_without_rows_has_no_recall_and_does_not_count),
        cmocka_unit_test(calibration_error_is_the_gap_of_score_and_success),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
