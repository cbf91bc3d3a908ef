#include "base/memory.h"
#include "train/solver.h"

#include <string.h>

/* Rules a class out, whatever the rest of its logit. */
static const float ruled_out = -1e4f;

double tw_problem_means(const struct tw_problem *problem, int held_out, float *means, double *class_weights)
{
    double total = 0;
    memset(means, 0, problem->classes * problem->rank * sizeof *means);
    memset(class_weights, 0, problem->classes * sizeof *class_weights);
    for (size_t row = 0; row < problem->count; row++) {
        const float *target = problem->targets + row * problem->classes, *from = problem->basis + row * problem->rank;
        if (!tw_problem_teaches(problem, held_out, row))
            continue;
        total += 1;
        for (size_t c = 0; c < problem->classes; c++) {
            class_weights[c] += (double)target[c];
            for (size_t i = 0; target[c] > 0 && i < problem->rank; i++)
                means[c * problem->rank + i] += target[c] * from[i];
        }
    }
    for (size_t c = 0; c < problem->classes; c++) {
        for (size_t i = 0; class_weights[c] > 0 && i < problem->rank; i++)
            means[c * problem->rank + i] = (float)((double)means[c * problem->rank + i] / class_weights[c]);
    }
    return total;
}

enum tw_status tw_nearest_mean_fit(const struct tw_problem *problem, int held_out, const double *strengths,
                                   size_t strength_count, float *weights, float *biases, struct tw_error *error)
{
    size_t classes = problem->classes, rank = problem->rank;
    float *means = tw_alloc(classes * rank, sizeof *means);
    double *class_weights = tw_alloc(classes, sizeof *class_weights);
    if (means == NULL || class_weights == NULL) {
        tw_free(means);
        tw_free(class_weights);
        return tw_fail_memory(error, classes * rank * sizeof *means, "class means");
    }
    tw_problem_means(problem, held_out, means, class_weights);
    for (size_t s = 0; s < strength_count; s++) {
        for (size_t c = 0; c < classes; c++) {
            double square = 0;
            for (size_t i = 0; i < rank; i++) {
                double value = (double)means[c * rank + i];
                square += value * value;
                weights[(s * rank + i) * classes + c] = (float)(strengths[s] * value);
            }
            biases[s * classes + c] = class_weights[c] > 0 ? (float)(-0.5 * strengths[s] * square) : ruled_out;
        }
    }
    tw_free(means);
    tw_free(class_weights);
    return TW_OK;
}
