#include "engine/onednn.h"

#include "engine/isa.h"
#include "engine/onednn_calls.h"

#include <string.h>

enum tw_status tw_onednn_check(dnnl_status_t status, const char *what, struct tw_error *error)
{
    if (status == dnnl_success)
        return TW_OK;
    if (status == dnnl_out_of_memory)
        return tw_fail(error, TW_NO_MEMORY, "%s: not enough memory", what);
    return tw_fail(error, TW_UNSUPPORTED, "%s: the compute library refused it (oneDNN status %d)", what, (int)status);
}

dnnl_data_type_t tw_onednn_type(enum tw_dtype dtype)
{
    return dtype == TW_F32 ? dnnl_f32 : dtype == TW_U8 ? dnnl_u8 : dtype == TW_I8 ? dnnl_s8 : dnnl_data_type_undef;
}

enum tw_status tw_onednn_plain(const struct tw_shape *shape, struct tw_layout *layout, struct tw_error *error)
{
    return tw_onednn_plain_of(shape, dnnl_f32, layout, error);
}

enum tw_status tw_onednn_plain_of(const struct tw_shape *shape, dnnl_data_type_t type, struct tw_layout *layout,
                                  struct tw_error *error)
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
    return tw_onednn_check(tw_layout_by_strides(rank, dims, type, strides, layout), "a layout", error);
}

enum tw_status tw_onednn_any(int rank, const int64_t *dims, struct tw_layout *layout, struct tw_error *error)
{
    dnnl_dims_t copy;
    memcpy(copy, dims, (size_t)rank * sizeof *dims);
    return tw_onednn_check(tw_layout_by_tag(rank, copy, dnnl_f32, dnnl_format_tag_any, layout), "a layout", error);
}

enum tw_status tw_onednn_pixels(const int64_t dims[4], dnnl_data_type_t type, struct tw_layout *layout,
                                struct tw_error *error)
{
    dnnl_dims_t copy;
    memcpy(copy, dims, 4 * sizeof *dims);
    return tw_onednn_check(tw_layout_by_tag(4, copy, type, dnnl_nhwc, layout), "a layout", error);
}

bool tw_onednn_blocked(const int64_t dims[4], struct tw_layout *layout)
{
    bool has_16 = tw_isa_has_avx512();
    int64_t block = has_16 ? 16 : 8;
    dnnl_dims_t copy;
    if ((!has_16 && !tw_isa_has_blocks()) || dims[1] % block != 0)
        return false;
    memcpy(copy, dims, 4 * sizeof *dims);
    return tw_layout_by_tag(4, copy, dnnl_f32, has_16 ? dnnl_nChw16c : dnnl_nChw8c, layout) == dnnl_success;
}

static bool is_one_pixel(const struct tw_layout *layout)
{
    return layout->ndims == 4 && layout->dims[0] * layout->dims[2] * layout->dims[3] == 1;
}

bool tw_onednn_has_one_order(const struct tw_layout *a, const struct tw_layout *b)
{
    return is_one_pixel(a) && is_one_pixel(b) && a->data_type == b->data_type && a->is_blocked && b->is_blocked &&
           a->padded_dims[1] == b->padded_dims[1];
}

/* The primitive of a descriptor, which is destroyed where there is none. */
static enum tw_status make_of(dnnl_primitive_desc_t descriptor, struct tw_onednn_primitive *made,
                              struct tw_error *error)
{
    struct tw_onednn_primitive result = {.descriptor = descriptor};
    enum tw_status status =
        tw_onednn_check(dnnl_primitive_create(&result.primitive, descriptor), "making a kernel", error);
    if (status != TW_OK)
        dnnl_primitive_desc_destroy(descriptor);
    else
        *made = result;
    return status;
}

enum tw_status tw_onednn_make(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                              const_dnnl_primitive_attr_t attributes, struct tw_onednn_primitive *made,
                              struct tw_error *error)
{
    dnnl_primitive_desc_t descriptor;
    enum tw_status status =
        tw_onednn_check(onednn_describe(engine, operation, attributes, &descriptor), "no kernel", error);
    return status == TW_OK ? make_of(descriptor, made, error) : status;
}

static bool is_wanted(const_dnnl_primitive_desc_t descriptor, const struct tw_onednn_kernel *kernel, int *number)
{
    if (kernel->name != NULL)
        return strcmp(tw_onednn_kernel_name(descriptor), kernel->name) == 0;
    return tw_onednn_is_fast(descriptor) && (*number)++ == kernel->index;
}

enum tw_status tw_onednn_make_by(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                                 const_dnnl_primitive_attr_t attributes, const struct tw_onednn_kernel *kernel,
                                 struct tw_onednn_primitive *made, struct tw_error *error)
{
    struct onednn_kernels kernels;
    dnnl_primitive_desc_t found = NULL;
    int number = 0;
    dnnl_status_t status = onednn_kernels_begin(engine, operation, attributes, &kernels);
    if (status != dnnl_success)
        return tw_onednn_check(status, "no kernel", error);
    while (found == NULL && onednn_kernels_next(&kernels, &found)) {
        if (!is_wanted(found, kernel, &number)) {
            dnnl_primitive_desc_destroy(found);
            found = NULL;
        }
    }
    onednn_kernels_end(&kernels);
    return found != NULL ? make_of(found, made, error) : tw_onednn_make(engine, operation, attributes, made, error);
}

const char *tw_onednn_kernel_name(const_dnnl_primitive_desc_t descriptor)
{
    const char *name = NULL;
    bool is_known = dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &name) == dnnl_success;
    return is_known && name != NULL ? name : "unnamed";
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
        if (!tw_isa_has_hard_swish())
            return false;
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
    return onednn_append_activation(ops, as.kind, as.alpha, as.beta) == dnnl_success;
}

static bool append_all(const struct tw_onednn_fusion *fusion, dnnl_post_ops_t ops)
{
    if (fusion->addend != NULL && onednn_append_addend(ops, fusion->addend) != dnnl_success)
        return false;
    if (fusion->adds_output && onednn_append_sum(ops, fusion->sum_scale, fusion->sum_type) != dnnl_success)
        return false;
    return append_activation(fusion->node, ops) &&
           (fusion->result_scale == 1 ||
            onednn_append_activation(ops, dnnl_eltwise_linear, fusion->result_scale, 0) == dnnl_success);
}

bool tw_onednn_fuse(const struct tw_onednn_fusion *fusion, dnnl_primitive_attr_t *attributes)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_primitive_attr_t made = NULL;
    bool is_good = dnnl_primitive_attr_create(&made) == dnnl_success &&
                   dnnl_primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user) == dnnl_success &&
                   onednn_set_numbers(fusion, made) == dnnl_success && dnnl_post_ops_create(&ops) == dnnl_success &&
                   append_all(fusion, ops) && dnnl_primitive_attr_set_post_ops(made, ops) == dnnl_success;
    if (ops != NULL)
        dnnl_post_ops_destroy(ops);
    if (is_good)
        *attributes = made;
    else if (made != NULL)
        dnnl_primitive_attr_destroy(made);
    return is_good;
}

bool tw_onednn_attributes(const struct tw_node *node, bool adds, dnnl_primitive_attr_t *attributes)
{
    const struct tw_onednn_fusion fusion = {
        .node = node, .adds_output = adds, .sum_scale = 1, .sum_type = dnnl_data_type_undef, .result_scale = 1};
    return tw_onednn_fuse(&fusion, attributes);
}

bool tw_onednn_is_fast(const_dnnl_primitive_desc_t descriptor)
{
    const char *name = tw_onednn_kernel_name(descriptor);
    return strncmp(name, "ref", 3) != 0 && strncmp(name, "gemm", 4) != 0;
}

enum tw_status tw_onednn_reorder_now(dnnl_engine_t engine, const struct tw_layout *from_layout, const void *from,
                                     const struct tw_layout *to_layout, void *to, struct tw_error *error)
{
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t s = tw_onednn_reorder(engine, from_layout, to_layout, NULL, &descriptor);
    if (s == dnnl_success)
        s = dnnl_primitive_create(&primitive, descriptor);
    if (s == dnnl_success)
        s = tw_onednn_memory(engine, from_layout, (void *)(uintptr_t)from, &source);
    if (s == dnnl_success)
        s = tw_onednn_memory(engine, to_layout, to, &target);
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
