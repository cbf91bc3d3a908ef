#include "tasks/export.h"

#include "base/memory.h"
#include "formats/onnx_photo.h"
#include "formats/savedmodel.h"
#include "storage/storage.h"
#include "tasks/predict.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char model_name[] = "saved_model.pb";

static bool computes_in_integers(const struct tw_graph *graph)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op == TW_OP_QUANTIZE_LINEAR)
            return true;
    }
    return false;
}

/* What another runtime computes in another arithmetic gives other scores. */
static enum tw_status check_arithmetic(const struct tw_export_options *options, const struct tw_model *model,
                                       struct tw_error *error)
{
    bool is_ours = options->format == TW_EXPORT_ONNX && !options->decodes_photos; /* the very model */
    if (options->accepts_difference || is_ours)
        return TW_OK;
    if (model->precision != TW_PRECISION_F32)
        return tw_fail(error, TW_UNSUPPORTED,
                       "model %s was trained on embeddings in %s, the exported graph computes in f32: its scores will "
                       "differ; --accept-difference exports it all the same",
                       options->model, tw_precision_name(model->precision));
    if (options->format == TW_EXPORT_SAVEDMODEL && computes_in_integers(model->graph))
        return tw_fail(error, TW_UNSUPPORTED,
                       "the network of model %s computes in integers, which become floats on the same grid in "
                       "TensorFlow: its scores will differ a little; --accept-difference exports it all the same",
                       options->model);
    return TW_OK;
}

/* The model's properties, as a reader of ours will want them: the picture that comes out of the graph's own decoding is NCHW to
 * it. The text is the caller's to free(). */
static enum tw_status properties_of(const struct tw_model *model, char **text, struct tw_error *error)
{
    struct tw_image_policy policy = model->policy;
    policy.is_nhwc = false;
    char *spelled = tw_image_policy_to_json(&policy);
    json_t *object = json_object();
    int failed = !spelled || !object;
    for (size_t i = 0; i < model->graph->property_count && !failed; i++)
        failed = json_object_set_new(object, model->graph->properties[i].key,
                                     json_string(model->graph->properties[i].value));
    if (!failed)
        failed = json_object_set_new(object, "topwork.policy", json_string(spelled));
    *text = failed ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    tw_free(spelled);
    return *text ? TW_OK : tw_fail_memory(error, 1, "the model's properties");
}

static enum tw_status check_target(const struct tw_export_options *options, struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    struct tw_listing listing = {0};
    enum tw_status status = tw_storage_kind(options->output_uri, &kind, &size, error);
    bool is_folder = options->format == TW_EXPORT_SAVEDMODEL, is_free = kind == TW_ENTRY_MISSING;
    if (!status && kind == TW_ENTRY_FOLDER && is_folder) {
        status = tw_storage_list(options->output_uri, &listing, error);
        is_free = !status && listing.count == 0;
        tw_listing_release(&listing);
    }
    if (status || is_free)
        return status;
    if (kind != (is_folder ? TW_ENTRY_FOLDER : TW_ENTRY_FILE))
        return tw_fail(error, TW_CONFLICT, "%s is there already and is no %s", options->output_uri,
                       is_folder ? "folder" : "file");
    if (!options->is_forced)
        return tw_fail(error, TW_CONFLICT, "%s is there already: name another %s, or write into it by --force",
                       options->output_uri, is_folder ? "folder" : "file");
    return TW_OK;
}

/* FOLDER/NAME, as a uri or a folder that is made. */
static enum tw_status make_inside(const char *folder, const char *name, struct tw_error *error)
{
    char *uri = tw_uri_join(folder, name);
    enum tw_status status = uri ? tw_storage_make_folders(uri, error) : tw_fail_memory(error, strlen(folder), "a path");
    tw_free(uri);
    return status;
}

static enum tw_status write_inside(const char *folder, const char *name, struct tw_span bytes, struct tw_error *error)
{
    char *uri = tw_uri_join(folder, name);
    enum tw_status status = uri ? tw_storage_write(uri, bytes, error) : tw_fail_memory(error, strlen(folder), "a path");
    tw_free(uri);
    return status;
}

/* TensorFlow looks for a folder of variables, and leaves assets.extra to us. */
static enum tw_status write_folder(const char *folder, struct tw_span model, const char *properties,
                                   struct tw_error *error)
{
    enum tw_status status = make_inside(folder, "variables", error);
    if (!status)
        status = make_inside(folder, "assets.extra", error);
    if (!status)
        status = write_inside(folder, "assets.extra/topwork.json", tw_span_of_text(properties), error);
    return status ? status : write_inside(folder, model_name, model, error);
}

static enum tw_status export_savedmodel(const struct tw_export_options *options, const struct tw_model *model,
                                        struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    char *properties = NULL;
    enum tw_status status = properties_of(model, &properties, error);
    const struct tw_savedmodel_parts parts = {
        .graph = model->graph,
        .policy = &model->policy,
        .labels = (const char *const *)model->labels.names,
        .label_count = model->labels.count,
        .thresholds = model->thresholds,
        .known_threshold = model->known_threshold,
        .properties = properties,
    };
    if (!status)
        status = tw_savedmodel_write(&parts, &bytes, error);
    if (status)
        status = tw_fail_within(error, status, "model %s", options->model);
    if (!status)
        status = write_folder(options->output_uri, tw_buffer_span(&bytes), properties, error);
    tw_buffer_release(&bytes);
    free(properties);
    return status;
}

/* What ImageDecoder and Resize are not told: they decode by the exact DCT and turn nothing. */
static enum tw_status check_decoding(const struct tw_export_options *options, const struct tw_image_policy *policy,
                                     struct tw_error *error)
{
    bool is_alike = policy->decode.jpeg_dct == TW_DCT_ISLOW && policy->decode.exif == TW_EXIF_IGNORE &&
                    policy->decode.jpeg_least == 0 && policy->resize <= TW_RESIZE_TF2_BILINEAR;
    if (options->accepts_difference || is_alike)
        return TW_OK;
    return tw_fail(error, TW_UNSUPPORTED,
                   "ONNX's ImageDecoder and Resize neither turn photos upright nor decode and resize them just as the "
                   "policy of model %s says: scores will differ; --accept-difference exports it all the same",
                   options->model);
}

static enum tw_status export_onnx(const struct tw_export_options *options, const struct tw_model *model,
                                  struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    char *policy = tw_image_policy_to_json(&model->policy);
    enum tw_status status = policy && tw_graph_set_property(model->graph, "topwork.policy", policy)
                                ? TW_OK
                                : tw_fail_memory(error, 1, "the model's properties");
    tw_free(policy);
    if (!status && options->decodes_photos)
        status = check_decoding(options, &model->policy, error);
    if (!status)
        status = options->decodes_photos ? tw_onnx_write_photo(model->graph, &model->policy, TW_VERSION, &bytes, error)
                                         : tw_onnx_write(model->graph, "topwork", TW_VERSION, &bytes, error);
    if (!status)
        status = tw_storage_write(options->output_uri, tw_buffer_span(&bytes), error);
    tw_buffer_release(&bytes);
    return status;
}

enum tw_status tw_export(const struct tw_export_options *options, struct tw_error *error)
{
    const struct tw_predict_options opened = {.task = options->task, .model = options->model};
    struct tw_model model = {0};
    struct tw_backbone backbone = {0};
    enum tw_status status = check_target(options, error);
    if (!status)
        status = tw_predict_open(&opened, &model, &backbone, error);
    if (!status)
        status = check_arithmetic(options, &model, error);
    if (!status && options->task.ignores_exif)
        model.policy.decode.exif = TW_EXIF_IGNORE;
    if (!status)
        status = options->format == TW_EXPORT_ONNX ? export_onnx(options, &model, error)
                                                   : export_savedmodel(options, &model, error);
    tw_model_release(&model);
    tw_backbone_release(&backbone);
    return status;
}
