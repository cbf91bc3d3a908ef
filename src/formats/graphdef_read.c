/* Frozen graphs of TensorFlow: from what nobody takes, back to what is needed for it. */
#include "formats/readers.h"

#include "formats/graphdef.h"

#include <string.h>

enum { GRAPH_NODE = 1, NODE_NAME = 1 };

struct frame {
    int node, next_input;
};

/* Depth first, with a stack of its own, from one output; nodes come to `order` after what they need. */
static size_t place(struct tf_graph *tf, int root, struct frame *stack, int *order, size_t placed)
{
    size_t depth = 0;
    if (tf->nodes[root].is_placed)
        return placed;
    tf->nodes[root].is_open = true;
    stack[depth++] = (struct frame){.node = root};
    while (depth && !tf->build->status) {
        struct frame *top = &stack[depth - 1];
        struct tf_node *node = &tf->nodes[top->node];
        bool is_leaf = top->node == tf->image_node;
        if (is_leaf || top->next_input == node->input_count) {
            node->is_placed = true;
            order[placed++] = top->node;
            depth--;
            continue;
        }
        struct tf_node *next = &tf->nodes[node->inputs[top->next_input]];
        int index = node->inputs[top->next_input++];
        if (next->is_open && !next->is_placed)
            build_fail(tf->build, TW_UNSUPPORTED, "nodes form a loop through node '%.200s' (op %.100s)", next->name,
                       next->op);
        if (next->is_open)
            continue;
        next->is_open = true;
        stack[depth++] = (struct frame){.node = index};
    }
    return placed;
}

/* Every tensor's name first, so that names made on the way cannot meet one of them. */
static void translate_all(struct tf_graph *tf, const int *order, size_t count)
{
    struct build *build = tf->build;
    for (size_t i = 0; i < count && !build->status; i++)
        build_value(build, tf->nodes[order[i]].name);
    for (size_t i = 0; i < count && !build->status; i++) {
        struct tf_node *node = &tf->nodes[order[i]];
        if (!node->outputs) {
            node->output_count = 1;
            node->outputs = build_alloc(build, 1, sizeof *node->outputs);
            if (node->outputs)
                node->outputs[0] = (struct layout_forms){.native = -1, .nchw = -1};
        }
        if (!build->status && order[i] != tf->image_node)
            tf_translate(tf, node);
    }
}

static void set_outputs(struct tf_graph *tf, const struct tf_link *outputs, size_t count)
{
    struct build *build = tf->build;
    int *ids = build_alloc(build, count, sizeof *ids);
    size_t kept = 0;
    for (size_t i = 0; i < count && !build->status; i++) {
        const struct tf_node *node = &tf->nodes[outputs[i].node];
        const struct layout_forms *forms =
            outputs[i].port < node->output_count ? &node->outputs[outputs[i].port] : NULL;
        int id = !forms ? -1 : forms->native >= 0 ? forms->native : forms->nchw;
        if (id < 0)
            continue;
        struct tw_value *value = &build->graph->values[id];
        enum tw_dtype dtype = tf_dtype(tf_int(tf, node, "T", 1));
        if (strcmp(node->op, "Cast") == 0)
            dtype = tf_dtype(tf_int(tf, node, "DstT", 1));
        if (strcmp(node->op, "ArgMax") == 0)
            dtype = TW_I64;
        if (value->dtype == TW_DTYPE_NONE)
            value->dtype = dtype;
        ids[kept++] = id;
    }
    if (!build->status && kept == 0)
        build_fail(build, TW_CORRUPT, "no node gives a result");
    if (!build->status && !tw_graph_set_outputs(build->graph, ids, kept))
        build_fail_memory(build, kept * sizeof *ids);
}

void tf_translate_graph(struct tf_graph *tf, const struct tf_link *outputs, size_t count)
{
    struct build *build = tf->build;
    int *order = build_alloc(build, tf->node_count, sizeof *order);
    struct frame *stack = build_alloc(build, tf->node_count, sizeof *stack);
    size_t placed = 0;
    for (size_t i = 0; i < count && !build->status; i++)
        placed = place(tf, outputs[i].node, stack, order, placed);
    translate_all(tf, order, build->status ? 0 : placed);
    set_outputs(tf, outputs, count);
}

/* What nobody takes is what the network gives. */
static void translate_ends(struct tf_graph *tf)
{
    struct tf_link *ends = build_alloc(tf->build, tf->node_count, sizeof *ends);
    size_t count = 0;
    for (size_t i = 0; ends && i < tf->node_count; i++) {
        if (tf->nodes[i].consumer_count == 0 && !tf_is_source(&tf->nodes[i]))
            ends[count++].node = (int)i;
    }
    if (ends)
        tf_translate_graph(tf, ends, count);
}

/* A first field that is a node whose first field is its name: a text file may begin with a newline too. */
bool graphdef_matches(struct tw_span bytes)
{
    struct tw_reader reader = tw_reader_of(bytes);
    uint8_t key, name_key, letter;
    uint64_t size, name_size;
    return tw_read_u8(&reader, &key) && key == (GRAPH_NODE << 3 | TW_WIRE_BYTES) && tw_read_varint(&reader, &size) &&
           tw_read_u8(&reader, &name_key) && name_key == (NODE_NAME << 3 | TW_WIRE_BYTES) &&
           tw_read_varint(&reader, &name_size) && name_size > 0 && name_size < size && tw_read_u8(&reader, &letter) &&
           letter > ' ' && letter < 0x7f;
}

enum tw_status graphdef_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                             struct tw_graph **graph, struct tw_error *error)
{
    enum { DEPTH = 7 }; /* graph, node, attribute, value, tensor, shape, dimension */
    if (limits->max_depth < DEPTH)
        return tw_fail(error, TW_LIMIT, "a GraphDef nests %d messages, over the limit of %d", DEPTH, limits->max_depth);
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    struct tf_graph tf = {.build = &build, .image_node = -1};
    tf_read_nodes(&tf, source->bytes);
    if (!build.status)
        tf_find_image_input(&tf);
    if (!build.status)
        translate_ends(&tf);
    return build_finish(&build, graph);
}
