/* A file of blobs under content addresses, which only grows: what was computed once is not computed again, and what a
 * killed run had finished is what the next one starts from.
 *
 * File: 16 bytes "topwork cache 1\n", then entries: u32le magic | u32le masked CRC-32C of what follows | u32le payload
 * size | key (32 bytes) | payload. A torn entry at the end is cut off by the next writer. Several processes may append:
 * each holds a lock on the file while it does. */
#ifndef TW_TASKS_CACHE_H
#define TW_TASKS_CACHE_H

#include "base/hash.h"

struct tw_cache;
/* Creates the file and its folders where they are missing. A file that is no cache, or of another version, is
 * TW_CONFLICT. */
enum tw_status tw_cache_open(const char *path, struct tw_cache **cache, struct tw_error *error) TW_MUST_USE;
void tw_cache_free(struct tw_cache *cache); /* NULL is fine */

/* Thread-safe. A blob whose checksum is wrong counts as absent. `payload` (cleared first) may be NULL to ask only whether
 * there is one, without checking it. */
bool tw_cache_get(struct tw_cache *cache, const struct tw_digest *key, struct tw_buffer *payload);
/* Thread-safe; on the disk when it returns, synced by tw_cache_sync. */
enum tw_status tw_cache_put(struct tw_cache *cache, const struct tw_digest *key, struct tw_span payload,
                            struct tw_error *error) TW_MUST_USE;
enum tw_status tw_cache_sync(struct tw_cache *cache, struct tw_error *error) TW_MUST_USE;
size_t tw_cache_count(struct tw_cache *cache);

/* $TOPWORK_CACHE, else $XDG_CACHE_HOME/topwork, else $HOME/.cache/topwork; NULL where none is set. Owned. */
char *tw_cache_folder(void);

#endif
