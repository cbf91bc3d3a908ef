#include "formats/tflite.h"

#include <math.h>
#include <string.h>

enum { FIELD_SCALE = 2, FIELD_ZERO_POINT, FIELD_DETAILS_TYPE, FIELD_AXIS = 6 };

static void check_range(struct tfl *tfl, const struct tfl_tensor *tensor, int64_t zero)
{
    int64_t low = tensor->dtype == TW_I8 ? -128 : 0;
    int64_t high = tensor->dtype == TW_U8 ? 255 : tensor->dtype == TW_I8 ? 127 : 0;
    if (zero < low || zero > high)
        build_fail(tfl->build, TW_CORRUPT, "tensor '%.200s' of type %s has zero point %lld", tensor->name,
                   tw_dtype_name(tensor->dtype), (long long)zero);
}

void tfl_read_quantisation(struct tfl *tfl, const struct flat_table *table, struct tfl_tensor *tensor)
{
    struct build *build = tfl->build;
    struct flat_vector scales, zeros;
    flat_list(build, table, FIELD_SCALE, 4, &scales);
    flat_list(build, table, FIELD_ZERO_POINT, 8, &zeros);
    bool is_integer = tensor->dtype == TW_U8 || tensor->dtype == TW_I8 || tensor->dtype == TW_I32;
    if (build->status || scales.count == 0 || tensor->dtype == TW_F32 || tensor->dtype == TW_F16)
        return;
    int64_t axis = flat_int(build, table, FIELD_AXIS, 4, 0);
    bool fits = scales.count == 1 ||
                (axis >= 0 && axis < tensor->shape.rank && tensor->shape.dims[axis] == (int64_t)scales.count);
    if (!is_integer || !fits || (zeros.count > 1 && zeros.count != scales.count) ||
        flat_int(build, table, FIELD_DETAILS_TYPE, 1, 0) != 0) {
        build_fail(
            build, TW_UNSUPPORTED,
            "tensor '%.200s' of type %s is quantised with %zu scales and %zu zero points on axis %lld; known are "
            "u8, i8 and i32 with one scale, or one for each index of an axis",
            tensor->name, tw_dtype_name(tensor->dtype), scales.count, zeros.count, (long long)axis);
        return;
    }
    if (!build_charge(build, scales.count * (sizeof(float) + sizeof(int32_t))))
        return;
    float *values = build_alloc(build, scales.count, sizeof *values);
    int32_t *points = build_alloc(build, scales.count, sizeof *points);
    for (size_t i = 0; points && i < scales.count; i++) {
        int64_t zero = 0;
        memcpy(&values[i], scales.file.data + scales.at + 4 * i, sizeof *values);
        if (zeros.count)
            memcpy(&zero, zeros.file.data + zeros.at + 8 * (zeros.count == 1 ? 0 : i), sizeof zero);
        check_range(tfl, tensor, zero);
        points[i] = (int32_t)zero;
        if (!(values[i] > 0) || !isfinite(values[i]))
            build_fail(build, TW_CORRUPT, "tensor '%.200s' has scale %g", tensor->name, (double)values[i]);
    }
    tensor->scales = values;
    tensor->zero_points = points;
    tensor->scale_count = scales.count;
    tensor->axis = (int)axis;
}

/* Scale and zero point as constants: numbers, or a list for an axis. i32 has no zero point. */
static void make_parameters(struct tfl *tfl, const struct tfl_tensor *tensor, int ids[2])
{
    struct build *build = tfl->build;
    ids[0] = ids[1] = -1;
    struct tw_shape shape = {.rank = tensor->scale_count > 1, .dims = {(int64_t)tensor->scale_count}};
    if (!build_charge(build, tensor->scale_count * sizeof(float)))
        return;
    ids[0] = build_floats(build, tensor->name, "scale", &shape, tensor->scales);
    uint8_t *points = tensor->dtype == TW_I32 ? NULL : build_alloc(build, tensor->scale_count, 1);
    for (size_t i = 0; points && i < tensor->scale_count; i++)
        points[i] = (uint8_t)tensor->zero_points[i];
    if (!points)
        return;
    ids[1] = build_fresh(build, tensor->name, "zero_point");
    build_set_constant(build, ids[1], tensor->dtype, &shape, points);
}

int tfl_dequantised(struct tfl *tfl, const struct tfl_tensor *tensor, int id, int axis)
{
    int inputs[] = {id, -1, -1};
    make_parameters(tfl, tensor, &inputs[1]);
    int made = build_step(tfl->build, TW_OP_DEQUANTIZE_LINEAR, tensor->name, "real", inputs, inputs[2] < 0 ? 2 : 3);
    if (made >= 0 && tensor->scale_count > 1)
        build_int(tfl->build, &tfl->build->graph->nodes[tfl->build->graph->node_count - 1], "axis", axis);
    return made;
}

int tfl_on_grid(struct tfl *tfl, const struct tfl_tensor *tensor, int id, int made)
{
    struct build *build = tfl->build;
    int inputs[] = {id, -1, -1};
    if (tensor->scale_count != 1 || tensor->dtype == TW_I32) {
        build_fail(build, TW_UNSUPPORTED, "tensor '%.200s' is no constant, and is quantised to %s with %zu scales",
                   tensor->name, tw_dtype_name(tensor->dtype), tensor->scale_count);
        return -1;
    }
    make_parameters(tfl, tensor, &inputs[1]);
    inputs[0] = build_step(build, TW_OP_QUANTIZE_LINEAR, tensor->name, "quantised", inputs, 3);
    return build_node(build, TW_OP_DEQUANTIZE_LINEAR, tensor->name, inputs, 3, made) ? made : -1;
}

bool tfl_same_grid(const struct tfl_tensor *a, const struct tfl_tensor *b)
{
    return a->scales && b->scales && a->scale_count == 1 && b->scale_count == 1 && a->dtype == b->dtype &&
           memcmp(a->scales, b->scales, sizeof *a->scales) == 0 && a->zero_points[0] == b->zero_points[0];
}

/* real = (pixel - mean) * scale, so that the integers of a u8 input are the pixels, of an i8 one those minus 128. */
void tfl_set_policy(struct tfl *tfl, const struct tfl_tensor *input)
{
    const struct tw_shape *shape = &input->shape;
    if (tfl->build->status || shape->rank != 4 || shape->dims[3] != 3 || shape->dims[1] < 1 || shape->dims[2] < 1)
        return;
    int mean = input->zero_points[0] + (input->dtype == TW_I8 ? 128 : 0);
    double scale = (double)input->scales[0];
    char *json = tw_format(
        "{\"decode\":{\"jpeg_dct\":\"ifast\",\"exif\":\"apply\",\"alpha\":\"blend\",\"background\":[255,255,255]},"
        "\"resize\":\"tf2_bilinear\",\"fit\":\"squash\",\"width\":%lld,\"height\":%lld,"
        "\"mean\":[%d,%d,%d],\"scale\":[%.9g,%.9g,%.9g],\"layout\":\"nhwc\",\"channels\":\"rgb\"}",
        (long long)shape->dims[2], (long long)shape->dims[1], mean, mean, mean, scale, scale, scale);
    if (!json || !tw_graph_set_property(tfl->build->graph, "topwork.policy", json))
        build_fail_memory(tfl->build, 1);
    tw_free(json);
}
