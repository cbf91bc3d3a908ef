#include "base/memory.h"
#include "tasks/example_set.h"

#include <stdlib.h>
#include <string.h>

enum { NO_ROW = -1 };

struct split {
    const struct tw_example_set *set;
    struct tw_digest *digests; /* of the keys */
    bool *is_eval;
};

/* Rows of one label on each side, and those whose keys have the lowest and the highest hash. */
struct class_sides {
    size_t train, eval;
    int64_t lowest, highest;
};

static int compare(const struct split *split, int64_t a, int64_t b)
{
    return memcmp(split->digests[a].bytes, split->digests[b].bytes, TW_DIGEST_BYTES);
}

static void count_row(const struct split *split, int64_t row, struct class_sides *sides)
{
    if (split->is_eval[row])
        sides->eval++;
    else
        sides->train++;
    if (sides->lowest == NO_ROW || compare(split, row, sides->lowest) < 0)
        sides->lowest = row;
    if (sides->highest == NO_ROW || compare(split, row, sides->highest) > 0)
        sides->highest = row;
}

/* Rows of one key stay together. */
static void move(struct split *split, int64_t row, bool is_eval)
{
    for (size_t i = 0; i < split->set->count; i++) {
        if (tw_digest_equal(&split->digests[i], &split->digests[row]))
            split->is_eval[i] = is_eval;
    }
}

static enum tw_status keep_one_of_each(struct split *split, struct tw_error *error)
{
    const struct tw_example_set *set = split->set;
    size_t class_count = (size_t)(set->greatest_label + 2); /* the last one: unlabelled */
    struct class_sides *classes = tw_alloc(class_count, sizeof *classes);
    if (!classes)
        return tw_fail_memory(error, class_count * sizeof *classes, "the sides of the records");
    for (size_t i = 0; i < class_count; i++)
        classes[i].lowest = classes[i].highest = NO_ROW;
    for (size_t i = 0; i < set->count; i++) {
        if (set->starts[i] == set->starts[i + 1])
            count_row(split, (int64_t)i, &classes[class_count - 1]);
        for (size_t j = set->starts[i]; j < set->starts[i + 1]; j++)
            count_row(split, (int64_t)i, &classes[set->labels[j]]);
    }
    for (size_t i = 0; i < class_count; i++) {
        const struct class_sides *sides = &classes[i];
        if (sides->lowest == NO_ROW || compare(split, sides->lowest, sides->highest) == 0)
            continue;
        if (sides->eval == 0)
            move(split, sides->lowest, true);
        else if (sides->train == 0)
            move(split, sides->highest, false);
    }
    tw_free(classes);
    return TW_OK;
}

/* Rows of the eval side are copied out, the others close up. */
static enum tw_status take_out(struct tw_example_set *set, const bool *is_eval, struct tw_example_set *eval,
                               struct tw_error *error)
{
    size_t kept = 0, labels = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct tw_example_row row = tw_example_set_row(set, i);
        enum tw_status status = is_eval[i] ? tw_example_set_add(eval, &row, error) : TW_OK;
        if (status)
            return status;
    }
    set->has_unlabelled = false;
    set->greatest_label = -1;
    for (size_t i = 0; i < set->count; i++) {
        size_t first = set->starts[i], end = set->starts[i + 1];
        if (is_eval[i]) {
            tw_free(set->keys[i]);
            continue;
        }
        memmove(set->embeddings + kept * set->width, set->embeddings + i * set->width, set->width * sizeof(float));
        set->digests[kept] = set->digests[i];
        set->clusters[kept] = set->clusters[i];
        set->keys[kept] = set->keys[i];
        set->starts[kept++] = labels;
        for (size_t j = first; j < end; j++) {
            set->greatest_label = set->labels[j] > set->greatest_label ? set->labels[j] : set->greatest_label;
            set->labels[labels++] = set->labels[j];
        }
        set->has_unlabelled |= first == end;
    }
    set->count = kept;
    set->starts[kept] = set->label_count = labels;
    return TW_OK;
}

enum tw_status tw_example_set_split(struct tw_example_set *train, double eval_share, struct tw_example_set *eval,
                                    struct tw_error *error)
{
    struct split split = {.set = train};
    split.digests = tw_alloc(train->count, sizeof *split.digests);
    split.is_eval = tw_alloc(train->count, sizeof *split.is_eval);
    enum tw_status status = split.digests && split.is_eval ? TW_OK
                                                           : tw_fail_memory(error, train->count * sizeof *split.digests,
                                                                            "the sides of the records");
    for (size_t i = 0; i < train->count && !status; i++) {
        status = tw_digest_of(tw_span_of_text(train->keys[i]), &split.digests[i], error);
        split.is_eval[i] = !status && tw_split_point(&split.digests[i]) < eval_share;
    }
    if (!status)
        status = keep_one_of_each(&split, error);
    if (!status)
        status = take_out(train, split.is_eval, eval, error);
    tw_free(split.digests);
    tw_free(split.is_eval);
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum tw_status tw_example_set_shared_keys(const struct tw_example_set *a, const struct tw_example_set *b, size_t *count,
                                          struct tw_error *error)
{
    char **keys = tw_alloc(b->count, sizeof *keys);
    if (!keys)
        return tw_fail_memory(error, b->count * sizeof *keys, "comparing keys");
    for (size_t i = 0; i < b->count; i++)
        keys[i] = b->keys[i];
    qsort(keys, b->count, sizeof *keys, compare_keys);
    *count = 0;
    for (size_t i = 0; i < a->count; i++)
        *count += bsearch(&a->keys[i], keys, b->count, sizeof *keys, compare_keys) != NULL;
    tw_free(keys);
    return TW_OK;
}
