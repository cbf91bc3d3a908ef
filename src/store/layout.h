/* What the files of this folder share: names of files, and the model's own file. */
#ifndef TW_STORE_LAYOUT_H
#define TW_STORE_LAYOUT_H

#include "storage/lock.h"
#include "store/store.h"

#define TW_MODEL_FILE "model.json"
#define TW_VERSION_FILE "version.json"
#define TW_INCOMING_FILE "incoming.json" /* what a version that comes or goes consists of */

enum { TW_STORE_FORMAT = 1, TW_STORE_MOST_JSON = 1 << 20 };

/* The number that a folder's name is, 0 where it is none: no sign, no leading zero. */
int64_t tw_store_number_of(const char *name);
/* The files that a version.json or an incoming.json lists. Names that could leave the folder are TW_CORRUPT. */
enum tw_status tw_store_read_version(const char *uri, struct tw_store_version *version,
                                     struct tw_error *error) TW_MUST_USE;
void tw_store_version_release(struct tw_store_version *version);
/* version.json or incoming.json. */
enum tw_status tw_store_write_version(const char *uri, const struct tw_store_version *version,
                                      struct tw_error *error) TW_MUST_USE;
/* model.json from name, description, created_s, default_number, next_number and labels. */
enum tw_status tw_store_write_model(const char *store, const struct tw_store_model *model,
                                    struct tw_error *error) TW_MUST_USE;
/* Removes a version's files, the folder too where nothing else lies in it. */
enum tw_status tw_store_remove_version(const char *store, const char *name, const struct tw_store_version *version,
                                       struct tw_error *error) TW_MUST_USE;

/* Waits for others that write to the model. */
enum { TW_STORE_WAIT_SECONDS = 120 };
enum tw_status tw_store_lock(const char *store, const char *name, struct tw_folder_lock **lock,
                             struct tw_error *error) TW_MUST_USE;
/* Under the lock: removes what additions that were killed have left. */
enum tw_status tw_store_sweep(const char *store, const char *name, struct tw_error *error) TW_MUST_USE;

#endif
