/* RUN/log.jsonl: one object a line, written while training runs: step, train_loss, train_accuracy and, where there is
 * something to evaluate on, eval_loss, eval_accuracy. A resumed run's log reads as an unbroken one's. */
#ifndef TW_TASKS_RUN_LOG_H
#define TW_TASKS_RUN_LOG_H

#include "base/bytes.h"

/* Zero-initialise; release accepts the zero state. */
struct tw_run_log {
    int file; /* 0: not open */
    char *path;
    struct tw_buffer old; /* lines of the run that this one goes on from, until the first line of its own */
    bool has_own;
    enum tw_status status; /* the first failure to write; told by tw_run_log_close */
    struct tw_error error;
};
enum tw_status tw_run_log_open(const char *run, struct tw_run_log *log, struct tw_error *error) TW_MUST_USE;
/* Old lines of this step and later ones go. Numbers that are not finite are null; eval ones that are NaN are left out. */
void tw_run_log_add(struct tw_run_log *log, size_t step, double train_loss, double train_accuracy, double eval_loss,
                    double eval_accuracy);
enum tw_status tw_run_log_close(struct tw_run_log *log, struct tw_error *error) TW_MUST_USE;
void tw_run_log_release(struct tw_run_log *log);

#endif
