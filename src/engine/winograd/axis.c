#include "engine/winograd/axis.h"

#include <string.h>

/* The pairs by their number, found by trying: those with the least error of the whole convolution. All products of their
 * squares fit a float's 24 bits. */
static const double pairs_of[WINOGRAD_MAX_PAIRS + 1][WINOGRAD_MAX_PAIRS] = {
    [1] = {1}, [2] = {1, 2}, [3] = {1, 2, 0.5}, [4] = {1, 2, 0.5, 0.75}, [5] = {1, 2, 0.5, 0.75, 1.5},
};

static const struct {
    int outputs, taps;
} known[] = {{2, 3}, {4, 3}, {6, 3}, {2, 5}, {4, 5}, {2, 7}, {4, 7}, {6, 7}};

/* Coefficients of prod (z - p^2) over the pairs but one, lowest first; `without` -1: over all. */
static void multiply_out(const double *pairs, int count, int without, double *coefficients)
{
    int degree = 0;
    coefficients[0] = 1;
    for (int i = 0; i < count; i++) {
        if (i == without)
            continue;
        coefficients[degree + 1] = 0;
        for (int j = ++degree; j > 0; j--)
            coefficients[j] = coefficients[j - 1] - pairs[i] * pairs[i] * coefficients[j];
        coefficients[0] *= -pairs[i] * pairs[i];
    }
}

static double evaluate(const double *coefficients, int degree, double z)
{
    double sum = 0;
    for (int i = degree; i >= 0; i--)
        sum = sum * z + coefficients[i];
    return sum;
}

bool winograd_axis_init(struct winograd_axis *axis, int outputs, int taps)
{
    memset(axis, 0, sizeof *axis);
    axis->outputs = outputs, axis->taps = taps, axis->points = outputs + taps - 1;
    if (outputs == 1 && taps >= 1 && taps <= WINOGRAD_MAX_TAPS) {
        for (int k = 0; k < taps; k++)
            axis->filter[k][k] = 1;
        return true;
    }
    bool is_known = false;
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || (known[i].outputs == outputs && known[i].taps == taps);
    if (!is_known)
        return false;
    int n = axis->points, count = (n - 2) / 2;
    const double *pairs = pairs_of[count];
    double all[WINOGRAD_MAX_PAIRS + 1], others[WINOGRAD_MAX_PAIRS + 1];
    multiply_out(pairs, count, -1, all);
    for (int l = 0; l <= count; l++)
        axis->zero[l] = (float)all[l];
    axis->filter[0][0] = 1 / all[0];
    axis->filter[n - 1][taps - 1] = 1;
    for (int i = 0; i < count; i++) {
        multiply_out(pairs, count, i, others);
        for (int l = 0; l < count; l++)
            axis->quotient[i][l] = (float)others[l];
        /* M'(+-p): x * (x -+ p) is left of x * (x^2 - p^2), the same for both signs */
        double p = pairs[i], divisor = 2 * p * p * evaluate(others, count - 1, p * p), power = 1 / divisor;
        axis->point[i] = (float)p;
        for (int k = 0; k < taps; k++, power *= p) {
            axis->filter[1 + 2 * i][k] = power;
            axis->filter[2 + 2 * i][k] = k % 2 == 0 ? power : -power;
        }
        double raised = 1;
        for (int a = 0; a < outputs; a++, raised *= p)
            axis->power[i][a] = (float)raised;
    }
    return true;
}
