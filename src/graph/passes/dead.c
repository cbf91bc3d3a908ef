#include "graph/passes/edit.h"
#include "graph/passes/list.h"

TW_PASS(dead)
{
    struct tw_edit edit;
    enum tw_status status = tw_edit_begin(&edit, graph, error);
    if (status)
        return status;
    for (size_t n = edit.first_count; n-- > 0;) {
        const struct tw_node *node = &graph->nodes[n];
        size_t uses = 0;
        for (int i = 0; i < node->output_count; i++)
            uses += node->outputs[i] < 0 ? 0 : tw_edit_uses(&edit, node->outputs[i]);
        if (uses == 0)
            tw_edit_kill(&edit, n);
    }
    return tw_edit_end(&edit, status, has_changed);
}
