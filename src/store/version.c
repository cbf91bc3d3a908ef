#include "store/layout.h"

#include "base/memory.h"

#include <jansson.h>
#include <string.h>

void tw_store_version_release(struct tw_store_version *version)
{
    for (size_t i = 0; i < version->file_count; i++)
        tw_free(version->files[i].name);
    tw_free(version->files);
    tw_free(version->name);
    tw_free(version->description);
    *version = (struct tw_store_version){0};
}

/* "model.onnx", "examples/labels.txt": at most two parts that begin with a letter or digit, so that none is hidden or leads upwards. */
static bool is_file_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *part = name;
    for (int depth = 0; depth < 2 && strlen(name) <= TW_STORE_NAME_SIZE; depth++, part++) {
        if (!*part || !strchr(first, *part))
            return false;
        part += strspn(part, others);
        if (*part != '/')
            return !*part;
    }
    return false;
}

static enum tw_status read_file(const json_t *json, struct tw_store_file *file, struct tw_error *error)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *digest = json_string_value(json_object_get(json, "sha256"));
    json_int_t size = json_integer_value(json_object_get(json, "size_bytes"));
    if (!name || !is_file_name(name) || size < 0)
        return tw_fail(error, TW_CORRUPT, "it lists a file that has no sound name or size");
    if (digest && !tw_digest_parse(digest, &file->digest))
        return tw_fail(error, TW_CORRUPT, "the digest of %s is not one of SHA-256", name);
    file->size_bytes = (uint64_t)size;
    file->name = tw_strdup(name);
    return file->name ? TW_OK : tw_fail_memory(error, strlen(name), "a file's name");
}

static enum tw_status read_files(const json_t *list, struct tw_store_version *version, struct tw_error *error)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0 || count > TW_STORE_MOST_FILES)
        return tw_fail(error, TW_CORRUPT, "it lists %zu files, 1 to %d can be", count, TW_STORE_MOST_FILES);
    version->files = tw_alloc(count, sizeof *version->files);
    if (!version->files)
        return tw_fail_memory(error, count * sizeof *version->files, "a version's files");
    enum tw_status status = TW_OK;
    for (version->file_count = 0; version->file_count < count && !status; version->file_count++)
        status = read_file(json_array_get(list, version->file_count), &version->files[version->file_count], error);
    return status;
}

static enum tw_status read_texts(const json_t *json, struct tw_store_version *version, struct tw_error *error)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *description = json_string_value(json_object_get(json, "description"));
    json_int_t format = json_integer_value(json_object_get(json, "format"));
    if (format < 1 || format > TW_STORE_FORMAT)
        return tw_fail(error, TW_UNSUPPORTED, "its format is %lld, this topwork reads up to %d", (long long)format,
                       TW_STORE_FORMAT);
    enum tw_status status = name ? tw_store_check_name("version", name, error) : TW_OK;
    if (status)
        return TW_CORRUPT;
    version->created_s = json_integer_value(json_object_get(json, "created_s"));
    version->name = name ? tw_strdup(name) : NULL;
    version->description = tw_strdup(description ? description : "");
    return (name && !version->name) || !version->description ? tw_fail_memory(error, 1, "a version's name") : TW_OK;
}

enum tw_status tw_store_read_version(const char *uri, struct tw_store_version *version, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_store_version made = {.number = version->number};
    enum tw_status status = tw_storage_read(uri, TW_STORE_MOST_JSON, &text, error);
    if (status) {
        tw_buffer_release(&text);
        return status;
    }
    json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
    if (!json_is_object(json))
        status = tw_fail(error, TW_CORRUPT, "it is no JSON object");
    if (!status)
        status = read_texts(json, &made, error);
    if (!status)
        status = read_files(json_object_get(json, "files"), &made, error);
    json_decref(json);
    tw_buffer_release(&text);
    if (status) {
        tw_store_version_release(&made);
        return tw_fail_within(error, status, "%s", uri);
    }
    *version = made;
    return TW_OK;
}

static json_t *json_of_files(const struct tw_store_version *version)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < version->file_count; i++) {
        const struct tw_store_file *file = &version->files[i];
        char hex[TW_DIGEST_HEX];
        tw_digest_hex(&file->digest, hex);
        json_t *entry =
            json_pack("{s:s, s:I, s:s}", "name", file->name, "size_bytes", (json_int_t)file->size_bytes, "sha256", hex);
        if (json_array_append_new(list, entry)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

enum tw_status tw_store_write_version(const char *uri, const struct tw_store_version *version, struct tw_error *error)
{
    json_t *files = json_of_files(version);
    json_t *json =
        files ? json_pack("{s:i, s:s*, s:s, s:I, s:o}", "format", TW_STORE_FORMAT, "name", version->name, "description",
                          version->description, "created_s", (json_int_t)version->created_s, "files", files)
              : NULL;
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    if (!text)
        return tw_fail_memory(error, 1, "a version's description");
    enum tw_status status = tw_storage_write(uri, tw_span_of_text(text), error);
    free(text);
    return status;
}

static enum tw_status remove_file(const char *folder, const char *file, struct tw_error *error)
{
    char *path = tw_uri_join(folder, file);
    enum tw_status status = path ? tw_storage_remove(path, error) : tw_fail_memory(error, 1, "a path");
    tw_free(path);
    return status;
}

/* A file, what was killed while writing it, and its folder below the version's. */
static enum tw_status remove_listed(const char *folder, const char *file, struct tw_error *error)
{
    enum tw_status status = remove_file(folder, file, error);
    const char *slash = strrchr(file, '/');
    if (status || !slash)
        return status;
    char *inner = tw_format("%s/%.*s", folder, (int)(slash - file), file);
    if (!inner)
        return tw_fail_memory(error, 1, "a path");
    (void)!tw_storage_sweep(inner, NULL); /* it may be gone already */
    status = tw_storage_remove_folder(inner, error);
    tw_free(inner);
    return status;
}

static enum tw_status remove_contents(const char *folder, const struct tw_store_version *version,
                                      struct tw_error *error)
{
    enum tw_status status = remove_file(folder, TW_VERSION_FILE, error);
    for (size_t i = 0; i < version->file_count && !status; i++)
        status = remove_listed(folder, version->files[i].name, error);
    if (!status)
        status = remove_file(folder, TW_INCOMING_FILE, error);
    if (!status)
        status = tw_storage_sweep(folder, error);
    return status ? status : tw_storage_remove_folder(folder, error);
}

/* Its list of files goes last, as it came first: what a kill leaves is known by it and swept later. */
enum tw_status tw_store_remove_version(const char *store, const char *name, const struct tw_store_version *version,
                                       struct tw_error *error)
{
    char *folder = tw_store_uri(store, name, version->number, NULL);
    char *incoming = tw_store_uri(store, name, version->number, TW_INCOMING_FILE);
    enum tw_status status = folder && incoming ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (!status && version->file_count)
        status = tw_store_write_version(incoming, version, error);
    if (!status)
        status = remove_contents(folder, version, error);
    tw_free(folder);
    tw_free(incoming);
    return status;
}

enum tw_status tw_store_check(const char *store, const char *name, const struct tw_store_version *version,
                              struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < version->file_count && !status; i++) {
        const struct tw_store_file *file = &version->files[i];
        struct tw_mapping mapping = {0};
        struct tw_digest digest;
        char *uri = tw_store_uri(store, name, version->number, file->name);
        status = uri ? tw_storage_map(uri, &mapping, error) : tw_fail_memory(error, 1, "a path");
        if (!status && mapping.bytes.size != file->size_bytes)
            status = tw_fail(error, TW_CORRUPT, "%s has %zu bytes, it was added with %llu", uri, mapping.bytes.size,
                             (unsigned long long)file->size_bytes);
        if (!status)
            status = tw_digest_of(mapping.bytes, &digest, error);
        if (!status && !tw_digest_equal(&digest, &file->digest))
            status = tw_fail(error, TW_CORRUPT, "%s has other bytes than it was added with", uri);
        tw_mapping_release(&mapping);
        tw_free(uri);
    }
    return status;
}
