#include "tasks/general.h"

#include "base/memory.h"
#include "base/text.h"
#include "dataset/dataset.h"
#include "formats/format.h"
#include "storage/storage.h"
#include "tasks/backbone.h"
#include "tasks/model.h"
#include "tasks/runner.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LABEL_BYTES = 16 << 20 };

char *tw_general_uri(void)
{
    const char *own = getenv("TOPWORK_LABEL_MODEL"), *shared = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (own && *own)
        return tw_strdup(own);
    if (shared && *shared)
        return tw_format("%s/topwork/label.onnx", shared);
    return home && *home ? tw_format("%s/.local/share/topwork/label.onnx", home) : NULL;
}

/* The line without its number and the space round it. */
static char *label_of(char *line, size_t number)
{
    char own[24];
    size_t length = strlen(line);
    while (length && strchr(" \t\r", line[length - 1]))
        line[--length] = 0;
    line += strspn(line, " \t");
    snprintf(own, sizeof own, "%zu", number);
    size_t digits = strlen(own);
    if (strncmp(line, own, digits) == 0 && line[digits] && strchr(" \t:,", line[digits]))
        line += digits + strspn(line + digits, " \t:,");
    return line;
}

/* Lists name some things twice (crane, the bird and the machine); labels are told apart by their number. */
static enum tw_status add_label(struct tw_labels *labels, const char *name, struct tw_error *error)
{
    size_t id, number = labels->count;
    if (!*name || !tw_is_utf8(tw_span_of_text(name)))
        return tw_fail(error, TW_CORRUPT, "label %zu is empty or no UTF-8", number);
    if (!tw_labels_find(labels, name, &id))
        return tw_labels_add(labels, name, &id, error);
    char *numbered = tw_format("%s (%zu)", name, number);
    enum tw_status status =
        numbered ? tw_labels_add(labels, numbered, &id, error) : tw_fail_memory(error, strlen(name), "a label");
    tw_free(numbered);
    return status;
}

static enum tw_status read_labels(const char *uri, struct tw_labels *labels, struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = tw_storage_read(uri, MOST_LABEL_BYTES, &text, error);
    if (!status)
        status = tw_buffer_append(&text, "", 1, error);
    for (char *at = (char *)text.data, *end; !status && at && *at; at = end) {
        end = strchr(at, '\n');
        if (end)
            *end++ = 0;
        status = add_label(labels, label_of(at, labels->count), error);
        if (status)
            status = tw_fail_within(error, status, "labels %s", uri);
    }
    tw_buffer_release(&text);
    return status;
}

/* What the classifier gives for a grey photo: `count` floats, owned. */
static enum tw_status try_it(const struct tw_backbone *backbone, const struct tw_graph *graph, float **given,
                             size_t *count, struct tw_error *error)
{
    const char *output = graph->values[graph->outputs[0]].name;
    const struct tw_runner_options options = {.policy = &backbone->policy,
                                              .outputs = &output,
                                              .output_count = 1,
                                              .workers = 1,
                                              .threads_inside = 1,
                                              .precision = backbone->precision};
    struct tw_runner *runner = NULL;
    size_t pixels = (size_t)backbone->policy.width * (size_t)backbone->policy.height * 3;
    float *grey = tw_alloc(pixels, sizeof *grey), *made = NULL;
    enum tw_status status =
        grey ? tw_runner_new(graph, &options, &runner, error) : tw_fail_memory(error, pixels, "a photo to try it with");
    *count = status ? 0 : tw_runner_output_size(runner, 0);
    if (!status)
        made = tw_alloc(*count + 1, sizeof *made);
    if (!status)
        status = made ? tw_runner_vector(runner, 0, grey, &made, error) : tw_fail_memory(error, *count, "scores");
    tw_runner_free(runner);
    tw_free(grey);
    if (status)
        tw_free(made);
    else
        *given = made;
    return status;
}

/* Eight-bit scores are off by as much as half a step each. */
static bool are_scores(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] >= 0 && values[i] <= 1))
            return false;
        sum += (double)values[i];
    }
    return fabs(sum - 1) < 0.05 + (double)count / 512;
}

static int add_output(struct tw_graph *graph, enum tw_op op, int input, const char *name, const struct tw_shape *shape)
{
    int id = tw_graph_find_value(graph, name) < 0 ? tw_graph_add_value(graph, name, TW_F32, shape) : -1;
    return id >= 0 && tw_graph_add_node(graph, op, name, &input, 1, &id, 1) ? id : -1;
}

static void replace_input(struct tw_graph *graph, size_t node_count, int from, int to)
{
    for (size_t i = 0; i < node_count; i++) {
        for (int j = 0; j < graph->nodes[i].input_count; j++) {
            if (graph->nodes[i].inputs[j] == from)
                graph->nodes[i].inputs[j] = to;
        }
    }
}

/* The layer as a vector named embedding, and what came after it fed by that vector: so the network can be cut there, as a model
 * of ours is. */
static enum tw_status insert_embedding(struct tw_graph *graph, const char *layer, size_t size, struct tw_error *error)
{
    int from = tw_graph_find_value(graph, layer);
    if (from < 0)
        return tw_fail(error, TW_UNSUPPORTED, "the network has no value named %s", layer);
    const struct tw_shape shape = graph->values[from].shape, vector = {.rank = 2, .dims = {TW_UNKNOWN, (int64_t)size}};
    if (strcmp(layer, "embedding") == 0 && shape.rank == 2)
        return TW_OK;
    int64_t dims[TW_MAX_RANK] = {-1};
    for (int i = 1; i < shape.rank; i++)
        dims[i] = shape.dims[i];
    const struct tw_shape of_dims = {.rank = 1, .dims = {shape.rank}};
    size_t before = graph->node_count;
    int embedding = add_output(graph, TW_OP_FLATTEN, from, "embedding", &vector);
    int wanted = tw_graph_add_constant(graph, "embedding/shape", TW_I64, &of_dims, dims, true);
    int back = tw_graph_add_value(graph, "embedding/shaped", TW_F32, &shape);
    const int inputs[] = {embedding, wanted};
    if (embedding < 0 || wanted < 0 || back < 0)
        return tw_fail(error, TW_UNSUPPORTED, "the network has another value named embedding, or there is no memory");
    enum tw_status status = tw_node_set_int(graph, &graph->nodes[before], "axis", 1, error);
    replace_input(graph, before, from, back);
    if (!status && !tw_graph_add_node(graph, TW_OP_RESHAPE, "embedding/shaped", inputs, 2, &back, 1))
        status = tw_fail_memory(error, 1, "a graph");
    return status;
}

/* Outputs embedding, logits (where there are) and scores. */
static enum tw_status set_outputs(struct tw_graph *graph, size_t count, bool has_scores, struct tw_error *error)
{
    const struct tw_shape shape = {.rank = 2, .dims = {TW_UNKNOWN, (int64_t)count}};
    int given = graph->outputs[0], outputs[3] = {tw_graph_find_value(graph, "embedding")}, used = 1;
    int flat = add_output(graph, TW_OP_FLATTEN, given, has_scores ? "scores" : "logits", &shape);
    enum tw_status status = flat < 0 ? tw_fail_memory(error, 1, "a graph")
                                     : tw_node_set_int(graph, &graph->nodes[graph->node_count - 1], "axis", 1, error);
    outputs[used++] = flat;
    if (!status && !has_scores) {
        outputs[used] = add_output(graph, TW_OP_SOFTMAX, flat, "scores", &shape);
        if (outputs[used++] < 0)
            return tw_fail_memory(error, 1, "a graph");
        status = tw_node_set_int(graph, &graph->nodes[graph->node_count - 1], "axis", 1, error);
    }
    if (!status && !tw_graph_set_outputs(graph, outputs, (size_t)used))
        status = tw_fail_memory(error, 1, "a graph");
    return status;
}

static enum tw_status set_properties(struct tw_graph *graph, const struct tw_backbone *backbone,
                                     const struct tw_labels *labels, struct tw_error *error)
{
    char version[24], size[24], hex[TW_DIGEST_HEX];
    char *policy = tw_image_policy_to_json(&backbone->policy);
    json_t *list = json_array();
    for (size_t i = 0; list && i < labels->count; i++)
        json_array_append_new(list, json_string(labels->names[i]));
    char *names = list ? json_dumps(list, JSON_COMPACT) : NULL;
    snprintf(version, sizeof version, "%d", TW_MODEL_VERSION);
    snprintf(size, sizeof size, "%zu", backbone->embedding_size);
    tw_digest_hex(&backbone->digest, hex);
    const struct {
        const char *key, *value;
    } texts[] = {
        {"topwork.version", version},
        {"topwork.labels", names},
        {"topwork.policy", policy},
        {"topwork.backbone", backbone->name},
        {"topwork.backbone_digest", hex},
        {"topwork.layer", backbone->layer},
        {"topwork.embedding", "embedding"},
        {"topwork.embedding_size", size},
        {"topwork.precision", backbone->precision == TW_PRECISION_F32 ? NULL : tw_precision_name(backbone->precision)}};
    bool is_set = names && policy;
    graph->property_count = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && is_set; i++)
        is_set = !texts[i].value || tw_graph_set_property(graph, texts[i].key, texts[i].value);
    json_decref(list);
    free(names);
    tw_free(policy);
    return is_set ? TW_OK : tw_fail_memory(error, 1, "a model's properties");
}

/* The batch stays free; a picture's size that is free becomes the policy's. */
static enum tw_status infer(struct tw_graph *graph, const struct tw_image_policy *policy, struct tw_error *error)
{
    struct tw_shape *shape = graph->input_count == 1 ? &graph->values[graph->inputs[0]].shape : NULL;
    for (int i = 0; shape && shape->rank == 4 && i < 2; i++) {
        int64_t *dim = &shape->dims[(policy->is_nhwc ? 1 : 2) + i];
        *dim = *dim < 0 ? (i == 0 ? policy->height : policy->width) : *dim;
    }
    return tw_graph_infer(graph, &tw_graph_limits_default, error);
}

static enum tw_status write(const struct tw_graph *graph, const char *uri, struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    char *folder = tw_strdup(uri), *slash = folder ? strrchr(folder, '/') : NULL;
    enum tw_status status = folder ? tw_onnx_write(graph, "topwork", TW_VERSION, &bytes, error)
                                   : tw_fail_memory(error, strlen(uri), "a path");
    if (!status && slash && slash != folder) {
        *slash = 0;
        status = tw_storage_make_folders(folder, error);
    }
    if (!status)
        status = tw_storage_write(uri, tw_buffer_span(&bytes), error);
    tw_buffer_release(&bytes);
    tw_free(folder);
    return status;
}

static enum tw_status build(const struct tw_backbone *backbone, struct tw_graph *graph, const struct tw_labels *labels,
                            struct tw_general_info *info, struct tw_error *error)
{
    float *given = NULL;
    size_t count = 0;
    enum tw_status status = try_it(backbone, graph, &given, &count, error);
    if (!status && count != labels->count)
        status = tw_fail(error, TW_CONFLICT, "the classifier %s gives %zu values, there are %zu labels", backbone->name,
                         count, labels->count);
    if (!status)
        status = infer(graph, &backbone->policy, error);
    *info = (struct tw_general_info){count, !status && are_scores(given, count)};
    tw_free(given);
    if (!status)
        status = insert_embedding(graph, backbone->layer, backbone->embedding_size, error);
    if (!status)
        status = set_outputs(graph, count, info->ends_in_scores, error);
    return status ? status : set_properties(graph, backbone, labels, error);
}

enum tw_status tw_general_install(const struct tw_general_options *options, struct tw_general_info *info,
                                  struct tw_error *error)
{
    struct tw_backbone backbone = {0};
    struct tw_network network = {0};
    struct tw_labels labels = {0};
    /* Opened twice: the backbone says what is known of the network, but is cut at its embedding. */
    enum tw_status status = read_labels(options->labels, &labels, error);
    if (!status)
        status = tw_backbone_open(&options->task, &backbone, error);
    if (!status)
        status = tw_network_open(options->task.backbone, &network, error);
    if (!status)
        status = build(&backbone, network.graph, &labels, info, error);
    if (!status)
        status = write(network.graph, options->output_uri, error);
    tw_network_release(&network);
    tw_backbone_release(&backbone);
    tw_labels_release(&labels);
    return status;
}
