#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>

static enum tw_status same_as_input(const struct tw_tensor *inputs, struct tw_tensor *outputs)
{
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = inputs[0].shape;
    return TW_OK;
}

static enum tw_status need_channels(const struct tw_tensor *x, struct tw_error *error)
{
    if (x->shape.rank >= 2)
        return TW_OK;
    return tw_fail(error, TW_CORRUPT, "its input has %d dimensions, and none of them is channels", x->shape.rank);
}

OP_FUNCTION(op_infer_batch_norm)
{
    static const char *const names[] = {"", "scale", "bias", "mean", "variance"};
    enum tw_status status = need_channels(&inputs[0], error);
    for (int i = 1; i < 5 && !status; i++)
        status = op_need_vector(&inputs[i], inputs[0].shape.dims[1], names[i], error);
    if (!status && (tw_node_int(node, "training_mode", 0) != 0 || tw_node_int(node, "spatial", 1) != 1))
        status = tw_fail(error, TW_UNSUPPORTED, "batch norm in training mode or not over space is not implemented");
    return status ? status : same_as_input(inputs, outputs);
}

OP_FUNCTION(op_run_batch_norm)
{
    enum tw_status status = op_need_f32(node, inputs, error);
    if (status)
        return status;
    const struct tw_shape *shape = &inputs[0].shape;
    int64_t channels = shape->dims[1], plane = op_product(shape, 2, shape->rank);
    const float *scale = inputs[1].data, *bias = inputs[2].data, *mean = inputs[3].data, *variance = inputs[4].data;
    double epsilon = (double)tw_node_float(node, "epsilon", 1e-5f);
    for (int64_t i = 0; i < op_count(&inputs[0]); i++) {
        int64_t c = i / plane % channels;
        double centred = (double)((const float *)inputs[0].data)[i] - (double)mean[c];
        double value = centred / sqrt((double)variance[c] + epsilon) * (double)scale[c] + (double)bias[c];
        ((float *)outputs[0].out)[i] = (float)value;
    }
    return TW_OK;
}

/* The part of the shape that is normalised together: its last dimensions from the axis. */
static enum tw_status normalised_shape(const struct tw_node *node, const struct tw_tensor *inputs,
                                       struct tw_shape *inner, struct tw_error *error)
{
    const struct tw_shape *x = &inputs[0].shape;
    int axis;
    enum tw_status status = op_axis(tw_node_int(node, "axis", -1), x->rank, &axis, error);
    if (status)
        return status;
    *inner = (struct tw_shape){.rank = x->rank - axis};
    for (int i = axis; i < x->rank; i++)
        inner->dims[i - axis] = x->dims[i];
    for (int i = 1; i < 3; i++) {
        const struct tw_tensor *parameter = op_optional(node, inputs, i);
        struct tw_shape wide;
        if (!parameter)
            continue;
        status = op_broadcast(inner, &parameter->shape, &wide, error);
        if (status)
            return status;
        if (!tw_shape_equal(&wide, inner))
            return tw_fail(error, TW_CORRUPT, "its scale or bias is greater than what is normalised");
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_layer_norm)
{
    struct tw_shape inner;
    enum tw_status status = normalised_shape(node, inputs, &inner, error);
    return status ? status : same_as_input(inputs, outputs);
}

struct moments {
    double mean, variance;
};

static struct moments moments_of(const float *x, int64_t count)
{
    struct moments moments = {0};
    for (int64_t i = 0; i < count; i++)
        moments.mean += (double)x[i];
    moments.mean /= (double)count;
    for (int64_t i = 0; i < count; i++)
        moments.variance += ((double)x[i] - moments.mean) * ((double)x[i] - moments.mean);
    moments.variance /= (double)count;
    return moments;
}

OP_FUNCTION(op_run_layer_norm)
{
    struct tw_shape inner;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = normalised_shape(node, inputs, &inner, error);
    if (status || op_count(&inputs[0]) == 0)
        return status;
    const struct tw_tensor *scale = &inputs[1], *bias = op_optional(node, inputs, 2);
    int64_t scale_strides[TW_MAX_RANK], bias_strides[TW_MAX_RANK] = {0};
    op_broadcast_strides(&scale->shape, &inner, scale_strides);
    if (bias)
        op_broadcast_strides(&bias->shape, &inner, bias_strides);
    double epsilon = (double)tw_node_float(node, "epsilon", 1e-5f);
    int64_t count = op_product(&inner, 0, inner.rank), rows = op_count(&inputs[0]) / count;
    const float *x = inputs[0].data;
    float *y = outputs[0].out;
    for (int64_t row = 0; row < rows; row++, x += count) {
        struct moments moments = moments_of(x, count);
        double factor = 1 / sqrt(moments.variance + epsilon);
        int64_t index[TW_MAX_RANK] = {0};
        for (int64_t i = 0; i < count; i++) {
            double value = ((double)x[i] - moments.mean) * factor;
            value *= (double)((const float *)scale->data)[op_offset(inner.rank, index, scale_strides)];
            if (bias)
                value += (double)((const float *)bias->data)[op_offset(inner.rank, index, bias_strides)];
            *y++ = (float)value;
            op_next_index(&inner, index);
        }
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_instance_norm)
{
    (void)node;
    enum tw_status status = need_channels(&inputs[0], error);
    if (!status)
        status = op_need_vector(&inputs[1], inputs[0].shape.dims[1], "scale", error);
    if (!status)
        status = op_need_vector(&inputs[2], inputs[0].shape.dims[1], "bias", error);
    return status ? status : same_as_input(inputs, outputs);
}

OP_FUNCTION(op_run_instance_norm)
{
    enum tw_status status = op_need_f32(node, inputs, error);
    if (status || op_count(&inputs[0]) == 0)
        return status;
    const struct tw_shape *shape = &inputs[0].shape;
    int64_t channels = shape->dims[1], plane = op_product(shape, 2, shape->rank);
    double epsilon = (double)tw_node_float(node, "epsilon", 1e-5f);
    const float *x = inputs[0].data, *scale = inputs[1].data, *bias = inputs[2].data;
    float *y = outputs[0].out;
    for (int64_t c = 0; c < shape->dims[0] * channels; c++, x += plane) {
        struct moments moments = moments_of(x, plane);
        double factor = (double)scale[c % channels] / sqrt(moments.variance + epsilon);
        for (int64_t i = 0; i < plane; i++)
            *y++ = (float)(((double)x[i] - moments.mean) * factor + (double)bias[c % channels]);
    }
    return TW_OK;
}

OP_FUNCTION(op_infer_lrn)
{
    enum tw_status status = need_channels(&inputs[0], error);
    int64_t size = tw_node_int(node, "size", 0);
    if (!status && (size < 1 || size > OP_MAX_EXTENT))
        status = tw_fail(error, TW_CORRUPT, "attribute 'size' is %" PRId64 ", outside of 1 to %d", size, OP_MAX_EXTENT);
    return status ? status : same_as_input(inputs, outputs);
}

OP_FUNCTION(op_run_lrn)
{
    enum tw_status status = op_need_f32(node, inputs, error);
    if (status)
        return status;
    const struct tw_shape *shape = &inputs[0].shape;
    int64_t channels = shape->dims[1], plane = op_product(shape, 2, shape->rank), size = tw_node_int(node, "size", 1);
    double alpha = (double)tw_node_float(node, "alpha", 1e-4f), beta = (double)tw_node_float(node, "beta", 0.75f);
    double bias = (double)tw_node_float(node, "bias", 1);
    const float *x = inputs[0].data;
    for (int64_t i = 0; i < op_count(&inputs[0]); i++) {
        int64_t c = i / plane % channels, first = c - (size - 1) / 2, last = c + size / 2;
        double sum = 0;
        for (int64_t other = first < 0 ? 0 : first; other <= last && other < channels; other++)
            sum += (double)x[i + (other - c) * plane] * (double)x[i + (other - c) * plane];
        ((float *)outputs[0].out)[i] = (float)((double)x[i] / pow(bias + alpha / (double)size * sum, beta));
    }
    return TW_OK;
}
