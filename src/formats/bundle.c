/* Tensor bundle, TensorFlow's checkpoint of version 2: the index is a table of BundleEntryProto by tensor name (dtype 1,
 * shape 2, shard 3, offset 4, size 5, masked CRC-32C 6, slices 7); its key "" has BundleHeaderProto (shards 1,
 * endianness 2). The bytes lie in PREFIX.data-SSSSS-of-NNNNN. */
#include "formats/graphdef.h"
#include "formats/table.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SHARDS = 1024 };

struct bundle {
    struct build *build;
    const struct tw_model_source *source;
    const char *prefix;
    uint64_t shard_count;
    struct tw_span *shards; /* no data: not opened yet */
};

static void read_header(struct bundle *bundle, struct tw_span message)
{
    struct build *build = bundle->build;
    struct tw_wire_field field;
    uint64_t endianness = 0;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1)
            bundle->shard_count = field.value;
        else if (field.number == 2)
            endianness = field.value;
    }
    if (endianness != 0 || bundle->shard_count == 0 || bundle->shard_count > MOST_SHARDS)
        build_fail(build, TW_UNSUPPORTED,
                   "the checkpoint has %llu shards%s; known are 1 to %d of little-endian numbers",
                   (unsigned long long)bundle->shard_count, endianness ? " of big-endian numbers" : "", MOST_SHARDS);
    else
        bundle->shards = build_alloc(build, (size_t)bundle->shard_count, sizeof *bundle->shards);
}

static struct tw_span shard_bytes(struct bundle *bundle, uint64_t shard)
{
    struct build *build = bundle->build;
    struct tw_span *bytes = &bundle->shards[shard];
    char name[96];
    if (bytes->data || build->status)
        return *bytes;
    snprintf(name, sizeof name, "%s.data-%05u-of-%05u", bundle->prefix, (unsigned)shard, (unsigned)bundle->shard_count);
    if (bundle->source->open)
        build->status = bundle->source->open(bundle->source->context, name, bytes, build->error);
    else
        build_fail(build, TW_NOT_FOUND, "its file *%s is not there", name);
    return build->status ? (struct tw_span){0} : *bytes;
}

static void read_entry(struct bundle *bundle, struct tw_span message, struct weights_tensor *tensor)
{
    struct build *build = bundle->build;
    struct tw_wire_field field;
    uint64_t shard = 0, offset = 0, size = 0;
    bool is_sliced = false;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == 1)
            tensor->dtype = tf_dtype((int64_t)field.value);
        else if (field.number == 2 && build_expect(build, &field, TW_WIRE_BYTES, "a checkpoint's entry"))
            tf_read_shape(build, field.bytes, &tensor->shape);
        else if (field.number == 3)
            shard = field.value;
        else if (field.number == 4)
            offset = field.value;
        else if (field.number == 5)
            size = field.value;
        else if (field.number == 6)
            tensor->crc = (uint32_t)field.value;
        is_sliced |= field.number == 7;
    }
    if (is_sliced)
        tensor->dtype = TW_DTYPE_NONE; /* in parts: an error only where it is asked for */
    if (build->status || tensor->dtype == TW_DTYPE_NONE)
        return;
    if (shard >= bundle->shard_count) {
        build_fail(build, TW_CORRUPT, "tensor '%.200s' lies in shard %llu of %llu", tensor->name,
                   (unsigned long long)shard, (unsigned long long)bundle->shard_count);
        return;
    }
    struct tw_span bytes = shard_bytes(bundle, shard);
    if (!build->status && (offset > bytes.size || size > bytes.size - offset))
        build_fail(build, TW_CORRUPT, "tensor '%.200s' lies at bytes %llu to %llu of a shard of %zu bytes",
                   tensor->name, (unsigned long long)offset, (unsigned long long)(offset + size), bytes.size);
    else if (!build->status)
        tensor->data = tw_span_of(bytes.data + offset, (size_t)size);
    tensor->has_crc = tensor->dtype != TW_TEXT; /* of texts it is made in another way */
}

/* TrackableObjectGraph: nodes 1, their attributes 2: SerializedTensor (name 1, full name 2, key 3). Counts, and fills
 * weights->aliases where that is there. */
static size_t read_names(struct build *build, struct tw_span graph, struct weights *weights)
{
    struct tw_wire_field node, attribute, part;
    size_t count = 0;
    for (struct tw_reader nodes = tw_reader_of(graph); build_next(build, &nodes, &node);) {
        if (node.number != 1 || !build_expect(build, &node, TW_WIRE_BYTES, "an object graph"))
            continue;
        for (struct tw_reader parts = tw_reader_of(node.bytes); build_next(build, &parts, &attribute);) {
            if (attribute.number != 2 || !build_expect(build, &attribute, TW_WIRE_BYTES, "an object graph"))
                continue;
            struct weights_alias alias = {.name = "", .key = ""};
            for (struct tw_reader fields = tw_reader_of(attribute.bytes);
                 weights->aliases && build_next(build, &fields, &part);) {
                if (part.number == 2)
                    alias.name = build_text(build, &part, "an object graph");
                else if (part.number == 3)
                    alias.key = build_text(build, &part, "an object graph");
            }
            if (weights->aliases && !build->status)
                weights->aliases[count] = alias;
            count++;
        }
    }
    return build->status ? 0 : count;
}

/* The objects that a program of TensorFlow 2 saved lie in a tensor of one text: its length as a varint, a checksum of that,
 * its bytes. */
static void read_aliases(struct build *build, struct weights *weights)
{
    const struct weights_tensor *objects = weights_find(weights, "_CHECKPOINTABLE_OBJECT_GRAPH");
    struct tw_reader reader = tw_reader_of(objects ? objects->data : (struct tw_span){0});
    uint64_t size;
    struct tw_span graph;
    if (build->status || !objects || objects->dtype != TW_TEXT || !tw_read_varint(&reader, &size) ||
        !tw_read_skip(&reader, 4) || size > tw_reader_left(&reader) || !tw_read_span(&reader, (size_t)size, &graph))
        return;
    size_t count = read_names(build, graph, weights);
    weights->aliases = build_alloc(build, count, sizeof *weights->aliases);
    if (weights->aliases)
        weights->alias_count = read_names(build, graph, weights);
    weights_sort_aliases(weights);
}

void weights_read_bundle(struct build *build, const struct tw_model_source *source, struct tw_span index,
                         const char *prefix, struct weights *weights)
{
    struct bundle bundle = {.build = build, .source = source, .prefix = prefix};
    struct table table;
    struct tw_span key, value;
    size_t capacity = 0;
    if (table_open(build, index, &table)) {
        if (table_next(&table, &key, &value) && key.size == 0)
            read_header(&bundle, value);
        else
            build_fail(build, TW_CORRUPT, "the checkpoint's table does not begin with a header");
        while (table_next(&table, &key, &value)) {
            struct weights_tensor *tensor = weights_add(build, weights, &capacity, key);
            if (tensor)
                read_entry(&bundle, value, tensor);
        }
    }
    table_release(&table);
    weights_sort(build, weights);
    read_aliases(build, weights);
}
