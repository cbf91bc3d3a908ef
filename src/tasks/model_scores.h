/* What a model's head says of embeddings that are there already. */
#ifndef TW_TASKS_MODEL_SCORES_H
#define TW_TASKS_MODEL_SCORES_H

#include "tasks/example_set.h"
#include "tasks/model.h"

/* scores: set->count x labels of the model. The set's width is the model's. */
enum tw_status tw_model_scores(const struct tw_model *model, const struct tw_example_set *set,
                               const struct tw_task_options *task, float *scores, struct tw_error *error) TW_MUST_USE;

#endif
