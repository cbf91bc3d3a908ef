/* One training while it goes on: what the files train*.c of this folder share. */
#ifndef TW_TASKS_TRAIN_JOB_H
#define TW_TASKS_TRAIN_JOB_H

#include "tasks/kept_examples.h"
#include "tasks/model.h"
#include "tasks/monitor.h"
#include "tasks/output.h"
#include "report/growth.h"
#include "tasks/train.h"
#include "train/cross_validation.h"

/* The run that this one grows from; zero where it grows from none. */
struct tw_grown {
    struct tw_model model;
    struct tw_kept_examples examples;
    struct tw_labels labels; /* its classes after the changes, without the unlabelled one */
    int64_t *places;         /* of each class of the model: its new id, -1: none */
    struct tw_dataset items; /* photos: its rows that stay, for listing */
    struct tw_growth growth; /* what changed; classes and their texts are owned */
};

struct tw_train_job {
    const struct tw_train_options *options;
    double eval_share;
    struct tw_grown grown;
    const struct tw_manifest
        *manifest; /* of the records, or of those that a run without new ones grows from; NULL: none */
    struct tw_input input, eval_input;
    struct tw_backbone backbone; /* photos only */
    struct tw_dataset dataset, eval_dataset;
    struct tw_embedding_store store;
    struct tw_example_set train, eval;
    struct tw_labels labels;
    int64_t unlabelled_class;
    struct tw_recipe_options recipe_options;
    char *recipe_json, *checkpoints;
    struct tw_output output;
    struct tw_monitor monitor;
    float *thresholds; /* multi-label: from which score each label counts; NULL: one label a photo */
    float *scores;     /* of eval's rows */
    struct tw_cross_validation cross;
    struct tw_buffer choice; /* what the recipe chose, as JSON; empty where it does not choose */
    struct tw_head head;
    float *held_out; /* log scores of training rows by heads that had not learnt from them; NULL: none */
    struct tw_calibration_record calibration;
    struct tw_learning_curve curve;
};

/* train_load.c: what the inputs are; then rows, labels and sides from them. */
enum tw_status tw_train_classify(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_train_load(struct tw_train_job *job, struct tw_train_result *result,
                             struct tw_error *error) TW_MUST_USE;

/* train_classes.c: labels complete; TW_CORRUPT where there are not two classes to learn. */
enum tw_status tw_train_check_classes(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;

/* train_folds.c: with folds there are no sides; after cross-validation `eval` holds all rows and `scores` what is said of them. */
enum tw_status tw_train_join_sides(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_train_cross_validate(struct tw_train_job *job, const struct tw_recipe *recipe,
                                       struct tw_error *error) TW_MUST_USE;
/* As a further member of metrics.json, and as a sentence. */
enum tw_status tw_train_folds_to_json(const struct tw_cross_validation *cross, struct tw_buffer *out,
                                      struct tw_error *error) TW_MUST_USE;
enum tw_status tw_train_folds_to_text(const struct tw_cross_validation *cross, struct tw_buffer *out,
                                      struct tw_error *error) TW_MUST_USE;

/* train_grow.c: the run that this one grows from. */
enum tw_status tw_train_grow_open(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
/* Photos: the run's own backbone; what the options name must be the same. */
enum tw_status tw_train_grow_backbone(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
/* Records: its rows beside those just read. */
enum tw_status tw_train_grow_records(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
/* What changed per class, on the rows of `eval` that it held out too. `scores`: of eval's rows. */
enum tw_status tw_train_grow_compare(struct tw_train_job *job, const float *scores, struct tw_error *error) TW_MUST_USE;
void tw_grown_release(struct tw_grown *grown);

/* train_write.c: what a run folder holds in the end. */
enum tw_status tw_train_write_audit(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_train_write(struct tw_train_job *job, struct tw_train_result *result,
                              struct tw_error *error) TW_MUST_USE;

#endif
