#include "tasks/learning.h"

#include <assert.h>

static_assert((int)TW_VIEW_BINS == (int)TW_CONFIDENCE_BINS, "a bin of one is a bin of the other");
static_assert((int)TW_VIEW_POINTS >= (int)TW_MOST_CURVE_POINTS, "a view holds every point");

void tw_learning_view_curve(const struct tw_learning_curve *curve, struct tw_curve_view *view)
{
    *view = (struct tw_curve_view){
        .point_count = curve->point_count,
        .rows = curve->rows,
        .floor = curve->floor,
        .scale = curve->scale,
        .exponent = curve->exponent,
        .gain = curve->gain,
        .gain_low = curve->gain_interval.low,
        .gain_high = curve->gain_interval.high,
    };
    for (size_t i = 0; i < curve->point_count; i++) {
        const struct tw_curve_point *point = &curve->points[i];
        view->points[i] = (struct tw_curve_point_view){point->rows, point->draws, point->accuracy, point->interval.low,
                                                       point->interval.high};
    }
}

void tw_learning_view_reliability(const struct tw_reliability *reliability, struct tw_reliability_view *view)
{
    view->count = reliability->count;
    view->log_loss = reliability->log_loss;
    view->accuracy = reliability->accuracy;
    view->error = reliability->error;
    for (size_t i = 0; i < TW_VIEW_BINS; i++) {
        const struct tw_reliability_bin *bin = &reliability->bins[i];
        view->bins[i] = (struct tw_bin_view){bin->count, bin->confidence, bin->right};
    }
}

void tw_learning_view_record(const struct tw_calibration_record *record, struct tw_calibration_view *view)
{
    view->temperature = record->temperature;
    tw_learning_view_reliability(&record->before, &view->held_out_before);
    tw_learning_view_reliability(&record->after, &view->held_out_after);
}
