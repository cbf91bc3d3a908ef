/* A graph's nodes in TensorFlow's ops. Pictures go channels last, which is what TensorFlow computes on CPUs: a value of four
 * dimensions has up to two forms, the graph's own (native) and NHWC, and each op takes the one that suits it. */
#ifndef TW_FORMATS_TENSORFLOW_NET_H
#define TW_FORMATS_TENSORFLOW_NET_H

#include "formats/tfw.h"
#include "graph/op.h"

struct tfn_forms {
    const char *native, *nhwc; /* NULL: not made yet */
};
struct tfn {
    struct tfw *tfw;
    const struct tw_graph *graph;
    struct tfn_forms *forms; /* by value id */
    int named; /* value whose tensor gets its own name, and what is made of it is made of that; -1: none */
};
/* The nodes of an inferred graph, whose batch may be unknown; forms of its inputs are set before. Then the forms of every
 * value can be asked for. TW_UNSUPPORTED names node and op. */
void tfn_write(struct tfn *net);

const char *tfn_native(struct tfn *net, int id);
const char *tfn_nhwc(struct tfn *net, int id); /* of four dimensions; a constant of fewer as it broadcasts */
const struct tw_value *tfn_value(const struct tfn *net, int id);
bool tfn_prefers_nhwc(const struct tfn *net, int id); /* it is there, and the native one is not */
void tfn_set(struct tfn *net, int id, const char *name, bool is_nhwc);
void tfn_fail(struct tfn *net, const struct tw_node *node, const char *what);
const char *tfn_type(struct tfn *net, int id);
/* Whole numbers of a constant value; -1: it is none, or holds over `room`. */
int tfn_constant_ints(const struct tfn *net, int id, int64_t *out, int room);
const char *tfn_int64s(struct tfn *net, const int64_t *values, int count);
/* Where an axis lies in the other form. */
int tfn_nhwc_axis(int axis);
/* Floats of a constant, in place or by `scratch`; NULL: it is none, or of another type. */
const void *tfn_floats(const struct tfn *net, int id, int64_t *count);
void tfn_clip(struct tfn *net, const char **x, float low, float high);

typedef void tfn_writer(struct tfn *net, const struct tw_node *node);
/* tensorflow_picture.c */
tfn_writer tfn_conv, tfn_pool, tfn_global_pool, tfn_batch_norm, tfn_lrn, tfn_instance_norm;
/* tensorflow_shapes.c */
tfn_writer tfn_reshape, tfn_concat, tfn_split, tfn_slice, tfn_gather, tfn_pad, tfn_transpose, tfn_expand, tfn_tile,
    tfn_shape, tfn_constant_of_shape, tfn_range;
/* tensorflow_maths.c */
tfn_writer tfn_unary, tfn_binary, tfn_variadic, tfn_where, tfn_clip_op, tfn_prelu, tfn_curve, tfn_softmax, tfn_reduce,
    tfn_arg_max, tfn_gemm, tfn_matmul, tfn_layer_norm, tfn_cast, tfn_quantize, tfn_dequantize;

#endif
