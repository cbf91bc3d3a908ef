#include "engine/steps/convolution.h"

#include <string.h>

bool tw_is_convolution(const struct tw_plan *plan, const struct tw_node *node)
{
    return node->op == TW_OP_CONV && plan->graph->values[node->inputs[0]].shape.rank == 4 &&
           tw_plan_is_constant(plan, node->inputs[1]) &&
           (node->input_count < 3 || node->inputs[2] < 0 || tw_plan_is_constant(plan, node->inputs[2]));
}

dnnl_status_t tw_convolution_operation(const struct op_window *window, const struct tw_convolution_layouts *layouts,
                                       dnnl_convolution_desc_t *operation)
{
    dnnl_dims_t strides, dilations, begin, end;
    for (int i = 0; i < 2; i++) {
        int at = OP_SPATIAL - 2 + i;
        strides[i] = window->stride[at];
        dilations[i] = window->dilation[at] - 1;
        begin[i] = window->begin[at];
        /* What is really used: a stride may leave some of the given padding unread. */
        end[i] = (window->out[at] - 1) * window->stride[at] + (window->kernel[at] - 1) * window->dilation[at] + 1 -
                 window->in[at] - window->begin[at];
    }
    return dnnl_dilated_convolution_forward_desc_init(
        operation, dnnl_forward_inference, dnnl_convolution_direct, &layouts->x, &layouts->weights,
        layouts->has_bias ? &layouts->bias : NULL, &layouts->y, strides, dilations, begin, end);
}

int tw_convolution_weight_dims(const struct tw_shape *weights, int64_t groups, int64_t dims[5])
{
    if (groups == 1) {
        memcpy(dims, weights->dims, 4 * sizeof *dims);
        return 4;
    }
    const int64_t split[5] = {groups, weights->dims[0] / groups, weights->dims[1], weights->dims[2], weights->dims[3]};
    memcpy(dims, split, sizeof split);
    return 5;
}

double tw_convolution_flop(const struct tw_plan *plan, const struct tw_node *node)
{
    return 2.0 * (double)op_product(&plan->graph->values[node->outputs[0]].shape, 0, 4) *
           (double)op_product(&plan->graph->values[node->inputs[1]].shape, 1, 4);
}
