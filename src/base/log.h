/* Warnings and progress leave the library through one callback; the library itself prints nothing. */
#ifndef TW_BASE_LOG_H
#define TW_BASE_LOG_H

#include "base/status.h"

#include <stdint.h>

enum tw_log_level { TW_LOG_WARNING, TW_LOG_INFO, TW_LOG_DEBUG };

/* Progress of a stage, at any moment. Counts are of photos, steps or records as `unit` says. */
struct tw_progress {
    const char *stage; /* "embed", "train", "evaluate" */
    const char *unit;  /* "photos", "steps" */
    uint64_t done, total, skipped;
};

/* Where a task reports to. Zero-initialised: it reports nowhere. Callbacks may come from any thread, one at a time. */
struct tw_sink {
    void *context;
    void (*log)(void *context, enum tw_log_level level, const char *text);
    void (*progress)(void *context, const struct tw_progress *progress);
    /* Asked now and then; true ends the work with TW_INTERRUPTED. */
    int (*is_stopped)(void *context);
};

void tw_log(const struct tw_sink *sink, enum tw_log_level level, const char *format, ...) TW_PRINTF(3, 4);
void tw_progress(const struct tw_sink *sink, const struct tw_progress *progress);
int tw_is_stopped(const struct tw_sink *sink);

#endif
