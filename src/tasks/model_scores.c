#include "tasks/model_scores.h"

#include "base/threads.h"
#include "tasks/runner.h"

struct rows {
    struct tw_runner *runner;
    const struct tw_example_set *set;
    float *scores;
    size_t classes;
    const struct tw_sink *sink;
};

static enum tw_status score_row(void *context, size_t index, int worker, struct tw_error *error)
{
    struct rows *rows = context;
    float *scores = rows->scores + index * rows->classes;
    if (tw_is_stopped(rows->sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted");
    enum tw_status status =
        tw_runner_vector(rows->runner, worker, rows->set->embeddings + index * rows->set->width, &scores, error);
    return status ? tw_fail_within(error, status, "record %s", rows->set->keys[index]) : TW_OK;
}

enum tw_status tw_model_scores(const struct tw_model *model, const struct tw_example_set *set,
                               const struct tw_task_options *task, float *scores, struct tw_error *error)
{
    static const char *const outputs[] = {"scores"};
    const struct tw_runner_options options = {
        .outputs = outputs, .output_count = 1, .workers = task->threads, .threads_inside = 1};
    struct rows rows = {.set = set, .scores = scores, .classes = model->labels.count, .sink = task->sink};
    struct tw_graph *head = NULL;
    enum tw_status status = tw_model_head_graph(model, &head, error);
    if (!status)
        status = tw_runner_new(head, &options, &rows.runner, error);
    if (!status && tw_runner_output_size(rows.runner, 0) != rows.classes)
        status = tw_fail(error, TW_CORRUPT, "the model has no output of %zu scores", rows.classes);
    if (!status)
        status = tw_parallel_for(task->threads, set->count, score_row, &rows, error);
    tw_runner_free(rows.runner);
    tw_graph_free(head);
    return status;
}
