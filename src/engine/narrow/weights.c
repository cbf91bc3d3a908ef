#include "engine/narrow/weights.h"

#include <math.h>
#include <string.h>

static bool has_grid(const struct tw_value *value, int axis, int64_t *count)
{
    const struct tw_quantisation *q = &value->quantisation;
    return value->dtype == TW_F32 && value->data != NULL && (uintptr_t)value->data % sizeof(float) == 0 &&
           value->shape.rank > axis && tw_shape_count(&value->shape, count) && *count > 0 && q->scale != NULL &&
           (q->count == 1 || (q->axis == axis && q->count == value->shape.dims[axis]));
}

void narrow_weights_release(struct narrow_weights *weights)
{
    tw_free(weights->whole);
    *weights = (struct narrow_weights){0};
}

bool narrow_weights_are_even(const struct tw_value *value)
{
    const struct tw_quantisation *q = &value->quantisation;
    for (int64_t i = 0; i < q->count && q->zero_point != NULL; i++) {
        if (q->zero_point[i] != 0 && q->zero_point[i] != 128)
            return false;
    }
    return true;
}

float narrow_weights_scale(const struct tw_value *value, size_t channel)
{
    return value->quantisation.scale[value->quantisation.count == 1 ? 0 : channel];
}

int32_t narrow_bias(const struct tw_value *bias, size_t channel, float step, float *rest)
{
    float x;
    *rest = 0;
    if (bias == NULL)
        return 0;
    memcpy(&x, (const float *)bias->data + channel, sizeof x);
    double steps = fmin(fmax((double)x / (double)step, -1073741824.0), 1073741824.0), whole = nearbyint(steps);
    /* What a file has as a whole number was rounded when it became a float. */
    if (fabs(steps - whole) > 1e-3 + 1e-6 * fabs(steps))
        *rest = (float)(steps - whole);
    return (int32_t)whole;
}

/* Numbers of one scale as steps of it. False: not all lie there. */
static bool find_line(const float *line, int64_t count, float scale, int16_t *whole)
{
    for (int64_t i = 0; i < count; i++) {
        double x = (double)line[i], q = nearbyint(x / (double)scale);
        if (!(fabs(q) <= 255) || fabs(x - q * (double)scale) > 1e-6 * fabs(x))
            return false;
        whole[i] = (int16_t)q;
    }
    return true;
}

/* The same for the usual case, that each is the float nearest to a whole number of steps; false where one is not. */
static bool find_exact_line(const float *line, int64_t count, float scale, int16_t *whole)
{
    const float magic = 12582912; /* 1.5 * 2^23: what is added to it is rounded to a whole number */
    float inverse = 1 / scale;
    int wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        float q = line[i] * inverse + magic - magic;
        wrong |= !(q * scale == line[i]) | !(fabsf(q) <= 255);
        whole[i] = (int16_t)(int32_t)(fabsf(q) <= 255 ? q : 0);
    }
    return wrong == 0;
}

enum tw_status narrow_weights_find(const struct tw_value *value, int axis, struct narrow_weights *weights,
                                   struct tw_error *error)
{
    int64_t count, line = 1;
    *weights = (struct narrow_weights){0};
    if (!has_grid(value, axis, &count))
        return TW_OK;
    int16_t *made = tw_alloc((size_t)count, sizeof *made), least = 0, most = 0;
    if (made == NULL)
        return tw_fail_memory(error, (size_t)count * sizeof *made, "weights");
    for (int i = axis + 1; i < value->shape.rank; i++)
        line *= value->shape.dims[i];
    bool is_on_grid = true;
    for (int64_t at = 0; at < count && is_on_grid; at += line) {
        float scale = narrow_weights_scale(value, (size_t)(at / line % value->shape.dims[axis]));
        const float *numbers = (const float *)value->data + at;
        is_on_grid = find_exact_line(numbers, line, scale, made + at) || find_line(numbers, line, scale, made + at);
    }
    for (int64_t i = 0; i < count && is_on_grid; i++) {
        least = made[i] < least ? made[i] : least;
        most = made[i] > most ? made[i] : most;
    }
    if (is_on_grid)
        *weights = (struct narrow_weights){made, least, most};
    else
        tw_free(made);
    return TW_OK;
}
