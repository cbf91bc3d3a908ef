#include "base/hash.h"
#include "base/memory.h"
#include "storage/scheme.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens for reading what is a regular file: a FIFO would wait, a device might not end. */
static enum tw_status open_regular(const char *path, int *file, uint64_t *size_bytes, struct tw_error *error)
{
    struct stat info;
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0)
        return tw_fail_errno(error, errno, "cannot open", path);
    if (fstat(opened, &info)) {
        enum tw_status status = tw_fail_errno(error, errno, "cannot look at", path);
        close(opened);
        return status;
    }
    if (!S_ISREG(info.st_mode)) {
        close(opened);
        return tw_fail(error, TW_UNSUPPORTED, "%s is a %s, not a file", path,
                       S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
    }
    *file = opened;
    *size_bytes = (uint64_t)info.st_size;
    return TW_OK;
}

/* A file that grows while it is read is read to the size that it had, one that shrinks to where it ends. */
static enum tw_status file_read(const char *path, size_t max_bytes, struct tw_buffer *buffer, struct tw_error *error)
{
    int file = -1;
    uint64_t size = 0;
    enum tw_status status = open_regular(path, &file, &size, error);
    if (status)
        return status;
    if (size > max_bytes)
        status = tw_fail(error, TW_LIMIT, "%s has %llu bytes, over the limit of %zu", path, (unsigned long long)size,
                         max_bytes);
    if (!status)
        status = tw_buffer_reserve(buffer, size ? (size_t)size : 1, error);
    while (!status && buffer->size < size) {
        ssize_t got = read(file, buffer->data + buffer->size, (size_t)size - buffer->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = tw_fail(error, TW_IO, "cannot read %s: %s", path, strerror(errno));
        if (got <= 0)
            break;
        buffer->size += (size_t)got;
    }
    close(file);
    return status;
}

static enum tw_status file_map(const char *path, struct tw_mapping *mapping, struct tw_error *error)
{
    int file = -1;
    uint64_t size = 0;
    enum tw_status status = open_regular(path, &file, &size, error);
    if (status)
        return status;
    struct tw_mapping made = {0};
    if (size) {
        made.base = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
        made.map_bytes = (size_t)size;
        made.bytes = tw_span_of(made.base, (size_t)size);
        if (made.base == MAP_FAILED)
            status = tw_fail_errno(error, errno, "cannot map", path);
    }
    close(file);
    if (!status)
        *mapping = made;
    return status;
}

void tw_mapping_release(struct tw_mapping *mapping)
{
    if (mapping->map_bytes)
        munmap(mapping->base, mapping->map_bytes);
    else
        tw_free(mapping->base);
    *mapping = (struct tw_mapping){0};
}

static enum tw_entry_kind kind_of_mode(mode_t mode)
{
    return S_ISREG(mode) ? TW_ENTRY_FILE : S_ISDIR(mode) ? TW_ENTRY_FOLDER : TW_ENTRY_OTHER;
}

static enum tw_status file_kind(const char *path, enum tw_entry_kind *kind, uint64_t *size_bytes,
                                struct tw_error *error)
{
    struct stat info;
    *kind = TW_ENTRY_MISSING;
    *size_bytes = 0;
    if (stat(path, &info)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return TW_OK;
        return tw_fail_errno(error, errno, "cannot look at", path);
    }
    *kind = kind_of_mode(info.st_mode);
    *size_bytes = (uint64_t)info.st_size;
    return TW_OK;
}

static enum tw_status file_list(const char *path, struct tw_listing *listing, struct tw_error *error)
{
    DIR *folder = opendir(path);
    if (!folder)
        return tw_fail_errno(error, errno, "cannot open folder", path);
    enum tw_status status = TW_OK;
    struct dirent *entry;
    for (errno = 0; !status && (entry = readdir(folder)); errno = 0) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        bool is_there = fstatat(dirfd(folder), entry->d_name, &info, 0) == 0;
        status =
            tw_listing_add(listing, entry->d_name, is_there ? kind_of_mode(info.st_mode) : TW_ENTRY_MISSING, error);
    }
    if (!status && errno)
        status = tw_fail(error, TW_IO, "cannot read folder %s: %s", path, strerror(errno));
    closedir(folder);
    return status;
}

static enum tw_status file_glob(const char *pattern, struct tw_listing *listing, struct tw_error *error)
{
    glob_t found = {0};
    int failed = glob(pattern, GLOB_NOSORT, NULL, &found);
    enum tw_status status = TW_OK;
    if (failed && failed != GLOB_NOMATCH)
        status = tw_fail(error, failed == GLOB_NOSPACE ? TW_NO_MEMORY : TW_IO, "cannot look for %s", pattern);
    for (size_t i = 0; i < found.gl_pathc && !status; i++) {
        enum tw_entry_kind kind;
        uint64_t size;
        status = file_kind(found.gl_pathv[i], &kind, &size, error);
        if (!status)
            status = tw_listing_add(listing, found.gl_pathv[i], kind, error);
    }
    globfree(&found);
    return status;
}

/* All that writes fails as TW_IO: it is the system that says no, not an input that is wrong. */
static enum tw_status fail_write(struct tw_error *error, const char *what, const char *path)
{
    return tw_fail(error, TW_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static enum tw_status file_make_folders(const char *path, struct tw_error *error)
{
    char *partial = tw_strdup(path);
    if (!partial)
        return tw_fail_memory(error, strlen(path), "a path");
    enum tw_status status = TW_OK;
    for (char *slash = partial + 1; *partial && !status; slash++) {
        if (*slash && *slash != '/')
            continue;
        char kept = *slash;
        struct stat info;
        *slash = 0;
        if (mkdir(partial, 0777) && errno != EEXIST)
            status = fail_write(error, "make folder", partial);
        else if (stat(partial, &info) == 0 && !S_ISDIR(info.st_mode))
            status = tw_fail(error, TW_IO, "cannot make folder %s: a file of that name is there", partial);
        *slash = kept;
        if (!kept)
            break;
    }
    tw_free(partial);
    return status;
}

static enum tw_status file_remove(const char *path, struct tw_error *error)
{
    if (unlink(path) && errno != ENOENT)
        return fail_write(error, "remove", path);
    return TW_OK;
}

static enum tw_status file_remove_folder(const char *path, struct tw_error *error)
{
    if (rmdir(path) && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        return fail_write(error, "remove folder", path);
    return TW_OK;
}

struct file_writer {
    struct tw_writer base;
    int file;
    char *path;
    char *temporary; /* NULL: written straight to what is no regular file (a device, a pipe) */
    uint64_t size;   /* written so far, and its checksum: what is read back before it is published */
    uint32_t crc;
};

static void free_writer(struct file_writer *writer)
{
    if (writer->file >= 0)
        close(writer->file);
    tw_free(writer->path);
    tw_free(writer->temporary);
    tw_free(writer);
}

static enum tw_status writer_write(struct tw_writer *base, const void *data, size_t size, struct tw_error *error)
{
    struct file_writer *writer = (struct file_writer *)base;
    const uint8_t *at = data;
    while (size) {
        ssize_t put = write(writer->file, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail_write(error, "write", writer->path);
        writer->crc = tw_crc32c(writer->crc, at, (size_t)put);
        writer->size += (size_t)put;
        at += put;
        size -= (size_t)put;
    }
    return TW_OK;
}

/* What the file system gives back is what was written. */
static enum tw_status verify(const struct file_writer *writer, struct tw_error *error)
{
    struct tw_mapping mapping = {0};
    if (!writer->temporary)
        return TW_OK;
    enum tw_status status = file_map(writer->temporary, &mapping, error);
    if (!status &&
        (mapping.bytes.size != writer->size || tw_crc32c(0, mapping.bytes.data, mapping.bytes.size) != writer->crc))
        status = tw_fail(error, TW_IO, "cannot write %s: what was written does not read back", writer->path);
    tw_mapping_release(&mapping);
    return status ? TW_IO : TW_OK;
}

static void writer_abandon(struct tw_writer *base)
{
    struct file_writer *writer = (struct file_writer *)base;
    if (writer->temporary)
        unlink(writer->temporary);
    free_writer(writer);
}

/* A rename is only there after a power loss when its folder is synced. Some file systems cannot sync folders: let be. */
static void sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? tw_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : tw_strdup(".");
    int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file >= 0) {
        fsync(file);
        close(file);
    }
    tw_free(folder);
}

static enum tw_status writer_commit(struct tw_writer *base, struct tw_error *error)
{
    struct file_writer *writer = (struct file_writer *)base;
    enum tw_status status = TW_OK;
    if (fsync(writer->file) && errno != EINVAL && errno != EROFS)
        status = fail_write(error, "write", writer->path);
    if (!status)
        status = verify(writer, error);
    if (!status && writer->temporary && rename(writer->temporary, writer->path))
        status = fail_write(error, "write", writer->path);
    int closed = close(writer->file);
    writer->file = -1;
    if (!status && closed)
        status = fail_write(error, "write", writer->path);
    if (status && writer->temporary)
        unlink(writer->temporary);
    if (!status && writer->temporary)
        sync_folder_of(writer->path);
    free_writer(writer);
    return status;
}

/* Temporary files are called ".NAME.tw-" and six letters and digits: nobody else's are, so that a sweep takes only our own. */
#define TEMPORARY_MARK ".tw-"

static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    return tw_format("%.*s.%.200s" TEMPORARY_MARK "XXXXXX", folder, path, path + folder);
}

static enum tw_status file_open_writer(const char *path, struct tw_writer **writer, struct tw_error *error)
{
    struct stat info;
    bool is_special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (is_special && S_ISDIR(info.st_mode))
        return tw_fail(error, TW_IO, "cannot write %s: it is a folder", path);
    struct file_writer *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "writing a file");
    made->base = (struct tw_writer){writer_write, writer_commit, writer_abandon};
    made->file = -1;
    made->path = tw_strdup(path);
    made->temporary = is_special ? NULL : temporary_name(path);
    if (!made->path || (!is_special && !made->temporary)) {
        free_writer(made);
        return tw_fail_memory(error, strlen(path), "a path");
    }
    made->file = is_special ? open(path, O_WRONLY | O_CLOEXEC) : mkostemp(made->temporary, O_CLOEXEC);
    if (made->file < 0) {
        enum tw_status status = fail_write(error, "write", path);
        free_writer(made);
        return status;
    }
    if (!is_special) { /* mkostemp makes 0600; a result is readable as any other file */
        mode_t mask = umask(0);
        umask(mask);
        fchmod(made->file, 0666 & ~mask);
        flock(made->file, LOCK_EX | LOCK_NB); /* says to file_sweep that its writer lives */
    }
    *writer = &made->base;
    return TW_OK;
}

bool tw_storage_is_temporary(const char *name)
{
    static const char mark[] = TEMPORARY_MARK;
    size_t length = strlen(name), tail = sizeof mark - 1 + 6;
    return length > tail + 1 && name[0] == '.' && memcmp(name + length - tail, mark, sizeof mark - 1) == 0 &&
           !strchr(name + length - 6, '.');
}

static enum tw_status file_sweep(const char *path, struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_status status = file_list(path, &listing, error);
    for (size_t i = 0; i < listing.count && !status; i++) {
        const struct tw_entry *entry = &listing.entries[i];
        char *temporary = tw_storage_is_temporary(entry->name) && entry->kind == TW_ENTRY_FILE
                              ? tw_uri_join(path, entry->name)
                              : NULL;
        int file = temporary ? open(temporary, O_RDONLY | O_CLOEXEC) : -1;
        if (file >= 0) {
            if (flock(file, LOCK_EX | LOCK_NB) == 0)
                status = file_remove(temporary, error);
            close(file);
        }
        tw_free(temporary);
    }
    tw_listing_release(&listing);
    return status;
}

const struct tw_scheme tw_scheme_file = {
    .name = "file",
    .read = file_read,
    .map = file_map,
    .kind = file_kind,
    .list = file_list,
    .glob = file_glob,
    .make_folders = file_make_folders,
    .remove = file_remove,
    .remove_folder = file_remove_folder,
    .sweep = file_sweep,
    .open_writer = file_open_writer,
};
