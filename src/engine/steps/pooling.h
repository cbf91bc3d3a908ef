/* What pools of every type of numbers share. */
#ifndef TW_ENGINE_STEPS_POOLING_H
#define TW_ENGINE_STEPS_POOLING_H

#include "engine/onednn.h"
#include "engine/plan.h"
#include "graph/ops/support.h"

/* A 2-D pool with one output and nothing fused. */
bool tw_is_pool(const struct tw_plan *plan, const struct tw_node *node);
enum tw_status tw_pool_window(const struct tw_plan *plan, const struct tw_node *node, struct op_window *window,
                              struct tw_error *error) TW_MUST_USE;
/* False: a form that the library reads another way. */
bool tw_pool_operation(const struct tw_node *node, const struct op_window *window, const struct tw_layout *x,
                       const struct tw_layout *y, struct tw_onednn_operation *operation);

#endif
