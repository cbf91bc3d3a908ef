#include "train/adam.h"

#include <math.h>

static const double beta1 = 0.9, beta2 = 0.999;

struct tw_adam tw_adam_at(size_t done, double learning_rate, double epsilon)
{
    double n = (double)(done + 1);
    return (struct tw_adam){
        .rate = (float)(learning_rate * sqrt(1 - pow(beta2, n)) / (1 - pow(beta1, n))),
        .epsilon = (float)epsilon,
        .mean_share = 1 - (float)beta1,
        .square_share = 1 - (float)beta2,
    };
}

void tw_adam_apply(const struct tw_adam *adam, const float *restrict gradient, size_t count, float *restrict weights,
                   float *restrict mean, float *restrict square)
{
    const float rate = adam->rate, epsilon = adam->epsilon, new1 = adam->mean_share, new2 = adam->square_share;
    for (size_t i = 0; i < count; i++) {
        mean[i] += (gradient[i] - mean[i]) * new1;
        square[i] += (gradient[i] * gradient[i] - square[i]) * new2;
        weights[i] -= rate * mean[i] / (sqrtf(square[i]) + epsilon);
    }
}
