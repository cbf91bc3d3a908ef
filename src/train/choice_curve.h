/* The learning curve of what `auto` chose: its families and settings as they are, learnt again from fewer rows. */
#ifndef TW_TRAIN_CHOICE_CURVE_H
#define TW_TRAIN_CHOICE_CURVE_H

#include "train/learning_curve.h"
#include "train/select.h"

/* `designs`: by map, those of the choice's members made. `classes`: of each row, its first with weight. */
enum tw_status tw_choice_curve(const struct tw_task *task, const struct tw_choice *choice, struct tw_design *designs,
                               const size_t *classes, uint64_t seed, struct tw_learning_curve *curve,
                               struct tw_error *error) TW_MUST_USE;

#endif
