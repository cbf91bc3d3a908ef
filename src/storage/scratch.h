/* Memory with a file behind it: where there is more of it than the machine has, the system writes parts out and reads them
 * again. The file has no name, so that nothing of it stays, however the process ends. Files only. */
#ifndef TW_STORAGE_SCRATCH_H
#define TW_STORAGE_SCRATCH_H

#include "base/status.h"

#include <stddef.h>

/* Zero-initialise; release accepts the zero state. */
struct tw_scratch {
    void *base;        /* size_bytes of them; moves when it grows */
    size_t size_bytes; /* 0: there is no file yet */
    int file;
};
/* Makes it at least `size_bytes` long; what it holds stays, what is new is zero. The disk's room is taken at once: TW_IO where
 * it has none, not a signal later. `folder` (the first call's counts) is where the file lies. */
enum tw_status tw_scratch_grow(struct tw_scratch *scratch, const char *folder, size_t size_bytes,
                               struct tw_error *error) TW_MUST_USE;
void tw_scratch_release(struct tw_scratch *scratch);

#endif
