#include "tasks/models.h"

#include "base/memory.h"
#include "store/store.h"
#include "tasks/model.h"
#include "tasks/runner.h"

#include <string.h>

static const char model_file[] = "model.onnx", metrics_file[] = "metrics.json", examples_folder[] = "examples";

/* The files of one version, with the texts that the source borrows. */
struct content {
    struct tw_store_source source;
    char *texts[2 * TW_STORE_MOST_FILES];
    size_t text_count;
};

static void release_content(struct content *content)
{
    for (size_t i = 0; i < content->text_count; i++)
        tw_free(content->texts[i]);
}

/* `name` in the version is a copy of FOLDER/name; takes `name` over. */
static enum tw_status add_file(struct content *content, const char *folder, char *name, struct tw_error *error)
{
    struct tw_store_source *source = &content->source;
    char *from = name ? tw_uri_join(folder, name) : NULL;
    if (!from || source->file_count == TW_STORE_MOST_FILES) {
        enum tw_status status =
            from ? tw_fail(error, TW_LIMIT, "%s holds more than the %d files that a version can have", folder,
                           TW_STORE_MOST_FILES)
                 : tw_fail_memory(error, 1, "a path");
        tw_free(from);
        tw_free(name);
        return status;
    }
    content->texts[content->text_count++] = name;
    content->texts[content->text_count++] = from;
    source->files[source->file_count] = name;
    source->contents[source->file_count++] = from;
    return TW_OK;
}

static enum tw_status add_if_there(struct content *content, const char *run, const char *file, struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    char *uri = tw_uri_join(run, file);
    enum tw_status status = uri ? tw_storage_kind(uri, &kind, &size, error) : tw_fail_memory(error, 1, "a path");
    tw_free(uri);
    return status || kind != TW_ENTRY_FILE ? status : add_file(content, run, tw_strdup(file), error);
}

static enum tw_status add_examples(struct content *content, const char *run, struct tw_error *error)
{
    struct tw_listing listing = {0};
    char *folder = tw_uri_join(run, examples_folder);
    enum tw_status status = folder ? tw_storage_list(folder, &listing, error) : tw_fail_memory(error, 1, "a path");
    if (status == TW_NOT_FOUND)
        status = TW_OK;
    for (size_t i = 0; i < listing.count && !status; i++) {
        const struct tw_entry *entry = &listing.entries[i];
        if (entry->kind == TW_ENTRY_FILE && entry->name[0] != '.')
            status = add_file(content, run, tw_format("%s/%s", examples_folder, entry->name), error);
    }
    tw_listing_release(&listing);
    tw_free(folder);
    return status;
}

/* A folder of `export` is no run: what can be done with it is said. */
static enum tw_status check_run(const char *folder, struct tw_error *error)
{
    enum tw_entry_kind kinds[2] = {TW_ENTRY_MISSING, TW_ENTRY_MISSING};
    uint64_t size;
    char *own = tw_uri_join(folder, model_file), *exported = tw_uri_join(folder, "saved_model.pb");
    enum tw_status status = own && exported ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_storage_kind(own, &kinds[0], &size, error);
    if (!status)
        status = tw_storage_kind(exported, &kinds[1], &size, error);
    if (!status && kinds[0] == TW_ENTRY_MISSING && kinds[1] == TW_ENTRY_FILE)
        status =
            tw_fail(error, TW_INVALID,
                    "%s is a SavedModel: `topwork export %s --format onnx -o FILE` makes a model file of it; or copy "
                    "the folder to STORE/NAME/N yourself, which is served as TensorFlow Serving does it",
                    folder, folder);
    tw_free(own);
    tw_free(exported);
    return status;
}

static enum tw_status gather(const struct tw_models_add_options *options, struct content *content,
                             struct tw_error *error)
{
    enum tw_entry_kind kind;
    uint64_t size;
    enum tw_status status = tw_storage_kind(options->model, &kind, &size, error);
    content->source.name = options->version_name;
    content->source.description = options->version_description;
    if (status || kind != TW_ENTRY_FOLDER) {
        char *name = status ? NULL : tw_strdup(model_file), *from = name ? tw_strdup(options->model) : NULL;
        if (!status && !from)
            status = tw_fail_memory(error, 1, "a path");
        content->texts[0] = name;
        content->texts[1] = from;
        content->text_count = 2;
        content->source.files[0] = name;
        content->source.contents[0] = from;
        content->source.file_count = 1;
        return status;
    }
    status = check_run(options->model, error);
    if (!status)
        status = add_file(content, options->model, tw_strdup(model_file), error);
    if (!status)
        status = add_if_there(content, options->model, metrics_file, error);
    return status ? status : add_examples(content, options->model, error);
}

static enum tw_status run_once(struct tw_runner *runner, const struct tw_model *model, struct tw_error *error)
{
    float *scores = tw_alloc(model->labels.count, sizeof *scores);
    size_t pixels = (size_t)model->policy.width * (size_t)model->policy.height * 3;
    float *grey = tw_alloc(pixels, sizeof *grey); /* zero: about the middle of the range, whatever the policy */
    enum tw_status status = scores && grey ? tw_runner_vector(runner, 0, grey, &scores, error)
                                           : tw_fail_memory(error, pixels * sizeof *grey, "a photo to try it with");
    tw_free(grey);
    tw_free(scores);
    return status;
}

/* As a server will use it. */
static enum tw_status try_model(const char *uri, struct tw_error *error)
{
    static const char *const outputs[] = {"scores"};
    struct tw_model model = {0};
    struct tw_runner *runner = NULL;
    enum tw_status status = tw_model_open(uri, &model, error);
    if (!status && !model.has_backbone)
        status =
            tw_fail(error, TW_UNSUPPORTED,
                    "model %s was trained on embedding records and holds no backbone, so it cannot answer for photos: "
                    "train it again with --backbone and the network that made them (theirs was %s)",
                    uri, model.backbone_name ? model.backbone_name : "not named");
    const struct tw_runner_options options = {.policy = &model.policy,
                                              .outputs = outputs,
                                              .output_count = 1,
                                              .workers = 1,
                                              .threads_inside = 1,
                                              .precision = model.precision};
    if (!status)
        status = tw_runner_new(model.graph, &options, &runner, error);
    if (!status && tw_runner_output_size(runner, 0) != model.labels.count)
        status = tw_fail(error, TW_CORRUPT, "model %s has %zu labels and %zu scores", uri, model.labels.count,
                         tw_runner_output_size(runner, 0));
    if (!status)
        status = run_once(runner, &model, error);
    tw_runner_free(runner);
    tw_model_release(&model);
    return status;
}

enum tw_status tw_models_add(const struct tw_models_add_options *options, int64_t *number, struct tw_error *error)
{
    struct content content = {0};
    struct tw_store_addition *addition = NULL;
    enum tw_status status = gather(options, &content, error);
    if (!status)
        status = tw_store_add_begin(options->store, options->name, &content.source, &addition, error);
    char *copied = status ? NULL : tw_uri_join(tw_store_addition_uri(addition), model_file);
    if (!status)
        status = copied ? try_model(copied, error) : tw_fail_memory(error, 1, "a path");
    if (status)
        tw_store_add_abandon(addition);
    else
        status = tw_store_add_commit(addition, number, error);
    tw_free(copied);
    release_content(&content);
    return status;
}
