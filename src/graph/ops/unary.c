#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <math.h>

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double gelu(double x)
{
    return 0.5 * x * (1 + erf(x * M_SQRT1_2));
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double clip(double x, double low, double high)
{
    double bounded = x < low ? low : x;
    return bounded > high ? high : bounded;
}

float tw_activate(enum tw_activation activation, float alpha, float beta, float x)
{
    double value = (double)x;
    switch (activation) {
    case TW_ACT_NONE:
        break;
    case TW_ACT_RELU:
        return x < 0 ? 0 : x;
    case TW_ACT_CLIP:
        return (float)clip(value, (double)alpha, (double)beta);
    case TW_ACT_SIGMOID:
        return (float)sigmoid(value);
    case TW_ACT_SWISH:
        return (float)(value * sigmoid(value));
    case TW_ACT_HARD_SWISH:
        return (float)(value * clip(value / 6 + 0.5, 0, 1));
    case TW_ACT_GELU:
        return (float)gelu(value);
    case TW_ACT_LEAKY:
        return (float)(value < 0 ? value * (double)alpha : value);
    case TW_ACT_TANH:
        return (float)tanh(value);
    }
    return x;
}

struct parameters {
    double alpha, beta;
    bool is_approximate;
};

static struct parameters parameters_of(const struct tw_node *node)
{
    static const struct {
        enum tw_op op;
        const char *second;
        float alpha, beta;
    } defaults[] = {
        {TW_OP_LEAKY_RELU, NULL, 0.01f, 0},
        {TW_OP_ELU, NULL, 1, 0},
        {TW_OP_SELU, "gamma", 1.67326319217681884765625f, 1.05070102214813232421875f},
        {TW_OP_HARD_SIGMOID, "beta", 0.2f, 0.5f},
    };
    struct parameters found = {.is_approximate = op_text_is(node, "approximate", "tanh", "none")};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (defaults[i].op != node->op)
            continue;
        found.alpha = (double)tw_node_float(node, "alpha", defaults[i].alpha);
        if (defaults[i].second)
            found.beta = (double)tw_node_float(node, defaults[i].second, defaults[i].beta);
    }
    return found;
}

static double apply(enum tw_op op, const struct parameters *p, double x)
{
    switch (op) {
    case TW_OP_RELU:
        return x < 0 ? 0 : x;
    case TW_OP_SIGMOID:
        return sigmoid(x);
    case TW_OP_TANH:
        return tanh(x);
    case TW_OP_LEAKY_RELU:
        return x < 0 ? p->alpha * x : x;
    case TW_OP_ELU:
        return x < 0 ? p->alpha * expm1(x) : x;
    case TW_OP_SELU:
        return p->beta * (x < 0 ? p->alpha * expm1(x) : x);
    case TW_OP_HARD_SIGMOID:
        return clip(p->alpha * x + p->beta, 0, 1);
    case TW_OP_HARD_SWISH:
        return x * clip(x / 6 + 0.5, 0, 1);
    case TW_OP_GELU:
        return p->is_approximate ? gelu_tanh(x) : gelu(x);
    case TW_OP_SOFTPLUS:
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    case TW_OP_ERF:
        return erf(x);
    case TW_OP_SQRT:
        return sqrt(x);
    case TW_OP_EXP:
        return exp(x);
    case TW_OP_LOG:
        return log(x);
    case TW_OP_ABS:
        return fabs(x);
    case TW_OP_NEG:
        return -x;
    case TW_OP_RECIPROCAL:
        return 1 / x;
    case TW_OP_FLOOR:
        return floor(x);
    case TW_OP_CEIL:
        return ceil(x);
    default: /* ROUND: halves to even, as ONNX has it */
        return nearbyint(x);
    }
}

OP_FUNCTION(op_infer_unary)
{
    (void)node;
    (void)error;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = inputs[0].shape;
    return TW_OK;
}

static enum tw_status run_integers(const struct tw_node *node, const struct tw_tensor *x, struct tw_tensor *y,
                                   struct tw_error *error)
{
    if ((node->op != TW_OP_NEG && node->op != TW_OP_ABS && node->op != TW_OP_RELU) || !op_is_integer(x->dtype))
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(x->dtype));
    for (int64_t i = 0; i < op_count(x); i++) {
        int64_t value = op_load_int(x, x->data, i);
        int64_t negative = (int64_t)(0 - (uint64_t)value);
        if (node->op == TW_OP_RELU)
            value = value < 0 ? 0 : value;
        else if (node->op == TW_OP_NEG || value < 0)
            value = negative;
        op_store_int(y, i, value);
    }
    return TW_OK;
}

OP_FUNCTION(op_run_unary)
{
    if (!op_is_real(inputs[0].dtype))
        return run_integers(node, &inputs[0], &outputs[0], error);
    struct parameters parameters = parameters_of(node);
    for (int64_t i = 0; i < op_count(&inputs[0]); i++)
        op_store_real(&outputs[0], i, apply(node->op, &parameters, op_load_real(&inputs[0], inputs[0].data, i)));
    return TW_OK;
}

OP_FUNCTION(op_infer_clip)
{
    for (int i = 1; i < 3; i++) {
        const struct tw_tensor *bound = op_optional(node, inputs, i);
        int64_t count;
        enum tw_status status = bound ? op_need_same_dtype(&inputs[0], bound, error) : TW_OK;
        if (!status && bound && (!tw_shape_count(&bound->shape, &count) || count != 1))
            status = tw_fail(error, TW_CORRUPT, "its %s bound is not one number", i == 1 ? "lower" : "upper");
        if (status)
            return status;
    }
    return op_infer_unary(node, inputs, outputs, error);
}

OP_FUNCTION(op_run_clip)
{
    const struct tw_tensor *x = &inputs[0], *low = op_optional(node, inputs, 1), *high = op_optional(node, inputs, 2);
    if (op_is_real(x->dtype)) {
        double least = low ? op_load_real(low, low->data, 0) : -INFINITY;
        double most = high ? op_load_real(high, high->data, 0) : INFINITY;
        for (int64_t i = 0; i < op_count(x); i++)
            op_store_real(&outputs[0], i, clip(op_load_real(x, x->data, i), least, most));
        return TW_OK;
    }
    if (!op_is_integer(x->dtype))
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(x->dtype));
    int64_t least = low ? op_load_int(low, low->data, 0) : INT64_MIN;
    int64_t most = high ? op_load_int(high, high->data, 0) : INT64_MAX;
    for (int64_t i = 0; i < op_count(x); i++) {
        int64_t value = op_load_int(x, x->data, i);
        value = value < least ? least : value;
        op_store_int(&outputs[0], i, value > most ? most : value);
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_not)
{
    if (inputs[0].dtype != TW_BOOL)
        return tw_fail(error, TW_CORRUPT, "its input is %s, not bool", tw_dtype_name(inputs[0].dtype));
    return op_infer_unary(node, inputs, outputs, error);
}

OP_FUNCTION(op_run_not)
{
    (void)node;
    (void)error;
    for (int64_t i = 0; i < op_count(&inputs[0]); i++)
        ((uint8_t *)outputs[0].out)[i] = !((const uint8_t *)inputs[0].data)[i];
    return TW_OK;
}
