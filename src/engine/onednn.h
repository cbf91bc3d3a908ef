/* oneDNN as this folder uses it. What differs between the C interfaces of 2.x and 3.x stands in onednn_2.c and onednn_3.c alone, of
 * which one is built. */
#ifndef TW_ENGINE_ONEDNN_H
#define TW_ENGINE_ONEDNN_H

#include "graph/op.h"

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR < 3
typedef dnnl_memory_desc_t tw_onednn_description;
#else
typedef const_dnnl_memory_desc_t tw_onednn_description; /* lives until the process ends; equal ones are one */
#endif

/* Where the numbers of a tensor lie, and of which type they are: a value. Made by the functions below; read as it is. */
struct tw_layout {
    int ndims; /* 0: none */
    dnnl_data_type_t data_type;
    dnnl_dims_t dims, padded_dims;
    bool is_blocked;                 /* by strides and blocks; else the order is the library's own, or left open */
    dnnl_dims_t strides;             /* is_blocked: of whole blocks */
    int block_count;                 /* is_blocked */
    dnnl_dims_t blocks, block_axes;  /* of each: how many, and of which dimension */
    tw_onednn_description described; /* to the library */
};
dnnl_status_t tw_layout_by_strides(int rank, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides,
                                   struct tw_layout *layout);
dnnl_status_t tw_layout_by_tag(int rank, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag,
                               struct tw_layout *layout);
/* `as`: the same places, dimension i of x being dimension places[i]. */
dnnl_status_t tw_layout_permute(const struct tw_layout *x, const int *places, struct tw_layout *as);
/* The same order of numbers of another type. Of layouts that this folder made, not of those that the library chose. */
void tw_layout_set_type(struct tw_layout *layout, dnnl_data_type_t type);

/* C order of an f32 tensor; rank 0 becomes one dimension of 1. */
enum tw_status tw_onednn_plain(const struct tw_shape *shape, struct tw_layout *layout,
                               struct tw_error *error) TW_MUST_USE;
/* The same of another type of elements. */
enum tw_status tw_onednn_plain_of(const struct tw_shape *shape, dnnl_data_type_t type, struct tw_layout *layout,
                                  struct tw_error *error) TW_MUST_USE;
/* f32, u8 or s8; undef for what the library is not given. */
dnnl_data_type_t tw_onednn_type(enum tw_dtype dtype);
/* The same dimensions, order left to the library. */
enum tw_status tw_onednn_any(int rank, const int64_t *dims, struct tw_layout *layout,
                             struct tw_error *error) TW_MUST_USE;
/* Any number of channels beside each other for each place of the image (NHWC in memory; the dimensions stay NCHW): the layout
 * of all that is narrower than f32. */
enum tw_status tw_onednn_pixels(const int64_t dims[4], dnnl_data_type_t type, struct tw_layout *layout,
                                struct tw_error *error) TW_MUST_USE;
/* Channels in blocks of the CPU's vector width, one image behind the other: the layout in which parts of a concatenation lie
 * one behind the other. False: the channels do not divide, or this CPU has no such kernels. */
bool tw_onednn_blocked(const int64_t dims[4], struct tw_layout *layout);
bool tw_onednn_same(const struct tw_layout *a, const struct tw_layout *b);
/* Whether the numbers of one image lie in the same order and type all the same: channels of images of one pixel. */
bool tw_onednn_has_one_order(const struct tw_layout *a, const struct tw_layout *b);
size_t tw_onednn_bytes(const struct tw_layout *layout);

/* What is to be computed. */
struct tw_onednn_operation {
    enum { TW_ONEDNN_CONVOLUTION, TW_ONEDNN_POOLING, TW_ONEDNN_ACTIVATION, TW_ONEDNN_BINARY } kind;
    dnnl_alg_kind_t how;           /* of all but convolutions */
    struct tw_layout x, second, y; /* second: weights of a convolution, the other operand of a binary operation */
    struct tw_layout bias;         /* ndims 0: none */
    dnnl_dims_t strides, kernel, dilations, begin,
        end;     /* of windows: kernel of pools, dilations (less one) of convolutions */
    float alpha; /* of an activation */
};

/* A primitive of an operation, with its scratchpad left to the caller. TW_UNSUPPORTED where the library has no implementation. */
struct tw_onednn_primitive {
    dnnl_primitive_t primitive;
    dnnl_primitive_desc_t descriptor; /* the caller's to destroy */
};
enum tw_status tw_onednn_make(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                              const_dnnl_primitive_attr_t attributes, struct tw_onednn_primitive *made,
                              struct tw_error *error) TW_MUST_USE;
/* The same by one of the library's kernels for this operation: that of a name, or, where `name` is NULL, that of a number
 * among those made for this CPU. The library's own choice where there is none such. */
struct tw_onednn_kernel {
    const char *name;
    int index;
};
enum tw_status tw_onednn_make_by(dnnl_engine_t engine, const struct tw_onednn_operation *operation,
                                 const_dnnl_primitive_attr_t attributes, const struct tw_onednn_kernel *kernel,
                                 struct tw_onednn_primitive *made, struct tw_error *error) TW_MUST_USE;
/* "jit:avx2": borrowed from the descriptor. */
const char *tw_onednn_kernel_name(const_dnnl_primitive_desc_t descriptor);
struct tw_layout tw_onednn_layout(const_dnnl_primitive_desc_t descriptor, dnnl_query_t what, int index);
/* Attributes with the scratchpad left to the caller and what is fused into a node; `adds` : a sum before the activation.
 * False: the library does not know the activation. */
bool tw_onednn_attributes(const struct tw_node *node, bool adds, dnnl_primitive_attr_t *attributes);
dnnl_status_t tw_onednn_reorder(dnnl_engine_t engine, const struct tw_layout *from, const struct tw_layout *to,
                                const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor);
dnnl_status_t tw_onednn_concat(dnnl_engine_t engine, const struct tw_layout *parts, int count, int axis,
                               const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *descriptor);
dnnl_status_t tw_onednn_memory(dnnl_engine_t engine, const struct tw_layout *layout, void *place,
                               dnnl_memory_t *memory);
/* What is fused into a convolution, in this order: times the scales, plus what lies in the output or an addend, activation,
 * times result_scale, rounded, plus y_zero. Zero: nothing of it, save result_scale, which is 1. */
struct tw_onednn_fusion {
    const struct tw_node *node; /* its activation */
    const float *scales;        /* one, or one for each output channel */
    int scale_count;
    bool has_groups;
    int32_t x_zero, y_zero;
    bool adds_output; /* output * sum_scale, the output read as of sum_type */
    float sum_scale;
    dnnl_data_type_t sum_type;
    const struct tw_layout *addend; /* argument TW_ONEDNN_ADDEND */
    float result_scale;
};
enum { TW_ONEDNN_ADDEND = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1 };
bool tw_onednn_fuse(const struct tw_onednn_fusion *fusion, dnnl_primitive_attr_t *attributes);
/* Whether the numbers of a fusion (scales, zeros) are in its attributes, scales after the bias is added. Else a run is given them as
 * arguments (TW_ONEDNN_SCALES and the like), and biases are added to what is scaled. */
bool tw_onednn_scales_are_attributes(void);
#if DNNL_VERSION_MAJOR < 3
enum { TW_ONEDNN_SCALES = -1, TW_ONEDNN_X_ZERO = -1, TW_ONEDNN_Y_ZERO = -1 };
#else
enum {
    TW_ONEDNN_SCALES = DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS,
    TW_ONEDNN_X_ZERO = DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC,
    TW_ONEDNN_Y_ZERO = DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_DST
};
#endif
/* Whether the library's kernel is one made for this CPU, not its plain loops. */
bool tw_onednn_is_fast(const_dnnl_primitive_desc_t descriptor);
enum tw_status tw_onednn_check(dnnl_status_t status, const char *what, struct tw_error *error) TW_MUST_USE;
/* Copies now, on the calling thread. */
enum tw_status tw_onednn_reorder_now(dnnl_engine_t engine, const struct tw_layout *from_layout, const void *from,
                                     const struct tw_layout *to_layout, void *to, struct tw_error *error) TW_MUST_USE;

#endif
