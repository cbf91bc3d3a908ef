#include "train/cross_validation.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/text.h"
#include "train/checkpoint.h"
#include "train/folds.h"
#include "train/metrics.h"
#include "train/solver.h"

#include <string.h>

struct work {
    const struct tw_examples *examples;
    const struct tw_recipe *recipe;
    struct tw_recipe_options options; /* of one fold's training */
    const struct tw_sink *sink;       /* the caller's */
    struct tw_sink quiet;             /* without what each fold would say again */
    uint8_t *folds;
    size_t fold_count;
    float *scores;
};

/* Rows of one fold, or of all others. Owned, but for the keys' texts. */
struct part {
    struct tw_examples view;
    float *embeddings;
    const char **keys;
    int64_t *labels;
    size_t *starts, *groups, *rows;
};

static void part_release(struct part *part)
{
    tw_free(part->embeddings);
    tw_free((void *)(uintptr_t)part->keys);
    tw_free(part->labels);
    tw_free(part->starts);
    tw_free(part->groups);
    tw_free(part->rows);
}

static enum tw_status part_make(const struct work *w, size_t fold, bool is_held_out, struct part *part,
                                struct tw_error *error)
{
    const struct tw_examples *all = w->examples;
    size_t count = 0, labels = 0;
    for (size_t i = 0; i < all->count; i++)
        count += (w->folds[i] == fold) == is_held_out;
    part->embeddings = tw_alloc(count * all->width + 1, sizeof *part->embeddings);
    part->keys = tw_alloc(count + 1, sizeof *part->keys);
    part->labels = tw_alloc(all->label_starts[all->count] + 1, sizeof *part->labels);
    part->starts = tw_alloc(count + 1, sizeof *part->starts);
    part->groups = tw_alloc(count + 1, sizeof *part->groups);
    part->rows = tw_alloc(count + 1, sizeof *part->rows);
    if (part->embeddings == NULL || part->keys == NULL || part->labels == NULL || part->starts == NULL ||
        part->groups == NULL || part->rows == NULL)
        return tw_fail_memory(error, count * all->width * sizeof *part->embeddings, "a fold");
    count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if ((w->folds[i] == fold) != is_held_out)
            continue;
        memcpy(part->embeddings + count * all->width, all->embeddings + i * all->width, all->width * sizeof(float));
        for (size_t j = all->label_starts[i]; j < all->label_starts[i + 1]; j++)
            part->labels[labels++] = all->labels[j];
        part->keys[count] = all->keys[i];
        part->groups[count] = all->groups != NULL ? all->groups[i] : 0;
        part->rows[count++] = i;
        part->starts[count] = labels;
    }
    part->view = (struct tw_examples){.embeddings = part->embeddings,
                                      .count = count,
                                      .width = all->width,
                                      .keys = part->keys,
                                      .labels = part->labels,
                                      .label_starts = part->starts,
                                      .groups = all->groups != NULL ? part->groups : NULL};
    return TW_OK;
}

static enum tw_status run_fold(struct work *w, size_t fold, struct tw_error *error)
{
    struct part taught = {0}, asked = {0};
    struct tw_head head = {0};
    size_t classes = w->options.class_count;
    float *scores = NULL;
    enum tw_status status = part_make(w, fold, false, &taught, error);
    if (status == TW_OK)
        status = part_make(w, fold, true, &asked, error);
    if (status == TW_OK)
        status = w->recipe->train(&taught.view, &w->options, &head, error);
    if (status == TW_OK && (scores = tw_alloc(asked.view.count * classes + 1, sizeof *scores)) == NULL)
        status = tw_fail_memory(error, asked.view.count * classes * sizeof *scores, "the scores");
    if (status == TW_OK)
        status = tw_head_scores(&head, asked.embeddings, asked.view.count, w->options.threads, scores, error);
    for (size_t i = 0; i < asked.view.count && status == TW_OK; i++)
        memcpy(w->scores + asked.rows[i] * classes, scores + i * classes, classes * sizeof *scores);
    tw_free(scores);
    tw_head_release(&head);
    part_release(&taught);
    part_release(&asked);
    return status;
}

static enum tw_status judge_fold(const struct work *w, size_t fold, struct tw_fold_result *result,
                                 struct tw_error *error)
{
    struct part asked = {0};
    struct tw_metrics metrics = {0};
    size_t classes = w->options.class_count;
    enum tw_status status = part_make(w, fold, true, &asked, error);
    float *scores = status == TW_OK ? tw_alloc(asked.view.count * classes + 1, sizeof *scores) : NULL;
    if (status == TW_OK && scores == NULL)
        status = tw_fail_memory(error, asked.view.count * classes * sizeof *scores, "the scores");
    for (size_t i = 0; i < asked.view.count && status == TW_OK; i++)
        memcpy(scores + i * classes, w->scores + asked.rows[i] * classes, classes * sizeof *scores);
    if (status == TW_OK)
        status = tw_metrics_compute(&asked.view, scores, classes, w->options.unlabelled_class, &metrics, error);
    *result = (struct tw_fold_result){metrics.count, metrics.accuracy, metrics.log_loss};
    tw_metrics_release(&metrics);
    tw_free(scores);
    part_release(&asked);
    return status;
}

static enum tw_status deal(struct work *w, size_t most, struct tw_error *error)
{
    const struct tw_examples *e = w->examples;
    size_t *classes = tw_alloc(e->count + 1, sizeof *classes);
    w->folds = tw_alloc(e->count + 1, sizeof *w->folds);
    if (classes == NULL || w->folds == NULL) {
        tw_free(classes);
        return tw_fail_memory(error, e->count * sizeof *classes, "folds");
    }
    for (size_t i = 0; i < e->count; i++) {
        bool is_labelled = e->label_starts[i] < e->label_starts[i + 1];
        classes[i] = (size_t)(is_labelled ? e->labels[e->label_starts[i]] : w->options.unlabelled_class);
    }
    enum tw_status status = tw_folds_make(e, classes, w->options.seed, most, w->folds, &w->fold_count, error);
    if (status == TW_OK && w->fold_count < 2)
        status = tw_fail(error, TW_INVALID, "--folds needs a class with two different examples: there is none");
    for (size_t i = 0; i < e->count && status == TW_OK; i++) {
        if (w->folds[i] == TW_NEVER_HELD_OUT)
            w->folds[i] = (uint8_t)(classes[i] % w->fold_count);
    }
    tw_free(classes);
    return status;
}

static void pass_warning(void *context, enum tw_log_level level, const char *text)
{
    const struct work *w = context;
    if (level == TW_LOG_WARNING)
        tw_log(w->sink, level, "%s", text);
}

static int pass_stop(void *context)
{
    const struct work *w = context;
    return tw_is_stopped(w->sink);
}

static enum tw_status find_identity(const struct work *w, uint64_t *identity, struct tw_error *error)
{
    char *recipe = w->recipe->describe(&w->options);
    char *settings = recipe != NULL ? tw_format("%zu folds of %s", w->fold_count, recipe) : NULL;
    if (settings != NULL)
        *identity = tw_checkpoint_identity(settings, w->examples, w->options.class_count, w->options.unlabelled_class);
    enum tw_status status = settings != NULL ? TW_OK : tw_fail_memory(error, 1, "the recipe's text");
    tw_free(settings);
    tw_free(recipe);
    return status;
}

/* The checkpoint is all scores so far, its step the folds that are done. */
static enum tw_status run_folds(struct work *w, const char *folder, struct tw_error *error)
{
    uint64_t identity = 0, done = 0;
    size_t size = w->examples->count * w->options.class_count;
    enum tw_status status = find_identity(w, &identity, error);
    if (status == TW_OK && folder != NULL)
        status = tw_checkpoint_read(folder, identity, &done, w->scores, size, w->sink, error);
    if (done > 0)
        tw_log(w->sink, TW_LOG_INFO, "going on from fold %llu of %zu", (unsigned long long)done, w->fold_count);
    for (; done < w->fold_count && status == TW_OK; done++) {
        tw_progress(w->sink, &(struct tw_progress){
                                 .stage = "cross-validate", .unit = "folds", .done = done, .total = w->fold_count});
        status = run_fold(w, (size_t)done, error);
        if (status == TW_OK && folder != NULL)
            status = tw_checkpoint_write(&(struct tw_checkpoint_place){folder, identity, 2}, done + 1, w->scores, size,
                                         error);
    }
    tw_progress(w->sink, &(struct tw_progress){
                             .stage = "cross-validate", .unit = "folds", .done = done, .total = w->fold_count});
    return status;
}

enum tw_status tw_cross_validate(const struct tw_examples *examples, const struct tw_recipe *recipe,
                                 const struct tw_recipe_options *options, size_t folds,
                                 struct tw_cross_validation *result, struct tw_error *error)
{
    struct work w = {.examples = examples, .recipe = recipe, .options = *options, .sink = options->sink};
    struct tw_cross_validation made = {0};
    w.quiet = (struct tw_sink){.context = &w, .log = pass_warning, .is_stopped = pass_stop};
    w.options.sink = &w.quiet;
    w.options.checkpoint_folder = NULL;
    w.options.eval = NULL;
    w.options.choice_json = NULL;
    w.options.calibration = NULL;
    w.options.curve = NULL;
    w.options.held_out_log_scores = NULL;
    w.options.observe = NULL;
    made.scores = w.scores = tw_alloc(examples->count * options->class_count + 1, sizeof *w.scores);
    enum tw_status status = w.scores != NULL ? deal(&w, folds < TW_MOST_FOLDS ? folds : TW_MOST_FOLDS, error)
                                             : tw_fail_memory(error, examples->count * options->class_count, "scores");
    if (status == TW_OK)
        status = run_folds(&w, options->checkpoint_folder, error);
    made.fold_count = w.fold_count;
    for (size_t i = 0; i < w.fold_count && status == TW_OK; i++)
        status = judge_fold(&w, i, &made.folds[i], error);
    tw_free(w.folds);
    if (status != TW_OK)
        tw_cross_validation_release(&made);
    else
        *result = made;
    return status;
}

void tw_cross_validation_release(struct tw_cross_validation *result)
{
    tw_free(result->scores);
    *result = (struct tw_cross_validation){0};
}
