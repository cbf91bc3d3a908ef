/* A whole recipe judged by cross-validation: each row is answered by a head that learnt without its fold. */
#ifndef TW_TRAIN_CROSS_VALIDATION_H
#define TW_TRAIN_CROSS_VALIDATION_H

#include "train/recipe.h"

enum { TW_MOST_FOLDS = 20 };
struct tw_fold_result {
    size_t count; /* rows held out */
    double accuracy, log_loss;
};
/* Zero-initialise; release accepts the zero state. */
struct tw_cross_validation {
    size_t fold_count;
    struct tw_fold_result folds[TW_MOST_FOLDS];
    float *scores; /* rows x class_count */
};
/* Up to `folds` folds, as tw_folds_make deals them; a class that is all one photo is held out too, by a head that has never seen
 * it, so that every row has an answer. TW_INVALID: there are not two different examples of any class. Of the options the
 * seed, the classes and what the recipe itself takes count; with a checkpoint folder, folds that are done are not learnt
 * again. */
enum tw_status tw_cross_validate(const struct tw_examples *examples, const struct tw_recipe *recipe,
                                 const struct tw_recipe_options *options, size_t folds,
                                 struct tw_cross_validation *result, struct tw_error *error) TW_MUST_USE;
void tw_cross_validation_release(struct tw_cross_validation *result);

#endif
