/* --folds: every example is evaluated by a head that learnt without it; the model learns from all. */
#include "base/memory.h"
#include "storage/storage.h"
#include "tasks/train_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum tw_status tw_train_join_sides(struct tw_train_job *job, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < job->eval.count && !status; i++) {
        const struct tw_example_row row = tw_example_set_row(&job->eval, i);
        status = tw_example_set_add(&job->train, &row, error);
    }
    for (size_t i = 0; i < job->dataset.count; i++)
        job->dataset.items[i].side = TW_SIDE_TRAIN;
    tw_example_set_release(&job->eval);
    job->eval.scratch_folder = job->options->output;
    return status ? status : tw_example_set_sort(&job->train, TW_ROWS_BY_CONTENT, error);
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct tw_example_set *set = context;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    int order = strcmp(set->keys[left], set->keys[right]);
    return order ? order : (left > right) - (left < right);
}

/* The training rows, by key, are what is evaluated. */
static enum tw_status evaluate_all(struct tw_train_job *job, const float *scores, struct tw_error *error)
{
    const struct tw_example_set *train = &job->train;
    size_t classes = job->labels.count, *order = tw_alloc(train->count + 1, sizeof *order);
    job->scores = tw_alloc(train->count * classes + 1, sizeof *job->scores);
    enum tw_status status =
        order && job->scores ? TW_OK : tw_fail_memory(error, train->count * classes * sizeof *scores, "the scores");
    for (size_t i = 0; i < train->count && !status; i++)
        order[i] = i;
    if (!status)
        qsort_r(order, train->count, sizeof *order, compare_rows, (void *)(uintptr_t)train);
    for (size_t i = 0; i < train->count && !status; i++) {
        const struct tw_example_row row = tw_example_set_row(train, order[i]);
        memcpy(job->scores + i * classes, scores + order[i] * classes, classes * sizeof *scores);
        status = tw_example_set_add(&job->eval, &row, error);
    }
    tw_free(order);
    return status;
}

enum tw_status tw_train_cross_validate(struct tw_train_job *job, const struct tw_recipe *recipe, struct tw_error *error)
{
    const struct tw_examples train = tw_example_set_view(&job->train);
    struct tw_recipe_options options = job->recipe_options;
    char *folder = tw_uri_join(job->checkpoints, "folds");
    enum tw_status status = folder ? tw_storage_make_folders(folder, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_storage_sweep(folder, error);
    options.checkpoint_folder = folder;
    if (!status)
        status = tw_cross_validate(&train, recipe, &options, job->options->folds, &job->cross, error);
    if (!status)
        status = evaluate_all(job, job->cross.scores, error);
    tw_free(folder);
    return status;
}

enum tw_status tw_train_folds_to_json(const struct tw_cross_validation *cross, struct tw_buffer *out,
                                      struct tw_error *error)
{
    enum tw_status status = tw_buffer_printf(out, error, ",\"folds\":[");
    for (size_t i = 0; i < cross->fold_count && !status; i++) {
        const struct tw_fold_result *fold = &cross->folds[i];
        status = tw_buffer_printf(out, error, "%s{\"count\":%zu,", i ? "," : "", fold->count);
        if (!status && fold->count)
            status =
                tw_buffer_printf(out, error, "\"accuracy\":%.9g,\"log_loss\":%.9g}", fold->accuracy, fold->log_loss);
        else if (!status)
            status = tw_buffer_append_text(out, "\"accuracy\":null,\"log_loss\":null}", error);
    }
    return status ? status : tw_buffer_append_text(out, "]", error);
}

enum tw_status tw_train_folds_to_text(const struct tw_cross_validation *cross, struct tw_buffer *out,
                                      struct tw_error *error)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < cross->fold_count; i++) {
        if (cross->folds[i].count) {
            low = fmin(low, cross->folds[i].accuracy);
            high = fmax(high, cross->folds[i].accuracy);
        }
    }
    return tw_buffer_printf(
        out, error,
        "cross-validation in %zu folds: each example is judged by a model that learnt without it, and "
        "the model kept learns from all; accuracy of the folds %.1f %% to %.1f %%\n",
        cross->fold_count, 100 * low, 100 * high);
}
