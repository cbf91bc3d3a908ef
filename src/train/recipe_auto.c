/* The best head by cross-validation on the training rows alone. What is tried hangs on the size of the data, so that cost
 * stays bounded:
 *   rows with one example a class           nearest class mean, no choice
 *   over `most_rows` rows, `most_scores` rows times classes, or `most_rank` of both rows and values
 *                                           a few passes over the rows (large.c); for rows of over `most_width` values and
 *                                           over `most_scatter` rows x values x values the workshop recipe, no choice
 *   over `most_kernel_rows` rows            no kernel machines
 *   over `most_products` rows x values x classes   no logistic regression */
#include "base/memory.h"
#include "base/bytes.h"
#include "engine/engine.h"
#include "train/choice_curve.h"
#include "train/folds.h"
#include "train/multi_label.h"
#include "train/recipes.h"
#include "train/select.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FOLDS = 5 };
static const size_t most_rows = 20000, most_scores = 4000000, most_rank = 4096, most_kernel_rows = 5000,
                    most_products = 1000000000, most_width = 8192, least_large = 100, most_scatter = 30000000000000;

struct search {
    const struct tw_examples *examples;
    const struct tw_recipe_options *options;
    struct tw_task task;
    float *targets;
    uint8_t *folds;
    size_t *classes; /* of each row: the first with weight, among those that have rows */
    size_t *places;  /* of each class that has rows: its output */
    struct tw_design designs[TW_MAPS];
    struct tw_candidates candidates;
    struct tw_choice choice;
};

/* Of checkpoints: a change of families, grids or solvers is another layout. MOST_JUDGED: more than are ever judged. */
enum { LAYOUT = 1, MOST_JUDGED = 1000 };

char *tw_auto_describe(const struct tw_recipe_options *options)
{
    return tw_format("{\"recipe\":\"auto\",\"seed\":%llu%s}", (unsigned long long)options->seed,
                     options->is_multi_label ? ",\"multi_label\":true" : "");
}

static enum tw_status check_finite(const struct tw_examples *examples, struct tw_error *error)
{
    for (size_t row = 0; row < examples->count; row++) {
        for (size_t i = 0; i < examples->width; i++) {
            float value = examples->embeddings[row * examples->width + i];
            if (!isfinite(value))
                return tw_fail(error, TW_CORRUPT, "the embedding of %s is not all numbers: value %zu is %g",
                               examples->keys[row], i, (double)value);
        }
    }
    return TW_OK;
}

/* Targets over the classes that have rows. */
static enum tw_status find_targets(struct search *s, struct tw_error *error)
{
    size_t count = s->examples->count, outputs = s->options->class_count, present = 0;
    float *target = tw_alloc(outputs, sizeof *target);
    bool *has_rows = tw_alloc(outputs, sizeof *has_rows);
    s->places = tw_alloc(outputs, sizeof *s->places);
    s->classes = tw_alloc(count, sizeof *s->classes);
    s->folds = tw_alloc(count, sizeof *s->folds);
    enum tw_status status = TW_OK;
    if (target == NULL || has_rows == NULL || s->places == NULL || s->classes == NULL || s->folds == NULL)
        status = tw_fail_memory(error, count * sizeof *s->classes, "the targets");
    for (size_t row = 0; row < count && status == TW_OK; row++) {
        tw_examples_target(s->examples, row, s->options->unlabelled_class, target, outputs);
        for (size_t c = 0; c < outputs; c++)
            has_rows[c] |= target[c] > 0;
    }
    for (size_t c = 0; c < outputs && status == TW_OK; c++) {
        if (has_rows[c])
            s->places[present++] = c;
    }
    if (status == TW_OK && (s->targets = tw_alloc(count * present, sizeof *s->targets)) == NULL)
        status = tw_fail_memory(error, count * present * sizeof *s->targets, "the targets");
    for (size_t row = 0; row < count && status == TW_OK; row++) {
        tw_examples_target(s->examples, row, s->options->unlabelled_class, target, outputs);
        for (size_t c = present; c > 0; c--) {
            float share = target[s->places[c - 1]];
            s->targets[row * present + c - 1] = s->options->is_multi_label ? (float)(share > 0) : share;
            if (target[s->places[c - 1]] > 0)
                s->classes[row] = c - 1;
        }
    }
    s->task.held_out = (struct tw_held_out){s->targets, s->folds, count, present, s->options->is_multi_label};
    tw_free(target);
    tw_free(has_rows);
    return status;
}

static enum tw_status design_of(struct search *s, enum tw_map map, struct tw_design **design, struct tw_error *error)
{
    *design = &s->designs[map];
    return (*design)->count > 0 ? TW_OK : tw_design_init(*design, s->examples, map, s->options->threads, error);
}

static bool has_negative(const struct tw_examples *examples)
{
    for (size_t i = 0; i < examples->count * examples->width; i++) {
        if (examples->embeddings[i] < 0)
            return true;
    }
    return false;
}

static bool is_affordable(const struct search *s, const struct tw_family *family)
{
    size_t count = s->examples->count;
    if (s->options->is_multi_label && family->fit != tw_logistic_fit)
        return false; /* the others' scores are of one label a row */
    if (family->is_kernel)
        return count <= most_kernel_rows;
    return family->fit != tw_logistic_fit || count * s->task.held_out.classes <= most_products / s->examples->width;
}

static enum tw_status judge_all(struct search *s, struct tw_error *error)
{
    /* Square roots only where values are sums of what a ReLU let pass: what is below 0 would be lost. */
    bool is_signed = has_negative(s->examples);
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < tw_family_count && status == TW_OK; i++) {
        const struct tw_family *family = &tw_families[i];
        bool takes_unit = family->is_kernel || !family->can_blend;
        const enum tw_map maps[2] = {is_signed || !takes_unit ? TW_MAP_PLAIN : TW_MAP_SQRT,
                                     takes_unit ? (is_signed ? TW_MAP_UNIT : TW_MAP_SQRT_UNIT) : TW_MAP_SQRT};
        bool takes_last = family->is_kernel || family->fit == tw_logistic_fit; /* what costs most is tried on one map */
        size_t first = takes_last && !is_signed, end = is_signed && !takes_unit ? 1 : 2;
        for (size_t m = first; m < end && status == TW_OK && is_affordable(s, family); m++) {
            struct tw_design *design;
            status = design_of(s, maps[m], &design, error);
            if (status == TW_OK)
                status = tw_candidates_judge(&s->task, family, design, &s->candidates, error);
        }
        tw_progress(
            s->options->sink,
            &(struct tw_progress){.stage = "choose", .unit = "families", .done = i + 1, .total = tw_family_count});
    }
    return status;
}

static enum tw_status build(struct search *s, struct tw_head *head, struct tw_error *error)
{
    struct tw_head made = {.is_sigmoid = s->options->is_multi_label};
    size_t outputs = s->options->class_count, members = s->choice.member_count;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < members && status == TW_OK; i++) {
        const struct tw_candidate *member = s->choice.members[i];
        struct tw_branch *branch = &made.branches[made.branch_count++];
        struct tw_design *design;
        status = design_of(s, member->map, &design, error);
        if (status == TW_OK)
            status = tw_candidate_to_branch(&s->task, member, design, s->places, outputs, branch, error);
        if (status == TW_OK && members > 1 && tw_branch_add(branch, TW_STAGE_LOG_SOFTMAX, outputs, outputs) == NULL)
            status = tw_fail_memory(error, 1, "the head");
        if (members > 1)
            branch->weight = (float)(1 / (s->choice.temperature * (double)members));
    }
    if (status != TW_OK)
        tw_head_release(&made);
    else
        *head = made;
    return status;
}

static enum tw_status put_candidate(struct tw_buffer *out, const struct tw_candidate *c, struct tw_error *error)
{
    enum tw_status status = tw_buffer_printf(out, error, "{\"head\":\"%s\",\"of\":\"%s\",\"%s\":%.6g", c->family->name,
                                             tw_map_name(c->map), c->family->strength_name, c->strength);
    if (status == TW_OK && c->family->is_kernel)
        status = tw_buffer_printf(out, error, ",\"gamma\":%.6g", c->gamma);
    if (status == TW_OK)
        status = tw_buffer_printf(out, error, ",\"temperature\":%.6g,\"log_loss\":%.6g,\"accuracy\":%.6g}",
                                  c->temperature, c->judgement.loss, c->judgement.accuracy);
    return status;
}

/* Candidates and choice as JSON, for metrics and the model. */
static enum tw_status describe_choice(const struct search *s, struct tw_error *error)
{
    struct tw_buffer *out = s->options->choice_json;
    if (out == NULL)
        return TW_OK;
    enum tw_status status = tw_buffer_printf(
        out, error, "{\"recipe\":\"auto\",\"seed\":%llu,\"folds\":%zu,\"log_loss\":%.6g,\"accuracy\":%.6g",
        (unsigned long long)s->options->seed, s->task.fold_count, s->choice.judgement.loss,
        s->choice.judgement.accuracy);
    for (size_t i = 0; i < s->choice.member_count && status == TW_OK; i++) {
        status = tw_buffer_append_text(out, i == 0 ? ",\"chosen\":[" : ",", error);
        if (status == TW_OK)
            status = put_candidate(out, s->choice.members[i], error);
    }
    for (size_t i = 0; i < s->candidates.count && status == TW_OK; i++) {
        status = tw_buffer_append_text(out, i == 0 ? "],\"candidates\":[" : ",", error);
        if (status == TW_OK)
            status = put_candidate(out, &s->candidates.items[i], error);
    }
    return status == TW_OK ? tw_buffer_append_text(out, "]}", error) : status;
}

/* Held-out scores over all outputs; a class without rows is ruled out. */
static enum tw_status give_held_out(const struct search *s, struct tw_error *error)
{
    const struct tw_held_out *held_out = &s->task.held_out;
    float *out = s->options->held_out_log_scores;
    if (out == NULL)
        return TW_OK;
    float *scores = tw_alloc(held_out->count * held_out->classes, sizeof *scores);
    if (scores == NULL)
        return tw_fail_memory(error, held_out->count * held_out->classes * sizeof *scores, "held out scores");
    tw_choice_held_out(&s->task, &s->choice, scores);
    for (size_t i = 0; i < held_out->count * s->options->class_count; i++)
        out[i] = -INFINITY;
    for (size_t row = 0; row < held_out->count; row++) {
        for (size_t c = 0; c < held_out->classes; c++)
            out[row * s->options->class_count + s->places[c]] = scores[row * held_out->classes + c];
    }
    tw_free(scores);
    return TW_OK;
}

/* What the choice's temperature did for the rows that were held out. */
static enum tw_status tell_calibration(const struct search *s, struct tw_error *error)
{
    const struct tw_held_out *h = &s->task.held_out;
    struct tw_calibration_record *record = s->options->calibration;
    if (record == NULL)
        return TW_OK;
    float *scores = tw_alloc(h->count * h->classes, sizeof *scores);
    if (scores == NULL)
        return tw_fail_memory(error, h->count * h->classes * sizeof *scores, "held out scores");
    tw_choice_held_out(&s->task, &s->choice, scores);
    record->temperature = s->choice.member_count > 1 ? s->choice.temperature : s->choice.members[0]->temperature;
    tw_reliability_held_out(h, scores, record->temperature, &record->before);
    tw_reliability_held_out(h, scores, 1, &record->after);
    tw_free(scores);
    return TW_OK;
}

/* By what the held out rows were given. */
static enum tw_status give_thresholds(const struct search *s, struct tw_error *error)
{
    for (size_t i = 0; i < s->options->class_count; i++)
        s->options->thresholds[i] = 0.5f;
    enum tw_status status = TW_OK;
    for (size_t c = 0; c < s->task.held_out.classes && status == TW_OK; c++)
        status = tw_threshold_choose(&s->task.held_out, s->choice.members[0]->log_scores, c,
                                     &s->options->thresholds[s->places[c]], error);
    return status;
}

static void tell(const struct search *s)
{
    char text[400];
    size_t at = 0;
    for (size_t i = 0; i < s->choice.member_count && at < sizeof text; i++) {
        const struct tw_candidate *c = s->choice.members[i];
        int written = snprintf(text + at, sizeof text - at, "%s%s on %s (%s %g)", i > 0 ? " + " : "", c->family->name,
                               tw_map_name(c->map), c->family->strength_name, c->strength);
        at += written > 0 ? (size_t)written : 0;
    }
    tw_log(s->options->sink, TW_LOG_INFO,
           "head: %s; of %zu tried it is the simplest within one standard error of the least log loss (%.4f, accuracy "
           "%.4f, %zu folds of the training part)",
           text, s->candidates.count, s->choice.judgement.loss, s->choice.judgement.accuracy, s->task.fold_count);
}

/* No two examples of any class: the one head that can be had, and nothing to compare it on. */
static enum tw_status take_nearest_mean(struct search *s, struct tw_head *head, struct tw_error *error)
{
    struct tw_design *design;
    enum tw_map map = has_negative(s->examples) ? TW_MAP_UNIT : TW_MAP_SQRT_UNIT;
    enum tw_status status = design_of(s, map, &design, error);
    if (status != TW_OK)
        return status;
    const struct tw_candidate nearest = {
        .family = &tw_families[0], .map = map, .strength = 1, .temperature = design->spread > 0 ? design->spread : 1};
    s->choice = (struct tw_choice){.member_count = 1, .members = {&nearest}, .temperature = 1};
    status = build(s, head, error);
    tw_log(s->options->sink, TW_LOG_INFO,
           "head: %s on %s: no class has two different examples, so that there is nothing to compare heads on",
           nearest.family->name, tw_map_name(map));
    return status;
}

static void search_release(struct search *s)
{
    for (size_t i = 0; i < TW_MAPS; i++)
        tw_design_release(&s->designs[i]);
    tw_candidates_release(&s->candidates);
    tw_free(s->targets);
    tw_free(s->folds);
    tw_free(s->classes);
    tw_free(s->places);
}

static enum tw_status find_place(struct search *s, struct tw_error *error)
{
    char *recipe = tw_auto_describe(s->options);
    char *settings =
        recipe != NULL ? tw_format("judged, layout %d, on %s, by %s", LAYOUT, tw_engine_build(), recipe) : NULL;
    enum tw_status status = settings != NULL ? TW_OK : tw_fail_memory(error, 1, "the recipe's text");
    if (status == TW_OK)
        s->task.place = (struct tw_checkpoint_place){
            s->options->checkpoint_folder,
            tw_checkpoint_identity(settings, s->examples, s->options->class_count, s->options->unlabelled_class),
            MOST_JUDGED};
    tw_free(settings);
    tw_free(recipe);
    return status;
}

static enum tw_status run(struct search *s, struct tw_head *head, struct tw_error *error)
{
    enum tw_status status = find_targets(s, error);
    if (status == TW_OK)
        status = tw_folds_make(s->examples, s->classes, s->options->seed, FOLDS, s->folds, &s->task.fold_count, error);
    if (status != TW_OK)
        return status;
    if (s->task.fold_count < 2 && s->options->is_multi_label)
        return tw_workshop_train(s->examples, s->options, head, error);
    if (s->task.fold_count < 2)
        return take_nearest_mean(s, head, error);
    if ((status = find_place(s, error)) != TW_OK)
        return status;
    status = judge_all(s, error);
    if (status == TW_OK && s->candidates.count == 0)
        return tw_workshop_train(s->examples, s->options, head, error);
    if (status == TW_OK)
        status = tw_choose(&s->task, &s->candidates, &s->choice, error);
    if (status == TW_OK)
        status = build(s, head, error);
    if (status == TW_OK)
        status = describe_choice(s, error);
    if (status == TW_OK)
        status = give_held_out(s, error);
    if (status == TW_OK && s->options->is_multi_label && s->options->thresholds != NULL)
        status = give_thresholds(s, error);
    if (status == TW_OK && !s->options->is_multi_label)
        status = tell_calibration(s, error);
    if (status == TW_OK && s->options->curve != NULL && !s->options->is_multi_label)
        status =
            tw_choice_curve(&s->task, &s->choice, s->designs, s->classes, s->options->seed, s->options->curve, error);
    if (status == TW_OK)
        tell(s);
    if (status == TW_OK && s->task.place.folder != NULL)
        tw_checkpoint_forget(&s->task.place, s->candidates.judged);
    return status;
}

enum tw_status tw_auto_train(const struct tw_examples *examples, const struct tw_recipe_options *options,
                             struct tw_head *head, struct tw_error *error)
{
    size_t rank = examples->count < examples->width ? examples->count : examples->width;
    struct search s = {.examples = examples,
                       .options = options,
                       .task = {.threads = options->threads > 0 ? options->threads : 1, .sink = options->sink}};
    enum tw_status status = check_finite(examples, error);
    if (status != TW_OK)
        return status;
    if (examples->count > most_rows || rank > most_rank || examples->count > most_scores / options->class_count) {
        status = TW_UNSUPPORTED;
        if (!options->is_multi_label && examples->width <= most_width && examples->count >= least_large &&
            examples->count <= most_scatter / examples->width / examples->width)
            status = tw_large_train(examples, options, head, error);
        if (status != TW_UNSUPPORTED) /* which says that no row could be kept aside to judge by */
            return status;
        tw_log(options->sink, TW_LOG_INFO,
               "head: workshop: %zu examples of %zu values and %zu classes are too many to try "
               "others",
               examples->count, examples->width, options->class_count);
        return tw_workshop_train(examples, options, head, error);
    }
    status = run(&s, head, error);
    search_release(&s);
    return status;
}
