/* TensorFlow's checkpoints: weights without a graph. Both versions are tables. Version 2 is the index of a tensor bundle; in
 * version 1 key "" has SavedTensorSlices (meta 1: tensors 1: name 1, shape 2, type 3), each other entry one with data 2:
 * name 1, slice 2 (extents 1: start 1, length 2), the values as a TensorProto 3. */
#include "formats/graphdef.h"
#include "formats/inception.h"
#include "formats/readers.h"
#include "formats/table.h"

#include <string.h>

enum { SLICES_META = 1, SLICES_DATA = 2, META_TENSOR = 1, DATA_NAME = 1, DATA_SLICE = 2, DATA_TENSOR = 3 };

static struct tw_span message_of(struct build *build, struct tw_span message, uint32_t number)
{
    struct tw_wire_field field;
    struct tw_span found = {0};
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == number && build_expect(build, &field, TW_WIRE_BYTES, "a checkpoint"))
            found = field.bytes;
    }
    return found;
}

/* The tensors' names, types and shapes; `codes` their DataTypes, in the same order. */
static void read_meta(struct build *build, struct tw_span message, struct weights *weights)
{
    struct tw_wire_field field, part;
    struct tw_span meta = message_of(build, message, SLICES_META);
    size_t capacity = 0;
    for (struct tw_reader reader = tw_reader_of(meta); build_next(build, &reader, &field);) {
        if (field.number != META_TENSOR || !build_expect(build, &field, TW_WIRE_BYTES, "a checkpoint"))
            continue;
        struct weights_tensor *tensor = weights_add(build, weights, &capacity, message_of(build, field.bytes, 1));
        for (struct tw_reader parts = tw_reader_of(field.bytes); tensor && build_next(build, &parts, &part);) {
            if (part.number == 2 && build_expect(build, &part, TW_WIRE_BYTES, "a checkpoint"))
                tf_read_shape(build, part.bytes, &tensor->shape);
            else if (part.number == 3)
                tensor->code = (int64_t)part.value;
        }
    }
}

/* True where an extent has a start or a length: then the entry is a part of its tensor. */
static bool is_part(struct build *build, struct tw_span slice)
{
    struct tw_wire_field field;
    bool is_found = false;
    for (struct tw_reader reader = tw_reader_of(slice); build_next(build, &reader, &field);)
        is_found |= field.number == 1 && field.type == TW_WIRE_BYTES && field.bytes.size > 0;
    return is_found;
}

static void read_slice(struct build *build, struct tw_span message, struct weights *weights)
{
    struct tw_span data = message_of(build, message, SLICES_DATA);
    struct tw_span label = message_of(build, data, DATA_NAME);
    const struct tw_wire_field field = {.number = DATA_NAME, .type = TW_WIRE_BYTES, .bytes = label};
    const char *name = build_text(build, &field, "a checkpoint");
    const struct weights_tensor *found = name ? weights_find(weights, name) : NULL;
    struct weights_tensor *tensor = found ? &weights->tensors[found - weights->tensors] : NULL;
    enum tw_dtype dtype = tensor ? tf_dtype(tensor->code) : TW_DTYPE_NONE;
    size_t size = tw_dtype_size(dtype);
    int64_t count = 0;
    if (!tensor || size == 0 || is_part(build, message_of(build, data, DATA_SLICE)) || build->status)
        return;
    if (!tw_shape_count(&tensor->shape, &count) || count > build->limits->max_tensor_bytes / (int64_t)size) {
        build_fail(build, TW_CORRUPT, "tensor '%.200s' has a shape that it cannot have", name);
        return;
    }
    const void *values = tf_read_values(build, message_of(build, data, DATA_TENSOR), tensor->code, (size_t)count);
    if (!values)
        return;
    tensor->dtype = dtype;
    tensor->data = tw_span_of(values, (size_t)count * size);
}

static void read_version_1(struct build *build, struct tw_span file, struct weights *weights)
{
    struct table table;
    struct tw_span key, value;
    if (table_open(build, file, &table) && table_next(&table, &key, &value)) {
        read_meta(build, value, weights);
        weights_sort(build, weights);
        while (!build->status && table_next(&table, &key, &value))
            read_slice(build, value, weights);
    }
    table_release(&table);
}

/* Both begin with key "": BundleHeaderProto has numbers, SavedTensorSlices a message as its first field. */
static bool is_bundle(struct build *build, struct tw_span file)
{
    struct table table;
    struct tw_span key, value;
    struct tw_wire_field field = {0};
    bool is_found = table_open(build, file, &table) && table_next(&table, &key, &value);
    struct tw_reader reader = tw_reader_of(is_found ? value : (struct tw_span){0});
    bool has_field = is_found && build_next(build, &reader, &field);
    table_release(&table);
    return has_field && field.type == TW_WIRE_VARINT;
}

bool checkpoint_matches(struct tw_span bytes)
{
    return table_matches(bytes);
}

enum tw_status checkpoint_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                               struct tw_graph **graph, struct tw_error *error)
{
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    struct weights weights = {0};
    if (is_bundle(&build, source->bytes))
        weights_read_bundle(&build, source, source->bytes, "", &weights);
    else if (!build.status)
        read_version_1(&build, source->bytes, &weights);
    inception_build_by_names(&build, &weights);
    return build_finish(&build, graph);
}
