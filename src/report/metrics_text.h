/* metrics.json, and the tables that people read. */
#ifndef TW_REPORT_METRICS_TEXT_H
#define TW_REPORT_METRICS_TEXT_H

#include "base/bytes.h"

/* A measure and the interval that it lies in; NaN where not known. */
struct tw_number {
    const char *name; /* the key in JSON */
    double value, low, high;
};
struct tw_confused_view {
    size_t truth, prediction, count;
};
/* As train/metrics.h has it; repeated here as plain numbers because report lies beside train, not above it. */
struct tw_metrics_view {
    size_t class_count, count, resamples;
    const struct tw_number *measures; /* accuracy first */
    size_t measure_count;
    const struct tw_number *class_measures; /* class_count x class_measure_count */
    size_t class_measure_count;
    const size_t *confusion;              /* rows truth, columns prediction; NULL: too many classes */
    const struct tw_confused_view *pairs; /* the same, sparse */
    size_t pair_count;
    const size_t *class_counts, *predicted_counts;
    const char *const *labels; /* class_count */
};
/* One JSON object: each measure by its name, count, labels, confusion (null where it is too large, then confusion_pairs
 * has [truth, prediction, count] of what occurs), per_class (label, count, predicted, each measure, intervals), intervals
 * (of each measure [low, high], 95 %) and resamples; undefined numbers are null. Appends, with a newline. */
enum tw_status tw_metrics_to_json(const struct tw_metrics_view *metrics, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;
/* Aligned columns for a terminal: confusion matrix (at most 20 classes; above it the most confused pairs) and per-class
 * precision and recall. */
enum tw_status tw_metrics_to_text(const struct tw_metrics_view *metrics, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;

#endif
