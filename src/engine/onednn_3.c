/* oneDNN 3.x: descriptions of memory are objects, operations have none, scales and zero points are arguments of a run. */
#include "engine/onednn_calls.h"

#include <pthread.h>
#include <string.h>

/* Descriptions are asked for by value all over a plan: each kind is kept once, until the process ends. */
static struct {
    pthread_mutex_t mutex; /* guards the rest */
    dnnl_memory_desc_t *items;
    size_t count, capacity;
} known = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static dnnl_status_t keep(dnnl_memory_desc_t made, tw_onednn_description *kept)
{
    dnnl_status_t status = dnnl_success;
    size_t i = 0;
    pthread_mutex_lock(&known.mutex);
    while (i < known.count && !dnnl_memory_desc_equal(known.items[i], made))
        i++;
    if (i == known.count) {
        if (tw_grow((void **)&known.items, &known.capacity, known.count + 1, sizeof *known.items, NULL) == TW_OK)
            known.items[known.count++] = made;
        else
            status = dnnl_out_of_memory;
    }
    if (status == dnnl_success)
        *kept = known.items[i];
    if (i < known.count && known.items[i] != made)
        dnnl_memory_desc_destroy(made);
    pthread_mutex_unlock(&known.mutex);
    return status;
}

static void note_dims(tw_onednn_description d, dnnl_query_t what, int count, dnnl_dims_t out)
{
    const dnnl_dims_t *dims = NULL;
    if (dnnl_memory_desc_query(d, what, (void *)&dims) == dnnl_success && dims != NULL)
        memcpy(out, *dims, (size_t)count * sizeof(dnnl_dim_t));
}

static dnnl_status_t note(dnnl_memory_desc_t made, struct tw_layout *layout)
{
    struct tw_layout noted = {0};
    dnnl_format_kind_t kind = dnnl_format_kind_undef;
    dnnl_dim_t offset = 0;
    dnnl_status_t status = keep(made, &noted.described);
    if (status != dnnl_success)
        return status;
    tw_onednn_description d = noted.described;
    (void)dnnl_memory_desc_query(d, dnnl_query_ndims_s32, &noted.ndims);
    (void)dnnl_memory_desc_query(d, dnnl_query_data_type, &noted.data_type);
    (void)dnnl_memory_desc_query(d, dnnl_query_format_kind, &kind);
    (void)dnnl_memory_desc_query(d, dnnl_query_submemory_offset_s64, &offset);
    note_dims(d, dnnl_query_dims, noted.ndims, noted.dims);
    note_dims(d, dnnl_query_padded_dims, noted.ndims, noted.padded_dims);
    noted.is_blocked = kind == dnnl_blocked && offset == 0;
    if (noted.is_blocked) {
        (void)dnnl_memory_desc_query(d, dnnl_query_inner_nblks_s32, &noted.block_count);
        note_dims(d, dnnl_query_strides, noted.ndims, noted.strides);
        note_dims(d, dnnl_query_inner_blks, noted.block_count, noted.blocks);
        note_dims(d, dnnl_query_inner_idxs, noted.block_count, noted.block_axes);
    }
    *layout = noted;
    return dnnl_success;
}

dnnl_status_t tw_layout_by_strides(int rank, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides,
                                   struct tw_layout *layout)
{
    dnnl_memory_desc_t made;
    dnnl_status_t status = dnnl_memory_desc_create_with_strides(&made, rank, dims, type, strides);
    return status == dnnl_success ? note(made, layout) : status;
}

dnnl_status_t tw_layout_by_tag(int rank, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag,
                               struct tw_layout *layout)
{
    dnnl_memory_desc_t made;
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&made, rank, dims, type, tag);
    return status == dnnl_success ? note(made, layout) : status;
}

dnnl_status_t tw_layout_permute(const struct tw_layout *x, const int *places, struct tw_layout *as)
{
    dnnl_memory_desc_t made;
    dnnl_status_t status = dnnl_memory_desc_permute_axes(&made, x->described, places);
    return status == dnnl_success ? note(made, as) : status;
}

void tw_layout_set_type(struct tw_layout *layout, dnnl_data_type_t type)
{
    struct tw_layout made = {0};
    dnnl_status_t status = dnnl_success;
    if (layout->ndims == 0 || layout->data_type == type)
        return;
    if (!layout->is_blocked)
        status = tw_layout_by_tag(layout->ndims, layout->dims, type, dnnl_format_tag_any, &made);
    else if (layout->block_count == 0)
        status = tw_layout_by_strides(layout->ndims, layout->dims, type, layout->strides, &made);
    else /* tw_onednn_blocked's */
        status = tw_layout_by_tag(layout->ndims, layout->dims, type,
                                  layout->blocks[0] == 16 ? dnnl_nChw16c : dnnl_nChw8c, &made);
    if (status != dnnl_success)
        made = (struct tw_layout){0}; /* whoever uses it is refused */
    *layout = made;
}

bool tw_onednn_same(const struct tw_layout *a, const struct tw_layout *b)
{
    return a->described == b->described;
}

size_t tw_onednn_bytes(const struct tw_layout *layout)
{
    return layout->described != NULL ? dnnl_memory_desc_get_size(layout->described) : 0;
}

struct tw_layout tw_onednn_layout(const_dnnl_primitive_desc_t descriptor, dnnl_query_t what, int index)
{
    struct tw_layout layout = {0};
    dnnl_memory_desc_t copy;
    const_dnnl_memory_desc_t asked = dnnl_primitive_desc_query_md(descriptor, what, index);
    if (asked != NULL && dnnl_memory_desc_clone(&copy, asked) == dnnl_success)
        (void)!note(copy, &layout);
    return layout;
}

/* x * min(1, max(0, alpha x + beta)): 2.x has these two numbers by itself. */
static void complete(dnnl_alg_kind_t kind, float *alpha, float *beta)
{
    if (kind == dnnl_eltwise_hardswish) {
        *alpha = 1.0f / 6;
        *beta = 0.5f;
    }
}

dnnl_status_t onednn_describe(dnnl_engine_t engine, const struct tw_onednn_operation *o,
                              const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor)
{
    static const dnnl_dims_t no_dilation = {0};
    const dnnl_prop_kind_t use = dnnl_forward_inference;
    float alpha, beta = 0;
    switch (o->kind) {
    case TW_ONEDNN_CONVOLUTION:
        return dnnl_convolution_forward_primitive_desc_create(
            descriptor, engine, use, dnnl_convolution_direct, o->x.described, o->second.described,
            o->bias.ndims > 0 ? o->bias.described : NULL, o->y.described, o->strides, o->dilations, o->begin, o->end,
            attributes);
    case TW_ONEDNN_POOLING:
        return dnnl_pooling_forward_primitive_desc_create(descriptor, engine, use, o->how, o->x.described,
                                                          o->y.described, o->strides, o->kernel, no_dilation, o->begin,
                                                          o->end, attributes);
    case TW_ONEDNN_ACTIVATION:
        alpha = o->alpha;
        complete(o->how, &alpha, &beta);
        return dnnl_eltwise_forward_primitive_desc_create(descriptor, engine, use, o->how, o->x.described,
                                                          o->x.described, alpha, beta, attributes);
    default:
        return dnnl_binary_primitive_desc_create(descriptor, engine, o->how, o->x.described, o->second.described,
                                                 o->y.described, attributes);
    }
}

dnnl_status_t onednn_kernels_begin(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                                   const_dnnl_primitive_attr_t attributes, struct onednn_kernels *kernels)
{
    kernels->is_ended = false;
    return onednn_describe(engine, operation, attributes, &kernels->descriptor);
}

bool onednn_kernels_next(struct onednn_kernels *kernels, dnnl_primitive_desc_t *descriptor)
{
    if (kernels->is_ended || dnnl_primitive_desc_clone(descriptor, kernels->descriptor) != dnnl_success)
        return false;
    kernels->is_ended = dnnl_primitive_desc_next_impl(kernels->descriptor) != dnnl_success;
    return true;
}

void onednn_kernels_end(struct onednn_kernels *kernels)
{
    dnnl_primitive_desc_destroy(kernels->descriptor);
}

dnnl_status_t tw_onednn_reorder(dnnl_engine_t engine, const struct tw_layout *from, const struct tw_layout *to,
                                const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor)
{
    return dnnl_reorder_primitive_desc_create(descriptor, from->described, engine, to->described, engine, attributes);
}

dnnl_status_t tw_onednn_concat(dnnl_engine_t engine, const struct tw_layout *parts, int count, int axis,
                               const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor)
{
    const_dnnl_memory_desc_t *described = tw_alloc((size_t)count, sizeof *described);
    if (described == NULL)
        return dnnl_out_of_memory;
    for (int i = 0; i < count; i++)
        described[i] = parts[i].described;
    dnnl_status_t status =
        dnnl_concat_primitive_desc_create(descriptor, engine, NULL, count, axis, described, attributes);
    tw_free(described);
    return status;
}

dnnl_status_t tw_onednn_memory(dnnl_engine_t engine, const struct tw_layout *layout, void *place, dnnl_memory_t *memory)
{
    return dnnl_memory_create(memory, layout->described, engine, place);
}

dnnl_status_t onednn_append_activation(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta)
{
    complete(kind, &alpha, &beta);
    return dnnl_post_ops_append_eltwise(ops, kind, alpha, beta);
}

dnnl_status_t onednn_append_addend(dnnl_post_ops_t ops, const struct tw_layout *addend)
{
    return dnnl_post_ops_append_binary(ops, dnnl_binary_add, addend->described);
}

dnnl_status_t onednn_append_sum(dnnl_post_ops_t ops, float scale, dnnl_data_type_t type)
{
    return dnnl_post_ops_append_sum(ops, scale, 0, type);
}

dnnl_status_t onednn_set_numbers(const struct tw_onednn_fusion *fusion, dnnl_primitive_attr_t attributes)
{
    dnnl_status_t status = dnnl_success;
    int channels = fusion->has_groups ? 1 << 0 | 1 << 1 : 1 << 0;
    if (fusion->scale_count > 0)
        status =
            dnnl_primitive_attr_set_scales_mask(attributes, DNNL_ARG_WEIGHTS, fusion->scale_count > 1 ? channels : 0);
    if (status == dnnl_success && fusion->x_zero != 0)
        status = dnnl_primitive_attr_set_zero_points_mask(attributes, DNNL_ARG_SRC, 0);
    if (status == dnnl_success && fusion->y_zero != 0)
        status = dnnl_primitive_attr_set_zero_points_mask(attributes, DNNL_ARG_DST, 0);
    return status;
}

bool tw_onednn_scales_are_attributes(void)
{
    return false;
}
