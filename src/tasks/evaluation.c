#include "tasks/evaluation.h"

#include "base/csv.h"
#include "base/memory.h"
#include "report/metrics_text.h"

#include <stdio.h>

typedef enum tw_status view_writer(const struct tw_metrics_view *, struct tw_buffer *, struct tw_error *);

static enum tw_status with_view(const struct tw_metrics *metrics, const char *const *labels, view_writer *write,
                                struct tw_buffer *out, struct tw_error *error)
{
    size_t n = metrics->class_count;
    double *numbers = tw_alloc(3 * n, sizeof *numbers);
    size_t *counts = tw_alloc(2 * n, sizeof *counts);
    enum tw_status status = numbers && counts ? TW_OK : tw_fail_memory(error, 5 * n * sizeof *numbers, "the metrics");
    for (size_t i = 0; i < n && !status; i++) {
        numbers[i] = metrics->per_class[i].precision;
        numbers[n + i] = metrics->per_class[i].recall;
        numbers[2 * n + i] = metrics->per_class[i].f1;
        counts[i] = metrics->per_class[i].count;
        counts[n + i] = metrics->per_class[i].predicted;
    }
    const struct tw_metrics_view view = {
        .class_count = n,
        .count = metrics->count,
        .accuracy = metrics->accuracy,
        .balanced_accuracy = metrics->balanced_accuracy,
        .macro_f1 = metrics->macro_f1,
        .log_loss = metrics->log_loss,
        .confusion = metrics->confusion,
        .precision = numbers,
        .recall = numbers + n,
        .f1 = numbers + 2 * n,
        .class_counts = counts,
        .predicted_counts = counts + n,
        .labels = labels,
    };
    if (!status)
        status = write(&view, out, error);
    tw_free(numbers);
    tw_free(counts);
    return status;
}

enum tw_status tw_evaluation_json(const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error)
{
    return with_view(metrics, labels, tw_metrics_to_json, out, error);
}

enum tw_status tw_evaluation_text(const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error)
{
    return with_view(metrics, labels, tw_metrics_to_text, out, error);
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

enum tw_status tw_predictions_csv(const struct tw_examples *examples, const float *scores,
                                  const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error)
{
    struct tw_buffer label = {0};
    size_t class_count = metrics->class_count;
    enum tw_status status = tw_buffer_append_text(out, "key,label,prediction,score\n", error);
    for (size_t i = 0; i < examples->count && !status; i++) {
        size_t best = tw_argmax(scores + i * class_count, class_count);
        bool is_unlabelled = examples->label_starts[i] == examples->label_starts[i + 1];
        if (is_unlabelled && metrics->unlabelled_class < 0)
            continue;
        status = join_labels(examples, i, labels, metrics->unlabelled_class, &label, error);
        if (!status)
            status = tw_csv_put(out, examples->keys[i], true, true, error);
        if (!status)
            status = tw_csv_put(out, (const char *)label.data, false, true, error);
        if (!status)
            status = tw_csv_put(out, labels[best], false, true, error);
        if (!status)
            status = tw_buffer_printf(out, error, ",%.6f\n", (double)scores[i * class_count + best]);
    }
    tw_buffer_release(&label);
    return status;
}
