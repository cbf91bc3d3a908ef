#include "tasks/convert.h"

#include "base/memory.h"
#include "formats/format.h"
#include "storage/storage.h"
#include "tasks/backbone.h"

#include <string.h>

static enum tw_status set_properties(struct tw_graph *graph, const struct tw_backbone *backbone, struct tw_error *error)
{
    char *policy = tw_image_policy_to_json(&backbone->policy);
    bool is_set = policy && tw_graph_set_property(graph, "topwork.policy", policy) &&
                  tw_graph_set_property(graph, "topwork.embedding", backbone->layer);
    tw_free(policy);
    return is_set ? TW_OK : tw_fail_memory(error, 1, "a network's properties");
}

/* The batch stays free; a picture's size that is free becomes the policy's, for inference needs one. */
static enum tw_status infer(struct tw_graph *graph, const struct tw_image_policy *policy, struct tw_error *error)
{
    struct tw_shape *shape = graph->input_count == 1 ? &graph->values[graph->inputs[0]].shape : NULL;
    for (int i = 0; shape && shape->rank == 4 && i < 2; i++) {
        int64_t *dim = &shape->dims[(policy->is_nhwc ? 1 : 2) + i];
        *dim = *dim < 0 ? (i == 0 ? policy->height : policy->width) : *dim;
    }
    return tw_graph_infer(graph, &tw_graph_limits_default, error);
}

enum tw_status tw_backbone_convert(const struct tw_task_options *options, const char *output_uri, bool is_forced,
                                   struct tw_error *error)
{
    struct tw_backbone backbone = {0};
    struct tw_network network = {0};
    struct tw_buffer bytes = {0};
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    enum tw_status status = tw_storage_kind(output_uri, &kind, &size, error);
    if (status)
        return status;
    if (kind != TW_ENTRY_MISSING && !is_forced)
        return tw_fail(error, TW_CONFLICT, "%s is there already: name another file, or replace it by --force",
                       output_uri);
    /* Opened twice: the backbone says what is known of the network, but is cut at its embedding. */
    status = tw_backbone_open(options, &backbone, error);
    if (!status)
        status = tw_network_open(options->backbone, &network, error);
    if (!status)
        status = set_properties(network.graph, &backbone, error);
    if (!status)
        status = infer(network.graph, &backbone.policy, error);
    if (!status)
        status = tw_onnx_write(network.graph, "topwork", TW_VERSION, &bytes, error);
    if (!status)
        status = tw_storage_write(output_uri, tw_buffer_span(&bytes), error);
    tw_buffer_release(&bytes);
    tw_network_release(&network);
    tw_backbone_release(&backbone);
    return status;
}
