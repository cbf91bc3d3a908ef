/* All that differs between oneDNN's 2.x and 3.x C interfaces, in one place. Layouts are values here. */
#ifndef TW_ENGINE_ONEDNN_H
#define TW_ENGINE_ONEDNN_H

#include "graph/op.h"

#include <oneapi/dnnl/dnnl.h>

/* C order of an f32 tensor; rank 0 becomes one dimension of 1. */
enum tw_status tw_onednn_plain(const struct tw_shape *shape, dnnl_memory_desc_t *layout,
                               struct tw_error *error) TW_MUST_USE;
/* The same of another type of elements. */
enum tw_status tw_onednn_plain_of(const struct tw_shape *shape, dnnl_data_type_t type, dnnl_memory_desc_t *layout,
                                  struct tw_error *error) TW_MUST_USE;
/* f32, u8 or s8; undef for what the library is not given. */
dnnl_data_type_t tw_onednn_type(enum tw_dtype dtype);
/* The same dimensions, order left to the library. */
enum tw_status tw_onednn_any(int rank, const int64_t *dims, dnnl_memory_desc_t *layout,
                             struct tw_error *error) TW_MUST_USE;
/* Any number of channels beside each other for each place of the image (NHWC in memory; the dimensions stay NCHW): the layout
 * of all that is narrower than f32. */
enum tw_status tw_onednn_pixels(const int64_t dims[4], dnnl_data_type_t type, dnnl_memory_desc_t *layout,
                                struct tw_error *error) TW_MUST_USE;
/* Channels in blocks of the CPU's vector width, one image behind the other: the layout in which parts of a concatenation lie
 * one behind the other. False: the channels do not divide, or this CPU has no such kernels. */
bool tw_onednn_blocked(const int64_t dims[4], dnnl_memory_desc_t *layout);
bool tw_onednn_same(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b);
/* Whether the numbers of one image lie in the same order and type all the same: channels of images of one pixel. */
bool tw_onednn_has_one_order(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b);
size_t tw_onednn_bytes(const dnnl_memory_desc_t *layout);

/* A primitive from an operation descriptor, with its scratchpad left to the caller. TW_UNSUPPORTED where the library has no
 * implementation. */
struct tw_onednn_primitive {
    dnnl_primitive_t primitive;
    dnnl_primitive_desc_t descriptor; /* the caller's to destroy */
};
enum tw_status tw_onednn_make(dnnl_engine_t engine, const void *operation, const_dnnl_primitive_attr_t attributes,
                              struct tw_onednn_primitive *made, struct tw_error *error) TW_MUST_USE;
/* The same by one of the library's kernels for this operation: that of a name, or, where `name` is NULL, that of a number
 * among those made for this CPU. The library's own choice where there is none such. */
struct tw_onednn_kernel {
    const char *name;
    int index;
};
enum tw_status tw_onednn_make_by(dnnl_engine_t engine, const void *operation, const_dnnl_primitive_attr_t attributes,
                                 const struct tw_onednn_kernel *kernel, struct tw_onednn_primitive *made,
                                 struct tw_error *error) TW_MUST_USE;
/* "jit:avx2": borrowed from the descriptor. */
const char *tw_onednn_kernel_name(const_dnnl_primitive_desc_t descriptor);
dnnl_memory_desc_t tw_onednn_layout(const_dnnl_primitive_desc_t descriptor, dnnl_query_t what, int index);
/* Attributes with the scratchpad left to the caller and what is fused into a node; `adds` : a sum before the activation.
 * False: the library does not know the activation. */
bool tw_onednn_attributes(const struct tw_node *node, bool adds, dnnl_primitive_attr_t *attributes);
/* What is fused into a convolution, in this order: times the scales, plus what lies in the output or an addend, activation,
 * times result_scale, rounded, plus y_zero. Zero: nothing of it, save result_scale, which is 1. */
struct tw_onednn_fusion {
    const struct tw_node *node; /* its activation */
    const float *scales;        /* one, or one for each output channel */
    int scale_count;
    int32_t x_zero, y_zero;
    bool adds_output; /* output * sum_scale, the output read as of sum_type */
    float sum_scale;
    dnnl_data_type_t sum_type;
    const dnnl_memory_desc_t *addend; /* argument TW_ONEDNN_ADDEND */
    float result_scale;
};
enum { TW_ONEDNN_ADDEND = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1 };
bool tw_onednn_fuse(const struct tw_onednn_fusion *fusion, dnnl_primitive_attr_t *attributes);
/* Whether the library's kernel is one made for this CPU, not its plain loops. */
bool tw_onednn_is_fast(const_dnnl_primitive_desc_t descriptor);
enum tw_status tw_onednn_check(dnnl_status_t status, const char *what, struct tw_error *error) TW_MUST_USE;
/* Copies now, on the calling thread. */
enum tw_status tw_onednn_reorder_now(dnnl_engine_t engine, const dnnl_memory_desc_t *from_layout, const void *from,
                                     const dnnl_memory_desc_t *to_layout, void *to, struct tw_error *error) TW_MUST_USE;

#endif
