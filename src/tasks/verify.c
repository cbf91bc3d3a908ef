#include "tasks/verify.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/threads.h"
#include "storage/storage.h"
#include "tasks/kept_examples.h"
#include "tasks/model_scores.h"
#include "tasks/photos.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

static const char training_name[] = "training embeddings";

void tw_verify_release(struct tw_verify *verify)
{
    for (size_t i = 0; i < verify->way_count; i++) {
        tw_free(verify->ways[i].name);
        tw_free(verify->ways[i].note);
        tw_free(verify->ways[i].worst);
    }
    tw_free(verify->ways);
    tw_predictions_release(&verify->predictions);
    *verify = (struct tw_verify){0};
}

static enum tw_status add_way(struct tw_verify *verify, const char *name, struct tw_verify_way **way,
                              struct tw_error *error)
{
    struct tw_verify_way *ways = tw_realloc(verify->ways, verify->way_count + 1, sizeof *ways);
    if (!ways)
        return tw_fail_memory(error, (verify->way_count + 1) * sizeof *ways, "a way");
    verify->ways = ways;
    *way = &ways[verify->way_count];
    **way = (struct tw_verify_way){.name = tw_strdup(name)};
    if (!(*way)->name)
        return tw_fail_memory(error, strlen(name), "a way");
    verify->way_count++;
    return TW_OK;
}

enum tw_status tw_verify_leave(struct tw_verify *verify, const char *name, const char *why, struct tw_error *error)
{
    struct tw_verify_way *way = NULL;
    enum tw_status status = add_way(verify, name, &way, error);
    if (!status && !(way->note = tw_strdup(why)))
        status = tw_fail_memory(error, strlen(why), "a note");
    return status;
}

enum tw_status tw_verify_fail(struct tw_verify *verify, const char *name, const char *why, struct tw_error *error)
{
    enum tw_status status = tw_verify_leave(verify, name, why, error);
    if (!status)
        verify->ways[verify->way_count - 1].has_failed = true;
    return status;
}

static size_t best(const float *scores, size_t count)
{
    size_t at = 0;
    for (size_t i = 1; i < count; i++)
        at = scores[i] > scores[at] ? i : at;
    return at;
}

/* `index`: of the photo among the items. */
static enum tw_status compare(struct tw_verify *verify, struct tw_verify_way *way, size_t index, const float *scores,
                              struct tw_error *error)
{
    size_t count = verify->predictions.labels.count;
    const float *ours = verify->predictions.scores + index * count;
    double greatest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)scores[i] - (double)ours[i]);
        greatest = difference > greatest || isnan(difference) ? difference : greatest;
    }
    size_t mine = best(ours, count), theirs = best(scores, count);
    way->photos++;
    way->other_labels += mine != theirs && (double)(ours[mine] - ours[theirs]) > 2 * verify->tolerance;
    if (!(greatest > way->greatest) && !isnan(greatest))
        return TW_OK;
    way->greatest = isnan(greatest) ? HUGE_VAL : greatest;
    tw_free(way->worst);
    way->worst = tw_strdup(verify->predictions.items.items[index].uri);
    return way->worst ? TW_OK : tw_fail_memory(error, 1, "a uri");
}

struct going {
    struct tw_verify *verify;
    const struct tw_verify_road *road;
    struct tw_verify_way *way;
    pthread_mutex_t lock; /* guards way and progress */
    struct tw_progress progress;
};

static enum tw_status ask(void *context, size_t index, int worker, struct tw_error *error)
{
    struct going *going = context;
    struct tw_verify *verify = going->verify;
    const struct tw_item *item = &verify->predictions.items.items[index];
    size_t count = verify->predictions.labels.count;
    struct tw_buffer file = {0};
    if (tw_is_stopped(verify->options.task.sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted");
    if (item->status == TW_ITEM_SKIPPED)
        return TW_OK;
    float *scores = tw_alloc(count, sizeof *scores);
    enum tw_status status = scores ? TW_OK : tw_fail_memory(error, count * sizeof *scores, "scores");
    if (!status)
        status = tw_storage_read(item->location, verify->options.task.limits.max_bytes, &file, error);
    if (!status)
        status = going->road->ask(going->road->contexts[worker], tw_buffer_span(&file), scores, error);
    pthread_mutex_lock(&going->lock);
    if (!status)
        status = compare(verify, going->way, index, scores, error);
    going->progress.done++;
    tw_progress(verify->options.task.sink, &going->progress);
    pthread_mutex_unlock(&going->lock);
    tw_buffer_release(&file);
    tw_free(scores);
    return status ? tw_fail_within(error, status, "%s", item->uri) : TW_OK;
}

enum tw_status tw_verify_go(struct tw_verify *verify, const struct tw_verify_road *road, struct tw_error *error)
{
    struct going going = {
        .verify = verify,
        .road = road,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .progress = {.stage = road->name, .unit = "photos", .total = verify->predictions.items.count},
    };
    enum tw_status status = add_way(verify, road->name, &going.way, error);
    if (status)
        return status;
    status = tw_parallel_for(road->workers, verify->predictions.items.count, ask, &going, error);
    pthread_mutex_destroy(&going.lock);
    if (!status || status == TW_NO_MEMORY || status == TW_INTERRUPTED)
        return status;
    going.way->has_failed = true;
    going.way->note = tw_strdup(error->text);
    return going.way->note ? TW_OK : tw_fail_memory(error, 1, "a note");
}

/* Rows of `set` are the photos that training knew; rows[i]: the item of row i. */
struct known_rows {
    struct tw_example_set set;
    size_t *rows;
    float *scores;
};

static enum tw_status add_known(struct tw_verify *verify, const struct tw_embedding_source *source, size_t width,
                                size_t index, struct known_rows *known, struct tw_error *error)
{
    struct tw_item *item = &verify->predictions.items.items[index];
    struct tw_buffer file = {0}, payload = {0};
    const size_t header = 8; /* the photo's size */
    enum tw_status status = tw_storage_read(item->location, verify->options.task.limits.max_bytes, &file, error);
    if (!status)
        status = tw_digest_of(tw_buffer_span(&file), &item->content, error);
    if (!status && source->embedding(source->context, &item->content, &payload) &&
        payload.size == header + width * sizeof(float)) {
        float *values = tw_alloc(width, sizeof *values);
        if (values)
            memcpy(values, payload.data + header, width * sizeof *values);
        const struct tw_example_row row = {.key = item->uri, .embedding = values, .width = width};
        known->rows[known->set.count] = index;
        status = values ? tw_example_set_add(&known->set, &row, error) : tw_fail_memory(error, width, "an embedding");
        tw_free(values);
    }
    tw_buffer_release(&file);
    tw_buffer_release(&payload);
    return status;
}

/* RUN, whether it or its model.onnx was named. Owned; NULL: no memory. */
static char *run_of(const char *model)
{
    static const char file[] = "model.onnx";
    size_t length = strlen(model), size = strlen(file);
    if (length < size || strcmp(model + length - size, file) != 0 || (length > size && model[length - size - 1] != '/'))
        return tw_strdup(model);
    return length == size ? tw_strdup(".") : tw_strndup(model, length - size - 1);
}

/* What the head says of the embeddings that training kept. */
static enum tw_status read_known(struct tw_verify *verify, const struct tw_model *model, struct known_rows *known,
                                 struct tw_error *error)
{
    struct tw_kept_examples kept = {0};
    struct tw_error ignored = {0};
    const struct tw_dataset *items = &verify->predictions.items;
    char *run = run_of(verify->options.model);
    enum tw_status status = run ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (run && tw_kept_examples_read(run, &verify->options.task, &kept, &ignored) == TW_OK && kept.photos) {
        const struct tw_embedding_source source = tw_kept_examples_source(&kept);
        known->rows = tw_alloc(items->count, sizeof *known->rows);
        status = known->rows ? TW_OK : tw_fail_memory(error, items->count * sizeof *known->rows, "rows");
        for (size_t i = 0; i < items->count && !status; i++) {
            if (items->items[i].status != TW_ITEM_SKIPPED &&
                !add_known(verify, &source, model->embedding_size, i, known, &ignored))
                continue;
        }
    }
    if (!status && known->set.count) {
        known->scores = tw_alloc(known->set.count * model->labels.count, sizeof *known->scores);
        status = known->scores ? tw_model_scores(model, &known->set, &verify->options.task, known->scores, error)
                               : tw_fail_memory(error, known->set.count * model->labels.count, "scores");
    }
    tw_kept_examples_release(&kept);
    tw_free(run);
    return status;
}

static enum tw_status compare_known(struct tw_verify *verify, const struct known_rows *known, struct tw_error *error)
{
    struct tw_verify_way *way = NULL;
    size_t count = verify->predictions.labels.count;
    if (known->set.count == 0)
        return tw_verify_leave(verify, training_name,
                               "none of these photos was trained on in a run with examples/ beside the model", error);
    enum tw_status status = add_way(verify, training_name, &way, error);
    for (size_t row = 0; row < known->set.count && !status; row++) {
        if (verify->predictions.items.items[known->rows[row]].status != TW_ITEM_SKIPPED)
            status = compare(verify, way, known->rows[row], known->scores + row * count, error);
    }
    return status;
}

static bool is_in_floats(const struct tw_model *model)
{
    bool is_so = model->precision == TW_PRECISION_F32;
    for (size_t i = 0; i < model->graph->node_count && is_so; i++)
        is_so = model->graph->nodes[i].op != TW_OP_QUANTIZE_LINEAR;
    return is_so;
}

enum tw_status tw_verify_begin(struct tw_verify *verify, struct tw_error *error)
{
    struct tw_model model = {0};
    struct tw_backbone backbone = {0};
    struct known_rows known = {0};
    enum tw_status status = tw_predict_open(&verify->options, &model, &backbone, error);
    if (!status)
        status = tw_predict_list(&verify->options, NULL, &verify->predictions.items, error);
    if (!status) {
        verify->computes_in_floats = is_in_floats(&model);
        status = read_known(verify, &model, &known, error);
    }
    if (!status)
        status = tw_predict_items(&verify->options, &model, &verify->predictions, error);
    if (!status)
        status = compare_known(verify, &known, error);
    tw_example_set_release(&known.set);
    tw_free(known.rows);
    tw_free(known.scores);
    tw_model_release(&model);
    tw_backbone_release(&backbone);
    return status;
}

bool tw_verify_agrees(const struct tw_verify *verify)
{
    bool agrees = true;
    for (size_t i = 0; i < verify->way_count; i++) {
        const struct tw_verify_way *way = &verify->ways[i];
        agrees &= !way->has_failed && way->greatest <= verify->tolerance && way->other_labels == 0;
    }
    return agrees;
}
