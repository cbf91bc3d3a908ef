#include "base/threads.h"
#include "dataset/internal.h"
#include "storage/storage.h"

struct hashing {
    struct tw_dataset *dataset;
    size_t max_bytes;
    const struct tw_sink *sink;
};

static enum tw_status hash_one(void *context, size_t index, int worker, struct tw_error *error)
{
    struct hashing *hashing = context;
    struct tw_item *item = &hashing->dataset->items[index];
    struct tw_buffer file = {0};
    struct tw_error why = {0};
    (void)worker;
    if (item->status != TW_ITEM_OK || item->is_kept)
        return TW_OK;
    if (tw_is_stopped(hashing->sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted while reading photos");
    /* Read, not mapped: a file that shrinks or a disk that fails would end the process. */
    enum tw_status status = tw_storage_read(item->location, hashing->max_bytes, &file, &why);
    if (status == TW_OK)
        status = tw_digest_of(tw_buffer_span(&file), &item->content, &why);
    tw_buffer_release(&file);
    if (status == TW_NO_MEMORY)
        return tw_fail(error, status, "%s", why.text);
    return status == TW_OK ? TW_OK : tw_item_skip(item, why.text, error);
}

enum tw_status tw_dataset_hash(struct tw_dataset *dataset, int threads, size_t max_bytes, const struct tw_sink *sink,
                               struct tw_error *error)
{
    struct hashing hashing = {dataset, max_bytes, sink};
    enum tw_status status = tw_parallel_for(threads, dataset->count, hash_one, &hashing, error);
    return status == TW_OK ? tw_mark_conflicting_copies(dataset, error) : status;
}
