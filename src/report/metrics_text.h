/* metrics.json, and the tables that people read. */
#ifndef TW_REPORT_METRICS_TEXT_H
#define TW_REPORT_METRICS_TEXT_H

#include "base/bytes.h"

/* As train/metrics.h has it; repeated here as plain numbers because report lies beside train, not above it. */
struct tw_metrics_view {
    size_t class_count, count;
    double accuracy, balanced_accuracy, macro_f1, log_loss;
    const size_t *confusion;               /* rows truth, columns prediction */
    const double *precision, *recall, *f1; /* class_count each; NaN where not defined */
    const size_t *class_counts, *predicted_counts;
    const char *const *labels; /* class_count */
};
/* One JSON object: accuracy, balanced_accuracy, macro_f1, log_loss, count, labels, confusion, per_class
 * ({label, count, predicted, precision, recall, f1}); undefined numbers are null. Appends, with a newline. */
enum tw_status tw_metrics_to_json(const struct tw_metrics_view *metrics, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;
/* Aligned columns for a terminal: confusion matrix (at most 20 classes; above it the most confused pairs) and per-class
 * precision and recall. */
enum tw_status tw_metrics_to_text(const struct tw_metrics_view *metrics, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;

#endif
