/* Folds for cross-validation: stratified, and by the content of rows, so that listing order changes nothing and equal
 * embeddings (copies of a photo) share a fold. */
#ifndef TW_TRAIN_FOLDS_H
#define TW_TRAIN_FOLDS_H

#include "train/examples.h"

/* folds[row] in [0, *fold_count), or TW_NEVER_HELD_OUT for the one row of a class that has no other. `classes` holds each
 * row's class. *fold_count is the lesser of `most` and the rows of the greatest class; 0 or 1: none can be made. */
enum tw_status tw_folds_make(const struct tw_examples *examples, const size_t *classes, uint64_t seed, size_t most,
                             uint8_t *folds, size_t *fold_count, struct tw_error *error) TW_MUST_USE;

#endif
