/* What the GraphDef files of this folder share. Source of field numbers: TensorFlow's graph.proto, node_def.proto,
 * attr_value.proto, tensor.proto. */
#ifndef TW_FORMATS_GRAPHDEF_H
#define TW_FORMATS_GRAPHDEF_H

#include "formats/layout.h"
#include "formats/weights.h"

/* An output of a node. */
struct tf_link {
    int node, port;
};

struct tf_node {
    const char *name, *op;
    struct tw_span message; /* NodeDef */
    int *inputs, *ports;    /* node indices and which output of theirs; control inputs are left out */
    int input_count;
    int consumer_count, last_consumer;
    struct layout_forms *outputs; /* output_count of them, set when the node is translated */
    int output_count;
    const struct tf_link *results; /* not NULL: a call, whose outputs are these ones of its function's body */
    int result_count;
    const char *key; /* of a variable: its tensor in the checkpoint; NULL: none is known */
    bool is_placed, is_open;
};

struct tf_graph {
    struct build *build;
    struct tf_node *nodes;
    size_t node_count;
    int image_node;           /* what the photo is made into by nodes that are cut away; -1: none */
    struct weights *weights;  /* tensors of variables; NULL: none */
    struct name_entry *names; /* of the graph's own nodes, sorted */
    size_t name_count;
};

/* Reads a GraphDef (node 1, library 2) to the one list of its nodes: the bodies of functions stand in it once for each call,
 * and an input that a call makes is the one that its function's body makes. graphdef_nodes.c. */
void tf_read_nodes(struct tf_graph *tf, struct tw_span message);
/* "name" or "name:port" of the graph itself, not of a function. False: there is none such; does not fail. */
bool tf_find_output(struct tf_graph *tf, const char *name, struct tf_link *link);
/* Sets `key` of every variable that a RestoreV2 of the graph fills. True: the graph has variables. */
bool tf_find_variables(struct tf_graph *tf);
/* Translates what these outputs need; they become the outputs of the graph. */
void tf_translate_graph(struct tf_graph *tf, const struct tf_link *outputs, size_t count);

/* Attributes of a node. The `otherwise` value where there is none, or one of another kind. */
int64_t tf_int(struct tf_graph *tf, const struct tf_node *node, const char *key,
               int64_t otherwise); /* also bool, type */
float tf_float(struct tf_graph *tf, const struct tf_node *node, const char *key, float otherwise);
bool tf_word_is(struct tf_graph *tf, const struct tf_node *node, const char *key, const char *word);
/* A list of at most `room` integers; its length. */
size_t tf_ints(struct tf_graph *tf, const struct tf_node *node, const char *key, int64_t *out, size_t room);
/* The message of an attribute of kind tensor (8) or shape (7); empty where there is none. */
struct tw_span tf_message(struct tf_graph *tf, const struct tf_node *node, const char *key, uint32_t kind);

struct tf_tensor {
    enum tw_dtype dtype; /* TW_TEXT: shape and data are not read */
    struct tw_shape shape;
    const void *data;
};
enum tw_dtype tf_dtype(int64_t code);
void tf_read_shape(struct build *build, struct tw_span message, struct tw_shape *shape);
/* The elements of a TensorProto that spells them as a list; `code` is a known DataType of numbers. NULL: failed. */
const void *tf_read_values(struct build *build, struct tw_span message, int64_t code, size_t count);
bool tf_read_tensor(struct tf_graph *tf, const struct tf_node *node, struct tf_tensor *tensor);
/* Elements of a Const node of floats, also behind Identity; false: it is none, or has over `room`. */
bool tf_const_floats(struct tf_graph *tf, int index, float *out, size_t room, size_t *count);
bool tf_const_ints(struct tf_graph *tf, int index, int64_t *out, size_t room, size_t *count);

/* Texts of a Const node of them, in the arena. False: it is none. */
bool tf_const_texts(struct tf_graph *tf, int index, const char *const **texts, size_t *count);

/* Looks for the way from a photo's bytes to the network's input: decode, cast, resize, subtract, multiply. Where it is
 * found: properties "topwork.policy" and "topwork.embedding", tf->image_node and its forms as an input of the graph. */
void tf_find_image_input(struct tf_graph *tf);
/* The same where savedmodel_write.c wrote the graph: its node of the photo is the input, and the properties are those of the model. */
bool tf_find_own_input(struct tf_graph *tf);

/* Adds what the node means to the graph; its inputs are translated. */
void tf_translate(struct tf_graph *tf, struct tf_node *node);
bool tf_is_source(const struct tf_node *node); /* gives no result of its own: constants, inputs, NoOp, Assert */

/* For the files of ops. The input's form; a Transpose where it is not made yet. -1: failed. */
int tf_native(struct tf_graph *tf, const struct tf_node *node, int input);
int tf_nchw(struct tf_graph *tf, const struct tf_node *node, int input);
bool tf_has_nchw(const struct tf_graph *tf, const struct tf_node *node, int input);
/* The node's own output as a result of `op`. */
struct tw_node *tf_emit(struct tf_graph *tf, struct tf_node *node, enum tw_op op, const int *inputs, int input_count,
                        bool is_nchw);
void tf_fail(struct tf_graph *tf, const struct tf_node *node, const char *what); /* TW_UNSUPPORTED */

/* Ops of shapes and parts, graphdef_shape.c. */
void tf_shape(struct tf_graph *tf, struct tf_node *node);
void tf_strided_slice(struct tf_graph *tf, struct tf_node *node);
void tf_pack(struct tf_graph *tf, struct tf_node *node);
void tf_identity_n(struct tf_graph *tf, struct tf_node *node);

/* Ops of pictures, graphdef_picture.c; the others are in graphdef_ops.c. */
void tf_conv(struct tf_graph *tf, struct tf_node *node);
void tf_depthwise_conv(struct tf_graph *tf, struct tf_node *node);
void tf_pool(struct tf_graph *tf, struct tf_node *node);
void tf_bias_add(struct tf_graph *tf, struct tf_node *node);
void tf_fused_batch_norm(struct tf_graph *tf, struct tf_node *node);
void tf_old_batch_norm(struct tf_graph *tf, struct tf_node *node);
void tf_lrn(struct tf_graph *tf, struct tf_node *node);

#endif
