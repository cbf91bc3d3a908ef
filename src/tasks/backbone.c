#include "tasks/backbone.h"

#include "base/memory.h"
#include "engine/choices.h"
#include "base/text.h"
#include "formats/format.h"
#include "tasks/policy_guess.h"

#include <string.h>

static const char embedding_name[] = "embedding";

/* The last part of it, without an ending; of a folder too. */
static char *name_of_file(const char *uri)
{
    size_t length = strlen(uri);
    while (length > 1 && uri[length - 1] == '/')
        length--;
    char *path = tw_strndup(uri, length);
    const char *base = path ? tw_base_name(path) : "", *dot = strrchr(base, '.');
    char *name = path ? tw_strndup(base, dot && dot != base ? (size_t)(dot - base) : strlen(base)) : NULL;
    tw_free(path);
    return name;
}

/* The node that makes a value; NULL: none. */
static const struct tw_node *maker(const struct tw_graph *graph, int id)
{
    for (size_t i = graph->node_count; i-- > 0;) {
        if (graph->nodes[i].output_count && graph->nodes[i].outputs[0] == id)
            return &graph->nodes[i];
    }
    return NULL;
}

/* Whether a value is a pooled picture, also by way of what changes no more than its form. */
static bool is_pooled(const struct tw_graph *graph, int id)
{
    enum { MOST_STEPS = 8 };
    for (int i = 0; i < MOST_STEPS; i++) {
        const struct tw_node *node = maker(graph, id);
        switch (node ? (int)node->op : -1) {
        case TW_OP_AVERAGE_POOL:
        case TW_OP_GLOBAL_AVERAGE_POOL:
        case TW_OP_REDUCE_MEAN:
            return true;
        case TW_OP_QUANTIZE_LINEAR:
        case TW_OP_DEQUANTIZE_LINEAR:
        case TW_OP_DROPOUT:
        case TW_OP_IDENTITY:
        case TW_OP_RESHAPE:
        case TW_OP_TRANSPOSE:
        case TW_OP_SQUEEZE:
        case TW_OP_UNSQUEEZE:
            id = node->inputs[0];
            break;
        default:
            return false;
        }
    }
    return false;
}

/* What the classifier at the end of a network takes: the input of its last Gemm or MatMul, or of the last Conv where that is
 * fed by a pool. -1: there is none. */
static int features(const struct tw_graph *graph)
{
    for (size_t i = graph->node_count; i-- > 0;) {
        const struct tw_node *node = &graph->nodes[i];
        if (node->op == TW_OP_GEMM || node->op == TW_OP_MATMUL ||
            (node->op == TW_OP_CONV && is_pooled(graph, node->inputs[0])))
            return node->inputs[0];
        if (node->op == TW_OP_CONV)
            return -1;
    }
    return -1;
}

/* The value that is the embedding: what the caller names, what the file names, or what usual names say; else a guess: a
 * classifier's features, or what comes out. */
static int find_layer(const struct tw_graph *graph, const char *wanted, bool *is_guessed)
{
    static const char *const usual[] = {embedding_name, "pool_3", "embeddings", "features", "pooler_output", NULL};
    *is_guessed = false;
    if (wanted)
        return tw_graph_find_value(graph, wanted);
    const char *own = tw_graph_property(graph, "topwork.embedding");
    if (!own)
        own = tw_graph_property(graph, "embedding_layer");
    if (own)
        return tw_graph_find_value(graph, own);
    for (size_t i = 0; usual[i]; i++) {
        int id = tw_graph_find_value(graph, usual[i]);
        if (id >= 0 && !graph->values[id].data)
            return id;
    }
    *is_guessed = true;
    int id = features(graph);
    if (id >= 0)
        return id;
    return graph->output_count ? graph->outputs[0] : -1;
}

/* Makes `id` the one output, as [N, size] under the name "embedding". */
static enum tw_status cut_at(struct tw_backbone *backbone, int id, struct tw_error *error)
{
    struct tw_graph *graph = backbone->graph;
    const char *name = graph->values[id].name;
    backbone->layer = tw_strdup(name);
    if (!backbone->layer)
        return tw_fail_memory(error, strlen(name), "a layer's name");
    enum tw_status status = tw_graph_cut(graph, &name, 1, error);
    if (status)
        return status;
    if (strcmp(name, embedding_name) == 0 && graph->values[id].shape.rank == 2)
        return TW_OK;
    if (strcmp(name, embedding_name) == 0)
        graph->values[id].name = tw_arena_strndup(&graph->arena, "embedding/unshaped", strlen("embedding/unshaped"));
    else if (tw_graph_find_value(graph, embedding_name) >= 0)
        return tw_fail(error, TW_UNSUPPORTED, "layer %s: the network has another tensor named embedding", name);
    struct tw_shape unknown = {.rank = 2, .dims = {TW_UNKNOWN, TW_UNKNOWN}};
    int output = tw_graph_add_value(graph, embedding_name, TW_F32, &unknown);
    struct tw_node *node = output < 0 ? NULL : tw_graph_add_node(graph, TW_OP_FLATTEN, "embedding", &id, 1, &output, 1);
    if (!node || !tw_graph_set_outputs(graph, &output, 1))
        return tw_fail_memory(error, sizeof *node, "the embedding's node");
    return tw_node_set_int(graph, node, "axis", 1, error);
}

static enum tw_status set_policy(const struct tw_task_options *options, struct tw_backbone *backbone,
                                 struct tw_error *error)
{
    bool is_guessed = false;
    enum tw_status status;
    if (options->policy && *options->policy == '{') {
        status = tw_image_policy_from_json(options->policy, &backbone->policy, error);
    } else if (options->policy) {
        struct tw_buffer text = {0};
        status = tw_storage_read(options->policy, 1 << 20, &text, error);
        if (!status)
            status = tw_buffer_append(&text, "", 1, error);
        if (!status)
            status = tw_image_policy_from_json((const char *)text.data, &backbone->policy, error);
        tw_buffer_release(&text);
    } else {
        status = tw_policy_of_graph(backbone->graph, &backbone->policy, &is_guessed, error);
    }
    if (options->ignores_exif)
        backbone->policy.decode.exif = TW_EXIF_IGNORE;
    if (!status && options->decodes_fast)
        tw_image_policy_decode_fast(&backbone->policy);
    backbone->is_guessed = is_guessed;
    return status;
}

/* A copy of the graph with one image as input, shaped, to learn the embedding's size. */
static enum tw_status measure(struct tw_backbone *backbone, struct tw_error *error)
{
    struct tw_graph *clone;
    enum tw_status status = tw_graph_clone(backbone->graph, &clone, error);
    if (status)
        return status;
    const struct tw_image_policy *policy = &backbone->policy;
    const int64_t nchw[] = {1, 3, policy->height, policy->width}, nhwc[] = {1, policy->height, policy->width, 3};
    struct tw_shape *shape = &clone->values[clone->inputs[0]].shape;
    for (int i = 0; i < shape->rank && i < 4; i++)
        shape->dims[i] = shape->dims[i] < 0 ? (policy->is_nhwc ? nhwc[i] : nchw[i]) : shape->dims[i];
    status = tw_graph_infer(clone, &tw_graph_limits_default, error);
    int64_t count = 0;
    if (!status && (!tw_shape_count(&clone->values[clone->outputs[0]].shape, &count) || count <= 0))
        status = tw_fail(error, TW_UNSUPPORTED, "layer %s has no known size", backbone->layer);
    int64_t batch = shape->dims[0] > 0 ? shape->dims[0] : 1;
    tw_graph_free(clone);
    backbone->embedding_size = (size_t)(count / batch);
    return status;
}

/* int8 needs a network that is quantised; bf16 a CPU that has it, else f32 does. */
static enum tw_status set_precision(const struct tw_task_options *options, struct tw_backbone *backbone,
                                    struct tw_error *error)
{
    bool is_quantised = tw_graph_is_quantised(backbone->graph);
    if (options->precision == TW_PRECISION_INT8 && !is_quantised)
        return tw_fail(error, TW_INVALID,
                       "--precision int8 is for quantised networks, and this one holds floats: make one of it with "
                       "`topwork backbone quantize FILE -o int8.onnx --calibrate PHOTOS`");
    backbone->precision = options->precision;
    if (options->precision == TW_PRECISION_AUTO)
        return TW_OK;
    backbone->precision = tw_engine_precision(options->precision);
    if (backbone->precision != options->precision)
        tw_log(options->sink, TW_LOG_WARNING, "this CPU has no bf16 arithmetic: f32 is used (%s)", tw_engine_cpu());
    if (is_quantised && backbone->precision == TW_PRECISION_F32)
        backbone->precision = TW_PRECISION_INT8;
    return TW_OK;
}

static enum tw_status prepare(const struct tw_task_options *options, struct tw_backbone *backbone,
                              struct tw_error *error)
{
    enum tw_status status = set_policy(options, backbone, error);
    if (!status)
        status = set_precision(options, backbone, error);
    if (status)
        return status;
    bool is_layer_guessed;
    int id = find_layer(backbone->graph, options->layer, &is_layer_guessed);
    if (id < 0)
        return tw_fail(error, TW_INVALID, "the network has no tensor named %s",
                       options->layer ? options->layer : embedding_name);
    status = cut_at(backbone, id, error);
    if (!status)
        status = measure(backbone, error);
    if (status)
        return status;
    if (backbone->is_guessed)
        tw_log(options->sink, TW_LOG_WARNING,
               "%s does not say how its input is made from a photo: guessed %d x %d, "
               "value = (pixel - %g) * %g; name another with --policy",
               backbone->name, backbone->policy.width, backbone->policy.height, (double)backbone->policy.mean[0],
               (double)backbone->policy.scale[0]);
    if (is_layer_guessed)
        tw_log(options->sink, TW_LOG_WARNING,
               "%s does not say which tensor is its embedding: guessed %s (%zu values); "
               "name another with --layer",
               backbone->name, backbone->layer, backbone->embedding_size);
    backbone->is_guessed |= is_layer_guessed;
    return TW_OK;
}

enum tw_status tw_backbone_open(const struct tw_task_options *options, struct tw_backbone *backbone,
                                struct tw_error *error)
{
    struct tw_backbone made = {0};
    const char *wanted = options->backbone ? options->backbone : tw_backbone_builtin_names()[0];
    enum tw_status status = tw_network_open(wanted, &made.network, error);
    if (!status && !(made.name = name_of_file(wanted)))
        status = tw_fail_memory(error, strlen(wanted), "a backbone's name");
    if (!status) {
        made.graph = made.network.graph;
        made.digest = made.network.digest;
        status = prepare(options, &made, error);
        if (status)
            status = tw_fail_within(error, status, "backbone %s", made.name);
    }
    if (status) {
        tw_backbone_release(&made);
        return status;
    }
    *backbone = made;
    return TW_OK;
}

void tw_backbone_release(struct tw_backbone *backbone)
{
    tw_network_release(&backbone->network);
    tw_choices_free(backbone->choices);
    tw_free(backbone->name);
    tw_free(backbone->layer);
    *backbone = (struct tw_backbone){0};
}
