#include "tasks/explain.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "report/heat_picture.h"
#include "storage/storage.h"
#include "train/metrics.h"

#include <string.h>

enum { SCORES, LOGITS, EMBEDDING, KNOWN, OUTPUTS };

/* What one explanation needs while it is made. */
struct asked {
    const struct tw_explain_options *options;
    struct tw_model model;
    struct tw_backbone backbone;
    struct tw_dataset items;
    struct tw_image image;
    struct tw_runner *runner;
    size_t output_count, label;
    float *scores, *logits, *embedding, known;
};

static void release(struct asked *a)
{
    tw_runner_free(a->runner);
    tw_image_release(&a->image);
    tw_dataset_release(&a->items);
    tw_model_release(&a->model);
    tw_backbone_release(&a->backbone);
    tw_free(a->scores);
    tw_free(a->logits);
    tw_free(a->embedding);
}

static enum tw_status decode_photo(struct asked *a, struct tw_error *error)
{
    const struct tw_predict_options *options = &a->options->predict;
    struct tw_buffer file = {0};
    struct tw_span bytes = options->bytes;
    enum tw_status status = tw_predict_list(options, NULL, &a->items, error);
    if (!status && a->items.count != 1)
        status =
            tw_fail(error, TW_INVALID, "explain takes one photo; %s holds %zu", options->inputs[0], a->items.count);
    const struct tw_item *item = status ? NULL : &a->items.items[0];
    if (!status && item->status == TW_ITEM_SKIPPED)
        status = tw_fail(error, TW_CORRUPT, "%s: %s", item->uri, item->reason);
    if (!status && !options->has_bytes) {
        status = tw_storage_read(item->location, options->task.limits.max_bytes, &file, error);
        bytes = tw_buffer_span(&file);
    }
    if (!status)
        status = tw_image_decode(bytes, &a->model.policy.decode, &options->task.limits, &a->image, error);
    tw_buffer_release(&file);
    return status && item ? tw_fail_within(error, status, "%s", item->uri) : status;
}

static enum tw_status prepare(struct asked *a, struct tw_error *error)
{
    static const char *const outputs[OUTPUTS] = {"scores", "logits", "embedding", "known"};
    const struct tw_task_options *task = &a->options->predict.task;
    size_t labels = a->model.labels.count;
    a->output_count = a->model.has_known ? OUTPUTS : KNOWN;
    const struct tw_runner_options wanted = {
        .outputs = outputs,
        .output_count = a->output_count,
        .workers = task->threads,
        .threads_inside = 1,
    };
    enum tw_status status = tw_predict_runner(task, &a->model, &wanted, &a->runner, error);
    if (!status &&
        (tw_runner_output_size(a->runner, SCORES) != labels || tw_runner_output_size(a->runner, LOGITS) != labels ||
         tw_runner_output_size(a->runner, EMBEDDING) != a->model.embedding_size))
        status = tw_fail(error, TW_CORRUPT, "it has not %zu scores, as many logits and an embedding of %zu values",
                         labels, a->model.embedding_size);
    if (status)
        return tw_fail_within(error, status, "model %s", a->options->predict.model);
    a->scores = tw_alloc(labels, sizeof *a->scores);
    a->logits = tw_alloc(labels, sizeof *a->logits);
    a->embedding = tw_alloc(a->model.embedding_size, sizeof *a->embedding);
    return a->scores && a->logits && a->embedding
               ? TW_OK
               : tw_fail_memory(error, a->model.embedding_size * sizeof *a->embedding, "the answer");
}

static enum tw_status choose_label(struct asked *a, struct tw_error *error)
{
    const char *wanted = a->options->label, *nearest = NULL;
    size_t count = a->model.labels.count, least = 4;
    a->label = tw_argmax(a->scores, count);
    for (size_t i = 0; wanted && i < count; i++) {
        const char *name = a->model.labels.names[i];
        size_t distance = tw_edit_distance(wanted, name);
        if (distance == 0) {
            a->label = i;
            return TW_OK;
        }
        if (distance < least)
            least = distance, nearest = name;
    }
    if (nearest)
        return tw_fail(error, TW_INVALID, "the model has no label %s: did you mean %s?", wanted, nearest);
    return wanted ? tw_fail(error, TW_INVALID, "the model has no label %s; it has %zu, the first is %s", wanted, count,
                            a->model.labels.names[0])
                  : TW_OK;
}

static enum tw_status ask(struct asked *a, struct tw_explanation *made, struct tw_error *error)
{
    const struct tw_task_options *task = &a->options->predict.task;
    float *const outputs[OUTPUTS] = {a->scores, a->logits, a->embedding, &a->known};
    double start = tw_clock_seconds();
    enum tw_status status = tw_runner_image(a->runner, 0, &a->image, outputs, error);
    if (!status)
        status = choose_label(a, error);
    const struct tw_occlusion_options occlusion = {
        .grid = a->options->grid,
        .label = a->label,
        .label_count = a->model.labels.count,
        .scores = SCORES,
        .logits = LOGITS,
        .is_independent = a->model.thresholds != NULL,
        .workers = task->threads,
        .sink = task->sink,
    };
    if (!status)
        status = tw_occlude(a->runner, &a->image, &occlusion, &made->occlusion, error);
    made->seconds = tw_clock_seconds() - start;
    return status;
}

/* RUN/examples, whether RUN or its model.onnx was named. */
static enum tw_status find_neighbours(const struct asked *a, struct tw_neighbours *neighbours, struct tw_error *error)
{
    const char *model = a->options->predict.model, *name = tw_base_name(model);
    enum tw_entry_kind kind;
    uint64_t size_bytes;
    enum tw_status status = tw_storage_kind(model, &kind, &size_bytes, error);
    if (status)
        return status;
    size_t length = kind == TW_ENTRY_FOLDER ? strlen(model) : (size_t)(name - model);
    char *run = length ? tw_strndup(model, length) : tw_strdup(".");
    char *folder = run ? tw_uri_join(run, "examples") : NULL;
    status = folder
                 ? tw_neighbours_find(folder, &a->model, a->label, a->embedding, a->options->nearest, neighbours, error)
                 : tw_fail_memory(error, length, "a path");
    tw_free(run);
    tw_free(folder);
    return status;
}

static enum tw_status describe(const struct asked *a, struct tw_explanation *made, struct tw_error *error)
{
    const struct tw_neighbours *near = &made->neighbours;
    made->key = tw_strdup(a->items.items[0].uri);
    made->label = tw_strdup(a->model.labels.names[a->label]);
    made->prediction = tw_strdup(a->model.labels.names[tw_argmax(a->scores, a->model.labels.count)]);
    made->shown = tw_alloc(near->count + 1, sizeof *made->shown);
    made->thumbnails = tw_alloc(near->count + 1, sizeof *made->thumbnails);
    if (!made->key || !made->label || !made->prediction || !made->shown || !made->thumbnails)
        return tw_fail_memory(error, near->count * sizeof *made->shown, "the explanation");
    for (size_t i = 0; i < near->count; i++) {
        const struct tw_neighbour *from = &near->items[i];
        if (a->options->output && from->thumbnail.size &&
            !(made->thumbnails[i] = tw_format("nearest-%02zu.jpg", i + 1)))
            return tw_fail_memory(error, 1, "a name");
        made->shown[i] = (struct tw_explanation_neighbour){
            .key = from->key,
            .labels = from->labels,
            .thumbnail = made->thumbnails[i],
            .similarity = from->similarity,
            .has_label = from->has_label,
        };
    }
    made->view = (struct tw_explanation_view){
        .key = made->key,
        .label = made->label,
        .prediction = made->prediction,
        .sureness = tw_sureness(a->model.has_known ? &a->known : NULL, a->model.known_threshold, a->scores[a->label]),
        .score = (double)a->scores[a->label],
        .odds = made->occlusion.odds,
        .drops = made->occlusion.drops,
        .scores = made->occlusion.scores,
        .rows = made->occlusion.rows,
        .columns = made->occlusion.columns,
        .neighbours = made->shown,
        .neighbour_count = near->count,
        .example_count = near->example_count,
        .missing = near->missing,
        .map = a->options->output ? "map.png" : NULL,
    };
    return TW_OK;
}

static enum tw_status write_file(const char *folder, const char *name, const struct tw_buffer *bytes,
                                 struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    enum tw_status status =
        path ? tw_storage_write(path, tw_buffer_span(bytes), error) : tw_fail_memory(error, strlen(folder), "a path");
    tw_free(path);
    return status;
}

static enum tw_status write_folder(const struct asked *a, const struct tw_explanation *made, struct tw_error *error)
{
    const char *folder = a->options->output;
    const struct tw_heat heat = {made->view.drops, made->view.rows, made->view.columns};
    struct tw_image picture = {0};
    struct tw_buffer png = {0}, json = {0};
    enum tw_status status = tw_storage_make_folders(folder, error);
    if (!status)
        status = tw_heat_picture(&a->image, &heat, &picture, error);
    if (!status)
        status = tw_image_to_png(&picture, &png, error);
    if (!status)
        status = write_file(folder, "map.png", &png, error);
    for (size_t i = 0; i < made->neighbours.count && !status; i++) {
        if (made->thumbnails[i])
            status = write_file(folder, made->thumbnails[i], &made->neighbours.items[i].thumbnail, error);
    }
    if (!status)
        status = tw_explanation_to_json(&made->view, &json, error);
    if (!status)
        status = write_file(folder, "explanation.json", &json, error);
    tw_image_release(&picture);
    tw_buffer_release(&png);
    tw_buffer_release(&json);
    return status;
}

enum tw_status tw_explain(const struct tw_explain_options *options, struct tw_explanation *explanation,
                          struct tw_error *error)
{
    struct asked asked = {.options = options};
    struct tw_explanation made = {0};
    enum tw_status status = tw_predict_open(&options->predict, &asked.model, &asked.backbone, error);
    if (!status)
        status = decode_photo(&asked, error);
    if (!status)
        status = prepare(&asked, error);
    if (!status)
        status = ask(&asked, &made, error);
    if (!status)
        status = find_neighbours(&asked, &made.neighbours, error);
    if (!status)
        status = describe(&asked, &made, error);
    if (!status && options->output)
        status = write_folder(&asked, &made, error);
    release(&asked);
    if (status)
        tw_explanation_release(&made);
    else
        *explanation = made;
    return status;
}

void tw_explanation_release(struct tw_explanation *explanation)
{
    for (size_t i = 0; explanation->thumbnails && i < explanation->neighbours.count; i++)
        tw_free(explanation->thumbnails[i]);
    tw_free(explanation->thumbnails);
    tw_free(explanation->shown);
    tw_free(explanation->key);
    tw_free(explanation->label);
    tw_free(explanation->prediction);
    tw_occlusion_release(&explanation->occlusion);
    tw_neighbours_release(&explanation->neighbours);
    *explanation = (struct tw_explanation){0};
}
