/* What the targets share. */
#ifndef TW_TESTS_FUZZ_H
#define TW_TESTS_FUZZ_H

#include "base/bytes.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A failure is one sentence, a success says nothing. */
static inline void must_explain(enum tw_status status, const struct tw_error *error)
{
    if (status == TW_OK)
        return;
    if (error->text[0] == 0 || strchr(error->text, '\n') != NULL) {
        fprintf(stderr, "status %d explains itself by: %s\n", (int)status, error->text);
        abort();
    }
}

static inline void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* The bytes as a file in memory; its path is good until the next call. */
static inline const char *file_of(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    must(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "a file in memory");
    return path;
}

/* A folder of this process, made once. */
static inline const char *folder_of_fuzz(void)
{
    static char folder[] = "/dev/shm/topwork-fuzz-XXXXXX";
    static bool is_made;
    if (!is_made) {
        must(mkdtemp(folder) != NULL, "a folder");
        is_made = true;
    }
    return folder;
}

static inline void put_in_folder(const char *name, const uint8_t *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder_of_fuzz(), name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(file >= 0 && write(file, data, size) == (ssize_t)size, "a file of the folder");
    close(file);
}

/* Numbers out of the input, from its start; zeros when it has ended. */
struct bytes_left {
    const uint8_t *data;
    size_t size;
};

static inline unsigned take(struct bytes_left *left, unsigned below)
{
    if (left->size == 0 || below == 0)
        return 0;
    left->size--;
    return *left->data++ % below;
}

#endif
