/* Fingerprints of 8 bytes that differ in 7 bits at most agree in one byte at least: photos are put into buckets by each byte,
 * and only those that share one are compared. */
#include "dataset/near.h"

#include "base/memory.h"

enum { BYTES = 8, VALUES = 256, MOST_WITH_TURNS = 200000 };
static const float even_contrast = 2;

const struct tw_near_options tw_near_options_default = {.max_distance = 7, .min_likeness = 0.95};

struct search {
    const struct tw_look *const *looks;
    size_t count;
    struct tw_near_options options;
    size_t *members[BYTES]; /* photos in the order of that byte */
    size_t starts[BYTES][VALUES + 1];
    size_t *parents; /* union-find */
    struct tw_near_pair *pairs;
    size_t pair_count, pair_capacity;
};

static bool is_used(const struct search *search, size_t photo)
{
    return search->looks[photo] != NULL && search->looks[photo]->contrast >= even_contrast;
}

static unsigned byte_of(uint64_t fingerprint, int byte)
{
    return (unsigned)(fingerprint >> (8 * byte)) & 0xff;
}

static void fill_buckets(struct search *search, int byte)
{
    size_t at[VALUES] = {0}, sum = 0;
    for (size_t i = 0; i < search->count; i++) {
        if (is_used(search, i))
            at[byte_of(search->looks[i]->fingerprint, byte)]++;
    }
    for (int value = 0; value < VALUES; value++) {
        search->starts[byte][value] = sum;
        sum += at[value];
        at[value] = search->starts[byte][value];
    }
    search->starts[byte][VALUES] = sum;
    for (size_t i = 0; i < search->count; i++) {
        if (is_used(search, i))
            search->members[byte][at[byte_of(search->looks[i]->fingerprint, byte)]++] = i;
    }
}

static size_t root_of(struct search *search, size_t photo)
{
    while (search->parents[photo] != photo)
        photo = search->parents[photo] = search->parents[search->parents[photo]];
    return photo;
}

/* Joins two photos that are alike; the lower one is the group's first. */
static enum tw_status consider(struct search *search, size_t first, int turn, uint64_t fingerprint, size_t second,
                               struct tw_error *error)
{
    const struct tw_look *a = search->looks[first], *b = search->looks[second];
    if (tw_look_distance(fingerprint, b->fingerprint) > search->options.max_distance)
        return TW_OK;
    size_t left = root_of(search, first), right = root_of(search, second);
    double likeness = left == right ? 0 : tw_look_likeness(a, turn, b);
    if (left == right || likeness < search->options.min_likeness)
        return TW_OK;
    enum tw_status status =
        tw_grow((void **)&search->pairs, &search->pair_capacity, search->pair_count + 1, sizeof *search->pairs, error);
    if (status != TW_OK)
        return status;
    search->pairs[search->pair_count++] = (struct tw_near_pair){first, second, turn, likeness};
    search->parents[left > right ? left : right] = left > right ? right : left;
    return TW_OK;
}

static enum tw_status search_from(struct search *search, size_t photo, int turn, struct tw_error *error)
{
    uint64_t fingerprint = tw_look_turned(search->looks[photo]->fingerprint, turn);
    enum tw_status status = TW_OK;
    for (int byte = 0; byte < BYTES; byte++) {
        unsigned value = byte_of(fingerprint, byte);
        for (size_t i = search->starts[byte][value]; i < search->starts[byte][value + 1] && status == TW_OK; i++) {
            if (search->members[byte][i] > photo)
                status = consider(search, photo, turn, fingerprint, search->members[byte][i], error);
        }
    }
    return status;
}

static enum tw_status prepare(struct search *search, struct tw_error *error)
{
    search->parents = tw_alloc(search->count + 1, sizeof *search->parents);
    bool is_complete = search->parents != NULL;
    for (int byte = 0; byte < BYTES; byte++) {
        search->members[byte] = tw_alloc(search->count + 1, sizeof *search->members[byte]);
        is_complete = is_complete && search->members[byte] != NULL;
    }
    if (!is_complete)
        return tw_fail_memory(error, (BYTES + 1) * search->count * sizeof *search->parents, "comparing photos");
    for (size_t i = 0; i < search->count; i++)
        search->parents[i] = i;
    for (int byte = 0; byte < BYTES; byte++)
        fill_buckets(search, byte);
    return TW_OK;
}

enum tw_status tw_near_find(const struct tw_look *const *looks, size_t count, const struct tw_near_options *options,
                            struct tw_near_pair **pairs, size_t *pair_count, struct tw_error *error)
{
    struct search search = {.looks = looks, .count = count, .options = *options};
    int turns = count > MOST_WITH_TURNS ? 1 : TW_LOOK_TURNS;
    enum tw_status status = prepare(&search, error);
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        for (int turn = 0; turn < turns && status == TW_OK && is_used(&search, i); turn++)
            status = search_from(&search, i, turn, error);
    }
    for (int byte = 0; byte < BYTES; byte++)
        tw_free(search.members[byte]);
    tw_free(search.parents);
    if (status != TW_OK) {
        tw_free(search.pairs);
        return status;
    }
    *pairs = search.pairs;
    *pair_count = search.pair_count;
    return TW_OK;
}
