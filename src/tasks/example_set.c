#include "tasks/example_set.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Embeddings beyond MOST_HEAP_BYTES lie in a file, which grows by an eighth, in whole STEP_BYTES. */
enum { MOST_CLASSES = 1000000, MOST_HEAP_BYTES = 64 << 20, STEP_BYTES = 64 << 20 };

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

enum tw_status tw_example_row_digest(const struct tw_example_row *row, struct tw_digest *digest, struct tw_error *error)
{
    struct tw_hasher *hasher;
    uint64_t label_count = row->label_count;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    tw_hasher_add(hasher, &label_count, sizeof label_count);
    tw_hasher_add(hasher, row->labels, row->label_count * sizeof *row->labels);
    tw_hasher_add(hasher, row->embedding, row->width * sizeof *row->embedding);
    tw_hasher_finish(hasher, digest);
    tw_hasher_free(hasher);
    return TW_OK;
}

/* Out of the heap into a file. */
static enum tw_status make_room_in_file(struct tw_example_set *set, size_t size, struct tw_error *error)
{
    bool is_first = set->scratch.size_bytes == 0;
    size_t wanted = (size + size / 8 + STEP_BYTES) / STEP_BYTES * STEP_BYTES;
    char *cache = set->scratch_folder || !is_first ? NULL : tw_cache_folder();
    const char *folder = set->scratch_folder ? set->scratch_folder : cache ? cache : "/var/tmp";
    enum tw_status status = cache ? tw_storage_make_folders(cache, error) : TW_OK;
    if (!status)
        status = tw_scratch_grow(&set->scratch, folder, wanted, error);
    tw_free(cache);
    if (status)
        return status;
    if (is_first && set->count) {
        memcpy(set->scratch.base, set->embeddings, set->count * set->width * sizeof(float));
        tw_free(set->embeddings);
    }
    set->embeddings = set->scratch.base;
    return TW_OK;
}

static enum tw_status make_room(struct tw_example_set *set, size_t width, struct tw_error *error)
{
    size_t rows = set->count + 1;
    if (rows > SIZE_MAX / 2 / sizeof(float) / width)
        return tw_fail_memory(error, SIZE_MAX, "embeddings");
    size_t size = rows * width * sizeof(float);
    enum tw_status status = TW_OK;
    if (set->scratch.size_bytes == 0 && size <= MOST_HEAP_BYTES)
        status =
            tw_grow((void **)&set->embeddings, &set->embedding_capacity, size / sizeof(float), sizeof(float), error);
    else if (size > set->scratch.size_bytes)
        status = make_room_in_file(set, size, error);
    if (!status)
        status = tw_grow((void **)&set->digests, &set->digest_capacity, rows, sizeof *set->digests, error);
    if (!status)
        status = tw_grow((void **)&set->clusters, &set->cluster_capacity, rows, sizeof *set->clusters, error);
    if (!status)
        status = tw_grow((void **)&set->keys, &set->key_capacity, rows, sizeof *set->keys, error);
    return status ? status : tw_grow((void **)&set->starts, &set->start_capacity, rows + 1, sizeof *set->starts, error);
}

enum tw_status tw_example_set_add(struct tw_example_set *set, const struct tw_example_row *row, struct tw_error *error)
{
    struct tw_digest digest;
    if (set->count == 0) {
        set->width = row->width;
        set->greatest_label = -1;
    }
    if (row->width != set->width)
        return tw_fail(
            error, TW_CONFLICT,
            "record %s has an embedding of %zu values, those before it have %zu: records of two backbones are mixed",
            row->key, row->width, set->width);
    enum tw_status status = row->digest ? TW_OK : tw_example_row_digest(row, &digest, error);
    if (!status)
        status = make_room(set, row->width, error);
    size_t start = set->label_count;
    if (!status)
        status = add_labels(set, row->key, row->labels, row->label_count, error);
    if (status)
        return status;
    if (!(set->keys[set->count] = tw_strdup(row->key)))
        return tw_fail_memory(error, strlen(row->key), "a key");
    memcpy(set->embeddings + set->count * set->width, row->embedding, set->width * sizeof(float));
    set->digests[set->count] = row->digest ? *row->digest : digest;
    set->clusters[set->count] = row->cluster;
    set->starts[set->count] = start;
    set->starts[++set->count] = set->label_count;
    set->has_unlabelled |= row->label_count == 0;
    return TW_OK;
}

struct tw_example_row tw_example_set_row(const struct tw_example_set *set, size_t row)
{
    size_t first = set->starts[row];
    return (struct tw_example_row){
        .key = set->keys[row],
        .embedding = set->embeddings + row * set->width,
        .width = set->width,
        .labels = set->labels + first,
        .label_count = set->starts[row + 1] - first,
        .cluster = set->clusters[row],
        .digest = &set->digests[row],
    };
}

void tw_example_set_release(struct tw_example_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        tw_free(set->keys[i]);
    tw_free(set->keys);
    if (set->scratch.size_bytes == 0)
        tw_free(set->embeddings);
    tw_scratch_release(&set->scratch);
    tw_free(set->digests);
    tw_free(set->clusters);
    tw_free(set->groups);
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
        .groups = set->groups,
    };
}

static int compare_by_content(const void *a, const void *b, void *context)
{
    const struct tw_example_set *set = context;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    int order = memcmp(&set->digests[left], &set->digests[right], TW_DIGEST_BYTES);
    return order ? order : strcmp(set->keys[left], set->keys[right]);
}

static int compare_by_key(const void *a, const void *b, void *context)
{
    const struct tw_example_set *set = context;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    int order = strcmp(set->keys[left], set->keys[right]);
    return order ? order : memcmp(&set->digests[left], &set->digests[right], TW_DIGEST_BYTES);
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

/* All but the embeddings in their new order, as arrays of their own. */
static enum tw_status reorder(struct tw_example_set *set, const size_t *order, struct tw_error *error)
{
    size_t *starts = tw_alloc(set->count + 1, sizeof *starts);
    struct tw_digest *digests = tw_alloc(set->count, sizeof *digests);
    size_t *clusters = tw_alloc(set->count, sizeof *clusters);
    char **keys = tw_alloc(set->count, sizeof *keys);
    int64_t *labels = tw_alloc(set->label_count + 1, sizeof *labels);
    if (!starts || !digests || !clusters || !keys || !labels) {
        tw_free(starts);
        tw_free(clusters);
        tw_free(digests);
        tw_free(keys);
        tw_free(labels);
        return tw_fail_memory(error, set->count * sizeof *digests, "sorting the records");
    }
    for (size_t i = 0; i < set->count; i++) {
        size_t from = order[i], count = set->starts[from + 1] - set->starts[from];
        keys[i] = set->keys[from];
        digests[i] = set->digests[from];
        clusters[i] = set->clusters[from];
        starts[i + 1] = starts[i] + count;
        if (count)
            memcpy(labels + starts[i], set->labels + set->starts[from], count * sizeof *labels);
    }
    tw_free(set->keys);
    tw_free(set->digests);
    tw_free(set->clusters);
    tw_free(set->starts);
    tw_free(set->labels);
    set->keys = keys;
    set->digests = digests;
    set->clusters = clusters;
    set->key_capacity = set->digest_capacity = set->cluster_capacity = set->count;
    set->starts = starts;
    set->start_capacity = set->count + 1;
    set->labels = labels;
    set->label_capacity = set->label_count + 1;
    return TW_OK;
}

static int compare_clusters(const void *a, const void *b, void *context)
{
    const struct tw_example_set *set = context;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    if (set->clusters[left] != set->clusters[right])
        return set->clusters[left] < set->clusters[right] ? -1 : 1;
    return (left > right) - (left < right);
}

/* A row's group is the first row of its cluster. `order` is room for as many numbers as there are rows. */
static enum tw_status find_groups(struct tw_example_set *set, size_t *order, struct tw_error *error)
{
    size_t clustered = 0;
    tw_free(set->groups);
    set->groups = NULL;
    for (size_t i = 0; i < set->count; i++) {
        if (set->clusters[i])
            order[clustered++] = i;
    }
    if (clustered == 0)
        return TW_OK;
    set->groups = tw_alloc(set->count, sizeof *set->groups);
    if (!set->groups)
        return tw_fail_memory(error, set->count * sizeof *set->groups, "groups of rows");
    for (size_t i = 0; i < set->count; i++)
        set->groups[i] = i;
    qsort_r(order, clustered, sizeof *order, compare_clusters, set);
    for (size_t i = 1; i < clustered; i++) {
        if (set->clusters[order[i]] == set->clusters[order[i - 1]])
            set->groups[order[i]] = set->groups[order[i - 1]];
    }
    return TW_OK;
}

enum tw_status tw_example_set_sort(struct tw_example_set *set, enum tw_row_order rows, struct tw_error *error)
{
    if (set->count < 2)
        return TW_OK;
    size_t *order = tw_alloc(set->count, sizeof *order);
    float *row = tw_alloc(set->width, sizeof *row);
    bool *is_placed = tw_alloc(set->count, sizeof *is_placed);
    enum tw_status status =
        order && row && is_placed ? TW_OK : tw_fail_memory(error, set->count * 9, "sorting the records");
    for (size_t i = 0; i < set->count && !status; i++)
        order[i] = i;
    if (!status) {
        qsort_r(order, set->count, sizeof *order, rows == TW_ROWS_BY_KEY ? compare_by_key : compare_by_content, set);
        status = reorder(set, order, error);
    }
    if (!status)
        permute_rows(set, order, row, is_placed);
    if (!status)
        status = find_groups(set, order, error);
    tw_free(order);
    tw_free(row);
    tw_free(is_placed);
    return status;
}

enum tw_status tw_example_set_digest(const struct tw_example_set *set, struct tw_digest *digest, struct tw_error *error)
{
    return tw_digest_of(tw_span_of(set->digests, set->count * sizeof *set->digests), digest, error);
}
