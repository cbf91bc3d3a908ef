#include "train/descent.h"

#include <math.h>

static const double beta1 = 0.9, beta2 = 0.999;

const char *tw_optimizer_name(enum tw_optimizer optimizer)
{
    static const char *const names[] = {
        [TW_OPTIMIZER_ADAM] = "adam", [TW_OPTIMIZER_ADAMW] = "adamw", [TW_OPTIMIZER_SGD] = "sgd"};
    return names[optimizer];
}

const char *tw_schedule_name(enum tw_schedule schedule)
{
    return schedule == TW_SCHEDULE_COSINE ? "cosine" : "constant";
}

double tw_descent_rate(const struct tw_descent_options *options, size_t done, size_t steps)
{
    double rate = options->learning_rate;
    if (done < options->warm_up)
        return rate * (double)(done + 1) / (double)options->warm_up;
    if (options->schedule == TW_SCHEDULE_COSINE && steps > options->warm_up) {
        double gone = (double)(done - options->warm_up) / (double)(steps - options->warm_up);
        rate *= 0.5 * (1 + cos(acos(-1) * fmin(gone, 1)));
    }
    return rate;
}

struct tw_descent tw_descent_at(const struct tw_descent_options *options, size_t done, size_t steps)
{
    double n = (double)(done + 1), rate = tw_descent_rate(options, done, steps);
    if (options->optimizer == TW_OPTIMIZER_SGD)
        return (struct tw_descent){.rate = (float)(rate / (1 - options->momentum)),
                                   .epsilon = 1,
                                   .mean_share = (float)(1 - options->momentum),
                                   .square_share = 0,
                                   .kept = 1};
    return (struct tw_descent){
        .rate = (float)(rate * sqrt(1 - pow(beta2, n)) / (1 - pow(beta1, n))),
        .epsilon = (float)options->epsilon,
        .mean_share = 1 - (float)beta1,
        .square_share = 1 - (float)beta2,
        .kept = options->optimizer == TW_OPTIMIZER_ADAMW ? (float)(1 - rate * options->weight_decay) : 1,
    };
}

void tw_descent_apply(const struct tw_descent *descent, const float *restrict gradient, size_t count,
                      float *restrict weights, float *restrict mean, float *restrict square)
{
    const float rate = descent->rate, epsilon = descent->epsilon;
    const float new1 = descent->mean_share, new2 = descent->square_share;
    for (size_t i = 0; i < count; i++) {
        mean[i] += (gradient[i] - mean[i]) * new1;
        square[i] += (gradient[i] * gradient[i] - square[i]) * new2;
        weights[i] -= rate * mean[i] / (sqrtf(square[i]) + epsilon);
    }
}
