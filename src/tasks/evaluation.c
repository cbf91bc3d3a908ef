#include "tasks/evaluation.h"

#include "base/csv.h"
#include "base/memory.h"
#include "report/comparison_text.h"

#include <math.h>

enum { CLASS_MEASURES = 4 };

static struct tw_number number(const char *name, double value, struct tw_interval interval)
{
    return (struct tw_number){name, value, interval.low, interval.high};
}

static void view_classes(const struct tw_metrics *metrics, struct tw_number *numbers, size_t *counts)
{
    static const struct tw_interval unknown = {NAN, NAN};
    for (size_t i = 0; i < metrics->class_count; i++) {
        const struct tw_class_metrics *class = &metrics->per_class[i];
        struct tw_number *of_class = numbers + i * CLASS_MEASURES;
        of_class[0] = number("precision", class->precision, class->precision_interval);
        of_class[1] = number("recall", class->recall, class->recall_interval);
        of_class[2] = number("f1", class->f1, unknown);
        of_class[3] = number("average_precision", class->average_precision, class->average_precision_interval);
        counts[i] = class->count;
        counts[metrics->class_count + i] = class->predicted;
    }
}

enum tw_status tw_evaluation_view(const struct tw_metrics *metrics, const char *const *labels, tw_view_user *use,
                                  void *context, struct tw_error *error)
{
    size_t n = metrics->class_count;
    struct tw_number measures[TW_MEASURES], *numbers = tw_alloc(n * CLASS_MEASURES, sizeof *numbers);
    size_t *counts = tw_alloc(2 * n, sizeof *counts);
    struct tw_confused_view *pairs = tw_alloc(metrics->pair_count + 1, sizeof *pairs);
    enum tw_status status =
        numbers && counts && pairs ? TW_OK : tw_fail_memory(error, n * CLASS_MEASURES * sizeof *numbers, "the metrics");
    if (!status)
        view_classes(metrics, numbers, counts);
    for (size_t i = 0; i < TW_MEASURES; i++)
        measures[i] =
            number(tw_measure_names[i], tw_metrics_measure(metrics, (enum tw_measure)i), metrics->intervals[i]);
    for (size_t i = 0; i < metrics->pair_count && !status; i++)
        pairs[i] =
            (struct tw_confused_view){metrics->pairs[i].truth, metrics->pairs[i].prediction, metrics->pairs[i].count};
    const struct tw_metrics_view view = {
        .class_count = n,
        .count = metrics->count,
        .resamples = metrics->resamples,
        .measures = measures,
        .measure_count = TW_MEASURES,
        .class_measures = numbers,
        .class_measure_count = CLASS_MEASURES,
        .confusion = metrics->confusion,
        .pairs = pairs,
        .pair_count = metrics->pair_count,
        .class_counts = counts,
        .predicted_counts = counts + n,
        .labels = labels,
    };
    if (!status)
        status = use(context, &view, error);
    tw_free(numbers);
    tw_free(counts);
    tw_free(pairs);
    return status;
}

static enum tw_status write_json(void *context, const struct tw_metrics_view *view, struct tw_error *error)
{
    return tw_metrics_to_json(view, context, error);
}

static enum tw_status write_text(void *context, const struct tw_metrics_view *view, struct tw_error *error)
{
    return tw_metrics_to_text(view, context, error);
}

static enum tw_status put_share(struct tw_buffer *out, const char *name, double value, struct tw_error *error)
{
    return isfinite(value) ? tw_buffer_printf(out, error, "\"%s\":%.9g,", name, value)
                           : tw_buffer_printf(out, error, "\"%s\":null,", name);
}

/* The member "multi_label", as it stands between an object's braces, with a comma before it. */
static enum tw_status multi_label_to_json(const struct tw_metrics *metrics, struct tw_buffer *out,
                                          struct tw_error *error)
{
    const struct tw_multi_label *m = &metrics->multi_label;
    const struct {
        const char *name;
        double value;
    } shares[] = {{"subset_accuracy", m->subset_accuracy},
                  {"hamming_loss", m->hamming_loss},
                  {"micro_precision", m->micro_precision},
                  {"micro_recall", m->micro_recall},
                  {"micro_f1", m->micro_f1},
                  {"macro_f1", metrics->macro_f1},
                  {"mean_average_precision", metrics->mean_average_precision}};
    const struct {
        const char *name;
        struct tw_interval interval;
    } intervals[] = {{"subset_accuracy", m->subset_accuracy_interval},
                     {"hamming_loss", m->hamming_loss_interval},
                     {"micro_f1", m->micro_f1_interval}};
    bool is_first = true;
    enum tw_status status = tw_buffer_append_text(out, ",\"multi_label\":{", error);
    for (size_t i = 0; i < sizeof shares / sizeof *shares && !status; i++)
        status = put_share(out, shares[i].name, shares[i].value, error);
    if (!status)
        status = tw_buffer_append_text(out, "\"intervals\":{", error);
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals && !status; i++) {
        if (!isfinite(intervals[i].interval.low))
            continue;
        status = tw_buffer_printf(out, error, "%s\"%s\":[%.9g,%.9g]", is_first ? "" : ",", intervals[i].name,
                                  intervals[i].interval.low, intervals[i].interval.high);
        is_first = false;
    }
    for (size_t i = 0; i < metrics->class_count && !status; i++)
        status = tw_buffer_printf(out, error, "%s%.9g", i ? "," : "},\"thresholds\":[", (double)metrics->thresholds[i]);
    return status ? status : tw_buffer_append_text(out, "]}", error);
}

enum tw_status tw_evaluation_json(const struct tw_metrics *metrics, const char *const *labels, const char *more_json,
                                  struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status = tw_evaluation_view(metrics, labels, write_json, out, error);
    if (status || (!more_json && !metrics->thresholds))
        return status;
    while (out->size > 0 && out->data[out->size - 1] != '}') /* the object's end and a newline */
        out->size--;
    out->size -= out->size > 0;
    if (metrics->thresholds)
        status = multi_label_to_json(metrics, out, error);
    return status ? status : tw_buffer_printf(out, error, "%s%s}\n", more_json ? "," : "", more_json ? more_json : "");
}

enum tw_status tw_evaluation_text(const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error)
{
    const struct tw_multi_label *m = &metrics->multi_label;
    enum tw_status status = TW_OK;
    if (metrics->thresholds)
        status =
            tw_buffer_printf(out, error,
                             "several labels a photo: micro F1 %.3f (95 %%: %.3f to %.3f), macro F1 %.3f, mean average "
                             "precision %.3f, all labels right %.1f %%; the accuracy below is of the best label\n",
                             m->micro_f1, m->micro_f1_interval.low, m->micro_f1_interval.high, metrics->macro_f1,
                             metrics->mean_average_precision, 100 * m->subset_accuracy);
    return status ? status : tw_evaluation_view(metrics, labels, write_text, out, error);
}

enum tw_status tw_comparison_text(const struct tw_comparison *c, const char *a, const char *b, bool is_json,
                                  struct tw_buffer *out, struct tw_error *error)
{
    const struct tw_comparison_view view = {
        .name_a = a,
        .name_b = b,
        .count = c->count,
        .only_a = c->only_a,
        .only_b = c->only_b,
        .accuracy_a = c->accuracy_a,
        .accuracy_b = c->accuracy_b,
        .log_loss_a = c->log_loss_a,
        .log_loss_b = c->log_loss_b,
        .p_value = c->p_value,
        .accuracy_low = c->accuracy_gain.low,
        .accuracy_high = c->accuracy_gain.high,
        .loss_low = c->loss_gain.low,
        .loss_high = c->loss_gain.high,
    };
    return is_json ? tw_comparison_to_json(&view, out, error) : tw_comparison_to_text(&view, out, error);
}

/* Labels of a row, joined by ';'. */
static enum tw_status join_labels(const struct tw_examples *examples, size_t row, const char *const *labels,
                                  int64_t unlabelled_class, struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    tw_buffer_clear(out);
    if (examples->label_starts[row] == examples->label_starts[row + 1])
        status = tw_buffer_append_text(out, labels[unlabelled_class], error);
    for (size_t i = examples->label_starts[row]; i < examples->label_starts[row + 1] && !status; i++) {
        if (i > examples->label_starts[row])
            status = tw_buffer_append_text(out, ";", error);
        if (!status)
            status = tw_buffer_append_text(out, labels[examples->labels[i]], error);
    }
    return status ? status : tw_buffer_append(out, "", 1, error);
}

/* Multi-label: names of those that reach their thresholds, joined. */
static enum tw_status join_predictions(const struct tw_metrics *metrics, const float *scores, const char *const *labels,
                                       struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    tw_buffer_clear(out);
    for (size_t c = 0; c < metrics->class_count && !status; c++) {
        if (scores[c] >= metrics->thresholds[c])
            status = tw_buffer_printf(out, error, "%s%s", out->size ? ";" : "", labels[c]);
    }
    return status ? status : tw_buffer_append(out, "", 1, error);
}

enum tw_status tw_predictions_csv(const struct tw_examples *examples, const float *scores,
                                  const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error)
{
    struct tw_buffer label = {0};
    size_t class_count = metrics->class_count;
    /* No cell is guarded against spreadsheets: programs compare labels and keys with labels.txt and their own lists. */
    enum tw_status status = tw_buffer_append_text(out, "key,label,prediction,score\n", error);
    for (size_t i = 0; i < examples->count && !status; i++) {
        size_t best = tw_argmax(scores + i * class_count, class_count);
        bool is_unlabelled = examples->label_starts[i] == examples->label_starts[i + 1];
        if (is_unlabelled && metrics->unlabelled_class < 0)
            continue;
        status = join_labels(examples, i, labels, metrics->unlabelled_class, &label, error);
        if (!status)
            status = tw_csv_put(out, examples->keys[i], true, false, error);
        if (!status)
            status = tw_csv_put(out, (const char *)label.data, false, false, error);
        if (!status)
            status = metrics->thresholds ? join_predictions(metrics, scores + i * class_count, labels, &label, error)
                                         : TW_OK;
        if (!status)
            status =
                tw_csv_put(out, metrics->thresholds ? (const char *)label.data : labels[best], false, false, error);
        if (!status)
            status = tw_buffer_printf(out, error, ",%.6f\n", (double)scores[i * class_count + best]);
    }
    tw_buffer_release(&label);
    return status;
}
