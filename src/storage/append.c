#include "storage/append.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16, LONGEST_LINE = 16 << 20 };

struct tw_appender {
    int file;
    char *path;
};

/* The whole file, as both sides name it. */
static const struct flock writing = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

static enum tw_status path_of(const char *uri, char **path, struct tw_error *error)
{
    const char *scheme = strstr(uri, "://");
    if (scheme && strncasecmp(uri, "file://", 7) != 0)
        return tw_fail(error, TW_UNSUPPORTED, "%s: only files can grow while they are read", uri);
    *path = tw_uri_normal(uri);
    return *path ? TW_OK : tw_fail_memory(error, strlen(uri), "a path");
}

static enum tw_status fail_write(const struct tw_appender *appender, struct tw_error *error)
{
    return tw_fail(error, TW_IO, "cannot write %s: %s", appender->path, strerror(errno));
}

enum tw_status tw_appender_open(const char *uri, struct tw_appender **appender, struct tw_error *error)
{
    struct tw_appender *made = tw_alloc(1, sizeof *made);
    struct flock lock = writing;
    if (!made)
        return tw_fail_memory(error, sizeof *made, "writing a file");
    made->file = -1;
    enum tw_status status = path_of(uri, &made->path, error);
    if (!status) {
        made->file = open(made->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (made->file < 0)
            status = fail_write(made, error);
        else if (fcntl(made->file, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES))
            status = tw_fail(error, TW_CONFLICT, "another topwork is writing %s", made->path);
    }
    if (status) {
        (void)!tw_appender_close(made, NULL);
        return status;
    }
    *appender = made;
    return TW_OK;
}

enum tw_status tw_appender_write(struct tw_appender *appender, struct tw_span bytes, struct tw_error *error)
{
    while (bytes.size) {
        ssize_t put = write(appender->file, bytes.data, bytes.size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail_write(appender, error);
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
    return TW_OK;
}

enum tw_status tw_appender_cut(struct tw_appender *appender, uint64_t size, struct tw_error *error)
{
    return ftruncate(appender->file, (off_t)size) ? fail_write(appender, error) : TW_OK;
}

enum tw_status tw_appender_close(struct tw_appender *appender, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    if (!appender)
        return TW_OK;
    if (appender->file >= 0 && close(appender->file))
        status = fail_write(appender, error);
    tw_free(appender->path);
    tw_free(appender);
    return status;
}

struct tw_follower {
    int file;
    char *path;
    uint64_t offset;          /* of the file: all before it is in `pending` or was handed out */
    struct tw_buffer pending; /* read, not handed out yet, from `at` */
    size_t at;
};

enum tw_status tw_follower_open(const char *uri, struct tw_follower **follower, struct tw_error *error)
{
    struct tw_follower *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "reading a file");
    made->file = -1;
    enum tw_status status = path_of(uri, &made->path, error);
    if (!status && (made->file = open(made->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        status = tw_fail_errno(error, errno, "cannot open", made->path);
    if (status) {
        tw_follower_free(made);
        return status;
    }
    *follower = made;
    return TW_OK;
}

static enum tw_status read_more(struct tw_follower *follower, bool *has_more, struct tw_error *error)
{
    struct stat info;
    struct tw_buffer *pending = &follower->pending;
    *has_more = false;
    if (follower->at) {
        memmove(pending->data, pending->data + follower->at, pending->size - follower->at);
        pending->size -= follower->at;
        follower->at = 0;
    }
    if (fstat(follower->file, &info))
        return tw_fail_errno(error, errno, "cannot look at", follower->path);
    if ((uint64_t)info.st_size < follower->offset) {
        follower->offset = (uint64_t)info.st_size;
        pending->size = 0;
    }
    if (pending->size > LONGEST_LINE)
        return tw_fail(error, TW_LIMIT, "%s has a line of more than %d bytes", follower->path, LONGEST_LINE);
    enum tw_status status = tw_buffer_reserve(pending, pending->size + PIECE, error);
    if (status)
        return status;
    ssize_t got = pread(follower->file, pending->data + pending->size, PIECE, (off_t)follower->offset);
    if (got < 0 && errno != EINTR)
        return tw_fail(error, TW_IO, "cannot read %s: %s", follower->path, strerror(errno));
    if (got > 0) {
        pending->size += (size_t)got;
        follower->offset += (uint64_t)got;
        *has_more = true;
    }
    return TW_OK;
}

enum tw_status tw_follower_next(struct tw_follower *follower, struct tw_span *line, bool *has_line,
                                struct tw_error *error)
{
    size_t searched = 0;
    *has_line = false;
    for (;;) {
        const uint8_t *start = follower->pending.data + follower->at;
        size_t left = follower->pending.size - follower->at;
        searched = searched <= left ? searched : 0; /* the file was cut */
        const uint8_t *end = left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        if (end) {
            *line = tw_span_of(start, (size_t)(end - start));
            *has_line = true;
            follower->at += line->size + 1;
            return TW_OK;
        }
        searched = left;
        bool has_more;
        enum tw_status status = read_more(follower, &has_more, error);
        if (status || !has_more)
            return status;
    }
}

bool tw_follower_has_writer(const struct tw_follower *follower)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(follower->file, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
}

void tw_follower_free(struct tw_follower *follower)
{
    if (!follower)
        return;
    if (follower->file >= 0)
        close(follower->file);
    tw_free(follower->path);
    tw_buffer_release(&follower->pending);
    tw_free(follower);
}
