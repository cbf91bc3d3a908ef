/* TensorFlow Lite's ops that take parts of tensors and put them together. All in the file's order of dimensions. */
#include "formats/tflite.h"

enum { MOST = TW_MAX_RANK };

struct part {
    int64_t starts[MOST], ends[MOST], steps[MOST], axes[MOST], gone[MOST];
    size_t count, gone_count;
};

static void emit_part(struct tfl *tfl, const struct tfl_op *op, const struct part *part)
{
    const struct tfl_tensor *output = tfl_output(tfl, op);
    if (!output)
        return;
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    const int64_t *lists[] = {part->starts, part->ends, part->axes, part->steps};
    int ids[5] = {tfl_native(tfl, op, 0)};
    for (int i = 0; i < 4; i++)
        ids[1 + i] = build_ints(tfl->build, output->name, names[i], lists[i], part->count);
    if (part->gone_count == 0) {
        tfl_emit(tfl, op, TW_OP_SLICE, ids, 5, false);
        return;
    }
    int kept = build_step(tfl->build, TW_OP_SLICE, output->name, "slice", ids, 5);
    int gone = build_ints(tfl->build, output->name, "gone", part->gone, part->gone_count);
    tfl_emit(tfl, op, TW_OP_SQUEEZE, (const int[]){kept, gone}, 2, false);
}

/* The batch is free here, so a part of all of the one image that the file has is all there is. */
static void free_batch(struct tfl *tfl, const struct tfl_op *op, struct part *part)
{
    const struct tfl_tensor *input = tfl_input(tfl, op, 0);
    if (input && input->shape.rank > 1 && input->shape.dims[0] == 1 && part->count && part->starts[0] == 0 &&
        part->steps[0] == 1)
        part->ends[0] = INT64_MAX;
}

/* Inputs: data, starts, sizes; a size of -1 is all that follows. */
void tfl_slice(struct tfl *tfl, const struct tfl_op *op)
{
    struct part part = {0};
    size_t count;
    if (!tfl_ints(tfl, op, 1, part.starts, MOST, &part.count) || !tfl_ints(tfl, op, 2, part.ends, MOST, &count))
        return;
    for (size_t i = 0; i < part.count; i++) {
        part.axes[i] = (int64_t)i;
        part.steps[i] = 1;
        if (count != part.count || part.starts[i] < 0 || part.starts[i] > INT32_MAX || part.ends[i] > INT32_MAX) {
            tfl_fail(tfl, op, "has bounds out of range");
            return;
        }
        part.ends[i] = part.ends[i] < 0 ? INT64_MAX : part.starts[i] + part.ends[i];
    }
    free_batch(tfl, op, &part);
    emit_part(tfl, op, &part);
}

void tfl_strided_slice(struct tfl *tfl, const struct tfl_op *op)
{
    enum { BEGIN_MASK, END_MASK, ELLIPSIS_MASK, NEW_AXIS_MASK, SHRINK_MASK, ENDS_ARE_SIZES };
    struct part part = {0};
    size_t ends, steps;
    if (!tfl_ints(tfl, op, 1, part.starts, MOST, &part.count) || !tfl_ints(tfl, op, 2, part.ends, MOST, &ends) ||
        !tfl_ints(tfl, op, 3, part.steps, MOST, &steps))
        return;
    if (part.count != ends || ends != steps || tfl_option(tfl, op, ELLIPSIS_MASK, 4, 0) ||
        tfl_option(tfl, op, NEW_AXIS_MASK, 4, 0) || tfl_option(tfl, op, ENDS_ARE_SIZES, 1, 0)) {
        tfl_fail(tfl, op, "has an ellipsis, a new axis, or bounds of different lengths; bounds and indices are known");
        return;
    }
    int64_t no_begin = tfl_option(tfl, op, BEGIN_MASK, 4, 0), no_end = tfl_option(tfl, op, END_MASK, 4, 0);
    int64_t shrinks = tfl_option(tfl, op, SHRINK_MASK, 4, 0);
    for (size_t i = 0; i < part.count; i++) {
        part.axes[i] = (int64_t)i;
        if (shrinks >> i & 1) {
            part.ends[i] = part.starts[i] == -1 ? INT64_MAX : part.starts[i] + 1;
            part.steps[i] = 1;
            part.gone[part.gone_count++] = (int64_t)i;
            continue;
        }
        if (no_begin >> i & 1)
            part.starts[i] = part.steps[i] > 0 ? 0 : INT64_MAX;
        if (no_end >> i & 1)
            part.ends[i] = part.steps[i] > 0 ? INT64_MAX : -INT64_MAX;
    }
    if (!(shrinks & 1))
        free_batch(tfl, op, &part);
    emit_part(tfl, op, &part);
}

/* Equal parts, each an output of its own. Inputs: axis, data. */
void tfl_split(struct tfl *tfl, const struct tfl_op *op)
{
    int64_t axis;
    size_t count;
    const struct tfl_tensor *input = tfl_input(tfl, op, 1);
    if (!input || !tfl_ints(tfl, op, 0, &axis, 1, &count))
        return;
    axis = axis < 0 ? axis + input->shape.rank : axis;
    if (count != 1 || axis < 0 || axis >= input->shape.rank || input->shape.dims[axis] % op->output_count) {
        tfl_fail(tfl, op, "has not one axis that can be split so");
        return;
    }
    bool is_nchw = tfl_has_nchw(tfl, op, 1);
    int data = is_nchw ? tfl_nchw(tfl, op, 1) : tfl_native(tfl, op, 1);
    int64_t size = input->shape.dims[axis] / op->output_count, at = is_nchw ? layout_axis_in_nchw[axis] : axis;
    for (int i = 0; i < op->output_count && !tfl->build->status; i++) {
        struct tfl_tensor *output = &tfl->tensors[op->outputs[i]];
        const int64_t start = i * size, end = start + size;
        const int ids[] = {data, build_ints(tfl->build, output->name, "starts", &start, 1),
                           build_ints(tfl->build, output->name, "ends", &end, 1),
                           build_ints(tfl->build, output->name, "axes", &at, 1)};
        bool rounds = output->scales && !tfl_same_grid(input, output);
        if (output->data || output->forms.native >= 0 || output->forms.nchw >= 0) {
            build_fail(tfl->build, TW_CORRUPT, "tensor '%.200s' is made twice", output->name);
            return;
        }
        int id = rounds ? build_fresh(tfl->build, output->name, "plain") : output->id;
        if (!build_node(tfl->build, TW_OP_SLICE, output->name, ids, 4, id))
            return;
        if (rounds)
            id = tfl_on_grid(tfl, output, id, output->id);
        output->forms = is_nchw ? (struct layout_forms){-1, id} : (struct layout_forms){id, -1};
    }
}

/* Option 0: how many; 1: the new axis. */
void tfl_pack(struct tfl *tfl, const struct tfl_op *op)
{
    enum { MOST_PARTS = 64 };
    int parts[MOST_PARTS];
    const struct tfl_tensor *output = tfl_output(tfl, op);
    int64_t axis = tfl_option(tfl, op, 1, 4, 0);
    if (!output || op->input_count < 1 || op->input_count > MOST_PARTS) {
        tfl_fail(tfl, op, "stacks none or over 64 tensors");
        return;
    }
    int axes = build_ints(tfl->build, output->name, "axes", &axis, 1);
    for (int i = 0; i < op->input_count; i++) {
        const int inputs[] = {tfl_native(tfl, op, i), axes};
        parts[i] = build_step(tfl->build, TW_OP_UNSQUEEZE, output->name, "part", inputs, 2);
    }
    build_int(tfl->build, tfl_emit(tfl, op, TW_OP_CONCAT, parts, op->input_count, false), "axis", axis);
}

/* Height and width of a picture, the block and what is added before and behind or cut off there. */
struct blocks {
    int64_t size[2], block[2], edges[4], channels;
};

static bool read_blocks(struct tfl *tfl, const struct tfl_op *op, struct blocks *blocks)
{
    size_t count, edge_count;
    const struct tfl_tensor *input = tfl_input(tfl, op, 0);
    if (!input || !tfl_ints(tfl, op, 1, blocks->block, 2, &count) ||
        !tfl_ints(tfl, op, 2, blocks->edges, 4, &edge_count))
        return false;
    bool is_sound = input->shape.rank == 4 && count == 2 && edge_count == 4 && input->shape.dims[3] > 0;
    for (int i = 0; i < 2 && is_sound; i++) {
        blocks->size[i] = input->shape.dims[1 + i];
        is_sound = blocks->size[i] > 0 && blocks->block[i] > 0 && blocks->block[i] <= INT16_MAX &&
                   blocks->edges[2 * i] >= 0 && blocks->edges[2 * i] <= INT16_MAX && blocks->edges[2 * i + 1] >= 0 &&
                   blocks->edges[2 * i + 1] <= INT16_MAX;
    }
    blocks->channels = input->shape.dims[3];
    if (!is_sound)
        tfl_fail(tfl, op, "is not over the height and width of a picture");
    return is_sound;
}

static int reshaped(struct tfl *tfl, const char *name, int id, const int64_t *dims, size_t rank)
{
    const int ids[] = {id, build_ints(tfl->build, name, "block_shape", dims, rank)};
    return build_step(tfl->build, TW_OP_RESHAPE, name, "blocks", ids, 2);
}

static int transposed(struct tfl *tfl, const char *name, int id, const int64_t order[6])
{
    int made = build_step(tfl->build, TW_OP_TRANSPOSE, name, "turned", &id, 1);
    if (made >= 0)
        build_int_list(tfl->build, &tfl->build->graph->nodes[tfl->build->graph->node_count - 1], "perm", order, 6);
    return made;
}

/* Every block-th pixel as an image of its own, so that a plain convolution is a dilated one. */
void tfl_space_to_batch(struct tfl *tfl, const struct tfl_op *op)
{
    struct blocks b;
    const struct tfl_tensor *output = tfl_output(tfl, op);
    if (!output || !read_blocks(tfl, op, &b))
        return;
    const int64_t pads[] = {0, b.edges[0], b.edges[2], 0, 0, b.edges[1], b.edges[3], 0};
    int64_t size[2];
    for (int i = 0; i < 2; i++)
        size[i] = (b.size[i] + b.edges[2 * i] + b.edges[2 * i + 1]) / b.block[i];
    int ids[] = {tfl_native(tfl, op, 0), build_ints(tfl->build, output->name, "pads", pads, 8)};
    int id = build_step(tfl->build, TW_OP_PAD, output->name, "padded", ids, 2);
    id =
        reshaped(tfl, output->name, id, (const int64_t[]){-1, size[0], b.block[0], size[1], b.block[1], b.channels}, 6);
    id = transposed(tfl, output->name, id, (const int64_t[]){2, 4, 0, 1, 3, 5});
    const int64_t dims[] = {-1, size[0], size[1], b.channels};
    ids[0] = id;
    ids[1] = build_ints(tfl->build, output->name, "shape", dims, 4);
    tfl_emit(tfl, op, TW_OP_RESHAPE, ids, 2, false);
}

void tfl_batch_to_space(struct tfl *tfl, const struct tfl_op *op)
{
    struct blocks b;
    const struct tfl_tensor *output = tfl_output(tfl, op);
    if (!output || !read_blocks(tfl, op, &b))
        return;
    static const int64_t axes[] = {1, 2};
    const int64_t high = b.size[0] * b.block[0], wide = b.size[1] * b.block[1];
    const int64_t starts[] = {b.edges[0], b.edges[2]}, ends[] = {high - b.edges[1], wide - b.edges[3]};
    int id = tfl_native(tfl, op, 0);
    id = reshaped(tfl, output->name, id,
                  (const int64_t[]){b.block[0], b.block[1], -1, b.size[0], b.size[1], b.channels}, 6);
    id = transposed(tfl, output->name, id, (const int64_t[]){2, 3, 0, 4, 1, 5});
    id = reshaped(tfl, output->name, id, (const int64_t[]){-1, high, wide, b.channels}, 4);
    const int ids[] = {id, build_ints(tfl->build, output->name, "starts", starts, 2),
                       build_ints(tfl->build, output->name, "ends", ends, 2),
                       build_ints(tfl->build, output->name, "axes", axes, 2)};
    tfl_emit(tfl, op, TW_OP_SLICE, ids, 4, false);
}
