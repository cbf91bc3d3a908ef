#include "storage/scratch.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file without a name; where the file system knows none, one whose name is taken away at once. */
static int open_nameless(const char *folder)
{
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOSYS))
        return file;
    char *path = tw_format("%s/.scratch-XXXXXX", folder);
    if (!path) {
        errno = ENOMEM;
        return -1;
    }
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    tw_free(path);
    return file;
}

static enum tw_status reserve(int file, size_t size_bytes, const char *folder, struct tw_error *error)
{
    int failed = 0;
    if (size_bytes > INT64_MAX)
        return tw_fail_memory(error, size_bytes, "a scratch file");
    do
        failed = posix_fallocate(file, 0, (off_t)size_bytes);
    while (failed == EINTR);
    if (failed == 0)
        return TW_OK;
    return tw_fail(error, TW_IO, "there is no room for a scratch file of %zu MiB in %s: %s", size_bytes >> 20, folder,
                   strerror(failed));
}

enum tw_status tw_scratch_grow(struct tw_scratch *scratch, const char *folder, size_t size_bytes,
                               struct tw_error *error)
{
    bool is_new = scratch->size_bytes == 0;
    if (size_bytes <= scratch->size_bytes)
        return TW_OK;
    int file = is_new ? open_nameless(folder) : scratch->file;
    if (file < 0)
        return tw_fail_errno(error, errno, "cannot make a scratch file in", folder);
    enum tw_status status = reserve(file, size_bytes, folder, error);
    void *base = MAP_FAILED;
    if (!status) {
        base = is_new ? mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                      : mremap(scratch->base, scratch->size_bytes, size_bytes, MREMAP_MAYMOVE);
        if (base == MAP_FAILED)
            status = tw_fail_memory(error, size_bytes, "a scratch file");
    }
    if (status) {
        if (is_new)
            close(file);
        return status;
    }
    *scratch = (struct tw_scratch){base, size_bytes, file};
    return TW_OK;
}

void tw_scratch_release(struct tw_scratch *scratch)
{
    if (scratch->size_bytes) {
        munmap(scratch->base, scratch->size_bytes);
        close(scratch->file);
    }
    *scratch = (struct tw_scratch){0};
}
