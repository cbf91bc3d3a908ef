/* A folder that a command writes: whose it is, and by which settings, stands in it from the start, so that the same
 * command goes on and another one does not mix its results in. */
#ifndef TW_TASKS_OUTPUT_H
#define TW_TASKS_OUTPUT_H

#include "base/hash.h"
#include "storage/lock.h"

#include <stdbool.h>

struct tw_output {
    const char *folder, *command;
    struct tw_digest settings; /* of all that decides the results */
    bool is_forced;
    const char *const *results; /* names, or globs with *, that the command writes and that must not
                                  * outlive their settings; NULL ends */
    char *
        choices; /* out: the choice table (engine/choices.h) that the folder was begun with by the same settings; owned, NULL:
                    * none is noted */
    bool replaces;               /* out: the folder holds results of other settings, until tw_output_take */
    struct tw_folder_lock *lock; /* out: nobody else works in the folder until tw_output_end */
};
/* Makes the folder and its mark (".topwork.json"). A folder that has files but no mark, or files and the mark of other
 * settings, is TW_CONFLICT unless `is_forced`; one that another process works in is TW_IO. Empty folders and a log count for
 * nothing. What a killed run left half-written goes. */
enum tw_status tw_output_begin(struct tw_output *output, struct tw_error *error) TW_MUST_USE;
/* Notes the choice table in the folder's mark, so that the same command goes on with it. */
enum tw_status tw_output_note(struct tw_output *output, const char *choices, struct tw_error *error) TW_MUST_USE;
/* To be called once the input has proved good and before results are written: the results of other settings go only then,
 * so that a mistyped command destroys nothing. */
enum tw_status tw_output_take(struct tw_output *output, struct tw_error *error) TW_MUST_USE;
void tw_output_end(struct tw_output *output); /* accepts the zero state */
/* For `settings`: where inputs lie, whatever way their paths are spelled and in whatever order they are given. */
enum tw_status tw_output_hash_inputs(const char *const *uris, size_t count, struct tw_hasher *hasher,
                                     struct tw_error *error) TW_MUST_USE;
/* The command that a folder is marked by. Owned; NULL: it has no mark. */
char *tw_output_command(const char *folder);

/* folder + "/" + name written whole. Failures are the system's (TW_IO). */
enum tw_status tw_output_write(const char *folder, const char *name, struct tw_span bytes,
                               struct tw_error *error) TW_MUST_USE;

#endif
