#include "tasks/kept_examples.h"

#include "base/csv.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage/storage.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_BYTES = 8, MOST_CSV_BYTES = 1 << 30 };

static enum tw_status read_rows(const char *folder, const struct tw_task_options *task, struct tw_example_set *set,
                                struct tw_kept_examples *kept, struct tw_error *error)
{
    struct tw_input input = {0};
    enum tw_status status = tw_input_classify(&folder, 1, &input, error);
    if (!status && !input.has_records)
        status = tw_fail(error, TW_NOT_FOUND, "%s holds no records", folder);
    if (!status)
        status = tw_example_set_from_records(&input, 0, task, set, NULL, error);
    if (!status && input.manifest && !kept->has_manifest) {
        kept->manifest = input.manifest_storage;
        kept->has_manifest = true;
        input.manifest_storage = (struct tw_manifest){0};
    }
    tw_input_release(&input);
    return status;
}

/* Where the file's hash is not known, one that tells uri and embedding apart stands for it. */
static enum tw_status stand_in(const struct tw_example_set *set, size_t row, struct tw_digest *content,
                               struct tw_error *error)
{
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    tw_hasher_add_text(hasher, "photo without a known hash");
    tw_hasher_add_text(hasher, set->keys[row]);
    tw_hasher_add(hasher, set->embeddings + row * set->width, set->width * sizeof(float));
    tw_hasher_finish(hasher, content);
    tw_hasher_free(hasher);
    return TW_OK;
}

static enum tw_status read_photo(const struct tw_csv *csv, const struct tw_example_set *set, size_t row,
                                 struct tw_kept_photo *photo, struct tw_error *error)
{
    int64_t width, height;
    if (csv->cell_count != 5 || strcmp(tw_csv_cell(csv, 0), set->keys[row]) != 0)
        return tw_fail(error, TW_CORRUPT, "it does not name record %zu (%s)", row, set->keys[row]);
    if (!tw_parse_int64(tw_csv_cell(csv, 3), 0, INT32_MAX, &width) ||
        !tw_parse_int64(tw_csv_cell(csv, 4), 0, INT32_MAX, &height))
        return tw_fail(error, TW_CORRUPT, "a size is no number");
    photo->width = (int)width;
    photo->height = (int)height;
    if (*tw_csv_cell(csv, 2) == 0)
        return stand_in(set, row, &photo->content, error);
    return tw_digest_parse(tw_csv_cell(csv, 2), &photo->content)
               ? TW_OK
               : tw_fail(error, TW_CORRUPT, "a content is not 64 hex digits");
}

static enum tw_status read_photos(const char *path, struct tw_kept_examples *kept, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_csv csv = {0};
    bool has_row = false;
    size_t count = kept->train.count + kept->eval.count;
    kept->photos = tw_alloc(count + 1, sizeof *kept->photos);
    enum tw_status status = kept->photos ? tw_storage_read(path, MOST_CSV_BYTES, &text, error)
                                         : tw_fail_memory(error, count * sizeof *kept->photos, "the photos");
    tw_csv_init(&csv, tw_buffer_span(&text));
    if (!status)
        status = tw_csv_next(&csv, &has_row, error); /* the names of the columns */
    for (size_t i = 0; i < count && !status; i++) {
        bool is_eval = i >= kept->train.count;
        status = tw_csv_next(&csv, &has_row, error);
        if (!status && !has_row)
            status = tw_fail(error, TW_CORRUPT, "it has %zu rows, the records are %zu", i, count);
        if (!status)
            status = read_photo(&csv, is_eval ? &kept->eval : &kept->train, is_eval ? i - kept->train.count : i,
                                &kept->photos[i], error);
    }
    if (status && status != TW_NO_MEMORY)
        status = tw_fail_within(error, status, "%s, line %zu", path, csv.line);
    tw_csv_release(&csv);
    tw_buffer_release(&text);
    return status;
}

struct named {
    const char *uri;
    size_t row;
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->uri, ((const struct named *)b)->uri);
}

/* Where in the buffer a row's picture lies: spans are made when it grows no more. */
struct place {
    size_t row, at, size;
};
struct gathering {
    struct tw_kept_examples *kept;
    struct named *rows; /* sorted */
    size_t row_count;
    struct place *places;
    size_t place_count;
};

static enum tw_status take_thumbnail(void *context, struct tw_span uri, struct tw_span jpeg, struct tw_error *error)
{
    struct gathering *g = context;
    enum tw_status status = TW_OK;
    char *name = tw_strndup((const char *)uri.data, uri.size);
    if (!name)
        return tw_fail_memory(error, uri.size, "a uri");
    const struct named wanted = {.uri = name};
    const struct named *found = bsearch(&wanted, g->rows, g->row_count, sizeof *g->rows, compare_named);
    if (found && g->place_count < g->row_count) {
        g->places[g->place_count++] = (struct place){found->row, g->kept->thumbnails.size, jpeg.size};
        status = tw_buffer_append(&g->kept->thumbnails, jpeg.data, jpeg.size, error);
    }
    tw_free(name);
    return status;
}

static enum tw_status gather_thumbnails(const char *run, struct tw_kept_examples *kept, struct tw_error *error)
{
    static const char *const folders[] = {"examples", "examples/held-out"};
    struct gathering g = {.kept = kept, .row_count = kept->train.count + kept->eval.count};
    g.rows = tw_alloc(g.row_count + 1, sizeof *g.rows);
    g.places = tw_alloc(g.row_count + 1, sizeof *g.places);
    enum tw_status status = g.rows && g.places ? TW_OK : tw_fail_memory(error, g.row_count, "thumbnails");
    for (size_t i = 0; i < g.row_count && !status; i++)
        g.rows[i] =
            (struct named){i < kept->train.count ? kept->train.keys[i] : kept->eval.keys[i - kept->train.count], i};
    if (!status)
        qsort(g.rows, g.row_count, sizeof *g.rows, compare_named);
    for (size_t i = 0; i < 2 && !status; i++) {
        char *folder = tw_uri_join(run, folders[i]);
        status = folder ? tw_examples_thumbnails_read(folder, take_thumbnail, &g, error)
                        : tw_fail_memory(error, 1, "a path");
        tw_free(folder);
    }
    for (size_t i = 0; i < g.place_count && !status; i++)
        kept->photos[g.places[i].row].thumbnail = tw_span_of(kept->thumbnails.data + g.places[i].at, g.places[i].size);
    tw_free(g.rows);
    tw_free(g.places);
    return status;
}

static int compare_contents(const void *a, const void *b, void *context)
{
    const struct tw_kept_photo *photos = context;
    return memcmp(photos[*(const size_t *)a].content.bytes, photos[*(const size_t *)b].content.bytes, TW_DIGEST_BYTES);
}

static enum tw_status sort_contents(struct tw_kept_examples *kept, struct tw_error *error)
{
    size_t count = kept->train.count + kept->eval.count;
    kept->order = tw_alloc(count + 1, sizeof *kept->order);
    if (!kept->order)
        return tw_fail_memory(error, count * sizeof *kept->order, "the photos");
    for (size_t i = 0; i < count; i++)
        kept->order[i] = i;
    qsort_r(kept->order, count, sizeof *kept->order, compare_contents, kept->photos);
    return TW_OK;
}

/* The first of its rows; NULL: none has that content. */
static const size_t *find_row(const struct tw_kept_examples *kept, const struct tw_digest *content)
{
    size_t low = 0, high = kept->order ? kept->train.count + kept->eval.count : 0, count = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(kept->photos[kept->order[middle]].content.bytes, content->bytes, TW_DIGEST_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < count && tw_digest_equal(&kept->photos[kept->order[low]].content, content);
    return is_found ? &kept->order[low] : NULL;
}

static bool find_embedding(const void *context, const struct tw_digest *content, struct tw_buffer *payload)
{
    const struct tw_kept_examples *kept = context;
    const size_t *row = find_row(kept, content);
    if (!row)
        return false;
    bool is_eval = *row >= kept->train.count;
    const struct tw_example_set *set = is_eval ? &kept->eval : &kept->train;
    size_t size = set->width * sizeof(float), at = is_eval ? *row - kept->train.count : *row;
    if (!payload)
        return true;
    tw_buffer_clear(payload);
    if (tw_buffer_reserve(payload, SIZE_BYTES + size, NULL))
        return false;
    tw_store_u32le(payload->data, (uint32_t)kept->photos[*row].width);
    tw_store_u32le(payload->data + 4, (uint32_t)kept->photos[*row].height);
    memcpy(payload->data + SIZE_BYTES, set->embeddings + at * set->width, size);
    payload->size = SIZE_BYTES + size;
    return true;
}

static bool find_thumbnail(const void *context, const struct tw_digest *content, struct tw_buffer *jpeg)
{
    const struct tw_kept_examples *kept = context;
    const size_t *row = find_row(kept, content);
    if (!row || kept->photos[*row].thumbnail.size == 0)
        return false;
    tw_buffer_clear(jpeg);
    return !tw_buffer_append(jpeg, kept->photos[*row].thumbnail.data, kept->photos[*row].thumbnail.size, NULL);
}

struct tw_embedding_source tw_kept_examples_source(const struct tw_kept_examples *kept)
{
    return (struct tw_embedding_source){kept, find_embedding, find_thumbnail};
}

static enum tw_status read_all(const char *run, const char *folder, const struct tw_task_options *task,
                               struct tw_kept_examples *kept, struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    char *held_out = tw_uri_join(folder, "held-out"), *photos = tw_uri_join(folder, "photos.csv");
    enum tw_status status = held_out && photos ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = read_rows(folder, task, &kept->train, kept, error);
    if (!status)
        status = tw_storage_kind(held_out, &kind, &size, error);
    if (!status && kind == TW_ENTRY_FOLDER) {
        struct tw_listing listing = {0};
        status = tw_storage_list(held_out, &listing, error);
        if (!status && listing.count)
            status = read_rows(held_out, task, &kept->eval, kept, error);
        tw_listing_release(&listing);
    }
    if (!status)
        status = tw_example_set_sort(&kept->eval, TW_ROWS_BY_KEY, error);
    if (!status)
        status = tw_storage_kind(photos, &kind, &size, error);
    if (!status && kind == TW_ENTRY_FILE) {
        status = read_photos(photos, kept, error);
        if (!status)
            status = gather_thumbnails(run, kept, error);
        if (!status)
            status = sort_contents(kept, error);
    }
    tw_free(held_out);
    tw_free(photos);
    return status;
}

enum tw_status tw_kept_examples_read(const char *run, const struct tw_task_options *task, struct tw_kept_examples *kept,
                                     struct tw_error *error)
{
    char *folder = tw_uri_join(run, "examples");
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    enum tw_status status = folder ? tw_storage_kind(folder, &kind, &size, error) : tw_fail_memory(error, 1, "a path");
    if (!status && kind != TW_ENTRY_FOLDER)
        status = tw_fail(error, TW_NOT_FOUND, "%s has no folder examples/ with its embeddings", run);
    if (!status)
        status = read_all(run, folder, task, kept, error);
    tw_free(folder);
    if (status)
        tw_kept_examples_release(kept);
    return status;
}

void tw_kept_examples_release(struct tw_kept_examples *kept)
{
    tw_example_set_release(&kept->train);
    tw_example_set_release(&kept->eval);
    tw_manifest_release(&kept->manifest);
    tw_free(kept->photos);
    tw_free(kept->order);
    tw_buffer_release(&kept->thumbnails);
    *kept = (struct tw_kept_examples){0};
}
