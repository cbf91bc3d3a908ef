#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>

static enum tw_status infer_pool(const struct tw_node *node, const struct tw_tensor *x, struct tw_tensor *y,
                                 struct op_window *window, struct tw_error *error)
{
    enum tw_status status = op_window_of(node, &x->shape, NULL, window, error);
    if (status)
        return status;
    for (int i = 0; i < OP_SPATIAL; i++) {
        int64_t extent = (window->kernel[i] - 1) * window->dilation[i] + 1;
        if (window->begin[i] >= extent || window->end[i] >= extent)
            return tw_fail(error, TW_CORRUPT, "pads of %" PRId64 " and %" PRId64 " are not smaller than the window",
                           window->begin[i], window->end[i]);
    }
    y->dtype = x->dtype;
    op_window_shape(window, x->shape.dims[0], x->shape.dims[1], &y->shape);
    return TW_OK;
}

OP_FUNCTION(op_infer_max_pool)
{
    struct op_window window;
    return infer_pool(node, &inputs[0], &outputs[0], &window, error);
}

OP_FUNCTION(op_infer_average_pool)
{
    struct op_window window;
    return infer_pool(node, &inputs[0], &outputs[0], &window, error);
}

struct seen {
    double sum, greatest;
    int64_t inside, padded; /* elements of the window in the data, and in the data and its pads */
};

static struct seen look(const struct op_window *w, const float *x, const int64_t out[OP_SPATIAL])
{
    struct tw_shape taps = {.rank = OP_SPATIAL, .dims = {w->kernel[0], w->kernel[1], w->kernel[2]}};
    struct seen seen = {.greatest = -INFINITY};
    int64_t tap[TW_MAX_RANK] = {0};
    do {
        bool is_inside = true, is_padded = true;
        int64_t at = 0;
        for (int i = 0; i < OP_SPATIAL; i++) {
            int64_t in = out[i] * w->stride[i] + tap[i] * w->dilation[i] - w->begin[i];
            is_inside = is_inside && in >= 0 && in < w->in[i];
            is_padded = is_padded && in < w->in[i] + w->end[i];
            at = at * w->in[i] + in;
        }
        seen.padded += is_padded;
        if (!is_inside)
            continue;
        seen.inside++;
        seen.sum += (double)x[at];
        if ((double)x[at] > seen.greatest || isnan(x[at]))
            seen.greatest = (double)x[at];
    } while (op_next_index(&taps, tap));
    return seen;
}

static void pool(const struct op_window *w, const struct tw_tensor *x, float *y, bool is_max, bool counts_pads)
{
    struct tw_shape space = {.rank = OP_SPATIAL, .dims = {w->out[0], w->out[1], w->out[2]}};
    int64_t plane = w->in[0] * w->in[1] * w->in[2];
    if (w->out[0] * w->out[1] * w->out[2] == 0)
        return;
    for (int64_t c = 0; c < x->shape.dims[0] * x->shape.dims[1]; c++) {
        int64_t out[TW_MAX_RANK] = {0};
        do {
            struct seen seen = look(w, (const float *)x->data + c * plane, out);
            int64_t count = counts_pads ? seen.padded : seen.inside;
            *y++ = (float)(is_max ? seen.greatest : count ? seen.sum / (double)count : 0);
        } while (op_next_index(&space, out));
    }
}

OP_FUNCTION(op_run_max_pool)
{
    struct op_window window;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = infer_pool(node, &inputs[0], &outputs[0], &window, error);
    if (!status)
        pool(&window, &inputs[0], outputs[0].out, true, false);
    return status;
}

OP_FUNCTION(op_run_average_pool)
{
    struct op_window window;
    enum tw_status status = op_need_f32(node, inputs, error);
    if (!status)
        status = infer_pool(node, &inputs[0], &outputs[0], &window, error);
    if (!status)
        pool(&window, &inputs[0], outputs[0].out, false, tw_node_int(node, "count_include_pad", 0) != 0);
    return status;
}

OP_FUNCTION(op_infer_global_pool)
{
    (void)node;
    if (inputs[0].shape.rank < 3)
        return tw_fail(error, TW_CORRUPT, "its input has %d dimensions, and none of them is space",
                       inputs[0].shape.rank);
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = inputs[0].shape;
    for (int i = 2; i < inputs[0].shape.rank; i++)
        outputs[0].shape.dims[i] = 1;
    return TW_OK;
}

OP_FUNCTION(op_run_global_pool)
{
    enum tw_status status = op_need_f32(node, inputs, error);
    if (status)
        return status;
    const struct tw_shape *shape = &inputs[0].shape;
    int64_t plane = op_product(shape, 2, shape->rank);
    const float *x = inputs[0].data;
    for (int64_t c = 0; c < op_count(&outputs[0]); c++, x += plane) {
        double sum = 0, greatest = -INFINITY;
        for (int64_t i = 0; i < plane; i++) {
            sum += (double)x[i];
            greatest = (double)x[i] > greatest || isnan(x[i]) ? (double)x[i] : greatest;
        }
        double mean = plane ? sum / (double)plane : 0;
        ((float *)outputs[0].out)[c] = (float)(node->op == TW_OP_GLOBAL_MAX_POOL ? greatest : mean);
    }
    return TW_OK;
}
