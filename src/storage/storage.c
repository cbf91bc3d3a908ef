#include "storage/storage.h"

#include "base/memory.h"
#include "storage/scheme.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tw_scheme *const schemes[] = {&tw_scheme_file};

/* Length of "SCHEME" in "SCHEME://...", 0 where there is none (RFC 3986: a letter, then letters, digits, + - .). */
static size_t scheme_length(const char *uri)
{
    size_t length = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    bool starts_well = (*uri >= 'a' && *uri <= 'z') || (*uri >= 'A' && *uri <= 'Z');
    return starts_well && strncmp(uri + length, "://", 3) == 0 ? length : 0;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The path of file://[localhost]/PATH with %XX decoded. Owned; NULL: malformed or no memory. */
static char *decode_file_uri(const char *rest)
{
    if (strncmp(rest, "localhost/", 10) == 0)
        rest += strlen("localhost");
    char *path = tw_strdup(rest), *to = path;
    for (const char *from = path; from && *from; from++) {
        if (*from == '%') {
            int high = hex_of(from[1]), low = high < 0 ? -1 : hex_of(from[2]);
            if (low < 0 || high + low == 0) {
                tw_free(path);
                return NULL;
            }
            *to++ = (char)(high << 4 | low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    if (to)
        *to = 0;
    return path;
}

/* Finds the scheme and the path in it (owned by the caller). */
static enum tw_status resolve(const char *uri, const struct tw_scheme **scheme, char **path, struct tw_error *error)
{
    size_t length = scheme_length(uri);
    if (!*uri)
        return tw_fail(error, TW_INVALID, "a file name is empty");
    *scheme = &tw_scheme_file;
    if (length == 0) {
        *path = tw_strdup(uri);
        return *path ? TW_OK : tw_fail_memory(error, strlen(uri), "a path");
    }
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strlen(schemes[i]->name) != length || strncasecmp(schemes[i]->name, uri, length) != 0)
            continue;
        *scheme = schemes[i];
        *path = decode_file_uri(uri + length + 3);
        return *path ? TW_OK : tw_fail(error, TW_INVALID, "%s is not a well-formed uri", uri);
    }
    return tw_fail(error, TW_UNSUPPORTED, "%s: storage of the kind %.*s:// is not built in; files are", uri,
                   (int)length, uri);
}

enum tw_status tw_storage_read(const char *uri, size_t max_bytes, struct tw_buffer *buffer, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    tw_buffer_clear(buffer);
    status = scheme->read(path, max_bytes, buffer, error);
    tw_free(path);
    return status;
}

enum tw_status tw_storage_map(const char *uri, struct tw_mapping *mapping, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->map(path, mapping, error);
    tw_free(path);
    return status;
}

enum tw_status tw_storage_kind(const char *uri, enum tw_entry_kind *kind, uint64_t *size_bytes, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->kind(path, kind, size_bytes, error);
    tw_free(path);
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct tw_entry *)a)->name, ((const struct tw_entry *)b)->name);
}

static enum tw_status fill_listing(const char *uri, bool is_glob, struct tw_listing *listing, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    struct tw_listing made = {0};
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = is_glob ? scheme->glob(path, &made, error) : scheme->list(path, &made, error);
    tw_free(path);
    if (status) {
        tw_listing_release(&made);
        return status;
    }
    if (made.count)
        qsort(made.entries, made.count, sizeof *made.entries, compare_entries);
    *listing = made;
    return TW_OK;
}

enum tw_status tw_storage_list(const char *uri, struct tw_listing *listing, struct tw_error *error)
{
    return fill_listing(uri, false, listing, error);
}

enum tw_status tw_storage_glob(const char *pattern, struct tw_listing *listing, struct tw_error *error)
{
    return fill_listing(pattern, true, listing, error);
}

enum tw_status tw_listing_add(struct tw_listing *listing, const char *name, enum tw_entry_kind kind,
                              struct tw_error *error)
{
    enum tw_status status =
        tw_grow((void **)&listing->entries, &listing->capacity, listing->count + 1, sizeof *listing->entries, error);
    if (status)
        return status;
    char *copy = tw_strdup(name);
    if (!copy)
        return tw_fail_memory(error, strlen(name), "a file's name");
    listing->entries[listing->count++] = (struct tw_entry){copy, kind};
    return TW_OK;
}

void tw_listing_release(struct tw_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        tw_free(listing->entries[i].name);
    tw_free(listing->entries);
    *listing = (struct tw_listing){0};
}

char *tw_uri_join(const char *folder, const char *name)
{
    if (*name == '/' || scheme_length(name) || !*folder)
        return tw_strdup(name);
    return tw_format(folder[strlen(folder) - 1] == '/' ? "%s%s" : "%s/%s", folder, name);
}

char *tw_uri_normal(const char *uri)
{
    size_t length = scheme_length(uri);
    if (length && strncasecmp(uri, "file", length) != 0)
        return tw_strdup(uri);
    char *path = length ? decode_file_uri(uri + length + 3) : tw_strdup(uri);
    char here[PATH_MAX];
    if (!path || *path == '/' || !getcwd(here, sizeof here))
        return path;
    char *whole = tw_uri_join(here, strncmp(path, "./", 2) == 0 ? path + 2 : path);
    tw_free(path);
    return whole;
}

char *tw_uri_real(const char *uri)
{
    size_t length = scheme_length(uri);
    char real[PATH_MAX], *path = tw_uri_normal(uri);
    if (!path || (length && strncasecmp(uri, "file", length) != 0))
        return path;
    char *found = realpath(path, real) ? tw_strdup(real) : NULL;
    tw_free(path);
    return found;
}

enum tw_status tw_storage_make_folders(const char *uri, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->make_folders(path, error);
    tw_free(path);
    return status;
}

enum tw_status tw_storage_remove(const char *uri, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->remove(path, error);
    tw_free(path);
    return status;
}

enum tw_status tw_storage_remove_folder(const char *uri, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->remove_folder(path, error);
    tw_free(path);
    return status;
}

enum tw_status tw_storage_sweep(const char *uri, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->sweep(path, error);
    tw_free(path);
    return status;
}

enum tw_status tw_writer_open(const char *uri, struct tw_writer **writer, struct tw_error *error)
{
    const struct tw_scheme *scheme;
    char *path;
    enum tw_status status = resolve(uri, &scheme, &path, error);
    if (status)
        return status;
    status = scheme->open_writer(path, writer, error);
    tw_free(path);
    return status;
}

enum tw_status tw_writer_write(struct tw_writer *writer, const void *data, size_t size, struct tw_error *error)
{
    return writer->write(writer, data, size, error);
}

enum tw_status tw_writer_commit(struct tw_writer *writer, struct tw_error *error)
{
    return writer->commit(writer, error);
}

void tw_writer_abandon(struct tw_writer *writer)
{
    if (writer)
        writer->abandon(writer);
}

enum tw_status tw_storage_write(const char *uri, struct tw_span bytes, struct tw_error *error)
{
    struct tw_writer *writer;
    enum tw_status status = tw_writer_open(uri, &writer, error);
    if (status)
        return status;
    status = tw_writer_write(writer, bytes.data, bytes.size, error);
    if (status) {
        tw_writer_abandon(writer);
        return status;
    }
    return tw_writer_commit(writer, error);
}
