/* safetensors: u64 length of a JSON object, the object (name to dtype, shape and data_offsets from the end of the object on;
 * "__metadata__" has texts), then the bytes. Source: github.com/huggingface/safetensors, "Format". */
#include "formats/inception.h"
#include "formats/readers.h"

#include <jansson.h>
#include <string.h>

enum { MOST_HEADER = 100 << 20 };

static enum tw_dtype dtype_of(const char *name)
{
    static const struct {
        const char *name;
        enum tw_dtype dtype;
    } known[] = {{"F32", TW_F32}, {"F64", TW_F64}, {"F16", TW_F16}, {"BF16", TW_BF16}, {"I64", TW_I64},
                 {"I32", TW_I32}, {"I16", TW_I16}, {"I8", TW_I8},   {"U8", TW_U8},     {"BOOL", TW_BOOL}};
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0)
            return known[i].dtype;
    }
    return TW_DTYPE_NONE;
}

static void read_tensor(struct build *build, const json_t *entry, struct tw_span data, struct weights_tensor *tensor)
{
    const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    json_int_t first = json_integer_value(json_array_get(offsets, 0));
    json_int_t end = json_integer_value(json_array_get(offsets, 1));
    tensor->dtype = dtype_of(json_string_value(json_object_get(entry, "dtype")));
    if (!json_is_array(shape) || json_array_size(shape) > TW_MAX_RANK || !json_is_array(offsets) || first < 0 ||
        end < first || (uint64_t)end > data.size) {
        build_fail(build, TW_CORRUPT, "tensor '%.200s' has no shape of at most %d dimensions, or lies outside the file",
                   tensor->name, TW_MAX_RANK);
        return;
    }
    tensor->shape.rank = (int)json_array_size(shape);
    for (int i = 0; i < tensor->shape.rank; i++)
        tensor->shape.dims[i] = json_integer_value(json_array_get(shape, (size_t)i));
    tensor->data = tw_span_of(data.data + first, (size_t)(end - first));
}

static void read_tensors(struct build *build, json_t *header, struct tw_span data, struct weights *weights)
{
    const char *name;
    json_t *entry;
    size_t capacity = 0;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        struct weights_tensor *tensor = weights_add(build, weights, &capacity, tw_span_of_text(name));
        if (!tensor)
            return;
        read_tensor(build, entry, data, tensor);
    }
    weights_sort(build, weights);
}

bool safetensors_matches(struct tw_span bytes)
{
    return bytes.size >= 10 && tw_load_u64le(bytes.data) < ((uint64_t)1 << 32) && bytes.data[8] == '{' &&
           (bytes.data[9] == '"' || bytes.data[9] == '}' || bytes.data[9] == ' ');
}

enum tw_status safetensors_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                                struct tw_graph **graph, struct tw_error *error)
{
    struct tw_span bytes = source->bytes;
    uint64_t size = tw_load_u64le(bytes.data);
    if (size > bytes.size - 8 || size > MOST_HEADER)
        return tw_fail(error, TW_CORRUPT, "its header takes %llu bytes; the file has %zu and the limit is %d",
                       (unsigned long long)size, bytes.size, MOST_HEADER);
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    json_error_t why;
    json_t *header = json_loadb((const char *)bytes.data + 8, (size_t)size, JSON_REJECT_DUPLICATES, &why);
    struct weights weights = {0};
    if (!json_is_object(header))
        build_fail(&build, TW_CORRUPT, "its header is no JSON object: %.200s",
                   header ? "it is another value" : why.text);
    else
        read_tensors(&build, header, tw_span_of(bytes.data + 8 + size, bytes.size - 8 - (size_t)size), &weights);
    json_decref(header);
    inception_build_by_names(&build, &weights);
    return build_finish(&build, graph);
}
