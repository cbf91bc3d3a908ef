/* Slots and steps of a plan under construction. */
#include "engine/onednn.h"
#include "engine/plan.h"

#include <string.h>

bool tw_plan_is_constant(const struct tw_plan *plan, int value)
{
    return plan->graph->values[value].data != NULL;
}

enum tw_status tw_plan_add_slot(struct tw_plan *plan, const struct tw_layout *layout, size_t bytes, int *slot,
                                struct tw_error *error)
{
    enum tw_status status =
        tw_grow((void **)&plan->slots, &plan->slot_capacity, (size_t)plan->slot_count + 1, sizeof *plan->slots, error);
    if (status != TW_OK)
        return status;
    struct slot made = {.bytes = bytes, .root = plan->slot_count, .first = INT32_MAX, .last = -1};
    if (layout != NULL) {
        made.layout = *layout;
        made.bytes = tw_onednn_bytes(layout);
    }
    plan->slots[plan->slot_count] = made;
    *slot = plan->slot_count++;
    return TW_OK;
}

enum tw_status tw_plan_add_step(struct tw_plan *plan, const struct tw_node *node, const char *algorithm,
                                dnnl_primitive_t primitive, const struct argument *arguments, int count,
                                struct tw_error *error)
{
    enum tw_status status =
        tw_grow((void **)&plan->steps, &plan->step_capacity, (size_t)plan->step_count + 1, sizeof *plan->steps, error);
    struct argument *copy = status == TW_OK ? tw_alloc((size_t)count + 1, sizeof *copy) : NULL;
    if (copy == NULL) {
        if (primitive != NULL)
            dnnl_primitive_destroy(primitive);
        return status != TW_OK ? status : tw_fail_memory(error, (size_t)count * sizeof *copy, "a step");
    }
    memcpy(copy, arguments, (size_t)count * sizeof *copy);
    plan->steps[plan->step_count++] = (struct step){
        .name = node != NULL ? tw_node_label(plan->graph, node) : "",
        .op = node != NULL ? tw_op_table[node->op].name : "Reorder",
        .algorithm = algorithm,
        .precision = "f32",
        .primitive = primitive,
        .arguments = copy,
        .argument_count = count,
        .graph = plan->graph,
        .node = node,
    };
    return TW_OK;
}

enum tw_status tw_plan_add_made(struct tw_plan *plan, const struct tw_node *node, const char *algorithm,
                                struct tw_onednn_primitive *made, const struct argument *arguments, int count,
                                struct tw_error *error)
{
    enum tw_status status = TW_OK;
    if (made->primitive == NULL)
        status = tw_onednn_check(dnnl_primitive_create(&made->primitive, made->descriptor), "making a kernel", error);
    struct tw_layout pad = tw_onednn_layout(made->descriptor, dnnl_query_scratchpad_md, 0);
    dnnl_primitive_desc_destroy(made->descriptor);
    if (status == TW_OK)
        status = tw_plan_add_step(plan, node, algorithm, made->primitive, arguments, count, error);
    if (status == TW_OK)
        plan->steps[plan->step_count - 1].scratchpad_bytes = tw_onednn_bytes(&pad);
    return status;
}

enum tw_status tw_plan_plain_layout(const struct tw_value *value, struct tw_layout *layout, struct tw_error *error)
{
    dnnl_data_type_t type = tw_onednn_type(value->dtype);
    int64_t count;
    *layout = (struct tw_layout){0};
    if (type == dnnl_data_type_undef || !tw_shape_count(&value->shape, &count) || count < 1)
        return TW_OK;
    return tw_onednn_plain_of(&value->shape, type, layout, error);
}

/* A constant's slot in C order, of its own type: the file's bytes, aligned. */
static enum tw_status constant_slot(struct tw_plan *plan, int value, int *slot, struct tw_error *error)
{
    const struct tw_value *v = &plan->graph->values[value];
    struct tw_layout layout = {0};
    int64_t count;
    if (!tw_shape_count(&v->shape, &count))
        return tw_fail(error, TW_CORRUPT, "the shape of constant %s is not known", v->name);
    size_t bytes = (size_t)count * tw_dtype_size(v->dtype);
    enum tw_status status = tw_plan_plain_layout(v, &layout, error);
    if (status == TW_OK)
        status = tw_plan_add_slot(plan, layout.ndims > 0 ? &layout : NULL, bytes, slot, error);
    if (status != TW_OK)
        return status;
    void *block = tw_pages_take(&plan->weights, bytes);
    if (block == NULL)
        return tw_fail_memory(error, bytes, "a constant");
    memcpy(block, v->data, bytes);
    plan->slots[*slot].constant = block;
    plan->weight_bytes += bytes;
    return TW_OK;
}

enum tw_status tw_plan_add_reorder(struct tw_plan *plan, int from, int to, struct tw_error *error)
{
    const struct tw_node plain = {.activation = TW_ACT_NONE};
    dnnl_primitive_attr_t attributes;
    struct tw_onednn_primitive made = {0};
    if (!tw_onednn_attributes(&plain, false, &attributes))
        return tw_fail_memory(error, 1, "a change of layout");
    dnnl_status_t s = tw_onednn_reorder(plan->engine, &plan->slots[from].layout, &plan->slots[to].layout, attributes,
                                        &made.descriptor);
    dnnl_primitive_attr_destroy(attributes);
    enum tw_status status = tw_onednn_check(s, "a change of layout", error);
    const struct argument arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return status == TW_OK ? tw_plan_add_made(plan, NULL, "onednn reorder", &made, arguments, 2, error) : status;
}

enum tw_status tw_plan_plain_slot(struct tw_plan *plan, int value, int *slot, struct tw_error *error)
{
    const struct tw_value *v = &plan->graph->values[value];
    struct tw_layout layout;
    if (plan->plain[value] == NO_SLOT && v->data != NULL) {
        enum tw_status status = constant_slot(plan, value, &plan->plain[value], error);
        if (status != TW_OK)
            return status;
    }
    enum tw_status status = tw_plan_dequantise(plan, value, error);
    if (status != TW_OK)
        return status;
    if (plan->plain[value] != NO_SLOT) {
        *slot = plan->plain[value];
        return TW_OK;
    }
    int own = plan->own[value];
    if (own == NO_SLOT)
        return tw_fail(error, TW_CORRUPT, "value %s is used before it is made", v->name);
    if ((status = tw_plan_plain_layout(v, &layout, error)) != TW_OK)
        return status;
    if (plan->slots[own].layout.ndims == 0 || tw_onednn_same(&plan->slots[own].layout, &layout)) {
        *slot = plan->plain[value] = own;
        return TW_OK;
    }
    int made;
    if ((status = tw_plan_add_slot(plan, &layout, 0, &made, error)) != TW_OK)
        return status;
    if (tw_onednn_has_one_order(&plan->slots[own].layout, &layout))
        plan->slots[made].root = own;
    else if ((status = tw_plan_add_reorder(plan, own, made, error)) != TW_OK)
        return status;
    *slot = plan->plain[value] = made;
    return TW_OK;
}

enum tw_status tw_plan_layout(struct tw_plan *plan, int value, struct tw_layout *layout, struct tw_error *error)
{
    enum tw_status status = tw_plan_dequantise(plan, value, error);
    if (status != TW_OK)
        return status;
    if (!tw_plan_is_constant(plan, value) && plan->own[value] != NO_SLOT &&
        plan->slots[plan->own[value]].layout.ndims > 0) {
        *layout = plan->slots[plan->own[value]].layout;
        return TW_OK;
    }
    return tw_onednn_plain(&plan->graph->values[value].shape, layout, error);
}

enum tw_status tw_plan_constant_in(struct tw_plan *plan, const struct tw_layout *from_layout, const void *from,
                                   const struct tw_layout *layout, int *slot, struct tw_error *error)
{
    enum tw_status status = tw_plan_add_slot(plan, layout, 0, slot, error);
    if (status != TW_OK)
        return status;
    size_t bytes = tw_onednn_bytes(from_layout);
    void *block = tw_pages_take(&plan->weights, plan->slots[*slot].bytes), *aligned = NULL;
    plan->slots[*slot].constant = block;
    plan->weight_bytes += plan->slots[*slot].bytes;
    if ((uintptr_t)from % 4 != 0) {
        aligned = tw_alloc_aligned(bytes);
        if (aligned != NULL)
            from = memcpy(aligned, from, bytes);
    }
    if (block == NULL || ((uintptr_t)from % 4 != 0))
        status = tw_fail_memory(error, bytes, "weights");
    else
        status = tw_onednn_reorder_now(plan->engine, from_layout, from, layout, block, error);
    tw_free(aligned);
    return status;
}

static enum tw_status reordered_constant(struct tw_plan *plan, int value, const struct tw_layout *layout, int *slot,
                                         struct tw_error *error)
{
    const struct tw_value *v = &plan->graph->values[value];
    struct tw_layout plain; /* same dimensions, for groups' extra one too */
    struct tw_shape shape = {.rank = layout->ndims};
    for (int i = 0; i < layout->ndims; i++)
        shape.dims[i] = layout->dims[i];
    enum tw_status status = tw_onednn_plain_of(&shape, tw_onednn_type(v->dtype), &plain, error);
    return status == TW_OK ? tw_plan_constant_in(plan, &plain, v->data, layout, slot, error) : status;
}

enum tw_status tw_plan_slot_in(struct tw_plan *plan, int value, const struct tw_layout *layout, int *slot,
                               struct tw_error *error)
{
    if (tw_plan_is_constant(plan, value))
        return reordered_constant(plan, value, layout, slot, error);
    enum tw_status status = tw_plan_dequantise(plan, value, error);
    if (status != TW_OK)
        return status;
    int own = plan->own[value], plain = plan->plain[value];
    if (own != NO_SLOT && plan->slots[own].layout.ndims > 0 && tw_onednn_same(&plan->slots[own].layout, layout)) {
        *slot = own;
        return TW_OK;
    }
    if (plain != NO_SLOT && plan->slots[plain].layout.ndims > 0 && tw_onednn_same(&plan->slots[plain].layout, layout)) {
        *slot = plain;
        return TW_OK;
    }
    int from = own != NO_SLOT ? own : plain;
    if (from == NO_SLOT)
        return tw_fail(error, TW_CORRUPT, "value %s is used before it is made", plan->graph->values[value].name);
    status = tw_plan_add_slot(plan, layout, 0, slot, error);
    return status == TW_OK ? tw_plan_add_reorder(plan, from, *slot, error) : status;
}

enum tw_status tw_plan_output_slot(struct tw_plan *plan, int value, const struct tw_layout *layout, int *slot,
                                   struct tw_error *error)
{
    enum tw_status status = tw_plan_add_slot(plan, layout, 0, slot, error);
    if (status == TW_OK)
        plan->own[value] = *slot;
    return status;
}
