#include "dataset/dataset.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

double tw_split_point(const struct tw_digest *digest)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | digest->bytes[i];
    return (double)(bits >> 11) * 0x1p-53;
}

static enum tw_side side_by_rule(const struct tw_digest *content, double eval_share)
{
    return tw_split_point(content) < eval_share ? TW_SIDE_EVAL : TW_SIDE_TRAIN;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, TW_DIGEST_BYTES);
}

/* What an earlier split said of contents, sorted. */
struct memory {
    struct tw_digest *sides[2]; /* by enum tw_side */
    size_t counts[2];
};

static enum tw_status remember(const struct tw_kept_sides *kept, struct memory *memory, struct tw_error *error)
{
    const struct tw_kept_sides none = {0}, *from = kept != NULL ? kept : &none;
    const struct tw_digest *sources[2] = {[TW_SIDE_TRAIN] = from->train, [TW_SIDE_EVAL] = from->eval};
    memory->counts[TW_SIDE_TRAIN] = from->train_count;
    memory->counts[TW_SIDE_EVAL] = from->eval_count;
    for (size_t i = 0; i < 2; i++) {
        size_t count = memory->counts[i];
        memory->sides[i] = tw_alloc(count + 1, sizeof **memory->sides);
        if (memory->sides[i] == NULL)
            return tw_fail_memory(error, count * sizeof **memory->sides, "the sides of photos");
        if (count > 0)
            memcpy(memory->sides[i], sources[i], count * sizeof **memory->sides);
        qsort(memory->sides[i], count, sizeof **memory->sides, compare_digests);
    }
    return TW_OK;
}

static bool had_side(const struct memory *memory, const struct tw_item *item, enum tw_side *side)
{
    const struct tw_digest *content = &item->content;
    if (item->is_side_fixed)
        *side = item->side;
    for (int i = 0; i < 2 && !item->is_side_fixed; i++) {
        if (bsearch(content, memory->sides[i], memory->counts[i], sizeof *content, compare_digests) != NULL) {
            *side = (enum tw_side)i;
            return true;
        }
    }
    return item->is_side_fixed;
}

static bool are_one(const struct tw_item *a, const struct tw_item *b)
{
    return a->cluster > 0 || b->cluster > 0 ? a->cluster == b->cluster : tw_digest_equal(&a->content, &b->content);
}

/* By cluster, then content: what is one stands together. */
static int compare_items(const void *a, const void *b)
{
    const struct tw_item *left = *(struct tw_item *const *)a, *right = *(struct tw_item *const *)b;
    if (left->cluster != right->cluster)
        return left->cluster < right->cluster ? -1 : 1;
    return memcmp(left->content.bytes, right->content.bytes, TW_DIGEST_BYTES);
}

/* Items that are one, by content: new ones follow the first that had a side; without any, the rule for the lowest hash. */
static void place(struct tw_item *const *items, size_t count, double eval_share, const struct memory *memory,
                  size_t *apart)
{
    enum tw_side side = side_by_rule(&items[0]->content, eval_share), own = side;
    bool is_known = false;
    for (size_t i = 0; i < count && !is_known; i++)
        is_known = had_side(memory, items[i], &side);
    for (size_t i = 0; i < count; i++) {
        bool is_kept = is_known && had_side(memory, items[i], &own);
        items[i]->side = is_kept ? own : side;
        *apart += is_kept && own != side;
    }
}

/* Moves what is one with the item. */
static void move(struct tw_dataset *dataset, const struct tw_item *item, enum tw_side side)
{
    for (size_t i = 0; i < dataset->count; i++) {
        struct tw_item *other = &dataset->items[i];
        if (other->status == TW_ITEM_OK && !other->is_side_fixed && are_one(other, item))
            other->side = side;
    }
}

struct class_sides {
    size_t train, eval;
    const struct tw_item *lowest, *highest; /* of those that may move */
    const struct tw_item *first;
    bool is_one; /* all of them are */
};

static struct class_sides look_at(const struct tw_dataset *dataset, int64_t label)
{
    struct class_sides sides = {.is_one = true};
    for (size_t i = 0; i < dataset->count; i++) {
        const struct tw_item *item = &dataset->items[i];
        bool is_member = label < 0 && item->label_count == 0;
        for (size_t j = 0; j < item->label_count; j++)
            is_member = is_member || item->labels[j] == label;
        if (item->status != TW_ITEM_OK || !is_member)
            continue;
        if (item->side == TW_SIDE_EVAL)
            sides.eval++;
        else
            sides.train++;
        sides.first = sides.first != NULL ? sides.first : item;
        sides.is_one = sides.is_one && are_one(sides.first, item);
        if (item->is_side_fixed)
            continue;
        if (sides.lowest == NULL || memcmp(item->content.bytes, sides.lowest->content.bytes, TW_DIGEST_BYTES) < 0)
            sides.lowest = item;
        if (sides.highest == NULL || memcmp(item->content.bytes, sides.highest->content.bytes, TW_DIGEST_BYTES) > 0)
            sides.highest = item;
    }
    return sides;
}

enum tw_status tw_dataset_split(struct tw_dataset *dataset, double eval_share, bool at_least_one,
                                const struct tw_kept_sides *kept, size_t *apart, struct tw_error *error)
{
    struct memory memory = {0};
    struct tw_item **items = tw_alloc(dataset->count + 1, sizeof *items);
    enum tw_status status = items != NULL
                                ? remember(kept, &memory, error)
                                : tw_fail_memory(error, dataset->count * sizeof *items, "the sides of photos");
    size_t count = 0;
    *apart = 0;
    for (size_t i = 0; i < dataset->count && status == TW_OK; i++) {
        struct tw_item *item = &dataset->items[i];
        if (!item->is_side_fixed)
            item->side = side_by_rule(&item->content, eval_share);
        if (item->status == TW_ITEM_OK)
            items[count++] = item;
    }
    if (count > 0)
        qsort(items, count, sizeof *items, compare_items);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && are_one(items[first], items[end]);)
            end++;
        place(items + first, end - first, eval_share, &memory, apart);
    }
    for (int64_t label = -1; at_least_one && status == TW_OK && label < (int64_t)dataset->labels.count; label++) {
        struct class_sides sides = look_at(dataset, label);
        if (sides.lowest == NULL || sides.is_one)
            continue;
        if (sides.eval == 0)
            move(dataset, sides.lowest, TW_SIDE_EVAL);
        else if (sides.train == 0)
            move(dataset, sides.highest, TW_SIDE_TRAIN);
    }
    tw_free(items);
    tw_free(memory.sides[0]);
    tw_free(memory.sides[1]);
    return status;
}

enum tw_status tw_dataset_contents(const struct tw_dataset *dataset, enum tw_side side, struct tw_digest **contents,
                                   size_t *count, struct tw_error *error)
{
    size_t used = 0, kept = 0;
    struct tw_digest *found = tw_alloc(dataset->count + 1, sizeof *found);
    if (found == NULL)
        return tw_fail_memory(error, dataset->count * sizeof *found, "the sides of photos");
    for (size_t i = 0; i < dataset->count; i++) {
        if (dataset->items[i].status == TW_ITEM_OK && dataset->items[i].side == side)
            found[used++] = dataset->items[i].content;
    }
    qsort(found, used, sizeof *found, compare_digests);
    for (size_t i = 0; i < used; i++) {
        if (i == 0 || !tw_digest_equal(&found[i], &found[i - 1]))
            found[kept++] = found[i];
    }
    *contents = found;
    *count = kept;
    return TW_OK;
}
