/* A version of a model, ready to answer: its head compiled, its backbone shared. Immutable and counted. */
#ifndef TW_SERVE_SERVED_H
#define TW_SERVE_SERVED_H

#include "serve/backbones.h"
#include "tasks/neighbours.h"

#include <stdatomic.h>

/* What it has answered since it was loaded. */
struct tw_served_tally {
    atomic_ulong photos, refused;       /* answered; not usable */
    atomic_ulong unknown, unsure;       /* below the threshold; best score below 0.5 */
    atomic_ulong score_millionths;      /* sum of the best scores */
    atomic_ulong decode_us, compute_us; /* time spent on answered photos, neighbours aside */
    atomic_ulong *labels;               /* how often each was the best */
};
struct tw_served {
    atomic_size_t users; /* internal */
    struct tw_served_tally *tally;
    char *model, *name;
    int64_t number;
    struct tw_labels labels;
    int64_t unlabelled_class; /* -1: none */
    bool has_known;
    double known_threshold;
    float *thresholds; /* multi-label: the score from which each label counts; NULL: one label a photo */
    bool has_backbone_digest;
    struct tw_digest backbone_digest;
    char *examples;       /* folder of the training examples; it may be missing */
    double trained_score; /* see trained_score.h */
    struct tw_shared_backbone *backbone;
    struct tw_runner *head; /* embedding -> scores, known (has_known) */
};
struct tw_served_source {
    const char *uri;      /* of the model file */
    const char *examples; /* folder of its training examples */
    const char *model;    /* its name */
    const char *name;     /* the version's; may be NULL */
    int64_t number;
};
/* Opens, compiles and runs it once for each worker, so that no request pays for a first time. With one user. */
enum tw_status tw_served_load(const struct tw_served_source *source, struct tw_backbones *backbones, int workers,
                              struct tw_served **served, struct tw_error *error) TW_MUST_USE;
void tw_served_take(struct tw_served *served); /* one more user */
void tw_served_put(struct tw_served *served);  /* one less: the last frees it. NULL is fine */

/* What came of one photo. Zero-initialise; release accepts the zero state. */
struct tw_answer {
    enum tw_status status; /* not TW_OK: `reason` says why and nothing else holds */
    char *reason;          /* owned; may be NULL where memory ran out */
    float *scores;         /* a label's each, in one block with the embedding */
    float *embedding;
    float known;                     /* likeness to the training's photos; only where the version has it */
    bool is_unknown;                 /* it is below the version's threshold */
    size_t best;                     /* the label of the greatest score, the first of equals */
    struct tw_neighbours neighbours; /* where they were asked for */
    struct tw_photo_size size;
    double seconds; /* from its bytes to its scores */
};
/* One call at a time for a worker. With the `nearest` training photos, which takes reading all of them. Fails only by the answer's
 * status. */
void tw_served_answer(const struct tw_served *served, int worker, struct tw_span bytes, size_t nearest,
                      struct tw_answer *answer);
void tw_answer_release(struct tw_answer *answer);

#endif
