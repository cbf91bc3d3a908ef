#include "graph/passes/edit.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool grow(struct tw_edit *edit)
{
    const struct tw_graph *graph = edit->graph;
    return !tw_grow((void **)&edit->values, &edit->value_capacity, graph->value_count + 1, sizeof *edit->values,
                    NULL) &&
           !tw_grow((void **)&edit->is_dead, &edit->dead_capacity, graph->node_count + 1, sizeof *edit->is_dead, NULL);
}

static void add_uses(struct tw_edit *edit, const struct tw_node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0)
            edit->values[tw_edit_id(edit, node->inputs[i])].uses++;
    }
    if (node->residual >= 0)
        edit->values[tw_edit_id(edit, node->residual)].uses++;
}

static void set_makers(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = &edit->graph->nodes[index];
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            edit->values[node->outputs[i]].maker = (int)index;
    }
}

enum tw_status tw_edit_begin(struct tw_edit *edit, struct tw_graph *graph, struct tw_error *error)
{
    *edit = (struct tw_edit){.graph = graph, .error = error, .first_count = graph->node_count};
    if (!grow(edit)) {
        tw_free(edit->values);
        tw_free(edit->is_dead);
        return tw_edit_no_memory(edit);
    }
    memset(edit->is_dead, 0, graph->node_count * sizeof *edit->is_dead);
    for (size_t id = 0; id < graph->value_count; id++)
        edit->values[id] = (struct tw_edit_value){.maker = -1, .alias = (int)id};
    for (size_t n = 0; n < graph->node_count; n++) {
        add_uses(edit, &graph->nodes[n]);
        set_makers(edit, n);
    }
    for (size_t i = 0; i < graph->output_count; i++) {
        edit->values[graph->outputs[i]].uses++;
        edit->values[graph->outputs[i]].is_output = true;
    }
    return TW_OK;
}

enum tw_status tw_edit_end(struct tw_edit *edit, enum tw_status status, bool *has_changed)
{
    struct tw_graph *graph = edit->graph;
    /* What passes make is bounded by what was there, and that was within the caller's limits. */
    static const struct tw_graph_limits limits = {.max_nodes = SIZE_MAX, .max_tensor_bytes = INT64_MAX};
    size_t kept = 0;
    for (size_t n = 0; n < graph->node_count && !status; n++) {
        if (tw_edit_node(edit, n))
            graph->nodes[kept++] = graph->nodes[n];
    }
    if (!status)
        graph->node_count = kept;
    if (!status && edit->has_changed)
        status = tw_graph_sort(graph, edit->error);
    if (!status && edit->has_changed)
        status = tw_graph_infer(graph, &limits, edit->error);
    *has_changed = edit->has_changed;
    tw_free(edit->values);
    tw_free(edit->is_dead);
    return status;
}

enum tw_status tw_edit_no_memory(struct tw_edit *edit)
{
    return tw_fail_memory(edit->error, edit->graph->value_count, "the optimised graph");
}

int tw_edit_id(const struct tw_edit *edit, int id)
{
    while (id >= 0 && edit->values[id].alias != id)
        id = edit->values[id].alias;
    return id;
}

struct tw_node *tw_edit_node(struct tw_edit *edit, size_t index)
{
    if (edit->is_dead[index])
        return NULL;
    struct tw_node *node = &edit->graph->nodes[index];
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = tw_edit_id(edit, node->inputs[i]);
    node->residual = tw_edit_id(edit, node->residual);
    return node;
}

int tw_edit_maker(const struct tw_edit *edit, int id)
{
    return id < 0 ? -1 : edit->values[tw_edit_id(edit, id)].maker;
}

bool tw_edit_is_plain(const struct tw_node *node)
{
    return node->residual < 0 && node->activation == TW_ACT_NONE;
}

struct tw_node *tw_edit_made_by(struct tw_edit *edit, int id, enum tw_op op)
{
    int maker = tw_edit_maker(edit, id);
    struct tw_node *node = maker < 0 ? NULL : tw_edit_node(edit, (size_t)maker);
    return node && node->op == op && tw_edit_is_plain(node) ? node : NULL;
}

const struct tw_value *tw_edit_value(const struct tw_edit *edit, int id)
{
    return &edit->graph->values[tw_edit_id(edit, id)];
}

size_t tw_edit_uses(const struct tw_edit *edit, int id)
{
    return edit->values[tw_edit_id(edit, id)].uses;
}

bool tw_edit_is_constant(const struct tw_edit *edit, int id)
{
    return id >= 0 && tw_edit_value(edit, id)->data != NULL;
}

/* Constants lie in their file as it pleases. */
double tw_edit_float_at(const struct tw_value *value, int64_t at)
{
    float element;
    memcpy(&element, (const uint8_t *)value->data + (size_t)at * sizeof element, sizeof element);
    return (double)element;
}

bool tw_edit_scalar(const struct tw_edit *edit, int id, float *value)
{
    int64_t count;
    if (!tw_edit_is_constant(edit, id))
        return false;
    const struct tw_value *constant = tw_edit_value(edit, id);
    if (constant->dtype != TW_F32 || !tw_shape_count(&constant->shape, &count) || count != 1)
        return false;
    *value = (float)tw_edit_float_at(constant, 0);
    return true;
}

bool tw_edit_is_scalar(const struct tw_edit *edit, int id, float expected)
{
    float value;
    return tw_edit_scalar(edit, id, &value) && fabsf(value - expected) <= 1e-4f * fabsf(expected);
}

bool tw_edit_input_ints(const struct tw_edit *edit, const struct tw_node *node, int index, struct op_ints *ints)
{
    *ints = (struct op_ints){0};
    if (index >= node->input_count || !tw_edit_is_constant(edit, node->inputs[index]))
        return false;
    const struct tw_value *value = tw_edit_value(edit, node->inputs[index]);
    int64_t count;
    if (value->dtype != TW_I64 || !tw_shape_count(&value->shape, &count) || count > OP_MAX_INTS)
        return false;
    ints->is_given = true;
    ints->count = (int)count;
    memcpy(ints->values, value->data, (size_t)count * sizeof *ints->values);
    return true;
}

bool tw_edit_is_known(const struct tw_shape *shape)
{
    int64_t count;
    return tw_shape_count(shape, &count);
}

void tw_edit_set_input(struct tw_edit *edit, size_t index, int input, int id)
{
    int *place = &edit->graph->nodes[index].inputs[input];
    if (*place >= 0)
        edit->values[tw_edit_id(edit, *place)].uses--;
    if (id >= 0)
        edit->values[tw_edit_id(edit, id)].uses++;
    *place = id;
    edit->has_changed = true;
}

enum tw_status tw_edit_set_inputs(struct tw_edit *edit, size_t index, const int *ids, int count)
{
    int *list = tw_arena_alloc(&edit->graph->arena, count ? (size_t)count : 1, sizeof *list);
    if (!list)
        return tw_edit_no_memory(edit);
    struct tw_node *node = &edit->graph->nodes[index];
    for (int i = 0; i < node->input_count; i++)
        tw_edit_set_input(edit, index, i, -1);
    for (int i = 0; i < count; i++)
        list[i] = -1;
    node->inputs = list;
    node->input_count = count;
    for (int i = 0; i < count; i++)
        tw_edit_set_input(edit, index, i, ids[i]);
    return TW_OK;
}

void tw_edit_kill(struct tw_edit *edit, size_t index)
{
    const struct tw_node *node = &edit->graph->nodes[index];
    assert(!edit->is_dead[index]);
    edit->is_dead[index] = true;
    edit->has_changed = true;
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0)
            edit->values[tw_edit_id(edit, node->inputs[i])].uses--;
    }
    if (node->residual >= 0)
        edit->values[tw_edit_id(edit, node->residual)].uses--;
    for (int i = 0; i < node->output_count; i++) {
        int id = node->outputs[i];
        if (id >= 0 && edit->values[id].maker == (int)index)
            edit->values[id].maker = -1;
    }
}

/* All that used `from` uses `to` from now on. */
static void stand_for(struct tw_edit *edit, int from, int to)
{
    edit->values[from].alias = to;
    edit->values[to].uses += edit->values[from].uses;
    edit->values[from].uses = 0;
}

bool tw_edit_bypass(struct tw_edit *edit, size_t index, int id)
{
    int from = edit->graph->nodes[index].outputs[0], to = tw_edit_id(edit, id);
    if (!edit->values[from].is_output) {
        stand_for(edit, from, to);
        tw_edit_kill(edit, index);
        return true;
    }
    int maker = edit->values[to].maker;
    if (maker < 0 || edit->values[to].is_output)
        return false;
    struct tw_node *node = &edit->graph->nodes[maker];
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] == to)
            node->outputs[i] = from;
    }
    stand_for(edit, to, from);
    tw_edit_kill(edit, index);
    edit->values[to].maker = -1;
    edit->values[from].maker = maker;
    return true;
}

void tw_edit_take_over(struct tw_edit *edit, size_t maker, size_t index)
{
    int made = edit->graph->nodes[index].outputs[0];
    edit->values[edit->graph->nodes[maker].outputs[0]].maker = -1;
    tw_edit_kill(edit, index);
    edit->graph->nodes[maker].outputs[0] = made;
    edit->values[made].maker = (int)maker;
}

/* The graph's own names come first: a suffix is counted up until none of them is met. */
static int add_value(struct tw_edit *edit, const char *base, const struct tw_value *like, bool copies)
{
    struct tw_graph *graph = edit->graph;
    char *name = NULL;
    for (size_t n = graph->value_count; !name; n++) {
        name = tw_format("%s/%zu", base, n);
        if (!name)
            return -1;
        if (tw_graph_find_value(graph, name) >= 0) {
            tw_free(name);
            name = NULL;
        }
    }
    int id = like->data ? tw_graph_add_constant(graph, name, like->dtype, &like->shape, like->data, copies)
                        : tw_graph_add_value(graph, name, like->dtype, &like->shape);
    tw_free(name);
    if (id < 0 || !grow(edit))
        return -1;
    edit->values[id] = (struct tw_edit_value){.maker = -1, .alias = id};
    return id;
}

int tw_edit_add_value(struct tw_edit *edit, const char *base, enum tw_dtype dtype, const struct tw_shape *shape)
{
    return add_value(edit, base, &(struct tw_value){.dtype = dtype, .shape = *shape}, false);
}

int tw_edit_add_floats(struct tw_edit *edit, const char *base, const struct tw_shape *shape, const float *values)
{
    return add_value(edit, base, &(struct tw_value){.dtype = TW_F32, .shape = *shape, .data = values}, true);
}

int tw_edit_add_ints(struct tw_edit *edit, const char *base, const int64_t *values, int count)
{
    struct tw_shape shape = {.rank = 1, .dims = {count}};
    return add_value(edit, base, &(struct tw_value){.dtype = TW_I64, .shape = shape, .data = values}, true);
}

size_t tw_edit_add_node(struct tw_edit *edit, enum tw_op op, const int *inputs, int count, int output)
{
    struct tw_graph *graph = edit->graph;
    if (output < 0 || !tw_graph_add_node(graph, op, graph->values[output].name, inputs, count, &output, 1))
        return SIZE_MAX;
    size_t index = graph->node_count - 1;
    if (!grow(edit)) {
        graph->node_count--;
        return SIZE_MAX;
    }
    edit->is_dead[index] = false;
    add_uses(edit, &graph->nodes[index]);
    set_makers(edit, index);
    edit->has_changed = true;
    return index;
}

enum tw_status tw_edit_sweep(struct tw_graph *graph, tw_edit_visit *visit, bool *has_changed, struct tw_error *error)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = 0; n < edit.first_count && !status; n++) {
        if (tw_edit_node(&edit, n))
            status = visit(&edit, n);
    }
    return tw_edit_end(&edit, status, has_changed);
}
