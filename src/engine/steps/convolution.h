/* What convolutions of every type of numbers share. */
#ifndef TW_ENGINE_STEPS_CONVOLUTION_H
#define TW_ENGINE_STEPS_CONVOLUTION_H

#include "engine/onednn.h"
#include "engine/plan.h"
#include "graph/ops/support.h"

/* A 2-D convolution whose weights, and bias where it has one, are constants. */
bool tw_is_convolution(const struct tw_graph *graph, const struct tw_node *node);
struct tw_convolution_layouts {
    struct tw_layout x, weights, bias, y;
    bool has_bias;
};
void tw_convolution_operation(const struct op_window *window, const struct tw_convolution_layouts *layouts,
                              struct tw_onednn_operation *operation);
/* Weights as [out][in][height][width], or with groups before; returns the rank. */
int tw_convolution_weight_dims(const struct tw_shape *weights, int64_t groups, int64_t dims[5]);

/* What a choice table knows a convolution by; `precision` as steps name it. The window is the node's. */
enum { TW_KEY_SIZE = 256 };
void tw_convolution_key(const struct tw_graph *graph, const struct tw_node *node, const char *precision,
                        char key[TW_KEY_SIZE]);
/* The algorithm that the plan's table has for it; NULL: none. */
const char *tw_convolution_choice(const struct tw_plan *plan, const struct tw_node *node, const char *precision);
/* tw_onednn_make by the kernel that the table names or a trial wants. */
enum tw_status tw_convolution_make(const struct tw_plan *plan, const struct tw_node *node, const char *precision,
                                   const struct tw_onednn_operation *operation, const_dnnl_primitive_attr_t attributes,
                                   struct tw_onednn_primitive *made) TW_MUST_USE;
/* tw_plan_add_made, named by the kernel. */
enum tw_status tw_convolution_add_made(struct tw_plan *plan, const struct tw_node *node, const char *precision,
                                       struct tw_onednn_primitive *made, const struct argument *arguments, int count,
                                       struct tw_error *error) TW_MUST_USE;
/* The step that was added last is this convolution: its operations, arithmetic and key. `precision` is kept. */
enum tw_status tw_convolution_note(struct tw_plan *plan, const struct tw_node *node, const char *precision,
                                   struct tw_error *error) TW_MUST_USE;

#endif
