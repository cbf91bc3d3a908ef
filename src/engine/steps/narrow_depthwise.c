/* Convolutions of each channel by itself, of integers whose weights may need nine bits. */
#include "engine/onednn.h"
#include "engine/steps/convolution.h"
#include "engine/steps/whole.h"

#include <omp.h>
#include <string.h>

struct depthwise {
    const struct whole_kernels *kernels;
    struct whole_result result;
    const int16_t *weights; /* [pair of taps][channel][2] */
    struct op_window window;
    size_t channels;
    uint8_t turn, zero;
};

static void free_depthwise(void *state)
{
    struct depthwise *d = state;
    tw_whole_result_release(&d->result);
    tw_free(d);
}

static size_t sums_bytes(const struct depthwise *d)
{
    return ((d->channels + WHOLE_COLUMNS) * sizeof(int32_t) + 63) / 64 * 64;
}

static void run_pixel(const struct depthwise *d, const uint8_t *x, const int64_t at[2], const uint8_t *zeros,
                      struct whole_taps *taps)
{
    const struct op_window *w = &d->window;
    taps->count = 0;
    for (int64_t i = 0; i < w->kernel[1]; i++) {
        int64_t y = at[0] * w->stride[1] - w->begin[1] + i * w->dilation[1];
        for (int64_t j = 0; j < w->kernel[2]; j++) {
            int64_t column = at[1] * w->stride[2] - w->begin[2] + j * w->dilation[2];
            bool is_inside = y >= 0 && y < w->in[1] && column >= 0 && column < w->in[2];
            taps->taps[taps->count++] = is_inside ? x + (size_t)(y * w->in[2] + column) * d->channels : zeros;
        }
    }
    if (taps->count % 2)
        taps->taps[taps->count++] = zeros;
}

static void run_line(const struct depthwise *d, size_t line, void *const *memory, const uint8_t *zeros, int32_t *sums)
{
    const struct op_window *w = &d->window;
    size_t height = (size_t)w->out[1], width = (size_t)w->out[2];
    const uint8_t *x = (const uint8_t *)memory[0] + line / height * (size_t)(w->in[1] * w->in[2]) * d->channels;
    uint8_t *y = (uint8_t *)memory[1] + line * width * d->channels * d->result.y_bytes;
    const int32_t more = 0;
    struct whole_sums all = {.sums = sums, .count = 1, .columns = d->channels, .more = &more};
    struct whole_taps taps = {.weights = d->weights, .channels = d->channels, .turn = d->turn};
    for (size_t i = 0; i < width; i++, y += d->channels * d->result.y_bytes) {
        run_pixel(d, x, (const int64_t[]){(int64_t)(line % height), (int64_t)i}, zeros, &taps);
        d->kernels->convolve(&taps, sums);
        all.y = y;
        d->kernels->finish(&d->result.finish, &all);
    }
}

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct depthwise *d = step->state;
    uint8_t *zeros = memory[2];
    size_t lines =
        (size_t)op_product(&step->graph->values[step->node->outputs[0]].shape, 0, 1) * (size_t)d->window.out[1];
    (void)error;
    memset(zeros, d->zero, d->channels);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < lines; i++) {
        uint8_t *sums = zeros + sums_bytes(d) * (1 + (size_t)omp_get_thread_num());
        run_line(d, i, memory, zeros, (int32_t *)(void *)sums);
    }
    return TW_OK;
}

static enum tw_status set_weights(struct tw_plan *plan, const struct tw_node *node, const int16_t *whole,
                                  struct depthwise *d, struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    const struct quantised *x = &plan->quantised[node->inputs[0]];
    size_t taps = (size_t)(d->window.kernel[1] * d->window.kernel[2]);
    size_t bytes = (taps + 1) / 2 * d->channels * 2 * sizeof(int16_t);
    int16_t *weights = tw_pages_take(&plan->weights, bytes);
    int32_t *sums = tw_alloc(d->channels, sizeof *sums);
    enum tw_status status = weights != NULL && sums != NULL ? TW_OK : tw_fail_memory(error, bytes, "weights");
    if (status == TW_OK) {
        memset(weights, 0, bytes);
        for (size_t i = 0; i < d->channels * taps; i++) {
            size_t channel = i / taps, tap = i % taps;
            weights[(tap / 2 * d->channels + channel) * 2 + tap % 2] = whole[i];
            sums[channel] += whole[i];
        }
        plan->weight_bytes += bytes;
        d->weights = weights;
        const struct whole_source source = {
            .x_grid = x->whole_grid,
            .weights = &values[node->inputs[1]],
            .bias = node->input_count > 2 && node->inputs[2] >= 0 ? &values[node->inputs[2]] : NULL,
            .columns = d->channels,
            .sums = sums,
        };
        status = tw_whole_result(plan, node, &source, &d->result, error);
    }
    tw_free(sums);
    return status;
}

static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, struct depthwise *d, struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    const struct quantised *quantised = &plan->quantised[node->inputs[0]];
    struct tw_layout layouts[2];
    int x, y;
    enum tw_status status = tw_onednn_pixels(values[node->inputs[0]].shape.dims,
                                             quantised->whole_grid.is_signed ? dnnl_s8 : dnnl_u8, &layouts[0], error);
    if (status != TW_OK ||
        (status = tw_onednn_pixels(values[node->outputs[0]].shape.dims, d->result.y_type, &layouts[1], error)) !=
            TW_OK ||
        (status = tw_plan_slot_in(plan, quantised->whole, &layouts[0], &x, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, d->result.y_value, &layouts[1], &y, error)) != TW_OK)
        return status;
    const struct argument arguments[] = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    if ((status = tw_plan_add_step(plan, node, "vector depthwise", NULL, arguments, 2, error)) != TW_OK ||
        (status = tw_convolution_note(plan, node, "int8", error)) != TW_OK)
        return status;
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = d;
    step->free_state = free_depthwise;
    step->scratchpad_bytes = sums_bytes(d) * (size_t)(1 + plan->threads_inside);
    return TW_OK;
}

static enum tw_status make(struct tw_plan *plan, const struct tw_node *node, const int16_t *whole, bool *is_done,
                           struct tw_error *error)
{
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *x = &values[node->inputs[0]].shape, *w = &values[node->inputs[1]].shape;
    struct depthwise *d = tw_alloc(1, sizeof *d);
    if (d == NULL)
        return tw_fail_memory(error, sizeof *d, "a convolution");
    *d = (struct depthwise){
        .kernels = whole_kernels_here(),
        .channels = (size_t)x->dims[1],
        .turn = tw_whole_turn(&plan->quantised[node->inputs[0]].whole_grid),
        .zero = (uint8_t)plan->quantised[node->inputs[0]].whole_grid.zero,
    };
    enum tw_status status = op_window_of(node, x, w, &d->window, error);
    if (status == TW_OK)
        status = set_weights(plan, node, whole, d, error);
    if (status == TW_OK)
        status = add(plan, node, d, error);
    if (status != TW_OK)
        free_depthwise(d);
    *is_done = status == TW_OK;
    return status;
}

enum tw_status tw_step_narrow_depthwise(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                        struct tw_error *error)
{
    if (plan->prefers_floats || !tw_is_convolution(plan->graph, node) || plan->quantised[node->inputs[0]].whole < 0 ||
        !tw_whole_can_finish(node))
        return TW_OK;
    const struct tw_value *values = plan->graph->values;
    const struct tw_shape *x = &values[node->inputs[0]].shape, *w = &values[node->inputs[1]].shape;
    int64_t groups = tw_node_int(node, "group", 1);
    if (groups != x->dims[1] || groups != w->dims[0] || groups < 2 || w->dims[2] * w->dims[3] >= WHOLE_MOST_TAPS)
        return TW_OK;
    struct narrow_weights weights;
    enum tw_status status = narrow_weights_find(&values[node->inputs[1]], 0, &weights, error);
    if (status == TW_OK && weights.whole != NULL)
        status = make(plan, node, weights.whole, is_done, error);
    narrow_weights_release(&weights);
    return status;
}
