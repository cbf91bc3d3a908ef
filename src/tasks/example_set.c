#include "tasks/example_set.h"

#include "base/memory.h"
#include "records/example.h"
#include "records/tfrecord.h"
#include "storage/storage.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 1000000 };

static enum tw_status add_labels(struct tw_example_set *set, const char *key, const int64_t *labels, size_t count,
                                 struct tw_error *error)
{
    enum tw_status status =
        tw_grow((void **)&set->labels, &set->label_capacity, set->label_count + count, sizeof *set->labels, error);
    for (size_t i = 0; i < count && !status; i++) {
        if (labels[i] < 0 || labels[i] >= MOST_CLASSES)
            return tw_fail(error, TW_CORRUPT, "record %s has label %lld, not one of 0 to %d", key, (long long)labels[i],
                           MOST_CLASSES - 1);
        set->labels[set->label_count++] = labels[i];
        if (labels[i] > set->greatest_label)
            set->greatest_label = labels[i];
    }
    return status;
}

enum tw_status tw_example_set_add(struct tw_example_set *set, const char *key, const float *embedding, size_t width,
                                  const int64_t *labels, size_t label_count, struct tw_error *error)
{
    if (set->count == 0) {
        set->width = width;
        set->greatest_label = -1;
    }
    if (width != set->width)
        return tw_fail(
            error, TW_CONFLICT,
            "record %s has an embedding of %zu values, those before it have %zu: records of two backbones are mixed",
            key, width, set->width);
    enum tw_status status =
        tw_grow((void **)&set->embeddings, &set->embedding_capacity, (set->count + 1) * width, sizeof(float), error);
    if (!status)
        status = tw_grow((void **)&set->keys, &set->key_capacity, set->count + 1, sizeof *set->keys, error);
    if (!status)
        status = tw_grow((void **)&set->starts, &set->start_capacity, set->count + 2, sizeof *set->starts, error);
    size_t start = set->label_count;
    if (!status)
        status = add_labels(set, key, labels, label_count, error);
    if (status)
        return status;
    if (!(set->keys[set->count] = tw_strdup(key)))
        return tw_fail_memory(error, strlen(key), "a key");
    memcpy(set->embeddings + set->count * width, embedding, width * sizeof(float));
    set->starts[set->count] = start;
    set->starts[++set->count] = set->label_count;
    set->has_unlabelled |= label_count == 0;
    return TW_OK;
}

void tw_example_set_release(struct tw_example_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        tw_free(set->keys[i]);
    tw_free(set->keys);
    tw_free(set->embeddings);
    tw_free(set->labels);
    tw_free(set->starts);
    *set = (struct tw_example_set){0};
}

struct tw_examples tw_example_set_view(const struct tw_example_set *set)
{
    return (struct tw_examples){
        .embeddings = set->embeddings,
        .count = set->count,
        .width = set->width,
        .keys = (const char *const *)set->keys,
        .labels = set->labels,
        .label_starts = set->starts,
    };
}

static int compare_contents(const struct tw_example_set *set, size_t left, size_t right)
{
    int order =
        memcmp(set->embeddings + left * set->width, set->embeddings + right * set->width, set->width * sizeof(float));
    size_t left_count = set->starts[left + 1] - set->starts[left],
           right_count = set->starts[right + 1] - set->starts[right];
    if (order || left_count != right_count)
        return order ? order : left_count < right_count ? -1 : 1;
    return left_count
               ? memcmp(set->labels + set->starts[left], set->labels + set->starts[right], left_count * sizeof(int64_t))
               : 0;
}

static int compare_by_content(const void *a, const void *b, void *context)
{
    const struct tw_example_set *set = context;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    int order = compare_contents(set, left, right);
    return order ? order : strcmp(set->keys[left], set->keys[right]);
}

static int compare_by_key(const void *a, const void *b, void *context)
{
    const struct tw_example_set *set = context;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    int order = strcmp(set->keys[left], set->keys[right]);
    return order ? order : compare_contents(set, left, right);
}

/* Rearranges rows of embeddings along the permutation's cycles, in place: there may be gigabytes of them. */
static void permute_rows(struct tw_example_set *set, const size_t *order, float *row, bool *is_placed)
{
    size_t size = set->width * sizeof(float);
    for (size_t start = 0; start < set->count; start++) {
        if (is_placed[start])
            continue;
        memcpy(row, set->embeddings + start * set->width, size);
        size_t at = start;
        while (!is_placed[at]) {
            is_placed[at] = true;
            const float *from = order[at] == start ? row : set->embeddings + order[at] * set->width;
            memcpy(set->embeddings + at * set->width, from, size);
            at = order[at];
        }
    }
}

enum tw_status tw_example_set_sort(struct tw_example_set *set, enum tw_row_order rows, struct tw_error *error)
{
    if (set->count < 2)
        return TW_OK;
    size_t *order = tw_alloc(set->count, sizeof *order), *starts = tw_alloc(set->count + 1, sizeof *starts);
    char **keys = tw_alloc(set->count, sizeof *keys);
    int64_t *labels = tw_alloc(set->label_count, sizeof *labels);
    float *row = tw_alloc(set->width, sizeof *row);
    bool *is_placed = tw_alloc(set->count, sizeof *is_placed);
    enum tw_status status = TW_OK;
    if (!order || !starts || !keys || !labels || !row || !is_placed) {
        status = tw_fail_memory(error, set->count * 32, "sorting the records");
        tw_free(starts);
        tw_free(keys);
        tw_free(labels);
        goto done;
    }
    for (size_t i = 0; i < set->count; i++)
        order[i] = i;
    qsort_r(order, set->count, sizeof *order, rows == TW_ROWS_BY_KEY ? compare_by_key : compare_by_content, set);
    for (size_t i = 0; i < set->count; i++) {
        size_t from = order[i], count = set->starts[from + 1] - set->starts[from];
        keys[i] = set->keys[from];
        starts[i + 1] = starts[i] + count;
        if (count)
            memcpy(labels + starts[i], set->labels + set->starts[from], count * sizeof *labels);
    }
    permute_rows(set, order, row, is_placed);
    tw_free(set->keys);
    tw_free(set->starts);
    tw_free(set->labels);
    set->keys = keys;
    set->key_capacity = set->count;
    set->starts = starts;
    set->start_capacity = set->count + 1;
    set->labels = labels;
    set->label_capacity = set->label_count;
done:
    tw_free(order);
    tw_free(row);
    tw_free(is_placed);
    return status;
}

enum tw_status tw_example_set_digest(const struct tw_example_set *set, struct tw_digest *digest, struct tw_error *error)
{
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    for (size_t i = 0; i < set->count; i++) {
        uint64_t count = set->starts[i + 1] - set->starts[i];
        tw_hasher_add(hasher, &count, sizeof count);
        tw_hasher_add(hasher, set->labels + set->starts[i], count * sizeof *set->labels);
        tw_hasher_add(hasher, set->embeddings + i * set->width, set->width * sizeof(float));
    }
    tw_hasher_finish(hasher, digest);
    tw_hasher_free(hasher);
    return TW_OK;
}

static enum tw_status check_shard(const struct tw_record_file *file, struct tw_error *error)
{
    if (!file->has_digest)
        return TW_OK;
    struct tw_mapping mapping = {0};
    struct tw_digest digest;
    enum tw_status status = tw_storage_map(file->uri, &mapping, error);
    if (!status)
        status = tw_digest_of(mapping.bytes, &digest, error);
    if (!status && !tw_digest_equal(&digest, &file->digest))
        status = tw_fail(error, TW_CORRUPT, "%s is not the shard that its manifest names: the bytes differ", file->uri);
    tw_mapping_release(&mapping);
    return status;
}

static enum tw_status read_file(const struct tw_record_file *file, struct tw_example_set *set, struct tw_error *error)
{
    struct tw_record_reader *reader = NULL;
    struct tw_example example = {0};
    enum tw_status status = check_shard(file, error);
    if (!status)
        status = tw_record_reader_open(file->uri, &tw_record_limits_default, &reader, error);
    bool has_record = true;
    for (size_t i = 0; !status; i++) {
        struct tw_span record;
        status = tw_record_reader_next(reader, &record, &has_record, error);
        if (status || !has_record)
            break;
        status = tw_example_parse(record, &example, error);
        if (status) {
            status = tw_fail_within(error, status, "%s, record %zu", file->uri, i);
            break;
        }
        status = tw_example_set_add(set, example.image_uri, example.embedding, example.embedding_size, example.labels,
                                    example.label_count, error);
    }
    tw_example_release(&example);
    tw_record_reader_free(reader);
    return status;
}

enum tw_status tw_example_set_from_records(const struct tw_input *input, double eval_share,
                                           struct tw_example_set *train, struct tw_example_set *eval,
                                           struct tw_error *error)
{
    enum tw_status status = TW_OK;
    bool has_sides = false;
    for (size_t i = 0; i < input->file_count && !status; i++) {
        const struct tw_record_file *file = &input->files[i];
        has_sides |= file->is_eval;
        status = read_file(file, file->is_eval && eval ? eval : train, error);
    }
    if (!status && train->count == 0 && (!eval || eval->count == 0))
        status =
            tw_fail(error, TW_CORRUPT, "%s holds no record", input->file_count ? input->files[0].uri : "the input");
    if (!status && eval && !has_sides && eval_share > 0)
        status = tw_example_set_split(train, eval_share, eval, error);
    if (!status)
        status = tw_example_set_sort(train, TW_ROWS_BY_CONTENT, error);
    if (!status && eval)
        status = tw_example_set_sort(eval, TW_ROWS_BY_KEY, error);
    return status;
}

enum tw_status tw_example_set_from_items(const struct tw_dataset *dataset, enum tw_side side,
                                         struct tw_embedding_store *store, struct tw_example_set *set,
                                         struct tw_error *error)
{
    struct tw_buffer scratch = {0};
    float *values = tw_alloc(store->embedding_size, sizeof *values);
    enum tw_status status =
        values ? TW_OK : tw_fail_memory(error, store->embedding_size * sizeof *values, "an embedding");
    for (size_t i = 0; i < dataset->count && !status; i++) {
        const struct tw_item *item = &dataset->items[i];
        if (item->status != TW_ITEM_OK || item->side != side)
            continue;
        status = tw_embedding_load(store, item, &scratch, values, error);
        if (!status)
            status = tw_example_set_add(set, item->uri, values, store->embedding_size, item->labels, item->label_count,
                                        error);
    }
    tw_free(values);
    tw_buffer_release(&scratch);
    enum tw_row_order order = side == TW_SIDE_EVAL ? TW_ROWS_BY_KEY : TW_ROWS_BY_CONTENT;
    return status ? status : tw_example_set_sort(set, order, error);
}
