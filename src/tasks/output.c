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

/* Owned texts; NULL where there is no readable mark. */
static void read_mark(const char *folder, char **command, char **settings)
{
    char *path = tw_uri_join(folder, mark_name);
    struct tw_buffer text = {0};
    *command = *settings = NULL;
    if (path && !tw_storage_read(path, 1 << 16, &text, NULL)) {
        json_t *mark = json_loadb((const char *)text.data, text.size, 0, NULL);
        const char *its_command = json_string_value(json_object_get(mark, "command"));
        const char *its_settings = json_string_value(json_object_get(mark, "settings"));
        if (its_command && its_settings) {
            *command = tw_strdup(its_command);
            *settings = tw_strdup(its_settings);
        }
        json_decref(mark);
    }
    tw_buffer_release(&text);
    tw_free(path);
}

char *tw_output_command(const char *folder)
{
    char *command, *settings;
    read_mark(folder, &command, &settings);
    tw_free(settings);
    return command;
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

/* Whether a folder holds results: a run that failed early, for a mistyped input, leaves its mark, its log, its audit and empty
 * folders only, and must not stand in the way of the right command. Without a mark, a log is somebody else's. */
static bool has_results(const char *folder, const struct tw_listing *listing)
{
    static const char *const tells_only[] = {mark_name, "log.jsonl", "audit.csv"};
    bool has_mark = false;
    for (size_t i = 0; i < listing->count; i++)
        has_mark |= strcmp(listing->entries[i].name, mark_name) == 0;
    for (size_t i = 0; i < listing->count; i++) {
        const struct tw_entry *entry = &listing->entries[i];
        bool counts = !tw_storage_is_temporary(entry->name) && !is_empty_folder(folder, entry);
        for (size_t j = 0; has_mark && j < sizeof tells_only / sizeof *tells_only; j++)
            counts = counts && strcmp(entry->name, tells_only[j]) != 0;
        if (counts)
            return true;
    }
    return false;
}

static enum tw_status make_folder(struct tw_output *output, bool *is_used, struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_status status = tw_storage_make_folders(output->folder, error);
    if (!status)
        status = tw_folder_lock(output->folder, &output->lock, error);
    if (!status)
        status = tw_storage_list(output->folder, &listing, error);
    *is_used = !status && has_results(output->folder, &listing);
    tw_listing_release(&listing);
    return status && status != TW_NO_MEMORY ? tw_fail_within(error, TW_IO, "output folder") : status;
}

static enum tw_status remove_matches(const char *pattern, struct tw_error *error)
{
    struct tw_listing found = {0};
    enum tw_status status = tw_storage_glob(pattern, &found, error);
    for (size_t i = 0; i < found.count && !status; i++) {
        if (found.entries[i].kind == TW_ENTRY_FILE)
            status = tw_storage_remove(found.entries[i].name, error);
    }
    tw_listing_release(&found);
    return status;
}

static enum tw_status remove_results(const struct tw_output *output, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; output->results[i] && !status; i++) {
        char *path = tw_uri_join(output->folder, output->results[i]);
        if (!path)
            status = tw_fail_memory(error, 1, "a path");
        else
            status = strchr(output->results[i], '*') ? remove_matches(path, error) : tw_storage_remove(path, error);
        tw_free(path);
    }
    return status;
}

static enum tw_status mark(const struct tw_output *output, struct tw_error *error)
{
    char settings[TW_DIGEST_HEX];
    tw_digest_hex(&output->settings, settings);
    return write_mark(output->folder, output->command, settings, error);
}

enum tw_status tw_output_begin(struct tw_output *output, struct tw_error *error)
{
    char wanted[TW_DIGEST_HEX], *command, *settings;
    bool is_used = false;
    tw_digest_hex(&output->settings, wanted);
    enum tw_status status = make_folder(output, &is_used, error);
    if (status)
        return status;
    read_mark(output->folder, &command, &settings);
    bool is_ours = command && strcmp(command, output->command) == 0;
    bool is_same = is_ours && settings && strcmp(settings, wanted) == 0;
    tw_free(command);
    tw_free(settings);
    if (is_used && !output->is_forced && !is_ours)
        return tw_fail(
            error, TW_CONFLICT,
            "output folder %s holds files that are not of a `topwork %s`: name another, or write into it by --force",
            output->folder, output->command);
    if (is_used && !output->is_forced && !is_same)
        return tw_fail(error, TW_CONFLICT,
                       "output folder %s holds the results of other settings: name another, or replace them by --force",
                       output->folder);
    output->replaces = is_used && !is_same;
    status = tw_storage_sweep(output->folder, error);
    return status || is_same || output->replaces ? status : mark(output, error);
}

enum tw_status tw_output_take(struct tw_output *output, struct tw_error *error)
{
    if (!output->replaces)
        return TW_OK;
    enum tw_status status = remove_results(output, error);
    if (!status)
        status = mark(output, error);
    output->replaces = status != TW_OK;
    return status;
}

void tw_output_end(struct tw_output *output)
{
    tw_folder_unlock(output->lock);
    output->lock = NULL;
}
