#include "tasks/model.h"

#include "base/memory.h"
#include "base/text.h"
#include "formats/format.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char embedding_name[] = "embedding", scores_name[] = "scores", logits_name[] = "logits",
                  known_name[] = "known";

static enum tw_status put_property(struct tw_graph *graph, const char *key, const char *value, struct tw_error *error)
{
    if (value && !tw_graph_set_property(graph, key, value))
        return tw_fail_memory(error, strlen(value), key);
    return TW_OK;
}

static enum tw_status put_number(struct tw_graph *graph, const char *key, int64_t value, struct tw_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return put_property(graph, key, text, error);
}

static enum tw_status put_digest(struct tw_graph *graph, const char *key, const struct tw_digest *digest,
                                 struct tw_error *error)
{
    static const struct tw_digest unknown;
    char hex[TW_DIGEST_HEX];
    if (tw_digest_equal(digest, &unknown))
        return TW_OK;
    tw_digest_hex(digest, hex);
    return put_property(graph, key, hex, error);
}

static enum tw_status put_labels(struct tw_graph *graph, const struct tw_model_parts *parts, struct tw_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < tw_head_outputs(parts->head); i++) {
        if (json_array_append_new(list, json_string(parts->labels[i]))) {
            json_decref(list);
            return tw_fail(error, TW_INVALID, "label %zu is not UTF-8 text", i);
        }
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    if (!text)
        return tw_fail_memory(error, 1, "the labels");
    enum tw_status status = put_property(graph, "topwork.labels", text, error);
    free(text);
    return status;
}

/* As many digits as bring the same float back. */
static enum tw_status put_thresholds(struct tw_graph *graph, const struct tw_model_parts *parts, struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < tw_head_outputs(parts->head) && !status; i++)
        status = tw_buffer_printf(&text, error, "%s%.9g", i ? "," : "[", (double)parts->thresholds[i]);
    if (!status)
        status = tw_buffer_append(&text, "]", 2, error);
    if (!status)
        status = put_property(graph, "topwork.thresholds", (const char *)text.data, error);
    tw_buffer_release(&text);
    return status;
}

static enum tw_status put_properties(struct tw_graph *graph, const struct tw_model_parts *parts, struct tw_error *error)
{
    const struct tw_backbone *backbone = parts->backbone;
    char *policy = backbone ? tw_image_policy_to_json(&backbone->policy) : NULL;
    bool has_precision = backbone && backbone->precision != TW_PRECISION_F32;
    const struct {
        const char *key, *value;
    } texts[] = {
        {"topwork.policy", backbone ? policy : parts->records_policy},
        {"topwork.backbone", backbone ? backbone->name : parts->records_backbone},
        {"topwork.layer", backbone ? backbone->layer : parts->records_layer},
        {"topwork.embedding", embedding_name},
        {"topwork.recipe", parts->recipe_json},
        {"topwork.precision", has_precision ? tw_precision_name(backbone->precision) : NULL},
    };
    graph->property_count = 0;
    enum tw_status status = put_number(graph, "topwork.version", TW_MODEL_VERSION, error);
    if (!status)
        status = put_labels(graph, parts, error);
    for (size_t i = 0; !status && i < sizeof texts / sizeof *texts; i++)
        status = put_property(graph, texts[i].key, texts[i].value, error);
    tw_free(policy);
    if (!status)
        status = put_digest(graph, "topwork.backbone_digest",
                            backbone ? &backbone->digest : &parts->records_backbone_digest, error);
    if (!status)
        status = put_digest(graph, "topwork.data_digest", &parts->data_digest, error);
    if (!status)
        status = put_number(graph, "topwork.embedding_size", (int64_t)tw_head_inputs(parts->head), error);
    if (!status && parts->thresholds)
        status = put_thresholds(graph, parts, error);
    if (!status && parts->unlabelled_class >= 0)
        status = put_number(graph, "topwork.unlabelled_class", parts->unlabelled_class, error);
    return status;
}

static enum tw_status head_only_graph(size_t embedding_size, struct tw_graph **graph, struct tw_error *error)
{
    struct tw_graph *made = tw_graph_new();
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a graph");
    made->opset = 13;
    struct tw_shape shape = {.rank = 2, .dims = {TW_UNKNOWN, (int64_t)embedding_size}};
    int id = tw_graph_add_value(made, embedding_name, TW_F32, &shape);
    if (id < 0 || !tw_graph_set_inputs(made, &id, 1)) {
        tw_graph_free(made);
        return tw_fail_memory(error, sizeof *made, "a graph");
    }
    *graph = made;
    return TW_OK;
}

static enum tw_status put_known(struct tw_graph *graph, const struct tw_known *known, struct tw_error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", (double)known->threshold);
    enum tw_status status = put_property(graph, "topwork.known_threshold", text, error);
    return status ? status : tw_known_to_graph(known, graph, tw_graph_find_value(graph, embedding_name), error);
}

enum tw_status tw_model_write(const char *uri, const struct tw_model_parts *parts, struct tw_error *error)
{
    struct tw_graph *graph = NULL;
    struct tw_buffer bytes = {0};
    enum tw_status status = parts->backbone ? tw_graph_clone(parts->backbone->graph, &graph, error)
                                            : head_only_graph(tw_head_inputs(parts->head), &graph, error);
    if (!status)
        status = tw_head_to_graph(parts->head, graph, tw_graph_find_value(graph, embedding_name), error);
    if (!status)
        status = put_properties(graph, parts, error);
    if (!status && parts->known && parts->known->support_count)
        status = put_known(graph, parts->known, error);
    if (!status)
        status = tw_onnx_write(graph, "topwork", TW_VERSION, &bytes, error);
    if (!status)
        status = tw_storage_write(uri, tw_buffer_span(&bytes), error);
    tw_buffer_release(&bytes);
    tw_graph_free(graph);
    return status;
}

static enum tw_status read_labels(struct tw_model *model, struct tw_error *error)
{
    const char *text = tw_graph_property(model->graph, "topwork.labels");
    if (!text)
        return tw_fail(error, TW_UNSUPPORTED,
                       "it holds no labels (topwork.labels): it is not a model that topwork trained");
    json_t *list = json_loads(text, 0, NULL);
    enum tw_status status = TW_OK;
    if (!json_is_array(list) || json_array_size(list) == 0)
        status = tw_fail(error, TW_CORRUPT, "its labels are not a JSON list");
    for (size_t i = 0; !status && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        size_t id;
        if (!name)
            status = tw_fail(error, TW_CORRUPT, "its label %zu is not text", i);
        else
            status = tw_labels_add(&model->labels, name, &id, error);
    }
    if (!status && model->labels.count != json_array_size(list))
        status = tw_fail(error, TW_CORRUPT, "it holds the same label twice");
    json_decref(list);
    return status;
}

static enum tw_status read_thresholds(struct tw_model *model, struct tw_error *error)
{
    const char *text = tw_graph_property(model->graph, "topwork.thresholds");
    if (!text)
        return TW_OK;
    json_t *list = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    enum tw_status status = TW_OK;
    if (json_array_size(list) != model->labels.count)
        status = tw_fail(error, TW_CORRUPT, "its topwork.thresholds are not a JSON list of one for each label");
    if (!status && !(model->thresholds = tw_alloc(model->labels.count, sizeof *model->thresholds)))
        status = tw_fail_memory(error, model->labels.count * sizeof *model->thresholds, "thresholds");
    for (size_t i = 0; i < model->labels.count && !status; i++) {
        double value = json_real_value(json_array_get(list, i));
        model->thresholds[i] = (float)value;
        if (!(value > 0 && value <= 1))
            status = tw_fail(error, TW_CORRUPT, "its threshold %zu is no number in (0, 1]", i);
    }
    json_decref(list);
    return status;
}

static enum tw_status read_numbers(struct tw_model *model, struct tw_error *error)
{
    int64_t version = 0, size = 0;
    const char *text = tw_graph_property(model->graph, "topwork.version");
    if (!text || !tw_parse_int64(text, 1, INT32_MAX, &version) || version > TW_MODEL_VERSION)
        return tw_fail(error, TW_UNSUPPORTED, "its version is %.40s, this topwork reads up to %d",
                       text ? text : "missing", TW_MODEL_VERSION);
    text = tw_graph_property(model->graph, "topwork.embedding_size");
    if (!text || !tw_parse_int64(text, 1, INT32_MAX, &size))
        return tw_fail(error, TW_CORRUPT, "its topwork.embedding_size is %.40s", text ? text : "missing");
    model->embedding_size = (size_t)size;
    model->unlabelled_class = -1;
    text = tw_graph_property(model->graph, "topwork.unlabelled_class");
    if (text && !tw_parse_int64(text, 0, (int64_t)model->labels.count - 1, &model->unlabelled_class))
        return tw_fail(error, TW_CORRUPT, "its topwork.unlabelled_class is %.40s of %zu labels", text,
                       model->labels.count);
    return TW_OK;
}

/* f32 is not written. */
static enum tw_status read_precision(struct tw_model *model, struct tw_error *error)
{
    const char *text = tw_graph_property(model->graph, "topwork.precision");
    model->precision = TW_PRECISION_F32;
    while (text && strcmp(text, tw_precision_name(model->precision)) != 0) {
        if (++model->precision == TW_PRECISION_AUTO)
            return tw_fail(error, TW_UNSUPPORTED, "its topwork.precision is %.40s; known are f32, bf16 and int8", text);
    }
    return TW_OK;
}

static enum tw_status read_properties(struct tw_model *model, struct tw_error *error)
{
    enum tw_status status = read_labels(model, error);
    if (!status)
        status = read_thresholds(model, error);
    if (!status)
        status = read_numbers(model, error);
    if (status)
        return status;
    const char *policy = tw_graph_property(model->graph, "topwork.policy");
    model->has_policy = policy != NULL;
    if (policy)
        status = tw_image_policy_from_json(policy, &model->policy, error);
    const char *name = tw_graph_property(model->graph, "topwork.backbone");
    if (!status && name && !(model->backbone_name = tw_strdup(name)))
        status = tw_fail_memory(error, strlen(name), "a name");
    if (!status)
        status = read_precision(model, error);
    const char *digest = tw_graph_property(model->graph, "topwork.backbone_digest");
    if (!status && digest && !tw_digest_parse(digest, &model->backbone_digest))
        status = tw_fail(error, TW_CORRUPT, "its topwork.backbone_digest is not 64 hex digits");
    model->has_backbone_digest = digest != NULL;
    return status;
}

static enum tw_status check_outputs(struct tw_model *model, struct tw_error *error)
{
    const struct tw_graph *graph = model->graph;
    int scores = tw_graph_find_value(graph, scores_name), embedding = tw_graph_find_value(graph, embedding_name);
    if (scores < 0 || embedding < 0 || graph->input_count != 1)
        return tw_fail(error, TW_CORRUPT, "it has no scores, no embedding or not one input");
    const char *threshold = tw_graph_property(graph, "topwork.known_threshold");
    if (threshold && !tw_parse_double(threshold, &model->known_threshold))
        return tw_fail(error, TW_CORRUPT, "its topwork.known_threshold is %.40s", threshold);
    model->has_known = threshold && tw_graph_find_value(graph, known_name) >= 0;
    model->has_backbone = graph->inputs[0] != embedding;
    if (model->has_backbone && !model->has_policy)
        return tw_fail(error, TW_CORRUPT, "it takes photos but holds no image policy");
    return TW_OK;
}

/* RUN/model.onnx, or the saved_model.pb of a folder that `export` wrote. Owned; NULL: no memory. */
static char *file_of(const char *folder)
{
    enum tw_entry_kind kinds[2] = {TW_ENTRY_MISSING, TW_ENTRY_MISSING};
    uint64_t size_bytes;
    char *own = tw_uri_join(folder, "model.onnx"), *exported = tw_uri_join(folder, "saved_model.pb");
    if (own && tw_storage_kind(own, &kinds[0], &size_bytes, NULL))
        kinds[0] = TW_ENTRY_MISSING;
    if (exported && tw_storage_kind(exported, &kinds[1], &size_bytes, NULL))
        kinds[1] = TW_ENTRY_MISSING;
    bool is_exported = kinds[0] != TW_ENTRY_FILE && kinds[1] == TW_ENTRY_FILE;
    tw_free(is_exported ? own : exported);
    return is_exported ? exported : own;
}

enum tw_status tw_model_open(const char *uri, struct tw_model *model, struct tw_error *error)
{
    struct tw_model made = {0};
    enum tw_entry_kind kind;
    uint64_t size_bytes;
    char *path = tw_strdup(uri);
    enum tw_status status = path ? tw_storage_kind(uri, &kind, &size_bytes, error) : tw_fail_memory(error, 1, "a path");
    if (!status && kind == TW_ENTRY_FOLDER) {
        tw_free(path);
        path = file_of(uri);
        status = path ? TW_OK : tw_fail_memory(error, strlen(uri), "a path");
    }
    if (!status)
        status = tw_storage_map(path, &made.mapping, error);
    if (!status)
        status = tw_model_read(path, made.mapping.bytes, &tw_format_limits_default, &made.graph, error);
    if (!status) {
        status = read_properties(&made, error);
        if (!status)
            status = check_outputs(&made, error);
        if (status)
            status = tw_fail_within(error, status, "model %s", path);
    }
    tw_free(path);
    if (status) {
        tw_model_release(&made);
        return status;
    }
    *model = made;
    return TW_OK;
}

void tw_model_release(struct tw_model *model)
{
    tw_graph_free(model->graph);
    tw_mapping_release(&model->mapping);
    tw_labels_release(&model->labels);
    tw_free(model->thresholds);
    tw_free(model->backbone_name);
    *model = (struct tw_model){0};
}

/* Takes away the node that makes `id`, so that it can be an input. */
static void detach(struct tw_graph *graph, int id)
{
    size_t kept = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        bool makes_it = false;
        for (int j = 0; j < graph->nodes[i].output_count; j++)
            makes_it |= graph->nodes[i].outputs[j] == id;
        if (!makes_it)
            graph->nodes[kept++] = graph->nodes[i];
    }
    graph->node_count = kept;
}

enum tw_status tw_model_head_graph(const struct tw_model *model, struct tw_graph **graph, struct tw_error *error)
{
    const char *outputs[3];
    size_t output_count = 0;
    struct tw_graph *head;
    if (tw_graph_find_value(model->graph, logits_name) >= 0) /* a general classifier may end in scores alone */
        outputs[output_count++] = logits_name;
    outputs[output_count++] = scores_name;
    if (model->has_known)
        outputs[output_count++] = known_name;
    enum tw_status status = tw_graph_clone(model->graph, &head, error);
    if (status)
        return status;
    int embedding = tw_graph_find_value(head, embedding_name);
    detach(head, embedding);
    head->values[embedding].shape = (struct tw_shape){.rank = 2, .dims = {TW_UNKNOWN, (int64_t)model->embedding_size}};
    head->values[embedding].dtype = TW_F32;
    /* The photo's input stays until the cut drops what only it feeds. */
    const int inputs[] = {embedding, head->input_count ? head->inputs[0] : embedding};
    if (!tw_graph_set_inputs(head, inputs, inputs[1] == embedding ? 1 : 2))
        status = tw_fail_memory(error, 1, "a graph");
    if (!status)
        status = tw_graph_cut(head, outputs, output_count, error);
    if (!status && (head->input_count != 1 || head->inputs[0] != embedding))
        status = tw_fail(error, TW_CORRUPT, "the model's scores do not come from its embedding alone");
    if (status) {
        tw_graph_free(head);
        return status;
    }
    *graph = head;
    return TW_OK;
}

/* Copies the head's nodes and constants behind the backbone's embedding. Names that both have get a prefix. */
static enum tw_status append_head(const struct tw_graph *head, struct tw_graph *whole, struct tw_error *error)
{
    int *ids = tw_alloc(head->value_count, sizeof *ids);
    if (!ids)
        return tw_fail_memory(error, head->value_count * sizeof *ids, "a graph");
    bool is_complete = true;
    for (size_t i = 0; i < head->value_count && is_complete; i++) {
        const struct tw_value *value = &head->values[i];
        bool is_embedding = (int)i == head->inputs[0];
        char *name = is_embedding || tw_graph_find_value(whole, value->name) < 0 ? tw_strdup(value->name)
                                                                                 : tw_format("head/%s", value->name);
        if (is_embedding)
            ids[i] = tw_graph_find_value(whole, embedding_name);
        else if (name && value->data)
            ids[i] = tw_graph_add_constant(whole, name, value->dtype, &value->shape, value->data, false);
        else
            ids[i] = name ? tw_graph_add_value(whole, name, value->dtype, &value->shape) : -1;
        is_complete = ids[i] >= 0;
        tw_free(name);
    }
    for (size_t i = 0; i < head->node_count && is_complete; i++) {
        const struct tw_node *node = &head->nodes[i];
        enum { MOST = 16 };
        int inputs[MOST], outputs[MOST];
        is_complete = node->input_count <= MOST && node->output_count <= MOST;
        for (int j = 0; is_complete && j < node->input_count; j++)
            inputs[j] = node->inputs[j] < 0 ? -1 : ids[node->inputs[j]];
        for (int j = 0; is_complete && j < node->output_count; j++)
            outputs[j] = node->outputs[j] < 0 ? -1 : ids[node->outputs[j]];
        struct tw_node *copy = is_complete ? tw_graph_add_node(whole, node->op, node->name, inputs, node->input_count,
                                                               outputs, node->output_count)
                                           : NULL;
        if (copy) {
            copy->attributes = node->attributes; /* `head` outlives this one, see tw_model_attach */
            copy->attribute_count = node->attribute_count;
        }
        is_complete = copy != NULL;
    }
    int outputs[4] = {tw_graph_find_value(whole, embedding_name)};
    size_t output_count = 1;
    for (size_t i = 0; is_complete && i < head->output_count && output_count < 4; i++)
        outputs[output_count++] = ids[head->outputs[i]];
    is_complete = is_complete && tw_graph_set_outputs(whole, outputs, output_count);
    tw_free(ids);
    return is_complete ? TW_OK : tw_fail_memory(error, head->value_count, "a graph");
}

static void free_backing(void *graph)
{
    tw_graph_free(graph);
}

static enum tw_status check_match(const struct tw_model *model, const struct tw_backbone *backbone, bool *is_compared,
                                  struct tw_error *error)
{
    if (backbone->embedding_size != model->embedding_size)
        return tw_fail(error, TW_CONFLICT, "backbone %s gives embeddings of %zu values, the model was trained on %zu",
                       backbone->name, backbone->embedding_size, model->embedding_size);
    *is_compared = model->has_backbone_digest;
    if (!model->has_backbone_digest || tw_digest_equal(&model->backbone_digest, &backbone->digest))
        return TW_OK;
    return tw_fail(error, TW_CONFLICT,
                   "backbone %s is not the network that made the training embeddings (%s): their digests differ",
                   backbone->name, model->backbone_name ? model->backbone_name : "unnamed");
}

enum tw_status tw_model_attach(struct tw_model *model, const struct tw_backbone *backbone, bool *is_compared,
                               struct tw_error *error)
{
    if (model->has_backbone)
        return tw_fail(error, TW_INVALID, "the model has a backbone of its own (%s): leave --backbone out",
                       model->backbone_name ? model->backbone_name : "unnamed");
    enum tw_status status = check_match(model, backbone, is_compared, error);
    if (status)
        return status;
    struct tw_graph *head = NULL, *whole = NULL;
    status = tw_model_head_graph(model, &head, error);
    if (!status)
        status = tw_graph_clone(backbone->graph, &whole, error);
    if (!status)
        status = append_head(head, whole, error);
    if (status) {
        tw_graph_free(head);
        tw_graph_free(whole);
        return status;
    }
    /* The whole graph borrows from the head's, which borrows its constants from the model's own: each backs the next. */
    head->backing = model->graph;
    head->release_backing = free_backing;
    whole->backing = head;
    whole->release_backing = free_backing;
    model->graph = whole;
    model->has_backbone = true;
    model->policy = backbone->policy;
    model->precision = backbone->precision;
    model->has_policy = true;
    return TW_OK;
}
