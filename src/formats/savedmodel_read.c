/* SavedModel: schema version 1, meta graphs 2: MetaGraphDef (meta info 1 with tags 4; graph 2; signatures 5, a map from names
 * to SignatureDef: inputs 1 and outputs 2, maps to TensorInfo with the tensor's name in 1). Variables lie in a tensor bundle
 * beside it, under the keys that the graph's own RestoreV2 nodes ask for. */
#include "formats/graphdef.h"
#include "formats/readers.h"

#include <string.h>

enum { MODEL_VERSION = 1, MODEL_META = 2, META_INFO = 1, META_GRAPH = 2, META_SIGNATURES = 5, INFO_TAGS = 4 };
enum { SIGNATURE_OUTPUTS = 2, MOST_OUTPUTS = 64 };

struct meta {
    struct tw_span graph, signature;
    bool is_served; /* has the tag "serve" */
};

/* serving_default where there is one, else the first signature with outputs. */
static struct tw_span choose_signature(struct build *build, struct tw_span meta)
{
    struct tw_wire_field field, part, inner;
    struct tw_span chosen = {0};
    for (struct tw_reader reader = tw_reader_of(meta); build_next(build, &reader, &field);) {
        if (field.number != META_SIGNATURES || !build_expect(build, &field, TW_WIRE_BYTES, "a meta graph"))
            continue;
        struct tw_span name = {0}, signature = {0};
        bool has_outputs = false;
        for (struct tw_reader entry = tw_reader_of(field.bytes); build_next(build, &entry, &part);) {
            if (part.number == 1)
                name = part.bytes;
            else if (part.number == 2)
                signature = part.bytes;
        }
        for (struct tw_reader parts = tw_reader_of(signature); build_next(build, &parts, &inner);)
            has_outputs |= inner.number == SIGNATURE_OUTPUTS;
        if (tw_span_equal(name, tw_span_of_text("serving_default")))
            return signature;
        if (has_outputs && !chosen.data)
            chosen = signature;
    }
    return chosen;
}

static struct meta read_meta(struct build *build, struct tw_span message)
{
    struct meta meta = {.signature = choose_signature(build, message)};
    struct tw_wire_field field, part;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == META_GRAPH && build_expect(build, &field, TW_WIRE_BYTES, "a meta graph"))
            meta.graph = field.bytes;
        if (field.number != META_INFO || !build_expect(build, &field, TW_WIRE_BYTES, "a meta graph"))
            continue;
        for (struct tw_reader info = tw_reader_of(field.bytes); build_next(build, &info, &part);)
            meta.is_served |= part.number == INFO_TAGS && tw_span_equal(part.bytes, tw_span_of_text("serve"));
    }
    return meta;
}

/* The one for serving, else the first. */
static struct meta choose_meta(struct build *build, struct tw_span bytes)
{
    struct meta chosen = {0};
    struct tw_wire_field field;
    size_t count = 0;
    for (struct tw_reader reader = tw_reader_of(bytes); build_next(build, &reader, &field);) {
        if (field.number == MODEL_VERSION && field.value != 1)
            build_fail(build, TW_UNSUPPORTED, "the SavedModel is of version %llu; 1 is known",
                       (unsigned long long)field.value);
        if (field.number != MODEL_META || !build_expect(build, &field, TW_WIRE_BYTES, "a SavedModel"))
            continue;
        struct meta meta = read_meta(build, field.bytes);
        if (count++ == 0 || (meta.is_served && !chosen.is_served))
            chosen = meta;
    }
    if (!build->status && (!chosen.graph.size || !chosen.signature.size))
        build_fail(build, TW_UNSUPPORTED, "the SavedModel has no graph with a signature that has outputs");
    return chosen;
}

/* Finds the outputs' nodes, which stand in the map in no order that means anything. */
static size_t find_outputs(struct tf_graph *tf, struct tw_span signature, struct tf_link *outputs)
{
    struct build *build = tf->build;
    struct tw_wire_field field, part, inner;
    size_t count = 0;
    for (struct tw_reader reader = tw_reader_of(signature); build_next(build, &reader, &field);) {
        if (field.number != SIGNATURE_OUTPUTS || !build_expect(build, &field, TW_WIRE_BYTES, "a signature"))
            continue;
        const char *name = NULL;
        for (struct tw_reader entry = tw_reader_of(field.bytes); build_next(build, &entry, &part);) {
            if (part.number != 2 || !build_expect(build, &part, TW_WIRE_BYTES, "a signature"))
                continue;
            for (struct tw_reader info = tw_reader_of(part.bytes); build_next(build, &info, &inner);)
                name = inner.number == 1 ? build_text(build, &inner, "a signature") : name;
        }
        if (count == MOST_OUTPUTS) {
            build_fail(build, TW_LIMIT, "the signature has over %d outputs", MOST_OUTPUTS);
            break;
        }
        if (!build->status && (!name || !tf_find_output(tf, name, &outputs[count++])))
            build_fail(build, TW_CORRUPT, "the signature's output '%.200s' is made by no node", name ? name : "");
    }
    return build->status ? 0 : count;
}

/* Of what savedmodel_write.c wrote: the model's own, under their names. */
static size_t find_own_outputs(struct tf_graph *tf, struct tf_link *outputs)
{
    static const char *const names[] = {"embedding", "logits", "scores", "known"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        count += tf_find_output(tf, names[i], &outputs[count]);
    return count;
}

static void read_variables(struct tf_graph *tf, const struct tw_model_source *source)
{
    struct build *build = tf->build;
    struct tw_span index;
    if (build->status || !tf_find_variables(tf) || build->status)
        return;
    if (!source->open) {
        build_fail(build, TW_NOT_FOUND, "it has variables, and its folder 'variables' is not there");
        return;
    }
    build->status = source->open(source->context, "variables/variables.index", &index, build->error);
    if (!build->status)
        weights_read_bundle(build, source, index, "variables/variables", tf->weights);
}

bool savedmodel_matches(struct tw_span bytes)
{
    return tw_span_starts(bytes, "\x08\x01\x12", 3);
}

enum tw_status savedmodel_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                               struct tw_graph **graph, struct tw_error *error)
{
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    struct weights weights = {0};
    struct tf_graph tf = {.build = &build, .image_node = -1, .weights = &weights};
    struct tf_link outputs[MOST_OUTPUTS];
    struct meta meta = choose_meta(&build, source->bytes);
    if (!build.status)
        tf_read_nodes(&tf, meta.graph);
    bool is_ours = !build.status && tf_find_own_input(&tf);
    size_t count = is_ours ? find_own_outputs(&tf, outputs) : find_outputs(&tf, meta.signature, outputs);
    read_variables(&tf, source);
    if (!build.status && !is_ours)
        tf_find_image_input(&tf);
    if (!build.status)
        tf_translate_graph(&tf, outputs, count);
    return build_finish(&build, graph);
}
