#include "tasks/neighbours.h"

#include "base/memory.h"
#include "records/example.h"
#include "records/tfrecord.h"
#include "storage/storage.h"
#include "tasks/examples_folder.h"
#include "tasks/input.h"

#include <math.h>
#include <string.h>

struct search {
    const struct tw_model *model;
    const float *embedding;
    double length; /* of the embedding */
    size_t label, most;
    struct tw_neighbours found;
};

static double cosine(const struct search *s, const float *other)
{
    double product = 0, square = 0;
    for (size_t i = 0; i < s->model->embedding_size; i++) {
        product += (double)s->embedding[i] * (double)other[i];
        square += (double)other[i] * (double)other[i];
    }
    double lengths = s->length * sqrt(square);
    return lengths > 0 ? product / lengths : 0;
}

static void neighbour_release(struct tw_neighbour *neighbour)
{
    tw_free(neighbour->key);
    tw_free(neighbour->labels);
    tw_buffer_release(&neighbour->thumbnail);
    *neighbour = (struct tw_neighbour){0};
}

static enum tw_status join_labels(const struct search *s, const struct tw_example *example, char **joined,
                                  struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = example->label_count ? TW_OK : tw_buffer_append_text(&text, "(unlabelled)", error);
    for (size_t i = 0; i < example->label_count && !status; i++) {
        int64_t id = example->labels[i];
        if (id < 0 || id >= (int64_t)s->model->labels.count)
            status = tw_fail(error, TW_CONFLICT, "the training example %s has label %lld, the model has %zu labels",
                             example->image_uri, (long long)id, s->model->labels.count);
        else
            status = tw_buffer_printf(&text, error, "%s%s", i ? ";" : "", s->model->labels.names[id]);
    }
    *joined = status ? NULL : tw_strndup((const char *)text.data, text.size);
    if (!status && !*joined)
        status = tw_fail_memory(error, text.size, "labels");
    tw_buffer_release(&text);
    return status;
}

/* Into its place among the nearest so far; the later of two that are equally near stays behind. */
static enum tw_status take(struct search *s, const struct tw_example *example, struct tw_error *error)
{
    struct tw_neighbours *found = &s->found;
    double similarity = cosine(s, example->embedding);
    size_t place = found->count;
    found->example_count++;
    while (place > 0 && found->items[place - 1].similarity < similarity)
        place--;
    if (place >= s->most)
        return TW_OK;
    struct tw_neighbour made = {.similarity = similarity, .key = tw_strdup(example->image_uri)};
    enum tw_status status = made.key ? join_labels(s, example, &made.labels, error)
                                     : tw_fail_memory(error, strlen(example->image_uri), "a name");
    if (status) {
        neighbour_release(&made);
        return status;
    }
    for (size_t i = 0; i < example->label_count; i++)
        made.has_label |= example->labels[i] == (int64_t)s->label;
    if (found->count == s->most)
        neighbour_release(&found->items[--found->count]);
    memmove(found->items + place + 1, found->items + place, (found->count - place) * sizeof made);
    found->items[place] = made;
    found->count++;
    return TW_OK;
}

static enum tw_status read_file(struct search *s, const char *uri, struct tw_error *error)
{
    struct tw_record_reader *reader = NULL;
    struct tw_example example = {0};
    struct tw_span record;
    bool has_record = true;
    enum tw_status status = tw_record_reader_open(uri, &tw_record_limits_default, &reader, error);
    while (!status) {
        status = tw_record_reader_next(reader, &record, &has_record, error);
        if (status || !has_record)
            break;
        status = tw_example_parse(record, &example, error);
        if (!status && example.embedding_size != s->model->embedding_size)
            status = tw_fail(error, TW_CONFLICT, "%s: the embeddings have %zu values, the model's %zu", uri,
                             example.embedding_size, s->model->embedding_size);
        if (!status)
            status = take(s, &example, error);
    }
    tw_example_release(&example);
    tw_record_reader_free(reader);
    return status;
}

static enum tw_status keep_thumbnail(void *context, struct tw_span uri, struct tw_span jpeg, struct tw_error *error)
{
    struct tw_neighbours *found = context;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < found->count && !status; i++) {
        struct tw_neighbour *neighbour = &found->items[i];
        if (!neighbour->thumbnail.size && tw_span_equal(uri, tw_span_of_text(neighbour->key)))
            status = tw_buffer_append(&neighbour->thumbnail, jpeg.data, jpeg.size, error);
    }
    return status;
}

static enum tw_status miss(struct tw_neighbours *found, char *reason, struct tw_error *error)
{
    found->missing = reason;
    return reason ? TW_OK : tw_fail_memory(error, 1, "a sentence");
}

/* The records of the folder, or none and a reason. */
static enum tw_status open_folder(const char *folder, const struct tw_model *model, struct tw_input *input,
                                  struct tw_neighbours *found, struct tw_error *error)
{
    enum tw_entry_kind kind;
    uint64_t size_bytes;
    enum tw_status status = tw_storage_kind(folder, &kind, &size_bytes, error);
    if (!status && kind != TW_ENTRY_FOLDER)
        return miss(found,
                    tw_format("there is no %s: the run folder keeps the training examples there, and a model "
                              "file alone cannot tell which they were",
                              folder),
                    error);
    if (!status)
        status = tw_input_classify(&folder, 1, input, error);
    if (status)
        return status;
    if (!input->has_records)
        return miss(found, tw_format("%s holds no embedding records", folder), error);
    if (model->has_backbone_digest && input->manifest &&
        !tw_digest_equal(&input->manifest->backbone_digest, &model->backbone_digest))
        return miss(found,
                    tw_format("the examples of %s were embedded by another network (%s) than the model's", folder,
                              input->manifest->backbone),
                    error);
    return TW_OK;
}

enum tw_status tw_neighbours_find(const char *folder, const struct tw_model *model, size_t label,
                                  const float *embedding, size_t most, struct tw_neighbours *neighbours,
                                  struct tw_error *error)
{
    struct search s = {.model = model, .embedding = embedding, .label = label, .most = most};
    struct tw_input input = {0};
    for (size_t i = 0; i < model->embedding_size; i++)
        s.length += (double)embedding[i] * (double)embedding[i];
    s.length = sqrt(s.length);
    s.found.items = tw_alloc(most + 1, sizeof *s.found.items);
    enum tw_status status = s.found.items ? open_folder(folder, model, &input, &s.found, error)
                                          : tw_fail_memory(error, most * sizeof *s.found.items, "neighbours");
    for (size_t i = 0; i < input.file_count && !status && !s.found.missing; i++)
        status = read_file(&s, input.files[i].uri, error);
    if (!status && s.found.count)
        status = tw_examples_thumbnails_read(folder, keep_thumbnail, &s.found, error);
    tw_input_release(&input);
    if (status)
        tw_neighbours_release(&s.found);
    else
        *neighbours = s.found;
    return status;
}

void tw_neighbours_release(struct tw_neighbours *neighbours)
{
    for (size_t i = 0; neighbours->items && i < neighbours->count; i++)
        neighbour_release(&neighbours->items[i]);
    tw_free(neighbours->items);
    tw_free(neighbours->missing);
    *neighbours = (struct tw_neighbours){0};
}
