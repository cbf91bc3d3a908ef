#include "engine/narrow/weights.h"

#include <math.h>
#include <string.h>

static bool has_grid(const struct tw_value *value, int64_t *count)
{
    const struct tw_quantisation *q = &value->quantisation;
    return value->dtype == TW_F32 && value->data != NULL && value->shape.rank > 0 &&
           tw_shape_count(&value->shape, count) && *count > 0 && q->scale != NULL &&
           (q->count == 1 || (q->axis == 0 && q->count == value->shape.dims[0]));
}

enum tw_status narrow_weights(const struct tw_value *value, int8_t **whole, struct tw_error *error)
{
    int64_t count;
    *whole = NULL;
    if (!has_grid(value, &count))
        return TW_OK;
    int8_t *made = tw_alloc((size_t)count, 1);
    if (made == NULL)
        return tw_fail_memory(error, (size_t)count, "weights");
    int64_t line = value->quantisation.count == 1 ? count : count / value->quantisation.count;
    for (int64_t i = 0; i < count; i++) {
        float x, scale = value->quantisation.scale[i / line];
        memcpy(&x, (const float *)value->data + i, sizeof x);
        double q = nearbyint((double)x / (double)scale);
        if (!(q >= -128 && q <= 127) || fabs((double)x - q * (double)scale) > 1e-6 * fabs((double)x)) {
            tw_free(made);
            return TW_OK;
        }
        made[i] = (int8_t)q;
    }
    *whole = made;
    return TW_OK;
}
