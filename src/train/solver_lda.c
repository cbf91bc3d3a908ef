#include "base/memory.h"
#include "train/multiply.h"
#include "train/solver.h"

#include <math.h>
#include <string.h>

static const float ruled_out = -1e4f;

struct lda {
    const struct tw_problem *problem;
    int held_out;
    struct tw_lda rule;
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
    struct tw_lda *rule = &l->rule;
    for (size_t c = 0; c < p->classes; c++, taken++) {
        float root = (float)sqrt(rule->class_weights[c]);
        for (size_t i = 0; i < rank; i++)
            rows[taken * rank + i] = root * rule->means[c * rank + i];
    }
    enum tw_status status = tw_multiply_transposed(rows, rows, rank, rank, taken, rule->within, p->threads, error);
    for (size_t i = 0; i < rank * rank && status == TW_OK; i++)
        rule->within[i] = (float)(((double)p->scatter[i] - (double)rule->within[i]) / rule->total);
    tw_free(rows);
    return status;
}

enum tw_status tw_lda_solve(struct tw_lda *l, double shrinkage, float *weights, float *biases, struct tw_error *error)
{
    size_t rank = l->rank, classes = l->classes;
    struct tw_cholesky factor = {0};
    enum tw_status status = tw_lda_factor(l, shrinkage, &factor, error);
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

enum tw_status tw_lda_factor(struct tw_lda *l, double shrinkage, struct tw_cholesky *factor, struct tw_error *error)
{
    size_t rank = l->rank;
    double trace = 0;
    for (size_t i = 0; i < rank; i++)
        trace += (double)l->within[i * rank + i];
    for (size_t i = 0; i < rank * rank; i++)
        l->shrunk[i] = (float)(1 - shrinkage) * l->within[i];
    for (size_t i = 0; i < rank; i++)
        l->shrunk[i * rank + i] += (float)(shrinkage * trace / (double)l->width);
    return tw_cholesky_factor(l->shrunk, rank, l->threads, factor, error);
}

enum tw_status tw_lda_init(struct tw_lda *lda, size_t rank, size_t classes, struct tw_error *error)
{
    struct tw_lda l = {.rank = rank, .classes = classes, .width = rank, .threads = 1};
    l.means = tw_alloc(classes * rank, sizeof *l.means);
    l.class_weights = tw_alloc(classes, sizeof *l.class_weights);
    l.within = tw_alloc(rank * rank, sizeof *l.within);
    l.shrunk = tw_alloc(rank * rank, sizeof *l.shrunk);
    if (l.means == NULL || l.class_weights == NULL || l.within == NULL || l.shrunk == NULL) {
        tw_lda_release(&l);
        return tw_fail_memory(error, 2 * rank * rank * sizeof(float), "LDA");
    }
    *lda = l;
    return TW_OK;
}

void tw_lda_release(struct tw_lda *lda)
{
    tw_free(lda->means);
    tw_free(lda->class_weights);
    tw_free(lda->within);
    tw_free(lda->shrunk);
    *lda = (struct tw_lda){0};
}

enum tw_status tw_lda_fit(const struct tw_problem *problem, int held_out, const double *strengths,
                          size_t strength_count, float *weights, float *biases, struct tw_error *error)
{
    size_t classes = problem->classes, rank = problem->rank;
    struct lda l = {.problem = problem, .held_out = held_out};
    enum tw_status status = tw_lda_init(&l.rule, rank, classes, error);
    l.rule.width = problem->width;
    l.rule.threads = problem->threads;
    if (status == TW_OK) {
        l.rule.total = tw_problem_means(problem, held_out, l.rule.means, l.rule.class_weights);
        status = find_within(&l, error);
    }
    for (size_t s = 0; s < strength_count && status == TW_OK; s++)
        status = tw_lda_solve(&l.rule, strengths[s], weights + s * rank * classes, biases + s * classes, error);
    tw_lda_release(&l.rule);
    return status;
}
