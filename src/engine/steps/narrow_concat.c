/* Channels behind channels for each pixel: bytes are copied, or, where integers are on several grids, looked up. */
#include "engine/onednn.h"
#include "engine/plan.h"

#include <string.h>

struct part {
    size_t bytes; /* of one pixel */
    bool has_table;
    uint8_t table[256];
};
struct joined {
    size_t pixels, bytes; /* of the whole */
    int count;
    struct part parts[];
};

static void copy_part(const struct joined *joined, const struct part *part, const uint8_t *x, uint8_t *y)
{
    for (size_t i = 0; i < joined->pixels; i++, x += part->bytes, y += joined->bytes) {
        if (!part->has_table) {
            memcpy(y, x, part->bytes);
            continue;
        }
        for (size_t k = 0; k < part->bytes; k++)
            y[k] = part->table[x[k]];
    }
}

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct joined *joined = step->state;
    uint8_t *y = memory[joined->count];
    (void)error;
    for (int i = 0; i < joined->count; i++) {
        copy_part(joined, &joined->parts[i], memory[i], y);
        y += joined->parts[i].bytes;
    }
    return TW_OK;
}

static struct joined *describe(const struct tw_plan *plan, const struct tw_node *node, bool is_whole)
{
    struct joined *joined = tw_alloc(1, sizeof *joined + (size_t)node->input_count * sizeof joined->parts[0]);
    if (joined == NULL)
        return NULL;
    const struct tw_shape *shape = &plan->graph->values[node->outputs[0]].shape;
    size_t each = is_whole ? 1 : 2;
    joined->pixels = (size_t)(shape->dims[0] * shape->dims[2] * shape->dims[3]);
    joined->bytes = (size_t)shape->dims[1] * each;
    joined->count = node->input_count;
    for (int i = 0; i < node->input_count; i++) {
        struct part *part = &joined->parts[i];
        const struct grid *from = &plan->quantised[node->inputs[i]].whole_grid,
                          *to = &plan->quantised[node->outputs[0]].rounds_grid;
        part->bytes = (size_t)plan->graph->values[node->inputs[i]].shape.dims[1] * each;
        part->has_table = is_whole && !tw_grid_equal(from, to);
        if (part->has_table)
            tw_grid_table(from, to, part->table);
    }
    return joined;
}

static enum tw_status bind(struct tw_plan *plan, const struct tw_node *node, bool is_whole, struct argument *arguments,
                           struct tw_error *error)
{
    enum tw_status status = TW_OK;
    struct tw_layout layout;
    for (int i = 0; i < node->input_count && status == TW_OK; i++) {
        const struct quantised *x = &plan->quantised[node->inputs[i]];
        dnnl_data_type_t type = !is_whole ? dnnl_bf16 : x->whole_grid.is_signed ? dnnl_s8 : dnnl_u8;
        arguments[i].kind = DNNL_ARG_MULTIPLE_SRC + i;
        status = tw_onednn_pixels(plan->graph->values[node->inputs[i]].shape.dims, type, &layout, error);
        if (status == TW_OK)
            status = tw_plan_slot_in(plan, is_whole ? x->whole : node->inputs[i], &layout, &arguments[i].slot, error);
    }
    if (status != TW_OK)
        return status;
    const struct quantised *y = &plan->quantised[node->outputs[0]];
    dnnl_data_type_t type = !is_whole ? dnnl_bf16 : y->rounds_grid.is_signed ? dnnl_s8 : dnnl_u8;
    struct argument *last = &arguments[node->input_count];
    last->kind = DNNL_ARG_DST;
    status = tw_onednn_pixels(plan->graph->values[node->outputs[0]].shape.dims, type, &layout, error);
    if (status == TW_OK)
        status = tw_plan_output_slot(plan, is_whole ? y->rounds : node->outputs[0], &layout, &last->slot, error);
    return status;
}

static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, bool is_whole, struct tw_error *error)
{
    struct argument *arguments = tw_alloc((size_t)node->input_count + 1, sizeof *arguments);
    struct joined *joined = describe(plan, node, is_whole);
    enum tw_status status = arguments != NULL && joined != NULL ? bind(plan, node, is_whole, arguments, error)
                                                                : tw_fail_memory(error, sizeof *joined, "a step");
    if (status == TW_OK)
        status = tw_plan_add_step(plan, node, "narrow concat", NULL, arguments, node->input_count + 1, error);
    tw_free(arguments);
    if (status != TW_OK) {
        tw_free(joined);
        return status;
    }
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = joined;
    step->free_state = tw_free;
    step->precision = is_whole ? "int8" : "bf16";
    return TW_OK;
}

enum tw_status tw_step_narrow_concat(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                     struct tw_error *error)
{
    const struct tw_value *y = &plan->graph->values[node->outputs[0]];
    int64_t axis = tw_node_int(node, "axis", 0);
    if (node->op != TW_OP_CONCAT || y->dtype != TW_F32 || y->shape.rank != 4 || (axis != 1 && axis != -3) ||
        node->residual >= 0 || node->activation != TW_ACT_NONE)
        return TW_OK;
    bool is_whole = plan->quantised[node->outputs[0]].rounds >= 0, is_bf16 = false;
    for (int i = 0; i < node->input_count; i++) {
        is_whole = is_whole && plan->quantised[node->inputs[i]].whole >= 0;
        is_bf16 = is_bf16 || tw_plan_is_bf16(plan, node->inputs[i]);
    }
    if (!is_whole && !is_bf16)
        return TW_OK;
    *is_done = true;
    return add(plan, node, is_whole, error);
}
