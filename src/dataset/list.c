#include "dataset/dataset.h"

#include "base/memory.h"
#include "base/text.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_LABELS_OF_A_PHOTO = 1024 };

static enum tw_status insert_label(struct tw_item *item, int64_t id, struct tw_error *error)
{
    size_t at = 0;
    while (at < item->label_count && item->labels[at] < id)
        at++;
    if (at < item->label_count && item->labels[at] == id)
        return TW_OK;
    if (item->label_count >= MAX_LABELS_OF_A_PHOTO)
        return tw_fail(error, TW_LIMIT, "%s has more than %d labels", item->uri, MAX_LABELS_OF_A_PHOTO);
    int64_t *grown = tw_realloc(item->labels, item->label_count + 1, sizeof *grown);
    if (grown == NULL)
        return tw_fail_memory(error, sizeof *grown, "labels");
    memmove(grown + at + 1, grown + at, (item->label_count - at) * sizeof *grown);
    grown[at] = id;
    item->labels = grown;
    item->label_count++;
    return TW_OK;
}

static enum tw_status remark_on_label(struct tw_item *item, const char *name, struct tw_error *error)
{
    char *remark = tw_format("unknown label %s ignored", name);
    enum tw_status status = remark != NULL ? tw_item_remark(item, remark, error) : tw_fail_memory(error, 1, "a remark");
    tw_free(remark);
    return status;
}

static enum tw_status add_label(struct tw_lister *lister, struct tw_item *item, const char *name,
                                struct tw_error *error)
{
    size_t id;
    struct tw_error why = {0};
    if (*name == 0)
        return TW_OK;
    if (tw_label_check(name, &why) != TW_OK)
        return tw_item_remark(item, why.text, error);
    if (tw_labels_find(&lister->dataset->labels, name, &id))
        return insert_label(item, (int64_t)id, error);
    if (lister->has_fixed_labels)
        return remark_on_label(item, name, error);
    enum tw_status status = tw_labels_add(&lister->dataset->labels, name, &id, error);
    return status == TW_OK ? insert_label(item, (int64_t)id, error) : status;
}

enum tw_status tw_lister_label(struct tw_lister *lister, struct tw_item *item, const char *name, struct tw_error *error)
{
    if (lister->options->is_prediction)
        return TW_OK;
    struct tw_span text = tw_label_trimmed(tw_span_of_text(name));
    char *trimmed = tw_strndup((const char *)text.data, text.size);
    enum tw_status status =
        trimmed != NULL ? add_label(lister, item, trimmed, error) : tw_fail_memory(error, text.size, "a label");
    tw_free(trimmed);
    return status;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);
    return length >= size && strcasecmp(text + length - size, end) == 0;
}

static enum tw_status list_one(struct tw_lister *lister, const char *uri, struct tw_error *error);

static enum tw_status list_glob(struct tw_lister *lister, const char *pattern, struct tw_error *error)
{
    struct tw_listing found = {0};
    enum tw_status status = tw_storage_glob(pattern, &found, error);
    if (status == TW_OK && found.count == 0)
        status = tw_fail(error, TW_NOT_FOUND, "no file matches %s", pattern);
    for (size_t i = 0; i < found.count && status == TW_OK; i++)
        status = list_one(lister, found.entries[i].name, error);
    tw_listing_release(&found);
    return status;
}

static enum tw_status list_one(struct tw_lister *lister, const char *uri, struct tw_error *error)
{
    enum tw_entry_kind kind;
    uint64_t size;
    struct tw_item *item;
    enum tw_status status = tw_storage_kind(uri, &kind, &size, error);
    if (status != TW_OK)
        return status;
    if (kind == TW_ENTRY_FOLDER)
        return tw_list_folder(lister, uri, error);
    if (kind == TW_ENTRY_MISSING && strpbrk(uri, "*?[") != NULL)
        return list_glob(lister, uri, error);
    if (kind == TW_ENTRY_MISSING && lister->options->is_prediction) {
        if ((status = tw_dataset_add(lister->dataset, uri, uri, &item, error)) != TW_OK)
            return status;
        return tw_item_skip(item, "there is no such file", error);
    }
    if (kind == TW_ENTRY_MISSING)
        return tw_fail(error, TW_NOT_FOUND, "there is no file or folder %s", uri);
    if (ends_with(uri, ".csv"))
        return tw_list_csv(lister, uri, error);
    return tw_dataset_add(lister->dataset, uri, uri, &item, error);
}

static enum tw_status take_fixed_labels(struct tw_lister *lister, struct tw_error *error)
{
    const struct tw_list_options *options = lister->options;
    struct tw_labels *labels = &lister->dataset->labels;
    enum tw_status status = TW_OK;
    size_t id;
    lister->has_fixed_labels = options->labels_uri != NULL || options->known_labels != NULL;
    if (options->labels_uri != NULL)
        return tw_labels_read(options->labels_uri, labels, error);
    for (size_t i = 0; options->known_labels != NULL && i < options->known_labels->count && status == TW_OK; i++)
        status = tw_labels_add(labels, options->known_labels->names[i], &id, error);
    return status;
}

/* The kept items, which have their labels' ids already, and those labels. */
static enum tw_status take_kept(struct tw_lister *lister, struct tw_error *error)
{
    const struct tw_dataset *kept = lister->options->kept;
    enum tw_status status = TW_OK;
    size_t id;
    for (size_t i = 0; kept != NULL && i < kept->labels.count && status == TW_OK; i++)
        status = tw_labels_add(&lister->dataset->labels, kept->labels.names[i], &id, error);
    for (size_t i = 0; kept != NULL && i < kept->count && status == TW_OK; i++) {
        const struct tw_item *from = &kept->items[i];
        struct tw_item *item;
        status = tw_dataset_add(lister->dataset, from->uri, from->location, &item, error);
        for (size_t j = 0; status == TW_OK && j < from->label_count; j++)
            status = insert_label(item, from->labels[j], error);
        if (status != TW_OK)
            break;
        item->width = from->width;
        item->height = from->height;
        item->content = from->content;
        item->side = from->side;
        item->is_kept = item->is_side_fixed = true;
    }
    return status;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Found labels get ids behind the `first` ones in the order of their names' bytes, whatever the order in which they came. */
static enum tw_status sort_labels(struct tw_dataset *dataset, size_t first, struct tw_error *error)
{
    size_t *places = tw_alloc(dataset->labels.count + 1, sizeof *places);
    if (places == NULL)
        return tw_fail_memory(error, dataset->labels.count * sizeof *places, "labels");
    enum tw_status status = tw_labels_sort(&dataset->labels, first, places, error);
    for (size_t i = 0; i < dataset->count && status == TW_OK; i++) {
        struct tw_item *item = &dataset->items[i];
        for (size_t j = 0; j < item->label_count; j++)
            item->labels[j] = (int64_t)places[item->labels[j]];
        if (item->label_count > 1)
            qsort(item->labels, item->label_count, sizeof *item->labels, compare_ids);
    }
    tw_free(places);
    return status;
}

/* What can be said of an item before anything is read. */
static enum tw_status judge(struct tw_dataset *dataset, struct tw_error *error)
{
    for (size_t i = 0; i < dataset->count; i++) {
        struct tw_item *item = &dataset->items[i];
        enum tw_entry_kind kind = TW_ENTRY_FILE;
        uint64_t size;
        enum tw_status status = TW_OK;
        if (item->status != TW_ITEM_OK || item->is_kept)
            continue;
        struct tw_error why = {0};
        if (tw_storage_kind(item->location, &kind, &size, &why) != TW_OK)
            status = tw_item_skip(item, why.text, error);
        else if (kind == TW_ENTRY_MISSING)
            status = tw_item_skip(item, "there is no such file", error);
        else if (kind != TW_ENTRY_FILE)
            status = tw_item_skip(item, kind == TW_ENTRY_FOLDER ? "it is a folder" : "it is no regular file", error);
        if (status != TW_OK)
            return status;
    }
    return TW_OK;
}

/* An item all of whose labels are unknown is skipped; one that never had any is unlabelled. */
static enum tw_status judge_labels(struct tw_dataset *dataset, struct tw_error *error)
{
    for (size_t i = 0; i < dataset->count; i++) {
        struct tw_item *item = &dataset->items[i];
        enum tw_status status = TW_OK;
        if (item->status != TW_ITEM_OK || item->label_count > 0)
            continue;
        if (item->reason != NULL) {
            item->status = TW_ITEM_SKIPPED;
        } else {
            status = tw_item_remark(item, "no label", error);
        }
        if (status != TW_OK)
            return status;
    }
    return TW_OK;
}

enum tw_status tw_dataset_list(const char *const *inputs, size_t input_count, const struct tw_list_options *options,
                               struct tw_dataset *dataset, struct tw_error *error)
{
    struct tw_dataset made = {0};
    struct tw_lister lister = {.options = options, .dataset = &made};
    enum tw_status status = take_fixed_labels(&lister, error);
    if (status == TW_OK)
        status = take_kept(&lister, error);
    for (size_t i = 0; i < input_count && status == TW_OK; i++)
        status = list_one(&lister, inputs[i], error);
    if (status == TW_OK && options->corrections_uri != NULL)
        status = tw_lister_correct(&lister, options->corrections_uri, error);
    if (status == TW_OK)
        status = judge(&made, error);
    if (status == TW_OK && !options->is_prediction) {
        if (!lister.has_fixed_labels)
            status = sort_labels(&made, options->kept != NULL ? options->kept->labels.count : 0, error);
        if (status == TW_OK)
            status = judge_labels(&made, error);
        if (status == TW_OK)
            status = tw_mark_doubles(&made, error);
    }
    if (status == TW_OK)
        *dataset = made;
    else
        tw_dataset_release(&made);
    return status;
}
