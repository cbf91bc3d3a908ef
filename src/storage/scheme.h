/* A storage scheme: one file, one table line. Paths that reach it have lost their "SCHEME://". */
#ifndef TW_STORAGE_SCHEME_H
#define TW_STORAGE_SCHEME_H

#include "storage/storage.h"

struct tw_scheme {
    const char *name; /* "file"; a uri without a scheme is a file too */
    enum tw_status (*read)(const char *path, size_t max_bytes, struct tw_buffer *buffer, struct tw_error *error);
    enum tw_status (*map)(const char *path, struct tw_mapping *mapping, struct tw_error *error);
    enum tw_status (*kind)(const char *path, enum tw_entry_kind *kind, uint64_t *size_bytes, struct tw_error *error);
    enum tw_status (*list)(const char *path, struct tw_listing *listing, struct tw_error *error);
    enum tw_status (*glob)(const char *pattern, struct tw_listing *listing, struct tw_error *error);
    enum tw_status (*make_folders)(const char *path, struct tw_error *error);
    enum tw_status (*remove)(const char *path, struct tw_error *error);
    enum tw_status (*remove_folder)(const char *path, struct tw_error *error);
    enum tw_status (*sweep)(const char *path, struct tw_error *error);
    enum tw_status (*open_writer)(const char *path, struct tw_writer **writer, struct tw_error *error);
};
extern const struct tw_scheme tw_scheme_file;

/* Every scheme's writer begins with this. */
struct tw_writer {
    enum tw_status (*write)(struct tw_writer *writer, const void *data, size_t size, struct tw_error *error);
    enum tw_status (*commit)(struct tw_writer *writer, struct tw_error *error); /* frees it */
    void (*abandon)(struct tw_writer *writer);                                  /* frees it */
};

enum tw_status tw_listing_add(struct tw_listing *listing, const char *name, enum tw_entry_kind kind,
                              struct tw_error *error) TW_MUST_USE;

#endif
