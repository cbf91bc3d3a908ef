#include "tasks/output.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <jansson.h>
#include <stdlib.h>
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

/* The real path of a place, also of one that is not there yet: of what exists of it, and the rest. Owned. */
static char *real_place(const char *uri)
{
    char *path = tw_uri_normal(uri), *real = path ? tw_uri_real(path) : NULL;
    for (size_t length = path ? strlen(path) : 0; !real && length > 1;) {
        while (length > 1 && path[--length] != '/')
            ;
        char *parent = tw_strndup(path, length ? length : 1), *real_parent = parent ? tw_uri_real(parent) : NULL;
        if (real_parent)
            real = tw_uri_join(strcmp(real_parent, "/") == 0 ? "" : real_parent, path + length + 1);
        tw_free(parent);
        tw_free(real_parent);
        if (!parent)
            break;
    }
    if (real) {
        tw_free(path);
        return real;
    }
    return path; /* of another scheme, as it is */
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum tw_status tw_output_hash_inputs(const char *const *uris, size_t count, struct tw_hasher *hasher,
                                     struct tw_error *error)
{
    char **places = tw_alloc(count + 1, sizeof *places);
    enum tw_status status = places ? TW_OK : tw_fail_memory(error, count * sizeof *places, "paths");
    for (size_t i = 0; i < count && !status; i++) {
        places[i] = real_place(uris[i]);
        if (!places[i])
            status = tw_fail_memory(error, strlen(uris[i]), "a path");
    }
    if (!status && count)
        qsort(places, count, sizeof *places, compare_texts);
    uint64_t number = count;
    tw_hasher_add(hasher, &number, sizeof number);
    for (size_t i = 0; i < count && places; i++) {
        if (!status)
            tw_hasher_add_text(hasher, places[i]);
        tw_free(places[i]);
    }
    tw_free(places);
    return status;
}

/* Rows are plain text without quotes: see engine/choices.h. */
static enum tw_status write_choices(const char *choices, struct tw_buffer *text, struct tw_error *error)
{
    enum tw_status status = tw_buffer_append_text(text, ", \"choices\": [", error);
    for (const char *at = choices; *at && !status;) {
        size_t length = strcspn(at, "\n");
        status = tw_buffer_printf(text, error, "%s\n  \"%.*s\"", at == choices ? "" : ",", (int)length, at);
        at += length + (at[length] == '\n');
    }
    return status ? status : tw_buffer_append_text(text, "]", error);
}

static enum tw_status write_mark(const char *folder, const char *command, const char *settings, const char *choices,
                                 struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = tw_buffer_printf(
        &text, error, "{\"topwork\": \"%s\", \"command\": \"%s\", \"settings\": \"%s\"", TW_VERSION, command, settings);
    if (!status && choices)
        status = write_choices(choices, &text, error);
    if (!status)
        status = tw_buffer_append_text(&text, "}\n", error);
    if (!status)
        status = tw_output_write(folder, mark_name, tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    return status;
}

/* Owned; NULL where none is noted. */
static char *choices_of(const json_t *mark)
{
    const json_t *list = json_object_get(mark, "choices");
    struct tw_buffer text = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        const char *row = json_string_value(json_array_get(list, i));
        status = tw_buffer_printf(&text, NULL, "%s\n", row ? row : "");
    }
    char *copy =
        json_is_array(list) && !status ? tw_strndup(text.size ? (const char *)text.data : "", text.size) : NULL;
    tw_buffer_release(&text);
    return copy;
}

struct mark {
    char *command, *settings, *choices; /* owned; NULL where there is no readable mark, or no choices in it */
};

static void release_mark(struct mark *mark)
{
    tw_free(mark->command);
    tw_free(mark->settings);
    tw_free(mark->choices);
}

static struct mark read_mark(const char *folder)
{
    char *path = tw_uri_join(folder, mark_name);
    struct tw_buffer text = {0};
    struct mark mark = {0};
    if (path && !tw_storage_read(path, 1 << 20, &text, NULL)) {
        json_t *root = json_loadb((const char *)text.data, text.size, 0, NULL);
        const char *its_command = json_string_value(json_object_get(root, "command"));
        const char *its_settings = json_string_value(json_object_get(root, "settings"));
        if (its_command && its_settings) {
            mark.command = tw_strdup(its_command);
            mark.settings = tw_strdup(its_settings);
            mark.choices = choices_of(root);
        }
        json_decref(root);
    }
    tw_buffer_release(&text);
    tw_free(path);
    return mark;
}

char *tw_output_command(const char *folder)
{
    struct mark mark = read_mark(folder);
    char *command = mark.command;
    mark.command = NULL;
    release_mark(&mark);
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

static enum tw_status put_mark(const struct tw_output *output, struct tw_error *error)
{
    char settings[TW_DIGEST_HEX];
    tw_digest_hex(&output->settings, settings);
    return write_mark(output->folder, output->command, settings, output->choices, error);
}

enum tw_status tw_output_begin(struct tw_output *output, struct tw_error *error)
{
    char wanted[TW_DIGEST_HEX];
    bool is_used = false;
    tw_digest_hex(&output->settings, wanted);
    enum tw_status status = make_folder(output, &is_used, error);
    if (status)
        return status;
    struct mark mark = read_mark(output->folder);
    bool is_ours = mark.command && strcmp(mark.command, output->command) == 0;
    bool is_same = is_ours && mark.settings && strcmp(mark.settings, wanted) == 0;
    if (is_same && !output->is_forced) { /* changes hands */
        output->choices = mark.choices;
        mark.choices = NULL;
    }
    release_mark(&mark);
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
    return status || is_same || output->replaces ? status : put_mark(output, error);
}

enum tw_status tw_output_take(struct tw_output *output, struct tw_error *error)
{
    if (!output->replaces)
        return TW_OK;
    enum tw_status status = remove_results(output, error);
    if (!status)
        status = put_mark(output, error);
    output->replaces = status != TW_OK;
    return status;
}

enum tw_status tw_output_note(struct tw_output *output, const char *choices, struct tw_error *error)
{
    char *copy = tw_strdup(choices);
    if (!copy)
        return tw_fail_memory(error, strlen(choices), "a choice table");
    tw_free(output->choices);
    output->choices = copy;
    return output->replaces ? TW_OK : put_mark(output, error);
}

void tw_output_end(struct tw_output *output)
{
    tw_free(output->choices);
    output->choices = NULL;
    tw_folder_unlock(output->lock);
    output->lock = NULL;
}
