#include "tasks/examples_folder.h"

#include "base/memory.h"
#include "base/wire.h"
#include "records/example.h"
#include "records/tfrecord.h"

#include <string.h>

static enum tw_status write_embeddings(const char *folder, const struct tw_example_set *train, struct tw_error *error)
{
    char *path = tw_uri_join(folder, "train-00000-of-00001.tfrecord.gz");
    struct tw_record_writer *writer = NULL;
    struct tw_buffer record = {0};
    enum tw_status status =
        path ? tw_record_writer_open(path, TW_GZIP, &writer, error) : tw_fail_memory(error, 1, "a path");
    for (size_t i = 0; i < train->count && !status; i++) {
        tw_buffer_clear(&record);
        status = tw_example_serialise(train->keys[i], train->embeddings + i * train->width, train->width,
                                      train->labels + train->starts[i], train->starts[i + 1] - train->starts[i],
                                      &record, error);
        if (!status)
            status = tw_record_writer_add(writer, tw_buffer_span(&record), error);
    }
    if (!status)
        status = tw_record_writer_commit(writer, NULL, error);
    else
        tw_record_writer_abandon(writer);
    tw_buffer_release(&record);
    tw_free(path);
    return status;
}

/* One entry of Features.feature: key -> bytes_list of one value. */
static enum tw_status put_bytes_feature(struct tw_buffer *features, const char *key, struct tw_span value,
                                        struct tw_error *error)
{
    struct tw_buffer list = {0}, feature = {0}, entry = {0};
    enum tw_status status = tw_wire_put_bytes(&list, 1, value, error);
    if (!status)
        status = tw_wire_put_bytes(&feature, 1, tw_buffer_span(&list), error);
    if (!status)
        status = tw_wire_put_text(&entry, 1, key, error);
    if (!status)
        status = tw_wire_put_bytes(&entry, 2, tw_buffer_span(&feature), error);
    if (!status)
        status = tw_wire_put_bytes(features, 1, tw_buffer_span(&entry), error);
    tw_buffer_release(&list);
    tw_buffer_release(&feature);
    tw_buffer_release(&entry);
    return status;
}

static enum tw_status put_thumbnail(struct tw_record_writer *writer, const char *uri, struct tw_span jpeg,
                                    struct tw_error *error)
{
    struct tw_buffer features = {0}, record = {0};
    enum tw_status status = put_bytes_feature(&features, "image_uri", tw_span_of_text(uri), error);
    if (!status)
        status = put_bytes_feature(&features, "thumbnail", jpeg, error);
    if (!status)
        status = tw_wire_put_bytes(&record, 1, tw_buffer_span(&features), error);
    if (!status)
        status = tw_record_writer_add(writer, tw_buffer_span(&record), error);
    tw_buffer_release(&features);
    tw_buffer_release(&record);
    return status;
}

static enum tw_status write_thumbnails(const char *folder, const struct tw_dataset *dataset,
                                       struct tw_embedding_store *store, struct tw_error *error)
{
    char *path = tw_uri_join(folder, "thumbnails.tfrecord.gz");
    struct tw_record_writer *writer = NULL;
    struct tw_buffer jpeg = {0};
    enum tw_status status =
        path ? tw_record_writer_open(path, TW_GZIP, &writer, error) : tw_fail_memory(error, 1, "a path");
    for (size_t i = 0; i < dataset->count && !status; i++) {
        const struct tw_item *item = &dataset->items[i];
        bool is_wanted = item->status == TW_ITEM_OK && item->side == TW_SIDE_TRAIN;
        if (is_wanted && tw_cache_get(store->thumbnails, &item->content, &jpeg))
            status = put_thumbnail(writer, item->uri, tw_buffer_span(&jpeg), error);
    }
    if (!status)
        status = tw_record_writer_commit(writer, NULL, error);
    else
        tw_record_writer_abandon(writer);
    tw_buffer_release(&jpeg);
    tw_free(path);
    return status;
}

enum tw_status tw_examples_folder_write(const char *run, const struct tw_example_set *train,
                                        const struct tw_dataset *dataset, struct tw_embedding_store *store,
                                        const struct tw_labels *labels, struct tw_error *error)
{
    char *folder = tw_uri_join(run, "examples"), *names = tw_uri_join(run, "examples/labels.txt");
    enum tw_status status =
        folder && names ? tw_storage_make_folders(folder, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_labels_write(names, labels, error);
    if (!status)
        status = write_embeddings(folder, train, error);
    if (!status && store->thumbnails)
        status = write_thumbnails(folder, dataset, store, error);
    tw_free(folder);
    tw_free(names);
    return status;
}
