/* How a head is learnt: a recipe is one file and one table line. */
#ifndef TW_TRAIN_RECIPE_H
#define TW_TRAIN_RECIPE_H

#include "base/bytes.h"
#include "base/log.h"
#include "train/descent.h"
#include "train/head.h"
#include "train/learning_curve.h"
#include "train/reliability.h"

/* Numbers of the head as they stand, for histograms. Borrowed. */
struct tw_weights {
    const char *name; /* "hidden/weights" */
    const float *values;
    size_t count;
};
/* Where a training stands after a step. What is not known is NaN. */
struct tw_training_point {
    size_t step, step_count;           /* done, and all there will be */
    size_t batch;                      /* examples a step */
    double train_loss, train_accuracy; /* of the step's batch */
    double learning_rate;              /* of the step */
    double eval_loss, eval_accuracy;   /* on the evaluation sample */
    size_t eval_count;                 /* its rows */
    double eval_seconds;               /* that the evaluation took */
    const struct tw_weights *weights;
    size_t weight_count;
};

struct tw_recipe_options {
    uint64_t seed;
    int threads;
    size_t class_count;       /* outputs of the head */
    int64_t unlabelled_class; /* index of the extra class, or -1 */
    bool is_multi_label;      /* a row may have several labels: sigmoid scores */
    float *thresholds;        /* multi-label: receives the score from which each label counts; NULL: not wanted */
    /* workshop; 0 means the recipe's default */
    size_t steps;         /* 1000 */
    size_t batch;         /* 100 */
    size_t hidden;        /* 512 */
    double dropout;       /* 0.5; negative: default */
    double learning_rate; /* 1e-3; 0: default */
    double adam_epsilon;  /* 1e-3; 0: default */
    double momentum;      /* of sgd: 0.9; negative: default */
    double weight_decay;  /* of adamw: 0.01; negative: default */
    enum tw_optimizer optimizer;
    enum tw_schedule schedule;
    size_t warm_up; /* steps */
    size_t epochs;  /* in place of steps: as many as go over all rows so often; 0: steps count */
    /* Evaluations, one every eval_every_steps, in which the loss of rows held out of training may fail to fall: then the weights
     * that had the least go on to the last phase. 0: all steps are made. TW_INVALID where no rows can be held. */
    size_t patience;
    double label_smoothing; /* share of a target that is spread over all labels; 0: none */
    double mixup;           /* rows are mixed in pairs, by shares of a Beta(mixup, mixup) distribution; 0: none */
    /* checkpoints */
    const char *checkpoint_folder;   /* NULL: none. A damaged one is passed over */
    size_t checkpoint_every_steps;   /* 100; where seconds are given: none */
    double checkpoint_every_seconds; /* 0: none */
    size_t keep_checkpoints;         /* the last so many stay; 2 */
    /* evaluation while training, on a bounded sample; NULL: none */
    const struct tw_examples *eval;
    size_t eval_every_steps; /* 100 */
    const struct tw_sink *sink;
    /* Recipes that choose among heads append what they chose and from what, as one JSON object; NULL: not wanted. */
    struct tw_buffer *choice_json;
    /* What became of the scores' calibration; NULL: not wanted. */
    struct tw_calibration_record *calibration;
    /* Accuracy over the number of examples; NULL: not wanted. */
    struct tw_learning_curve *curve;
    /* `auto`: receives count x class_count log scores of the training rows, each by heads that did not learn from it; NULL:
     * not wanted. Left as it is where no head was chosen by cross-validation. */
    float *held_out_log_scores;
    /* Called at every evaluation and at the end, for log.jsonl and monitoring; it changes nothing of the training. */
    void *observer_context;
    void (*observe)(void *context, const struct tw_training_point *point);
};

struct tw_recipe {
    const char *name;
    enum tw_status (*train)(const struct tw_examples *examples, const struct tw_recipe_options *options,
                            struct tw_head *head, struct tw_error *error);
    /* All of the options that decide the result, with defaults filled in, as JSON text (owned by the caller): digests. */
    char *(*describe)(const struct tw_recipe_options *options);
};
extern const struct tw_recipe tw_recipes[];
extern const size_t tw_recipe_count;
const struct tw_recipe *tw_recipe_find(const char *name); /* NULL: none */

#endif
