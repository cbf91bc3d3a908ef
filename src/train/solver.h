/* What learns a rule from a problem: logits = basis * weights + bias. A family of solvers is one file and one line in the
 * table of families.c. */
#ifndef TW_TRAIN_SOLVER_H
#define TW_TRAIN_SOLVER_H

#include "base/log.h"
#include "train/cholesky.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TW_NEVER_HELD_OUT = 255, TW_FIT_ALL = -1 };

/* Borrowed. `basis` is the centred embeddings, or for kernels the matrix of kernel values between all rows. */
struct tw_problem {
    const float *basis;   /* count x rank */
    const float *scatter; /* rank x rank, basis transposed * basis; NULL for kernels */
    size_t count, rank;
    size_t width;         /* values in an embedding: LDA's shrinkage target is a mean over them */
    double spread;        /* mean squared length of basis rows, the unit of regularisation strengths */
    const float *targets; /* count x classes, rows add up to 1 */
    size_t classes;
    bool is_multi_label;  /* logistic regression: sigmoids, a loss for each class; targets are 0 or 1 */
    const uint8_t *folds; /* count: the fold of each row */
    int threads;
};

/* Learns from the rows outside fold `held_out` (TW_FIT_ALL: from all), once for each strength: weights (strengths x rank
 * x classes) and biases (strengths x classes). A class without rows has a bias that rules it out. */
typedef enum tw_status tw_fit_path(const struct tw_problem *problem, int held_out, const double *strengths,
                                   size_t strength_count, float *weights, float *biases, struct tw_error *error);

/* Class means in the basis: strength * (x m - |m|^2 / 2). */
tw_fit_path tw_nearest_mean_fit;
/* Linear discriminant analysis: within-class covariance (1 - strength) S + strength * trace(S) / width * I. */
tw_fit_path tw_lda_fit;
/* Multinomial logistic regression: least sum of cross entropies + |weights|^2 / (2 C), C = strength / spread; strengths
 * ascend, each starting where the one before ended. */
tw_fit_path tw_logistic_fit;
/* Least squares on the targets over a kernel matrix, ridge = strength. */
tw_fit_path tw_kernel_fit;

/* LDA from class means and the covariance within classes, however they were had. Zero-initialise; release accepts the zero
 * state. */
struct tw_lda {
    size_t rank, classes;
    size_t width; /* of an embedding: the shrinkage target is a mean over them */
    int threads;
    double total;          /* rows */
    float *means;          /* classes x rank */
    double *class_weights; /* classes */
    float *within;         /* rank x rank; on and below the diagonal is read */
    float *shrunk;         /* rank x rank: room for solving */
};
enum tw_status tw_lda_init(struct tw_lda *lda, size_t rank, size_t classes, struct tw_error *error) TW_MUST_USE;
void tw_lda_release(struct tw_lda *lda);
/* The covariance shrunk, (1 - s) within + s trace / width * I, as its factor, which lies in lda->shrunk. */
enum tw_status tw_lda_factor(struct tw_lda *lda, double shrinkage, struct tw_cholesky *factor,
                             struct tw_error *error) TW_MUST_USE;
/* weights (rank x classes), biases (classes). */
enum tw_status tw_lda_solve(struct tw_lda *lda, double shrinkage, float *weights, float *biases,
                            struct tw_error *error) TW_MUST_USE;

/* For solvers: does the row teach, and the sums of targets over rows that do. */
static inline int tw_problem_teaches(const struct tw_problem *problem, int held_out, size_t row)
{
    return held_out == TW_FIT_ALL || problem->folds[row] != held_out;
}
/* means (classes x rank; 0 for a class without rows) and weights of classes; returns their sum. */
double tw_problem_means(const struct tw_problem *problem, int held_out, float *means, double *class_weights);

#endif
