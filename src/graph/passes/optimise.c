#include "graph/passes.h"

#include "graph/passes/list.h"

/* Patterns are matched before Transposes move and activations fuse, which would hide them. */
const struct tw_pass tw_passes[] = {
    {"fold", tw_pass_fold},
    {"no-op", tw_pass_no_op},
    {"layer-norm", tw_pass_layer_norm},
    {"gelu", tw_pass_gelu},
    {"hard-swish", tw_pass_hard_swish},
    {"transpose", tw_pass_transpose},
    {"grid", tw_pass_grid},
    {"pad", tw_pass_pad},
    {"pool", tw_pass_pool},
    {"linear", tw_pass_linear},
    {"residual", tw_pass_residual},
    {"activation", tw_pass_activation},
    {"dead", tw_pass_dead},
};
const size_t tw_pass_count = sizeof tw_passes / sizeof *tw_passes;

/* Every pass makes less or moves one way, so that rounds end by themselves; the bound is for what we did not think of. */
enum { MAX_ROUNDS = 50 };

enum tw_status tw_graph_optimise(struct tw_graph *graph, struct tw_error *error)
{
    bool has_changed = true;
    for (int round = 0; round < MAX_ROUNDS && has_changed; round++) {
        has_changed = false;
        for (size_t i = 0; i < tw_pass_count; i++) {
            bool has_pass_changed = false;
            enum tw_status status = tw_passes[i].run(graph, &has_pass_changed, error);
            if (status)
                return tw_fail_within(error, status, "pass %s", tw_passes[i].name);
            has_changed = has_changed || has_pass_changed;
        }
    }
    return TW_OK;
}
