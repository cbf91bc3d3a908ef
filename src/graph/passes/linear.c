#include "graph/passes/edit.h"
#include "graph/passes/list.h"

#include <math.h>
#include <string.h>

/* y[c] = x[c] * scale[c] + shift[c] for every channel. */
struct affine {
    int64_t channels;
    double *scale, *shift;
    bool has_shift;
};

static enum tw_status affine_new(struct tw_edit *edit, int64_t channels, struct affine *affine)
{
    affine->channels = channels;
    affine->has_shift = false;
    affine->scale = tw_alloc((size_t)channels * 2, sizeof *affine->scale);
    affine->shift = affine->scale ? affine->scale + channels : NULL;
    for (int64_t c = 0; c < channels && affine->scale; c++)
        affine->scale[c] = 1;
    return affine->scale ? TW_OK : tw_edit_no_memory(edit);
}

/* A constant f32 that differs along `axis` of a result of `rank` dimensions at most. */
static bool is_by_channel(const struct tw_edit *edit, int id, int rank, int axis, int64_t channels)
{
    if (!tw_edit_is_constant(edit, id))
        return false;
    const struct tw_value *value = tw_edit_value(edit, id);
    if (value->dtype != TW_F32 || value->shape.rank > rank)
        return false;
    for (int i = 0; i < value->shape.rank; i++) {
        int64_t dim = value->shape.dims[i];
        if (dim != 1 && (i + rank - value->shape.rank != axis || dim != channels))
            return false;
    }
    return true;
}

static double channel_at(const struct tw_value *value, int64_t channel)
{
    int64_t count = 1;
    return tw_shape_count(&value->shape, &count) && count > 1 ? tw_edit_float_at(value, channel)
                                                              : tw_edit_float_at(value, 0);
}

static bool read_batch_norm(const struct tw_edit *edit, const struct tw_node *node, struct affine *affine)
{
    for (int i = 1; i < 5; i++) {
        if (!is_by_channel(edit, node->inputs[i], 1, 0, affine->channels))
            return false;
    }
    double epsilon = (double)tw_node_float(node, "epsilon", 1e-5f);
    for (int64_t c = 0; c < affine->channels; c++) {
        double p[5] = {0};
        for (int i = 1; i < 5; i++)
            p[i] = channel_at(tw_edit_value(edit, node->inputs[i]), c);
        affine->scale[c] = p[1] / sqrt(p[4] + epsilon);
        affine->shift[c] = p[2] - p[3] * affine->scale[c];
    }
    affine->has_shift = true;
    return true;
}

/* Add, Sub, Mul or Div of x, at `place`, and a constant. */
static bool read_arithmetic(const struct tw_edit *edit, const struct tw_node *node, int place, int axis,
                            struct affine *affine)
{
    int rank = tw_edit_value(edit, node->inputs[place])->shape.rank, other = node->inputs[1 - place];
    if (!is_by_channel(edit, other, rank, axis, affine->channels) || (node->op == TW_OP_DIV && place == 1))
        return false;
    for (int64_t c = 0; c < affine->channels; c++) {
        double value = channel_at(tw_edit_value(edit, other), c);
        if (node->op == TW_OP_MUL)
            affine->scale[c] = value;
        else if (node->op == TW_OP_DIV)
            affine->scale[c] = 1 / value;
        else
            affine->shift[c] = node->op == TW_OP_SUB && place == 0 ? -value : value;
        if (node->op == TW_OP_SUB && place == 1)
            affine->scale[c] = -1;
    }
    affine->has_shift = node->op == TW_OP_ADD || node->op == TW_OP_SUB;
    return true;
}

static bool is_finite(const struct affine *affine)
{
    for (int64_t c = 0; c < affine->channels; c++) {
        if (!isfinite(affine->scale[c]) || !isfinite(affine->shift[c]))
            return false;
    }
    return true;
}

/* Channel of the result that element `at` of the weights goes to. */
static int64_t channel_of(const struct tw_node *node, const struct tw_shape *w, int64_t at)
{
    if (node->op == TW_OP_CONV)
        return at / op_product(w, 1, w->rank);
    if (node->op == TW_OP_CONV_TRANSPOSE) {
        int64_t depth = w->dims[0] / tw_node_int(node, "group", 1), taps = op_product(w, 2, w->rank);
        return at / (taps * w->dims[1] * depth) * w->dims[1] + at / taps % w->dims[1];
    }
    bool is_turned = node->op == TW_OP_GEMM && tw_node_int(node, "transB", 0) != 0;
    return is_turned ? at / w->dims[1] : at % w->dims[w->rank - 1];
}

static int scaled_weights(struct tw_edit *edit, const struct tw_node *node, const struct affine *affine)
{
    const struct tw_value weights = *tw_edit_value(edit, node->inputs[1]);
    int64_t count = 0;
    if (!tw_shape_count(&weights.shape, &count))
        return -1;
    float *scaled = tw_alloc((size_t)count, sizeof *scaled);
    if (!scaled)
        return -1;
    for (int64_t i = 0; i < count; i++)
        scaled[i] = (float)(tw_edit_float_at(&weights, i) * affine->scale[channel_of(node, &weights.shape, i)]);
    int id = tw_edit_add_floats(edit, "weights", &weights.shape, scaled);
    tw_free(scaled);
    return id;
}

static int moved_bias(struct tw_edit *edit, const struct tw_node *node, const struct affine *affine)
{
    int bias = node->input_count > 2 ? node->inputs[2] : -1;
    double beta = node->op == TW_OP_GEMM ? (double)tw_node_float(node, "beta", 1) : 1;
    float *moved = tw_alloc((size_t)affine->channels, sizeof *moved);
    if (!moved)
        return -1;
    for (int64_t c = 0; c < affine->channels; c++) {
        double before = bias < 0 ? 0 : beta * channel_at(tw_edit_value(edit, bias), c);
        moved[c] = (float)(before * affine->scale[c] + affine->shift[c]);
    }
    int id = tw_edit_add_floats(edit, "bias", &(struct tw_shape){.rank = 1, .dims = {affine->channels}}, moved);
    tw_free(moved);
    return id;
}

static bool changes_scale(const struct affine *affine)
{
    for (int64_t c = 0; c < affine->channels; c++) {
        if (affine->scale[c] != 1)
            return true;
    }
    return false;
}

static enum tw_status absorb(struct tw_edit *edit, size_t maker, size_t index, const struct affine *affine)
{
    struct tw_node *node = tw_edit_node(edit, maker);
    bool has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    int inputs[3] = {node->inputs[0], node->inputs[1], -1};
    if (changes_scale(affine) && (inputs[1] = scaled_weights(edit, node, affine)) < 0)
        return tw_edit_no_memory(edit);
    if ((has_bias || affine->has_shift) && (inputs[2] = moved_bias(edit, node, affine)) < 0)
        return tw_edit_no_memory(edit);
    /* A MatMul of matrices that gets a bias is a Gemm. */
    if (node->op == TW_OP_MATMUL && affine->has_shift)
        node->op = TW_OP_GEMM;
    enum tw_status status = tw_edit_set_inputs(edit, maker, inputs, inputs[2] < 0 ? 2 : 3);
    if (!status && node->op == TW_OP_GEMM)
        status = tw_node_set_float(edit->graph, node, "beta", 1, edit->error);
    const struct tw_node *absorbed = &edit->graph->nodes[index];
    node->activation = absorbed->activation;
    node->activation_alpha = absorbed->activation_alpha;
    node->activation_beta = absorbed->activation_beta;
    if (!status)
        tw_edit_take_over(edit, maker, index);
    return status;
}

/* Whether weights and bias of the node are constants that can be rewritten; the number and axis of its channels. */
static bool is_rewritable(const struct tw_edit *edit, const struct tw_node *node, int64_t *channels, int *axis)
{
    const struct tw_value *y = tw_edit_value(edit, node->outputs[0]);
    if (node->op != TW_OP_CONV && node->op != TW_OP_CONV_TRANSPOSE && node->op != TW_OP_GEMM &&
        node->op != TW_OP_MATMUL)
        return false;
    *axis = node->op == TW_OP_CONV || node->op == TW_OP_CONV_TRANSPOSE ? 1 : y->shape.rank - 1;
    if (!tw_edit_is_plain(node) || y->shape.rank < 2 || !tw_edit_is_constant(edit, node->inputs[1]))
        return false;
    const struct tw_value *weights = tw_edit_value(edit, node->inputs[1]);
    *channels = y->shape.dims[*axis];
    if (*channels < 1 || weights->dtype != TW_F32 || weights->shape.rank < 2)
        return false;
    bool has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    return !has_bias || (is_by_channel(edit, node->inputs[2], node->op == TW_OP_GEMM ? 2 : 1,
                                       node->op == TW_OP_GEMM ? 1 : 0, *channels));
}

static enum tw_status try_input(struct tw_edit *edit, size_t index, int place, bool *is_done)
{
    const struct tw_node *node = tw_edit_node(edit, index);
    int maker = tw_edit_maker(edit, node->inputs[place]), axis;
    int64_t channels;
    if (maker < 0 || tw_edit_uses(edit, node->inputs[place]) != 1)
        return TW_OK;
    const struct tw_node *linear = tw_edit_node(edit, (size_t)maker);
    if (!is_rewritable(edit, linear, &channels, &axis) || (node->op == TW_OP_BATCH_NORM && axis != 1))
        return TW_OK;
    struct affine affine;
    enum tw_status status = affine_new(edit, channels, &affine);
    if (status)
        return status;
    bool is_affine = node->op == TW_OP_BATCH_NORM ? read_batch_norm(edit, node, &affine)
                                                  : read_arithmetic(edit, node, place, axis, &affine);
    bool is_matrix = tw_edit_value(edit, linear->inputs[0])->shape.rank == 2 &&
                     tw_edit_value(edit, linear->inputs[1])->shape.rank == 2;
    if (is_affine && is_finite(&affine) && (linear->op != TW_OP_MATMUL || !affine.has_shift || is_matrix)) {
        status = absorb(edit, (size_t)maker, index, &affine);
        *is_done = true;
    }
    tw_free(affine.scale);
    return status;
}

static bool is_candidate(const struct tw_node *node)
{
    return node->residual < 0 && (node->op == TW_OP_BATCH_NORM || node->op == TW_OP_MUL || node->op == TW_OP_DIV ||
                                  node->op == TW_OP_ADD || node->op == TW_OP_SUB);
}

static enum tw_status try_node(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = tw_edit_node(edit, index);
    enum tw_status status = TW_OK;
    bool is_done = !is_candidate(node);
    int places = node->op == TW_OP_BATCH_NORM ? 1 : 2;
    for (int place = 0; place < places && !is_done && !status; place++)
        status = try_input(edit, index, place, &is_done);
    return status;
}

TW_PASS(linear)
{
    return tw_edit_sweep(graph, try_node, has_changed, error);
}
