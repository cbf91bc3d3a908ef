#include "base/memory.h"
#include "train/large.h"

#include <string.h>

enum { SAMPLE_ROWS = 16384, SHIFT_ROWS = 4096 };
static const double strengths[] = {0.003, 0.03, 0.1, 0.3, 0.6, 0.9}, sample_strength = 0.3;

/* The mean of the first rows, which are a sample as any other: they lie by their digests. */
static enum tw_status find_shift(struct tw_large *l, enum tw_map map, struct tw_error *error)
{
    size_t count = l->examples->count < SHIFT_ROWS ? l->examples->count : SHIFT_ROWS;
    float *values = tw_alloc(count * l->width, sizeof *values);
    double *sums = tw_alloc(l->width, sizeof *sums);
    l->rows = (struct tw_rows){.examples = l->examples, .map = map, .threads = l->threads};
    enum tw_status status = values != NULL && sums != NULL
                                ? tw_rows_load(&l->rows, NULL, 0, count, values, error)
                                : tw_fail_memory(error, count * l->width * sizeof *values, "a sample");
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        for (size_t j = 0; j < l->width; j++)
            sums[j] += (double)values[i * l->width + j];
    }
    for (size_t j = 0; j < l->width && status == TW_OK; j++)
        l->shift[j] = (float)(sums[j] / (double)count);
    l->rows.shift = l->shift;
    tw_free(values);
    tw_free(sums);
    return status == TW_OK ? tw_rows_load(&l->rows, l->held, 0, l->held_out.count, l->held_values, error) : status;
}

/* Of the first `count` rows. */
static enum tw_status gather(struct tw_large *l, size_t count, const char *stage, struct tw_error *error)
{
    size_t block_rows = tw_large_block_rows(l);
    float *values = tw_alloc(block_rows * l->width, sizeof *values);
    tw_statistics_release(&l->statistics);
    enum tw_status status = values != NULL ? tw_statistics_init(&l->statistics, l->width, l->classes, error)
                                           : tw_fail_memory(error, block_rows * l->width * sizeof *values, "a block");
    for (size_t first = 0; first < count && status == TW_OK; first += block_rows) {
        size_t size = count - first < block_rows ? count - first : block_rows;
        if (tw_is_stopped(l->options->sink))
            status = tw_fail(error, TW_INTERRUPTED, "interrupted while choosing the head");
        if (status == TW_OK)
            status = tw_rows_load(&l->rows, NULL, first, size, values, error);
        const struct tw_block block = {.examples = l->examples,
                                       .unlabelled_class = l->options->unlabelled_class,
                                       .is_left_out = l->is_held,
                                       .first = first,
                                       .count = size,
                                       .values = values,
                                       .threads = l->threads};
        if (status == TW_OK)
            status = tw_statistics_add(&l->statistics, &block, error);
        tw_progress(l->options->sink,
                    &(struct tw_progress){.stage = stage, .unit = "rows", .done = first + size, .total = count});
    }
    tw_free(values);
    return status == TW_OK ? tw_statistics_to_lda(&l->statistics, &l->lda, error) : status;
}

enum tw_status tw_large_gather(struct tw_large *large, struct tw_error *error)
{
    return gather(large, large->examples->count, "covariance", error);
}

static enum tw_status judge(struct tw_large *l, double shrinkage, struct tw_rule *rule, struct tw_error *error)
{
    const struct tw_large_candidate candidate = {
        .head = "shrinkage LDA", .strength_name = "shrinkage", .map = l->rows.map, .strength = shrinkage};
    enum tw_status status = tw_lda_solve(&l->lda, shrinkage, rule->weights, rule->biases, error);
    return status == TW_OK ? tw_large_judge(l, candidate, rule, error) : status;
}

enum tw_status tw_large_choose_map(struct tw_large *l, struct tw_error *error)
{
    bool is_signed = false;
    const struct tw_examples *e = l->examples;
    size_t sample = e->count < SAMPLE_ROWS ? e->count : SAMPLE_ROWS;
    for (size_t i = 0; i < e->count * e->width && !is_signed; i++)
        is_signed = e->embeddings[i] < 0;
    if (is_signed)
        return find_shift(l, TW_MAP_PLAIN, error);
    const enum tw_map maps[] = {TW_MAP_PLAIN, TW_MAP_SQRT};
    double losses[2] = {0};
    struct tw_rule rule = {0};
    enum tw_status status = tw_rule_init(&rule, l->width, l->classes, error);
    for (size_t m = 0; m < 2 && status == TW_OK; m++) {
        status = find_shift(l, maps[m], error);
        if (status == TW_OK)
            status = gather(l, sample, "sample", error);
        if (status == TW_OK)
            status = judge(l, sample_strength, &rule, error);
        losses[m] = status == TW_OK ? l->candidates[--l->candidate_count].judgement.loss : 0;
    }
    tw_rule_release(&rule);
    return status == TW_OK && losses[0] < losses[1] ? find_shift(l, TW_MAP_PLAIN, error) : status;
}

enum tw_status tw_large_fit_lda(struct tw_large *l, size_t *best, struct tw_rule *rule, struct tw_error *error)
{
    size_t first = l->candidate_count, values = l->held_out.count * l->classes;
    enum tw_status status = TW_OK;
    *best = first;
    for (size_t i = 0; i < sizeof strengths / sizeof *strengths; i++) {
        status = judge(l, strengths[i], rule, error);
        if (status == TW_UNSUPPORTED) /* singular: no candidate */
            continue;
        if (status != TW_OK)
            return status;
        size_t last = l->candidate_count - 1;
        if (last == first || l->candidates[last].judgement.loss < l->candidates[*best].judgement.loss) {
            *best = last;
            memcpy(l->best_log_scores, l->log_scores, values * sizeof *l->log_scores);
        }
    }
    if (l->candidate_count == first)
        return status;
    return tw_lda_solve(&l->lda, l->candidates[*best].strength, rule->weights, rule->biases, error);
}
