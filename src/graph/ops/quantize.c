#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>

/* One scale for all, or one for each index of the axis: `line` elements share one, `count` of them in turn. */
struct scales {
    int64_t count, line;
};

static bool is_one(const struct tw_shape *shape)
{
    int64_t count;
    return shape->rank <= 1 && tw_shape_count(shape, &count) && count == 1;
}

static enum tw_status read_scales(const struct tw_node *node, const struct tw_tensor *inputs, struct scales *scales,
                                  struct tw_error *error)
{
    const struct tw_shape *x = &inputs[0].shape;
    const struct tw_tensor *scale = &inputs[1], *zero = op_optional(node, inputs, 2);
    if (scale->dtype != TW_F32 || scale->shape.rank > 1)
        return tw_fail(error, TW_UNSUPPORTED, "its scale is not f32, or not one number or a list");
    /* Of one number each, one may be a list and the other not: onnxruntime.quantization writes that. */
    if (zero && !tw_shape_equal(&scale->shape, &zero->shape) && !(is_one(&scale->shape) && is_one(&zero->shape)))
        return tw_fail(error, TW_CORRUPT, "its scale and zero point are not of one shape");
    *scales = (struct scales){.count = 1, .line = 1};
    if (scale->shape.rank == 0 || scale->shape.dims[0] == 1)
        return TW_OK;
    int axis;
    enum tw_status status = op_axis(tw_node_int(node, "axis", 1), x->rank, &axis, error);
    if (!status)
        status = op_need_vector(scale, x->dims[axis], "scale", error);
    if (status)
        return status;
    scales->count = scale->shape.dims[0];
    for (int i = axis + 1; i < x->rank; i++)
        scales->line *= x->dims[i] > 0 ? x->dims[i] : 1;
    return TW_OK;
}

OP_FUNCTION(op_infer_quantize)
{
    struct scales scales;
    enum tw_status status = read_scales(node, inputs, &scales, error);
    if (status)
        return status;
    const struct tw_tensor *zero = op_optional(node, inputs, 2);
    outputs[0].dtype = zero ? zero->dtype : TW_U8;
    outputs[0].shape = inputs[0].shape;
    if (outputs[0].dtype != TW_U8 && outputs[0].dtype != TW_I8)
        return tw_fail(error, TW_UNSUPPORTED, "it makes %s, and only i8 and u8 are implemented",
                       tw_dtype_name(outputs[0].dtype));
    return TW_OK;
}

OP_FUNCTION(op_run_quantize)
{
    struct scales scales;
    enum tw_status status = read_scales(node, inputs, &scales, error);
    if (!status && inputs[0].dtype != TW_F32)
        status = tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(inputs[0].dtype));
    if (status)
        return status;
    const struct tw_tensor *zero = op_optional(node, inputs, 2);
    double low = outputs[0].dtype == TW_U8 ? 0 : -128, high = outputs[0].dtype == TW_U8 ? 255 : 127;
    for (int64_t i = 0; i < op_count(&inputs[0]); i++) {
        int64_t s = i / scales.line % scales.count;
        /* The quotient is one of f32, as in every peer: a tie decides by it. */
        float quotient = ((const float *)inputs[0].data)[i] / ((const float *)inputs[1].data)[s];
        double q = nearbyint((double)quotient) + (zero ? (double)op_load_int(zero, zero->data, s) : 0);
        q = isnan(q) || q < low ? low : q > high ? high : q;
        op_store_int(&outputs[0], i, (int64_t)q);
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_dequantize)
{
    struct scales scales;
    enum tw_status status = read_scales(node, inputs, &scales, error);
    if (status)
        return status;
    const struct tw_tensor *zero = op_optional(node, inputs, 2);
    if (!op_is_integer(inputs[0].dtype) || tw_dtype_size(inputs[0].dtype) > 4 ||
        (zero && zero->dtype != inputs[0].dtype))
        return tw_fail(error, TW_CORRUPT,
                       "its input is no integer of at most 32 bits, or its zero point of another type");
    outputs[0].dtype = TW_F32;
    outputs[0].shape = inputs[0].shape;
    return TW_OK;
}

/* A line of bytes: q less its zero point times the scale, which f32 holds with one rounding, as it is asked for. */
static void dequantise_bytes(const struct tw_tensor *x, int64_t at, int64_t count, float zero, float scale, float *out)
{
    if (x->dtype == TW_I8) {
        for (int64_t i = 0; i < count; i++)
            out[i] = ((float)((const int8_t *)x->data)[at + i] - zero) * scale;
    } else {
        for (int64_t i = 0; i < count; i++)
            out[i] = ((float)((const uint8_t *)x->data)[at + i] - zero) * scale;
    }
}

OP_FUNCTION(op_run_dequantize)
{
    struct scales scales;
    enum tw_status status = read_scales(node, inputs, &scales, error);
    if (status)
        return status;
    const struct tw_tensor *x = &inputs[0], *zero = op_optional(node, inputs, 2);
    int64_t count = op_count(x), line = scales.count == 1 ? count : scales.line;
    for (int64_t at = 0; at < count; at += line) {
        int64_t s = at / line % scales.count, z = zero ? op_load_int(zero, zero->data, s) : 0;
        float scale = ((const float *)inputs[1].data)[s], *out = (float *)outputs[0].out + at;
        if (x->dtype == TW_I8 || x->dtype == TW_U8) {
            dequantise_bytes(x, at, line, (float)z, scale, out);
            continue;
        }
        for (int64_t i = 0; i < line; i++)
            out[i] = (float)((double)(op_load_int(x, x->data, at + i) - z) * (double)scale);
    }
    return TW_OK;
}
