#include "base/memory.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <stdio.h>
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

/* Folders being looked through, the input's first: walked in through links too, which could lead back. */
struct walk {
    struct tw_lister *lister;
    char *roots[MAX_DEPTH + 1]; /* real paths of the input and of what links led to */
    size_t root_count;
};

static enum tw_status add_photo(struct tw_lister *lister, const char *path, const char *label, struct tw_error *error)
{
    struct tw_item *item;
    enum tw_status status = tw_dataset_add(lister->dataset, path, path, &item, error);
    if (status == TW_OK && label != NULL)
        status = tw_lister_label(lister, item, label, error);
    return status;
}

/* A folder that is left out has its row too. */
static enum tw_status skip_folder(struct tw_lister *lister, const char *path, const char *reason,
                                  struct tw_error *error)
{
    struct tw_item *item;
    enum tw_status status = tw_dataset_add(lister->dataset, path, path, &item, error);
    return status == TW_OK ? tw_item_skip(item, reason, error) : status;
}

static bool is_photo_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++) {
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    }
    return false;
}

/* Whether `path` is `folder` or lies in it. */
static bool lies_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 &&
           (path[length] == 0 || path[length] == '/' || folder[length - 1] == '/');
}

static enum tw_status walk_folder(struct walk *walk, const char *folder, const char *label, int depth,
                                  struct tw_error *error);

/* Goes into a sub-folder. One that is a link leads out of all that is looked through already, or it is left out: it would
 * be a loop, or bring the same photos under another label. */
static enum tw_status enter(struct walk *walk, const char *folder, const char *real_parent,
                            const struct tw_entry *entry, const char *label, int depth, struct tw_error *error)
{
    struct tw_lister *lister = walk->lister;
    size_t before = lister->dataset->count, roots = walk->root_count;
    char *path = tw_uri_join(folder, entry->name), *straight = tw_uri_join(real_parent, entry->name);
    char *real = path != NULL ? tw_uri_real(path) : NULL;
    enum tw_status status = TW_OK;
    bool is_inside = false;
    if (path == NULL || straight == NULL) {
        status = tw_fail_memory(error, 1, "a path");
        goto done;
    }
    bool is_link = real != NULL && strcmp(real, straight) != 0;
    for (size_t i = 0; i < walk->root_count && is_link; i++)
        is_inside = is_inside || lies_in(real, walk->roots[i]);
    if (depth > MAX_DEPTH) {
        char reason[64];
        snprintf(reason, sizeof reason, "it lies more than %d folders deep", MAX_DEPTH - 1);
        status = skip_folder(lister, path, reason, error);
        goto done;
    }
    if (is_inside) {
        status = skip_folder(lister, path, "it is a link to a folder that is looked through anyway", error);
        goto done;
    }
    if (is_link)
        walk->roots[walk->root_count++] = real;
    status = walk_folder(walk, path, label != NULL ? label : entry->name, depth, error);
    walk->root_count = roots;
    if (status == TW_OK && lister->dataset->count == before && is_photo_name(entry->name))
        status = skip_folder(lister, path, "it is a folder, and an empty one", error);
done:
    tw_free(real);
    tw_free(straight);
    tw_free(path);
    return status;
}

/* Files below `folder` of one class; label NULL: none yet, sub-folders name theirs. */
static enum tw_status walk_folder(struct walk *walk, const char *folder, const char *label, int depth,
                                  struct tw_error *error)
{
    struct tw_listing listing = {0};
    struct tw_error why = {0};
    enum tw_status status = tw_storage_list(folder, &listing, &why);
    if (status != TW_OK && status != TW_NO_MEMORY && depth > 1)
        return skip_folder(walk->lister, folder, why.text, error);
    char *real = status == TW_OK ? tw_uri_real(folder) : NULL;
    if (status != TW_OK)
        status = tw_fail(error, status, "%s", why.text);
    else if (real == NULL)
        status = tw_fail_memory(error, strlen(folder), "a path");
    else if (depth == 1)
        walk->roots[walk->root_count++] = real;
    for (size_t i = 0; i < listing.count && status == TW_OK; i++) {
        const struct tw_entry *entry = &listing.entries[i];
        if (*entry->name == '.' || (entry->kind != TW_ENTRY_FOLDER && tw_is_companion(entry->name)))
            continue;
        if (entry->kind == TW_ENTRY_FOLDER) {
            status = enter(walk, folder, real, entry, label, depth + 1, error);
            continue;
        }
        char *path = tw_uri_join(folder, entry->name);
        status = path != NULL ? add_photo(walk->lister, path, label, error) : tw_fail_memory(error, 1, "a path");
        tw_free(path);
    }
    tw_free(real);
    tw_listing_release(&listing);
    return status;
}

enum tw_status tw_list_folder(struct tw_lister *lister, const char *folder, struct tw_error *error)
{
    struct walk walk = {.lister = lister};
    return walk_folder(&walk, folder, NULL, 1, error);
}
