#include "base/csv.h"
#include "base/memory.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <string.h>
#include <strings.h>

enum { MAX_CSV_BYTES = 1 << 30 };

char *tw_csv_folder(const char *uri)
{
    const char *slash = strrchr(uri, '/');
    if (slash == NULL)
        return tw_strdup("");
    return tw_strndup(uri, slash == uri ? 1 : (size_t)(slash - uri));
}

static bool is_header(const struct tw_csv *csv)
{
    const char *first = tw_csv_cell(csv, 0);
    bool names_photos = strcasecmp(first, "uri") == 0 || strcasecmp(first, "image_uri") == 0 ||
                        strcasecmp(first, "path") == 0 || strcasecmp(first, "file") == 0;
    return names_photos && (csv->cell_count < 2 || strncasecmp(tw_csv_cell(csv, 1), "label", 5) == 0);
}

static enum tw_status add_row(struct tw_lister *lister, const struct tw_csv *csv, const char *folder,
                              struct tw_error *error)
{
    const char *uri = tw_csv_cell(csv, 0);
    struct tw_item *item;
    char *location = *uri != 0 ? tw_uri_join(folder, uri) : tw_strdup("");
    if (location == NULL)
        return tw_fail_memory(error, 1, "a path");
    enum tw_status status = tw_dataset_add(lister->dataset, uri, location, &item, error);
    tw_free(location);
    for (size_t i = 1; i < csv->cell_count && status == TW_OK; i++) {
        if (*tw_csv_cell(csv, i) != 0)
            status = tw_lister_label(lister, item, tw_csv_cell(csv, i), error);
    }
    if (status == TW_OK && *uri == 0) {
        char *reason = tw_format("line %zu names no photo", csv->line);
        status = reason != NULL ? tw_item_skip(item, reason, error) : tw_fail_memory(error, 1, "a reason");
        tw_free(reason);
    }
    return status;
}

enum tw_status tw_list_csv(struct tw_lister *lister, const char *uri, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_csv csv = {0};
    char *folder = tw_csv_folder(uri);
    enum tw_status status =
        folder != NULL ? tw_storage_read(uri, MAX_CSV_BYTES, &text, error) : tw_fail_memory(error, 1, "a path");
    tw_csv_init(&csv, tw_buffer_span(&text));
    bool has_row = status == TW_OK, is_first = true;
    while (status == TW_OK && has_row) {
        status = tw_csv_next(&csv, &has_row, error);
        if (status == TW_OK && has_row && !(is_first && is_header(&csv)))
            status = add_row(lister, &csv, folder, error);
        is_first = false;
    }
    if (status == TW_CORRUPT || status == TW_LIMIT)
        status = tw_fail_within(error, status, "CSV %s", uri);
    tw_csv_release(&csv);
    tw_buffer_release(&text);
    tw_free(folder);
    return status;
}
