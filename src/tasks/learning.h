/* What a recipe found out about itself, in the plain numbers that report takes. */
#ifndef TW_TASKS_LEARNING_H
#define TW_TASKS_LEARNING_H

#include "report/learning_text.h"
#include "train/learning_curve.h"
#include "train/reliability.h"

void tw_learning_view_curve(const struct tw_learning_curve *curve, struct tw_curve_view *view);
void tw_learning_view_record(const struct tw_calibration_record *record, struct tw_calibration_view *view);
void tw_learning_view_reliability(const struct tw_reliability *reliability, struct tw_reliability_view *view);

#endif
