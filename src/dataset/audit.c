#include "base/csv.h"
#include "dataset/dataset.h"
#include "storage/storage.h"

static enum tw_status put_labels(struct tw_buffer *out, const struct tw_dataset *dataset, const struct tw_item *item,
                                 struct tw_error *error)
{
    struct tw_buffer joined = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < item->label_count && status == TW_OK; i++)
        status = tw_buffer_printf(&joined, error, "%s%s", i > 0 ? ";" : "", dataset->labels.names[item->labels[i]]);
    if (status == TW_OK)
        status = tw_buffer_append(&joined, "", 1, error);
    if (status == TW_OK)
        status = tw_csv_put(out, (const char *)joined.data, false, true, error);
    tw_buffer_release(&joined);
    return status;
}

static enum tw_status put_row(struct tw_buffer *out, const struct tw_dataset *dataset, const struct tw_item *item,
                              struct tw_error *error)
{
    const char *reason = item->reason != NULL ? item->reason : "";
    enum tw_status status = tw_csv_put(out, item->uri, true, true, error);
    if (status == TW_OK)
        status = tw_csv_put(out, item->status == TW_ITEM_OK ? "ok" : "skipped", false, false, error);
    if (status == TW_OK)
        status = tw_csv_put(out, reason, false, true, error);
    if (status == TW_OK && item->width > 0)
        status = tw_buffer_printf(out, error, ",%d,%d", item->width, item->height);
    else if (status == TW_OK)
        status = tw_buffer_append_text(out, ",,", error);
    if (status == TW_OK)
        status = put_labels(out, dataset, item, error);
    return status == TW_OK ? tw_buffer_append_text(out, "\n", error) : status;
}

enum tw_status tw_audit_write(const char *uri, const struct tw_dataset *dataset, struct tw_error *error)
{
    struct tw_buffer out = {0};
    enum tw_status status = tw_buffer_append_text(&out, "uri,status,reason,width,height,label\n", error);
    for (size_t i = 0; i < dataset->count && status == TW_OK; i++)
        status = put_row(&out, dataset, &dataset->items[i], error);
    if (status == TW_OK)
        status = tw_storage_write(uri, tw_buffer_span(&out), error);
    tw_buffer_release(&out);
    return status;
}
