#include "engine/onednn.h"

#include <string.h>

enum tw_status tw_onednn_check(dnnl_status_t status, const char *what, struct tw_error *error)
{
    if (status == dnnl_success)
        return TW_OK;
    if (status == dnnl_out_of_memory)
        return tw_fail(error, TW_NO_MEMORY, "%s: not enough memory", what);
    return tw_fail(error, TW_UNSUPPORTED, "%s: the compute library refused it (oneDNN status %d)", what, (int)status);
}

enum tw_status tw_onednn_plain(const struct tw_shape *shape, dnnl_memory_desc_t *layout, struct tw_error *error)
{
    dnnl_dims_t dims = {1}, strides;
    int rank = shape->rank < 1 ? 1 : shape->rank;
    for (int i = 0; i < shape->rank; i++)
        dims[i] = shape->dims[i];
    int64_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= dims[i] > 0 ? dims[i] : 1;
    }
    return tw_onednn_check(dnnl_memory_desc_init_by_strides(layout, rank, dims, dnnl_f32, strides), "a layout", error);
}

enum tw_status tw_onednn_any(int rank, const int64_t *dims, dnnl_memory_desc_t *layout, struct tw_error *error)
{
    dnnl_dims_t copy;
    memcpy(copy, dims, (size_t)rank * sizeof *dims);
    return tw_onednn_check(dnnl_memory_desc_init_by_tag(layout, rank, copy, dnnl_f32, dnnl_format_tag_any), "a layout",
                           error);
}

bool tw_onednn_blocked(const int64_t dims[4], dnnl_memory_desc_t *layout)
{
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    bool has_16 = (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core,
         has_8 = (isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2;
    int64_t block = has_16 ? 16 : 8;
    dnnl_dims_t copy;
    if ((!has_16 && !has_8) || dims[1] % block != 0)
        return false;
    memcpy(copy, dims, 4 * sizeof *dims);
    return dnnl_memory_desc_init_by_tag(layout, 4, copy, dnnl_f32, has_16 ? dnnl_nChw16c : dnnl_nChw8c) == dnnl_success;
}

bool tw_onednn_same(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b)
{
    return dnnl_memory_desc_equal(a, b) != 0;
}

size_t tw_onednn_bytes(const dnnl_memory_desc_t *layout)
{
    return dnnl_memory_desc_get_size(layout);
}

enum tw_status tw_onednn_make(dnnl_engine_t engine, const void *operation, const_dnnl_primitive_attr_t attributes,
                              struct tw_onednn_primitive *made, struct tw_error *error)
{
    struct tw_onednn_primitive result = {0};
    enum tw_status status = tw_onednn_check(
        dnnl_primitive_desc_create(&result.descriptor, operation, attributes, engine, NULL), "no kernel", error);
    if (status != TW_OK)
        return status;
    status = tw_onednn_check(dnnl_primitive_create(&result.primitive, result.descriptor), "making a kernel", error);
    if (status != TW_OK)
        dnnl_primitive_desc_destroy(result.descriptor);
    else
        *made = result;
    return status;
}

dnnl_memory_desc_t tw_onednn_layout(const_dnnl_primitive_desc_t descriptor, dnnl_query_t what, int index)
{
    return *dnnl_primitive_desc_query_md(descriptor, what, index);
}

static bool append_activation(const struct tw_node *node, dnnl_post_ops_t ops)
{
    struct {
        dnnl_alg_kind_t kind;
        float alpha, beta;
    } as;
    switch (node->activation) {
    case TW_ACT_NONE:
        return true;
    case TW_ACT_RELU:
        as.kind = dnnl_eltwise_relu, as.alpha = 0, as.beta = 0;
        break;
    case TW_ACT_LEAKY:
        as.kind = dnnl_eltwise_relu, as.alpha = node->activation_alpha, as.beta = 0;
        break;
    case TW_ACT_CLIP:
        as.kind = dnnl_eltwise_clip, as.alpha = node->activation_alpha, as.beta = node->activation_beta;
        break;
    case TW_ACT_SIGMOID:
        as.kind = dnnl_eltwise_logistic, as.alpha = 0, as.beta = 0;
        break;
    case TW_ACT_SWISH:
        as.kind = dnnl_eltwise_swish, as.alpha = 1, as.beta = 0;
        break;
    case TW_ACT_HARD_SWISH:
        as.kind = dnnl_eltwise_hardswish, as.alpha = 0, as.beta = 0;
        break;
    case TW_ACT_GELU:
        as.kind = dnnl_eltwise_gelu_erf, as.alpha = 0, as.beta = 0;
        break;
    case TW_ACT_TANH:
        as.kind = dnnl_eltwise_tanh, as.alpha = 0, as.beta = 0;
        break;
    default:
        return false;
    }
    return dnnl_post_ops_append_eltwise(ops, 1, as.kind, as.alpha, as.beta) == dnnl_success;
}

bool tw_onednn_attributes(const struct tw_node *node, bool adds, dnnl_primitive_attr_t *attributes)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_primitive_attr_t made = NULL;
    bool is_good = dnnl_primitive_attr_create(&made) == dnnl_success &&
                   dnnl_primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user) == dnnl_success &&
                   dnnl_post_ops_create(&ops) == dnnl_success &&
                   (!adds || dnnl_post_ops_append_sum(ops, 1) == dnnl_success) && append_activation(node, ops) &&
                   dnnl_primitive_attr_set_post_ops(made, ops) == dnnl_success;
    if (ops != NULL)
        dnnl_post_ops_destroy(ops);
    if (is_good)
        *attributes = made;
    else if (made != NULL)
        dnnl_primitive_attr_destroy(made);
    return is_good;
}

enum tw_status tw_onednn_reorder_now(dnnl_engine_t engine, const dnnl_memory_desc_t *from_layout, const void *from,
                                     const dnnl_memory_desc_t *to_layout, void *to, struct tw_error *error)
{
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&descriptor, from_layout, engine, to_layout, engine, NULL);
    if (s == dnnl_success)
        s = dnnl_primitive_create(&primitive, descriptor);
    if (s == dnnl_success)
        s = dnnl_memory_create(&source, from_layout, engine, (void *)(uintptr_t)from);
    if (s == dnnl_success)
        s = dnnl_memory_create(&target, to_layout, engine, to);
    if (s == dnnl_success)
        s = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
    if (s == dnnl_success)
        s = dnnl_primitive_execute(primitive, stream, 2, arguments);
    if (s == dnnl_success)
        s = dnnl_stream_wait(stream);
    if (stream != NULL)
        dnnl_stream_destroy(stream);
    if (target != NULL)
        dnnl_memory_destroy(target);
    if (source != NULL)
        dnnl_memory_destroy(source);
    if (primitive != NULL)
        dnnl_primitive_destroy(primitive);
    if (descriptor != NULL)
        dnnl_primitive_desc_destroy(descriptor);
    return tw_onednn_check(s, "reordering weights", error);
}
