/* Rows of a set that need not fit memory, a block at a time, as solvers take them: mapped, then moved. */
#ifndef TW_TRAIN_ROWS_H
#define TW_TRAIN_ROWS_H

#include "train/design.h"
#include "train/solver.h"

/* Borrowed. */
struct tw_rows {
    const struct tw_examples *examples;
    enum tw_map map;
    const float *shift; /* width: taken off each mapped row; NULL: nothing */
    int threads;
};
/* out (count x width): rows first, first + 1 ... or, where `which` is not NULL, rows which[first], which[first + 1] ... */
enum tw_status tw_rows_load(const struct tw_rows *rows, const size_t *which, size_t first, size_t count, float *out,
                            struct tw_error *error) TW_MUST_USE;

/* What a covariance and class means are made of, over the rows added so far; rows are moved by the same shift. A row counts for
 * each of its labels by an equal share. Zero-initialise; release accepts the zero state. */
struct tw_statistics {
    size_t width, classes;
    double count;          /* rows */
    float *scatter;        /* width x width, on and below the diagonal: sum of row transposed * row */
    float *sums;           /* classes x width */
    double *class_weights; /* classes */
};
enum tw_status tw_statistics_init(struct tw_statistics *statistics, size_t width, size_t classes,
                                  struct tw_error *error) TW_MUST_USE;
/* A block that tw_rows_load gave, of the same rows. Where is_left_out[row] the row counts for nothing: it becomes 0 in the
 * block. NULL: all count. Same bits for any number of threads. */
struct tw_block {
    const struct tw_examples *examples;
    int64_t unlabelled_class;
    const bool *is_left_out; /* of all examples */
    const size_t *which;     /* as in tw_rows_load */
    size_t first, count;
    float *values; /* count x width */
    int threads;
};
enum tw_status tw_statistics_add(struct tw_statistics *statistics, const struct tw_block *block,
                                 struct tw_error *error) TW_MUST_USE;
/* The rule's means and covariance; lda->threads is the caller's. */
enum tw_status tw_statistics_to_lda(const struct tw_statistics *statistics, struct tw_lda *lda,
                                    struct tw_error *error) TW_MUST_USE;
void tw_statistics_release(struct tw_statistics *statistics);

/* A row's classes, each with an equal share; none: the unlabelled class, where there is one. */
struct tw_row_classes {
    const int64_t *classes;
    size_t count;
};
struct tw_row_classes tw_row_classes_of(const struct tw_examples *examples, size_t row,
                                        const int64_t *unlabelled_class);

#endif
