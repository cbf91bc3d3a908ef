#include "storage/lock.h"

#include "base/clock.h"
#include "base/memory.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

struct tw_folder_lock {
    int file; /* of the folder itself */
};

/* The system can wait without end or not at all: between them lies asking again. */
static bool take(int file, double seconds)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    double end = tw_clock_seconds() + seconds;
    while (flock(file, LOCK_EX | LOCK_NB) && (errno == EWOULDBLOCK || errno == EINTR)) {
        if (tw_clock_seconds() >= end)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

enum tw_status tw_folder_lock(const char *folder, struct tw_folder_lock **lock, struct tw_error *error)
{
    return tw_folder_lock_wait(folder, 0, lock, error);
}

enum tw_status tw_folder_lock_wait(const char *folder, double seconds, struct tw_folder_lock **lock,
                                   struct tw_error *error)
{
    char *path = tw_uri_normal(folder);
    struct tw_folder_lock *made = tw_alloc(1, sizeof *made);
    enum tw_status status = TW_OK;
    if (!path || !made) {
        tw_free(path);
        tw_free(made);
        return tw_fail_memory(error, strlen(folder), "a lock");
    }
    made->file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (made->file < 0)
        status = tw_fail(error, TW_IO, "cannot open folder %s: %s", path, strerror(errno));
    else if (!take(made->file, seconds))
        status = tw_fail(error, TW_IO, "another topwork works in folder %s: wait for it, or name another", folder);
    tw_free(path);
    if (status) {
        tw_folder_unlock(made);
        return status;
    }
    *lock = made;
    return TW_OK;
}

void tw_folder_unlock(struct tw_folder_lock *lock)
{
    if (!lock)
        return;
    if (lock->file >= 0)
        close(lock->file);
    tw_free(lock);
}
