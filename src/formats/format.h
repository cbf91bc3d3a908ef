/* Model files: bytes <-> graph. A format is one file and one table line. */
#ifndef TW_FORMATS_FORMAT_H
#define TW_FORMATS_FORMAT_H

#include "graph/graph.h"

struct tw_format_limits {
    size_t max_bytes;         /* of the file; default 2 GiB */
    size_t max_nodes;         /* default 100,000 */
    int max_depth;            /* of nested messages; default 64 */
    int64_t max_tensor_bytes; /* default 2 GiB */
};
extern const struct tw_format_limits tw_format_limits_default;

/* A model's bytes, and the way to the files beside it that belong to it (variables of a SavedModel, shards of a
 * checkpoint). All bytes must outlive the graph, whose constants may point into them. */
struct tw_model_source {
    const char *name; /* of the file, as the user knows it; begins every error */
    struct tw_span bytes;
    /* The bytes of the file whose name is that of the model without its last ending, then `suffix` (where it begins with
     * a dot), or of that file in the model's folder (where it does not). No reader asks for the same file twice. NULL: the
     * model is one file. */
    enum tw_status (*open)(void *context, const char *suffix, struct tw_span *bytes, struct tw_error *error);
    void *context;
};

struct tw_format {
    const char *name; /* "onnx", "graphdef" */
    bool (*matches)(struct tw_span bytes);
    /* The result is sorted, its ops checked against the op table; shapes are not inferred yet. */
    enum tw_status (*read)(const struct tw_model_source *source, const struct tw_format_limits *limits,
                           struct tw_graph **graph, struct tw_error *error);
};
extern const struct tw_format tw_formats[];
extern const size_t tw_format_count;

/* Finds the format by content. TW_UNSUPPORTED names the formats that are known. Every error names the file. */
enum tw_status tw_model_read_source(const struct tw_model_source *source, const struct tw_format_limits *limits,
                                    struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;
/* The same for a model of one file. */
enum tw_status tw_model_read(const char *file_name, struct tw_span bytes, const struct tw_format_limits *limits,
                             struct tw_graph **graph, struct tw_error *error) TW_MUST_USE;

/* ONNX ModelProto, IR version 8, the graph's opset (at least 13); fused residuals and activations are written as nodes of
 * their own; properties as metadata_props in order. Equal graphs give equal bytes. Appends. */
enum tw_status tw_onnx_write(const struct tw_graph *graph, const char *producer, const char *producer_version,
                             struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;

/* What an importer recognised of a network's input side (decode, resize, normalise), where the file says so; as properties
 * of the graph: "topwork.policy" (image policy as JSON), "topwork.embedding" (the layer that is an embedding by name). */

#endif
