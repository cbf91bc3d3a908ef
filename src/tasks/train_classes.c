/* Whether what was read can be learnt from: labels, classes that have examples, examples that differ. */
#include "base/memory.h"
#include "base/text.h"
#include "tasks/photos.h"
#include "tasks/train_job.h"

#include <string.h>

static const char unlabelled_name[] = "(unlabelled)";

static enum tw_status add_unlabelled(struct tw_train_job *job, struct tw_error *error)
{
    size_t id;
    job->unlabelled_class = -1;
    if (!job->train.has_unlabelled)
        return TW_OK;
    enum tw_status status = tw_labels_add(&job->labels, unlabelled_name, &id, error);
    if (status)
        return status;
    job->unlabelled_class = (int64_t)id;
    tw_log(job->options->task.sink, TW_LOG_INFO, "examples without a label train one more class, %s", unlabelled_name);
    return TW_OK;
}

/* Classes that have a row to learn from, and one of them. */
static enum tw_status count_taught(const struct tw_train_job *job, size_t *count, size_t *one, struct tw_error *error)
{
    const struct tw_example_set *train = &job->train;
    bool *is_taught = tw_alloc(job->labels.count + 1, sizeof *is_taught);
    if (!is_taught)
        return tw_fail_memory(error, job->labels.count, "the classes");
    for (size_t i = 0; i < train->label_count; i++)
        is_taught[train->labels[i]] = true;
    if (job->unlabelled_class >= 0)
        is_taught[job->unlabelled_class] = true;
    *count = 0;
    for (size_t i = job->labels.count; i-- > 0;) {
        *count += is_taught[i];
        *one = is_taught[i] ? i : *one;
    }
    tw_free(is_taught);
    return TW_OK;
}

/* Names what was skipped, where that is why: the audit has the rest, unless another run's stays there. */
static enum tw_status refuse_one_class(struct tw_train_job *job, const char *label, struct tw_error *error)
{
    const struct tw_item *first = NULL;
    size_t skipped = tw_photos_skipped(&job->dataset);
    for (size_t i = 0; i < job->dataset.count && !first; i++)
        first = job->dataset.items[i].status == TW_ITEM_SKIPPED ? &job->dataset.items[i] : NULL;
    if (!first)
        return tw_fail(error, TW_CORRUPT, "there is only one class (%s): a classifier needs two or more", label);
    struct tw_error second = {0};
    if (!job->output.replaces && tw_train_write_audit(job, &second))
        tw_log(job->options->task.sink, TW_LOG_WARNING, "%s", second.text);
    return tw_fail(error, TW_CORRUPT,
                   "there is only one class (%s) left: a classifier needs two or more, and %zu of the %zu photos were "
                   "skipped, such as %s: %s",
                   label, skipped, job->dataset.count, first->uri, first->reason ? first->reason : "skipped");
}

static void warn_of_equals(const struct tw_train_job *job)
{
    const struct tw_example_set *train = &job->train;
    size_t same = 0;
    while (same < train->count &&
           memcmp(train->embeddings, train->embeddings + same * train->width, train->width * sizeof(float)) == 0)
        same++;
    if (same == train->count && same > 1)
        tw_log(job->options->task.sink, TW_LOG_WARNING,
               "all %zu examples have the same embedding: no head can tell their classes apart", same);
}

enum tw_status tw_train_check_classes(struct tw_train_job *job, struct tw_error *error)
{
    size_t named = job->labels.count, taught = 0, one = 0;
    if (job->train.count == 0)
        return tw_fail(error, TW_CORRUPT, "there is nothing to train on: all %zu examples are on the evaluation side",
                       job->eval.count);
    if (named == 0)
        return tw_fail(error, TW_CORRUPT,
                       "no example has a label: put photos in one folder per class, or name labels in a CSV");
    for (size_t i = 0; i < named; i++) {
        if (!tw_is_utf8(tw_span_of_text(job->labels.names[i])))
            return tw_fail(error, TW_CORRUPT, "label %zu (%s) is not UTF-8 text, which a model file holds: rename it",
                           i, job->labels.names[i]);
    }
    enum tw_status status = add_unlabelled(job, error);
    if (!status)
        status = count_taught(job, &taught, &one, error);
    if (!status && taught < 2)
        status = refuse_one_class(job, job->labels.names[one], error);
    if (!status)
        warn_of_equals(job);
    return status;
}
