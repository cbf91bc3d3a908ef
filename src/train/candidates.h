/* What `auto` chooses among: families of solvers with their grids, and their scores in cross-validation. */
#ifndef TW_TRAIN_CANDIDATES_H
#define TW_TRAIN_CANDIDATES_H

#include "train/calibration.h"
#include "train/checkpoint.h"
#include "train/design.h"
#include "train/solver.h"

enum { TW_MOST_STRENGTHS = 6, TW_MOST_GAMMAS = 3 };

struct tw_family {
    const char *name;          /* for people and JSON: "logistic regression" */
    const char *strength_name; /* "C" */
    tw_fit_path *fit;
    bool is_kernel, can_blend;
    size_t strength_count;
    double strengths[TW_MOST_STRENGTHS]; /* ascending */
    size_t gamma_count;
    double gammas[TW_MOST_GAMMAS]; /* kernels: exp(-gamma * d^2 / mean d^2) */
};
/* From the simplest to the richest: of two that are equally good the one before is taken. */
extern const struct tw_family tw_families[];
extern const size_t tw_family_count;

struct tw_candidate {
    const struct tw_family *family;
    enum tw_map map;
    double gamma, strength;
    double temperature;
    struct tw_judgement judgement; /* calibrated, over held out rows */
    float *log_scores;             /* count x classes, calibrated; owned */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_candidates {
    struct tw_candidate *items;
    size_t count, capacity;
    uint64_t judged; /* families with one gamma over one design, so far: checkpoints are numbered by it */
};
void tw_candidates_release(struct tw_candidates *candidates);

struct tw_task {
    struct tw_held_out held_out;
    size_t fold_count;
    int threads;
    const struct tw_sink *sink;
    /* Where the logits of what is judged are kept, so that a choice that was stopped goes on; folder NULL: nowhere. */
    struct tw_checkpoint_place place;
};
/* Adds a candidate for each gamma and strength of the family over the design. One that cannot be computed (a matrix that is
 * singular in f32) is left out. */
enum tw_status tw_candidates_judge(const struct tw_task *task, const struct tw_family *family, struct tw_design *design,
                                   struct tw_candidates *candidates, struct tw_error *error) TW_MUST_USE;

/* A rule learnt from all rows, calibrated by the candidate's temperature, as a branch from embedding to logits of
 * `outputs` classes; class i of the problem is output `places[i]`, other outputs are ruled out. */
enum tw_status tw_candidate_to_branch(const struct tw_task *task, const struct tw_candidate *candidate,
                                      struct tw_design *design, const size_t *places, size_t outputs,
                                      struct tw_branch *branch, struct tw_error *error) TW_MUST_USE;
/* What a solver of a family sees, kept while it is asked several times. Zero-initialise; release accepts the zero state. */
struct tw_view {
    struct tw_problem problem;
    float *kernel; /* NULL: no kernel machine */
};
enum tw_status tw_view_init(struct tw_view *view, const struct tw_task *task, const struct tw_family *family,
                            struct tw_design *design, double gamma, struct tw_error *error) TW_MUST_USE;
void tw_view_release(struct tw_view *view);
/* By a rule learnt from the rows whose folds[row] is not `fold`: calibrated log scores (count x classes) of those whose is.
 * Other rows are left as they are. `folds` may be others than the task's. */
enum tw_status tw_candidate_ask(const struct tw_candidate *candidate, const struct tw_view *view, const uint8_t *folds,
                                int fold, float *log_scores, struct tw_error *error) TW_MUST_USE;

#endif
