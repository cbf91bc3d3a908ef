#include "train/doubt.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* The most doubtful first; rows decide between equals. */
static int compare(const void *a, const void *b)
{
    const struct tw_doubt *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static struct tw_doubt doubt_of(const float *log_scores, size_t class_count, size_t row, int64_t label)
{
    struct tw_doubt doubt = {.row = row, .label = label, .suggested = -1};
    for (size_t c = 0; c < class_count; c++) {
        double probability = exp((double)log_scores[c]);
        if ((int64_t)c == label)
            doubt.own = probability;
        else if (doubt.suggested < 0 || probability > doubt.other)
            doubt.suggested = (int64_t)c, doubt.other = probability;
    }
    doubt.rank = doubt.own - doubt.other;
    return doubt;
}

/* A class's threshold is the mean probability of its label among the rows that bear it. */
static enum tw_status mark_suspects(struct tw_doubt *doubts, size_t count, size_t class_count, struct tw_error *error)
{
    double *sums = tw_alloc(class_count, sizeof *sums);
    size_t *rows = tw_alloc(class_count, sizeof *rows);
    enum tw_status status = sums != NULL && rows != NULL ? TW_OK : tw_fail_memory(error, class_count, "thresholds");
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        sums[doubts[i].label] += doubts[i].own;
        rows[doubts[i].label]++;
    }
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        struct tw_doubt *d = &doubts[i];
        if (rows[d->suggested] == 0)
            continue;
        double usual = sums[d->suggested] / (double)rows[d->suggested], own = sums[d->label] / (double)rows[d->label];
        d->is_suspect = d->other >= usual && d->own < own && d->other > d->own;
    }
    tw_free(sums);
    tw_free(rows);
    return status;
}

enum tw_status tw_doubt_by_scores(const struct tw_examples *examples, const float *log_scores, size_t class_count,
                                  struct tw_doubt **doubts, size_t *count, struct tw_error *error)
{
    struct tw_doubt *made = tw_alloc(examples->count + 1, sizeof *made);
    size_t used = 0;
    if (made == NULL)
        return tw_fail_memory(error, examples->count * sizeof *made, "doubtful labels");
    for (size_t row = 0; row < examples->count; row++) {
        size_t first = examples->label_starts[row];
        if (examples->label_starts[row + 1] - first == 1)
            made[used++] = doubt_of(log_scores + row * class_count, class_count, row, examples->labels[first]);
    }
    enum tw_status status = mark_suspects(made, used, class_count, error);
    if (status != TW_OK) {
        tw_free(made);
        return status;
    }
    qsort(made, used, sizeof *made, compare);
    *doubts = made;
    *count = used;
    return TW_OK;
}

enum tw_status tw_doubt_find(const struct tw_examples *examples, const struct tw_recipe_options *options,
                             struct tw_doubt **doubts, size_t *count, struct tw_error *error)
{
    size_t size = examples->count * options->class_count;
    struct tw_recipe_options asking = *options;
    struct tw_head head = {0};
    float *scores = tw_alloc(size, sizeof *scores);
    if (scores == NULL)
        return tw_fail_memory(error, size * sizeof *scores, "held out scores");
    for (size_t i = 0; i < size; i++)
        scores[i] = NAN;
    asking.held_out_log_scores = scores;
    enum tw_status status = options->class_count < 2
                                ? tw_fail(error, TW_UNSUPPORTED, "one class alone leaves nothing to doubt")
                                : tw_recipe_find("auto")->train(examples, &asking, &head, error);
    tw_head_release(&head);
    if (status == TW_OK && size > 0 && isnan(scores[0]))
        status = tw_fail(error, TW_UNSUPPORTED,
                         "the labels of %zu examples cannot be judged: too few or too many for cross-validation",
                         examples->count);
    if (status == TW_OK)
        status = tw_doubt_by_scores(examples, scores, options->class_count, doubts, count, error);
    tw_free(scores);
    return status;
}
