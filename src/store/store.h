/* Models with numbered versions in a folder:
 *
 *     STORE/NAME/model.json         description, default, labels, next number; written whole each time; may be absent
 *     STORE/NAME/N/version.json     written last: without it version N is not there
 *     STORE/NAME/N/model.onnx ...   the files that version.json lists, with sizes and digests; never changed
 *     STORE/NAME/N/saved_model.pb   without a version.json: a version as TensorFlow Serving keeps them, read as it is
 *
 * Who reads takes no lock, for every file appears whole. Who writes locks the model's folder and waits for others that do.
 * The rules are Cloud ML's: the first version is the default, later ones never become it by themselves; the default cannot be
 * deleted unless it is the last; a model with versions cannot be deleted; a number is never given twice. */
#ifndef TW_STORE_STORE_H
#define TW_STORE_STORE_H

#include "base/hash.h"
#include "storage/storage.h"

/* Names of models, versions and labels: a letter, then letters, digits, '_', '-' or '.'; at most this many bytes. */
enum { TW_STORE_NAME_SIZE = 128 };
/* TW_INVALID with the rule; `kind` is "model", "version" or "label". */
enum tw_status tw_store_check_name(const char *kind, const char *name, struct tw_error *error) TW_MUST_USE;

struct tw_store_file {
    char *name; /* below the version's folder, "examples/labels.txt" */
    uint64_t size_bytes;
    struct tw_digest digest;
};
struct tw_store_version {
    int64_t number;           /* from 1 */
    char *name, *description; /* name: NULL where it has none; description: never NULL */
    int64_t created_s;        /* since 1970, UTC; 0: not known */
    bool is_foreign;          /* TensorFlow Serving's: no files are listed */
    struct tw_store_file *files;
    size_t file_count;
};
struct tw_store_label {
    char *name;
    int64_t number; /* the version it stands for */
    double share; /* of the requests that name no version: they go there instead of to the default; in all at most 1 */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_store_model {
    char *name, *description;
    int64_t created_s;
    struct tw_store_version *versions; /* by number */
    size_t version_count, version_capacity;
    struct tw_store_label *labels; /* by name */
    size_t label_count;
    int64_t default_number; /* 0: there is no version */
    int64_t next_number;
};
void tw_store_model_release(struct tw_store_model *model);

/* Names of the models, sorted. TW_NOT_FOUND: there is no such folder. */
enum tw_status tw_store_list(const char *store, struct tw_listing *names, struct tw_error *error) TW_MUST_USE;
/* TW_NOT_FOUND: no model of that name. TW_CORRUPT: its files are not ours. A version whose version.json is damaged is
 * TW_CORRUPT too: nothing is left out in silence. */
enum tw_status tw_store_read(const char *store, const char *name, struct tw_store_model *model,
                             struct tw_error *error) TW_MUST_USE;
/* By number ("3"), name ("v1") or label ("stable"); NULL is the default. TW_NOT_FOUND names what there is. */
enum tw_status tw_store_find(const struct tw_store_model *model, const char *version,
                             const struct tw_store_version **found, struct tw_error *error) TW_MUST_USE;
/* STORE/NAME/N, or a file in it where `file` is given. Owned by the caller; NULL: no memory. */
char *tw_store_uri(const char *store, const char *name, int64_t number, const char *file);
/* Whether the files have the sizes and digests that they were added with. TW_CORRUPT names the first that has not. */
enum tw_status tw_store_check(const char *store, const char *name, const struct tw_store_version *version,
                              struct tw_error *error) TW_MUST_USE;

/* Folders are made where they are missing. TW_CONFLICT: there is one of that name. */
enum tw_status tw_store_create(const char *store, const char *name, const char *description,
                               struct tw_error *error) TW_MUST_USE;
enum tw_status tw_store_describe(const char *store, const char *name, const char *description,
                                 struct tw_error *error) TW_MUST_USE;
/* TW_CONFLICT: it has versions. */
enum tw_status tw_store_delete(const char *store, const char *name, struct tw_error *error) TW_MUST_USE;
/* TW_CONFLICT: it is the default and not the last, or a label stands for it. Who has it open keeps it. */
enum tw_status tw_store_delete_version(const char *store, const char *name, int64_t number,
                                       struct tw_error *error) TW_MUST_USE;
enum tw_status tw_store_set_default(const char *store, const char *name, int64_t number,
                                    struct tw_error *error) TW_MUST_USE;
/* `label->number` 0 takes it away. TW_CONFLICT: a version has that name, or all shares would be more than 1. */
enum tw_status tw_store_set_label(const char *store, const char *name, const struct tw_store_label *label,
                                  struct tw_error *error) TW_MUST_USE;

/* What people say against an answer: STORE/NAME/corrections/ holds their photos, each named by its SHA-256, and corrections.csv
 * with the columns uri, new_label, prediction, score, version, time, which `train --corrections` reads. */
enum { TW_STORE_MOST_CORRECTIONS = 10000 };
struct tw_store_correction {
    struct tw_span photo;
    const char *ending;     /* of the file, "jpg" */
    const char *label;      /* what it is: 1 to TW_STORE_NAME_SIZE bytes of UTF-8 text in one line; "-": leave it out */
    const char *prediction; /* what was answered */
    double score;
    int64_t number; /* by which version */
};
/* A later word on the same photo replaces the earlier. TW_LIMIT: the queue is full. */
enum tw_status tw_store_correct(const char *store, const char *name, const struct tw_store_correction *correction,
                                struct tw_error *error) TW_MUST_USE;

/* A version on its way in: copied first, seen by nobody until it is committed. */
enum { TW_STORE_MOST_FILES = 16 };
struct tw_store_source {
    const char *name, *description;            /* of the version; name may be NULL */
    const char *files[TW_STORE_MOST_FILES];    /* their names in the version */
    const char *contents[TW_STORE_MOST_FILES]; /* and where they are copied from */
    size_t file_count;
};
struct tw_store_addition;
/* Copies, under the model's lock, which is held until the end of the addition. A model of that name must be there. */
enum tw_status tw_store_add_begin(const char *store, const char *name, const struct tw_store_source *source,
                                  struct tw_store_addition **addition, struct tw_error *error) TW_MUST_USE;
/* The copy's folder, to look at before it is published. Borrowed. */
const char *tw_store_addition_uri(const struct tw_store_addition *addition);
/* Publishes it; *number is its number. Frees the addition either way; on failure nothing of it stays. */
enum tw_status tw_store_add_commit(struct tw_store_addition *addition, int64_t *number,
                                   struct tw_error *error) TW_MUST_USE;
void tw_store_add_abandon(struct tw_store_addition *addition); /* NULL is fine */

#endif
