/* What others see of a run while it works: its log, and curves and histograms for TensorBoard (RUN/events). Every call is a no-op before tw_monitor_open. */
#ifndef TW_TASKS_MONITOR_H
#define TW_TASKS_MONITOR_H

#include "report/events.h"
#include "report/run_log.h"
#include "train/recipe.h"

/* Zero-initialise; release accepts the zero state. It must not move after tw_monitor_listen. */
struct tw_monitor {
    struct tw_sink sink;
    const struct tw_sink *listener; /* the caller's own */
    struct tw_run_log log;
    char *folder; /* of events; made at the first point */
    struct tw_events *train_events, *eval_events;
    bool has_steps;
    uint64_t first_step; /* the first that this run took; 1 unless it went on from a checkpoint */
    enum tw_status status;
    struct tw_error error;
};
/* A sink that passes all on to `listener` (may be NULL) and, once the monitor is open, notes it. */
const struct tw_sink *tw_monitor_listen(struct tw_monitor *monitor, const struct tw_sink *listener);
enum tw_status tw_monitor_open(struct tw_monitor *monitor, const char *run, const char *command,
                               struct tw_error *error) TW_MUST_USE;
void tw_monitor_point(struct tw_monitor *monitor, const struct tw_training_point *point);
/* The first failure to write. */
enum tw_status tw_monitor_status(const struct tw_monitor *monitor, struct tw_error *error) TW_MUST_USE;
/* The run's last word. `accuracy` may be NaN. */
void tw_monitor_end(struct tw_monitor *monitor, enum tw_status result, double accuracy, const struct tw_error *failure);
void tw_monitor_release(struct tw_monitor *monitor);

#endif
