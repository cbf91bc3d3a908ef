#include "engine/choices.h"

#include "base/memory.h"
#include "engine/isa.h"
#include "engine/plan.h"
#include "engine/steps/convolution.h"

#include <math.h>
#include <string.h>

const struct tw_tuning tw_tuning_quick = {.rounds = 1, .runs = 5}, tw_tuning_full = {.rounds = 3, .runs = 9};

static const double gain_wanted = 1.03;
enum { MOST_PLANS = 16 }; /* each is a compiled network */

struct cutting {
    const struct tw_choices *choices;
    const struct tw_graph *graph;
    struct tw_choices *cut;
    enum tw_precision precision;
    bool has_own; /* a row of that precision */
    size_t missing;
};

/* A convolution may end up in another precision than the network's: see the planners of plan.c. */
static enum tw_status cut_node(struct cutting *c, const struct tw_node *node, struct tw_error *error)
{
    static const enum tw_precision precisions[] = {TW_PRECISION_F32, TW_PRECISION_BF16, TW_PRECISION_INT8};
    enum tw_status status = TW_OK;
    bool is_found = false;
    for (size_t i = 0; status == TW_OK && i < sizeof precisions / sizeof *precisions; i++) {
        char key[TW_KEY_SIZE];
        tw_convolution_key(c->graph, node, tw_precision_name(precisions[i]), key);
        const char *algorithm = tw_choices_find(c->choices, key);
        bool is_other = precisions[i] == TW_PRECISION_BF16 && c->precision != TW_PRECISION_BF16;
        if (algorithm == NULL || is_other)
            continue;
        is_found = true;
        c->has_own = c->has_own || precisions[i] == c->precision;
        status = tw_choices_set(c->cut, key, algorithm, error);
    }
    c->missing += !is_found;
    return status;
}

enum tw_status tw_choices_cut(const struct tw_choices *choices, const struct tw_graph *graph,
                              const struct tw_plan_options *options, struct tw_choices **cut, size_t *missing,
                              struct tw_error *error)
{
    struct tw_graph *prepared = NULL;
    struct cutting c = {.choices = choices, .precision = options->precision};
    size_t count = 0;
    int64_t runs;
    if (c.precision == TW_PRECISION_INT8 && !tw_isa_has_vnni())
        c.precision = TW_PRECISION_F32;
    enum tw_status status = tw_choices_new(&c.cut, error);
    if (status == TW_OK)
        status = tw_plan_prepare_graph(graph, options->batch, &prepared, &runs, error);
    c.graph = prepared;
    for (size_t i = 0; status == TW_OK && i < prepared->node_count; i++) {
        if (!tw_is_convolution(prepared, &prepared->nodes[i]))
            continue;
        status = cut_node(&c, &prepared->nodes[i], error);
        count++;
    }
    tw_graph_free(prepared);
    if (status != TW_OK) {
        tw_choices_free(c.cut);
        return status;
    }
    *cut = c.cut;
    *missing = c.has_own ? c.missing : count;
    return TW_OK;
}

/* One algorithm of one shape, and the least time that it took. */
struct timed {
    const char *key, *algorithm; /* in the report */
    double seconds;
    bool is_rule;
};

struct trials {
    const struct tw_graph *graph;
    struct tw_plan_options options;
    const struct tw_tuning *tuning;
    struct tw_tuning_report *report;
    struct trial done[MOST_PLANS]; /* those of the first round, which the others repeat */
    int done_count;
    struct timed *timed;
    size_t count, capacity;
};

void tw_tuning_report_release(struct tw_tuning_report *report)
{
    tw_arena_release(&report->texts);
    tw_free(report->shapes);
    *report = (struct tw_tuning_report){0};
}

static const char *keep(struct trials *t, const char *text)
{
    return tw_arena_strndup(&t->report->texts, text, strlen(text));
}

/* *is_new: nobody had timed this algorithm for this shape. */
static enum tw_status note(struct trials *t, const struct tw_step_info *step, bool is_rule, bool *is_new,
                           struct tw_error *error)
{
    for (size_t i = 0; i < t->count; i++) {
        struct timed *timed = &t->timed[i];
        if (strcmp(timed->key, step->key) != 0 || strcmp(timed->algorithm, step->algorithm) != 0)
            continue;
        timed->seconds = fmin(timed->seconds, step->seconds);
        return TW_OK;
    }
    *is_new = true;
    enum tw_status status = tw_grow((void **)&t->timed, &t->capacity, t->count + 1, sizeof *t->timed, error);
    if (status != TW_OK)
        return status;
    struct timed made = {keep(t, step->key), keep(t, step->algorithm), step->seconds, is_rule};
    if (made.key == NULL || made.algorithm == NULL)
        return tw_fail_memory(error, strlen(step->key), "a trial");
    t->timed[t->count++] = made;
    return TW_OK;
}

/* *has_new: the plan did some shape in a way that none before did. */
static enum tw_status try_plan(struct trials *t, const struct trial *trial, bool *has_new, struct tw_error *error)
{
    struct tw_plan *plan = NULL;
    if (tw_is_stopped(t->tuning->sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted: the trials count for nothing");
    enum tw_status status = tw_plan_compile_trial(t->graph, &t->options, trial, &plan, error);
    if (status == TW_OK)
        status = tw_plan_profile(plan, t->tuning->runs, NULL, error);
    size_t count = status == TW_OK ? tw_plan_step_count(plan) : 0;
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        struct tw_step_info step;
        tw_plan_step(plan, i, &step);
        if (step.key != NULL)
            status = note(t, &step, trial->kind == TRIAL_NONE, has_new, error);
    }
    tw_plan_free(plan);
    return status;
}

/* Every algorithm once: the rules' own, then all own forms, then all the library's, until nothing new comes. */
static enum tw_status find_algorithms(struct trials *t, struct tw_error *error)
{
    static const int kinds[] = {TRIAL_NONE, TRIAL_OWN, TRIAL_LIBRARY};
    enum tw_status status = TW_OK;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool has_new = true;
        for (int i = 0; status == TW_OK && has_new && t->done_count < MOST_PLANS; i++) {
            struct trial *trial = &t->done[t->done_count++];
            *trial = (struct trial){.kind = kinds[k], .index = i};
            has_new = false;
            status = try_plan(t, trial, &has_new, error);
            has_new = has_new && kinds[k] != TRIAL_NONE;
        }
    }
    return status;
}

static enum tw_status run_rounds(struct trials *t, struct tw_error *error)
{
    struct tw_progress progress = {.stage = "tune", .unit = "rounds", .total = (uint64_t)t->tuning->rounds};
    bool has_new;
    enum tw_status status = find_algorithms(t, error);
    for (int round = 1; round < t->tuning->rounds && status == TW_OK; round++) {
        progress.done = (uint64_t)round;
        tw_progress(t->tuning->sink, &progress);
        for (int i = 0; i < t->done_count && status == TW_OK; i++)
            status = try_plan(t, &t->done[i], &has_new, error);
    }
    return status;
}

/* The rule's algorithm of the shape of t->timed[first], and the fastest of all. */
static struct tw_tuned_shape judge(const struct trials *t, size_t first)
{
    const struct timed *rule = &t->timed[first], *best = rule;
    for (size_t i = first; i < t->count; i++) {
        const struct timed *timed = &t->timed[i];
        if (strcmp(timed->key, rule->key) == 0 && timed->seconds < best->seconds)
            best = timed;
    }
    if (best->seconds * gain_wanted > rule->seconds)
        best = rule;
    return (struct tw_tuned_shape){rule->key, rule->algorithm, best->algorithm, rule->seconds, best->seconds};
}

static enum tw_status fill_report(struct trials *t, struct tw_error *error)
{
    struct tw_tuning_report *report = t->report;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < t->count && status == TW_OK; i++) {
        if (!t->timed[i].is_rule)
            continue;
        status = tw_grow((void **)&report->shapes, &report->capacity, report->count + 1, sizeof *report->shapes, error);
        if (status == TW_OK)
            report->shapes[report->count++] = judge(t, i);
    }
    return status;
}

enum tw_status tw_choices_tune(struct tw_choices *choices, const struct tw_graph *graph,
                               const struct tw_plan_options *options, const struct tw_tuning *tuning,
                               struct tw_tuning_report *report, struct tw_error *error)
{
    struct trials trials = {.graph = graph, .options = *options, .tuning = tuning, .report = report};
    trials.options.choices = NULL;
    trials.options.threads_inside = 1;
    enum tw_status status = run_rounds(&trials, error);
    if (status == TW_OK)
        status = fill_report(&trials, error);
    for (size_t i = 0; i < report->count && status == TW_OK; i++)
        status = tw_choices_set(choices, report->shapes[i].key, report->shapes[i].chosen, error);
    tw_free(trials.timed);
    return status;
}
