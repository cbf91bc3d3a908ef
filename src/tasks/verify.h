/* `verify`: every way to a model's answer gives the same answer. One way is `predict`; the others are compared with it, photo by
 * photo. */
#ifndef TW_TASKS_VERIFY_H
#define TW_TASKS_VERIFY_H

#include "tasks/predict.h"

/* One way and what was found on it. */
struct tw_verify_way {
    char *name;          /* "training embeddings", "server, plain" */
    char *note;          /* why it was not gone, or where it broke off; NULL: it was gone to its end */
    bool has_failed;     /* the note is of a failure */
    size_t photos;       /* that were compared */
    double greatest;     /* difference of a score to predict's */
    size_t other_labels; /* photos with another best label, save where both are within the tolerance of each other */
    char *worst;         /* uri of the photo of that difference; NULL: none differs */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_verify {
    struct tw_predict_options options;
    double tolerance;
    struct tw_predictions predictions;
    bool computes_in_floats; /* in f32: other runtimes can give the same numbers */
    struct tw_verify_way *ways;
    size_t way_count;
};
/* Predicts, and goes the first way: embeddings that RUN/examples/ keeps from training, by the photos' content, through the head. */
enum tw_status tw_verify_begin(struct tw_verify *verify, struct tw_error *error) TW_MUST_USE;
void tw_verify_release(struct tw_verify *verify);

/* A way: scores of one photo, in the model's order of labels, asked by as many workers as it has contexts. A failure ends it and is
 * noted; TW_NO_MEMORY and TW_INTERRUPTED are the caller's. */
struct tw_verify_road {
    const char *name;
    void *const *contexts;
    int workers;
    enum tw_status (*ask)(void *context, struct tw_span photo, float *scores, struct tw_error *error);
};
enum tw_status tw_verify_go(struct tw_verify *verify, const struct tw_verify_road *road,
                            struct tw_error *error) TW_MUST_USE;
/* A way that is not gone. */
enum tw_status tw_verify_leave(struct tw_verify *verify, const char *name, const char *why,
                               struct tw_error *error) TW_MUST_USE;
/* A way that cannot be gone, though it should. */
enum tw_status tw_verify_fail(struct tw_verify *verify, const char *name, const char *why,
                              struct tw_error *error) TW_MUST_USE;
/* Goes the ways through ONNX Runtime and TensorFlow, where `python` (NULL: python3 of the PATH) has them, with exports in a
 * scratch folder. `savedmodel`, `onnx`: exports that are there already; NULL: made now. verify_runtimes.c. */
enum tw_status tw_verify_runtimes(struct tw_verify *verify, const char *python, const char *savedmodel,
                                  const char *onnx, struct tw_error *error) TW_MUST_USE;
bool tw_verify_agrees(const struct tw_verify *verify);

#endif
