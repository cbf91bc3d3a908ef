#include "graph/bind.h"

#include <string.h>

enum mark { UNSEEN, OPEN, PLACED };
enum { NOBODY = -1, OUTSIDE = -2 }; /* makers that are no node; OUTSIDE: graph inputs and constants */

/* A depth-first walk with its own stack: graphs that strangers send may be deep. */
struct walk {
    const struct tw_graph *graph;
    int *makers;    /* value id -> index of the node that makes it, NOBODY or OUTSIDE */
    uint8_t *marks; /* enum mark of each node */
    struct frame {
        size_t node;
        int next_input;
    } * stack;
    size_t depth;
    struct tw_node *order;
    size_t placed;
};

static enum tw_status find_makers(struct walk *walk, struct tw_error *error)
{
    const struct tw_graph *graph = walk->graph;
    for (size_t id = 0; id < graph->value_count; id++)
        walk->makers[id] = graph->values[id].data ? OUTSIDE : NOBODY;
    for (size_t i = 0; i < graph->input_count; i++)
        walk->makers[graph->inputs[i]] = OUTSIDE;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct tw_node *node = &graph->nodes[n];
        for (int o = 0; o < node->output_count; o++) {
            int id = node->outputs[o];
            if (id < 0)
                continue;
            if (walk->makers[id] != NOBODY)
                return tw_fail(error, TW_CORRUPT, "value '%s' is made twice, the second time by node '%s'",
                               graph->values[id].name, tw_node_label(graph, node));
            walk->makers[id] = (int)n;
        }
    }
    return TW_OK;
}

/* Inputs by number, with the residual as the last one. */
static int input_at(const struct tw_node *node, int index)
{
    return index < node->input_count ? node->inputs[index] : node->residual;
}

/* Takes the top of the stack one input further. */
static enum tw_status step(struct walk *walk, struct tw_error *error)
{
    const struct tw_graph *graph = walk->graph;
    struct frame *top = &walk->stack[walk->depth - 1];
    const struct tw_node *node = &graph->nodes[top->node];
    if (top->next_input > node->input_count) {
        walk->marks[top->node] = PLACED;
        walk->order[walk->placed++] = *node;
        walk->depth--;
        return TW_OK;
    }
    int id = input_at(node, top->next_input++);
    if (id < 0 || walk->makers[id] == OUTSIDE)
        return TW_OK;
    int maker = walk->makers[id];
    if (maker == NOBODY)
        return tw_fail(error, TW_CORRUPT, "input '%s' of node '%s' is made by no node", graph->values[id].name,
                       tw_node_label(graph, node));
    if (walk->marks[maker] == OPEN)
        return tw_fail(error, TW_CORRUPT, "nodes form a cycle through value '%s', which node '%s' needs",
                       graph->values[id].name, tw_node_label(graph, node));
    if (walk->marks[maker] == UNSEEN) {
        walk->marks[maker] = OPEN;
        walk->stack[walk->depth++] = (struct frame){.node = (size_t)maker};
    }
    return TW_OK;
}

static enum tw_status place_all(struct walk *walk, struct tw_error *error)
{
    for (size_t n = 0; n < walk->graph->node_count; n++) {
        if (walk->marks[n] != UNSEEN)
            continue;
        walk->marks[n] = OPEN;
        walk->stack[walk->depth++] = (struct frame){.node = n};
        while (walk->depth) {
            enum tw_status status = step(walk, error);
            if (status)
                return status;
        }
    }
    return TW_OK;
}

static enum tw_status check_outputs(const struct walk *walk, struct tw_error *error)
{
    const struct tw_graph *graph = walk->graph;
    for (size_t i = 0; i < graph->output_count; i++) {
        int id = graph->outputs[i];
        if (walk->makers[id] == NOBODY)
            return tw_fail(error, TW_CORRUPT, "output '%s' of the graph is made by no node", graph->values[id].name);
    }
    return TW_OK;
}

enum tw_status tw_graph_sort(struct tw_graph *graph, struct tw_error *error)
{
    struct walk walk = {
        .graph = graph,
        .makers = tw_alloc(graph->value_count, sizeof *walk.makers),
        .marks = tw_alloc(graph->node_count, sizeof *walk.marks),
        .stack = tw_alloc(graph->node_count, sizeof *walk.stack),
        .order = tw_alloc(graph->node_count, sizeof *walk.order),
    };
    enum tw_status status;
    if (!walk.makers || !walk.marks || !walk.stack || !walk.order)
        status = tw_fail_memory(error, graph->node_count * sizeof *walk.order, "the order of nodes");
    else
        status = find_makers(&walk, error);
    if (!status)
        status = place_all(&walk, error);
    if (!status)
        status = check_outputs(&walk, error);
    if (!status && graph->node_count)
        memcpy(graph->nodes, walk.order, graph->node_count * sizeof *walk.order);
    tw_free(walk.makers);
    tw_free(walk.marks);
    tw_free(walk.stack);
    tw_free(walk.order);
    return status;
}
