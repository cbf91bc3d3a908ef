/* One training while it goes on: what the files train*.c of this folder share. */
#ifndef TW_TASKS_TRAIN_JOB_H
#define TW_TASKS_TRAIN_JOB_H

#include "tasks/example_set.h"
#include "tasks/monitor.h"
#include "tasks/output.h"
#include "tasks/train.h"

struct tw_train_job {
    const struct tw_train_options *options;
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
    float *scores;           /* of eval's rows */
    struct tw_buffer choice; /* what the recipe chose, as JSON; empty where it does not choose */
    struct tw_head head;
    struct tw_calibration_record calibration;
    struct tw_learning_curve curve;
};

/* train_load.c: what the inputs are; then rows, labels and sides from them. */
enum tw_status tw_train_classify(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_train_load(struct tw_train_job *job, struct tw_train_result *result,
                             struct tw_error *error) TW_MUST_USE;

/* train_write.c: what a run folder holds in the end. */
enum tw_status tw_train_write_audit(struct tw_train_job *job, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_train_write(struct tw_train_job *job, struct tw_train_result *result,
                              struct tw_error *error) TW_MUST_USE;

#endif
