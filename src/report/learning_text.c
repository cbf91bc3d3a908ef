#include "report/learning_text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *pair(double low, double high)
{
    json_t *list = json_array();
    json_array_append_new(list, number(low));
    json_array_append_new(list, number(high));
    return list;
}

static json_t *reliability_of(const struct tw_reliability_view *r)
{
    if (r->count == 0)
        return json_null();
    json_t *object = json_object(), *bins = json_array();
    json_object_set_new(object, "count", json_integer((json_int_t)r->count));
    json_object_set_new(object, "accuracy", number(r->accuracy));
    json_object_set_new(object, "log_loss", number(r->log_loss));
    json_object_set_new(object, "calibration_error", number(r->error));
    for (size_t i = 0; i < TW_VIEW_BINS; i++) {
        json_t *bin = json_array();
        json_array_append_new(bin, json_integer((json_int_t)r->bins[i].count));
        json_array_append_new(bin, number(r->bins[i].confidence));
        json_array_append_new(bin, number(r->bins[i].right));
        json_array_append_new(bins, bin);
    }
    json_object_set_new(object, "bins", bins);
    return object;
}

static json_t *before_and_after(const struct tw_reliability_view *before, const struct tw_reliability_view *after)
{
    json_t *object = json_object();
    json_object_set_new(object, "before", reliability_of(before));
    json_object_set_new(object, "after", reliability_of(after));
    return object;
}

static json_t *calibration_of(const struct tw_calibration_view *c)
{
    if (!(c->temperature > 0))
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "method", json_string("temperature"));
    json_object_set_new(object, "temperature", number(c->temperature));
    json_object_set_new(object, "held_out", before_and_after(&c->held_out_before, &c->held_out_after));
    json_object_set_new(object, "evaluation", before_and_after(&c->eval_before, &c->eval_after));
    return object;
}

static json_t *curve_of(const struct tw_curve_view *c)
{
    if (c->point_count == 0)
        return json_null();
    json_t *object = json_object(), *points = json_array(), *law = json_object();
    for (size_t i = 0; i < c->point_count; i++) {
        const struct tw_curve_point_view *point = &c->points[i];
        json_t *each = json_object();
        json_object_set_new(each, "examples", json_integer((json_int_t)point->rows));
        json_object_set_new(each, "draws", json_integer((json_int_t)point->draws));
        json_object_set_new(each, "accuracy", number(point->accuracy));
        json_object_set_new(each, "interval", pair(point->low, point->high));
        json_array_append_new(points, each);
    }
    json_object_set_new(law, "floor", number(c->floor));
    json_object_set_new(law, "scale", number(c->scale));
    json_object_set_new(law, "exponent", number(c->exponent));
    json_object_set_new(object, "points", points);
    json_object_set_new(object, "error_law", law);
    json_object_set_new(object, "examples", json_integer((json_int_t)c->rows));
    json_object_set_new(object, "gain_of_twice_as_many", number(c->gain));
    json_object_set_new(object, "interval", pair(c->gain_low, c->gain_high));
    return object;
}

enum tw_status tw_learning_to_json(const struct tw_calibration_view *calibration, const struct tw_curve_view *curve,
                                   struct tw_buffer *out, struct tw_error *error)
{
    json_t *values[] = {calibration_of(calibration), curve_of(curve)};
    static const char *const keys[] = {"calibration", "learning_curve"};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < 2; i++) {
        char *text = json_dumps(values[i], JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        json_decref(values[i]);
        if (status == TW_OK)
            status = text != NULL ? tw_buffer_printf(out, error, "%s\"%s\":%s", i > 0 ? "," : "", keys[i], text)
                                  : tw_fail(error, TW_NO_MEMORY, "the metrics do not fit into memory");
        free(text);
    }
    return status;
}

enum tw_status tw_curve_sentence(const struct tw_curve_view *curve, const char *things, struct tw_buffer *out,
                                 struct tw_error *error)
{
    return tw_buffer_printf(out, error, "twice the %s would bring about %+.1f points of accuracy (95 %%: %.1f to %.1f)",
                            things, 100 * curve->gain, 100 * curve->gain_low, 100 * curve->gain_high);
}

enum tw_status tw_learning_to_text(const struct tw_calibration_view *calibration, const struct tw_curve_view *curve,
                                   struct tw_buffer *out, struct tw_error *error)
{
    const struct tw_reliability_view *before = &calibration->held_out_before, *after = &calibration->held_out_after;
    enum tw_status status = TW_OK;
    if (calibration->temperature > 0 && after->count > 0)
        status = tw_buffer_printf(out, error,
                                  "scores are calibrated: on %zu training examples that were held out they are off by "
                                  "%.1f points on average, %.1f before\n",
                                  after->count, 100 * after->error, 100 * before->error);
    if (status == TW_OK && curve->point_count > 0)
        status = tw_curve_sentence(curve, "examples", out, error);
    if (status == TW_OK && curve->point_count > 0)
        status = tw_buffer_append_text(out, "\n", error);
    return status;
}
