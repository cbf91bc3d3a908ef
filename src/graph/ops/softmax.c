#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <math.h>

OP_FUNCTION(op_infer_softmax)
{
    int axis;
    enum tw_status status = op_axis(tw_node_int(node, "axis", -1), inputs[0].shape.rank, &axis, error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = inputs[0].shape;
    return TW_OK;
}

static void softmax_line(const float *x, float *y, int64_t count, int64_t stride, bool is_log)
{
    double greatest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        greatest = fmax(greatest, (double)x[i * stride]);
    for (int64_t i = 0; i < count; i++)
        sum += exp((double)x[i * stride] - greatest);
    for (int64_t i = 0; i < count; i++) {
        double shifted = (double)x[i * stride] - greatest;
        y[i * stride] = (float)(is_log ? shifted - log(sum) : exp(shifted) / sum);
    }
}

OP_FUNCTION(op_run_softmax)
{
    int axis;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = op_axis(tw_node_int(node, "axis", -1), inputs[0].shape.rank, &axis, error);
    if (status)
        return status;
    const struct tw_shape *shape = &inputs[0].shape;
    int64_t count = shape->dims[axis], stride = op_product(shape, axis + 1, shape->rank);
    int64_t lines = op_product(shape, 0, axis) * stride;
    for (int64_t line = 0; line < lines; line++) {
        int64_t at = line / stride * count * stride + line % stride;
        softmax_line((const float *)inputs[0].data + at, (float *)outputs[0].out + at, count, stride,
                     node->op == TW_OP_LOG_SOFTMAX);
    }
    return TW_OK;
}
