/* What a training found out about itself on its own examples, as JSON and for people: how far scores can be trusted, before and
 * after they were calibrated, and accuracy over the number of examples. Repeated here as plain numbers because report lies
 * beside train, not above it. */
#ifndef TW_REPORT_LEARNING_TEXT_H
#define TW_REPORT_LEARNING_TEXT_H

#include "base/bytes.h"

enum { TW_VIEW_BINS = 15, TW_VIEW_POINTS = 8 };

struct tw_bin_view {
    size_t count;
    double confidence, right;
};
struct tw_reliability_view {
    size_t count; /* answers; 0: not known */
    double log_loss, accuracy, error;
    struct tw_bin_view bins[TW_VIEW_BINS]; /* of equal width over the score */
};
struct tw_calibration_view {
    double temperature;                                         /* 0: not calibrated */
    struct tw_reliability_view held_out_before, held_out_after; /* training examples that were held out */
    struct tw_reliability_view eval_before, eval_after;
};
struct tw_curve_point_view {
    size_t rows, draws;
    double accuracy, low, high;
};
struct tw_curve_view {
    size_t point_count; /* 0: there is no curve */
    struct tw_curve_point_view points[TW_VIEW_POINTS];
    size_t rows; /* of the training part */
    double floor, scale, exponent;
    double gain, gain_low, gain_high;
};
/* `"calibration":{...},"learning_curve":{...}`: members of an object; null where there is none. Appends. */
enum tw_status tw_learning_to_json(const struct tw_calibration_view *calibration, const struct tw_curve_view *curve,
                                   struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;
/* A sentence each, or nothing. Appends. */
enum tw_status tw_learning_to_text(const struct tw_calibration_view *calibration, const struct tw_curve_view *curve,
                                   struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;
/* "twice the photos would bring about +1.2 points of accuracy (95 %: 0.4 to 2.0)"; `things`: "photos". Appends. */
enum tw_status tw_curve_sentence(const struct tw_curve_view *curve, const char *things, struct tw_buffer *out,
                                 struct tw_error *error) TW_MUST_USE;

#endif
