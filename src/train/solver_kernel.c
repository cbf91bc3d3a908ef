#include "base/memory.h"
#include "train/solver.h"

#include <string.h>

struct taught {
    const struct tw_problem *problem;
    size_t *rows, count;
    float *matrix; /* count x count */
};

/* The kernel matrix of the rows that teach, with the ridge on its diagonal. */
static void fill(const struct taught *t, double ridge)
{
    for (size_t i = 0; i < t->count; i++) {
        const float *from = t->problem->basis + t->rows[i] * t->problem->rank;
        float *to = t->matrix + i * t->count;
        for (size_t j = 0; j <= i; j++) /* the factor reads no more */
            to[j] = from[t->rows[j]];
        to[i] += (float)ridge;
    }
}

static enum tw_status solve(const struct taught *t, double ridge, const float *bias, float *weights,
                            struct tw_error *error)
{
    const struct tw_problem *p = t->problem;
    struct tw_cholesky factor = {0};
    fill(t, ridge);
    float *rows = tw_alloc(t->count * p->classes, sizeof *rows);
    if (rows == NULL)
        return tw_fail_memory(error, t->count * p->classes * sizeof *rows, "the kernel machine");
    for (size_t i = 0; i < t->count; i++) {
        for (size_t c = 0; c < p->classes; c++)
            rows[i * p->classes + c] = p->targets[t->rows[i] * p->classes + c] - bias[c];
    }
    enum tw_status status = tw_cholesky_factor(t->matrix, t->count, p->threads, &factor, error);
    if (status == TW_OK)
        status = tw_cholesky_solve(&factor, rows, p->classes, error);
    memset(weights, 0, p->count * p->classes * sizeof *weights);
    for (size_t i = 0; i < t->count && status == TW_OK; i++)
        memcpy(weights + t->rows[i] * p->classes, rows + i * p->classes, p->classes * sizeof *rows);
    tw_cholesky_release(&factor);
    tw_free(rows);
    return status;
}

static void find_shares(const struct taught *t, float *shares)
{
    for (size_t c = 0; c < t->problem->classes; c++) {
        double sum = 0;
        for (size_t i = 0; i < t->count; i++)
            sum += (double)t->problem->targets[t->rows[i] * t->problem->classes + c];
        shares[c] = (float)(sum / (double)t->count);
    }
}

enum tw_status tw_kernel_fit(const struct tw_problem *problem, int held_out, const double *strengths,
                             size_t strength_count, float *weights, float *biases, struct tw_error *error)
{
    struct taught t = {.problem = problem};
    size_t classes = problem->classes, n = problem->count;
    t.rows = tw_alloc(n, sizeof *t.rows);
    for (size_t row = 0; t.rows != NULL && row < n; row++) {
        if (tw_problem_teaches(problem, held_out, row))
            t.rows[t.count++] = row;
    }
    t.matrix = tw_alloc(t.count * t.count, sizeof *t.matrix);
    enum tw_status status = TW_OK;
    if (t.rows == NULL || t.matrix == NULL)
        status = tw_fail_memory(error, n * n * sizeof *t.matrix, "the kernel matrix");
    for (size_t s = 0; s < strength_count && status == TW_OK; s++) {
        find_shares(&t, biases + s * classes);
        status = solve(&t, strengths[s], biases + s * classes, weights + s * n * classes, error);
    }
    tw_free(t.rows);
    tw_free(t.matrix);
    return status;
}
