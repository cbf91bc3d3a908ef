#include "tasks/alike.h"

#include "base/memory.h"
#include "base/threads.h"
#include "dataset/near.h"

#include <stdlib.h>

struct looking {
    struct tw_dataset *lists[2];
    size_t first; /* photos of the first list */
    struct tw_embedding_store *store;
    const struct tw_decode_policy *policy;
    const struct tw_task_options *task;
    struct tw_look *looks;
    const struct tw_look **seen; /* NULL: not seen */
};

static struct tw_item *item_of(const struct looking *l, size_t index)
{
    return index < l->first ? &l->lists[0]->items[index] : &l->lists[1]->items[index - l->first];
}

static enum tw_status look_at(void *context, size_t index, int worker, struct tw_error *error)
{
    struct looking *l = context;
    const struct tw_item *item = item_of(l, index);
    (void)worker;
    if (tw_is_stopped(l->task->sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted while comparing photos");
    if (item->status == TW_ITEM_OK && tw_look_load(l->store, item, l->policy, &l->task->limits, &l->looks[index]))
        l->seen[index] = &l->looks[index];
    return TW_OK;
}

/* Pairs join a photo with another one of its group: each gets the number of the group's first photo, + 1. */
static enum tw_status number(struct looking *l, size_t count, const struct tw_near_pair *pairs, size_t pair_count,
                             struct tw_error *error)
{
    size_t *firsts = tw_alloc(count + 1, sizeof *firsts);
    if (!firsts)
        return tw_fail_memory(error, count * sizeof *firsts, "comparing photos");
    for (size_t i = 0; i < count; i++)
        firsts[i] = i;
    for (size_t i = 0; i < pair_count; i++) {
        size_t a = pairs[i].first, b = pairs[i].second;
        while (firsts[a] != a)
            a = firsts[a] = firsts[firsts[a]];
        while (firsts[b] != b)
            b = firsts[b] = firsts[firsts[b]];
        firsts[a > b ? a : b] = a > b ? b : a;
    }
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        while (firsts[first] != first)
            first = firsts[first];
        if (first != i)
            item_of(l, i)->cluster = item_of(l, first)->cluster = first + 1;
    }
    tw_free(firsts);
    return TW_OK;
}

enum tw_status tw_photos_cluster(struct tw_dataset *photos, struct tw_dataset *others, struct tw_embedding_store *store,
                                 const struct tw_decode_policy *policy, const struct tw_task_options *task,
                                 struct tw_error *error)
{
    size_t count = photos->count + (others ? others->count : 0), pair_count = 0;
    struct looking l = {
        .lists = {photos, others}, .first = photos->count, .store = store, .policy = policy, .task = task};
    struct tw_near_pair *pairs = NULL;
    l.looks = tw_alloc(count + 1, sizeof *l.looks);
    l.seen = tw_alloc(count + 1, sizeof *l.seen);
    enum tw_status status =
        l.looks && l.seen ? TW_OK : tw_fail_memory(error, count * sizeof *l.looks, "comparing photos");
    if (!status)
        status = tw_parallel_for(task->threads, count, look_at, &l, error);
    if (!status)
        status = tw_near_find(l.seen, count, &tw_near_options_default, &pairs, &pair_count, error);
    if (!status)
        status = number(&l, count, pairs, pair_count, error);
    tw_free(pairs);
    tw_free(l.looks);
    tw_free(l.seen);
    return status;
}

static int compare(const void *a, const void *b)
{
    const struct tw_item *left = *(const struct tw_item *const *)a, *right = *(const struct tw_item *const *)b;
    return (left->cluster > right->cluster) - (left->cluster < right->cluster);
}

static const struct tw_item *find(const struct tw_item *const *items, size_t count, const struct tw_item *wanted)
{
    const struct tw_item *const *found = count ? bsearch(&wanted, items, count, sizeof *items, compare) : NULL;
    return found ? *found : NULL;
}

enum tw_status tw_photos_tell_shared(struct tw_dataset *photos, const struct tw_dataset *eval,
                                     const struct tw_sink *sink, struct tw_error *error)
{
    const struct tw_item **items = tw_alloc(eval->count + 1, sizeof *items), *first = NULL, *like = NULL;
    enum tw_status status = items ? TW_OK : tw_fail_memory(error, eval->count * sizeof *items, "comparing photos");
    size_t count = 0, shared = 0;
    for (size_t i = 0; i < eval->count && !status; i++) {
        if (eval->items[i].status == TW_ITEM_OK && eval->items[i].cluster)
            items[count++] = &eval->items[i];
    }
    if (count)
        qsort(items, count, sizeof *items, compare);
    for (size_t i = 0; i < photos->count && !status; i++) {
        struct tw_item *item = &photos->items[i];
        const struct tw_item *other = item->status == TW_ITEM_OK && item->cluster ? find(items, count, item) : NULL;
        if (!other)
            continue;
        char *text = tw_format("it looks like %s of the evaluation photos", other->uri);
        status = text ? tw_item_remark(item, text, error) : tw_fail_memory(error, 1, "a remark");
        tw_free(text);
        if (shared++ == 0)
            first = item, like = other;
    }
    if (!status && shared)
        tw_log(
            sink, TW_LOG_WARNING,
            "%zu of the photos to train on look%s like evaluation photos (%s like %s%s): the accuracy will look better "
            "than it is",
            shared, shared == 1 ? "s" : "", first->uri, like->uri, shared > 1 ? ", others in audit.csv" : "");
    tw_free(items);
    return status;
}
