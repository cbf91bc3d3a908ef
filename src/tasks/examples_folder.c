#include "tasks/examples_folder.h"

#include "base/memory.h"
#include "base/wire.h"
#include "records/example.h"
#include "records/shards.h"
#include "records/tfrecord.h"
#include "storage/storage.h"

#include <string.h>

static const char shard_name[] = "train-00000-of-00001.tfrecord.gz", thumbnails_name[] = "thumbnails.tfrecord.gz";

static enum tw_status write_embeddings(const char *folder, const struct tw_example_set *train, struct tw_digest *digest,
                                       struct tw_error *error)
{
    char *path = tw_uri_join(folder, shard_name);
    struct tw_record_writer *writer = NULL;
    struct tw_buffer record = {0};
    enum tw_status status =
        path ? tw_record_writer_open(path, TW_GZIP_STORED, &writer, error) : tw_fail_memory(error, 1, "a path");
    for (size_t i = 0; i < train->count && !status; i++) {
        tw_buffer_clear(&record);
        status = tw_example_serialise(train->keys[i], train->embeddings + i * train->width, train->width,
                                      train->labels + train->starts[i], train->starts[i + 1] - train->starts[i],
                                      &record, error);
        if (!status)
            status = tw_record_writer_add(writer, tw_buffer_span(&record), error);
    }
    if (!status)
        status = tw_record_writer_commit(writer, digest, error);
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

enum tw_status tw_examples_thumbnails_write(const char *run, const struct tw_dataset *dataset,
                                            struct tw_embedding_store *store, struct tw_error *error)
{
    char *path = tw_format("%s/examples/%s", run, thumbnails_name);
    struct tw_record_writer *writer = NULL;
    struct tw_buffer jpeg = {0};
    enum tw_status status =
        path ? tw_record_writer_open(path, TW_GZIP_STORED, &writer, error) : tw_fail_memory(error, 1, "a path");
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

enum tw_status tw_examples_thumbnails_read(const char *folder, tw_thumbnail_user *use, void *context,
                                           struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size_bytes;
    char *path = tw_uri_join(folder, thumbnails_name);
    struct tw_record_reader *reader = NULL;
    struct tw_span record, uri, jpeg;
    bool has_record = true;
    enum tw_status status =
        path ? tw_storage_kind(path, &kind, &size_bytes, error) : tw_fail_memory(error, 1, "a path");
    if (!status && kind == TW_ENTRY_FILE)
        status = tw_record_reader_open(path, &tw_record_limits_default, &reader, error);
    while (!status && reader) {
        status = tw_record_reader_next(reader, &record, &has_record, error);
        if (status || !has_record)
            break;
        status = tw_example_bytes(record, "image_uri", &uri, error);
        if (!status)
            status = tw_example_bytes(record, "thumbnail", &jpeg, error);
        if (!status)
            status = use(context, uri, jpeg, error);
    }
    tw_record_reader_free(reader);
    tw_free(path);
    return status;
}

static enum tw_status write_manifest(const char *folder, const struct tw_example_set *train,
                                     const struct tw_labels *labels, const struct tw_examples_origin *origin,
                                     const struct tw_digest *shard_digest, struct tw_error *error)
{
    struct tw_shard_entry shard = {(char *)shard_name, (char *)"train", train->count, *shard_digest};
    const struct tw_manifest manifest = {
        .backbone = (char *)origin->backbone,
        .backbone_digest = origin->backbone_digest,
        .layer = (char *)origin->layer,
        .policy_json = (char *)origin->policy_json,
        .precision = (char *)"f32",
        .engine = (char *)origin->engine,
        .choices = (char *)origin->choices,
        .embedding_size = train->width,
        .labels = labels->names,
        .label_count = origin->label_count,
        .eval_share = origin->eval_share,
        .moved_to_eval = origin->moved_to_eval,
        .moved_to_train = origin->moved_to_train,
        .moved_to_eval_count = origin->moved_to_eval_count,
        .moved_to_train_count = origin->moved_to_train_count,
        .shards = &shard,
        .shard_count = 1,
    };
    struct tw_manifest digested = manifest;
    enum tw_status status = tw_example_set_digest(train, &digested.input_digest, error);
    return status ? status : tw_manifest_write(folder, &digested, error);
}

static enum tw_status remove_file(const char *folder, const char *name, struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    enum tw_status status = path ? tw_storage_remove(path, error) : tw_fail_memory(error, strlen(folder), "a path");
    tw_free(path);
    return status;
}

enum tw_status tw_examples_folder_write(const char *run, const struct tw_example_set *train,
                                        const struct tw_labels *labels, const struct tw_examples_origin *origin,
                                        struct tw_error *error)
{
    char *folder = tw_uri_join(run, "examples"), *names = tw_uri_join(run, "examples/labels.txt");
    struct tw_digest digest;
    enum tw_status status =
        folder && names ? tw_storage_make_folders(folder, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_storage_sweep(folder, error);
    if (!status)
        status = remove_file(folder, "manifest.json", error);
    if (!status)
        status = remove_file(folder, thumbnails_name, error);
    if (!status)
        status = tw_labels_write(names, labels, error);
    if (!status)
        status = write_embeddings(folder, train, &digest, error);
    if (!status && origin->backbone)
        status = write_manifest(folder, train, labels, origin, &digest, error);
    tw_free(folder);
    tw_free(names);
    return status;
}
