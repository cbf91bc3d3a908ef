/* What a head learns from: one embedding and its labels a row. */
#ifndef TW_TRAIN_EXAMPLES_H
#define TW_TRAIN_EXAMPLES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Borrowed. Rows in a canonical order (by content), so that the order in which shards are listed does not matter. */
struct tw_examples {
    const float *embeddings; /* count x width, row-major */
    size_t count, width;
    const char *const *keys;    /* count: the uri */
    const int64_t *labels;      /* label ids of row i: labels[label_starts[i] .. label_starts[i + 1]) */
    const size_t *label_starts; /* count + 1; a row without labels is unlabelled */
    const size_t *groups;       /* count: rows of one number (below count) are likenesses of one thing, which folds keep
                                   together; NULL: none are known */
};

/* Training target of a row over `class_count` classes: 1/n for each of its n labels; an unlabelled row has its whole
 * weight on `unlabelled_class`. */
void tw_examples_target(const struct tw_examples *examples, size_t row, int64_t unlabelled_class, float *target,
                        size_t class_count);

#endif
