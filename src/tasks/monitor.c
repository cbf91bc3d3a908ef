#include "tasks/monitor.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <string.h>

static void pass_log(void *context, enum tw_log_level level, const char *text)
{
    struct tw_monitor *monitor = context;
    tw_run_log_message(&monitor->log, level, text);
    tw_log(monitor->listener, level, "%s", text);
}

static void pass_progress(void *context, const struct tw_progress *progress)
{
    struct tw_monitor *monitor = context;
    tw_run_log_progress(&monitor->log, progress);
    if (!monitor->has_steps && strcmp(progress->stage, "train") == 0) {
        monitor->has_steps = true;
        monitor->first_step = progress->done;
    }
    tw_progress(monitor->listener, progress);
}

static int pass_stop(void *context)
{
    const struct tw_monitor *monitor = context;
    return tw_is_stopped(monitor->listener);
}

const struct tw_sink *tw_monitor_listen(struct tw_monitor *monitor, const struct tw_sink *listener)
{
    monitor->listener = listener;
    monitor->sink =
        (struct tw_sink){.context = monitor, .log = pass_log, .progress = pass_progress, .is_stopped = pass_stop};
    return &monitor->sink;
}

enum tw_status tw_monitor_open(struct tw_monitor *monitor, const char *run, const char *command, struct tw_error *error)
{
    monitor->folder = tw_uri_join(run, "events");
    return monitor->folder ? tw_run_log_open(run, command, &monitor->log, error) : tw_fail_memory(error, 1, "a path");
}

/* A training that starts from nothing leaves no curve of an earlier one beside its own; one that goes on adds to it, and
 * TensorBoard lets the later of two points of one step count. */
static enum tw_status open_events(struct tw_monitor *monitor, const char *name, struct tw_events **events,
                                  struct tw_error *error)
{
    char *folder = tw_uri_join(monitor->folder, name);
    enum tw_status status = folder ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (!status && monitor->first_step <= 1)
        status = tw_events_remove(folder, NULL, error);
    if (!status)
        status = tw_events_open(folder, "curve", events, error);
    tw_free(folder);
    return status;
}

static enum tw_status write_train(struct tw_monitor *monitor, const struct tw_training_point *point, double rate,
                                  struct tw_error *error)
{
    enum tw_status status = TW_OK;
    if (!monitor->train_events)
        status = open_events(monitor, "train", &monitor->train_events, error);
    struct tw_events *events = monitor->train_events;
    if (!status)
        status = tw_events_scalar(events, point->step, "loss", point->train_loss, error);
    if (!status)
        status = tw_events_scalar(events, point->step, "accuracy", point->train_accuracy, error);
    if (!status)
        status = tw_events_scalar(events, point->step, "learning_rate", point->learning_rate, error);
    if (!status)
        status = tw_events_scalar(events, point->step, "examples_per_second", rate, error);
    for (size_t i = 0; i < point->weight_count && !status; i++)
        status = tw_events_histogram(events, point->step, point->weights[i].name, point->weights[i].values,
                                     point->weights[i].count, error);
    return status;
}

static enum tw_status write_eval(struct tw_monitor *monitor, const struct tw_training_point *point,
                                 struct tw_error *error)
{
    enum tw_status status = TW_OK;
    if (!point->eval_count)
        return TW_OK;
    if (!monitor->eval_events)
        status = open_events(monitor, "eval", &monitor->eval_events, error);
    struct tw_events *events = monitor->eval_events;
    if (!status)
        status = tw_events_scalar(events, point->step, "loss", point->eval_loss, error);
    if (!status)
        status = tw_events_scalar(events, point->step, "accuracy", point->eval_accuracy, error);
    if (!status && point->eval_seconds > 0)
        status = tw_events_scalar(events, point->step, "examples_per_second",
                                  (double)point->eval_count / point->eval_seconds, error);
    return status;
}

void tw_monitor_point(struct tw_monitor *monitor, const struct tw_training_point *point)
{
    struct tw_log_point line = {
        .step = point->step,
        .step_count = point->step_count,
        .batch = point->batch,
        .train_loss = point->train_loss,
        .train_accuracy = point->train_accuracy,
        .eval_loss = point->eval_loss,
        .eval_accuracy = point->eval_accuracy,
        .learning_rate = point->learning_rate,
    };
    tw_run_log_point(&monitor->log, &line, point->eval_seconds);
    if (!monitor->folder || monitor->status)
        return;
    monitor->status = write_train(monitor, point, line.rate, &monitor->error);
    if (!monitor->status)
        monitor->status = write_eval(monitor, point, &monitor->error);
}

enum tw_status tw_monitor_status(const struct tw_monitor *monitor, struct tw_error *error)
{
    if (monitor->status && error)
        *error = monitor->error;
    return monitor->status ? monitor->status : tw_run_log_status(&monitor->log, error);
}

void tw_monitor_end(struct tw_monitor *monitor, enum tw_status result, double accuracy, const struct tw_error *failure)
{
    tw_run_log_end(&monitor->log, result, accuracy, failure);
}

void tw_monitor_release(struct tw_monitor *monitor)
{
    (void)!tw_events_close(monitor->train_events, NULL); /* every event was written at once */
    (void)!tw_events_close(monitor->eval_events, NULL);
    monitor->train_events = monitor->eval_events = NULL;
    tw_free(monitor->folder);
    tw_run_log_release(&monitor->log);
}
