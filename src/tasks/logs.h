/* `logs`: the lines of a run's log, those to come too. */
#ifndef TW_TASKS_LOGS_H
#define TW_TASKS_LOGS_H

#include "base/bytes.h"
#include "base/log.h"

struct tw_logs_options {
    const char *run; /* run folder */
    bool follows;    /* goes on until the run has ended */
    const struct tw_sink *sink;
    /* Called for every line, without its end; anything but TW_OK ends the walk. */
    void *context;
    enum tw_status (*line)(void *context, struct tw_span line, struct tw_error *error);
};
/* TW_NOT_FOUND: no such run, or one without a log. A run that was killed is told to the sink. */
enum tw_status tw_logs(const struct tw_logs_options *options, struct tw_error *error) TW_MUST_USE;

#endif
