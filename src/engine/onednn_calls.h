/* The calls that 2.x and 3.x spell differently: for onednn.c. */
#ifndef TW_ENGINE_ONEDNN_CALLS_H
#define TW_ENGINE_ONEDNN_CALLS_H

#include "engine/onednn.h"

dnnl_status_t onednn_describe(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                              const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor);

#if DNNL_VERSION_MAJOR < 3
union onednn_operation {
    dnnl_convolution_desc_t convolution;
    dnnl_pooling_desc_t pooling;
    dnnl_eltwise_desc_t activation;
    dnnl_binary_desc_t binary;
};
#endif

/* The library's kernels for an operation, in its order of preference. Each that `next` gives is the caller's to destroy. */
struct onednn_kernels {
#if DNNL_VERSION_MAJOR < 3
    union onednn_operation operation; /* the iterator points to it */
    dnnl_primitive_desc_iterator_t iterator;
#else
    dnnl_primitive_desc_t descriptor;
#endif
    bool is_ended;
};
dnnl_status_t onednn_kernels_begin(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                                   const_dnnl_primitive_attr_t attributes, struct onednn_kernels *kernels);
bool onednn_kernels_next(struct onednn_kernels *kernels, dnnl_primitive_desc_t *descriptor);
void onednn_kernels_end(struct onednn_kernels *kernels);

dnnl_status_t onednn_append_activation(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta);
dnnl_status_t onednn_append_addend(dnnl_post_ops_t ops, const struct tw_layout *addend);
dnnl_status_t onednn_append_sum(dnnl_post_ops_t ops, float scale, dnnl_data_type_t type);
/* Scales and zero points of a fusion. */
dnnl_status_t onednn_set_numbers(const struct tw_onednn_fusion *fusion, dnnl_primitive_attr_t attributes);

#endif
