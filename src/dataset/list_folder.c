#include "base/memory.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 16 };

bool tw_is_companion(const char *name)
{
    static const char *const beginnings[] = {"licen", "readme", "copying", "notice", "thumbs.db", "desktop.ini"};
    static const char *const endings[] = {".txt", ".csv",  ".tsv",  ".json", ".md",
                                          ".xml", ".html", ".yaml", ".yml",  ".ini"};
    if (*name == '.')
        return true;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        if (strncasecmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(name), size = strlen(endings[i]);
        if (length > size && strcasecmp(name + length - size, endings[i]) == 0)
            return true;
    }
    return false;
}

static enum tw_status add_photo(struct tw_lister *lister, const char *path, const char *label, struct tw_error *error)
{
    struct tw_item *item;
    enum tw_status status = tw_dataset_add(lister->dataset, path, path, &item, error);
    if (status == TW_OK && label != NULL)
        status = tw_lister_label(lister, item, label, error);
    return status;
}

/* Files below `folder` of one class; label NULL: none yet, sub-folders name theirs. */
static enum tw_status walk(struct tw_lister *lister, const char *folder, const char *label, int depth,
                           struct tw_error *error)
{
    struct tw_listing listing = {0};
    if (depth > MAX_DEPTH) {
        tw_log(lister->options->sink, TW_LOG_WARNING, "%s lies more than %d folders deep and is left out", folder,
               MAX_DEPTH);
        return TW_OK;
    }
    enum tw_status status = tw_storage_list(folder, &listing, error);
    for (size_t i = 0; i < listing.count && status == TW_OK; i++) {
        const struct tw_entry *entry = &listing.entries[i];
        if (*entry->name == '.' || (entry->kind != TW_ENTRY_FOLDER && tw_is_companion(entry->name)))
            continue;
        char *path = tw_uri_join(folder, entry->name);
        if (path == NULL)
            status = tw_fail_memory(error, 1, "a path");
        else if (entry->kind == TW_ENTRY_FOLDER)
            status = walk(lister, path, label != NULL ? label : entry->name, depth + 1, error);
        else
            status = add_photo(lister, path, label, error);
        tw_free(path);
    }
    tw_listing_release(&listing);
    return status;
}

enum tw_status tw_list_folder(struct tw_lister *lister, const char *folder, struct tw_error *error)
{
    return walk(lister, folder, NULL, 1, error);
}
