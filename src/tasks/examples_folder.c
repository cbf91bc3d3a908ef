#include "tasks/examples_folder.h"

#include "base/csv.h"
#include "base/memory.h"
#include "base/wire.h"
#include "records/example.h"
#include "records/tfrecord.h"
#include "storage/storage.h"
#include "tasks/output.h"

#include <stdlib.h>
#include <string.h>

static const char thumbnails_name[] = "thumbnails.tfrecord.gz";

/* One side's folder. */
struct side {
    const struct tw_examples_parts *parts;
    const struct tw_example_set *set;
    enum tw_side side;
    char *folder, *shard_name;
};

static const char *name_of(enum tw_side side)
{
    return side == TW_SIDE_EVAL ? "eval" : "train";
}

static enum tw_status write_embeddings(const struct side *side, struct tw_digest *digest, struct tw_error *error)
{
    const struct tw_example_set *set = side->set;
    char *path = tw_uri_join(side->folder, side->shard_name);
    struct tw_record_writer *writer = NULL;
    struct tw_buffer record = {0};
    enum tw_status status =
        path ? tw_record_writer_open(path, TW_GZIP_STORED, &writer, error) : tw_fail_memory(error, 1, "a path");
    for (size_t i = 0; i < set->count && !status; i++) {
        tw_buffer_clear(&record);
        status =
            tw_example_serialise(set->keys[i], set->embeddings + i * set->width, set->width,
                                 set->labels + set->starts[i], set->starts[i + 1] - set->starts[i], &record, error);
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

static enum tw_status write_thumbnails(const struct side *side, struct tw_error *error)
{
    char *path = tw_uri_join(side->folder, thumbnails_name);
    struct tw_record_writer *writer = NULL;
    struct tw_buffer jpeg = {0};
    enum tw_status status =
        path ? tw_record_writer_open(path, TW_GZIP_STORED, &writer, error) : tw_fail_memory(error, 1, "a path");
    for (size_t d = 0; d < 2; d++) {
        const struct tw_dataset *dataset = side->parts->datasets[d];
        for (size_t i = 0; i < dataset->count && !status; i++) {
            const struct tw_item *item = &dataset->items[i];
            bool is_wanted = item->status == TW_ITEM_OK && item->side == side->side;
            if (!is_wanted || !tw_thumbnail_load(side->parts->store, &item->content, &jpeg))
                continue;
            status = put_thumbnail(writer, item->uri, tw_buffer_span(&jpeg), error);
        }
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

static enum tw_status write_manifest(const struct side *side, const struct tw_digest *shard_digest,
                                     struct tw_error *error)
{
    const struct tw_examples_origin *origin = side->parts->origin;
    struct tw_shard_entry shard = {side->shard_name, (char *)(uintptr_t)name_of(side->side), side->set->count,
                                   *shard_digest};
    struct tw_manifest manifest = {
        .backbone = (char *)(uintptr_t)origin->backbone,
        .backbone_digest = origin->backbone_digest,
        .layer = (char *)(uintptr_t)origin->layer,
        .policy_json = (char *)(uintptr_t)origin->policy_json,
        .precision = (char *)(uintptr_t) "f32",
        .engine = (char *)(uintptr_t)origin->engine,
        .choices = (char *)(uintptr_t)origin->choices,
        .embedding_size = side->set->width,
        .labels = side->parts->labels->names,
        .label_count = origin->label_count,
        .eval_share = origin->eval_share,
        .kept_on_eval = origin->kept_on_eval,
        .kept_on_train = origin->kept_on_train,
        .kept_on_eval_count = origin->kept_on_eval_count,
        .kept_on_train_count = origin->kept_on_train_count,
        .shards = &shard,
        .shard_count = 1,
    };
    enum tw_status status = tw_example_set_digest(side->set, &manifest.input_digest, error);
    return status ? status : tw_manifest_write(side->folder, &manifest, error);
}

static enum tw_status remove_file(const char *folder, const char *name, struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    enum tw_status status = path ? tw_storage_remove(path, error) : tw_fail_memory(error, strlen(folder), "a path");
    tw_free(path);
    return status;
}

/* What another run left goes first, its manifest before all: what is read by halves must not look whole. */
static enum tw_status clear(const struct side *side, struct tw_error *error)
{
    const char *const names[] = {"manifest.json", thumbnails_name, side->shard_name, "photos.csv"};
    enum tw_status status = tw_storage_sweep(side->folder, error);
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++)
        status = remove_file(side->folder, names[i], error);
    return status;
}

static enum tw_status write_side(const struct side *side, struct tw_error *error)
{
    struct tw_digest digest;
    char *names = tw_uri_join(side->folder, "labels.txt");
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    bool is_empty = side->set->count == 0 && side->side == TW_SIDE_EVAL;
    enum tw_status status =
        names ? tw_storage_kind(side->folder, &kind, &size, error) : tw_fail_memory(error, 1, "a path");
    if (!status && !is_empty)
        status = tw_storage_make_folders(side->folder, error);
    if (!status && (!is_empty || kind == TW_ENTRY_FOLDER))
        status = clear(side, error);
    if (!status && !is_empty)
        status = tw_labels_write(names, side->parts->labels, error);
    if (!status && !is_empty)
        status = write_embeddings(side, &digest, error);
    if (!status && !is_empty && side->parts->origin->backbone)
        status = write_manifest(side, &digest, error);
    if (!status && !is_empty && side->parts->store)
        status = write_thumbnails(side, error);
    tw_free(names);
    return status;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp((*(const struct tw_item *const *)a)->uri, (*(const struct tw_item *const *)b)->uri);
}

/* The one photo of that uri; NULL where there are two, which keys do not tell apart. */
static const struct tw_item *find_item(const struct tw_item *const *items, size_t count, const char *uri)
{
    const struct tw_item wanted = {.uri = (char *)(uintptr_t)uri}, *address = &wanted;
    const struct tw_item *const *found = count ? bsearch(&address, items, count, sizeof *items, compare_items) : NULL;
    bool is_double = found && ((found > items && compare_items(found, found - 1) == 0) ||
                               (found + 1 < items + count && compare_items(found, found + 1) == 0));
    return found && !is_double ? *found : NULL;
}

static enum tw_status put_photo(struct tw_buffer *out, const char *uri, enum tw_side side, const struct tw_item *item,
                                struct tw_error *error)
{
    char hex[TW_DIGEST_HEX] = "";
    if (item)
        tw_digest_hex(&item->content, hex);
    enum tw_status status = tw_csv_put(out, uri, true, false, error);
    return status ? status
                  : tw_buffer_printf(out, error, ",%s,%s,%d,%d\n", name_of(side), hex, item ? item->width : 0,
                                     item ? item->height : 0);
}

static enum tw_status write_photos(const struct tw_examples_parts *parts, const char *folder, struct tw_error *error)
{
    size_t count = 0;
    struct tw_buffer out = {0};
    const struct tw_item **items = tw_alloc(parts->datasets[0]->count + parts->datasets[1]->count, sizeof *items);
    enum tw_status status = items ? tw_buffer_append_text(&out, "uri,side,content,width,height\n", error)
                                  : tw_fail_memory(error, sizeof *items, "the photos");
    for (size_t d = 0; d < 2 && !status; d++) {
        for (size_t i = 0; i < parts->datasets[d]->count; i++) {
            if (parts->datasets[d]->items[i].status == TW_ITEM_OK)
                items[count++] = &parts->datasets[d]->items[i];
        }
    }
    if (count)
        qsort(items, count, sizeof *items, compare_items);
    const struct tw_example_set *sets[] = {parts->train, parts->eval};
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < sets[s]->count && !status; i++)
            status = put_photo(&out, sets[s]->keys[i], s ? TW_SIDE_EVAL : TW_SIDE_TRAIN,
                               find_item(items, count, sets[s]->keys[i]), error);
    }
    if (!status)
        status = tw_output_write(folder, "photos.csv", tw_buffer_span(&out), error);
    tw_buffer_release(&out);
    tw_free(items);
    return status;
}

enum tw_status tw_examples_folder_write(const struct tw_examples_parts *parts, struct tw_error *error)
{
    struct side sides[] = {
        {parts, parts->train, TW_SIDE_TRAIN, tw_uri_join(parts->run, "examples"), tw_shard_name("train", 0, 1)},
        {parts, parts->eval, TW_SIDE_EVAL, tw_uri_join(parts->run, "examples/held-out"), tw_shard_name("eval", 0, 1)}};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < 2; i++) {
        if (!status)
            status = sides[i].folder && sides[i].shard_name ? write_side(&sides[i], error)
                                                            : tw_fail_memory(error, 1, "a path");
    }
    if (!status && parts->store)
        status = write_photos(parts, sides[0].folder, error);
    for (size_t i = 0; i < 2; i++) {
        tw_free(sides[i].folder);
        tw_free(sides[i].shard_name);
    }
    return status;
}
