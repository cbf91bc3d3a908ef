/* L-BFGS (Nocedal 1980) whose first guess at the inverse Hessian is (curvature * scatter + I / C)^-1, factored once for
 * each C: with that, ten to thirty steps do where plain L-BFGS takes hundreds. */
#include "base/memory.h"
#include "train/dense.h"
#include "train/multiply.h"
#include "train/solver.h"

#include <math.h>
#include <string.h>

enum { PAIRS = 8, MOST_STEPS = 200, MOST_HALVINGS = 30 };
/* Mean p (1 - p) of a class at a fair fit: Hessian blocks are about that much of the scatter. */
static const double curvature = 0.1;
/* Relative gain, twice in a row, at which a fit is done: for a rule that stays, and for one that is only judged. */
static const double tolerance = 1e-8, judged_tolerance = 1e-5;
static const float ruled_out = -1e4f;

struct lbfgs {
    const struct tw_problem *problem;
    int held_out;
    double inverse_c;
    size_t count, size;       /* rows that teach; unknowns: rank * classes weights, then classes biases */
    float *x, *gradient;      /* size */
    float *trial, *direction; /* size */
    float *trial_gradient;
    float *logits; /* count of rows x classes */
    float *steps[PAIRS], *changes[PAIRS];
    double products[PAIRS]; /* steps * changes */
    size_t pairs;           /* ever made; pair i lies at i % PAIRS */
    float *matrix;
    struct tw_cholesky factor;
    bool *has_rows; /* classes */
};

static double dot(const float *a, const float *b, size_t count)
{
    double sums[4] = {0};
    for (size_t i = 0; i < count / 4 * 4; i += 4) {
        for (size_t j = 0; j < 4; j++)
            sums[j] += (double)a[i + j] * (double)b[i + j];
    }
    for (size_t i = count / 4 * 4; i < count; i++)
        sums[0] += (double)a[i] * (double)b[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/* Of sigmoids, added up over the classes that have rows; logits become sigmoid - target. */
static double judge_labels(const struct lbfgs *l, float *logits, const float *bias, const float *target)
{
    double loss = 0;
    for (size_t c = 0; c < l->problem->classes; c++) {
        double value = (double)logits[c] + (double)bias[c], against = target[c] > 0 ? -value : value;
        logits[c] = l->has_rows[c] ? (float)(1 / (1 + exp(-value)) - (double)target[c]) : 0;
        if (l->has_rows[c])
            loss += against > 0 ? against + log1p(exp(-against)) : log1p(exp(against));
    }
    return loss;
}

/* Loss of one row; its logits become softmax - target. */
static double judge_row(const struct lbfgs *l, float *logits, const float *bias, const float *target)
{
    size_t classes = l->problem->classes;
    if (l->problem->is_multi_label)
        return judge_labels(l, logits, bias, target);
    float most = -INFINITY;
    double sum = 0, loss = 0;
    for (size_t c = 0; c < classes; c++) {
        logits[c] = l->has_rows[c] ? logits[c] + bias[c] : ruled_out;
        most = logits[c] > most ? logits[c] : most;
    }
    for (size_t c = 0; c < classes; c++)
        sum += exp((double)logits[c] - (double)most);
    double shift = (double)most + log(sum);
    for (size_t c = 0; c < classes; c++) {
        double log_share = (double)logits[c] - shift;
        loss -= target[c] > 0 ? (double)target[c] * log_share : 0;
        logits[c] = (float)(exp(log_share) - (double)target[c]);
    }
    return loss;
}

static enum tw_status evaluate(struct lbfgs *l, const float *x, float *gradient, double *value, struct tw_error *error)
{
    const struct tw_problem *p = l->problem;
    size_t classes = p->classes, weights = p->rank * classes;
    enum tw_status status = tw_multiply(p->basis, x, p->count, classes, p->rank, l->logits, p->threads, error);
    if (status != TW_OK)
        return status;
    double loss = 0;
    memset(gradient + weights, 0, classes * sizeof *gradient);
    for (size_t row = 0; row < p->count; row++) {
        float *logits = l->logits + row * classes;
        if (!tw_problem_teaches(p, l->held_out, row)) {
            memset(logits, 0, classes * sizeof *logits);
            continue;
        }
        loss += judge_row(l, logits, x + weights, p->targets + row * classes);
        for (size_t c = 0; c < classes; c++)
            gradient[weights + c] += logits[c];
    }
    *value = loss + dot(x, x, weights) * l->inverse_c / 2;
    status = tw_multiply_transposed(p->basis, l->logits, p->rank, classes, p->count, gradient, p->threads, error);
    for (size_t i = 0; i < weights && status == TW_OK; i++)
        gradient[i] += (float)l->inverse_c * x[i];
    return status;
}

/* direction = first guess at the inverse Hessian * direction. */
static enum tw_status precondition(struct lbfgs *l, struct tw_error *error)
{
    size_t classes = l->problem->classes, weights = l->problem->rank * classes;
    for (size_t c = 0; c < classes; c++)
        l->direction[weights + c] *= (float)(1 / (curvature * (double)l->count));
    return tw_cholesky_solve(&l->factor, l->direction, classes, error);
}

/* direction = -inverse Hessian * gradient, by the two loops over the pairs kept. */
static enum tw_status find_direction(struct lbfgs *l, struct tw_error *error)
{
    double shares[PAIRS];
    size_t kept = l->pairs < PAIRS ? l->pairs : PAIRS;
    for (size_t i = 0; i < l->size; i++)
        l->direction[i] = -l->gradient[i];
    for (size_t k = 0; k < kept; k++) {
        size_t at = (l->pairs - 1 - k) % PAIRS;
        shares[at] = dot(l->steps[at], l->direction, l->size) / l->products[at];
        for (size_t i = 0; i < l->size; i++)
            l->direction[i] -= (float)shares[at] * l->changes[at][i];
    }
    enum tw_status status = precondition(l, error);
    for (size_t k = kept; k > 0 && status == TW_OK; k--) {
        size_t at = (l->pairs - k) % PAIRS;
        float change = (float)(shares[at] - dot(l->changes[at], l->direction, l->size) / l->products[at]);
        for (size_t i = 0; i < l->size; i++)
            l->direction[i] += change * l->steps[at][i];
    }
    return status;
}

/* A step that lessens the value enough (Armijo); *is_done where rounding leaves none. */
static enum tw_status search(struct lbfgs *l, double *value, double *found, bool *is_done, struct tw_error *error)
{
    double slope = dot(l->direction, l->gradient, l->size), length = 1;
    *is_done = !(slope < 0);
    for (int tries = 0; !*is_done; tries++) {
        for (size_t i = 0; i < l->size; i++)
            l->trial[i] = l->x[i] + (float)length * l->direction[i];
        enum tw_status status = evaluate(l, l->trial, l->trial_gradient, found, error);
        if (status != TW_OK)
            return status;
        if (*found <= *value + 1e-4 * length * slope)
            return TW_OK;
        double shorter = -slope * length * length / (2 * (*found - *value - slope * length));
        length = shorter > length / 10 && shorter < length / 2 ? shorter : length / 2;
        *is_done = tries == MOST_HALVINGS || *found - *value < 1e-9 * fabs(*value);
    }
    return TW_OK;
}

static void accept(struct lbfgs *l)
{
    size_t at = l->pairs % PAIRS;
    for (size_t i = 0; i < l->size; i++) {
        l->steps[at][i] = l->trial[i] - l->x[i];
        l->changes[at][i] = l->trial_gradient[i] - l->gradient[i];
    }
    l->products[at] = dot(l->steps[at], l->changes[at], l->size);
    l->pairs += l->products[at] > 0;
    float *x = l->x, *gradient = l->gradient;
    l->x = l->trial, l->trial = x;
    l->gradient = l->trial_gradient, l->trial_gradient = gradient;
}

static enum tw_status minimise(struct lbfgs *l, double strength, struct tw_error *error)
{
    const struct tw_problem *p = l->problem;
    double value, found;
    double enough = l->held_out == TW_FIT_ALL ? tolerance : judged_tolerance;
    bool is_done = false;
    l->inverse_c = p->spread / strength;
    l->pairs = 0;
    for (size_t i = 0; i < p->rank * p->rank; i++)
        l->matrix[i] = (float)curvature * p->scatter[i];
    for (size_t i = 0; i < p->rank; i++)
        l->matrix[i * p->rank + i] += (float)l->inverse_c;
    enum tw_status status = tw_cholesky_factor(l->matrix, p->rank, p->threads, &l->factor, error);
    if (status == TW_OK)
        status = evaluate(l, l->x, l->gradient, &value, error);
    for (int step = 0, small = 0; step < MOST_STEPS && small < 2 && status == TW_OK; step++) {
        status = find_direction(l, error);
        if (status == TW_OK)
            status = search(l, &value, &found, &is_done, error);
        if (status != TW_OK || is_done)
            break;
        accept(l);
        small = value - found < enough * fabs(found) ? small + 1 : 0;
        value = found;
    }
    tw_cholesky_release(&l->factor);
    return status;
}

static enum tw_status lbfgs_init(struct lbfgs *l, const struct tw_problem *p, int held_out, struct tw_error *error)
{
    float **const vectors[] = {&l->x, &l->gradient, &l->trial, &l->direction, &l->trial_gradient};
    *l = (struct lbfgs){.problem = p, .held_out = held_out, .size = (p->rank + 1) * p->classes};
    bool has_all = true;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        has_all &= (*vectors[i] = tw_alloc(l->size, sizeof(float))) != NULL;
    for (size_t i = 0; i < PAIRS; i++) {
        has_all &= (l->steps[i] = tw_alloc(l->size, sizeof(float))) != NULL;
        has_all &= (l->changes[i] = tw_alloc(l->size, sizeof(float))) != NULL;
    }
    l->logits = tw_alloc(p->count * p->classes, sizeof *l->logits);
    l->matrix = tw_alloc(p->rank * p->rank, sizeof *l->matrix);
    l->has_rows = tw_alloc(p->classes, sizeof *l->has_rows);
    if (!has_all || l->logits == NULL || l->matrix == NULL || l->has_rows == NULL)
        return tw_fail_memory(error, p->rank * p->rank * sizeof(float), "logistic regression");
    for (size_t row = 0; row < p->count; row++) {
        l->count += tw_problem_teaches(p, held_out, row) != 0;
        for (size_t c = 0; c < p->classes && tw_problem_teaches(p, held_out, row); c++)
            l->has_rows[c] |= p->targets[row * p->classes + c] > 0;
    }
    return TW_OK;
}

static void lbfgs_release(struct lbfgs *l)
{
    float *const vectors[] = {l->x, l->gradient, l->trial, l->direction, l->trial_gradient, l->logits, l->matrix};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        tw_free(vectors[i]);
    for (size_t i = 0; i < PAIRS; i++) {
        tw_free(l->steps[i]);
        tw_free(l->changes[i]);
    }
    tw_free(l->has_rows);
}

enum tw_status tw_logistic_fit(const struct tw_problem *problem, int held_out, const double *strengths,
                               size_t strength_count, float *weights, float *biases, struct tw_error *error)
{
    size_t classes = problem->classes, size = problem->rank * classes;
    struct lbfgs l;
    enum tw_status status = lbfgs_init(&l, problem, held_out, error);
    for (size_t s = 0; s < strength_count && status == TW_OK; s++) {
        status = minimise(&l, strengths[s], error);
        if (status != TW_OK)
            break;
        memcpy(weights + s * size, l.x, size * sizeof *weights);
        for (size_t c = 0; c < classes; c++)
            biases[s * classes + c] = l.has_rows[c] ? l.x[size + c] : ruled_out;
    }
    lbfgs_release(&l);
    return status;
}
