#include "base/memory.h"
#include "train/multiply.h"
#include "train/solver.h"

#include <math.h>
#include <string.h>

static const float ruled_out = -1e4f;

struct lda {
    const struct tw_problem *problem;
    int held_out;
    float *means;          /* classes x rank */
    double *class_weights; /* classes */
    double total;
    float *within, *shrunk; /* rank x rank */
};

/* within = scatter - that of the held out rows - sum of weight * mean * mean transposed, over the count. */
static enum tw_status find_within(struct lda *l, struct tw_error *error)
{
    const struct tw_problem *p = l->problem;
    size_t rank = p->rank, taken = 0, most = p->classes;
    for (size_t row = 0; row < p->count; row++)
        most += !tw_problem_teaches(p, l->held_out, row);
    float *rows = tw_alloc(most * rank, sizeof *rows);
    if (rows == NULL)
        return tw_fail_memory(error, most * rank * sizeof *rows, "LDA");
    for (size_t row = 0; row < p->count; row++) {
        if (!tw_problem_teaches(p, l->held_out, row))
            memcpy(rows + taken++ * rank, p->basis + row * rank, rank * sizeof *rows);
    }
    for (size_t c = 0; c < p->classes; c++, taken++) {
        float root = (float)sqrt(l->class_weights[c]);
        for (size_t i = 0; i < rank; i++)
            rows[taken * rank + i] = root * l->means[c * rank + i];
    }
    enum tw_status status = tw_multiply_transposed(rows, rows, rank, rank, taken, l->within, p->threads, error);
    for (size_t i = 0; i < rank * rank && status == TW_OK; i++)
        l->within[i] = (float)(((double)p->scatter[i] - (double)l->within[i]) / l->total);
    tw_free(rows);
    return status;
}

static enum tw_status solve(struct lda *l, double shrinkage, float *weights, float *biases, struct tw_error *error)
{
    const struct tw_problem *p = l->problem;
    size_t rank = p->rank, classes = p->classes;
    struct tw_cholesky factor = {0};
    double trace = 0;
    for (size_t i = 0; i < rank; i++)
        trace += (double)l->within[i * rank + i];
    for (size_t i = 0; i < rank * rank; i++)
        l->shrunk[i] = (float)(1 - shrinkage) * l->within[i];
    for (size_t i = 0; i < rank; i++)
        l->shrunk[i * rank + i] += (float)(shrinkage * trace / (double)p->width);
    enum tw_status status = tw_cholesky_factor(l->shrunk, rank, p->threads, &factor, error);
    if (status != TW_OK)
        return status;
    for (size_t i = 0; i < rank; i++) {
        for (size_t c = 0; c < classes; c++)
            weights[i * classes + c] = l->means[c * rank + i];
    }
    status = tw_cholesky_solve(&factor, weights, classes, error);
    for (size_t c = 0; c < classes && status == TW_OK; c++) {
        double product = 0;
        for (size_t i = 0; i < rank; i++)
            product += (double)weights[i * classes + c] * (double)l->means[c * rank + i];
        biases[c] = l->class_weights[c] > 0 ? (float)(log(l->class_weights[c] / l->total) - product / 2) : ruled_out;
    }
    tw_cholesky_release(&factor);
    return status;
}

enum tw_status tw_lda_fit(const struct tw_problem *problem, int held_out, const double *strengths,
                          size_t strength_count, float *weights, float *biases, struct tw_error *error)
{
    size_t classes = problem->classes, rank = problem->rank;
    struct lda l = {.problem = problem, .held_out = held_out};
    l.means = tw_alloc(classes * rank, sizeof *l.means);
    l.class_weights = tw_alloc(classes, sizeof *l.class_weights);
    l.within = tw_alloc(rank * rank, sizeof *l.within);
    l.shrunk = tw_alloc(rank * rank, sizeof *l.shrunk);
    enum tw_status status = TW_OK;
    if (l.means == NULL || l.class_weights == NULL || l.within == NULL || l.shrunk == NULL)
        status = tw_fail_memory(error, 2 * rank * rank * sizeof(float), "LDA");
    if (status == TW_OK) {
        l.total = tw_problem_means(problem, held_out, l.means, l.class_weights);
        status = find_within(&l, error);
    }
    for (size_t s = 0; s < strength_count && status == TW_OK; s++)
        status = solve(&l, strengths[s], weights + s * rank * classes, biases + s * classes, error);
    tw_free(l.means);
    tw_free(l.class_weights);
    tw_free(l.within);
    tw_free(l.shrunk);
    return status;
}
