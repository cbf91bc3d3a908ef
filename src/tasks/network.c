#include "tasks/network.h"

#include "base/memory.h"
#include "base/text.h"
#include "formats/format.h"

#include <string.h>

struct companions {
    struct tw_network_files *files;
    const char *path; /* of the model's own file */
};

static bool exists(const char *uri, enum tw_entry_kind wanted)
{
    enum tw_entry_kind kind;
    uint64_t size;
    return !tw_storage_kind(uri, &kind, &size, NULL) && kind == wanted;
}

/* The file that is read first. Owned; NULL: no memory. */
static char *main_file(const char *uri)
{
    if (exists(uri, TW_ENTRY_FOLDER))
        return tw_uri_join(uri, "saved_model.pb");
    char *index = tw_format("%s.index", uri);
    if (!index || (exists(uri, TW_ENTRY_MISSING) && exists(index, TW_ENTRY_FILE)))
        return index;
    tw_free(index);
    return tw_strdup(uri);
}

static enum tw_status map_next(struct tw_network_files *files, const char *path, struct tw_span *bytes,
                               struct tw_error *error)
{
    enum tw_status status =
        tw_grow((void **)&files->mappings, &files->capacity, files->count + 1, sizeof *files->mappings, error);
    if (status)
        return status;
    struct tw_mapping mapping = {0};
    status = tw_storage_map(path, &mapping, error);
    if (status)
        return status;
    files->mappings[files->count++] = mapping;
    *bytes = mapping.bytes;
    return TW_OK;
}

static enum tw_status open_companion(void *context, const char *suffix, struct tw_span *bytes, struct tw_error *error)
{
    const struct companions *companions = context;
    const char *path = companions->path, *base = tw_base_name(path), *dot = strrchr(base, '.');
    const char *end = *suffix != '.' ? base : dot && dot != base ? dot : base + strlen(base);
    char *name = tw_format("%.*s%s", (int)(end - path), path, suffix);
    if (!name)
        return tw_fail_memory(error, strlen(path), "a path");
    enum tw_status status = map_next(companions->files, name, bytes, error);
    tw_free(name);
    return status;
}

static enum tw_status digest_all(const struct tw_network_files *files, struct tw_digest *digest, struct tw_error *error)
{
    if (files->count == 1)
        return tw_digest_of(files->mappings[0].bytes, digest, error);
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    struct tw_digest all;
    for (size_t i = 0; i < files->count && !status; i++) {
        status = tw_digest_of(files->mappings[i].bytes, digest, error);
        tw_hasher_add(hasher, digest->bytes, TW_DIGEST_BYTES);
    }
    tw_hasher_finish(hasher, &all);
    tw_hasher_free(hasher);
    *digest = all;
    return status;
}

enum tw_status tw_network_open(const char *uri, struct tw_network_files *files, struct tw_graph **graph,
                               struct tw_digest *digest, struct tw_error *error)
{
    char *path = main_file(uri);
    if (!path)
        return tw_fail_memory(error, strlen(uri), "a path");
    struct tw_network_files made = {0};
    struct companions companions = {.files = &made, .path = path};
    struct tw_model_source source = {.name = path, .open = open_companion, .context = &companions};
    struct tw_graph *found = NULL;
    enum tw_status status = map_next(&made, path, &source.bytes, error);
    if (!status)
        status = tw_model_read_source(&source, &tw_format_limits_default, &found, error);
    if (!status)
        status = digest_all(&made, digest, error);
    tw_free(path);
    if (status) {
        tw_graph_free(found);
        tw_network_files_release(&made);
        return status;
    }
    *graph = found;
    *files = made;
    return TW_OK;
}

void tw_network_files_release(struct tw_network_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        tw_mapping_release(&files->mappings[i]);
    tw_free(files->mappings);
    *files = (struct tw_network_files){0};
}
