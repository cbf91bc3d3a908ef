/* What a person decided about photos: a CSV with the columns uri and new_label (others are for people). An empty new_label
 * leaves the photo as it is, "-" leaves it out, any other text is its label from now on. A photo that is not in the input but
 * lies beside the CSV, as a server collects them, is added under its label. */
#include "base/csv.h"
#include "base/memory.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CSV_BYTES = 1 << 30 };

struct place {
    const char *name; /* an item's uri, or its file's normal path */
    size_t item;
};

struct index {
    struct place *places; /* sorted by name, then item */
    size_t count;
    char **paths;
};

struct columns {
    size_t uri, new_label;
};

struct tally {
    size_t relabelled, left_out, added, unmatched;
};

static int compare(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->item > right->item) - (left->item < right->item);
}

static void release(struct index *index, size_t items)
{
    for (size_t i = 0; index->paths != NULL && i < items; i++)
        tw_free(index->paths[i]);
    tw_free(index->paths);
    tw_free(index->places);
}

static enum tw_status build(const struct tw_dataset *dataset, struct index *index, struct tw_error *error)
{
    index->places = tw_alloc(2 * dataset->count + 1, sizeof *index->places);
    index->paths = tw_alloc(dataset->count + 1, sizeof *index->paths);
    if (index->places == NULL || index->paths == NULL)
        return tw_fail_memory(error, 2 * dataset->count * sizeof *index->places, "corrections");
    for (size_t i = 0; i < dataset->count; i++) {
        const struct tw_item *item = &dataset->items[i];
        index->paths[i] = tw_uri_normal(item->location);
        index->places[index->count++] = (struct place){item->uri, i};
        if (index->paths[i] != NULL && strcmp(index->paths[i], item->uri) != 0)
            index->places[index->count++] = (struct place){index->paths[i], i};
    }
    qsort(index->places, index->count, sizeof *index->places, compare);
    return TW_OK;
}

/* The first place of that name, or NULL. */
static const struct place *find(const struct index *index, const char *name)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->places[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->count && strcmp(index->places[low].name, name) == 0 ? &index->places[low] : NULL;
}

static enum tw_status correct_item(struct tw_lister *lister, struct tw_item *item, const char *new_label,
                                   struct tally *tally, struct tw_error *error)
{
    if (strcmp(new_label, "-") == 0) {
        tally->left_out++;
        item->cause = TW_SKIP_CORRECTION;
        return tw_item_skip(item, "left out by the corrections", error);
    }
    size_t id;
    if (lister->has_fixed_labels && !tw_labels_find(&lister->dataset->labels, new_label, &id))
        return tw_fail(error, TW_INVALID, "%s is none of the %zu labels", new_label, lister->dataset->labels.count);
    tw_free(item->labels);
    item->labels = NULL;
    item->label_count = 0;
    if (item->status == TW_ITEM_OK) {
        tw_free(item->reason);
        item->reason = NULL;
    }
    tally->relabelled++;
    item->is_corrected = true;
    return tw_lister_label(lister, item, new_label, error);
}

/* Without the apostrophe that keeps a spreadsheet from running a cell (tw_csv_put's guard). */
static const char *unguarded(const char *cell)
{
    return cell[0] == '\'' && cell[1] != 0 && strchr("=+-@\t\r", cell[1]) != NULL ? cell + 1 : cell;
}

/* A photo of the CSV's own folder, which the input does not hold. */
static enum tw_status add_photo(struct tw_lister *lister, const char *path, const char *new_label, struct tally *tally,
                                struct tw_error *error)
{
    enum tw_entry_kind kind;
    uint64_t size;
    struct tw_item *item;
    enum tw_status status = tw_storage_kind(path, &kind, &size, error);
    if (status == TW_OK && (kind != TW_ENTRY_FILE || strcmp(new_label, "-") == 0)) {
        tally->unmatched++;
        return TW_OK;
    }
    if (status == TW_OK)
        status = tw_dataset_add(lister->dataset, path, path, &item, error);
    if (status == TW_OK)
        status = correct_item(lister, item, new_label, tally, error);
    if (status == TW_OK)
        tally->relabelled--, tally->added++;
    return status;
}

static enum tw_status correct_row(struct tw_lister *lister, const struct index *index, const char *folder,
                                  const char *uri, const char *new_label, struct tally *tally, struct tw_error *error)
{
    const struct place *place = find(index, uri);
    if (place == NULL)
        place = find(index, uri = unguarded(uri));
    if (place == NULL) {
        char *joined = tw_uri_join(folder, uri), *path = joined != NULL ? tw_uri_normal(joined) : NULL;
        place = path != NULL ? find(index, path) : NULL;
        enum tw_status added = TW_OK;
        if (place == NULL)
            added =
                path != NULL ? add_photo(lister, path, new_label, tally, error) : tw_fail_memory(error, 1, "a path");
        tw_free(joined);
        tw_free(path);
        if (place == NULL)
            return added;
    }
    enum tw_status status = TW_OK;
    for (const char *name = place->name;
         status == TW_OK && place < index->places + index->count && strcmp(place->name, name) == 0; place++)
        status = correct_item(lister, &lister->dataset->items[place->item], new_label, tally, error);
    return status;
}

static enum tw_status find_columns(const struct tw_csv *csv, struct columns *columns, struct tw_error *error)
{
    bool has_uri = false, has_label = false;
    for (size_t i = 0; i < csv->cell_count; i++) {
        if (strcmp(tw_csv_cell(csv, i), "uri") == 0)
            columns->uri = i, has_uri = true;
        else if (strcmp(tw_csv_cell(csv, i), "new_label") == 0)
            columns->new_label = i, has_label = true;
    }
    if (has_uri && has_label)
        return TW_OK;
    return tw_fail(error, TW_CORRUPT, "its first line does not name the columns uri and new_label");
}

static enum tw_status correct_rows(struct tw_lister *lister, struct tw_csv *csv, const struct index *index,
                                   const char *folder, struct tally *tally, struct tw_error *error)
{
    struct columns columns = {0};
    bool has_row = false;
    enum tw_status status = tw_csv_next(csv, &has_row, error);
    if (status == TW_OK)
        status = find_columns(csv, &columns, error);
    while (status == TW_OK && (status = tw_csv_next(csv, &has_row, error)) == TW_OK && has_row) {
        size_t last = columns.uri > columns.new_label ? columns.uri : columns.new_label;
        if (csv->cell_count <= last || *tw_csv_cell(csv, columns.new_label) == 0)
            continue;
        status = correct_row(lister, index, folder, tw_csv_cell(csv, columns.uri),
                             unguarded(tw_csv_cell(csv, columns.new_label)), tally, error);
        if (status != TW_OK)
            return tw_fail_within(error, status, "line %zu", csv->line);
    }
    return status;
}

/* One file's rows, counted into the tally. */
static enum tw_status correct_by(struct tw_lister *lister, const char *uri, struct tally *tally, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_csv csv = {0};
    struct index index = {0};
    char *folder = tw_csv_folder(uri);
    size_t listed = lister->dataset->count;
    enum tw_status status =
        folder != NULL ? tw_storage_read(uri, MAX_CSV_BYTES, &text, error) : tw_fail_memory(error, 1, "a path");
    tw_csv_init(&csv, tw_buffer_span(&text));
    if (status == TW_OK)
        status = build(lister->dataset, &index, error);
    if (status == TW_OK && (status = correct_rows(lister, &csv, &index, folder, tally, error)) != TW_OK)
        status = tw_fail_within(error, status, "corrections %s", uri);
    release(&index, listed);
    tw_csv_release(&csv);
    tw_buffer_release(&text);
    tw_free(folder);
    return status;
}

/* What `check -o` wrote: those of its two files that are there. */
static enum tw_status correct_by_folder(struct tw_lister *lister, const char *folder, struct tally *tally,
                                        struct tw_error *error)
{
    static const char *const names[] = {"quarantine.csv", "corrections.csv"};
    enum tw_status status = TW_OK;
    size_t found = 0;
    for (size_t i = 0; i < 2 && status == TW_OK; i++) {
        enum tw_entry_kind kind = TW_ENTRY_MISSING;
        uint64_t size;
        char *path = tw_uri_join(folder, names[i]);
        status = path != NULL ? tw_storage_kind(path, &kind, &size, error) : tw_fail_memory(error, 1, "a path");
        if (status == TW_OK && kind == TW_ENTRY_FILE) {
            found++;
            status = correct_by(lister, path, tally, error);
        }
        tw_free(path);
    }
    if (status == TW_OK && found == 0)
        status = tw_fail(error, TW_NOT_FOUND, "%s holds neither quarantine.csv nor corrections.csv", folder);
    return status;
}

enum tw_status tw_lister_correct(struct tw_lister *lister, const char *uri, struct tw_error *error)
{
    struct tally tally = {0};
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    enum tw_status status = tw_storage_kind(uri, &kind, &size, error);
    if (status == TW_OK)
        status = kind == TW_ENTRY_FOLDER ? correct_by_folder(lister, uri, &tally, error)
                                         : correct_by(lister, uri, &tally, error);
    if (status == TW_OK)
        tw_log(lister->options->sink, TW_LOG_INFO,
               "corrections: %zu photos relabelled, %zu left out, %zu added; %zu rows name photos that are nowhere",
               tally.relabelled, tally.left_out, tally.added, tally.unmatched);
    return status;
}
