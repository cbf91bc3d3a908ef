#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* TensorProto.DataType of ONNX, by its numbers. */
static const enum tw_dtype onnx_types[] = {
    [1] = TW_F32,  [2] = TW_U8,   [3] = TW_I8,   [4] = TW_U16,  [5] = TW_I16,  [6] = TW_I32,   [7] = TW_I64,
    [9] = TW_BOOL, [10] = TW_F16, [11] = TW_F64, [12] = TW_U32, [13] = TW_U64, [16] = TW_BF16,
};

OP_FUNCTION(op_infer_cast)
{
    int64_t to = tw_node_int(node, "to", 0);
    if (to < 1 || to >= (int64_t)(sizeof onnx_types / sizeof *onnx_types) || onnx_types[to] == TW_DTYPE_NONE)
        return tw_fail(error, TW_UNSUPPORTED, "type number %" PRId64 " is not implemented", to);
    if (tw_dtype_size(inputs[0].dtype) == 0)
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(inputs[0].dtype));
    outputs[0].dtype = onnx_types[to];
    outputs[0].shape = inputs[0].shape;
    return TW_OK;
}

static float from_half(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                 : exponent == 0 ? ldexpf((float)fraction, -24)
                                 : ldexpf((float)(fraction + 1024), exponent - 25);
    return half & 0x8000 ? -size : size;
}

/* To nearest, halves to even. */
static uint16_t to_half(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double size = fabs(value);
    if (isnan(value))
        return (uint16_t)(sign | 0x7e00);
    if (size >= 65520)
        return (uint16_t)(sign | 0x7c00);
    if (size < ldexp(1, -14))
        return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(size, 24)));
    int exponent;
    double fraction = frexp(size, &exponent);
    /* A fraction that rounds up to 2048 carries into the exponent by itself. */
    return (uint16_t)(sign | (((exponent + 13) << 10) + (int)nearbyint(ldexp(fraction, 11))));
}

static float from_brain(uint16_t brain)
{
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t to_brain(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static bool is_floating(enum tw_dtype dtype)
{
    return dtype >= TW_F32 && dtype <= TW_BF16;
}

static double load_floating(const struct tw_tensor *x, int64_t i)
{
    if (x->dtype == TW_F16)
        return (double)from_half(((const uint16_t *)x->data)[i]);
    if (x->dtype == TW_BF16)
        return (double)from_brain(((const uint16_t *)x->data)[i]);
    return op_load_real(x, x->data, i);
}

static void store_floating(const struct tw_tensor *y, int64_t i, double value)
{
    if (y->dtype == TW_F16)
        ((uint16_t *)y->out)[i] = to_half(value);
    else if (y->dtype == TW_BF16)
        ((uint16_t *)y->out)[i] = to_brain((float)value);
    else
        op_store_real(y, i, value);
}

/* Towards zero; what no int64 holds has no defined result in ONNX, and is bounded here. */
static int64_t truncate(double value)
{
    if (isnan(value))
        return 0;
    if (value >= 0x1p63)
        return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

OP_FUNCTION(op_run_cast)
{
    (void)node;
    (void)error;
    const struct tw_tensor *x = &inputs[0], *y = &outputs[0];
    for (int64_t i = 0; i < op_count(y); i++) {
        bool is_real = is_floating(x->dtype);
        double real = is_real ? load_floating(x, i) : 0;
        int64_t integer = is_real ? truncate(real) : op_load_int(x, x->data, i);
        if (y->dtype == TW_BOOL)
            op_store_int(y, i, is_real ? real != 0 : integer != 0);
        else if (!is_floating(y->dtype))
            op_store_int(y, i, integer);
        else
            store_floating(y, i, is_real ? real : x->dtype == TW_U64 ? (double)(uint64_t)integer : (double)integer);
    }
    return TW_OK;
}
