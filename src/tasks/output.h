/* A folder that a command writes: whose it is, and by which settings, stands in it from the start, so that the same
 * command goes on and another one does not mix its results in. */
#ifndef TW_TASKS_OUTPUT_H
#define TW_TASKS_OUTPUT_H

#include "base/hash.h"

/* Makes the folder and its mark (".topwork.json"). A folder that has files but no mark, or files and the mark of other
 * settings, is TW_CONFLICT unless `is_forced`. Empty folders count for nothing. */
enum tw_status tw_output_begin(const char *folder, const char *command, const struct tw_digest *settings,
                               bool is_forced, struct tw_error *error) TW_MUST_USE;

/* folder + "/" + name written whole. Failures are the system's (TW_IO). */
enum tw_status tw_output_write(const char *folder, const char *name, struct tw_span bytes,
                               struct tw_error *error) TW_MUST_USE;

#endif
