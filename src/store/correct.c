#include "store/layout.h"

#include "base/csv.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MOST_CSV = 16 << 20, COLUMNS = 6 };
static const char head[] = "uri,new_label,prediction,score,version,time\n", csv_name[] = "corrections.csv";

static enum tw_status check_label(const char *label, struct tw_error *error)
{
    size_t length = strnlen(label, TW_STORE_NAME_SIZE + 1);
    bool is_sound = length > 0 && length <= TW_STORE_NAME_SIZE && tw_is_utf8(tw_span_of(label, length));
    for (const char *at = label; is_sound && *at; at++)
        is_sound = (uint8_t)*at >= 0x20 && *at != 0x7f;
    return is_sound
               ? TW_OK
               : tw_fail(error, TW_INVALID, "a label is 1 to %d bytes of UTF-8 text in one line", TW_STORE_NAME_SIZE);
}

/* All rows but the one of `uri`; *count: how many. */
static enum tw_status copy_rows(struct tw_span text, const char *uri, struct tw_buffer *out, size_t *count,
                                struct tw_error *error)
{
    struct tw_csv csv;
    bool has_row = false, is_first = true;
    enum tw_status status = TW_OK;
    *count = 0;
    tw_csv_init(&csv, text);
    while (!status && !(status = tw_csv_next(&csv, &has_row, error)) && has_row) {
        bool is_kept = !is_first && csv.cell_count >= 2 && strcmp(tw_csv_cell(&csv, 0), uri) != 0;
        is_first = false;
        for (size_t i = 0; i < csv.cell_count && is_kept && !status; i++)
            status = tw_csv_put(out, tw_csv_cell(&csv, i), i == 0, false, error); /* guarded already */
        if (!status && is_kept)
            status = tw_buffer_append_text(out, "\n", error);
        *count += is_kept;
    }
    tw_csv_release(&csv);
    return status;
}

static enum tw_status put_row(const char *uri, const struct tw_store_correction *correction, struct tw_buffer *out,
                              struct tw_error *error)
{
    char score[32], number[24], moment[32] = "";
    time_t now = time(NULL);
    struct tm parts;
    snprintf(score, sizeof score, "%.4f", correction->score);
    snprintf(number, sizeof number, "%lld", (long long)correction->number);
    if (gmtime_r(&now, &parts))
        strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", &parts);
    const char *const cells[COLUMNS] = {uri, correction->label, correction->prediction, score, number, moment};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < COLUMNS && !status; i++)
        status = tw_csv_put(out, cells[i], i == 0, strcmp(cells[i], "-") != 0, error);
    return status ? status : tw_buffer_append_text(out, "\n", error);
}

/* The CSV anew, with this row at its end. */
static enum tw_status write_row(const char *folder, const char *uri, const struct tw_store_correction *correction,
                                struct tw_error *error)
{
    struct tw_buffer text = {0}, out = {0};
    size_t count = 0;
    char *csv = tw_uri_join(folder, csv_name);
    enum tw_status status = csv ? tw_storage_read(csv, MOST_CSV, &text, error) : tw_fail_memory(error, 1, "a path");
    if (status == TW_NOT_FOUND)
        status = TW_OK;
    if (!status)
        status = tw_buffer_append_text(&out, head, error);
    if (!status)
        status = copy_rows(tw_buffer_span(&text), uri, &out, &count, error);
    if (!status && count >= TW_STORE_MOST_CORRECTIONS)
        status = tw_fail(error, TW_LIMIT,
                         "%s holds %zu corrections, which is the limit: train with them, then empty it", folder, count);
    if (!status)
        status = put_row(uri, correction, &out, error);
    if (!status)
        status = tw_storage_write(csv, tw_buffer_span(&out), error);
    tw_buffer_release(&text);
    tw_buffer_release(&out);
    tw_free(csv);
    return status;
}

enum tw_status tw_store_correct(const char *store, const char *name, const struct tw_store_correction *correction,
                                struct tw_error *error)
{
    struct tw_store_model model = {0};
    struct tw_folder_lock *lock = NULL;
    struct tw_digest digest;
    char hex[TW_DIGEST_HEX];
    enum tw_entry_kind before = TW_ENTRY_FILE;
    uint64_t size;
    enum tw_status status = check_label(correction->label, error);
    if (!status)
        status = tw_store_read(store, name, &model, error);
    tw_store_model_release(&model);
    if (!status)
        status = tw_digest_of(correction->photo, &digest, error);
    if (!status)
        status = tw_store_lock(store, name, &lock, error);
    if (status)
        return status;
    tw_digest_hex(&digest, hex);
    char *folder = tw_format("%s/%s/corrections", store, name), *file = tw_format("%s.%s", hex, correction->ending);
    char *photo = folder && file ? tw_uri_join(folder, file) : NULL;
    status = photo ? tw_storage_kind(photo, &before, &size, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_storage_make_folders(folder, error);
    if (!status)
        status = tw_storage_write(photo, correction->photo, error);
    if (!status) /* the row last: what it names is there */
        status = write_row(folder, file, correction, error);
    if (status && photo && before == TW_ENTRY_MISSING)
        (void)!tw_storage_remove(photo, NULL);
    tw_folder_unlock(lock);
    tw_free(photo);
    tw_free(file);
    tw_free(folder);
    return status;
}
