/* oneDNN 2.x: descriptions of memory are structs, operations have descriptors of their own, scales and zero points are attributes. */
#include "engine/onednn_calls.h"

#include <string.h>

static void note(struct tw_layout *layout)
{
    const dnnl_memory_desc_t *d = &layout->described;
    layout->ndims = d->ndims;
    layout->data_type = d->data_type;
    memcpy(layout->dims, d->dims, sizeof layout->dims);
    memcpy(layout->padded_dims, d->padded_dims, sizeof layout->padded_dims);
    layout->is_blocked = d->format_kind == dnnl_blocked && d->offset0 == 0;
    layout->block_count = 0;
    if (!layout->is_blocked)
        return;
    const dnnl_blocking_desc_t *blocking = &d->format_desc.blocking;
    layout->block_count = blocking->inner_nblks;
    memcpy(layout->strides, blocking->strides, sizeof layout->strides);
    memcpy(layout->blocks, blocking->inner_blks, sizeof layout->blocks);
    memcpy(layout->block_axes, blocking->inner_idxs, sizeof layout->block_axes);
}

dnnl_status_t tw_layout_by_strides(int rank, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides,
                                   struct tw_layout *layout)
{
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&layout->described, rank, dims, type, strides);
    if (status == dnnl_success)
        note(layout);
    return status;
}

dnnl_status_t tw_layout_by_tag(int rank, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag,
                               struct tw_layout *layout)
{
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&layout->described, rank, dims, type, tag);
    if (status == dnnl_success)
        note(layout);
    return status;
}

dnnl_status_t tw_layout_permute(const struct tw_layout *x, const int *places, struct tw_layout *as)
{
    dnnl_status_t status = dnnl_memory_desc_permute_axes(&as->described, &x->described, places);
    if (status == dnnl_success)
        note(as);
    return status;
}

void tw_layout_set_type(struct tw_layout *layout, dnnl_data_type_t type)
{
    layout->data_type = layout->described.data_type = type;
}

bool tw_onednn_same(const struct tw_layout *a, const struct tw_layout *b)
{
    return dnnl_memory_desc_equal(&a->described, &b->described) != 0;
}

size_t tw_onednn_bytes(const struct tw_layout *layout)
{
    return dnnl_memory_desc_get_size(&layout->described);
}

struct tw_layout tw_onednn_layout(const_dnnl_primitive_desc_t descriptor, dnnl_query_t what, int index)
{
    struct tw_layout layout = {.described = *dnnl_primitive_desc_query_md(descriptor, what, index)};
    note(&layout);
    return layout;
}

static dnnl_status_t init(const struct tw_onednn_operation *o, union onednn_operation *made)
{
    const dnnl_memory_desc_t *x = &o->x.described, *second = &o->second.described, *y = &o->y.described;
    const dnnl_memory_desc_t *bias = o->bias.ndims > 0 ? &o->bias.described : NULL;
    switch (o->kind) {
    case TW_ONEDNN_CONVOLUTION:
        return dnnl_dilated_convolution_forward_desc_init(&made->convolution, dnnl_forward_inference,
                                                          dnnl_convolution_direct, x, second, bias, y, o->strides,
                                                          o->dilations, o->begin, o->end);
    case TW_ONEDNN_POOLING:
        return dnnl_pooling_forward_desc_init(&made->pooling, dnnl_forward_inference, o->how, x, y, o->strides,
                                              o->kernel, o->begin, o->end);
    case TW_ONEDNN_ACTIVATION:
        return dnnl_eltwise_forward_desc_init(&made->activation, dnnl_forward_inference, o->how, x, o->alpha, 0);
    default:
        return dnnl_binary_desc_init(&made->binary, o->how, x, second, y);
    }
}

dnnl_status_t onednn_describe(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                              const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor)
{
    union onednn_operation made;
    dnnl_status_t status = init(operation, &made);
    return status == dnnl_success ? dnnl_primitive_desc_create(descriptor, &made, attributes, engine, NULL) : status;
}

dnnl_status_t onednn_kernels_begin(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                                   const_dnnl_primitive_attr_t attributes, struct onednn_kernels *kernels)
{
    dnnl_status_t status = init(operation, &kernels->operation);
    kernels->is_ended = false;
    return status == dnnl_success
               ? dnnl_primitive_desc_iterator_create(&kernels->iterator, &kernels->operation, attributes, engine, NULL)
               : status;
}

bool onednn_kernels_next(struct onednn_kernels *kernels, dnnl_primitive_desc_t *descriptor)
{
    if (kernels->is_ended)
        return false;
    *descriptor = dnnl_primitive_desc_iterator_fetch(kernels->iterator);
    kernels->is_ended = dnnl_primitive_desc_iterator_next(kernels->iterator) != dnnl_success;
    return *descriptor != NULL;
}

void onednn_kernels_end(struct onednn_kernels *kernels)
{
    dnnl_primitive_desc_iterator_destroy(kernels->iterator);
}

dnnl_status_t tw_onednn_reorder(dnnl_engine_t engine, const struct tw_layout *from, const struct tw_layout *to,
                                const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor)
{
    return dnnl_reorder_primitive_desc_create(descriptor, &from->described, engine, &to->described, engine, attributes);
}

dnnl_status_t tw_onednn_concat(dnnl_engine_t engine, const struct tw_layout *parts, int count, int axis,
                               const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor)
{
    dnnl_memory_desc_t *described = tw_alloc((size_t)count, sizeof *described);
    if (described == NULL)
        return dnnl_out_of_memory;
    for (int i = 0; i < count; i++)
        described[i] = parts[i].described;
    dnnl_status_t status =
        dnnl_concat_primitive_desc_create(descriptor, NULL, count, axis, described, attributes, engine);
    tw_free(described);
    return status;
}

dnnl_status_t tw_onednn_memory(dnnl_engine_t engine, const struct tw_layout *layout, void *place, dnnl_memory_t *memory)
{
    return dnnl_memory_create(memory, &layout->described, engine, place);
}

dnnl_status_t onednn_append_activation(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta)
{
    return dnnl_post_ops_append_eltwise(ops, 1, kind, alpha, beta);
}

dnnl_status_t onednn_append_addend(dnnl_post_ops_t ops, const struct tw_layout *addend)
{
    return dnnl_post_ops_append_binary(ops, dnnl_binary_add, &addend->described);
}

dnnl_status_t onednn_append_sum(dnnl_post_ops_t ops, float scale, dnnl_data_type_t type)
{
    return dnnl_post_ops_append_sum_v2(ops, scale, type);
}

dnnl_status_t onednn_set_numbers(const struct tw_onednn_fusion *fusion, dnnl_primitive_attr_t attributes)
{
    enum { EACH_CHANNEL = 1 << 1 };
    dnnl_status_t status = dnnl_success;
    if (fusion->scale_count > 0)
        status = dnnl_primitive_attr_set_output_scales(attributes, fusion->scale_count,
                                                       fusion->scale_count > 1 ? EACH_CHANNEL : 0, fusion->scales);
    if (status == dnnl_success && fusion->x_zero != 0)
        status = dnnl_primitive_attr_set_zero_points(attributes, DNNL_ARG_SRC, 1, 0, &fusion->x_zero);
    if (status == dnnl_success && fusion->y_zero != 0)
        status = dnnl_primitive_attr_set_zero_points(attributes, DNNL_ARG_DST, 1, 0, &fusion->y_zero);
    return status;
}

bool tw_onednn_scales_are_attributes(void)
{
    return true;
}
