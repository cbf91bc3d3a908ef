#include "tasks/output.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <jansson.h>
#include <string.h>

static const char mark_name[] = ".topwork.json";

enum tw_status tw_output_write(const char *folder, const char *name, struct tw_span bytes, struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    if (!path)
        return tw_fail_memory(error, strlen(folder), "a path");
    enum tw_status status = tw_storage_write(path, bytes, error);
    tw_free(path);
    return status;
}

static enum tw_status write_mark(const char *folder, const char *command, const char *settings, struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status =
        tw_buffer_printf(&text, error, "{\"topwork\": \"%s\", \"command\": \"%s\", \"settings\": \"%s\"}\n", TW_VERSION,
                         command, settings);
    if (!status)
        status = tw_output_write(folder, mark_name, tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    return status;
}

/* *settings is empty where there is no readable mark. */
static void read_mark(const char *folder, const char *command, char settings[TW_DIGEST_HEX])
{
    char *path = tw_uri_join(folder, mark_name);
    struct tw_buffer text = {0};
    settings[0] = 0;
    if (path && !tw_storage_read(path, 1 << 16, &text, NULL)) {
        json_t *mark = json_loadb((const char *)text.data, text.size, 0, NULL);
        const char *its_command = json_string_value(json_object_get(mark, "command"));
        const char *found = json_string_value(json_object_get(mark, "settings"));
        if (its_command && strcmp(its_command, command) == 0 && found && strlen(found) == TW_DIGEST_HEX - 1)
            memcpy(settings, found, TW_DIGEST_HEX);
        json_decref(mark);
    }
    tw_buffer_release(&text);
    tw_free(path);
}

static bool is_empty_folder(const char *folder, const struct tw_entry *entry)
{
    struct tw_listing inner = {0};
    char *path = entry->kind == TW_ENTRY_FOLDER ? tw_uri_join(folder, entry->name) : NULL;
    bool is_empty = path && !tw_storage_list(path, &inner, NULL) && inner.count == 0;
    tw_listing_release(&inner);
    tw_free(path);
    return is_empty;
}

/* Whether a folder holds results: a run that failed early, for a mistyped input, leaves its mark and empty folders only, and
 * must not stand in the way of the right command. */
static bool has_results(const char *folder, const struct tw_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct tw_entry *entry = &listing->entries[i];
        if (strcmp(entry->name, mark_name) != 0 && !is_empty_folder(folder, entry))
            return true;
    }
    return false;
}

enum tw_status tw_output_begin(const char *folder, const char *command, const struct tw_digest *settings,
                               bool is_forced, struct tw_error *error)
{
    char wanted[TW_DIGEST_HEX], found[TW_DIGEST_HEX];
    struct tw_listing listing = {0};
    tw_digest_hex(settings, wanted);
    enum tw_status status = tw_storage_make_folders(folder, error);
    if (!status)
        status = tw_storage_list(folder, &listing, error);
    bool is_used = !status && has_results(folder, &listing);
    tw_listing_release(&listing);
    if (status)
        return status == TW_NO_MEMORY ? status : tw_fail_within(error, TW_IO, "output folder");
    read_mark(folder, command, found);
    if (strcmp(found, wanted) == 0)
        return TW_OK;
    if (is_used && !is_forced && !*found)
        return tw_fail(
            error, TW_CONFLICT,
            "output folder %s holds files that are not of a `topwork %s`: name another, or write into it by --force",
            folder, command);
    if (is_used && !is_forced)
        return tw_fail(error, TW_CONFLICT,
                       "output folder %s holds the results of other settings: name another, or replace them by --force",
                       folder);
    return write_mark(folder, command, wanted, error);
}
