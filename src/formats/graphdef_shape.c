/* TensorFlow's ops that compute shapes and take parts: what Keras puts before a Reshape, and cropping. All in native form. */
#include "formats/graphdef.h"

enum { INT32_CODE = 6, MOST = TW_MAX_RANK };

/* TensorFlow's shapes are int32 where ONNX's are int64; they meet int32 constants. */
void tf_shape(struct tf_graph *tf, struct tf_node *node)
{
    int input = tf_native(tf, node, 0);
    int wide = build_step(tf->build, TW_OP_SHAPE, node->name, "int64", &input, 1);
    bool is_wide = tf_dtype(tf_int(tf, node, "out_type", 3)) == TW_I64;
    struct tw_node *made = tf_emit(tf, node, is_wide ? TW_OP_IDENTITY : TW_OP_CAST, &wide, 1, false);
    if (!is_wide)
        build_int(tf->build, made, "to", INT32_CODE);
}

struct part {
    int64_t starts[MOST], ends[MOST], steps[MOST], axes[MOST], gone[MOST];
    size_t count, gone_count;
};

static bool read_part(struct tf_graph *tf, struct tf_node *node, struct part *part)
{
    size_t ends, steps;
    if (node->input_count != 4 || !tf_const_ints(tf, node->inputs[1], part->starts, MOST, &part->count) ||
        !tf_const_ints(tf, node->inputs[2], part->ends, MOST, &ends) ||
        !tf_const_ints(tf, node->inputs[3], part->steps, MOST, &steps) || part->count != ends || ends != steps) {
        tf_fail(tf, node, "has bounds that are no constant lists of one length");
        return false;
    }
    if (tf_int(tf, node, "ellipsis_mask", 0) || tf_int(tf, node, "new_axis_mask", 0)) {
        tf_fail(tf, node, "has an ellipsis or a new axis; bounds and single indices are known");
        return false;
    }
    int64_t no_begin = tf_int(tf, node, "begin_mask", 0), no_end = tf_int(tf, node, "end_mask", 0);
    int64_t shrinks = tf_int(tf, node, "shrink_axis_mask", 0);
    for (size_t i = 0; i < part->count; i++) {
        part->axes[i] = (int64_t)i;
        if (shrinks >> i & 1) {
            part->ends[i] = part->starts[i] == -1 ? INT64_MAX : part->starts[i] + 1;
            part->steps[i] = 1;
            part->gone[part->gone_count++] = (int64_t)i;
            continue;
        }
        if (no_begin >> i & 1)
            part->starts[i] = part->steps[i] > 0 ? 0 : INT64_MAX;
        if (no_end >> i & 1)
            part->ends[i] = part->steps[i] > 0 ? INT64_MAX : -INT64_MAX;
    }
    return true;
}

void tf_strided_slice(struct tf_graph *tf, struct tf_node *node)
{
    struct part part = {0};
    int inputs[5] = {tf_native(tf, node, 0)};
    if (tf->build->status || !read_part(tf, node, &part))
        return;
    const int64_t *lists[] = {part.starts, part.ends, part.axes, part.steps};
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    for (int i = 0; i < 4; i++)
        inputs[1 + i] = build_ints(tf->build, node->name, names[i], lists[i], part.count);
    if (part.gone_count == 0) {
        tf_emit(tf, node, TW_OP_SLICE, inputs, 5, false);
        return;
    }
    int kept = build_step(tf->build, TW_OP_SLICE, node->name, "slice", inputs, 5);
    int gone = build_ints(tf->build, node->name, "gone", part.gone, part.gone_count);
    tf_emit(tf, node, TW_OP_SQUEEZE, (const int[]){kept, gone}, 2, false);
}

void tf_pack(struct tf_graph *tf, struct tf_node *node)
{
    enum { MOST_PARTS = 64 };
    int parts[MOST_PARTS];
    int64_t axis = tf_int(tf, node, "axis", 0);
    if (node->input_count < 1 || node->input_count > MOST_PARTS) {
        tf_fail(tf, node, "stacks none or over 64 tensors");
        return;
    }
    int axes = build_ints(tf->build, node->name, "axes", &axis, 1);
    for (int i = 0; i < node->input_count; i++) {
        const int inputs[] = {tf_native(tf, node, i), axes};
        parts[i] = build_step(tf->build, TW_OP_UNSQUEEZE, node->name, "part", inputs, 2);
    }
    build_int(tf->build, tf_emit(tf, node, TW_OP_CONCAT, parts, node->input_count, false), "axis", axis);
}

/* The value, and what its gradient alone needs. */
void tf_identity_n(struct tf_graph *tf, struct tf_node *node)
{
    struct layout_forms *outputs = build_alloc(tf->build, (size_t)node->input_count + 1, sizeof *outputs);
    for (int i = 0; i < node->input_count && !tf->build->status; i++) {
        int id = tf_has_nchw(tf, node, i) ? tf_nchw(tf, node, i) : tf_native(tf, node, i);
        outputs[i] = tf_has_nchw(tf, node, i) ? (struct layout_forms){-1, id} : (struct layout_forms){id, -1};
    }
    if (tf->build->status || node->input_count < 1)
        return;
    bool is_nchw = outputs[0].native < 0;
    int first = is_nchw ? outputs[0].nchw : outputs[0].native;
    node->outputs = outputs;
    node->output_count = node->input_count;
    struct tw_node *made = tf_emit(tf, node, TW_OP_IDENTITY, &first, 1, is_nchw);
    if (made)
        tf->build->graph->values[made->outputs[0]].shape = tf->build->graph->values[first].shape;
}
