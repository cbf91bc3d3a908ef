/* `predict`: photos through a whole model. */
#ifndef TW_TASKS_PREDICT_H
#define TW_TASKS_PREDICT_H

#include "dataset/dataset.h"
#include "tasks/model.h"
#include "tasks/runner.h"

struct tw_predict_options {
    struct tw_task_options task; /* backbone: only for head-only models */
    const char *model;           /* file or run folder */
    const char *const *inputs;
    size_t input_count;
    bool has_bytes; /* one more photo, key "-" */
    struct tw_span bytes;
};
/* Zero-initialise; release accepts the zero state. Items keep the listing's order. */
struct tw_predictions {
    struct tw_dataset items; /* labels of the items are ids in `labels`; skipped ones have a reason */
    float *scores;           /* items.count x labels.count; rows of skipped items are zero */
    float *known;            /* items.count: likeness to the training's photos; NULL: the model has no such output */
    double known_threshold;  /* below it a photo is of none of the labels */
    struct tw_labels labels; /* the model's */
    float *thresholds;       /* multi-label: the score from which each label counts; NULL: one label a photo */
    size_t skipped;
};
enum tw_status tw_predict(const struct tw_predict_options *options, struct tw_predictions *predictions,
                          struct tw_error *error) TW_MUST_USE;
/* What people read beside an answer: "pretty sure" from a score of 0.9, "somewhat" from 0.5, else "a guess"; of a photo
 * that is like none of the training's, "I do not know this". `known`: what the model's output of that name says; NULL:
 * it has none. */
const char *tw_sureness(const float *known, double known_threshold, float score);
void tw_predictions_release(struct tw_predictions *predictions);

/* The three steps of it, for evaluate: the model (made whole by --backbone where it is head only; both must outlive the
 * rest), the photos (with `labels`: theirs are read as ids in it), the scores. tw_predict_items takes the model's labels. */
enum tw_status tw_predict_open(const struct tw_predict_options *options, struct tw_model *model,
                               struct tw_backbone *backbone, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_predict_list(const struct tw_predict_options *options, const struct tw_labels *labels,
                               struct tw_dataset *items, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_predict_items(const struct tw_predict_options *options, struct tw_model *model,
                                struct tw_predictions *predictions, struct tw_error *error) TW_MUST_USE;
/* A runner of the model for `outputs` and `workers` of what is wanted; the rest of it is filled in. Its backbone has the precision
 * that the user names, else the one that the head was trained on, with a warning where this CPU has no such arithmetic, and the
 * kernels of tasks/tune.h. */
enum tw_status tw_predict_runner(const struct tw_task_options *task, const struct tw_model *model,
                                 const struct tw_runner_options *wanted, struct tw_runner **runner,
                                 struct tw_error *error) TW_MUST_USE;

#endif
