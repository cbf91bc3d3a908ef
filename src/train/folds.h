/* Folds for cross-validation: stratified, and by the content of rows, so that listing order changes nothing. Equal embeddings
 * (copies of a photo) and rows of one group share a fold. */
#ifndef TW_TRAIN_FOLDS_H
#define TW_TRAIN_FOLDS_H

#include "train/examples.h"

/* folds[row] in [0, *fold_count), or TW_NEVER_HELD_OUT for the rows of a class that are all one group: it must always be
 * taught. `classes` holds each row's class. *fold_count is the lesser of `most` and the groups of the greatest class; 0 or 1: none can be made. */
enum tw_status tw_folds_make(const struct tw_examples *examples, const size_t *classes, uint64_t seed, size_t most,
                             uint8_t *folds, size_t *fold_count, struct tw_error *error) TW_MUST_USE;

#endif
