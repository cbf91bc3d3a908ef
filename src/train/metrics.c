#include "train/metrics.h"

#include "base/memory.h"
#include "train/judged.h"

#include <math.h>
#include <stdlib.h>

const char *const tw_measure_names[TW_MEASURES] = {
    [TW_ACCURACY] = "accuracy",
    [TW_BALANCED_ACCURACY] = "balanced_accuracy",
    [TW_MACRO_F1] = "macro_f1",
    [TW_LOG_LOSS] = "log_loss",
    [TW_MEAN_AVERAGE_PRECISION] = "mean_average_precision",
    [TW_TOP_2] = "top_2_accuracy",
    [TW_TOP_3] = "top_3_accuracy",
    [TW_TOP_5] = "top_5_accuracy",
    [TW_CALIBRATION_ERROR] = "calibration_error",
};

size_t tw_argmax(const float *scores, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (scores[i] > scores[best] || isnan(scores[best]))
            best = i;
    }
    return best;
}

void tw_metrics_release(struct tw_metrics *metrics)
{
    tw_free(metrics->confusion);
    tw_free(metrics->pairs);
    tw_free(metrics->per_class);
    *metrics = (struct tw_metrics){0};
}

static double *place_of(struct tw_metrics *metrics, enum tw_measure measure)
{
    double *const places[TW_MEASURES] = {
        [TW_ACCURACY] = &metrics->accuracy,
        [TW_BALANCED_ACCURACY] = &metrics->balanced_accuracy,
        [TW_MACRO_F1] = &metrics->macro_f1,
        [TW_LOG_LOSS] = &metrics->log_loss,
        [TW_MEAN_AVERAGE_PRECISION] = &metrics->mean_average_precision,
        [TW_TOP_2] = &metrics->top_2,
        [TW_TOP_3] = &metrics->top_3,
        [TW_TOP_5] = &metrics->top_5,
        [TW_CALIBRATION_ERROR] = &metrics->calibration_error,
    };
    return places[measure];
}

double tw_metrics_measure(const struct tw_metrics *metrics, enum tw_measure measure)
{
    struct tw_metrics copy = *metrics;
    return *place_of(&copy, measure);
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void fill_classes(const struct tw_class_sums *sums, struct tw_metrics *m)
{
    static const struct tw_interval unknown = {NAN, NAN};
    for (size_t i = 0; i < m->class_count; i++) {
        m->per_class[i] = (struct tw_class_metrics){
            .count = (size_t)sums[i].truths,
            .predicted = (size_t)sums[i].predicted,
            .precision = share(sums[i].hits, sums[i].predicted),
            .recall = share(sums[i].hits, sums[i].truths),
            .f1 = share(2 * sums[i].hits, sums[i].truths + sums[i].predicted),
            .average_precision = NAN,
            .precision_interval = unknown,
            .recall_interval = unknown,
            .average_precision_interval = unknown,
        };
    }
    for (size_t i = 0; i < TW_MEASURES; i++)
        m->intervals[i] = unknown;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct tw_confused *left = a, *right = b;
    if (left->truth != right->truth)
        return left->truth < right->truth ? -1 : 1;
    return (left->prediction > right->prediction) - (left->prediction < right->prediction);
}

static enum tw_status count_pairs(const struct tw_judged *judged, struct tw_metrics *m, struct tw_error *error)
{
    size_t count = 0;
    m->pairs = tw_alloc(judged->count + 1, sizeof *m->pairs);
    if (m->pairs == NULL)
        return tw_fail_memory(error, judged->count * sizeof *m->pairs, "the confusion matrix");
    for (size_t i = 0; i < judged->count; i++)
        m->pairs[i] = (struct tw_confused){judged->rows[i].truth, judged->rows[i].prediction, 1};
    qsort(m->pairs, judged->count, sizeof *m->pairs, compare_pairs);
    for (size_t i = 0; i < judged->count; i++) {
        if (count > 0 && compare_pairs(&m->pairs[count - 1], &m->pairs[i]) == 0)
            m->pairs[count - 1].count++;
        else
            m->pairs[count++] = m->pairs[i];
    }
    m->pair_count = count;
    for (size_t i = 0; i < count && m->confusion != NULL; i++)
        m->confusion[m->pairs[i].truth * m->class_count + m->pairs[i].prediction] = m->pairs[i].count;
    return TW_OK;
}

enum tw_status tw_metrics_compute(const struct tw_examples *examples, const float *scores, size_t class_count,
                                  int64_t unlabelled_class, struct tw_metrics *metrics, struct tw_error *error)
{
    struct tw_metrics m = {.class_count = class_count, .unlabelled_class = unlabelled_class};
    struct tw_judged judged = {0};
    double measures[TW_MEASURES];
    bool has_confusion = class_count <= TW_MOST_CONFUSED;
    struct tw_class_sums *sums = tw_alloc(class_count, sizeof *sums);
    m.confusion = has_confusion ? tw_alloc(class_count * class_count, sizeof *m.confusion) : NULL;
    m.per_class = tw_alloc(class_count, sizeof *m.per_class);
    enum tw_status status = TW_OK;
    if (sums == NULL || (has_confusion && m.confusion == NULL) || m.per_class == NULL)
        status = tw_fail_memory(error, class_count * class_count * sizeof *m.confusion, "the confusion matrix");
    if (status == TW_OK)
        status = tw_judged_make(examples, scores, class_count, unlabelled_class, &judged, error);
    if (status == TW_OK) {
        m.count = judged.count;
        tw_judged_measure(&judged, NULL, sums, measures);
        for (size_t i = 0; i < TW_MEASURES; i++)
            *place_of(&m, (enum tw_measure)i) = measures[i];
        fill_classes(sums, &m);
        status = count_pairs(&judged, &m, error);
    }
    tw_judged_release(&judged);
    tw_free(sums);
    if (status != TW_OK)
        tw_metrics_release(&m);
    else
        *metrics = m;
    return status;
}
