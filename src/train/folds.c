#include "train/folds.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "train/solver.h"

#include <stdlib.h>

struct place {
    size_t class, row;
    uint64_t hash; /* of the embedding's bytes, under the seed */
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->class != right->class)
        return left->class < right->class ? -1 : 1;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static uint64_t hash_of(const float *embedding, size_t width, uint64_t seed)
{
    uint32_t low = tw_crc32c(0, embedding, width * sizeof *embedding);
    uint32_t high = tw_crc32c(low ^ 0x5bd1e995u, embedding, width * sizeof *embedding);
    return tw_random_at(seed, (uint64_t)high << 32 | low, 0);
}

/* Different embeddings of the class whose places start at `first`. */
static size_t count_different(const struct place *places, size_t first, size_t count)
{
    size_t different = 0;
    for (size_t i = first; i < count && places[i].class == places[first].class; i++)
        different += i == first || places[i].hash != places[i - 1].hash;
    return different;
}

static void deal(const struct place *places, size_t count, size_t fold_count, uint8_t *folds)
{
    size_t next = 0; /* goes on from class to class, so that folds are of one size */
    for (size_t i = 0; i < count;) {
        size_t first = i;
        bool is_alone = count_different(places, first, count) == 1;
        for (; i < count && places[i].class == places[first].class; i++) {
            next += i > first && places[i].hash != places[i - 1].hash;
            folds[places[i].row] = (uint8_t)(is_alone ? TW_NEVER_HELD_OUT : next % fold_count);
        }
        next += !is_alone;
    }
}

enum tw_status tw_folds_make(const struct tw_examples *examples, const size_t *classes, uint64_t seed, size_t most,
                             uint8_t *folds, size_t *fold_count, struct tw_error *error)
{
    size_t count = examples->count, greatest = 0;
    struct place *places = tw_alloc(count, sizeof *places);
    if (places == NULL)
        return tw_fail_memory(error, count * sizeof *places, "folds");
    for (size_t i = 0; i < count; i++)
        places[i] =
            (struct place){classes[i], i, hash_of(examples->embeddings + i * examples->width, examples->width, seed)};
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && places[i].class == places[i - 1].class)
            continue;
        size_t different = count_different(places, i, count);
        greatest = different > greatest ? different : greatest;
    }
    *fold_count = greatest < most ? greatest : most;
    if (*fold_count >= 2)
        deal(places, count, *fold_count, folds);
    tw_free(places);
    return TW_OK;
}
