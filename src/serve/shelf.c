#include "serve/shelf.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void release_entry(struct tw_shelf_entry *entry)
{
    tw_served_put(entry->served);
    tw_free(entry->name);
    tw_free(entry->reason);
}

static void release_labels(struct tw_store_label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tw_free(labels[i].name);
    tw_free(labels);
}

void tw_shelf_release(struct tw_shelf *shelf)
{
    for (size_t i = 0; i < shelf->entry_count; i++)
        release_entry(&shelf->entries[i]);
    release_labels(shelf->labels, shelf->label_count);
    tw_free(shelf->entries);
    tw_free(shelf->name);
    tw_free(shelf->description);
    tw_free(shelf->complaint);
    *shelf = (struct tw_shelf){0};
}

struct tw_shelf_entry *tw_shelf_find(const struct tw_shelf *shelf, int64_t number)
{
    for (size_t i = 0; i < shelf->entry_count; i++) {
        if (shelf->entries[i].number == number)
            return &shelf->entries[i];
    }
    return NULL;
}

/* Multiples of the golden ratio, less their whole parts, fill 0 to 1 as evenly as numbers can: each label owns a piece of that line
 * as long as its share, so that shares are kept at any moment and without chance. */
static int64_t deal(struct tw_shelf *shelf)
{
    static const double golden_ratio = 0.6180339887498949;
    unsigned long n = atomic_fetch_add(&shelf->asked, 1);
    double place = (double)(n % 1000000007) * golden_ratio, end = 0;
    place -= floor(place);
    for (size_t i = 0; i < shelf->label_count; i++) {
        end += shelf->labels[i].share;
        if (place < end)
            return shelf->labels[i].number;
    }
    return shelf->default_number;
}

struct tw_shelf_entry *tw_shelf_named(struct tw_shelf *shelf, const char *version)
{
    if (!version)
        return tw_shelf_find(shelf, deal(shelf));
    for (size_t i = 0; i < shelf->label_count; i++) {
        if (strcmp(shelf->labels[i].name, version) == 0)
            return tw_shelf_find(shelf, shelf->labels[i].number);
    }
    char number[24];
    for (size_t i = 0; i < shelf->entry_count; i++) {
        struct tw_shelf_entry *entry = &shelf->entries[i];
        snprintf(number, sizeof number, "%lld", (long long)entry->number);
        if (strcmp(number, version) == 0 || (entry->name && strcmp(entry->name, version) == 0))
            return entry;
    }
    return NULL;
}

static int compare_entries(const void *a, const void *b)
{
    const struct tw_shelf_entry *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static enum tw_status add_entry(struct tw_shelf *shelf, const struct tw_store_version *version, struct tw_error *error)
{
    enum tw_status status = tw_grow((void **)&shelf->entries, &shelf->entry_capacity, shelf->entry_count + 1,
                                    sizeof *shelf->entries, error);
    char *name = !status && version->name ? tw_strdup(version->name) : NULL;
    if (status || (version->name && !name))
        return status ? status : tw_fail_memory(error, 1, "a version's name");
    shelf->entries[shelf->entry_count++] = (struct tw_shelf_entry){
        .number = version->number, .name = name, .is_foreign = version->is_foreign, .state = TW_SERVED_LOADING};
    qsort(shelf->entries, shelf->entry_count, sizeof *shelf->entries, compare_entries);
    return TW_OK;
}

static bool has_version(const struct tw_store_model *model, int64_t number)
{
    for (size_t i = 0; i < model->version_count; i++) {
        if (model->versions[i].number == number)
            return true;
    }
    return false;
}

enum tw_status tw_shelf_follow(struct tw_shelf *shelf, const struct tw_store_model *model, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < model->version_count && !status; i++) {
        if (!tw_shelf_find(shelf, model->versions[i].number))
            status = add_entry(shelf, &model->versions[i], error);
    }
    return status;
}

static bool is_stood_for(const struct tw_shelf *shelf, int64_t number)
{
    bool is_one = shelf->default_number == number;
    for (size_t i = 0; i < shelf->label_count && !is_one; i++)
        is_one = shelf->labels[i].number == number;
    return is_one;
}

void tw_shelf_drop(struct tw_shelf *shelf, const struct tw_store_model *model, struct tw_served **gone,
                   size_t *gone_count)
{
    size_t kept = 0;
    *gone_count = 0;
    for (size_t i = 0; i < shelf->entry_count; i++) {
        struct tw_shelf_entry *entry = &shelf->entries[i];
        bool is_needed =
            model->version_count > 0 && entry->state == TW_SERVED_AVAILABLE && is_stood_for(shelf, entry->number);
        if (has_version(model, entry->number) || is_needed) {
            shelf->entries[kept++] = *entry;
            continue;
        }
        if (entry->served)
            gone[(*gone_count)++] = entry->served;
        entry->served = NULL;
        release_entry(entry);
    }
    shelf->entry_count = kept;
}

static bool is_available(const struct tw_shelf *shelf, int64_t number)
{
    const struct tw_shelf_entry *entry = tw_shelf_find(shelf, number);
    return entry && entry->state == TW_SERVED_AVAILABLE;
}

/* Where a label stood before, 0: nowhere. */
static int64_t stood_for(const struct tw_shelf *shelf, const char *label)
{
    for (size_t i = 0; i < shelf->label_count; i++) {
        if (strcmp(shelf->labels[i].name, label) == 0)
            return shelf->labels[i].number;
    }
    return 0;
}

enum tw_status tw_shelf_settle(struct tw_shelf *shelf, const struct tw_store_model *model, struct tw_error *error)
{
    struct tw_store_label *labels = tw_alloc(model->label_count + 1, sizeof *labels);
    char *description = tw_strdup(model->description);
    if (!labels || !description) {
        tw_free(labels);
        tw_free(description);
        return tw_fail_memory(error, model->label_count, "a model's labels");
    }
    size_t count = 0;
    for (size_t i = 0; i < model->label_count; i++) {
        const struct tw_store_label *wanted = &model->labels[i];
        int64_t number = is_available(shelf, wanted->number) ? wanted->number : stood_for(shelf, wanted->name);
        char *name = is_available(shelf, number) ? tw_strdup(wanted->name) : NULL;
        if (name)
            labels[count++] = (struct tw_store_label){name, number, wanted->share};
    }
    release_labels(shelf->labels, shelf->label_count);
    tw_free(shelf->description);
    shelf->labels = labels;
    shelf->label_count = count;
    shelf->description = description;
    if (is_available(shelf, model->default_number) || !is_available(shelf, shelf->default_number))
        shelf->default_number = model->default_number;
    return TW_OK;
}
