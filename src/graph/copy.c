#include "graph/graph.h"

#include <string.h>

static void *keep(struct tw_graph *graph, const void *from, size_t count, size_t size)
{
    void *copy = tw_arena_alloc(&graph->arena, count ? count : 1, size);
    if (copy && count)
        memcpy(copy, from, count * size);
    return copy;
}

static bool copy_value(struct tw_graph *copy, const struct tw_value *value)
{
    int id = tw_graph_add_value(copy, value->name, value->dtype, &value->shape);
    if (id < 0)
        return false;
    struct tw_value *made = &copy->values[id];
    made->data = value->data;
    made->quantisation = value->quantisation;
    const struct tw_quantisation *from = &value->quantisation;
    if (!from->scale)
        return true;
    made->quantisation.scale = keep(copy, from->scale, (size_t)from->count, sizeof *from->scale);
    if (from->zero_point)
        made->quantisation.zero_point = keep(copy, from->zero_point, (size_t)from->count, sizeof *from->zero_point);
    return made->quantisation.scale && (!from->zero_point || made->quantisation.zero_point);
}

static bool copy_attribute(struct tw_graph *copy, struct tw_attribute *to, const struct tw_attribute *from)
{
    *to = *from;
    to->name = tw_arena_strndup(&copy->arena, from->name, strlen(from->name));
    bool is_kept = to->name != NULL;
    if (from->kind == TW_ATTR_TEXT)
        is_kept &= (to->text.data = (uint8_t *)tw_arena_strndup(&copy->arena, (const char *)from->text.data,
                                                                from->text.size)) != NULL;
    if (from->kind == TW_ATTR_INTS)
        is_kept &= (to->ints = keep(copy, from->ints, from->count, sizeof *from->ints)) != NULL;
    if (from->kind == TW_ATTR_FLOATS)
        is_kept &= (to->floats = keep(copy, from->floats, from->count, sizeof *from->floats)) != NULL;
    return is_kept;
}

/* ids: of each value of the graph that it was copied from. */
static void renumber(struct tw_node *node, const int *ids)
{
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = node->inputs[i] >= 0 ? ids[node->inputs[i]] : -1;
    for (int i = 0; i < node->output_count; i++)
        node->outputs[i] = node->outputs[i] >= 0 ? ids[node->outputs[i]] : -1;
    node->residual = node->residual >= 0 ? ids[node->residual] : -1;
    for (int i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].kind == TW_ATTR_TENSOR && node->attributes[i].tensor >= 0)
            node->attributes[i].tensor = ids[node->attributes[i].tensor];
    }
}

static bool copy_node(struct tw_graph *copy, const struct tw_node *node)
{
    struct tw_node *made = tw_graph_add_node(copy, node->op, node->name, node->inputs, node->input_count, node->outputs,
                                             node->output_count);
    if (!made)
        return false;
    made->residual = node->residual;
    made->activation = node->activation;
    made->activation_alpha = node->activation_alpha;
    made->activation_beta = node->activation_beta;
    size_t count = (size_t)node->attribute_count;
    struct tw_attribute *attributes = tw_arena_alloc(&copy->arena, count ? count : 1, sizeof *attributes);
    if (!attributes)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!copy_attribute(copy, &attributes[i], &node->attributes[i]))
            return false;
    }
    made->attributes = attributes;
    made->attribute_count = node->attribute_count;
    return true;
}

static bool copy_all(struct tw_graph *copy, const struct tw_graph *graph)
{
    copy->opset = graph->opset;
    for (size_t i = 0; i < graph->value_count; i++) {
        if (!copy_value(copy, &graph->values[i]))
            return false;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        if (!copy_node(copy, &graph->nodes[i]))
            return false;
    }
    for (size_t i = 0; i < graph->property_count; i++) {
        if (!tw_graph_set_property(copy, graph->properties[i].key, graph->properties[i].value))
            return false;
    }
    return tw_graph_set_inputs(copy, graph->inputs, graph->input_count) &&
           tw_graph_set_outputs(copy, graph->outputs, graph->output_count);
}

enum tw_status tw_graph_clone(const struct tw_graph *graph, struct tw_graph **clone, struct tw_error *error)
{
    struct tw_graph *copy = tw_graph_new();
    if (!copy || !copy_all(copy, graph)) {
        tw_graph_free(copy);
        return tw_fail_memory(error, graph->arena.used_bytes, "a copy of a graph");
    }
    *clone = copy;
    return TW_OK;
}

static void need_inputs(const struct tw_node *node, bool *needed)
{
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0)
            needed[node->inputs[i]] = true;
    }
    if (node->residual >= 0)
        needed[node->residual] = true;
    for (int i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].kind == TW_ATTR_TENSOR && node->attributes[i].tensor >= 0)
            needed[node->attributes[i].tensor] = true;
    }
}

static void need(const struct tw_node *node, bool *needed)
{
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            needed[node->outputs[i]] = true;
    }
}

static bool copy_part(struct tw_graph *part, const struct tw_graph *graph, const bool *needed, int *ids)
{
    part->opset = graph->opset;
    for (size_t i = 0; i < graph->value_count; i++) {
        ids[i] = needed[i] ? (int)part->value_count : -1;
        if (needed[i] && !copy_value(part, &graph->values[i]))
            return false;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        if (!copy_node(part, &graph->nodes[i]))
            return false;
        renumber(&part->nodes[i], ids);
    }
    for (size_t i = 0; i < graph->property_count; i++) {
        if (!tw_graph_set_property(part, graph->properties[i].key, graph->properties[i].value))
            return false;
    }
    if (!tw_graph_set_inputs(part, graph->inputs, graph->input_count) ||
        !tw_graph_set_outputs(part, graph->outputs, graph->output_count))
        return false;
    for (size_t i = 0; i < part->input_count; i++)
        part->inputs[i] = ids[part->inputs[i]];
    for (size_t i = 0; i < part->output_count; i++)
        part->outputs[i] = ids[part->outputs[i]];
    return true;
}

enum tw_status tw_graph_extract(const struct tw_graph *graph, struct tw_graph **part, struct tw_error *error)
{
    struct tw_graph *made = tw_graph_new();
    bool *needed = tw_alloc(graph->value_count, sizeof *needed);
    int *ids = tw_alloc(graph->value_count, sizeof *ids);
    for (size_t i = 0; i < graph->node_count && needed; i++) {
        need_inputs(&graph->nodes[i], needed);
        need(&graph->nodes[i], needed);
    }
    for (size_t i = 0; i < graph->input_count && needed; i++)
        needed[graph->inputs[i]] = true;
    for (size_t i = 0; i < graph->output_count && needed; i++)
        needed[graph->outputs[i]] = true;
    bool is_whole = made && needed && ids && copy_part(made, graph, needed, ids);
    tw_free(needed);
    tw_free(ids);
    if (!is_whole) {
        tw_graph_free(made);
        return tw_fail_memory(error, graph->arena.used_bytes, "a part of a graph");
    }
    *part = made;
    return TW_OK;
}
/* Against the order of nodes, so that each is asked once. */
static void keep_needed(struct tw_graph *graph, bool *needed)
{
    size_t first = graph->node_count;
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct tw_node *node = &graph->nodes[n];
        bool is_needed = false;
        for (int o = 0; o < node->output_count; o++)
            is_needed |= node->outputs[o] >= 0 && needed[node->outputs[o]];
        if (!is_needed)
            continue;
        need_inputs(node, needed);
        graph->nodes[--first] = *node;
    }
    graph->node_count -= first;
    memmove(graph->nodes, graph->nodes + first, graph->node_count * sizeof *graph->nodes);
    size_t kept = 0;
    for (size_t i = 0; i < graph->input_count; i++) {
        if (needed[graph->inputs[i]])
            graph->inputs[kept++] = graph->inputs[i];
    }
    graph->input_count = kept;
}

enum tw_status tw_graph_cut(struct tw_graph *graph, const char *const *output_names, size_t count,
                            struct tw_error *error)
{
    int *ids = tw_alloc(count, sizeof *ids);
    bool *needed = tw_alloc(graph->value_count, sizeof *needed);
    enum tw_status status = TW_OK;
    if (!ids || !needed)
        status = tw_fail_memory(error, count * sizeof *ids, "the outputs of a graph");
    for (size_t i = 0; i < count && !status; i++) {
        ids[i] = tw_graph_find_value(graph, output_names[i]);
        if (ids[i] < 0)
            status = tw_fail(error, TW_NOT_FOUND, "the graph has no value '%s'", output_names[i]);
        else
            needed[ids[i]] = true;
    }
    if (!status && !tw_graph_set_outputs(graph, ids, count))
        status = tw_fail_memory(error, count * sizeof *ids, "the outputs of a graph");
    if (!status)
        status = tw_graph_sort(graph, error);
    if (!status)
        keep_needed(graph, needed);
    tw_free(ids);
    tw_free(needed);
    return status;
}
