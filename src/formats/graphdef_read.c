/* GraphDef: node 1 of NodeDef (name 1, op 2, input 3, attr 5); library 2. */
#include "formats/readers.h"

#include "formats/graphdef.h"

#include <stdlib.h>
#include <string.h>

enum { GRAPH_NODE = 1, NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3 };

struct name_entry {
    const char *name;
    int index;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name_entry *)a)->name, ((const struct name_entry *)b)->name);
}

static void read_names(struct tf_graph *tf, struct tf_node *node, struct name_entry *entry)
{
    struct build *build = tf->build;
    struct tw_wire_field field;
    size_t inputs = 0;
    node->name = node->op = "";
    for (struct tw_reader reader = tw_reader_of(node->message); build_next(build, &reader, &field);) {
        if (field.number == NODE_NAME)
            node->name = build_text(build, &field, "a node");
        else if (field.number == NODE_OP)
            node->op = build_text(build, &field, "a node");
        inputs += field.number == NODE_INPUT;
    }
    if (!build->status && (!*node->name || !*node->op))
        build_fail(build, TW_CORRUPT, "a node has no name or no op");
    node->inputs = build_alloc(build, inputs, sizeof *node->inputs);
    node->ports = build_alloc(build, inputs, sizeof *node->ports);
    *entry = (struct name_entry){.name = node->name, .index = (int)(node - tf->nodes)};
}

/* "name", "name:port", or "^name" for order alone. */
static void read_input(struct tf_graph *tf, struct tf_node *node, const struct name_entry *names,
                       const struct tw_wire_field *field)
{
    struct build *build = tf->build;
    const char *text = build_text(build, field, "a node");
    if (!text || *text == '^')
        return;
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    char *name = tw_strndup(text, length);
    if (!name) {
        build_fail_memory(build, length);
        return;
    }
    struct name_entry key = {.name = name};
    const struct name_entry *found = bsearch(&key, names, tf->node_count, sizeof *names, compare_names);
    if (!found || port < 0 || port > 1000)
        build_fail(build, TW_CORRUPT, "node '%.200s' (op %.100s) takes '%.200s', which no node makes", node->name,
                   node->op, text);
    tw_free(name);
    if (build->status)
        return;
    node->inputs[node->input_count] = found->index;
    node->ports[node->input_count++] = (int)port;
    tf->nodes[found->index].consumer_count++;
    tf->nodes[found->index].last_consumer = (int)(node - tf->nodes);
}

static void read_nodes(struct tf_graph *tf, struct tw_span bytes)
{
    struct build *build = tf->build;
    struct tw_wire_field field;
    size_t count = 0;
    for (struct tw_reader reader = tw_reader_of(bytes); build_next(build, &reader, &field);)
        count += field.number == GRAPH_NODE && build_expect(build, &field, TW_WIRE_BYTES, "the graph");
    if (count > build->limits->max_nodes)
        build_fail(build, TW_LIMIT, "it has %zu nodes, over the limit of %zu", count, build->limits->max_nodes);
    tf->nodes = build_alloc(build, count, sizeof *tf->nodes);
    struct name_entry *names = build_alloc(build, count, sizeof *names);
    for (struct tw_reader reader = tw_reader_of(bytes); build_next(build, &reader, &field);) {
        if (field.number != GRAPH_NODE)
            continue;
        tf->nodes[tf->node_count].message = field.bytes;
        read_names(tf, &tf->nodes[tf->node_count], &names[tf->node_count]);
        tf->node_count++;
    }
    if (build->status)
        return;
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1].name, names[i].name) == 0)
            build_fail(build, TW_CORRUPT, "two nodes are named '%.200s'", names[i].name);
    }
    for (size_t i = 0; i < count; i++) {
        struct tf_node *node = &tf->nodes[i];
        for (struct tw_reader reader = tw_reader_of(node->message); build_next(build, &reader, &field);) {
            if (field.number == NODE_INPUT)
                read_input(tf, node, names, &field);
        }
    }
}

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

static void set_outputs(struct tf_graph *tf, const int *roots, size_t count)
{
    struct build *build = tf->build;
    int *ids = build_alloc(build, count, sizeof *ids);
    size_t kept = 0;
    for (size_t i = 0; i < count && !build->status; i++) {
        const struct tf_node *node = &tf->nodes[roots[i]];
        int id = node->outputs[0].native >= 0 ? node->outputs[0].native : node->outputs[0].nchw;
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

static void translate_graph(struct tf_graph *tf)
{
    struct build *build = tf->build;
    int *roots = build_alloc(build, tf->node_count, sizeof *roots);
    int *order = build_alloc(build, tf->node_count, sizeof *order);
    struct frame *stack = build_alloc(build, tf->node_count, sizeof *stack);
    size_t root_count = 0, placed = 0;
    for (size_t i = 0; i < tf->node_count && !build->status; i++) {
        if (tf->nodes[i].consumer_count == 0 && !tf_is_source(&tf->nodes[i]))
            roots[root_count++] = (int)i;
    }
    for (size_t i = 0; i < root_count && !build->status; i++)
        placed = place(tf, roots[i], stack, order, placed);
    translate_all(tf, order, build->status ? 0 : placed);
    set_outputs(tf, roots, root_count);
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
    read_nodes(&tf, source->bytes);
    if (!build.status)
        tf_find_image_input(&tf);
    if (!build.status)
        translate_graph(&tf);
    return build_finish(&build, graph);
}
