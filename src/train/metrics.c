#include "train/metrics.h"

#include "base/memory.h"

#include <math.h>

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
    tw_free(metrics->per_class);
    *metrics = (struct tw_metrics){0};
}

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

static void summarise(struct tw_metrics *m, double loss)
{
    size_t right = 0, with_recall = 0, with_f1 = 0;
    double recalls = 0, f1s = 0;
    for (size_t i = 0; i < m->class_count; i++) {
        struct tw_class_metrics *class = &m->per_class[i];
        double hits = (double)m->confusion[i * m->class_count + i];
        right += m->confusion[i * m->class_count + i];
        class->precision = class->predicted > 0 ? hits / (double)class->predicted : NAN;
        class->recall = class->count > 0 ? hits / (double)class->count : NAN;
        class->f1 = class->predicted + class->count > 0 ? 2 * hits / (double)(class->predicted + class->count) : NAN;
        if (class->count > 0)
            recalls += class->recall, with_recall++;
        if (class->predicted + class->count > 0)
            f1s += class->f1, with_f1++;
    }
    m->accuracy = m->count > 0 ? (double)right / (double)m->count : NAN;
    m->balanced_accuracy = with_recall > 0 ? recalls / (double)with_recall : NAN;
    m->macro_f1 = with_f1 > 0 ? f1s / (double)with_f1 : NAN;
    m->log_loss = m->count > 0 ? loss / (double)m->count : NAN;
}

enum tw_status tw_metrics_compute(const struct tw_examples *examples, const float *scores, size_t class_count,
                                  int64_t unlabelled_class, struct tw_metrics *metrics, struct tw_error *error)
{
    struct tw_metrics m = {.class_count = class_count, .unlabelled_class = unlabelled_class};
    double loss = 0;
    m.confusion = tw_alloc(class_count * class_count, sizeof *m.confusion);
    m.per_class = tw_alloc(class_count, sizeof *m.per_class);
    if (m.confusion == NULL || m.per_class == NULL) {
        tw_metrics_release(&m);
        return tw_fail_memory(error, class_count * class_count * sizeof *m.confusion, "the confusion matrix");
    }
    for (size_t row = 0; row < examples->count; row++) {
        const float *of_row = scores + row * class_count;
        size_t prediction = tw_argmax(of_row, class_count);
        int64_t truth = truth_of(examples, row, prediction, unlabelled_class);
        if (truth < 0)
            continue;
        m.count++;
        m.confusion[(size_t)truth * class_count + prediction]++;
        m.per_class[truth].count++;
        m.per_class[prediction].predicted++;
        loss += loss_of(examples, row, of_row, truth);
    }
    summarise(&m, loss);
    *metrics = m;
    return TW_OK;
}
