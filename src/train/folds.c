#include "train/folds.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "train/solver.h"

#include <stdlib.h>
#include <string.h>

struct place {
    size_t class, row;
    uint64_t hash; /* of the embedding's bytes, under the seed; in a group both are those of its lowest hash */
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
        for (; i < count && places[i].class == places[first].class; i++) {
            next += i > first && places[i].hash != places[i - 1].hash;
            folds[places[i].row] = (uint8_t)(next % fold_count);
        }
        next++;
    }
}

/* Every row of a group stands where the row with the group's lowest hash does. */
static enum tw_status gather_groups(const struct tw_examples *examples, struct place *places, struct tw_error *error)
{
    size_t count = examples->count, most = 0;
    if (examples->groups == NULL)
        return TW_OK;
    for (size_t i = 0; i < count; i++)
        most = examples->groups[i] > most ? examples->groups[i] : most;
    struct place *firsts = tw_alloc(most + 1, sizeof *firsts);
    bool *has_first = tw_alloc(most + 1, sizeof *has_first);
    if (firsts == NULL || has_first == NULL) {
        tw_free(firsts);
        tw_free(has_first);
        return tw_fail_memory(error, most * sizeof *firsts, "folds");
    }
    for (size_t i = 0; i < count; i++) {
        size_t group = examples->groups[i];
        if (!has_first[group] || places[i].hash < firsts[group].hash)
            firsts[group] = places[i];
        has_first[group] = true;
    }
    for (size_t i = 0; i < count; i++) {
        places[i].class = firsts[examples->groups[i]].class;
        places[i].hash = firsts[examples->groups[i]].hash;
    }
    tw_free(firsts);
    tw_free(has_first);
    return TW_OK;
}

/* A class that lies in one fold alone would be unknown to what is learnt without it. */
static enum tw_status keep_lone_classes(const size_t *classes, size_t count, uint8_t *folds, struct tw_error *error)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = classes[i] > most ? classes[i] : most;
    enum { UNSEEN = 254 };
    uint8_t *only = tw_alloc(most + 1, sizeof *only);
    if (only == NULL)
        return tw_fail_memory(error, most, "folds");
    memset(only, UNSEEN, most + 1);
    for (size_t i = 0; i < count; i++) {
        uint8_t *fold = &only[classes[i]];
        *fold = *fold == UNSEEN || *fold == folds[i] ? folds[i] : TW_NEVER_HELD_OUT;
    }
    for (size_t i = 0; i < count; i++) {
        if (only[classes[i]] != TW_NEVER_HELD_OUT)
            folds[i] = TW_NEVER_HELD_OUT;
    }
    tw_free(only);
    return TW_OK;
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
    enum tw_status status = gather_groups(examples, places, error);
    if (status == TW_OK)
        qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        if (i > 0 && places[i].class == places[i - 1].class)
            continue;
        size_t different = count_different(places, i, count);
        greatest = different > greatest ? different : greatest;
    }
    *fold_count = greatest < most ? greatest : most;
    if (status == TW_OK && *fold_count >= 2) {
        deal(places, count, *fold_count, folds);
        status = keep_lone_classes(classes, count, folds, error);
    }
    tw_free(places);
    return status;
}
