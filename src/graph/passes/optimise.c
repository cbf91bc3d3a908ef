#include "graph/passes.h"

#include "graph/passes/support.h"

static const struct tw_pass *const passes[] = {
    &tw_pass_fold_constants, &tw_pass_remove_no_ops,   &tw_pass_fold_batch_norm,
    &tw_pass_fuse_residual,  &tw_pass_fuse_activation,
};

/* Every round removes nodes or folds values; more rounds than this would be a pass that undoes another. */
enum { MAX_ROUNDS = 100 };

static bool is_needed(const struct tw_graph *graph, const struct tw_node *node, const bool *is_wanted)
{
    for (int i = 0; i < node->output_count; i++) {
        int id = node->outputs[i];
        if (id >= 0 && is_wanted[id] && graph->values[id].data == NULL)
            return true;
    }
    return false;
}

/* Takes out what was removed and what nobody needs. */
static enum tw_status sweep(struct tw_graph *graph, struct tw_error *error)
{
    bool *is_wanted = tw_alloc(graph->value_count + graph->node_count + 1, sizeof *is_wanted);
    if (is_wanted == NULL)
        return tw_fail_memory(error, graph->value_count, "a pass over a graph");
    bool *stays = is_wanted + graph->value_count;
    for (size_t i = 0; i < graph->output_count; i++)
        is_wanted[graph->outputs[i]] = true;
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct tw_node *node = &graph->nodes[n];
        stays[n] = is_needed(graph, node, is_wanted);
        for (int i = 0; stays[n] && i < node->input_count; i++) {
            if (node->inputs[i] >= 0)
                is_wanted[node->inputs[i]] = true;
        }
        if (stays[n] && node->residual >= 0)
            is_wanted[node->residual] = true;
    }
    size_t kept = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        if (stays[n])
            graph->nodes[kept++] = graph->nodes[n];
    }
    graph->node_count = kept;
    tw_free(is_wanted);
    return TW_OK;
}

enum tw_status tw_graph_optimise(struct tw_graph *graph, struct tw_error *error)
{
    bool has_changed = true;
    enum tw_status status = sweep(graph, error);
    for (int round = 0; round < MAX_ROUNDS && has_changed && status == TW_OK; round++) {
        has_changed = false;
        for (size_t i = 0; i < sizeof passes / sizeof *passes && status == TW_OK; i++) {
            status = passes[i]->run(graph, &has_changed, error);
            if (status != TW_OK)
                status = tw_fail_within(error, status, "pass %s", passes[i]->name);
            else
                status = sweep(graph, error);
        }
    }
    return status;
}
