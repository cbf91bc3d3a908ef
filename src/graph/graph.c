#include "graph/graph.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

const struct tw_graph_limits tw_graph_limits_default = {.max_nodes = 100000, .max_tensor_bytes = (int64_t)4 << 30};

enum { FIRST_SLOTS = 64 };

struct tw_graph *tw_graph_new(void)
{
    struct tw_graph *graph = tw_alloc(1, sizeof *graph);
    if (graph)
        graph->opset = 13;
    return graph;
}

void tw_graph_free(struct tw_graph *graph)
{
    if (!graph)
        return;
    if (graph->release_backing)
        graph->release_backing(graph->backing);
    tw_arena_release(&graph->arena);
    tw_free(graph->values);
    tw_free(graph->nodes);
    tw_free(graph->properties);
    tw_free(graph->name_slots);
    tw_free(graph);
}

/* FNV-1a: the index is a convenience for lookups, and a flood of collisions costs at most what a linear search does. */
static size_t hash_name(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    return (size_t)(hash ^ (hash >> 32));
}

/* The slot of the name, or the free slot where it belongs. Slots hold id + 1; their number is a power of two. */
static int *find_slot(const struct tw_graph *graph, const char *name)
{
    size_t mask = graph->name_slot_count - 1;
    for (size_t at = hash_name(name) & mask;; at = (at + 1) & mask) {
        int *slot = &graph->name_slots[at];
        if (*slot == 0 || strcmp(graph->values[*slot - 1].name, name) == 0)
            return slot;
    }
}

static bool grow_name_slots(struct tw_graph *graph)
{
    if ((graph->value_count + 1) * 2 <= graph->name_slot_count)
        return true;
    size_t count = graph->name_slot_count ? graph->name_slot_count * 2 : FIRST_SLOTS;
    int *slots = tw_alloc(count, sizeof *slots);
    if (!slots)
        return false;
    tw_free(graph->name_slots);
    graph->name_slots = slots;
    graph->name_slot_count = count;
    for (size_t id = 0; id < graph->value_count; id++) {
        int *slot = find_slot(graph, graph->values[id].name);
        if (*slot == 0)
            *slot = (int)id + 1;
    }
    return true;
}

int tw_graph_add_value(struct tw_graph *graph, const char *name, enum tw_dtype dtype, const struct tw_shape *shape)
{
    assert(name && *name);
    if (graph->value_count >= INT_MAX - 1 || !grow_name_slots(graph) ||
        tw_grow((void **)&graph->values, &graph->value_capacity, graph->value_count + 1, sizeof *graph->values, NULL))
        return -1;
    const char *copy = tw_arena_strndup(&graph->arena, name, strlen(name));
    if (!copy)
        return -1;
    int id = (int)graph->value_count++;
    graph->values[id] = (struct tw_value){
        .name = copy,
        .dtype = dtype,
        .shape = shape ? *shape : (struct tw_shape){.rank = TW_UNKNOWN},
    };
    int *slot = find_slot(graph, copy);
    if (*slot == 0)
        *slot = id + 1;
    return id;
}

int tw_graph_add_constant(struct tw_graph *graph, const char *name, enum tw_dtype dtype, const struct tw_shape *shape,
                          const void *data, bool copies)
{
    const void *kept = data;
    if (copies) {
        int64_t count;
        if (!tw_shape_count(shape, &count))
            return -1;
        void *copy = tw_arena_alloc(&graph->arena, (size_t)count, tw_dtype_size(dtype));
        if (!copy)
            return -1;
        if (count)
            memcpy(copy, data, (size_t)count * tw_dtype_size(dtype));
        kept = copy;
    }
    int id = tw_graph_add_value(graph, name, dtype, shape);
    if (id >= 0)
        graph->values[id].data = kept;
    return id;
}

static int *copy_ids(struct tw_graph *graph, const int *ids, size_t count)
{
    int *copy = tw_arena_alloc(&graph->arena, count ? count : 1, sizeof *copy);
    if (copy && count)
        memcpy(copy, ids, count * sizeof *copy);
    return copy;
}

struct tw_node *tw_graph_add_node(struct tw_graph *graph, enum tw_op op, const char *name, const int *inputs,
                                  int input_count, const int *outputs, int output_count)
{
    assert(input_count >= 0 && output_count >= 0);
    if (tw_grow((void **)&graph->nodes, &graph->node_capacity, graph->node_count + 1, sizeof *graph->nodes, NULL))
        return NULL;
    const char *text = name ? name : "";
    struct tw_node node = {
        .op = op,
        .name = tw_arena_strndup(&graph->arena, text, strlen(text)),
        .inputs = copy_ids(graph, inputs, (size_t)input_count),
        .input_count = input_count,
        .outputs = copy_ids(graph, outputs, (size_t)output_count),
        .output_count = output_count,
        .residual = -1,
    };
    if (!node.name || !node.inputs || !node.outputs)
        return NULL;
    graph->nodes[graph->node_count] = node;
    return &graph->nodes[graph->node_count++];
}

bool tw_graph_set_inputs(struct tw_graph *graph, const int *ids, size_t count)
{
    int *copy = copy_ids(graph, ids, count);
    if (!copy)
        return false;
    graph->inputs = copy;
    graph->input_count = count;
    return true;
}

bool tw_graph_set_outputs(struct tw_graph *graph, const int *ids, size_t count)
{
    int *copy = copy_ids(graph, ids, count);
    if (!copy)
        return false;
    graph->outputs = copy;
    graph->output_count = count;
    return true;
}

int tw_graph_find_value(const struct tw_graph *graph, const char *name)
{
    return graph->name_slot_count ? *find_slot(graph, name) - 1 : -1;
}

static struct tw_property *find_property(const struct tw_graph *graph, const char *key)
{
    for (size_t i = 0; i < graph->property_count; i++) {
        if (strcmp(graph->properties[i].key, key) == 0)
            return &graph->properties[i];
    }
    return NULL;
}

bool tw_graph_set_property(struct tw_graph *graph, const char *key, const char *value)
{
    const char *kept = tw_arena_strndup(&graph->arena, value, strlen(value));
    if (!kept)
        return false;
    struct tw_property *property = find_property(graph, key);
    if (!property) {
        const char *name = tw_arena_strndup(&graph->arena, key, strlen(key));
        if (!name || tw_grow((void **)&graph->properties, &graph->property_capacity, graph->property_count + 1,
                             sizeof *graph->properties, NULL))
            return false;
        property = &graph->properties[graph->property_count++];
        property->key = name;
    }
    property->value = kept;
    return true;
}

const char *tw_graph_property(const struct tw_graph *graph, const char *key)
{
    const struct tw_property *property = find_property(graph, key);
    return property ? property->value : NULL;
}
