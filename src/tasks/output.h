/* A folder that a command writes: whose it is, and by which settings, stands in it from the start, so that the same
 * command goes on and another one does not mix its results in. */
#ifndef TW_TASKS_OUTPUT_H
#define TW_TASKS_OUTPUT_H

#include "base/hash.h"

struct tw_output {
    const char *folder, *command;
    struct tw_digest settings; /* of all that decides the results */
    bool is_forced;
    const char *const *results; /* names that the command writes and that must not outlive their settings; NULL ends */
};
/* Makes the folder and its mark (".topwork.json"). A folder that has files but no mark, or files and the mark of other
 * settings, is TW_CONFLICT unless `is_forced`: then its results go. Empty folders and a log count for nothing. What a killed run left
 * half-written goes. */
enum tw_status tw_output_begin(const struct tw_output *output, struct tw_error *error) TW_MUST_USE;
/* The command that a folder is marked by. Owned; NULL: it has no mark. */
char *tw_output_command(const char *folder);

/* folder + "/" + name written whole. Failures are the system's (TW_IO). */
enum tw_status tw_output_write(const char *folder, const char *name, struct tw_span bytes,
                               struct tw_error *error) TW_MUST_USE;

#endif
