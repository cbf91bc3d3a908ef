/* Convolutions and matrices of integers by own products: rows of bytes, the pixels under the taps gathered where they do not
 * lie together already, times weights. */
#include "engine/onednn.h"
#include "engine/steps/convolution.h"
#include "engine/steps/whole.h"

#include <omp.h>
#include <string.h>

/* Weights that are more than this are gone through in parts, each with all rows. */
enum { CACHED_BYTES = 1 << 18, PART_BLOCKS = 4, ALIGNMENT = 64 };

struct product {
    const struct whole_kernels *kernels;
    struct whole_result result;
    const void *packed;
    size_t rows, depth, padded, columns, blocks, part; /* part: blocks at a time */
    size_t packed_block;                               /* bytes */
    int32_t shift;
    uint8_t turn, zero;
    bool gathers;
    struct op_window window; /* where it gathers from an image */
    size_t channels;
};

static void free_product(void *state)
{
    struct product *p = state;
    tw_whole_result_release(&p->result);
    tw_free(p);
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t thread_bytes(const struct product *p)
{
    return aligned(WHOLE_ROWS * p->padded) * 3 + aligned(WHOLE_ROWS * p->part * WHOLE_COLUMNS * sizeof(int32_t));
}

/* The pixels under the taps of one output, one behind the other; `to` is `padded` bytes, of which the last are zeros. */
static void gather(const struct product *p, const uint8_t *x, size_t row, uint8_t *to)
{
    const struct op_window *w = &p->window;
    if (p->channels == 0) {
        memcpy(to, x + row * p->depth, p->depth);
        return;
    }
    size_t pixels = (size_t)(w->out[1] * w->out[2]), image = row / pixels, pixel = row % pixels;
    int64_t oy = (int64_t)pixel / w->out[2], ox = (int64_t)pixel % w->out[2];
    const uint8_t *from = x + image * (size_t)(w->in[1] * w->in[2]) * p->channels;
    int64_t left = ox * w->stride[2] - w->begin[2];
    size_t line = (size_t)w->kernel[2] * p->channels;
    bool is_line = w->dilation[2] == 1 && left >= 0 && left + w->kernel[2] <= w->in[2];
    for (int64_t i = 0; i < w->kernel[1]; i++) {
        int64_t y = oy * w->stride[1] - w->begin[1] + i * w->dilation[1];
        if (is_line && y >= 0 && y < w->in[1]) {
            memcpy(to, from + (size_t)(y * w->in[2] + left) * p->channels, line);
            to += line;
            continue;
        }
        for (int64_t j = 0; j < w->kernel[2]; j++, to += p->channels) {
            int64_t at = left + j * w->dilation[2];
            if (y < 0 || y >= w->in[1] || at < 0 || at >= w->in[2])
                memset(to, p->zero, p->channels);
            else
                memcpy(to, from + (size_t)(y * w->in[2] + at) * p->channels, p->channels);
        }
    }
}

static void run_tile(const struct product *p, size_t index, const uint8_t *x, uint8_t *y, uint8_t *scratch)
{
    size_t tiles = (p->rows + WHOLE_ROWS - 1) / WHOLE_ROWS;
    size_t first = index % tiles * WHOLE_ROWS, block = index / tiles * p->part;
    size_t blocks = p->blocks - block < p->part ? p->blocks - block : p->part;
    size_t column = block * WHOLE_COLUMNS, end = column + blocks * WHOLE_COLUMNS;
    size_t columns = (end < p->columns ? end : p->columns) - column;
    struct whole_rows rows = {x + first * p->depth, p->depth, p->rows - first, p->turn};
    rows.count = rows.count < WHOLE_ROWS ? rows.count : WHOLE_ROWS;
    uint8_t *turned = scratch + aligned(WHOLE_ROWS * p->padded);
    int32_t *sums = (int32_t *)(void *)(turned + 2 * aligned(WHOLE_ROWS * p->padded));
    if (p->gathers) {
        for (size_t r = 0; r < rows.count; r++) {
            gather(p, x, first + r, scratch + r * p->padded);
            memset(scratch + r * p->padded + p->depth, 0, p->padded - p->depth);
        }
        rows.x = scratch;
        rows.step = p->padded;
    }
    p->kernels->multiply(&rows, (const uint8_t *)p->packed + block * p->packed_block, p->padded, blocks, turned, sums);
    struct whole_finish finish = p->result.finish;
    finish.offsets += column;
    finish.rests += column;
    finish.scales += column;
    int32_t more[WHOLE_ROWS] = {0};
    for (size_t r = 0; r < rows.count && p->shift; r++)
        more[r] = p->shift * p->kernels->row_sum(rows.x + r * rows.step, p->depth, p->turn);
    const struct whole_sums all = {
        .sums = sums,
        .sum_step = blocks * WHOLE_COLUMNS,
        .count = rows.count,
        .columns = columns,
        .more = more,
        .y = y + (first * p->columns + column) * p->result.y_bytes,
        .y_step = p->columns * p->result.y_bytes,
    };
    p->kernels->finish(&finish, &all);
}

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct product *p = step->state;
    size_t tiles = (p->rows + WHOLE_ROWS - 1) / WHOLE_ROWS * ((p->blocks + p->part - 1) / p->part);
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < tiles; i++)
        run_tile(p, i, memory[0], memory[1], (uint8_t *)memory[2] + (size_t)omp_get_thread_num() * thread_bytes(p));
    return TW_OK;
}

/* What is multiplied, before it is packed. */
struct wanted {
    const struct tw_value *weights, *bias;
    struct narrow_weights integers; /* [columns][depth] */
    size_t rows, depth, columns, channels;
    struct op_window window;
    struct tw_layout x_layout, y_layout; /* the type of y's is not known yet */
    const char *algorithm;
};

static enum tw_status sum_weights(const struct wanted *wanted, int32_t **sums, struct tw_error *error)
{
    *sums = tw_alloc(wanted->columns, sizeof **sums);
    if (*sums == NULL)
        return tw_fail_memory(error, wanted->columns * sizeof **sums, "weights");
    for (size_t n = 0; n < wanted->columns; n++) {
        for (size_t k = 0; k < wanted->depth; k++)
            (*sums)[n] += wanted->integers.whole[n * wanted->depth + k];
    }
    return TW_OK;
}

static enum tw_status make(struct tw_plan *plan, const struct tw_node *node, const struct wanted *wanted,
                           struct product *p, struct tw_error *error)
{
    const struct quantised *x = &plan->quantised[node->inputs[0]];
    int32_t *sums = NULL;
    *p = (struct product){
        .kernels = whole_kernels_here(),
        .rows = wanted->rows,
        .depth = wanted->depth,
        .columns = wanted->columns,
        .channels = wanted->channels,
        .window = wanted->window,
        .turn = tw_whole_turn(&x->whole_grid),
        .zero = (uint8_t)x->whole_grid.zero,
    };
    size_t unit = (size_t)p->kernels->depth_unit;
    p->padded = (p->depth + unit - 1) / unit * unit;
    p->gathers = wanted->channels > 0 || p->padded != p->depth;
    p->blocks = (p->columns + WHOLE_COLUMNS - 1) / WHOLE_COLUMNS;
    /* Weights of unsigned bytes with a zero of their own: all of them less 128 fit signed ones. */
    if (p->kernels->is_narrow && (wanted->integers.least < -128 || wanted->integers.most > 127))
        p->shift = wanted->integers.most - 127 > 0 ? wanted->integers.most - 127 : wanted->integers.least + 128;
    size_t bytes = whole_packed_bytes(p->kernels, p->depth, p->columns);
    p->packed_block = bytes / p->blocks;
    p->part = bytes > CACHED_BYTES && p->blocks > PART_BLOCKS ? PART_BLOCKS : p->blocks;
    void *packed = tw_pages_take(&plan->weights, bytes);
    if (packed == NULL)
        return tw_fail_memory(error, bytes, "weights");
    whole_pack(p->kernels, wanted->integers.whole, p->depth, p->columns, (int16_t)p->shift, packed);
    p->packed = packed;
    plan->weight_bytes += bytes;
    enum tw_status status = sum_weights(wanted, &sums, error);
    const struct whole_source source = {x->whole_grid, wanted->weights, wanted->bias, p->columns, sums};
    if (status == TW_OK)
        status = tw_whole_result(plan, node, &source, &p->result, error);
    tw_free(sums);
    return status;
}

static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, const struct wanted *wanted,
                          struct tw_error *error)
{
    const struct quantised *quantised = &plan->quantised[node->inputs[0]];
    struct product *p = tw_alloc(1, sizeof *p);
    int x, y;
    if (p == NULL)
        return tw_fail_memory(error, sizeof *p, "a product");
    enum tw_status status = make(plan, node, wanted, p, error);
    struct tw_layout layout = wanted->y_layout;
    tw_layout_set_type(&layout, p->result.y_type);
    if (status == TW_OK)
        status = tw_plan_slot_in(plan, quantised->whole, &wanted->x_layout, &x, error);
    if (status == TW_OK)
        status = tw_plan_output_slot(plan, p->result.y_value, &layout, &y, error);
    if (status == TW_OK) {
        const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
        status = tw_plan_add_step(plan, node, wanted->algorithm, NULL, arguments, 2, error);
    }
    if (status == TW_OK && node->op == TW_OP_CONV)
        status = tw_convolution_note(plan, node, "int8", error);
    if (status != TW_OK) {
        free_product(p);
        return status;
    }
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = p;
    step->free_state = free_product;
    step->precision = "int8";
    step->scratchpad_bytes = thread_bytes(p) * (size_t)plan->threads_inside;
    step->flop = 2.0 * (double)p->rows * (double)p->columns * (double)p->depth;
    return TW_OK;
}

static const struct tw_value *bias_of(const struct tw_plan *plan, const struct tw_node *node)
{
    return node->input_count > 2 && node->inputs[2] >= 0 ? &plan->graph->values[node->inputs[2]] : NULL;
}

/* [out][in][height][width] to [out][height][width][in], the order in which pixels are gathered. */
static enum tw_status turn_taps(struct wanted *wanted, const struct tw_shape *shape, struct tw_error *error)
{
    size_t channels = (size_t)shape->dims[1], plane = (size_t)(shape->dims[2] * shape->dims[3]);
    size_t count = (size_t)shape->dims[0] * channels * plane;
    int16_t *turned = tw_alloc(count, sizeof *turned);
    if (turned == NULL)
        return tw_fail_memory(error, count * sizeof *turned, "weights");
    for (size_t i = 0; i < count; i++) {
        size_t line = i / (channels * plane), tap = i / channels % plane, channel = i % channels;
        turned[i] = wanted->integers.whole[(line * channels + channel) * plane + tap];
    }
    tw_free(wanted->integers.whole);
    wanted->integers.whole = turned;
    return TW_OK;
}

static enum tw_status plan_convolution(struct tw_plan *plan, const struct tw_node *node, struct wanted *wanted,
                                       struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *x = &values[node->inputs[0]].shape, *w = &values[node->inputs[1]].shape,
                          *y = &values[node->outputs[0]].shape;
    dnnl_data_type_t type = plan->quantised[node->inputs[0]].whole_grid.is_signed ? dnnl_s8 : dnnl_u8;
    enum tw_status status = op_window_of(node, x, w, &wanted->window, error);
    if (status == TW_OK)
        status = tw_onednn_pixels(x->dims, type, &wanted->x_layout, error);
    if (status == TW_OK)
        status = tw_onednn_pixels(y->dims, dnnl_u8, &wanted->y_layout, error);
    if (status == TW_OK)
        status = turn_taps(wanted, w, error);
    if (status != TW_OK)
        return status;
    const struct op_window *window = &wanted->window;
    bool is_point = w->dims[2] == 1 && w->dims[3] == 1 && window->stride[1] == 1 && window->stride[2] == 1 &&
                    window->begin[1] == 0 && window->begin[2] == 0 && window->end[1] == 0 && window->end[2] == 0;
    wanted->rows = (size_t)(y->dims[0] * y->dims[2] * y->dims[3]);
    wanted->depth = (size_t)op_product(w, 1, 4);
    wanted->columns = (size_t)w->dims[0];
    wanted->channels = is_point ? 0 : (size_t)w->dims[1];
    wanted->algorithm = is_point ? "vector 1x1" : "vector direct";
    return add(plan, node, wanted, error);
}

enum tw_status tw_step_narrow_product(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                      struct tw_error *error)
{
    if (plan->prefers_floats || !tw_is_convolution(plan->graph, node) || plan->quantised[node->inputs[0]].whole < 0 ||
        !tw_whole_can_finish(node) || tw_node_int(node, "group", 1) != 1)
        return TW_OK;
    struct wanted wanted = {.weights = &plan->graph->values[node->inputs[1]], .bias = bias_of(plan, node)};
    enum tw_status status = narrow_weights_find(wanted.weights, 0, &wanted.integers, error);
    if (status == TW_OK && wanted.integers.whole != NULL) {
        status = plan_convolution(plan, node, &wanted, error);
        *is_done = status == TW_OK;
    }
    narrow_weights_release(&wanted.integers);
    return status;
}

/* Weights as [columns][depth]. */
static enum tw_status turn_matrix(struct wanted *wanted, struct tw_error *error)
{
    size_t count = wanted->columns * wanted->depth;
    int16_t *turned = tw_alloc(count, sizeof *turned);
    if (turned == NULL)
        return tw_fail_memory(error, count * sizeof *turned, "weights");
    for (size_t i = 0; i < count; i++)
        turned[i] = wanted->integers.whole[i % wanted->depth * wanted->columns + i / wanted->depth];
    tw_free(wanted->integers.whole);
    wanted->integers.whole = turned;
    return TW_OK;
}

static bool is_matrix(const struct tw_plan *plan, const struct tw_node *node)
{
    const struct tw_value *values = plan->graph->values, *bias = bias_of(plan, node);
    if ((node->op != TW_OP_GEMM && node->op != TW_OP_MATMUL) || plan->quantised[node->inputs[0]].whole < 0 ||
        !tw_plan_is_constant(plan, node->inputs[1]) || values[node->inputs[1]].shape.rank != 2 ||
        values[node->inputs[0]].shape.rank < 2 || !tw_whole_can_finish(node))
        return false;
    if (node->op == TW_OP_MATMUL)
        return true;
    int64_t count;
    return tw_node_int(node, "transA", 0) == 0 && tw_node_float(node, "alpha", 1) == 1 &&
           (bias == NULL ||
            (bias->data != NULL && tw_node_float(node, "beta", 1) == 1 && tw_shape_count(&bias->shape, &count) &&
             count == values[node->outputs[0]].shape.dims[1] && bias->shape.dims[bias->shape.rank - 1] == count));
}

enum tw_status tw_step_narrow_matrix(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                     struct tw_error *error)
{
    if (!is_matrix(plan, node))
        return TW_OK;
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *x = &values[node->inputs[0]].shape, *w = &values[node->inputs[1]].shape;
    bool is_turned = node->op == TW_OP_GEMM && tw_node_int(node, "transB", 0) != 0;
    struct wanted wanted = {
        .weights = &values[node->inputs[1]],
        .bias = node->op == TW_OP_GEMM ? bias_of(plan, node) : NULL,
        .rows = (size_t)op_product(x, 0, x->rank - 1),
        .depth = (size_t)w->dims[is_turned ? 1 : 0],
        .columns = (size_t)w->dims[is_turned ? 0 : 1],
        .algorithm = "vector product",
    };
    if (wanted.rows == 0 || wanted.depth == 0 || wanted.columns == 0)
        return TW_OK;
    enum tw_status status = narrow_weights_find(wanted.weights, is_turned ? 0 : 1, &wanted.integers, error);
    dnnl_data_type_t type = plan->quantised[node->inputs[0]].whole_grid.is_signed ? dnnl_s8 : dnnl_u8;
    bool is_good = status == TW_OK && wanted.integers.whole != NULL;
    if (is_good && !is_turned)
        status = turn_matrix(&wanted, error);
    if (is_good && status == TW_OK)
        status = tw_onednn_plain_of(x, type, &wanted.x_layout, error);
    if (is_good && status == TW_OK)
        status = tw_onednn_plain_of(&values[node->outputs[0]].shape, dnnl_u8, &wanted.y_layout, error);
    if (is_good && status == TW_OK)
        status = add(plan, node, &wanted, error);
    *is_done = is_good && status == TW_OK;
    narrow_weights_release(&wanted.integers);
    return status;
}
