#include "dataset/dataset.h"

#include "base/memory.h"

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

/* Puts every copy of a photo on one side. */
static void move(struct tw_dataset *dataset, const struct tw_digest *content, enum tw_side side)
{
    for (size_t i = 0; i < dataset->count; i++) {
        if (!dataset->items[i].is_side_fixed && tw_digest_equal(&dataset->items[i].content, content))
            dataset->items[i].side = side;
    }
}

struct class_sides {
    size_t train, eval, fixed;
    const struct tw_item *lowest, *highest; /* of those that may move */
};

static struct class_sides look_at(const struct tw_dataset *dataset, int64_t label)
{
    struct class_sides sides = {0};
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
        sides.fixed += item->is_side_fixed;
        if (item->is_side_fixed)
            continue;
        if (sides.lowest == NULL || memcmp(item->content.bytes, sides.lowest->content.bytes, TW_DIGEST_BYTES) < 0)
            sides.lowest = item;
        if (sides.highest == NULL || memcmp(item->content.bytes, sides.highest->content.bytes, TW_DIGEST_BYTES) > 0)
            sides.highest = item;
    }
    return sides;
}

void tw_dataset_split(struct tw_dataset *dataset, double eval_share, bool at_least_one,
                      const struct tw_kept_sides *kept)
{
    for (size_t i = 0; i < dataset->count; i++) {
        struct tw_item *item = &dataset->items[i];
        if (!item->is_side_fixed)
            item->side = side_by_rule(&item->content, eval_share);
    }
    for (size_t i = 0; kept != NULL && i < kept->eval_count; i++)
        move(dataset, &kept->eval[i], TW_SIDE_EVAL);
    for (size_t i = 0; kept != NULL && i < kept->train_count; i++)
        move(dataset, &kept->train[i], TW_SIDE_TRAIN);
    for (int64_t label = -1; at_least_one && label < (int64_t)dataset->labels.count; label++) {
        struct class_sides sides = look_at(dataset, label);
        bool is_alone = sides.lowest != NULL && sides.fixed == 0 &&
                        tw_digest_equal(&sides.lowest->content, &sides.highest->content);
        if (sides.lowest == NULL || is_alone)
            continue;
        if (sides.eval == 0)
            move(dataset, &sides.lowest->content, TW_SIDE_EVAL);
        else if (sides.train == 0)
            move(dataset, &sides.highest->content, TW_SIDE_TRAIN);
    }
}

enum tw_status tw_dataset_moved(const struct tw_dataset *dataset, double eval_share, enum tw_side side,
                                struct tw_digest **contents, size_t *count, struct tw_error *error)
{
    struct tw_digest *found = NULL;
    size_t used = 0, capacity = 0;
    for (size_t i = 0; i < dataset->count; i++) {
        const struct tw_item *item = &dataset->items[i];
        bool is_moved =
            item->status == TW_ITEM_OK && item->side == side && side_by_rule(&item->content, eval_share) != side;
        for (size_t j = 0; j < used && is_moved; j++)
            is_moved = !tw_digest_equal(&found[j], &item->content);
        if (!is_moved)
            continue;
        enum tw_status status = tw_grow((void **)&found, &capacity, used + 1, sizeof *found, error);
        if (status != TW_OK) {
            tw_free(found);
            return status;
        }
        found[used++] = item->content;
    }
    *contents = found;
    *count = used;
    return TW_OK;
}
