/* What the ONNX files of this folder share. Source of field numbers: onnx.proto3 of ONNX 1.16. */
#ifndef TW_FORMATS_ONNX_H
#define TW_FORMATS_ONNX_H

#include "formats/build.h"

enum { ONNX_OPSET_LEAST = 7, ONNX_OPSET_MOST = 22, ONNX_OPSET_OURS = 13, ONNX_MAX_ATTRIBUTES = 32 };

enum onnx_model_field { MODEL_IR_VERSION = 1, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_METADATA = 14 };
enum onnx_graph_field {
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13,
    GRAPH_SPARSE = 15
};
enum onnx_node_field {
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7
};
enum onnx_attribute_field {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_G = 6,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_STRINGS = 9,
    ATTRIBUTE_TYPE = 20,
    ATTRIBUTE_REFERENCE = 21
};
enum onnx_tensor_field {
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_SEGMENT = 3,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_STRINGS = 6,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_DOUBLES = 10,
    TENSOR_UINT64S = 11,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14
};

/* Data type codes of TensorProto and of the attribute `to` of Cast; 0 and NONE where there is none. */
enum tw_dtype onnx_dtype(uint64_t code);
int onnx_dtype_code(enum tw_dtype dtype);

struct onnx_tensor {
    const char *name; /* may be empty */
    enum tw_dtype dtype;
    struct tw_shape shape;
    const void *data; /* points into the file, or into the arena */
};
/* Reads a TensorProto; `owner` is named in errors where the tensor has no name. False: failed. */
bool onnx_read_tensor(struct build *build, struct tw_span message, const char *owner, struct onnx_tensor *tensor);

/* A node as the file spells it. Tensor attributes hold their message in `text` until the node is made. */
struct onnx_node {
    const char *name, *op, *domain;
    const char *label; /* the name, or the first output's where there is none */
    int *inputs;       /* with room for the inputs that ONNX 13 has and the older spelling has not */
    int input_count;
    int *outputs;
    int output_count;
    struct tw_attribute attributes[ONNX_MAX_ATTRIBUTES];
    int attribute_count;
};
enum { ONNX_INPUT_ROOM = 5 };
bool onnx_read_node(struct build *build, struct tw_span message, struct onnx_node *node);
struct tw_attribute *onnx_attribute(struct onnx_node *node, const char *name); /* NULL: none */

/* Adds the node as ONNX 13 means it. */
void onnx_translate(struct build *build, struct onnx_node *node);
/* Ops on integers, spelled as ops on real numbers between grids; false: it is none of them. */
bool onnx_translate_quantised(struct build *build, struct onnx_node *node);
/* Those that ONNX Runtime has in a domain of its own too. */
bool onnx_is_quantised_op(const char *op);

#endif
