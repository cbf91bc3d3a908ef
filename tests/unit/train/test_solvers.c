#include "train/candidates.h"

#include "train/blobs.h"
#include "train/multiply.h"

enum { CLASSES = 3, PER_CLASS = 12, ROWS = CLASSES * PER_CLASS, WIDTH = 6 };

/* A problem over the blobs, by way of a design. */
struct fixture {
    struct blobs blobs;
    struct tw_design design;
    float targets[ROWS * CLASSES];
    uint8_t folds[ROWS];
    struct tw_problem problem;
};

static void fixture_init(struct fixture *f, size_t width)
{
    *f = (struct fixture){.blobs = blobs_make(CLASSES, PER_CLASS, width, 0.8, false)};
    assert_int_equal(tw_design_init(&f->design, &f->blobs.examples, TW_MAP_PLAIN, 2, NULL), TW_OK);
    for (size_t row = 0; row < ROWS; row++) {
        f->targets[row * CLASSES + row % CLASSES] = 1;
        f->folds[row] = (uint8_t)(row / CLASSES % 4);
    }
    f->problem = (struct tw_problem){.basis = tw_design_basis(&f->design),
                                     .count = ROWS,
                                     .rank = f->design.rank,
                                     .width = width,
                                     .spread = f->design.spread,
                                     .targets = f->targets,
                                     .classes = CLASSES,
                                     .folds = f->folds,
                                     .threads = 2};
    assert_int_equal(tw_design_scatter(&f->design, &f->problem.scatter, NULL), TW_OK);
}

static void fixture_release(struct fixture *f)
{
    tw_design_release(&f->design);
    blobs_release(&f->blobs);
}

/* Cross entropy and penalty as scikit-learn states them, divided by C, in double. */
static double objective(const struct fixture *f, int held_out, const float *weights, const float *bias, double c)
{
    const struct tw_problem *p = &f->problem;
    double value = 0;
    for (size_t i = 0; i < p->rank * CLASSES; i++)
        value += (double)weights[i] * (double)weights[i] / (2 * c);
    for (size_t row = 0; row < ROWS; row++) {
        double logits[CLASSES], sum = 0;
        if (f->folds[row] == held_out)
            continue;
        for (size_t k = 0; k < CLASSES; k++) {
            logits[k] = (double)bias[k];
            for (size_t i = 0; i < p->rank; i++)
                logits[k] += (double)p->basis[row * p->rank + i] * (double)weights[i * CLASSES + k];
            sum += exp(logits[k]);
        }
        value += log(sum) - logits[row % CLASSES];
    }
    return value;
}

static void logistic_regression_ends_where_the_objective_is_flat(void **state)
{
    static const double strengths[] = {1, 30};
    static const size_t widths[] = {WIDTH, 80};
    (void)state;
    for (size_t w = 0; w < 4; w++) {
        struct fixture f;
        int held_out = w < 2 ? TW_FIT_ALL : 1;
        fixture_init(&f, widths[w % 2]);
        size_t size = f.problem.rank * CLASSES;
        float *weights = tw_alloc(2 * size, sizeof *weights), biases[2 * CLASSES];
        assert_int_equal(tw_logistic_fit(&f.problem, held_out, strengths, 2, weights, biases, NULL), TW_OK);
        for (size_t s = 0; s < 2; s++) {
            double c = strengths[s] / f.problem.spread, step = 1e-2;
            double found = objective(&f, held_out, weights + s * size, biases + s * CLASSES, c);
            double allowed = (held_out == TW_FIT_ALL ? 1e-6 : 1e-3) * found;
            for (size_t i = 0; i < size; i += size / 9) {
                float kept = weights[s * size + i];
                for (int sign = -1; sign <= 1; sign += 2) {
                    weights[s * size + i] = kept + (float)(sign * step);
                    assert_true(objective(&f, held_out, weights + s * size, biases + s * CLASSES, c) > found - allowed);
                }
                weights[s * size + i] = kept;
            }
        }
        tw_free(weights);
        fixture_release(&f);
    }
}

/* Gauss's elimination in double: the plain way to what LDA solves by a factor. */
static void eliminate(double *matrix, double *side, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        for (size_t i = k + 1; i < n; i++) {
            double factor = matrix[i * n + k] / matrix[k * n + k];
            for (size_t j = k; j < n; j++)
                matrix[i * n + j] -= factor * matrix[k * n + j];
            side[i] -= factor * side[k];
        }
    }
    for (size_t k = n; k > 0; k--) {
        for (size_t j = k; j < n; j++)
            side[k - 1] -= matrix[(k - 1) * n + j] * side[j];
        side[k - 1] /= matrix[(k - 1) * n + k - 1];
    }
}

static void lda_equals_its_closed_form_without_the_fold_held_out(void **state)
{
    const double shrinkage = 0.3;
    double means[CLASSES][WIDTH] = {{0}}, counts[CLASSES] = {0}, within[WIDTH * WIDTH] = {0}, total = 0, trace = 0;
    float weights[WIDTH * CLASSES], bias[CLASSES];
    struct fixture f;
    (void)state;
    fixture_init(&f, WIDTH);
    const float *basis = f.problem.basis;
    for (size_t row = 0; row < ROWS; row++) {
        if (f.folds[row] == 2)
            continue;
        total++, counts[row % CLASSES]++;
        for (size_t i = 0; i < WIDTH; i++)
            means[row % CLASSES][i] += (double)basis[row * WIDTH + i];
    }
    for (size_t i = 0; i < CLASSES * WIDTH; i++)
        means[i / WIDTH][i % WIDTH] /= counts[i / WIDTH];
    for (size_t row = 0; row < ROWS; row++) {
        const double *mean = means[row % CLASSES];
        for (size_t i = 0; f.folds[row] != 2 && i < WIDTH * WIDTH; i++)
            within[i] += ((double)basis[row * WIDTH + i / WIDTH] - mean[i / WIDTH]) *
                         ((double)basis[row * WIDTH + i % WIDTH] - mean[i % WIDTH]) / total;
    }
    for (size_t i = 0; i < WIDTH; i++)
        trace += within[i * WIDTH + i];
    assert_int_equal(tw_lda_fit(&f.problem, 2, &shrinkage, 1, weights, bias, NULL), TW_OK);
    for (size_t c = 0; c < CLASSES; c++) {
        double matrix[WIDTH * WIDTH], side[WIDTH], product = 0;
        for (size_t i = 0; i < WIDTH * WIDTH; i++)
            matrix[i] = (1 - shrinkage) * within[i] + (i % (WIDTH + 1) == 0 ? shrinkage * trace / WIDTH : 0);
        memcpy(side, means[c], sizeof side);
        eliminate(matrix, side, WIDTH);
        for (size_t i = 0; i < WIDTH; i++) {
            assert_true(fabs((double)weights[i * CLASSES + c] - side[i]) < 1e-4 * (1 + fabs(side[i])));
            product += side[i] * means[c][i];
        }
        assert_true(fabs((double)bias[c] - (log(counts[c] / total) - product / 2)) < 1e-4);
    }
    fixture_release(&f);
}

static void the_kernel_machine_solves_its_ridge_system(void **state)
{
    const double ridges[] = {0.1, 1};
    float weights[2 * ROWS * CLASSES], biases[2 * CLASSES], kernel[ROWS * ROWS];
    const float *distances;
    struct fixture f;
    (void)state;
    fixture_init(&f, WIDTH);
    assert_int_equal(tw_design_distances(&f.design, &distances, NULL), TW_OK);
    for (size_t i = 0; i < ROWS * ROWS; i++)
        kernel[i] = expf(-distances[i] / (float)f.design.spread);
    f.problem.basis = kernel;
    f.problem.rank = ROWS;
    assert_int_equal(tw_kernel_fit(&f.problem, 0, ridges, 2, weights, biases, NULL), TW_OK);
    for (size_t i = 0; i < 2 * ROWS * CLASSES; i++) {
        size_t s = i / (ROWS * CLASSES), row = i / CLASSES % ROWS, c = i % CLASSES;
        const float *of = weights + s * ROWS * CLASSES;
        double sum = ridges[s] * (double)of[row * CLASSES + c] + (double)biases[s * CLASSES + c];
        for (size_t j = 0; j < ROWS; j++)
            sum += (double)kernel[row * ROWS + j] * (double)of[j * CLASSES + c];
        if (f.folds[row] == 0)
            assert_true(of[row * CLASSES + c] == 0);
        else
            assert_true(fabs(sum - (double)f.targets[row * CLASSES + c]) < 1e-4);
    }
    fixture_release(&f);
}

static void fewer_rows_than_values_give_the_same_rule_over_the_embeddings(void **state)
{
    const double strength = 5;
    enum { WIDE = 90 };
    struct fixture f;
    (void)state;
    fixture_init(&f, WIDE);
    assert_int_equal(f.design.rank, ROWS);
    float *weights = tw_alloc(ROWS * CLASSES, sizeof *weights), *wide = tw_alloc(WIDE * CLASSES, sizeof *wide);
    float biases[CLASSES], *reduced = tw_alloc(ROWS * CLASSES, sizeof *reduced),
                           *direct = tw_alloc(ROWS * CLASSES, sizeof *direct);
    assert_int_equal(tw_logistic_fit(&f.problem, TW_FIT_ALL, &strength, 1, weights, biases, NULL), TW_OK);
    assert_int_equal(tw_design_unfold(&f.design, weights, CLASSES, wide, NULL), TW_OK);
    assert_int_equal(tw_multiply(f.problem.basis, weights, ROWS, CLASSES, ROWS, reduced, 1, NULL), TW_OK);
    assert_int_equal(tw_multiply(f.design.features, wide, ROWS, CLASSES, WIDE, direct, 1, NULL), TW_OK);
    for (size_t i = 0; i < ROWS * CLASSES; i++)
        assert_true(fabsf(reduced[i] - direct[i]) < 1e-3f);
    tw_free(weights);
    tw_free(wide);
    tw_free(reduced);
    tw_free(direct);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logistic_regression_ends_where_the_objective_is_flat),
        cmocka_unit_test(lda_equals_its_closed_form_without_the_fold_held_out),
        cmocka_unit_test(the_kernel_machine_solves_its_ridge_system),
        cmocka_unit_test(fewer_rows_than_values_give_the_same_rule_over_the_embeddings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
