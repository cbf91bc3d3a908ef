#include "train/multi_label.h"

#include "base/memory.h"
#include "train/judged.h"
#include "train/solver.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST_POSITIVES = 5, RESAMPLES = 1000, FEWER_RESAMPLES = 200 };
static const size_t most_draws = 100000000;

struct ranked {
    double score;
    bool is_positive;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    return (left->score < right->score) - (left->score > right->score);
}

static double f1_of(double hits, double predicted, double positives)
{
    return predicted + positives > 0 ? 2 * hits / (predicted + positives) : NAN;
}

static float best_threshold(const struct ranked *ranking, size_t count, double positives)
{
    double hits = 0, best = -1, threshold = 0.5;
    for (size_t i = 0; i < count; i++) {
        hits += ranking[i].is_positive;
        if (i + 1 < count && ranking[i + 1].score == ranking[i].score)
            continue;
        double f1 = f1_of(hits, (double)(i + 1), positives);
        double here = i + 1 < count ? (ranking[i].score + ranking[i + 1].score) / 2 : ranking[i].score / 2;
        bool is_nearer = fabs(here - 0.5) < fabs(threshold - 0.5);
        if (f1 > best || (f1 == best && is_nearer)) {
            best = f1;
            threshold = here;
        }
    }
    return (float)threshold;
}

enum tw_status tw_threshold_choose(const struct tw_held_out *h, const float *logits, size_t index, float *threshold,
                                   struct tw_error *error)
{
    struct ranked *ranking = tw_alloc(h->count + 1, sizeof *ranking);
    size_t count = 0, positives = 0;
    if (ranking == NULL)
        return tw_fail_memory(error, h->count * sizeof *ranking, "thresholds");
    for (size_t row = 0; row < h->count; row++) {
        if (h->folds[row] == TW_NEVER_HELD_OUT)
            continue;
        bool is_positive = h->targets[row * h->classes + index] > 0;
        ranking[count++] = (struct ranked){1 / (1 + exp(-(double)logits[row * h->classes + index])), is_positive};
        positives += is_positive;
    }
    *threshold = 0.5f;
    if (positives >= LEAST_POSITIVES) {
        qsort(ranking, count, sizeof *ranking, compare_ranked);
        *threshold = best_threshold(ranking, count, (double)positives);
    }
    tw_free(ranking);
    return TW_OK;
}

/* What one row adds to the measures. */
struct row_sums {
    double hits, predicted, truths, wrong;
};

struct rows {
    struct row_sums *sums;
    size_t count, classes;
};

static struct tw_multi_label measure(const struct rows *rows, const uint8_t *weights)
{
    struct row_sums all = {0};
    double count = 0, whole = 0;
    for (size_t i = 0; i < rows->count; i++) {
        double weight = weights != NULL ? weights[i] : 1;
        const struct row_sums *row = &rows->sums[i];
        all.hits += weight * row->hits;
        all.predicted += weight * row->predicted;
        all.truths += weight * row->truths;
        all.wrong += weight * row->wrong;
        whole += row->wrong == 0 ? weight : 0;
        count += weight;
    }
    return (struct tw_multi_label){
        .subset_accuracy = count > 0 ? whole / count : NAN,
        .hamming_loss = count > 0 ? all.wrong / (count * (double)rows->classes) : NAN,
        .micro_precision = all.predicted > 0 ? all.hits / all.predicted : NAN,
        .micro_recall = all.truths > 0 ? all.hits / all.truths : NAN,
        .micro_f1 = f1_of(all.hits, all.predicted, all.truths),
    };
}

static enum tw_status find_intervals(const struct rows *rows, struct tw_multi_label *m, struct tw_error *error)
{
    size_t resamples = rows->count * RESAMPLES <= most_draws ? RESAMPLES : FEWER_RESAMPLES;
    uint8_t *weights = tw_alloc(rows->count + 1, sizeof *weights);
    double *values = tw_alloc(3 * resamples, sizeof *values);
    enum tw_status status =
        weights != NULL && values != NULL ? TW_OK : tw_fail_memory(error, 3 * resamples * sizeof *values, "intervals");
    for (size_t i = 0; i < resamples && status == TW_OK; i++) {
        tw_resample(i, rows->count, weights);
        const struct tw_multi_label drawn = measure(rows, weights);
        values[i] = drawn.subset_accuracy;
        values[resamples + i] = drawn.hamming_loss;
        values[2 * resamples + i] = drawn.micro_f1;
    }
    if (status == TW_OK) {
        m->subset_accuracy_interval = tw_interval_of(values, resamples);
        m->hamming_loss_interval = tw_interval_of(values + resamples, resamples);
        m->micro_f1_interval = tw_interval_of(values + 2 * resamples, resamples);
    }
    tw_free(weights);
    tw_free(values);
    return status;
}

static void fill_classes(const struct tw_class_sums *sums, struct tw_metrics *m)
{
    static const struct tw_interval unknown = {NAN, NAN};
    double f1s = 0, with_f1 = 0;
    for (size_t i = 0; i < m->class_count; i++) {
        struct tw_class_metrics *class = &m->per_class[i];
        class->count = (size_t)sums[i].truths;
        class->predicted = (size_t)sums[i].predicted;
        class->precision = sums[i].predicted > 0 ? sums[i].hits / sums[i].predicted : NAN;
        class->recall = sums[i].truths > 0 ? sums[i].hits / sums[i].truths : NAN;
        class->f1 = f1_of(sums[i].hits, sums[i].predicted, sums[i].truths);
        class->precision_interval = class->recall_interval = unknown;
        if (!isnan(class->f1))
            f1s += class->f1, with_f1++;
    }
    m->macro_f1 = with_f1 > 0 ? f1s / with_f1 : NAN;
    m->intervals[TW_MACRO_F1] = m->intervals[TW_LOG_LOSS] = unknown;
}

enum tw_status tw_multi_label_measure(const struct tw_examples *examples, const float *scores, const float *thresholds,
                                      int64_t unlabelled_class, struct tw_metrics *m, struct tw_error *error)
{
    struct rows rows = {.classes = m->class_count};
    struct tw_class_sums *classes = tw_alloc(m->class_count + 1, sizeof *classes);
    rows.sums = tw_alloc(examples->count + 1, sizeof *rows.sums);
    enum tw_status status = rows.sums != NULL && classes != NULL
                                ? TW_OK
                                : tw_fail_memory(error, examples->count * sizeof *rows.sums, "the metrics");
    double loss = 0;
    for (size_t row = 0; row < examples->count && status == TW_OK; row++) {
        if (unlabelled_class < 0 && examples->label_starts[row] == examples->label_starts[row + 1])
            continue;
        struct row_sums *sums = &rows.sums[rows.count++];
        for (size_t c = 0; c < m->class_count; c++) {
            float score = scores[row * m->class_count + c];
            bool is_predicted = score >= thresholds[c], is_true = tw_row_has_label(examples, row, c, unlabelled_class);
            sums->hits += is_predicted && is_true;
            sums->predicted += is_predicted;
            sums->truths += is_true;
            sums->wrong += is_predicted != is_true;
            classes[c].hits += is_predicted && is_true;
            classes[c].predicted += is_predicted;
            classes[c].truths += is_true;
            loss -= log(fmax(is_true ? (double)score : 1 - (double)score, 1e-15));
        }
    }
    if (status == TW_OK) {
        m->multi_label = measure(&rows, NULL);
        m->thresholds = thresholds;
        m->log_loss = rows.count > 0 ? loss / (double)(rows.count * m->class_count) : NAN;
        fill_classes(classes, m);
        status = find_intervals(&rows, &m->multi_label, error);
    }
    tw_free(rows.sums);
    tw_free(classes);
    return status;
}
