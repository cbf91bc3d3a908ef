#include "engine/plan.h"

enum { ALIGNMENT = 64 };

static bool overlap_in_time(const struct slot *a, const struct slot *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool needs_place(const struct slot *slots, int i)
{
    return slots[i].root == i && slots[i].constant == NULL && slots[i].bytes > 0 && slots[i].first <= slots[i].last;
}

/* The lowest gap that holds `slot` among those already placed and alive with it. */
static size_t lowest_gap(const struct slot *slots, const bool *is_placed, int count, const struct slot *slot)
{
    size_t at = 0;
    for (bool has_moved = true; has_moved;) {
        has_moved = false;
        for (int i = 0; i < count; i++) {
            const struct slot *other = &slots[i];
            if (is_placed[i] && overlap_in_time(other, slot) && at < other->arena_offset + other->bytes &&
                other->arena_offset < at + slot->bytes) {
                at = (other->arena_offset + other->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
                has_moved = true;
            }
        }
    }
    return at;
}

/* Greatest first: a known good greedy order for offset assignment (Pisarchyk and Lee, 2020). */
size_t tw_place_slots(struct slot *slots, int count)
{
    bool *is_placed = tw_alloc((size_t)count + 1, sizeof *is_placed);
    size_t end = 0;
    if (is_placed == NULL)
        return SIZE_MAX;
    for (;;) {
        int greatest = -1;
        for (int i = 0; i < count; i++) {
            if (needs_place(slots, i) && !is_placed[i] && (greatest < 0 || slots[i].bytes > slots[greatest].bytes))
                greatest = i;
        }
        if (greatest < 0)
            break;
        struct slot *slot = &slots[greatest];
        slot->arena_offset = lowest_gap(slots, is_placed, count, slot);
        is_placed[greatest] = true;
        end = slot->arena_offset + slot->bytes > end ? slot->arena_offset + slot->bytes : end;
    }
    tw_free(is_placed);
    return end;
}
