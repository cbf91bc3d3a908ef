/* What convolutions of every type of numbers share. */
#ifndef TW_ENGINE_STEPS_CONVOLUTION_H
#define TW_ENGINE_STEPS_CONVOLUTION_H

#include "engine/onednn.h"
#include "engine/plan.h"
#include "graph/ops/support.h"

/* A 2-D convolution whose weights, and bias where it has one, are constants. */
bool tw_is_convolution(const struct tw_plan *plan, const struct tw_node *node);
struct tw_convolution_layouts {
    dnnl_memory_desc_t x, weights, bias, y;
    bool has_bias;
};
dnnl_status_t tw_convolution_operation(const struct op_window *window, const struct tw_convolution_layouts *layouts,
                                       dnnl_convolution_desc_t *operation);
/* Weights as [out][in][height][width], or with groups before; returns the rank. */
int tw_convolution_weight_dims(const struct tw_shape *weights, int64_t groups, int64_t dims[5]);
double tw_convolution_flop(const struct tw_plan *plan, const struct tw_node *node);

#endif
