/* The network as a graph: values (tensors) and nodes (ops) with ONNX's meaning of ops (opset 13 spellings, NCHW) as the
 * one vocabulary; importers of other formats translate into it. Networks of other layouts come with Transposes, which a
 * pass removes where it can.
 *
 * Owned by the graph: everything reachable from it, save constants that point into the file's mapping, which the graph
 * keeps alive through `backing`. */
#ifndef TW_GRAPH_GRAPH_H
#define TW_GRAPH_GRAPH_H

#include "base/bytes.h"
#include "base/memory.h"
#include "graph/op_list.h"

enum tw_dtype {
    TW_DTYPE_NONE,
    TW_F32,
    TW_F64,
    TW_F16,
    TW_BF16,
    TW_I8,
    TW_U8,
    TW_I16,
    TW_U16,
    TW_I32,
    TW_U32,
    TW_I64,
    TW_U64,
    TW_BOOL,
    TW_TEXT, /* strings: only in nodes that importers recognise and take away */
};
size_t tw_dtype_size(enum tw_dtype dtype); /* 0 for NONE and TEXT */
const char *tw_dtype_name(enum tw_dtype dtype);

enum { TW_MAX_RANK = 8, TW_UNKNOWN = -1 };
struct tw_shape {
    int rank;                  /* TW_UNKNOWN: not even the rank is known */
    int64_t dims[TW_MAX_RANK]; /* TW_UNKNOWN: not known, for instance the batch */
};
/* Number of elements; false when a dimension is unknown or negative, or the product overflows int64. */
bool tw_shape_count(const struct tw_shape *shape, int64_t *count);
bool tw_shape_equal(const struct tw_shape *a, const struct tw_shape *b);
/* "[1,3,299,299]", with ? for what is unknown; always zero-ended. */
void tw_shape_text(const struct tw_shape *shape, char *out, size_t size);

/* Asymmetric or symmetric quantisation of a value: real = (q - zero_point) * scale. For QDQ, QOperator and TFLite
 * importers; scale NULL for values that are not quantised. */
struct tw_quantisation {
    const float *scale;        /* count values: 1, or one for each index of `axis` */
    const int32_t *zero_point; /* count values */
    int64_t count;
    int axis;
};

/* A tensor. Index in tw_graph.values is its id. */
struct tw_value {
    const char *name; /* unique, not empty */
    enum tw_dtype dtype;
    struct tw_shape shape;
    const void
        *data; /* constant: C order, native endianness; else NULL. Alignment as the file has it: memcpy elements */
    struct tw_quantisation quantisation;
};

struct tw_attribute {
    const char *name;
    enum { TW_ATTR_INT, TW_ATTR_FLOAT, TW_ATTR_TEXT, TW_ATTR_INTS, TW_ATTR_FLOATS, TW_ATTR_TENSOR } kind;
    int64_t i;
    float f;
    struct tw_span text;
    const int64_t *ints;
    const float *floats;
    size_t count; /* of ints or floats */
    int tensor;   /* TENSOR: id of a constant value */
};

enum tw_activation {
    TW_ACT_NONE,
    TW_ACT_RELU,
    TW_ACT_CLIP,
    TW_ACT_SIGMOID,
    TW_ACT_SWISH,
    TW_ACT_HARD_SWISH,
    TW_ACT_GELU,
    TW_ACT_LEAKY,
    TW_ACT_TANH
};

struct tw_node {
    enum tw_op op;
    const char *name; /* for people; may be empty */
    int *inputs;      /* value ids; -1: optional input left out */
    int input_count;
    int *outputs; /* value ids; -1: optional output left out */
    int output_count;
    struct tw_attribute *attributes;
    int attribute_count;
    /* Set by passes (Conv, Gemm, MatMul, Add): output = activation(op(inputs) + residual). */
    int residual; /* value id, or -1 */
    enum tw_activation activation;
    float activation_alpha, activation_beta; /* CLIP: low, high; LEAKY: slope */
};

struct tw_property {
    const char *key, *value;
};

struct tw_graph {
    struct tw_arena arena; /* names, ids, attributes, constants that passes made */
    struct tw_value *values;
    size_t value_count, value_capacity;
    struct tw_node *nodes; /* in an order in which every input is made before it is used, after tw_graph_sort */
    size_t node_count, node_capacity;
    int *inputs; /* values that the caller gives */
    size_t input_count;
    int *outputs;
    size_t output_count;
    struct tw_property *properties; /* metadata_props */
    size_t property_count, property_capacity;
    int *name_slots; /* hash index behind tw_graph_find_value: id + 1, 0 free */
    size_t name_slot_count;
    int opset;     /* that the file named; 13 for what is built here */
    void *backing; /* what keeps borrowed constants alive; released with the graph */
    void (*release_backing)(void *backing);
};

struct tw_graph *tw_graph_new(void);        /* NULL: no memory */
void tw_graph_free(struct tw_graph *graph); /* NULL is fine */

/* All that follow copy names and arrays into the graph's arena; ids are stable. -1 / NULL: no memory. A node's pointer is
 * good until the next node is added. Names are not written to after a value is added: the index hangs on them. */
int tw_graph_add_value(struct tw_graph *graph, const char *name, enum tw_dtype dtype, const struct tw_shape *shape);
/* `data` is copied when `copies`, else borrowed. */
int tw_graph_add_constant(struct tw_graph *graph, const char *name, enum tw_dtype dtype, const struct tw_shape *shape,
                          const void *data, bool copies);
struct tw_node *tw_graph_add_node(struct tw_graph *graph, enum tw_op op, const char *name, const int *inputs,
                                  int input_count, const int *outputs, int output_count);
enum tw_status tw_node_set_int(struct tw_graph *graph, struct tw_node *node, const char *name, int64_t value,
                               struct tw_error *error) TW_MUST_USE;
enum tw_status tw_node_set_ints(struct tw_graph *graph, struct tw_node *node, const char *name, const int64_t *values,
                                size_t count, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_node_set_float(struct tw_graph *graph, struct tw_node *node, const char *name, float value,
                                 struct tw_error *error) TW_MUST_USE;
enum tw_status tw_node_set_text(struct tw_graph *graph, struct tw_node *node, const char *name, const char *value,
                                struct tw_error *error) TW_MUST_USE;
enum tw_status tw_node_set_floats(struct tw_graph *graph, struct tw_node *node, const char *name, const float *values,
                                  size_t count, struct tw_error *error) TW_MUST_USE;
/* `value_id`: a constant of the graph. */
enum tw_status tw_node_set_tensor(struct tw_graph *graph, struct tw_node *node, const char *name, int value_id,
                                  struct tw_error *error) TW_MUST_USE;
bool tw_graph_set_inputs(struct tw_graph *graph, const int *ids, size_t count);
bool tw_graph_set_outputs(struct tw_graph *graph, const int *ids, size_t count);
int tw_graph_find_value(const struct tw_graph *graph, const char *name);                /* -1: none */
bool tw_graph_set_property(struct tw_graph *graph, const char *key, const char *value); /* replaces */
const char *tw_graph_property(const struct tw_graph *graph, const char *key);           /* NULL: none */

const struct tw_attribute *tw_node_attribute(const struct tw_node *node, const char *name); /* NULL: none */
int64_t tw_node_int(const struct tw_node *node, const char *name, int64_t otherwise);
float tw_node_float(const struct tw_node *node, const char *name, float otherwise);

/* Puts nodes in topological order (stable); a cycle or an input that nobody makes is TW_CORRUPT with its name. */
enum tw_status tw_graph_sort(struct tw_graph *graph, struct tw_error *error) TW_MUST_USE;
/* Infers every shape and dtype from the inputs' (set batch and free dimensions first); runs constant subexpressions that
 * shapes hang on. Names the node and the op where it cannot, or where a size is over the limit. Needs a sorted graph. */
struct tw_graph_limits {
    size_t max_nodes;         /* default 100,000 */
    int64_t max_tensor_bytes; /* default 4 GiB */
};
extern const struct tw_graph_limits tw_graph_limits_default;
enum tw_status tw_graph_infer(struct tw_graph *graph, const struct tw_graph_limits *limits,
                              struct tw_error *error) TW_MUST_USE;
/* A copy with its own arena; constants are borrowed from `graph`, which must outlive it. */
enum tw_status tw_graph_clone(const struct tw_graph *graph, struct tw_graph **clone,
                              struct tw_error *error) TW_MUST_USE;
/* The same without values that no node, input or output names: what a cut left behind. Ids change. */
enum tw_status tw_graph_extract(const struct tw_graph *graph, struct tw_graph **part,
                                struct tw_error *error) TW_MUST_USE;
/* Keeps only the nodes and graph inputs that `output_names` need and makes them the outputs; what is left out need not be
 * sound in shapes, but must sort. Values stay, so that ids do. */
enum tw_status tw_graph_cut(struct tw_graph *graph, const char *const *output_names, size_t count,
                            struct tw_error *error) TW_MUST_USE;

#endif
