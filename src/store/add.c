#include "store/layout.h"

#include "base/memory.h"

#include <string.h>
#include <time.h>

struct tw_store_addition {
    char *store, *model;
    char *folder; /* the version's; NULL: nothing was written yet */
    struct tw_folder_lock *lock;
    struct tw_store_version version;
};

static void free_addition(struct tw_store_addition *addition)
{
    if (!addition)
        return;
    tw_store_version_release(&addition->version);
    tw_folder_unlock(addition->lock);
    tw_free(addition->store);
    tw_free(addition->model);
    tw_free(addition->folder);
    tw_free(addition);
}

void tw_store_add_abandon(struct tw_store_addition *addition)
{
    if (addition && addition->folder)
        (void)!tw_store_remove_version(addition->store, addition->model, &addition->version, NULL);
    free_addition(addition);
}

const char *tw_store_addition_uri(const struct tw_store_addition *addition)
{
    return addition->folder;
}

/* Without a list of what was to come, nothing came yet: an empty folder at most. */
static enum tw_status sweep_unpublished(const char *store, const char *name, const char *incoming, int64_t number,
                                        struct tw_error *error)
{
    struct tw_store_version left = {.number = number};
    enum tw_status status = tw_store_read_version(incoming, &left, error);
    if (!status || status == TW_NOT_FOUND)
        status = tw_store_remove_version(store, name, &left, error);
    tw_store_version_release(&left);
    return status == TW_CORRUPT || status == TW_UNSUPPORTED ? TW_OK : status; /* not ours */
}

/* A folder without a version.json is what an addition left that was killed, for nobody else adds now. One with both files was
 * killed at its very end and is a version. */
static enum tw_status sweep_entry(const char *store, const char *name, int64_t number, struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    char *incoming = tw_store_uri(store, name, number, TW_INCOMING_FILE);
    char *published = tw_store_uri(store, name, number, TW_VERSION_FILE);
    enum tw_status status =
        incoming && published ? tw_storage_kind(published, &kind, &size, error) : tw_fail_memory(error, 1, "a path");
    if (!status && kind == TW_ENTRY_FILE)
        status = tw_storage_remove(incoming, error);
    else if (!status)
        status = sweep_unpublished(store, name, incoming, number, error);
    tw_free(incoming);
    tw_free(published);
    return status;
}

enum tw_status tw_store_sweep(const char *store, const char *name, struct tw_error *error)
{
    struct tw_listing listing = {0};
    char *folder = tw_uri_join(store, name);
    enum tw_status status = folder ? tw_storage_list(folder, &listing, error) : tw_fail_memory(error, 1, "a path");
    for (size_t i = 0; i < listing.count && !status; i++) {
        int64_t number = tw_store_number_of(listing.entries[i].name);
        if (number && listing.entries[i].kind == TW_ENTRY_FOLDER)
            status = sweep_entry(store, name, number, error);
    }
    if (!status)
        status = tw_storage_sweep(folder, error);
    tw_listing_release(&listing);
    tw_free(folder);
    return status;
}

static enum tw_status check_source(const struct tw_store_model *model, const struct tw_store_source *source,
                                   struct tw_error *error)
{
    enum tw_status status = source->name ? tw_store_check_name("version", source->name, error) : TW_OK;
    for (size_t i = 0; i < model->version_count && source->name && !status; i++) {
        if (model->versions[i].name && strcmp(model->versions[i].name, source->name) == 0)
            status = tw_fail(error, TW_CONFLICT, "model %s has a version %s already: number %lld", model->name,
                             source->name, (long long)model->versions[i].number);
    }
    for (size_t i = 0; i < model->label_count && source->name && !status; i++) {
        if (strcmp(model->labels[i].name, source->name) == 0)
            status = tw_fail(error, TW_CONFLICT, "model %s has a label %s: a version needs another name", model->name,
                             source->name);
    }
    return status;
}

static enum tw_status name_version(struct tw_store_version *version, const struct tw_store_source *source,
                                   struct tw_error *error)
{
    version->created_s = (int64_t)time(NULL);
    version->name = source->name ? tw_strdup(source->name) : NULL;
    version->description = tw_strdup(source->description ? source->description : "");
    version->files = tw_alloc(source->file_count, sizeof *version->files);
    if ((source->name && !version->name) || !version->description || !version->files)
        return tw_fail_memory(error, 1, "a version");
    for (; version->file_count < source->file_count; version->file_count++) {
        struct tw_store_file *file = &version->files[version->file_count];
        file->name = tw_strdup(source->files[version->file_count]);
        if (!file->name)
            return tw_fail_memory(error, 1, "a file's name");
    }
    return TW_OK;
}

static enum tw_status copy(const char *from, const char *to, struct tw_store_file *file, struct tw_error *error)
{
    struct tw_mapping mapping = {0};
    char *folder = tw_strdup(to);
    if (!folder)
        return tw_fail_memory(error, strlen(to), "a path");
    *strrchr(folder, '/') = 0;
    enum tw_status status = tw_storage_make_folders(folder, error);
    if (!status)
        status = tw_storage_map(from, &mapping, error);
    if (!status)
        status = tw_digest_of(mapping.bytes, &file->digest, error);
    if (!status)
        status = tw_storage_write(to, mapping.bytes, error);
    file->size_bytes = mapping.bytes.size;
    tw_mapping_release(&mapping);
    tw_free(folder);
    return status;
}

static enum tw_status copy_files(struct tw_store_addition *addition, const struct tw_store_source *source,
                                 struct tw_error *error)
{
    char *incoming = tw_uri_join(addition->folder, TW_INCOMING_FILE);
    enum tw_status status =
        incoming ? tw_storage_make_folders(addition->folder, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_store_write_version(incoming, &addition->version, error);
    for (size_t i = 0; i < source->file_count && !status; i++) {
        char *to = tw_uri_join(addition->folder, source->files[i]);
        status =
            to ? copy(source->contents[i], to, &addition->version.files[i], error) : tw_fail_memory(error, 1, "a path");
        tw_free(to);
    }
    tw_free(incoming);
    return status;
}

static enum tw_status prepare(struct tw_store_addition *addition, const struct tw_store_source *source,
                              struct tw_error *error)
{
    struct tw_store_model model = {0};
    enum tw_status status = tw_store_read(addition->store, addition->model, &model, error);
    if (!status)
        status = tw_store_lock(addition->store, addition->model, &addition->lock, error);
    tw_store_model_release(&model);
    if (!status) /* once more: what stood there before the lock may have changed */
        status = tw_store_read(addition->store, addition->model, &model, error);
    if (!status)
        status = check_source(&model, source, error);
    if (!status)
        status = tw_store_sweep(addition->store, addition->model, error);
    addition->version.number = model.next_number;
    tw_store_model_release(&model);
    return status ? status : name_version(&addition->version, source, error);
}

enum tw_status tw_store_add_begin(const char *store, const char *name, const struct tw_store_source *source,
                                  struct tw_store_addition **addition, struct tw_error *error)
{
    struct tw_store_addition *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a version");
    made->store = tw_strdup(store);
    made->model = tw_strdup(name);
    enum tw_status status =
        made->store && made->model ? prepare(made, source, error) : tw_fail_memory(error, strlen(store), "a path");
    if (!status) {
        made->folder = tw_store_uri(store, name, made->version.number, NULL);
        status = made->folder ? copy_files(made, source, error) : tw_fail_memory(error, strlen(store), "a path");
    }
    if (status) {
        tw_store_add_abandon(made);
        return status;
    }
    *addition = made;
    return TW_OK;
}

enum tw_status tw_store_add_commit(struct tw_store_addition *addition, int64_t *number, struct tw_error *error)
{
    char *published = tw_uri_join(addition->folder, TW_VERSION_FILE);
    char *incoming = tw_uri_join(addition->folder, TW_INCOMING_FILE);
    enum tw_status status = published && incoming ? tw_store_write_version(published, &addition->version, error)
                                                  : tw_fail_memory(error, 1, "a path");
    if (!status) {
        (void)!tw_storage_remove(incoming, NULL); /* the version is there; what is left of its coming is swept later */
        *number = addition->version.number;
        free_addition(addition);
    } else {
        tw_store_add_abandon(addition);
    }
    tw_free(published);
    tw_free(incoming);
    return status;
}
