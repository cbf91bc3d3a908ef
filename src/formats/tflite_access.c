/* What an op of TensorFlow Lite has, and what it makes. */
#include "formats/tflite.h"

#include <string.h>

void tfl_fail(struct tfl *tfl, const struct tfl_op *op, const char *what)
{
    const struct tfl_tensor *output = &tfl->tensors[op->outputs[0]];
    build_fail(tfl->build, TW_UNSUPPORTED, "op %s (number %lld), which makes '%.200s', %s", tfl_op_name(op),
               (long long)op->code, output->name, what);
}

int64_t tfl_option(struct tfl *tfl, const struct tfl_op *op, unsigned field, unsigned size, int64_t otherwise)
{
    return op->has_options ? flat_int(tfl->build, &op->options, field, size, otherwise) : otherwise;
}

float tfl_option_float(struct tfl *tfl, const struct tfl_op *op, unsigned field, float otherwise)
{
    return op->has_options ? flat_float(tfl->build, &op->options, field, otherwise) : otherwise;
}

bool tfl_has_input(const struct tfl_op *op, int input)
{
    return input < op->input_count && op->inputs[input] >= 0;
}

struct tfl_tensor *tfl_input(struct tfl *tfl, const struct tfl_op *op, int input)
{
    if (tfl_has_input(op, input))
        return tfl->build->status ? NULL : &tfl->tensors[op->inputs[input]];
    tfl_fail(tfl, op, "has too few inputs");
    return NULL;
}

struct tfl_tensor *tfl_output(struct tfl *tfl, const struct tfl_op *op)
{
    return tfl->build->status ? NULL : &tfl->tensors[op->outputs[0]];
}

/* Half floats are widened here, for the graph computes in f32. */
static int widened(struct tfl *tfl, const struct tfl_tensor *tensor)
{
    int64_t count = 0;
    if (!tw_shape_count(&tensor->shape, &count) || !build_charge(tfl->build, (size_t)count * sizeof(float)))
        return -1;
    float *out = build_alloc(tfl->build, (size_t)count, sizeof *out);
    for (int64_t i = 0; out && i < count; i++) {
        _Float16 half;
        memcpy(&half, (const uint8_t *)tensor->data + (size_t)i * sizeof half, sizeof half);
        out[i] = (float)half;
    }
    if (out)
        build_set_constant(tfl->build, tensor->id, TW_F32, &tensor->shape, out);
    return out ? tensor->id : -1;
}

/* The constant as the file has it; half floats as f32. */
static int constant_of(struct tfl *tfl, const struct tfl_tensor *tensor)
{
    if (tfl->build->status)
        return -1;
    if (tfl->build->graph->values[tensor->id].data)
        return tensor->id;
    if (tensor->dtype == TW_F16)
        return widened(tfl, tensor);
    build_set_constant(tfl->build, tensor->id, tensor->dtype, &tensor->shape, tensor->data);
    return tensor->id;
}

static struct layout_forms *forms_of(struct tfl *tfl, const struct tfl_op *op, int input)
{
    struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    if (!tensor)
        return NULL;
    if (tensor->forms.native >= 0 || tensor->forms.nchw >= 0)
        return &tensor->forms;
    if (!tensor->data) {
        build_fail(tfl->build, TW_CORRUPT, "op %s takes tensor '%.200s', which no op before it makes", tfl_op_name(op),
                   tensor->name);
        return NULL;
    }
    tensor->forms.native = constant_of(tfl, tensor);
    if (tensor->scales)
        tensor->forms.native = tfl_dequantised(tfl, tensor, tensor->forms.native, tensor->axis);
    return tfl->build->status ? NULL : &tensor->forms;
}

int tfl_native(struct tfl *tfl, const struct tfl_op *op, int input)
{
    struct layout_forms *forms = forms_of(tfl, op, input);
    return forms ? layout_native(tfl->build, forms) : -1;
}

int tfl_nchw(struct tfl *tfl, const struct tfl_op *op, int input)
{
    struct layout_forms *forms = forms_of(tfl, op, input);
    return forms ? layout_nchw(tfl->build, forms) : -1;
}

bool tfl_has_nchw(struct tfl *tfl, const struct tfl_op *op, int input)
{
    const struct layout_forms *forms = forms_of(tfl, op, input);
    return forms && forms->nchw >= 0;
}

bool tfl_ints(struct tfl *tfl, const struct tfl_op *op, int input, int64_t *out, size_t room, size_t *count)
{
    const struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    if (!tensor)
        return false;
    if (tensor->data && !tensor->scales && build_constant_ints(tfl->build, constant_of(tfl, tensor), out, room, count))
        return true;
    tfl_fail(tfl, op, "has axes, sizes or paddings that are no constant integers, or too many");
    return false;
}

int tfl_weights(struct tfl *tfl, const struct tfl_op *op, int input, const int order[4])
{
    struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    if (!tensor)
        return -1;
    int native = tensor->data ? constant_of(tfl, tensor) : tensor->forms.native;
    if (native < 0 || !tfl->build->graph->values[native].data) {
        tfl_fail(tfl, op, "has weights that are no constant");
        return -1;
    }
    int turned = layout_permute(tfl->build, native, order, 4), axis = 0;
    for (int i = 0; i < 4; i++)
        axis = order[i] == tensor->axis ? i : axis;
    return tensor->scales && turned >= 0 ? tfl_dequantised(tfl, tensor, turned, axis) : turned;
}

int tfl_constant_for_nchw(struct tfl *tfl, const struct tfl_op *op, int input)
{
    const struct tfl_tensor *tensor = tfl_input(tfl, op, input);
    if (!tensor)
        return -1;
    if (tensor->scale_count > 1) {
        tfl_fail(tfl, op, "takes a constant with a scale for each index of an axis");
        return -1;
    }
    int raw = constant_of(tfl, tensor);
    int turned = raw < 0 ? -1 : layout_constant_for_nchw(tfl->build, raw);
    return tensor->scales && turned >= 0 ? tfl_dequantised(tfl, tensor, turned, 0) : turned;
}

struct tw_node *tfl_emit(struct tfl *tfl, const struct tfl_op *op, enum tw_op kind, const int *inputs, int input_count,
                         bool is_nchw)
{
    const struct tfl_tensor *output = tfl_output(tfl, op);
    if (!output)
        return NULL;
    int id = tfl->is_made_last ? output->id : build_fresh(tfl->build, output->name, "plain");
    struct tw_node *made = build_node(tfl->build, kind, output->name, inputs, input_count, id);
    tfl->made = made ? id : -1;
    tfl->is_made_nchw = is_nchw;
    return made;
}
