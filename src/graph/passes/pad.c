#include "graph/passes/edit.h"
#include "graph/passes/list.h"

#include <float.h>
#include <string.h>

/* Pads of the space, begin then end, and the value that they hold. */
struct padding {
    int64_t amounts[2 * OP_SPATIAL];
    int rank; /* of the space */
    float value;
};

static bool read_padding(struct tw_edit *edit, const struct tw_node *pad, struct padding *padding)
{
    struct op_ints pads;
    int rank = tw_edit_value(edit, pad->inputs[0])->shape.rank;
    if (!op_text_is(pad, "mode", "constant", "constant") || pad->input_count > 3 || rank < 3 || rank > 2 + OP_SPATIAL ||
        !tw_edit_input_ints(edit, pad, 1, &pads) || pads.count != 2 * rank)
        return false;
    *padding = (struct padding){.rank = rank - 2};
    if (pad->input_count == 3 && pad->inputs[2] >= 0 && !tw_edit_scalar(edit, pad->inputs[2], &padding->value))
        return false;
    for (int i = 0; i < pads.count; i++) {
        int axis = i % rank;
        if (pads.values[i] < 0 || (axis < 2 && pads.values[i] != 0))
            return false;
        if (axis >= 2)
            padding->amounts[i / rank * padding->rank + axis - 2] = pads.values[i];
    }
    return true;
}

/* Zeros change no maximum of what is never below zero. */
static bool is_never_negative(struct tw_edit *edit, int id)
{
    int maker = tw_edit_maker(edit, id);
    const struct tw_node *node = maker < 0 ? NULL : tw_edit_node(edit, (size_t)maker);
    if (!node)
        return false;
    if (node->activation == TW_ACT_NONE)
        return node->residual < 0 && (node->op == TW_OP_RELU || node->op == TW_OP_SIGMOID);
    return node->activation == TW_ACT_RELU || node->activation == TW_ACT_SIGMOID ||
           (node->activation == TW_ACT_CLIP && node->activation_alpha >= 0);
}

/* Pools never look at padding alone, and count it or not: only some pads are theirs to take. */
static bool fits_pool(struct tw_edit *edit, const struct tw_node *node, const struct tw_node *pad,
                      const struct padding *padding, bool has_own)
{
    struct op_window window;
    if (op_window_read(node, &tw_edit_value(edit, pad->inputs[0])->shape, NULL, &window, NULL) ||
        tw_node_int(node, "ceil_mode", 0) != 0)
        return false;
    for (int i = 0; i < padding->rank; i++) {
        int at = OP_SPATIAL - padding->rank + i;
        if (window.dilation[at] != 1 || window.begin[at] + padding->amounts[i] >= window.kernel[at] ||
            window.end[at] + padding->amounts[padding->rank + i] >= window.kernel[at])
            return false;
    }
    if (node->op == TW_OP_AVERAGE_POOL)
        return padding->value == 0 && (!has_own || tw_node_int(node, "count_include_pad", 0) != 0);
    return padding->value <= -FLT_MAX || (padding->value == 0 && is_never_negative(edit, pad->inputs[0]));
}

static enum tw_status take_pads(struct tw_edit *edit, size_t index)
{
    struct tw_node *node = tw_edit_node(edit, index);
    const struct tw_node *pad = tw_edit_made_by(edit, node->inputs[0], TW_OP_PAD);
    struct padding padding;
    struct op_ints own;
    if (!pad || !read_padding(edit, pad, &padding) || op_attribute_ints(node, "pads", &own, NULL))
        return TW_OK;
    bool is_valid = op_text_is(node, "auto_pad", "VALID", "NOTSET"), has_own = false;
    if (!is_valid && !op_text_is(node, "auto_pad", "NOTSET", "NOTSET"))
        return TW_OK;
    int64_t sums[2 * OP_SPATIAL];
    memcpy(sums, padding.amounts, sizeof sums);
    for (int i = 0; i < own.count && !is_valid; i++) {
        has_own = has_own || own.values[i] != 0;
        sums[i] += own.values[i];
    }
    bool fits = node->op == TW_OP_CONV ? padding.value == 0 : fits_pool(edit, node, pad, &padding, has_own);
    if (!fits)
        return TW_OK;
    size_t count = 2 * (size_t)padding.rank;
    enum tw_status status = tw_node_set_ints(edit->graph, node, "pads", sums, count, edit->error);
    if (!status)
        status = tw_node_set_text(edit->graph, node, "auto_pad", "NOTSET", edit->error);
    if (!status && node->op == TW_OP_AVERAGE_POOL)
        status = tw_node_set_int(edit->graph, node, "count_include_pad", 1, edit->error);
    if (!status)
        tw_edit_set_input(edit, index, 0, pad->inputs[0]);
    return status;
}

static enum tw_status try_node(struct tw_edit *edit, size_t index)
{
    enum tw_op op = tw_edit_node(edit, index)->op;
    bool takes = op == TW_OP_CONV || op == TW_OP_AVERAGE_POOL || op == TW_OP_MAX_POOL;
    return takes ? take_pads(edit, index) : TW_OK;
}

TW_PASS(pad)
{
    return tw_edit_sweep(graph, try_node, has_changed, error);
}
