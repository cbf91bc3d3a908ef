/* The recipes' entry points, for the table in recipe.c. */
#ifndef TW_TRAIN_RECIPES_H
#define TW_TRAIN_RECIPES_H

#include "train/recipe.h"

/* embedding -> hidden ReLU -> dropout -> classes softmax, learnt by Adam on cross entropy over shuffled epochs. */
enum tw_status tw_workshop_train(const struct tw_examples *examples, const struct tw_recipe_options *options,
                                 struct tw_head *head, struct tw_error *error) TW_MUST_USE;
char *tw_workshop_describe(const struct tw_recipe_options *options);

/* The head with the least log loss in cross-validation: shrinkage LDA, logistic regression, RBF kernel machine, nearest
 * class mean, or a blend of them. */
enum tw_status tw_auto_train(const struct tw_examples *examples, const struct tw_recipe_options *options,
                             struct tw_head *head, struct tw_error *error) TW_MUST_USE;
/* The same for sets on which not everything can be tried: shrinkage LDA, and logistic regression that starts from it, by a few
 * passes over the rows; judged on rows that are kept aside. */
enum tw_status tw_large_train(const struct tw_examples *examples, const struct tw_recipe_options *options,
                              struct tw_head *head, struct tw_error *error) TW_MUST_USE;
char *tw_auto_describe(const struct tw_recipe_options *options);

#endif
