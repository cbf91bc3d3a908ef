/* TensorBoard event files. A file is plain TFRecord frames of Event messages: wall_time 1 (double), step 2, file_version 3,
 * summary 5; Summary.value 1: tag 1, tensor 8, metadata 9; the first is file_version "brain.Event:2". Fields as in
 * TensorFlow's event.proto, summary.proto and tensor.proto, and the plugins' own plugin_data.proto. What is written is there
 * for a running TensorBoard at once. */
#ifndef TW_REPORT_EVENTS_H
#define TW_REPORT_EVENTS_H

#include "base/bytes.h"

struct tw_events;
/* A new file events.out.tfevents.SECONDS.HOST.PID.SUFFIX in `folder`, which is made where it is missing. */
enum tw_status tw_events_open(const char *folder, const char *suffix, struct tw_events **events,
                              struct tw_error *error) TW_MUST_USE;
enum tw_status tw_events_close(struct tw_events *events, struct tw_error *error) TW_MUST_USE; /* NULL is fine */
/* Removes the folder's event files whose suffix this is (NULL: all of them). A missing folder is fine. */
enum tw_status tw_events_remove(const char *folder, const char *suffix, struct tw_error *error) TW_MUST_USE;

/* NaN is left out. */
enum tw_status tw_events_scalar(struct tw_events *events, size_t step, const char *tag, double value,
                                struct tw_error *error) TW_MUST_USE;
/* 30 bins of equal width from least to greatest; what is not finite is left out. */
enum tw_status tw_events_histogram(struct tw_events *events, size_t step, const char *tag, const float *values,
                                   size_t count, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_events_text(struct tw_events *events, size_t step, const char *tag, const char *markdown,
                              struct tw_error *error) TW_MUST_USE;
/* Encoded pictures (PNG, JPEG) of about width x height. */
struct tw_events_images {
    const char *tag, *description; /* description may be NULL */
    int width, height;
    const struct tw_span *pictures;
    size_t count;
};
enum tw_status tw_events_image(struct tw_events *events, size_t step, const struct tw_events_images *images,
                               struct tw_error *error) TW_MUST_USE;
/* Precision and recall over thresholds 0 to 1: scores[i * stride] and whether row i is of the class. */
struct tw_events_curve {
    const char *tag;
    const float *scores;
    const bool *is_positive;
    size_t count, stride;
};
enum tw_status tw_events_pr_curve(struct tw_events *events, size_t step, const struct tw_events_curve *curve,
                                  struct tw_error *error) TW_MUST_USE;
/* The run's settings, an object of JSON scalars, and the tags of this folder's scalars that it is measured by. */
enum tw_status tw_events_hparams(struct tw_events *events, const char *settings_json, const char *const *metric_tags,
                                 size_t metric_count, struct tw_error *error) TW_MUST_USE;

#endif
