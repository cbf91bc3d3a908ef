#include "tasks/monitor.h"

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
    return tw_run_log_open(run, command, &monitor->log, error);
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
}

enum tw_status tw_monitor_status(const struct tw_monitor *monitor, struct tw_error *error)
{
    return tw_run_log_status(&monitor->log, error);
}

void tw_monitor_end(struct tw_monitor *monitor, enum tw_status result, double accuracy, const struct tw_error *failure)
{
    tw_run_log_end(&monitor->log, result, accuracy, failure);
}

void tw_monitor_release(struct tw_monitor *monitor)
{
    tw_run_log_release(&monitor->log);
}
