/* A part of the rows that a training by steps does not learn from until near its end, so that the head can be asked about
 * rows that it has never seen; and what it said of them. */
#ifndef TW_TRAIN_HELD_PART_H
#define TW_TRAIN_HELD_PART_H

#include "train/examples.h"
#include "train/reliability.h"

#include <stdbool.h>

enum { TW_MOST_HELD = 2000 };
/* Zero-initialise; release accepts the zero state. */
struct tw_held_part {
    size_t count, classes; /* 0 rows: none is held */
    size_t *rows;          /* held, rising */
    bool *is_held;         /* of all rows */
    size_t other_count;    /* rows that are not */
    float *targets;        /* count x classes */
};
/* A tenth of the rows of each class, TW_MOST_HELD at most, by a fold of content where rows are few enough to read them for
 * it (likenesses stay on one side), else by the row's place. Where no class can spare any: TW_OK and count 0. */
enum tw_status tw_held_part_make(const struct tw_examples *examples, size_t class_count, int64_t unlabelled_class,
                                 uint64_t seed, struct tw_held_part *part, struct tw_error *error) TW_MUST_USE;
void tw_held_part_release(struct tw_held_part *part);
/* The held rows' embeddings one after another (count x width), the caller's to free; NULL: no memory. */
float *tw_held_part_embeddings(const struct tw_held_part *part, const struct tw_examples *examples);
/* The temperature that fits what the head said of them (count x classes log scores), and what it does for them. */
enum tw_status tw_held_part_calibrate(const struct tw_held_part *part, const float *log_scores,
                                      struct tw_calibration_record *record, struct tw_error *error) TW_MUST_USE;

#endif
