#include "formats/tensorflow_net.h"

#include <string.h>

const struct tw_value *tfn_value(const struct tfn *net, int id)
{
    return &net->graph->values[id];
}

void tfn_fail(struct tfn *net, const struct tw_node *node, const char *what)
{
    const char *output = node->output_count && node->outputs[0] >= 0 ? tfn_value(net, node->outputs[0])->name : "";
    tfw_fail(net->tfw, TW_UNSUPPORTED, "node '%.200s' (%s) %s", node->name && *node->name ? node->name : output,
             tw_op_table[node->op].name, what);
}

/* What a network rounds to eight bits stays a float here, on its grid. */
const char *tfn_type(struct tfn *net, int id)
{
    const struct tw_value *value = tfn_value(net, id);
    bool is_rounded = !value->data && (value->dtype == TW_U8 || value->dtype == TW_I8);
    const char *type = is_rounded ? "float" : tfw_type(value->dtype);
    if (!type)
        tfw_fail(net->tfw, TW_UNSUPPORTED, "tensor '%.200s' is of type %s, which is not exported", value->name,
                 tw_dtype_name(value->dtype));
    return type ? type : "float";
}

int tfn_nhwc_axis(int axis)
{
    static const int places[] = {0, 3, 1, 2};
    return places[axis & 3];
}

/* A constant of up to four dimensions as it broadcasts against NHWC pictures. */
static const char *put_nhwc_constant(struct tfn *net, const struct tw_value *value)
{
    size_t size = tw_dtype_size(value->dtype);
    int64_t count = 0, dims[4] = {1, 1, 1, 1};
    for (int i = 0; i < value->shape.rank; i++)
        dims[4 - value->shape.rank + i] = value->shape.dims[i];
    if (!tw_shape_count(&value->shape, &count) || count == 0)
        return NULL;
    uint8_t *turned = tw_alloc((size_t)count, size);
    if (!turned) {
        net->tfw->status = tw_fail_memory(net->tfw->error, (size_t)count * size, "a constant");
        return NULL;
    }
    size_t plane = (size_t)(dims[2] * dims[3]), channels = (size_t)dims[1];
    for (size_t n = 0; n < (size_t)dims[0]; n++) {
        for (size_t i = 0; i < plane * channels; i++) {
            size_t from = (n * channels + i % channels) * plane + i / channels;
            memcpy(turned + (n * plane * channels + i) * size, (const uint8_t *)value->data + from * size, size);
        }
    }
    const struct tw_shape shape = {.rank = 4, .dims = {dims[0], dims[2], dims[3], dims[1]}};
    const char *name = tfw_tensor(net->tfw, value->dtype, count == 1 ? &(struct tw_shape){0} : &shape, turned);
    tw_free(turned);
    return name;
}

const char *tfn_native(struct tfn *net, int id)
{
    struct tfn_forms *forms = &net->forms[id];
    const struct tw_value *value = tfn_value(net, id);
    if (forms->native || net->tfw->status)
        return forms->native;
    if (value->data)
        return forms->native = tfw_tensor(net->tfw, value->dtype, &value->shape, value->data);
    if (!forms->nhwc) {
        tfw_fail(net->tfw, TW_CORRUPT, "tensor '%.200s' is made by no node", value->name);
        return NULL;
    }
    forms->native = TFW(net->tfw, tfw_text(net->tfw, "Transpose T=%s Tperm=int32", tfn_type(net, id)), forms->nhwc,
                        tfw_ints(net->tfw, (const int32_t[]){0, 3, 1, 2}, 4));
    return forms->native;
}

const char *tfn_nhwc(struct tfn *net, int id)
{
    struct tfn_forms *forms = &net->forms[id];
    const struct tw_value *value = tfn_value(net, id);
    if (forms->nhwc || net->tfw->status)
        return forms->nhwc;
    if (value->data && value->shape.rank <= 4)
        return forms->nhwc = put_nhwc_constant(net, value);
    forms->nhwc = TFW(net->tfw, tfw_text(net->tfw, "Transpose T=%s Tperm=int32", tfn_type(net, id)),
                      tfn_native(net, id), tfw_ints(net->tfw, (const int32_t[]){0, 2, 3, 1}, 4));
    return forms->nhwc;
}

bool tfn_prefers_nhwc(const struct tfn *net, int id)
{
    return net->forms[id].nhwc && !net->forms[id].native && !tfn_value(net, id)->data;
}

void tfn_set(struct tfn *net, int id, const char *name, bool is_nhwc)
{
    if (id >= 0 && is_nhwc)
        net->forms[id].nhwc = name;
    else if (id >= 0)
        net->forms[id].native = name;
}

int tfn_constant_ints(const struct tfn *net, int id, int64_t *out, int room)
{
    const struct tw_value *value = id >= 0 ? tfn_value(net, id) : NULL;
    int64_t count = 0;
    if (!value || !value->data || (value->dtype != TW_I64 && value->dtype != TW_I32) ||
        !tw_shape_count(&value->shape, &count) || count > room)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        int32_t narrow = 0;
        if (value->dtype == TW_I64) {
            memcpy(&out[i], (const uint8_t *)value->data + i * 8, 8);
        } else {
            memcpy(&narrow, (const uint8_t *)value->data + i * 4, 4);
            out[i] = narrow;
        }
    }
    return (int)count;
}

const void *tfn_floats(const struct tfn *net, int id, int64_t *count)
{
    const struct tw_value *value = id >= 0 ? tfn_value(net, id) : NULL;
    return value && value->dtype == TW_F32 && tw_shape_count(&value->shape, count) ? value->data : NULL;
}

const char *tfn_int64s(struct tfn *net, const int64_t *values, int count)
{
    return tfw_tensor(net->tfw, TW_I64, &(struct tw_shape){.rank = 1, .dims = {count}}, values);
}

void tfn_clip(struct tfn *net, const char **x, float low, float high)
{
    if (low > -3.4e38f)
        *x = TFW(net->tfw, "Maximum T=float", *x, tfw_float(net->tfw, low));
    if (high < 3.4e38f)
        *x = TFW(net->tfw, "Minimum T=float", *x, tfw_float(net->tfw, high));
}

static void write_alias(struct tfn *net, const struct tw_node *node)
{
    net->forms[node->outputs[0]] = net->forms[node->inputs[0]];
    if (!net->forms[node->inputs[0]].native && !net->forms[node->inputs[0]].nhwc)
        tfn_set(net, node->outputs[0], tfn_native(net, node->inputs[0]), false);
}

static void write_constant(struct tfn *net, const struct tw_node *node)
{
    const struct tw_attribute *value = tw_node_attribute(node, "value");
    if (!value || value->kind != TW_ATTR_TENSOR) {
        tfn_fail(net, node, "is no tensor");
        return;
    }
    tfn_set(net, node->outputs[0], tfn_native(net, value->tensor), false);
}

static tfn_writer *const writers[TW_OP_COUNT] = {
    [TW_OP_CONV] = tfn_conv,
    [TW_OP_GEMM] = tfn_gemm,
    [TW_OP_MATMUL] = tfn_matmul,
    [TW_OP_MAX_POOL] = tfn_pool,
    [TW_OP_AVERAGE_POOL] = tfn_pool,
    [TW_OP_GLOBAL_AVERAGE_POOL] = tfn_global_pool,
    [TW_OP_GLOBAL_MAX_POOL] = tfn_global_pool,
    [TW_OP_BATCH_NORM] = tfn_batch_norm,
    [TW_OP_LAYER_NORM] = tfn_layer_norm,
    [TW_OP_INSTANCE_NORM] = tfn_instance_norm,
    [TW_OP_LRN] = tfn_lrn,
    [TW_OP_SOFTMAX] = tfn_softmax,
    [TW_OP_LOG_SOFTMAX] = tfn_softmax,
    [TW_OP_RELU] = tfn_unary,
    [TW_OP_CLIP] = tfn_clip_op,
    [TW_OP_SIGMOID] = tfn_unary,
    [TW_OP_TANH] = tfn_unary,
    [TW_OP_LEAKY_RELU] = tfn_curve,
    [TW_OP_ELU] = tfn_curve,
    [TW_OP_SELU] = tfn_curve,
    [TW_OP_HARD_SIGMOID] = tfn_curve,
    [TW_OP_HARD_SWISH] = tfn_curve,
    [TW_OP_GELU] = tfn_curve,
    [TW_OP_PRELU] = tfn_prelu,
    [TW_OP_SOFTPLUS] = tfn_unary,
    [TW_OP_ERF] = tfn_unary,
    [TW_OP_SQRT] = tfn_unary,
    [TW_OP_EXP] = tfn_unary,
    [TW_OP_LOG] = tfn_unary,
    [TW_OP_ABS] = tfn_unary,
    [TW_OP_NEG] = tfn_unary,
    [TW_OP_RECIPROCAL] = tfn_unary,
    [TW_OP_FLOOR] = tfn_unary,
    [TW_OP_CEIL] = tfn_unary,
    [TW_OP_ROUND] = tfn_unary,
    [TW_OP_NOT] = tfn_unary,
    [TW_OP_ADD] = tfn_binary,
    [TW_OP_SUB] = tfn_binary,
    [TW_OP_MUL] = tfn_binary,
    [TW_OP_DIV] = tfn_binary,
    [TW_OP_POW] = tfn_binary,
    [TW_OP_EQUAL] = tfn_binary,
    [TW_OP_LESS] = tfn_binary,
    [TW_OP_GREATER] = tfn_binary,
    [TW_OP_MIN] = tfn_variadic,
    [TW_OP_MAX] = tfn_variadic,
    [TW_OP_SUM] = tfn_variadic,
    [TW_OP_MEAN] = tfn_variadic,
    [TW_OP_WHERE] = tfn_where,
    [TW_OP_REDUCE_MEAN] = tfn_reduce,
    [TW_OP_REDUCE_SUM] = tfn_reduce,
    [TW_OP_REDUCE_MAX] = tfn_reduce,
    [TW_OP_REDUCE_MIN] = tfn_reduce,
    [TW_OP_REDUCE_L2] = tfn_reduce,
    [TW_OP_ARG_MAX] = tfn_arg_max,
    [TW_OP_CONCAT] = tfn_concat,
    [TW_OP_SPLIT] = tfn_split,
    [TW_OP_SLICE] = tfn_slice,
    [TW_OP_GATHER] = tfn_gather,
    [TW_OP_PAD] = tfn_pad,
    [TW_OP_RESHAPE] = tfn_reshape,
    [TW_OP_FLATTEN] = tfn_reshape,
    [TW_OP_SQUEEZE] = tfn_reshape,
    [TW_OP_UNSQUEEZE] = tfn_reshape,
    [TW_OP_TRANSPOSE] = tfn_transpose,
    [TW_OP_EXPAND] = tfn_expand,
    [TW_OP_TILE] = tfn_tile,
    [TW_OP_IDENTITY] = write_alias,
    [TW_OP_DROPOUT] = write_alias,
    [TW_OP_CAST] = tfn_cast,
    [TW_OP_SHAPE] = tfn_shape,
    [TW_OP_CONSTANT] = write_constant,
    [TW_OP_CONSTANT_OF_SHAPE] = tfn_constant_of_shape,
    [TW_OP_RANGE] = tfn_range,
    [TW_OP_QUANTIZE_LINEAR] = tfn_quantize,
    [TW_OP_DEQUANTIZE_LINEAR] = tfn_dequantize,
};

static const char *gelu(struct tfn *net, const char *x)
{
    struct tfw *tfw = net->tfw;
    const char *erf = TFW(tfw, "Erf T=float", TFW(tfw, "Mul T=float", x, tfw_float(tfw, 0.70710678118654752f)));
    const char *half = TFW(tfw, "Mul T=float", x, tfw_float(tfw, 0.5f));
    return TFW(tfw, "Mul T=float", half, TFW(tfw, "Add T=float", erf, tfw_float(tfw, 1)));
}

static const char *activate(struct tfn *net, const struct tw_node *node, const char *x)
{
    struct tfw *tfw = net->tfw;
    const char *gate;
    switch (node->activation) {
    case TW_ACT_NONE:
        break;
    case TW_ACT_RELU:
        return TFW(tfw, "Relu T=float", x);
    case TW_ACT_CLIP:
        tfn_clip(net, &x, node->activation_alpha, node->activation_beta);
        break;
    case TW_ACT_SIGMOID:
        return TFW(tfw, "Sigmoid T=float", x);
    case TW_ACT_SWISH:
        return TFW(tfw, "Mul T=float", x, TFW(tfw, "Sigmoid T=float", x));
    case TW_ACT_HARD_SWISH:
        gate = TFW(tfw, "Mul T=float", x, tfw_float(tfw, 1.0f / 6));
        gate = TFW(tfw, "Add T=float", gate, tfw_float(tfw, 0.5f));
        tfn_clip(net, &gate, 0, 1);
        return TFW(tfw, "Mul T=float", x, gate);
    case TW_ACT_GELU:
        return gelu(net, x);
    case TW_ACT_LEAKY:
        return TFW(tfw, tfw_text(tfw, "LeakyRelu T=float alpha=%.9e", (double)node->activation_alpha), x);
    case TW_ACT_TANH:
        return TFW(tfw, "Tanh T=float", x);
    }
    return x;
}

/* What passes fused into the node: output = activation(op(inputs) + residual). */
static void finish(struct tfn *net, const struct tw_node *node)
{
    int id = node->outputs[0];
    if (node->residual < 0 && node->activation == TW_ACT_NONE)
        return;
    bool is_nhwc = net->forms[id].nhwc != NULL;
    const char *x = is_nhwc ? net->forms[id].nhwc : net->forms[id].native;
    if (node->residual >= 0)
        x = TFW(net->tfw, "Add T=float", x, is_nhwc ? tfn_nhwc(net, node->residual) : tfn_native(net, node->residual));
    x = activate(net, node, x);
    net->forms[id] = (struct tfn_forms){0};
    tfn_set(net, id, x, is_nhwc);
}

static void name_value(struct tfn *net, int id)
{
    if (id < 0 || id != net->named)
        return;
    const char *inputs[] = {tfn_native(net, id), NULL};
    net->forms[id] =
        (struct tfn_forms){.native = tfw_put_named(net->tfw, tfn_value(net, id)->name, "Identity T=float", inputs)};
}

void tfn_write(struct tfn *net)
{
    for (size_t i = 0; i < net->graph->node_count && !net->tfw->status; i++) {
        const struct tw_node *node = &net->graph->nodes[i];
        if (writers[node->op]) {
            writers[node->op](net, node);
            if (!net->tfw->status)
                finish(net, node);
            for (int j = 0; j < node->output_count && !net->tfw->status; j++)
                name_value(net, node->outputs[j]);
        } else {
            tfn_fail(net, node, "has no counterpart in what is exported to TensorFlow");
        }
    }
}
