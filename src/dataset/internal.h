/* What the files of this folder share. */
#ifndef TW_DATASET_INTERNAL_H
#define TW_DATASET_INTERNAL_H

#include "dataset/dataset.h"

/* What listing knows while it goes on. */
struct tw_lister {
    const struct tw_list_options *options;
    struct tw_dataset *dataset;
    bool has_fixed_labels; /* dict.txt or known labels: others are unknown */
};

/* A name that can be a label: UTF-8 text without control characters, not empty, at most 1024 bytes. */
enum tw_status tw_label_check(const char *name, struct tw_error *error) TW_MUST_USE;
/* Without the white space that surrounds it. */
struct tw_span tw_label_trimmed(struct tw_span name);

/* Adds a label by name to an item. One that is unknown or cannot be a label becomes a remark. */
enum tw_status tw_lister_label(struct tw_lister *lister, struct tw_item *item, const char *name,
                               struct tw_error *error) TW_MUST_USE;
enum tw_status tw_list_folder(struct tw_lister *lister, const char *folder, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_list_csv(struct tw_lister *lister, const char *uri, struct tw_error *error) TW_MUST_USE;
/* The folder at which a CSV's relative uris start; "" for the working folder. Owned; NULL: no memory. */
char *tw_csv_folder(const char *uri);
/* Applies a CSV of corrections (see corrections.c), or those in a folder that `check` wrote, to what is listed so far. Labels outside fixed ones are TW_INVALID, a file
 * without the columns is TW_CORRUPT; rows of photos that are not listed are counted and said. */
enum tw_status tw_lister_correct(struct tw_lister *lister, const char *uri, struct tw_error *error) TW_MUST_USE;
/* Whether a file beside photos is no photo by its name: licences, readmes, tables, what file managers leave. */
bool tw_is_companion(const char *name);
/* Looks through the whole list for the same uri named twice; marks items. */
enum tw_status tw_mark_doubles(struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;
/* The same for equal content under different labels. */
enum tw_status tw_mark_conflicting_copies(struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;

#endif
