#include "formats/format.h"

#include "formats/readers.h"

#include <stdio.h>
#include <string.h>

const struct tw_format_limits tw_format_limits_default = {
    .max_bytes = (size_t)2 << 30,
    .max_nodes = 100000,
    .max_depth = 64,
    .max_tensor_bytes = (int64_t)2 << 30,
};

const struct tw_format tw_formats[] = {
    {.name = "onnx", .matches = onnx_matches, .read = onnx_read},
    {.name = "tflite", .matches = tflite_matches, .read = tflite_read},
    {.name = "safetensors", .matches = safetensors_matches, .read = safetensors_read},
    {.name = "keras hdf5", .matches = keras_matches, .read = keras_read},
    {.name = "checkpoint", .matches = checkpoint_matches, .read = checkpoint_read},
    {.name = "savedmodel", .matches = savedmodel_matches, .read = savedmodel_read},
    {.name = "graphdef", .matches = graphdef_matches, .read = graphdef_read},
};
const size_t tw_format_count = sizeof tw_formats / sizeof *tw_formats;

/* Formats that people have and that are not read: a word on what to do says more than "unknown". */
static const char *foreign_hint(struct tw_span bytes)
{
    if (tw_span_starts(bytes, "PK\3\4", 4))
        return ", and this is a ZIP archive (PyTorch or Keras): export it as ONNX";
    return "";
}

enum tw_status tw_model_read_source(const struct tw_model_source *source, const struct tw_format_limits *limits,
                                    struct tw_graph **graph, struct tw_error *error)
{
    struct tw_span bytes = source->bytes;
    if (bytes.size > limits->max_bytes)
        return tw_fail(error, TW_LIMIT, "%s: the model has %zu bytes, over the limit of %zu", source->name, bytes.size,
                       limits->max_bytes);
    for (size_t i = 0; i < tw_format_count; i++) {
        if (!tw_formats[i].matches(bytes))
            continue;
        enum tw_status status = tw_formats[i].read(source, limits, graph, error);
        return status ? tw_fail_within(error, status, "%s", source->name) : TW_OK;
    }
    char names[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < tw_format_count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", tw_formats[i].name);
    return tw_fail(error, TW_UNSUPPORTED, "%s: is no model of a known format (%s)%s", source->name, names,
                   bytes.size ? foreign_hint(bytes) : ": the file is empty");
}

enum tw_status tw_model_read(const char *file_name, struct tw_span bytes, const struct tw_format_limits *limits,
                             struct tw_graph **graph, struct tw_error *error)
{
    const struct tw_model_source source = {.name = file_name, .bytes = bytes};
    return tw_model_read_source(&source, limits, graph, error);
}
