#include "train/large.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "train/multiply.h"
#include "train/recipes.h"

#include <math.h>
#include <string.h>

enum { MOST_BLOCK_ROWS = 4096, LEAST_BLOCK_ROWS = 64, MOST_HELD = 20000 };
static const size_t most_block_values = 1 << 24, most_held_scores = 2000000;
/* A bias that rules a class out. */
static const float ruled_out = -1e4f;

enum tw_status tw_rule_init(struct tw_rule *rule, size_t width, size_t classes, struct tw_error *error)
{
    *rule = (struct tw_rule){tw_alloc(width * classes, sizeof *rule->weights), tw_alloc(classes, sizeof *rule->biases)};
    if (rule->weights != NULL && rule->biases != NULL)
        return TW_OK;
    tw_rule_release(rule);
    return tw_fail_memory(error, width * classes * sizeof *rule->weights, "a linear rule");
}

void tw_rule_release(struct tw_rule *rule)
{
    tw_free(rule->weights);
    tw_free(rule->biases);
    *rule = (struct tw_rule){0};
}

size_t tw_large_block_rows(const struct tw_large *large)
{
    size_t widest = large->width > large->classes ? large->width : large->classes, rows = most_block_values / widest;
    rows = rows < MOST_BLOCK_ROWS ? rows : MOST_BLOCK_ROWS;
    return rows > LEAST_BLOCK_ROWS ? rows : LEAST_BLOCK_ROWS;
}

enum tw_status tw_large_judge(struct tw_large *l, struct tw_large_candidate candidate, const struct tw_rule *rule,
                              struct tw_error *error)
{
    const struct tw_held_out *h = &l->held_out;
    enum tw_status status =
        tw_grow((void **)&l->candidates, &l->candidate_capacity, l->candidate_count + 1, sizeof *l->candidates, error);
    if (status == TW_OK)
        status = tw_multiply(l->held_values, rule->weights, h->count, l->classes, l->width, l->log_scores, l->threads,
                             error);
    if (status != TW_OK)
        return status;
    for (size_t row = 0; row < h->count; row++) {
        for (size_t c = 0; c < l->classes; c++)
            l->log_scores[row * l->classes + c] += rule->biases[c];
    }
    candidate.temperature = tw_temperature_fit(h, l->log_scores);
    tw_temperature_apply(h, candidate.temperature, l->log_scores);
    candidate.judgement = tw_judge(h, l->log_scores);
    l->candidates[l->candidate_count++] = candidate;
    tw_log(l->options->sink, TW_LOG_DEBUG, "%s on %s, %s %g: log loss %.4f, accuracy %.4f", candidate.head,
           tw_map_name(candidate.map), candidate.strength_name, candidate.strength, candidate.judgement.loss,
           candidate.judgement.accuracy);
    return TW_OK;
}

/* Rows evenly spread over the set, which lies by its rows' digests; never a class's only row, nor one of a group. */
static enum tw_status keep_aside(struct tw_large *l, struct tw_error *error)
{
    const struct tw_examples *e = l->examples;
    size_t wanted = e->count / 10, most = most_held_scores / l->classes;
    wanted = wanted < most ? wanted : most;
    wanted = wanted < MOST_HELD ? wanted : MOST_HELD;
    l->is_held = tw_alloc(e->count, sizeof *l->is_held);
    l->held = tw_alloc(wanted + 1, sizeof *l->held);
    size_t *counts = tw_alloc(l->classes, sizeof *counts), *sizes = tw_alloc(e->count + 1, sizeof *sizes), taken = 0;
    if (l->is_held == NULL || l->held == NULL || counts == NULL || sizes == NULL) {
        tw_free(counts);
        tw_free(sizes);
        return tw_fail_memory(error, e->count, "the rows kept aside");
    }
    for (size_t row = 0; row < e->count; row++) {
        const struct tw_row_classes of = tw_row_classes_of(e, row, &l->options->unlabelled_class);
        for (size_t i = 0; i < of.count; i++)
            counts[of.classes[i]]++;
        if (e->groups != NULL)
            sizes[e->groups[row]]++;
    }
    for (size_t row = 0; row < e->count && taken < wanted; row++) {
        const struct tw_row_classes of = tw_row_classes_of(e, row, &l->options->unlabelled_class);
        bool is_due = (double)(row + 1) * (double)wanted >= (double)(taken + 1) * (double)e->count;
        bool is_free = of.count > 0 && (e->groups == NULL || sizes[e->groups[row]] == 1);
        for (size_t i = 0; i < of.count; i++)
            is_free = is_free && counts[of.classes[i]] > 1;
        if (!is_due || !is_free)
            continue;
        for (size_t i = 0; i < of.count; i++)
            counts[of.classes[i]]--;
        l->held[taken++] = row;
        l->is_held[row] = true;
    }
    tw_free(counts);
    tw_free(sizes);
    l->held_out = (struct tw_held_out){.count = taken, .classes = l->classes};
    return taken > 0 ? TW_OK : tw_fail(error, TW_UNSUPPORTED, "no example can be kept aside to judge a head on");
}

static enum tw_status prepare(struct tw_large *l, struct tw_error *error)
{
    enum tw_status status = keep_aside(l, error);
    size_t held = l->held_out.count, scores = held * l->classes;
    if (status != TW_OK)
        return status;
    l->shift = tw_alloc(l->width, sizeof *l->shift);
    l->held_values = tw_alloc(held * l->width, sizeof *l->held_values);
    l->targets = tw_alloc(scores, sizeof *l->targets);
    l->log_scores = tw_alloc(scores, sizeof *l->log_scores);
    l->best_log_scores = tw_alloc(scores, sizeof *l->best_log_scores);
    l->folds = tw_alloc(held, sizeof *l->folds);
    if (l->shift == NULL || l->held_values == NULL || l->targets == NULL || l->log_scores == NULL ||
        l->best_log_scores == NULL || l->folds == NULL)
        return tw_fail_memory(error, held * l->width * sizeof *l->held_values, "the rows kept aside");
    for (size_t i = 0; i < held; i++)
        tw_examples_target(l->examples, l->held[i], l->options->unlabelled_class, l->targets + i * l->classes,
                           l->classes);
    l->held_out.targets = l->targets;
    l->held_out.folds = l->folds;
    status = tw_lda_init(&l->lda, l->width, l->classes, error);
    l->lda.threads = l->threads;
    return status;
}

/* The rows that were kept aside to judge by are learnt from in the end. */
static enum tw_status add_held(struct tw_large *l, struct tw_error *error)
{
    const struct tw_block block = {.examples = l->examples,
                                   .unlabelled_class = l->options->unlabelled_class,
                                   .which = l->held,
                                   .count = l->held_out.count,
                                   .values = l->held_values,
                                   .threads = l->threads};
    enum tw_status status = tw_statistics_add(&l->statistics, &block, error);
    return status == TW_OK ? tw_statistics_to_lda(&l->statistics, &l->lda, error) : status;
}

static enum tw_status build(const struct tw_large *l, const struct tw_large_candidate *chosen,
                            const struct tw_rule *rule, struct tw_head *head, struct tw_error *error)
{
    struct tw_head made = {.branch_count = 1, .branches = {{.weight = 1}}};
    enum tw_status status = tw_map_to_branch(chosen->map, l->width, &made.branches[0], error);
    struct tw_stage *dense =
        status == TW_OK ? tw_branch_add(&made.branches[0], TW_STAGE_DENSE, l->width, l->classes) : NULL;
    if (status == TW_OK && dense == NULL)
        status = tw_fail_memory(error, l->width * l->classes * sizeof(float), "the head");
    for (size_t c = 0; c < l->classes && status == TW_OK; c++) {
        double bias = (double)rule->biases[c];
        for (size_t i = 0; i < l->width; i++) {
            double weight = (double)rule->weights[i * l->classes + c];
            bias -= (double)l->shift[i] * weight;
            dense->weights[i * l->classes + c] = (float)(weight / chosen->temperature);
        }
        dense->bias[c] = l->lda.class_weights[c] > 0 ? (float)(bias / chosen->temperature) : ruled_out;
    }
    if (status != TW_OK)
        tw_head_release(&made);
    else
        *head = made;
    return status;
}

static enum tw_status put_candidate(struct tw_buffer *out, const struct tw_large_candidate *c, struct tw_error *error)
{
    return tw_buffer_printf(out, error,
                            "{\"head\":\"%s\",\"of\":\"%s\",\"%s\":%.6g,\"temperature\":%.6g,\"log_loss\":%.6g,"
                            "\"accuracy\":%.6g}",
                            c->head, tw_map_name(c->map), c->strength_name, c->strength, c->temperature,
                            c->judgement.loss, c->judgement.accuracy);
}

static enum tw_status describe(const struct tw_large *l, const struct tw_large_candidate *chosen,
                               struct tw_error *error)
{
    struct tw_buffer *out = l->options->choice_json;
    if (out == NULL)
        return TW_OK;
    enum tw_status status = tw_buffer_printf(
        out, error,
        "{\"recipe\":\"auto\",\"seed\":%llu,\"held_out\":%zu,\"log_loss\":%.6g,\"accuracy\":%.6g,\"chosen\":[",
        (unsigned long long)l->options->seed, l->held_out.count, chosen->judgement.loss, chosen->judgement.accuracy);
    if (status == TW_OK)
        status = put_candidate(out, chosen, error);
    for (size_t i = 0; i < l->candidate_count && status == TW_OK; i++) {
        status = tw_buffer_append_text(out, i == 0 ? "],\"candidates\":[" : ",", error);
        if (status == TW_OK)
            status = put_candidate(out, &l->candidates[i], error);
    }
    return status == TW_OK ? tw_buffer_append_text(out, "]}", error) : status;
}

static void large_release(struct tw_large *l)
{
    void *const blocks[] = {l->shift,      l->is_held,         l->held,  l->held_values, l->targets,
                            l->log_scores, l->best_log_scores, l->folds, l->candidates};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        tw_free(blocks[i]);
    tw_statistics_release(&l->statistics);
    tw_lda_release(&l->lda);
}

/* LDA, then logistic regression that starts from it; the latter is taken where it is better by more than a standard error. */
static enum tw_status choose(struct tw_large *l, struct tw_rule *rule, size_t *chosen, struct tw_error *error)
{
    struct tw_rule fitted = {0};
    size_t trained = 0;
    enum tw_status status = tw_large_fit_lda(l, chosen, rule, error);
    if (status == TW_OK)
        status = tw_large_fit_logistic(l, *chosen, rule, &trained, &fitted, error);
    if (status == TW_OK && fitted.weights != NULL) {
        struct tw_difference gain = tw_compare(&l->held_out, l->best_log_scores, l->log_scores);
        if (gain.mean > gain.standard_error) {
            *chosen = trained;
            struct tw_rule other = *rule;
            *rule = fitted, fitted = other;
            tw_rule_release(&fitted);
            return TW_OK;
        }
    }
    tw_rule_release(&fitted);
    if (status == TW_OK)
        status = add_held(l, error);
    return status == TW_OK ? tw_lda_solve(&l->lda, l->candidates[*chosen].strength, rule->weights, rule->biases, error)
                           : status;
}

enum tw_status tw_large_train(const struct tw_examples *examples, const struct tw_recipe_options *options,
                              struct tw_head *head, struct tw_error *error)
{
    struct tw_large l = {.examples = examples,
                         .options = options,
                         .width = examples->width,
                         .classes = options->class_count,
                         .threads = options->threads > 0 ? options->threads : 1};
    struct tw_rule rule = {0};
    size_t chosen = 0;
    enum tw_status status = prepare(&l, error);
    if (status == TW_OK)
        status = tw_large_choose_map(&l, error);
    if (status == TW_OK)
        status = tw_large_gather(&l, error);
    if (status == TW_OK)
        status = tw_rule_init(&rule, l.width, l.classes, error);
    if (status == TW_OK)
        status = choose(&l, &rule, &chosen, error);
    if (status == TW_OK)
        status = build(&l, &l.candidates[chosen], &rule, head, error);
    if (status == TW_OK)
        status = describe(&l, &l.candidates[chosen], error);
    if (status == TW_OK) {
        const struct tw_large_candidate *c = &l.candidates[chosen];
        tw_log(
            options->sink, TW_LOG_INFO,
            "head: %s on %s (%s %g); of %zu tried on %zu examples kept aside it has the least log loss or the simpler "
            "rule (%.4f, accuracy %.4f)",
            c->head, tw_map_name(c->map), c->strength_name, c->strength, l.candidate_count, l.held_out.count,
            c->judgement.loss, c->judgement.accuracy);
    }
    tw_rule_release(&rule);
    large_release(&l);
    return status;
}
