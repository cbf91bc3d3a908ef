/* RUN/log.jsonl: what a run does, one JSON object a line, there for readers as it happens. Lines:
 *   {"event": "start", "time", "topwork", "command"}
 *   {"event": "progress", "stage", "unit", "done", "total", "skipped", "rate", "left_seconds"}
 *   {"step", "total", "train_loss", "train_accuracy", "eval_loss", "eval_accuracy", "learning_rate", "rate",
 *    "left_seconds"}: steps rise through the file, also where a run was killed and went on; rate is examples a second
 *   {"event": "warning" or "note", "text"}
 *   {"event": "end", "time", "result": "done", "failed" or "interrupted", "seconds", "accuracy", "text"}
 * Times are UTC. What is not known is left out. */
#ifndef TW_REPORT_RUN_LOG_H
#define TW_REPORT_RUN_LOG_H

#include "base/log.h"
#include "storage/append.h"

/* Zero-initialise; release accepts the zero state. The first failure to write is kept and told by tw_run_log_status. */
struct tw_run_log {
    struct tw_appender *file;
    struct tw_buffer old; /* whole lines of earlier runs, until the first point of this one */
    struct tw_buffer own; /* lines of this run until then */
    bool has_point;       /* a point of this run is in the file */
    double start_seconds; /* monotonic */
    const char *stage;    /* of the progress last seen */
    double stage_start, last_progress;
    uint64_t stage_first; /* what was done when the stage was first seen */
    double last_point;
    size_t last_step;
    enum tw_status status;
    struct tw_error error;
};
/* Where a training stands; NaN and 0 where it is not known. */
struct tw_log_point {
    size_t step, step_count, batch;
    double train_loss, train_accuracy, eval_loss, eval_accuracy, learning_rate;
    double rate, left_seconds; /* examples a second, of training alone: filled in by tw_run_log_point */
};

/* Goes on at the end of what is there; a torn last line goes. TW_CONFLICT while another process writes it. */
enum tw_status tw_run_log_open(const char *run, const char *command, struct tw_run_log *log,
                               struct tw_error *error) TW_MUST_USE;
/* Not every one is written: the last of a stage is, others as they are a hundredth of the stage's time apart, and one
 * second at least. */
void tw_run_log_progress(struct tw_run_log *log, const struct tw_progress *progress);
/* `pause_seconds`: of the time since the last point, what was not training. Points of earlier runs at this step and later
 * ones leave the file. */
void tw_run_log_point(struct tw_run_log *log, struct tw_log_point *point, double pause_seconds);
void tw_run_log_message(struct tw_run_log *log, enum tw_log_level level, const char *text);
/* `accuracy` may be NaN, `failure` NULL. */
void tw_run_log_end(struct tw_run_log *log, enum tw_status result, double accuracy, const struct tw_error *failure);
enum tw_status tw_run_log_status(const struct tw_run_log *log, struct tw_error *error) TW_MUST_USE;
void tw_run_log_release(struct tw_run_log *log);

#endif
