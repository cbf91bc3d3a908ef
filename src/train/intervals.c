/* Average precision, and bootstrap intervals of every measure: percentiles over resamples of the rows (Efron 1979). */
#include "base/memory.h"
#include "base/threads.h"
#include "train/judged.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_RESAMPLES = 1000, LEAST_RESAMPLES = 200 };
/* What one run may hold and cost; above it there are fewer resamples, or none for average precision. */
static const size_t most_weights = 64000000, most_class_values = 2000000, most_scores = 100000000,
                    most_ranked = 4000000000;

struct resampling {
    const struct tw_examples *examples;
    const float *scores;
    int64_t unlabelled_class;
    struct tw_metrics *metrics;
    struct tw_judged judged;
    size_t resamples, ranked_resamples;
    uint8_t *weights;  /* resamples x rows */
    double *measures;  /* TW_MEASURES x resamples */
    double *precision; /* class_count x resamples; recall, average precision alike */
    double *recall, *average;
};

static enum tw_status measure_resample(void *context, size_t index, int worker, struct tw_error *error)
{
    struct resampling *r = context;
    size_t classes = r->judged.class_count;
    uint8_t *weights = r->weights + index * r->judged.count;
    struct tw_class_sums *sums = tw_alloc(classes, sizeof *sums);
    double measures[TW_MEASURES];
    (void)worker;
    if (sums == NULL)
        return tw_fail_memory(error, classes * sizeof *sums, "a resample");
    tw_resample(index, r->judged.count, weights);
    tw_judged_measure(&r->judged, weights, sums, measures);
    for (size_t i = 0; i < TW_MEASURES; i++)
        r->measures[i * r->resamples + index] = measures[i];
    for (size_t i = 0; i < classes; i++) {
        size_t at = i * r->resamples + index;
        r->precision[at] = sums[i].predicted > 0 ? sums[i].hits / sums[i].predicted : NAN;
        r->recall[at] = sums[i].truths > 0 ? sums[i].hits / sums[i].truths : NAN;
    }
    tw_free(sums);
    return TW_OK;
}

struct ranked {
    float score;
    uint32_t place; /* in judged rows */
    bool is_positive;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? 1 : -1;
    return (left->place > right->place) - (left->place < right->place);
}

/* Rows of the same score pass the threshold together. */
static double average_precision(const struct ranked *ranking, size_t count, const uint8_t *weights)
{
    double positives = 0, hits = 0, passed = 0, sum = 0, known_hits = 0;
    for (size_t i = 0; i < count; i++)
        positives += ranking[i].is_positive ? (weights != NULL ? weights[ranking[i].place] : 1) : 0;
    if (positives == 0)
        return NAN;
    for (size_t i = 0; i < count; i++) {
        double weight = weights != NULL ? weights[ranking[i].place] : 1;
        passed += weight;
        hits += ranking[i].is_positive ? weight : 0;
        if (i + 1 < count && ranking[i + 1].score == ranking[i].score)
            continue;
        if (hits > known_hits)
            sum += (hits - known_hits) / positives * hits / passed;
        known_hits = hits;
    }
    return sum;
}

static enum tw_status rank_class(void *context, size_t index, int worker, struct tw_error *error)
{
    struct resampling *r = context;
    size_t count = r->judged.count, classes = r->judged.class_count;
    struct ranked *ranking = tw_alloc(count, sizeof *ranking);
    (void)worker;
    if (ranking == NULL)
        return tw_fail_memory(error, count * sizeof *ranking, "a ranking");
    for (size_t i = 0; i < count; i++) {
        size_t row = r->judged.rows[i].row;
        ranking[i] = (struct ranked){r->scores[row * classes + index], (uint32_t)i,
                                     tw_row_has_label(r->examples, row, index, r->unlabelled_class)};
    }
    qsort(ranking, count, sizeof *ranking, compare_ranked);
    r->metrics->per_class[index].average_precision = average_precision(ranking, count, NULL);
    for (size_t i = 0; i < r->resamples; i++) {
        const uint8_t *weights = r->weights + i * count;
        r->average[index * r->resamples + i] =
            i < r->ranked_resamples ? average_precision(ranking, count, weights) : NAN;
    }
    tw_free(ranking);
    return TW_OK;
}

/* Of the columns first, first + stride ...: those that are defined. */
static double mean_of(const double *values, size_t first, size_t stride, size_t count)
{
    double sum = 0, known = 0;
    for (size_t i = 0; i < count; i++) {
        double value = values[first + i * stride];
        if (!isnan(value))
            sum += value, known++;
    }
    return known > 0 ? sum / known : NAN;
}

static void fill_intervals(struct resampling *r)
{
    struct tw_metrics *m = r->metrics;
    size_t n = r->resamples;
    double *mean_average = r->measures + TW_MEAN_AVERAGE_PRECISION * n, sum = 0, known = 0;
    for (size_t i = 0; i < n; i++)
        mean_average[i] = mean_of(r->average, i, n, m->class_count);
    for (size_t i = 0; i < m->class_count; i++) {
        struct tw_class_metrics *class = &m->per_class[i];
        if (!isnan(class->average_precision))
            sum += class->average_precision, known++;
        class->precision_interval = tw_interval_of(r->precision + i * n, n);
        class->recall_interval = tw_interval_of(r->recall + i * n, n);
        class->average_precision_interval = tw_interval_of(r->average + i * n, n);
    }
    m->mean_average_precision = known > 0 ? sum / known : NAN;
    for (size_t i = 0; i < TW_MEASURES; i++)
        m->intervals[i] = tw_interval_of(r->measures + i * n, n);
    m->resamples = n;
}

static size_t count_resamples(size_t rows, size_t classes)
{
    size_t by_rows = most_weights / rows, by_classes = most_class_values / classes;
    size_t most = by_rows < by_classes ? by_rows : by_classes;
    return most > MOST_RESAMPLES ? MOST_RESAMPLES : most < LEAST_RESAMPLES ? LEAST_RESAMPLES : most;
}

static enum tw_status resample(struct resampling *r, int threads, struct tw_error *error)
{
    size_t rows = r->judged.count, classes = r->judged.class_count, values = classes * r->resamples;
    r->weights = tw_alloc(r->resamples * rows, 1);
    r->measures = tw_alloc(TW_MEASURES * r->resamples, sizeof *r->measures);
    r->precision = tw_alloc(3 * values, sizeof *r->precision);
    if (r->weights == NULL || r->measures == NULL || r->precision == NULL)
        return tw_fail_memory(error, r->resamples * rows + 3 * values * sizeof *r->precision, "the intervals");
    r->recall = r->precision + values;
    r->average = r->recall + values;
    for (size_t i = 0; i < values; i++)
        r->average[i] = NAN;
    enum tw_status status = tw_parallel_for(threads, r->resamples, measure_resample, r, error);
    if (status == TW_OK && rows <= most_scores / classes) {
        r->ranked_resamples = r->resamples <= most_ranked / (rows * classes) ? r->resamples : 0;
        status = tw_parallel_for(threads, classes, rank_class, r, error);
    }
    if (status == TW_OK)
        fill_intervals(r);
    return status;
}

enum tw_status tw_metrics_complete(const struct tw_examples *examples, const float *scores, int64_t unlabelled_class,
                                   int threads, struct tw_metrics *metrics, struct tw_error *error)
{
    struct resampling r = {
        .examples = examples, .scores = scores, .unlabelled_class = unlabelled_class, .metrics = metrics};
    enum tw_status status = tw_judged_make(examples, scores, metrics->class_count, unlabelled_class, &r.judged, error);
    if (status == TW_OK && r.judged.count > 0) {
        r.resamples = count_resamples(r.judged.count, metrics->class_count);
        status = resample(&r, threads > 0 ? threads : 1, error);
    }
    tw_judged_release(&r.judged);
    tw_free(r.weights);
    tw_free(r.measures);
    tw_free(r.precision);
    return status;
}
