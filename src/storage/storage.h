/* Where bytes lie: one scheme a file (file now; gs, s3 and http come as further table lines). A uri is a path,
 * file://PATH or SCHEME://... */
#ifndef TW_STORAGE_STORAGE_H
#define TW_STORAGE_STORAGE_H

#include "base/bytes.h"

/* Whole object into `buffer` (cleared first). TW_LIMIT when it is larger than max_bytes: checked before reading; what is
 * no regular file (folder, FIFO, device) is refused, so that nothing waits. /dev/stdin is not a uri: callers read it. */
enum tw_status tw_storage_read(const char *uri, size_t max_bytes, struct tw_buffer *buffer,
                               struct tw_error *error) TW_MUST_USE;

/* Whole object as borrowed bytes, mapped where the scheme can (files). Unmap by release; accepts the zero state. */
struct tw_mapping {
    struct tw_span bytes;
    void *base;       /* internal */
    size_t map_bytes; /* internal: 0 when `base` is a heap block */
};
enum tw_status tw_storage_map(const char *uri, struct tw_mapping *mapping, struct tw_error *error) TW_MUST_USE;
void tw_mapping_release(struct tw_mapping *mapping);

enum tw_entry_kind { TW_ENTRY_MISSING, TW_ENTRY_FILE, TW_ENTRY_FOLDER, TW_ENTRY_OTHER };
enum tw_status tw_storage_kind(const char *uri, enum tw_entry_kind *kind, uint64_t *size_bytes,
                               struct tw_error *error) TW_MUST_USE;

/* Entries of a folder, names sorted by bytes, without "." and "..". */
struct tw_entry {
    char *name;              /* owned */
    enum tw_entry_kind kind; /* links followed; a dangling link is MISSING */
};
struct tw_listing {
    struct tw_entry *entries;
    size_t count, capacity;
};
enum tw_status tw_storage_list(const char *uri, struct tw_listing *listing, struct tw_error *error) TW_MUST_USE;
void tw_listing_release(struct tw_listing *listing);
/* Names matching a shell glob (*, ?, [...]), sorted; empty when none. The entries' names are whole uris. */
enum tw_status tw_storage_glob(const char *pattern, struct tw_listing *listing, struct tw_error *error) TW_MUST_USE;

/* folder + "/" + name; an absolute or schemed `name` stays as it is. Owned by the caller. NULL: no memory. */
char *tw_uri_join(const char *folder, const char *name);
/* Absolute, without "file://": two spellings of one file should meet. Symbolic links are kept. Owned. */
char *tw_uri_normal(const char *uri);
/* The same with every symbolic link followed, so that two ways to one folder meet. Owned. NULL: it does not exist, or no
 * memory. */
char *tw_uri_real(const char *uri);

enum tw_status tw_storage_make_folders(const char *uri, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_storage_remove(const char *uri, struct tw_error *error) TW_MUST_USE; /* a file; missing is fine */
/* An empty folder. One that is missing is fine; one that holds something stays, and that is TW_OK too. */
enum tw_status tw_storage_remove_folder(const char *uri, struct tw_error *error) TW_MUST_USE;

/* Removes from a folder the temporary files of writers that were killed; those of living ones stay. */
enum tw_status tw_storage_sweep(const char *uri, struct tw_error *error) TW_MUST_USE;
bool tw_storage_is_temporary(const char *name); /* whether an entry is such a file, by its name */

/* A file that appears whole or not at all: temporary name beside it, synced, read back, renamed, folder synced. */
struct tw_writer;
enum tw_status tw_writer_open(const char *uri, struct tw_writer **writer, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_writer_write(struct tw_writer *writer, const void *data, size_t size,
                               struct tw_error *error) TW_MUST_USE;
/* Publishes it. The writer is freed either way; on failure nothing of it stays. */
enum tw_status tw_writer_commit(struct tw_writer *writer, struct tw_error *error) TW_MUST_USE;
void tw_writer_abandon(struct tw_writer *writer); /* NULL is fine */
/* Whole content in one call. */
enum tw_status tw_storage_write(const char *uri, struct tw_span bytes, struct tw_error *error) TW_MUST_USE;

#endif
