#include "engine/onednn.h"
#include "engine/plan.h"

#include <string.h>

/* Whether parts joined along `axis` lie one behind the other in memory: everything before the axis is 1, and the axis is
 * cut at whole blocks. True of plain layouts and of channel blocks, for one image. */
static bool is_contiguous(const struct tw_layout *part, int axis)
{
    for (int i = 0; i < axis; i++) {
        if (part->dims[i] != 1)
            return false;
    }
    for (int i = 0; i < part->ndims; i++) {
        if (part->padded_dims[i] != part->dims[i])
            return false;
        if (i > axis && part->strides[i] > part->strides[axis])
            return false;
    }
    return part->is_blocked;
}

/* Whether what lies inside one index of the axis is in one order. */
static bool has_same_order(const struct tw_layout *part, const struct tw_layout *whole, int axis)
{
    for (int i = axis; i < part->ndims; i++) {
        if (part->dims[i] != 1 && part->strides[i] != whole->strides[i])
            return false;
    }
    size_t bytes = (size_t)part->block_count * sizeof *part->blocks;
    return part->block_count == whole->block_count && memcmp(part->blocks, whole->blocks, bytes) == 0 &&
           memcmp(part->block_axes, whole->block_axes, bytes) == 0;
}

/* A slot that may move into another: a step of this plan writes it, and it lies nowhere yet. */
static bool can_move(const struct tw_plan *plan, const struct tw_node *node, int index)
{
    int value = node->inputs[index], slot = plan->own[value];
    for (int i = 0; i < index; i++) {
        if (node->inputs[i] == value)
            return false;
    }
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        if (plan->graph->inputs[i] == value)
            return false;
    }
    return slot != NO_SLOT && plan->slots[slot].root == slot && plan->slots[slot].constant == NULL;
}

static bool goes_in_place(const struct tw_plan *plan, const struct tw_node *node, int axis,
                          const struct tw_layout *layouts, const struct tw_layout *y)
{
    for (int i = 0; i < node->input_count; i++) {
        if (!can_move(plan, node, i) || !is_contiguous(&layouts[i], axis) || !has_same_order(&layouts[i], y, axis))
            return false;
    }
    return is_contiguous(y, axis);
}

static void move_in(struct tw_plan *plan, const struct tw_node *node, int y)
{
    size_t offset = 0;
    for (int i = 0; i < node->input_count; i++) {
        struct slot *slot = &plan->slots[plan->own[node->inputs[i]]];
        slot->root = y;
        slot->root_offset = offset;
        offset += slot->bytes;
    }
}

static enum tw_status add_step(struct tw_plan *plan, const struct tw_node *node, struct tw_onednn_primitive *made,
                               const struct tw_layout *layouts, int y, struct tw_error *error)
{
    struct argument *arguments = tw_alloc((size_t)node->input_count + 1, sizeof *arguments);
    enum tw_status status = arguments != NULL ? TW_OK : tw_fail_memory(error, 1, "a step");
    for (int i = 0; i < node->input_count && status == TW_OK; i++) {
        arguments[i].kind = DNNL_ARG_MULTIPLE_SRC + i;
        status = tw_plan_slot_in(plan, node->inputs[i], &layouts[i], &arguments[i].slot, error);
    }
    if (status == TW_OK) {
        arguments[node->input_count] = (struct argument){DNNL_ARG_DST, y};
        status = tw_plan_add_made(plan, node, "onednn concat", made, arguments, node->input_count + 1, error);
    } else {
        dnnl_primitive_desc_destroy(made->descriptor);
    }
    tw_free(arguments);
    return status;
}

static enum tw_status join(struct tw_plan *plan, const struct tw_node *node, const struct tw_layout *layouts, int axis,
                           bool *is_done, struct tw_error *error)
{
    const struct tw_node plain = {.activation = TW_ACT_NONE};
    struct tw_onednn_primitive made = {0};
    dnnl_primitive_attr_t attributes;
    int y;
    if (!tw_onednn_attributes(&plain, false, &attributes))
        return tw_fail_memory(error, 1, "a concatenation");
    dnnl_status_t s = tw_onednn_concat(plan->engine, layouts, node->input_count, axis, attributes, &made.descriptor);
    dnnl_primitive_attr_destroy(attributes);
    if (s != dnnl_success)
        return TW_OK;
    struct tw_layout y_layout = tw_onednn_layout(made.descriptor, dnnl_query_dst_md, 0);
    enum tw_status status = tw_plan_output_slot(plan, node->outputs[0], &y_layout, &y, error);
    if (status == TW_OK && !goes_in_place(plan, node, axis, layouts, &y_layout)) {
        status = add_step(plan, node, &made, layouts, y, error);
    } else {
        if (status == TW_OK)
            move_in(plan, node, y);
        dnnl_primitive_desc_destroy(made.descriptor);
    }
    *is_done = status == TW_OK;
    return status;
}

enum tw_status tw_step_concat(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    const struct tw_value *y = &plan->graph->values[node->outputs[0]];
    if (node->op != TW_OP_CONCAT || y->dtype != TW_F32 || y->shape.rank < 1 || node->residual >= 0 ||
        node->activation != TW_ACT_NONE)
        return TW_OK;
    int axis = (int)tw_node_int(node, "axis", 0);
    axis = axis < 0 ? axis + y->shape.rank : axis;
    struct tw_layout *layouts = tw_alloc((size_t)node->input_count, sizeof *layouts);
    enum tw_status status = layouts != NULL ? TW_OK : tw_fail_memory(error, 1, "layouts");
    for (int i = 0; i < node->input_count && status == TW_OK; i++)
        status = tw_plan_layout(plan, node->inputs[i], &layouts[i], error);
    if (status == TW_OK)
        status = join(plan, node, layouts, axis, is_done, error);
    tw_free(layouts);
    return status;
}
