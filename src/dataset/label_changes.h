/* Renames, merges and removals of classes when a trained run grows. */
#ifndef TW_DATASET_LABEL_CHANGES_H
#define TW_DATASET_LABEL_CHANGES_H

#include "dataset/dataset.h"

enum tw_label_change_kind {
    TW_LABEL_RENAME, /* "old=new" */
    TW_LABEL_MERGE,  /* "a,b=c": a and b become c, which may be one of them, another class, or new */
    TW_LABEL_REMOVE  /* "label" */
};
/* As the user wrote it. Names may hold '=' and ',': the first reading in which the names before the '=' are classes counts. */
struct tw_label_change {
    enum tw_label_change_kind kind;
    const char *text;
};
/* All changes at once, each of a class of `old`. `labels` (zero) receives the names after them, in the order of the old ids, and
 * places[old id] is a class's new id, or -1 where it is removed. TW_INVALID: an unknown class (the nearest name is said), a
 * class changed twice, a new name that cannot be a label, a rename onto another class (that is a merge). */
enum tw_status tw_labels_change(const struct tw_labels *old, const struct tw_label_change *changes, size_t count,
                                struct tw_labels *labels, int64_t *places, struct tw_error *error) TW_MUST_USE;

#endif
