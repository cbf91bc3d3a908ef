#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum coordinates { HALF_PIXEL, PYTORCH_HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC };
enum rounding { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL };

struct plan {
    bool is_linear;
    enum coordinates coordinates;
    enum rounding rounding;
    struct tw_shape out;
    double scale[TW_MAX_RANK]; /* out / in */
};

static int find_word(const struct tw_node *node, const char *attribute, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (op_text_is(node, attribute, words[i], words[0]))
            return i;
    }
    return -1;
}

static enum tw_status read_words(const struct tw_node *node, struct plan *plan, struct tw_error *error)
{
    static const char *const modes[] = {"nearest", "linear"};
    static const char *const coordinates[] = {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    static const char *const policies[] = {"stretch"};
    int mode = find_word(node, "mode", modes, 2), coordinate;
    int rounding = find_word(node, "nearest_mode", roundings, 4);
    coordinate = find_word(node, "coordinate_transformation_mode", coordinates, 4);
    if (mode < 0)
        return op_refuse_text(node, "mode", "nearest, linear", error);
    if (coordinate < 0)
        return op_refuse_text(node, "coordinate_transformation_mode",
                              "half_pixel, pytorch_half_pixel, align_corners, asymmetric", error);
    if (rounding < 0 || find_word(node, "keep_aspect_ratio_policy", policies, 1) < 0 ||
        tw_node_int(node, "antialias", 0) || tw_node_int(node, "exclude_outside", 0))
        return tw_fail(error, TW_UNSUPPORTED,
                       "its nearest_mode, keep_aspect_ratio_policy, antialias or exclude_outside is not implemented");
    plan->is_linear = mode == 1;
    plan->coordinates = (enum coordinates)coordinate;
    plan->rounding = (enum rounding)rounding;
    return TW_OK;
}

static enum tw_status apply_scales(const struct tw_tensor *scales, const struct tw_shape *x, const struct op_ints *axes,
                                   struct plan *plan, struct tw_error *error)
{
    int64_t count;
    int expected = axes->is_given ? axes->count : x->rank;
    if (!scales->data || scales->dtype != TW_F32 || !tw_shape_count(&scales->shape, &count) || count != expected)
        return tw_fail(error, TW_UNSUPPORTED, "its scales are not %d constant f32 numbers", expected);
    for (int i = 0; i < expected; i++) {
        int axis = axes->is_given ? (int)axes->values[i] : i;
        float scale = ((const float *)scales->data)[i];
        double size = floor((double)x->dims[axis] * (double)scale);
        if (!(scale > 0) || !(size <= OP_MAX_EXTENT))
            return tw_fail(error, TW_CORRUPT, "a scale of %g in dimension %d", (double)scale, axis);
        plan->scale[axis] = (double)scale;
        plan->out.dims[axis] = x->dims[axis] < 0 ? TW_UNKNOWN : (int64_t)size;
    }
    return TW_OK;
}

static enum tw_status apply_sizes(const struct op_ints *sizes, const struct tw_shape *x, const struct op_ints *axes,
                                  struct plan *plan, struct tw_error *error)
{
    int expected = axes->is_given ? axes->count : x->rank;
    if (sizes->count != expected)
        return tw_fail(error, TW_CORRUPT, "it has %d sizes for %d dimensions", sizes->count, expected);
    for (int i = 0; i < expected; i++) {
        int axis = axes->is_given ? (int)axes->values[i] : i;
        if (sizes->values[i] < 1 || sizes->values[i] > OP_MAX_EXTENT)
            return tw_fail(error, TW_CORRUPT, "a size of %" PRId64 " in dimension %d", sizes->values[i], axis);
        plan->out.dims[axis] = sizes->values[i];
        plan->scale[axis] = x->dims[axis] > 0 ? (double)sizes->values[i] / (double)x->dims[axis] : 1;
    }
    return TW_OK;
}

static enum tw_status read_plan(const struct tw_node *node, const struct tw_tensor *inputs, struct plan *plan,
                                struct tw_error *error)
{
    const struct tw_shape *x = &inputs[0].shape;
    const struct tw_tensor *scales = op_optional(node, inputs, 2);
    struct op_ints sizes, axes;
    *plan = (struct plan){.out = *x};
    for (int i = 0; i < TW_MAX_RANK; i++)
        plan->scale[i] = 1;
    enum tw_status status = read_words(node, plan, error);
    if (!status)
        status = op_attribute_ints(node, "axes", &axes, error);
    for (int i = 0; i < axes.count && !status; i++) {
        int axis = 0;
        status = op_axis(axes.values[i], x->rank, &axis, error);
        axes.values[i] = axis;
    }
    if (!status)
        status = op_input_ints(node, inputs, 3, "sizes", &sizes, error);
    if (status)
        return status;
    /* Exporters leave scales empty, not out, where sizes decide. */
    if (sizes.is_given && sizes.count)
        return apply_sizes(&sizes, x, &axes, plan, error);
    if (!scales)
        return tw_fail(error, TW_CORRUPT, "it has neither scales nor sizes");
    return apply_scales(scales, x, &axes, plan, error);
}

OP_FUNCTION(op_infer_resize)
{
    struct plan plan;
    enum tw_status status = read_plan(node, inputs, &plan, error);
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = plan.out;
    return TW_OK;
}

static double coordinate(const struct plan *plan, int axis, int64_t in, int64_t at)
{
    int64_t out = plan->out.dims[axis];
    double x = (double)at, scale = plan->scale[axis];
    switch (plan->coordinates) {
    case ALIGN_CORNERS:
        return out > 1 ? x * (double)(in - 1) / (double)(out - 1) : 0;
    case ASYMMETRIC:
        return x / scale;
    case PYTORCH_HALF_PIXEL:
        return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case HALF_PIXEL:
        break;
    }
    return (x + 0.5) / scale - 0.5;
}

static int64_t bounded(double value, int64_t in)
{
    return value < 0 ? 0 : value > (double)(in - 1) ? in - 1 : (int64_t)value;
}

static int64_t nearest(const struct plan *plan, double x, int64_t in)
{
    switch (plan->rounding) {
    case PREFER_FLOOR:
        return bounded(ceil(x - 0.5), in);
    case PREFER_CEIL:
        return bounded(floor(x + 0.5), in);
    case FLOOR:
        return bounded(floor(x), in);
    case CEIL:
        break;
    }
    return bounded(ceil(x), in);
}

/* Resizes one dimension of `x`, whose shape is `shape`; the other dimensions come along. */
static void resize_axis(const struct plan *plan, int axis, const struct tw_shape *shape, const double *x, double *y)
{
    int64_t in = shape->dims[axis], out = plan->out.dims[axis], inner = op_product(shape, axis + 1, shape->rank);
    int64_t outer = op_product(shape, 0, axis);
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < out; i++) {
            double at = coordinate(plan, axis, in, i);
            int64_t low = plan->is_linear ? bounded(floor(at), in) : nearest(plan, at, in);
            int64_t high = plan->is_linear ? bounded(floor(at) + 1, in) : low;
            double part = plan->is_linear ? at - floor(at) : 0;
            const double *a = x + (o * in + low) * inner, *b = x + (o * in + high) * inner;
            double *to = y + (o * out + i) * inner;
            for (int64_t j = 0; j < inner; j++)
                to[j] = a[j] * (1 - part) + b[j] * part;
        }
    }
}

OP_FUNCTION(op_run_resize)
{
    struct plan plan;
    enum tw_status status = read_plan(node, inputs, &plan, error);
    if (status || op_count(&outputs[0]) == 0)
        return status;
    if (inputs[0].dtype != TW_F32)
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(inputs[0].dtype));
    if (op_count(&inputs[0]) == 0)
        return tw_fail(error, TW_CORRUPT, "its input has no elements");
    struct tw_shape shape = inputs[0].shape, largest = shape;
    for (int i = 0; i < shape.rank; i++)
        largest.dims[i] = shape.dims[i] > plan.out.dims[i] ? shape.dims[i] : plan.out.dims[i];
    int64_t room;
    double *from = NULL, *to = NULL;
    if (tw_shape_count(&largest, &room)) {
        from = tw_realloc(NULL, (size_t)room, sizeof *from);
        to = tw_realloc(NULL, (size_t)room, sizeof *to);
    }
    if (!from || !to)
        status = tw_fail_memory(error, sizeof *from, "a resized tensor");
    for (int64_t i = 0; i < op_count(&inputs[0]) && !status; i++)
        from[i] = (double)((const float *)inputs[0].data)[i];
    for (int axis = 0; axis < shape.rank && !status; axis++) {
        if (shape.dims[axis] == plan.out.dims[axis] && plan.scale[axis] == 1)
            continue;
        resize_axis(&plan, axis, &shape, from, to);
        shape.dims[axis] = plan.out.dims[axis];
        double *other = from;
        from = to;
        to = other;
    }
    for (int64_t i = 0; i < op_count(&outputs[0]) && !status; i++)
        ((float *)outputs[0].out)[i] = (float)from[i];
    tw_free(from);
    tw_free(to);
    return status;
}
