#include "graph/graph.h"

#include <string.h>

const struct tw_attribute *tw_node_attribute(const struct tw_node *node, const char *name)
{
    for (int i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    }
    return NULL;
}

int64_t tw_node_int(const struct tw_node *node, const char *name, int64_t otherwise)
{
    const struct tw_attribute *attribute = tw_node_attribute(node, name);
    return attribute && attribute->kind == TW_ATTR_INT ? attribute->i : otherwise;
}

float tw_node_float(const struct tw_node *node, const char *name, float otherwise)
{
    const struct tw_attribute *attribute = tw_node_attribute(node, name);
    return attribute && attribute->kind == TW_ATTR_FLOAT ? attribute->f : otherwise;
}

/* The attribute of that name, or a new one; NULL: no memory. The list is copied when it grows: nodes are small, and the
 * arena forgets nothing before the graph ends. */
static struct tw_attribute *place(struct tw_graph *graph, struct tw_node *node, const char *name)
{
    for (int i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    }
    size_t count = (size_t)node->attribute_count;
    struct tw_attribute *list = tw_arena_alloc(&graph->arena, count + 1, sizeof *list);
    const char *copy = tw_arena_strndup(&graph->arena, name, strlen(name));
    if (!list || !copy)
        return NULL;
    if (count)
        memcpy(list, node->attributes, count * sizeof *list);
    list[count].name = copy;
    node->attributes = list;
    node->attribute_count++;
    return &list[count];
}

static enum tw_status put(struct tw_graph *graph, struct tw_node *node, struct tw_attribute value,
                          struct tw_error *error)
{
    struct tw_attribute *attribute = place(graph, node, value.name);
    if (!attribute)
        return tw_fail_memory(error, sizeof *attribute, "an attribute");
    value.name = attribute->name;
    *attribute = value;
    return TW_OK;
}

/* A copy in the arena of `count` elements; a place that is not NULL also for none. */
static void *keep(struct tw_graph *graph, const void *from, size_t count, size_t size)
{
    void *copy = tw_arena_alloc(&graph->arena, count ? count : 1, size);
    if (copy && count)
        memcpy(copy, from, count * size);
    return copy;
}

enum tw_status tw_node_set_int(struct tw_graph *graph, struct tw_node *node, const char *name, int64_t value,
                               struct tw_error *error)
{
    return put(graph, node, (struct tw_attribute){.name = name, .kind = TW_ATTR_INT, .i = value}, error);
}

enum tw_status tw_node_set_float(struct tw_graph *graph, struct tw_node *node, const char *name, float value,
                                 struct tw_error *error)
{
    return put(graph, node, (struct tw_attribute){.name = name, .kind = TW_ATTR_FLOAT, .f = value}, error);
}

enum tw_status tw_node_set_tensor(struct tw_graph *graph, struct tw_node *node, const char *name, int value_id,
                                  struct tw_error *error)
{
    return put(graph, node, (struct tw_attribute){.name = name, .kind = TW_ATTR_TENSOR, .tensor = value_id}, error);
}

enum tw_status tw_node_set_ints(struct tw_graph *graph, struct tw_node *node, const char *name, const int64_t *values,
                                size_t count, struct tw_error *error)
{
    const int64_t *kept = keep(graph, values, count, sizeof *values);
    if (!kept)
        return tw_fail_memory(error, count * sizeof *values, "an attribute");
    return put(graph, node, (struct tw_attribute){.name = name, .kind = TW_ATTR_INTS, .ints = kept, .count = count},
               error);
}

enum tw_status tw_node_set_floats(struct tw_graph *graph, struct tw_node *node, const char *name, const float *values,
                                  size_t count, struct tw_error *error)
{
    const float *kept = keep(graph, values, count, sizeof *values);
    if (!kept)
        return tw_fail_memory(error, count * sizeof *values, "an attribute");
    return put(graph, node, (struct tw_attribute){.name = name, .kind = TW_ATTR_FLOATS, .floats = kept, .count = count},
               error);
}

enum tw_status tw_node_set_text(struct tw_graph *graph, struct tw_node *node, const char *name, const char *value,
                                struct tw_error *error)
{
    size_t length = strlen(value);
    const char *kept = tw_arena_strndup(&graph->arena, value, length);
    if (!kept)
        return tw_fail_memory(error, length, "an attribute");
    return put(graph, node, (struct tw_attribute){.name = name, .kind = TW_ATTR_TEXT, .text = tw_span_of(kept, length)},
               error);
}
