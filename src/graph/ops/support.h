/* What the op families share: checked arguments, broadcasting, walking over indices. Sentences name no node: infer.c and
 * reference.c put it before them. */
#ifndef TW_GRAPH_OPS_SUPPORT_H
#define TW_GRAPH_OPS_SUPPORT_H

#include "graph/op.h"

enum { OP_MAX_INTS = 2 * TW_MAX_RANK, OP_SPATIAL = 3 };
/* Bounds every size-like attribute, so that products of two of them stay in int64. */
#define OP_MAX_EXTENT INT32_MAX

struct op_ints {
    bool is_given;
    int count;
    int64_t values[OP_MAX_INTS];
};
/* A list from an attribute, or from a constant i32 or i64 input. Not given is no error. */
enum tw_status op_attribute_ints(const struct tw_node *node, const char *name, struct op_ints *ints,
                                 struct tw_error *error) TW_MUST_USE;
enum tw_status op_input_ints(const struct tw_node *node, const struct tw_tensor *inputs, int index, const char *what,
                             struct op_ints *ints, struct tw_error *error) TW_MUST_USE;
/* Attribute `axes`, or input `index`: in [0, rank), no axis twice. */
enum tw_status op_axes(const struct tw_node *node, const struct tw_tensor *inputs, int index, int rank,
                       struct op_ints *axes, struct tw_error *error) TW_MUST_USE;
enum tw_status op_axis(int64_t axis, int rank, int *out, struct tw_error *error) TW_MUST_USE;
bool op_text_is(const struct tw_node *node, const char *attribute, const char *text, const char *otherwise);
/* TW_UNSUPPORTED: the attribute's value, and those that are `known`. */
enum tw_status op_refuse_text(const struct tw_node *node, const char *attribute, const char *known,
                              struct tw_error *error) TW_MUST_USE;
/* NULL: left out. */
const struct tw_tensor *op_optional(const struct tw_node *node, const struct tw_tensor *inputs, int index);

enum tw_status op_need_f32(const struct tw_node *node, const struct tw_tensor *inputs,
                           struct tw_error *error) TW_MUST_USE;
enum tw_status op_need_same_dtype(const struct tw_tensor *a, const struct tw_tensor *b,
                                  struct tw_error *error) TW_MUST_USE;
bool op_is_integer(enum tw_dtype dtype); /* BOOL is one */
bool op_is_real(enum tw_dtype dtype);    /* F32, F64 */

/* The tensor has exactly one dimension, and it is `size`, as far as they are known. */
enum tw_status op_need_vector(const struct tw_tensor *tensor, int64_t size, const char *what,
                              struct tw_error *error) TW_MUST_USE;
/* Numpy's rules; a dimension that is not known gives way to one that is and is not 1. */
enum tw_status op_broadcast(const struct tw_shape *a, const struct tw_shape *b, struct tw_shape *out,
                            struct tw_error *error) TW_MUST_USE;
void op_strides(const struct tw_shape *shape, int64_t strides[TW_MAX_RANK]);
/* Strides of `shape` seen as `out`: 0 where it repeats. */
void op_broadcast_strides(const struct tw_shape *shape, const struct tw_shape *out, int64_t strides[TW_MAX_RANK]);
/* The next index in C order; false after the last. */
bool op_next_index(const struct tw_shape *shape, int64_t index[TW_MAX_RANK]);
int64_t op_offset(int rank, const int64_t *index, const int64_t *strides);
int64_t op_count(const struct tw_tensor *tensor);                               /* of a known shape */
int64_t op_product(const struct tw_shape *shape, int first_axis, int end_axis); /* of known dimensions */

/* Element access by type: reals F32 and F64, integers all but U64's upper half. */
double op_load_real(const struct tw_tensor *tensor, const void *data, int64_t at);
int64_t op_load_int(const struct tw_tensor *tensor, const void *data, int64_t at);
void op_store_real(const struct tw_tensor *tensor, int64_t at, double value);
void op_store_int(const struct tw_tensor *tensor, int64_t at, int64_t value);

/* Sliding windows of convolutions and pools, seen as 3-D with leading ones. */
struct op_window {
    int rank; /* of the space */
    int64_t in[OP_SPATIAL], out[OP_SPATIAL], kernel[OP_SPATIAL], stride[OP_SPATIAL], dilation[OP_SPATIAL];
    int64_t begin[OP_SPATIAL], end[OP_SPATIAL]; /* pads */
};
/* Reads kernel_shape, strides, dilations, pads and auto_pad; in and out stay 0. `weights` gives the kernel where the
 * attribute does not; NULL: the attribute must. */
enum tw_status op_window_read(const struct tw_node *node, const struct tw_shape *x, const struct tw_shape *weights,
                              struct op_window *window, struct tw_error *error) TW_MUST_USE;
/* The above and the sizes that go out. */
enum tw_status op_window_of(const struct tw_node *node, const struct tw_shape *x, const struct tw_shape *weights,
                            struct op_window *window, struct tw_error *error) TW_MUST_USE;
void op_window_shape(const struct op_window *window, int64_t batch, int64_t channels, struct tw_shape *shape);

#endif
