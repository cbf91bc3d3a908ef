/* `train`: labelled photos or embedding records to a run folder with a model. */
#ifndef TW_TASKS_TRAIN_H
#define TW_TASKS_TRAIN_H

#include "dataset/label_changes.h"
#include "tasks/learning.h"
#include "tasks/options.h"
#include "train/metrics.h"
#include "train/recipe.h"

/* Whether a learning curve is drawn: AUTO where it costs less than the training, as with the recipe `auto`. */
enum tw_curve_wish { TW_CURVE_AUTO, TW_CURVE_NEVER };
struct tw_train_options {
    struct tw_task_options task;
    const char *const *inputs;
    size_t input_count;
    /* Growing: a run folder whose examples and held-out photos come along (NULL: none; then inputs may be none), and what becomes
     * of its classes. The held-out side stays held out; eval_inputs add to it. */
    const char *from;
    const struct tw_label_change *label_changes;
    size_t label_change_count;
    const char *const *eval_inputs; /* NULL: eval_share of the inputs */
    size_t eval_input_count;
    const char *labels_uri;
    const char *output;
    size_t folds;      /* over 1: every example is evaluated, by cross-validation, and all are learnt from; else 0 */
    double eval_share; /* negative: that of `from`, else 0.1 */
    const char *recipe;
    enum tw_curve_wish curve;
    struct tw_recipe_options recipe_options; /* seed, steps, ...; the rest is filled in */
    bool is_single_label; /* photos with several labels share their weight among them: softmax, not sigmoids */
    bool is_forced;
};
/* Zero-initialise; release accepts the zero state. */
struct tw_train_result {
    size_t train, eval, skipped, computed, reused;
    bool has_metrics; /* false: nothing to evaluate on */
    struct tw_metrics metrics;
    char **labels; /* metrics.class_count */
    size_t label_count;
    float *thresholds;                        /* multi-label: label_count; the metrics point to it */
    struct tw_buffer folds_text, growth_text; /* for people; empty where there are no folds, where nothing grew */
    char *model_path;
    char *more_json; /* for tw_evaluation_json: recipe (what decided the head, and what a choosing recipe chose among),
                        calibration, learning_curve, growth, folds */
    struct tw_calibration_view calibration;
    struct tw_curve_view curve;
    double embed_seconds, train_seconds;
};
enum tw_status tw_train(const struct tw_train_options *options, struct tw_train_result *result,
                        struct tw_error *error) TW_MUST_USE;
void tw_train_result_release(struct tw_train_result *result);

#endif
