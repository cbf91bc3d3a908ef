/* One process at a time works in a folder. */
#ifndef TW_STORAGE_LOCK_H
#define TW_STORAGE_LOCK_H

#include "base/status.h"

struct tw_folder_lock;
/* TW_IO: another one holds it. The lock ends with the process and leaves nothing in the folder. Where the file system knows
 * no locks of folders, nobody is kept out. Files only. */
enum tw_status tw_folder_lock(const char *folder, struct tw_folder_lock **lock, struct tw_error *error) TW_MUST_USE;
/* The same, waiting for up to `seconds` where another one holds it. */
enum tw_status tw_folder_lock_wait(const char *folder, double seconds, struct tw_folder_lock **lock,
                                   struct tw_error *error) TW_MUST_USE;
void tw_folder_unlock(struct tw_folder_lock *lock); /* NULL is fine */

#endif
