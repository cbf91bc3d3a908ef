/* Scores of labelled rows to metrics, metrics.json and predictions.csv: the same for train and evaluate. */
#ifndef TW_TASKS_EVALUATION_H
#define TW_TASKS_EVALUATION_H

#include "base/bytes.h"
#include "report/metrics_text.h"
#include "train/comparison.h"

/* Calls `use` with the metrics as plain numbers, which live that long. */
typedef enum tw_status tw_view_user(void *context, const struct tw_metrics_view *view, struct tw_error *error);
enum tw_status tw_evaluation_view(const struct tw_metrics *metrics, const char *const *labels, tw_view_user *use,
                                  void *context, struct tw_error *error) TW_MUST_USE;

/* metrics.json. `more_json`: further members, as they stand between an object's braces; NULL: none. */
enum tw_status tw_evaluation_json(const struct tw_metrics *metrics, const char *const *labels, const char *more_json,
                                  struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_evaluation_text(const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;
/* Of models `a` and `b`, named so. */
enum tw_status tw_comparison_text(const struct tw_comparison *comparison, const char *a, const char *b, bool is_json,
                                  struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;
/* key,label,prediction,score: a row for every row of `examples` that the metrics count. An unlabelled one has the label of
 * metrics->unlabelled_class; where there is no such class it is in neither. */
enum tw_status tw_predictions_csv(const struct tw_examples *examples, const float *scores,
                                  const struct tw_metrics *metrics, const char *const *labels, struct tw_buffer *out,
                                  struct tw_error *error) TW_MUST_USE;

#endif
