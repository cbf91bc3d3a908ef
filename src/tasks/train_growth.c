/* What changed per class: the model of the run before and the new one on the photos that both held out. */
#include "base/memory.h"
#include "tasks/model_scores.h"
#include "tasks/train_job.h"
#include "train/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The rows of `eval` that the run before held out too. */
struct shared {
    struct tw_example_set rows;
    float *before, *after; /* scores over the new classes */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys of what the run before held out, as they stand in `eval`: a photo that was listed again has its new name. Borrowed. */
static enum tw_status find_keys(const struct tw_train_job *job, const char ***keys, size_t *count,
                                struct tw_error *error)
{
    const struct tw_example_set *old = &job->grown.examples.eval;
    bool has_items = !job->input.has_records;
    size_t most = has_items ? job->dataset.count : old->count;
    const char **names = tw_alloc(most + 1, sizeof *names);
    if (!names)
        return tw_fail_memory(error, most * sizeof *names, "keys");
    *count = 0;
    for (size_t i = 0; i < most; i++) {
        const struct tw_item *item = has_items ? &job->dataset.items[i] : NULL;
        if (item ? item->status == TW_ITEM_OK && item->is_side_fixed && item->side == TW_SIDE_EVAL : true)
            names[(*count)++] = item ? item->uri : old->keys[i];
    }
    qsort(names, *count, sizeof *names, compare_names);
    *keys = names;
    return TW_OK;
}

static enum tw_status take_rows(const struct tw_train_job *job, const float *scores, struct shared *shared,
                                struct tw_error *error)
{
    const struct tw_example_set *eval = &job->eval;
    size_t classes = job->labels.count, count = 0;
    const char **keys = NULL;
    enum tw_status status = find_keys(job, &keys, &count, error);
    if (status)
        return status;
    shared->after = tw_alloc(eval->count * classes + 1, sizeof *shared->after);
    if (!shared->after)
        status = tw_fail_memory(error, eval->count * classes * sizeof *shared->after, "scores");
    for (size_t i = 0; i < eval->count && !status; i++) {
        if (!count || !bsearch(&eval->keys[i], keys, count, sizeof *keys, compare_names))
            continue;
        memcpy(shared->after + shared->rows.count * classes, scores + i * classes, classes * sizeof *scores);
        const struct tw_example_row row = tw_example_set_row(eval, i);
        status = tw_example_set_add(&shared->rows, &row, error);
    }
    tw_free(keys);
    return status;
}

/* What the old model said, over the new classes: a class's score is that of all that it was. */
static enum tw_status score_before(const struct tw_train_job *job, struct shared *shared, struct tw_error *error)
{
    const struct tw_grown *grown = &job->grown;
    size_t old_classes = grown->model.labels.count, classes = job->labels.count, count = shared->rows.count;
    float *old = tw_alloc(count * old_classes + 1, sizeof *old);
    shared->before = tw_alloc(count * classes + 1, sizeof *shared->before);
    enum tw_status status = old && shared->before
                                ? tw_model_scores(&grown->model, &shared->rows, &job->options->task, old, error)
                                : tw_fail_memory(error, count * classes * sizeof *old, "scores");
    for (size_t i = 0; i < count && !status; i++) {
        for (size_t c = 0; c < old_classes; c++) {
            int64_t place = (int64_t)c == grown->model.unlabelled_class ? job->unlabelled_class : grown->places[c];
            if (place < 0)
                continue;
            float *score = &shared->before[i * classes + (size_t)place], said = old[i * old_classes + c];
            *score = grown->model.thresholds ? fmaxf(*score, said) : *score + said; /* sigmoids do not add up */
        }
    }
    tw_free(old);
    return status;
}

/* The old names of new class `id`, joined; *was NULL: there are none. */
static enum tw_status join_names(const struct tw_grown *grown, int64_t id, char **was, struct tw_error *error)
{
    char *joined = NULL;
    for (size_t i = 0; i < grown->model.labels.count; i++) {
        const char *name = grown->model.labels.names[i];
        if ((int64_t)i == grown->model.unlabelled_class || grown->places[i] != id)
            continue;
        char *longer = joined ? tw_format("%s, %s", joined, name) : tw_strdup(name);
        tw_free(joined);
        if (!longer)
            return tw_fail_memory(error, strlen(name), "names");
        joined = longer;
    }
    *was = joined;
    return TW_OK;
}

static enum tw_status describe(struct tw_train_job *job, const struct tw_metrics *before,
                               const struct tw_metrics *after, struct tw_error *error)
{
    struct tw_grown *grown = &job->grown;
    size_t count = job->labels.count, old_count = grown->model.labels.count;
    struct tw_class_growth *classes = tw_alloc(count, sizeof *classes);
    const char **removed = tw_alloc(old_count + 1, sizeof *removed);
    grown->growth.classes = classes;
    grown->growth.removed = removed;
    if (!classes || !removed)
        return tw_fail_memory(error, count * sizeof *classes, "what has grown");
    for (size_t i = 0; i < count; i++) {
        char *was = NULL;
        bool is_unlabelled = (int64_t)i == job->unlabelled_class;
        enum tw_status status = is_unlabelled ? TW_OK : join_names(grown, (int64_t)i, &was, error);
        if (status)
            return status;
        classes[i] = (struct tw_class_growth){
            .label = job->labels.names[i],
            .was = was,
            .count = after->per_class[i].count,
            .precision_before = before->per_class[i].precision,
            .precision_after = after->per_class[i].precision,
            .recall_before = before->per_class[i].recall,
            .recall_after = after->per_class[i].recall,
        };
        grown->growth.class_count = i + 1;
    }
    for (size_t i = 0; i < old_count; i++) {
        if (grown->places[i] < 0 && (int64_t)i != grown->model.unlabelled_class)
            removed[grown->growth.removed_count++] = grown->model.labels.names[i];
    }
    return TW_OK;
}

static enum tw_status compare(struct tw_train_job *job, const struct shared *shared, struct tw_error *error)
{
    const struct tw_examples rows = tw_example_set_view(&shared->rows);
    size_t classes = job->labels.count, count = 0;
    struct tw_metrics before = {0}, after = {0};
    struct tw_outcome *then = NULL, *now = NULL;
    struct tw_comparison comparison = {0};
    enum tw_status status = tw_metrics_compute(&rows, shared->before, classes, job->unlabelled_class, &before, error);
    if (!status)
        status = tw_metrics_compute(&rows, shared->after, classes, job->unlabelled_class, &after, error);
    if (!status)
        status = tw_outcomes_of(&rows, shared->before, classes, job->unlabelled_class, &then, &count, error);
    if (!status)
        status = tw_outcomes_of(&rows, shared->after, classes, job->unlabelled_class, &now, &count, error);
    if (!status && count)
        status = tw_compare_outcomes(then, now, count, job->options->task.threads, &comparison, error);
    if (!status)
        status = describe(job, &before, &after, error);
    struct tw_growth *growth = &job->grown.growth;
    growth->count = count;
    growth->accuracy_before = before.accuracy;
    growth->accuracy_after = after.accuracy;
    growth->only_before = comparison.only_a;
    growth->only_after = comparison.only_b;
    growth->p_value = count ? comparison.p_value : 1;
    growth->train_before = job->grown.examples.train.count;
    growth->train_after = job->train.count;
    tw_metrics_release(&before);
    tw_metrics_release(&after);
    tw_free(then);
    tw_free(now);
    return status;
}

enum tw_status tw_train_grow_compare(struct tw_train_job *job, const float *scores, struct tw_error *error)
{
    struct shared shared = {0};
    enum tw_status status = take_rows(job, scores, &shared, error);
    if (!status)
        status = score_before(job, &shared, error);
    if (!status)
        status = compare(job, &shared, error);
    tw_example_set_release(&shared.rows);
    tw_free(shared.before);
    tw_free(shared.after);
    return status;
}
