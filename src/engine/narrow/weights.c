#include "engine/narrow/weights.h"

#include <math.h>
#include <string.h>

static bool has_grid(const struct tw_value *value, int axis, int64_t *count)
{
    const struct tw_quantisation *q = &value->quantisation;
    return value->dtype == TW_F32 && value->data != NULL && value->shape.rank > axis &&
           tw_shape_count(&value->shape, count) && *count > 0 && q->scale != NULL &&
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
    for (int64_t i = 0; i < count; i++) {
        float x, scale = narrow_weights_scale(value, (size_t)(i / line % value->shape.dims[axis]));
        memcpy(&x, (const float *)value->data + i, sizeof x);
        double q = nearbyint((double)x / (double)scale);
        if (!(fabs(q) <= 255) || fabs((double)x - q * (double)scale) > 1e-6 * fabs((double)x)) {
            tw_free(made);
            return TW_OK;
        }
        made[i] = (int16_t)q;
        least = made[i] < least ? made[i] : least;
        most = made[i] > most ? made[i] : most;
    }
    *weights = (struct narrow_weights){made, least, most};
    return TW_OK;
}
