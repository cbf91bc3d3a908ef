/* The same photo more than once: under the same labels the later ones are left out, under different ones nobody knows which
 * is right, and all are. */
#include "base/memory.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    size_t item;
    const char *name; /* by which entries are compared: the whole path or the content in hex */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    if (order != 0)
        return order;
    return (left->item > right->item) - (left->item < right->item);
}

static const char *label_of(const struct tw_dataset *dataset, const struct tw_item *item)
{
    return item->label_count > 0 ? dataset->labels.names[item->labels[0]] : "no label";
}

static enum tw_status skip_conflict(const struct tw_dataset *dataset, struct tw_item *item, const struct tw_item *other,
                                    struct tw_error *error)
{
    char *reason = tw_format("the same photo stands under %s and, as %s, under %s", label_of(dataset, item), other->uri,
                             label_of(dataset, other));
    enum tw_status status = reason != NULL ? tw_item_skip(item, reason, error) : tw_fail_memory(error, 1, "a reason");
    item->cause = TW_SKIP_CONFLICT;
    tw_free(reason);
    return status;
}

static enum tw_status skip_double(struct tw_item *item, const struct tw_item *first, struct tw_error *error)
{
    char *reason = tw_format("the same photo is listed before, as %s", first->uri);
    enum tw_status status = reason != NULL ? tw_item_skip(item, reason, error) : tw_fail_memory(error, 1, "a reason");
    item->cause = TW_SKIP_COPY;
    tw_free(reason);
    return status;
}

/* The decision of a person about one of the copies, where there is one and no other contradicts it; else NULL. */
static const struct tw_item *decision(const struct tw_item *items, const struct entry *entries, size_t count)
{
    const struct tw_item *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct tw_item *item = &items[entries[i].item];
        if (item->is_corrected && found != NULL && !tw_item_has_same_labels(item, found))
            return NULL;
        if (item->is_corrected && found == NULL)
            found = item;
    }
    return found;
}

/* Of copies under different labels the one that a person decided about stays. */
static enum tw_status follow_decision(const struct tw_dataset *dataset, const struct tw_item *decided,
                                      const struct entry *entries, size_t count, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        struct tw_item *item = &dataset->items[entries[i].item];
        if (item == decided)
            continue;
        char *reason =
            tw_format("the corrections say that this photo is %s, as %s", label_of(dataset, decided), decided->uri);
        status = reason != NULL ? tw_item_skip(item, reason, error) : tw_fail_memory(error, 1, "a reason");
        item->cause = TW_SKIP_CORRECTION;
        tw_free(reason);
    }
    return status;
}

/* entries [0, count) are one photo. */
static enum tw_status judge_group(struct tw_dataset *dataset, const struct entry *entries, size_t count,
                                  bool keeps_copies, struct tw_error *error)
{
    struct tw_item *items = dataset->items;
    size_t other = 0;
    for (size_t i = 1; i < count && other == 0; i++) {
        if (!tw_item_has_same_labels(&items[entries[0].item], &items[entries[i].item]))
            other = i;
    }
    const struct tw_item *decided = other != 0 ? decision(items, entries, count) : NULL;
    if (decided != NULL)
        return follow_decision(dataset, decided, entries, count, error);
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        struct tw_item *item = &items[entries[i].item];
        if (other != 0) {
            bool is_as_first = tw_item_has_same_labels(item, &items[entries[0].item]);
            status = skip_conflict(dataset, item, &items[entries[is_as_first ? other : 0].item], error);
        } else if (i > 0 && !keeps_copies) {
            status = skip_double(item, &items[entries[0].item], error);
        }
    }
    return status;
}

static enum tw_status judge_groups(struct tw_dataset *dataset, struct entry *entries, size_t count, bool keeps_copies,
                                   struct tw_error *error)
{
    enum tw_status status = TW_OK;
    qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t first = 0; first < count && status == TW_OK;) {
        size_t end = first + 1;
        while (end < count && strcmp(entries[end].name, entries[first].name) == 0)
            end++;
        if (end - first > 1)
            status = judge_group(dataset, entries + first, end - first, keeps_copies, error);
        first = end;
    }
    return status;
}

static enum tw_status mark(struct tw_dataset *dataset, char *(*name_of)(const struct tw_item *item), bool keeps_copies,
                           struct tw_error *error)
{
    struct entry *entries = tw_alloc(dataset->count + 1, sizeof *entries);
    char **names = tw_alloc(dataset->count + 1, sizeof *names);
    size_t count = 0;
    enum tw_status status = entries != NULL && names != NULL ? TW_OK : tw_fail_memory(error, 1, "comparing photos");
    for (size_t i = 0; i < dataset->count && status == TW_OK; i++) {
        if (dataset->items[i].status != TW_ITEM_OK || dataset->items[i].is_kept)
            continue;
        names[count] = name_of(&dataset->items[i]);
        if (names[count] == NULL)
            status = tw_fail_memory(error, 1, "comparing photos");
        else
            entries[count] = (struct entry){i, names[count]}, count++;
    }
    if (status == TW_OK)
        status = judge_groups(dataset, entries, count, keeps_copies, error);
    for (size_t i = 0; i < count; i++)
        tw_free(names[i]);
    tw_free(names);
    tw_free(entries);
    return status;
}

static char *path_of(const struct tw_item *item)
{
    return tw_uri_normal(item->location);
}

static char *content_of(const struct tw_item *item)
{
    char hex[TW_DIGEST_HEX];
    tw_digest_hex(&item->content, hex);
    return tw_strdup(hex);
}

enum tw_status tw_mark_doubles(struct tw_dataset *dataset, struct tw_error *error)
{
    return mark(dataset, path_of, false, error);
}

enum tw_status tw_mark_conflicting_copies(struct tw_dataset *dataset, struct tw_error *error)
{
    return mark(dataset, content_of, true, error);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, TW_DIGEST_BYTES);
}

/* What supersedes, and what gives way: contents in order. */
struct contents {
    struct tw_digest *digests;
    size_t count;
};

static bool contains(const struct contents *contents, const struct tw_digest *content)
{
    return contents->count > 0 &&
           bsearch(content, contents->digests, contents->count, sizeof *contents->digests, compare_digests) != NULL;
}

static void drop_kept(struct tw_dataset *dataset, const struct contents *listed)
{
    size_t left = 0;
    for (size_t i = 0; i < dataset->count; i++) {
        struct tw_item *item = &dataset->items[i];
        if (!item->is_kept || !contains(listed, &item->content)) {
            dataset->items[left++] = *item;
            continue;
        }
        tw_free(item->uri);
        tw_free(item->location);
        tw_free(item->labels);
        tw_free(item->reason);
    }
    dataset->count = left;
}

enum tw_status tw_dataset_supersede(struct tw_dataset *dataset, struct tw_error *error)
{
    struct contents listed = {.digests = tw_alloc(dataset->count + 1, sizeof *listed.digests)};
    struct contents sides[2] = {{.digests = tw_alloc(dataset->count + 1, sizeof *listed.digests)},
                                {.digests = tw_alloc(dataset->count + 1, sizeof *listed.digests)}};
    enum tw_status status = TW_OK;
    if (listed.digests == NULL || sides[0].digests == NULL || sides[1].digests == NULL)
        status = tw_fail_memory(error, 3 * dataset->count * sizeof *listed.digests, "comparing photos");
    for (size_t i = 0; i < dataset->count && status == TW_OK; i++) {
        const struct tw_item *item = &dataset->items[i];
        struct contents *to = item->is_kept ? &sides[item->side] : &listed;
        if (item->is_kept || item->status == TW_ITEM_OK)
            to->digests[to->count++] = item->content;
    }
    struct contents *const all[] = {&listed, &sides[TW_SIDE_TRAIN], &sides[TW_SIDE_EVAL]};
    for (size_t i = 0; i < 3 && status == TW_OK; i++)
        qsort(all[i]->digests, all[i]->count, sizeof *all[i]->digests, compare_digests);
    for (size_t i = 0; i < dataset->count && status == TW_OK; i++) {
        struct tw_item *item = &dataset->items[i];
        bool was_eval = contains(&sides[TW_SIDE_EVAL], &item->content);
        if (item->is_kept || (!was_eval && !contains(&sides[TW_SIDE_TRAIN], &item->content)))
            continue;
        item->side = was_eval ? TW_SIDE_EVAL : TW_SIDE_TRAIN;
        item->is_side_fixed = true;
    }
    if (status == TW_OK)
        drop_kept(dataset, &listed);
    for (size_t i = 0; i < 3; i++)
        tw_free(all[i]->digests);
    return status;
}
