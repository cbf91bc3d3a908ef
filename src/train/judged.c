#include "train/judged.h"

#include "base/memory.h"
#include "base/random.h"
#include "train/reliability.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = TW_CONFIDENCE_BINS };
/* Streams of resamples lie above, so that they meet no other random numbers of the seed. */
static const uint64_t resample_seed = 0x6d657472696373, resample_stream = 1;

/* The class that counts as the row's truth, or -1 where the row is left out. */
static int64_t truth_of(const struct tw_examples *examples, size_t row, size_t prediction, int64_t unlabelled_class)
{
    size_t first = examples->label_starts[row], end = examples->label_starts[row + 1];
    if (first == end)
        return unlabelled_class;
    for (size_t i = first; i < end; i++) {
        if (examples->labels[i] == (int64_t)prediction)
            return (int64_t)prediction;
    }
    return examples->labels[first];
}

static double loss_of(const struct tw_examples *examples, size_t row, const float *scores, int64_t truth)
{
    size_t first = examples->label_starts[row], end = examples->label_starts[row + 1];
    double loss = 0;
    if (first == end)
        return -log(fmax((double)scores[truth], 1e-15));
    for (size_t i = first; i < end; i++)
        loss -= log(fmax((double)scores[examples->labels[i]], 1e-15)) / (double)(end - first);
    return loss;
}

bool tw_row_has_label(const struct tw_examples *examples, size_t row, size_t label, int64_t unlabelled_class)
{
    size_t first = examples->label_starts[row], end = examples->label_starts[row + 1];
    for (size_t i = first; i < end; i++) {
        if (examples->labels[i] == (int64_t)label)
            return true;
    }
    return first == end && unlabelled_class == (int64_t)label;
}

static uint32_t rank_of(const struct tw_examples *examples, size_t row, const float *scores, size_t class_count,
                        int64_t truth)
{
    size_t best = (size_t)truth;
    uint32_t rank = 0;
    for (size_t i = examples->label_starts[row]; i < examples->label_starts[row + 1]; i++) {
        size_t label = (size_t)examples->labels[i];
        best = scores[label] > scores[best] ? label : best;
    }
    for (size_t i = 0; i < class_count; i++)
        rank += scores[i] > scores[best] || (scores[i] == scores[best] && i < best);
    return rank;
}

enum tw_status tw_judged_make(const struct tw_examples *examples, const float *scores, size_t class_count,
                              int64_t unlabelled_class, struct tw_judged *judged, struct tw_error *error)
{
    struct tw_judged made = {.class_count = class_count};
    made.rows = tw_alloc(examples->count, sizeof *made.rows);
    if (made.rows == NULL && examples->count > 0)
        return tw_fail_memory(error, examples->count * sizeof *made.rows, "the evaluated rows");
    for (size_t row = 0; row < examples->count; row++) {
        const float *of_row = scores + row * class_count;
        size_t prediction = tw_argmax(of_row, class_count);
        int64_t truth = truth_of(examples, row, prediction, unlabelled_class);
        if (truth < 0)
            continue;
        made.rows[made.count++] = (struct tw_judged_row){
            .row = row,
            .truth = (uint32_t)truth,
            .prediction = (uint32_t)prediction,
            .rank = rank_of(examples, row, of_row, class_count, truth),
            .confidence = of_row[prediction],
            .loss = loss_of(examples, row, of_row, truth),
        };
    }
    *judged = made;
    return TW_OK;
}

void tw_judged_release(struct tw_judged *judged)
{
    tw_free(judged->rows);
    *judged = (struct tw_judged){0};
}

struct bin {
    double confidence, right;
};

static double calibration_error(const struct bin *bins, double count)
{
    double error = 0;
    for (size_t i = 0; i < BINS; i++)
        error += fabs(bins[i].right - bins[i].confidence) / count;
    return error;
}

static void average_classes(const struct tw_class_sums *classes, size_t class_count, double *measures)
{
    double recalls = 0, f1s = 0, with_recall = 0, with_f1 = 0;
    for (size_t i = 0; i < class_count; i++) {
        const struct tw_class_sums *class = &classes[i];
        if (class->truths > 0)
            recalls += class->hits / class->truths, with_recall++;
        if (class->truths + class->predicted > 0)
            f1s += 2 * class->hits / (class->truths + class->predicted), with_f1++;
    }
    measures[TW_BALANCED_ACCURACY] = with_recall > 0 ? recalls / with_recall : NAN;
    measures[TW_MACRO_F1] = with_f1 > 0 ? f1s / with_f1 : NAN;
}

void tw_judged_measure(const struct tw_judged *judged, const uint8_t *weights, struct tw_class_sums *classes,
                       double *measures)
{
    static const struct {
        enum tw_measure measure;
        uint32_t depth;
    } tops[] = {{TW_TOP_2, 2}, {TW_TOP_3, 3}, {TW_TOP_5, 5}};
    enum { TOPS = sizeof tops / sizeof *tops };
    double count = 0, right = 0, loss = 0, within[TOPS] = {0};
    struct bin bins[BINS] = {{0}};
    for (size_t i = 0; i < judged->class_count; i++)
        classes[i] = (struct tw_class_sums){0};
    for (size_t i = 0; i < judged->count; i++) {
        const struct tw_judged_row *row = &judged->rows[i];
        double weight = weights != NULL ? weights[i] : 1, hit = row->truth == row->prediction ? weight : 0;
        struct bin *bin = &bins[tw_confidence_bin(row->confidence)];
        count += weight;
        right += hit;
        loss += weight * row->loss;
        bin->confidence += weight * (double)row->confidence;
        bin->right += hit;
        classes[row->truth].truths += weight;
        classes[row->truth].hits += hit;
        classes[row->prediction].predicted += weight;
        for (size_t k = 0; k < TOPS; k++)
            within[k] += row->rank < tops[k].depth ? weight : 0;
    }
    for (size_t i = 0; i < TW_MEASURES; i++)
        measures[i] = NAN;
    if (count == 0)
        return;
    measures[TW_ACCURACY] = right / count;
    measures[TW_LOG_LOSS] = loss / count;
    measures[TW_CALIBRATION_ERROR] = calibration_error(bins, count);
    for (size_t k = 0; k < TOPS; k++)
        measures[tops[k].measure] = judged->class_count > tops[k].depth ? within[k] / count : NAN;
    average_classes(classes, judged->class_count, measures);
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double quantile(const double *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place;
    double part = place - (double)below;
    return below + 1 < count ? sorted[below] * (1 - part) + sorted[below + 1] * part : sorted[below];
}

struct tw_interval tw_interval_of(double *values, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i]))
            values[known++] = values[i];
    }
    if (known < 2 || 2 * known < count)
        return (struct tw_interval){NAN, NAN};
    qsort(values, known, sizeof *values, compare_numbers);
    return (struct tw_interval){quantile(values, known, 0.025), quantile(values, known, 0.975)};
}

void tw_resample(uint64_t number, size_t count, uint8_t *weights)
{
    struct tw_random random = {.seed = resample_seed, .stream = resample_stream + number};
    for (size_t i = 0; i < count; i++)
        weights[i] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t drawn = (size_t)tw_random_below(&random, count);
        weights[drawn] = (uint8_t)(weights[drawn] + (weights[drawn] < UINT8_MAX));
    }
}
