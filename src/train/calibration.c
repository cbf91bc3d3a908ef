#include "train/calibration.h"

#include "train/dense.h"
#include "train/metrics.h"
#include "train/solver.h"

#include <math.h>

enum { GOLDEN_STEPS = 40 };

/* Targets are smoothed by `doubt`, a share that is spread over all classes. */
static double loss_at(const struct tw_held_out *h, const float *logits, double temperature, double doubt)
{
    double loss = 0, rows = 0;
    for (size_t row = 0; row < h->count; row++) {
        const float *values = logits + row * h->classes, *target = h->targets + row * h->classes;
        if (h->folds[row] == TW_NEVER_HELD_OUT)
            continue;
        double most = -INFINITY, sum = 0, at_target = 0, of_all = 0;
        for (size_t c = 0; c < h->classes; c++)
            most = fmax(most, (double)values[c] / temperature);
        for (size_t c = 0; c < h->classes; c++) {
            double value = (double)values[c] / temperature - most;
            sum += exp(value);
            at_target += target[c] > 0 ? (double)target[c] * value : 0;
            of_all += value / (double)h->classes;
        }
        loss += log(sum) - (1 - doubt) * at_target - doubt * of_all;
        rows++;
    }
    return rows > 0 ? loss / rows : 0;
}

/* As Platt's (1999) for two classes: that all of n rows are right leaves a doubt of about one in n + 2, so that few rows
 * never make scores of 1. */
static double doubt_of(const struct tw_held_out *h)
{
    double rows = 0;
    for (size_t row = 0; row < h->count; row++)
        rows += h->folds[row] != TW_NEVER_HELD_OUT;
    return 1 / (rows + 2);
}

/* Golden section over the logarithm; the loss is unimodal in it. */
double tw_temperature_fit(const struct tw_held_out *held_out, const float *logits)
{
    const double ratio = (sqrt(5) - 1) / 2, doubt = doubt_of(held_out);
    if (held_out->is_multi_label)
        return 1;
    double low = log(0.01), high = log(100), a = high - ratio * (high - low), b = low + ratio * (high - low);
    double at_a = loss_at(held_out, logits, exp(a), doubt), at_b = loss_at(held_out, logits, exp(b), doubt);
    for (int i = 0; i < GOLDEN_STEPS && high - low > 1e-3; i++) {
        if (at_a <= at_b) {
            high = b, b = a, at_b = at_a;
            a = high - ratio * (high - low);
            at_a = loss_at(held_out, logits, exp(a), doubt);
        } else {
            low = a, a = b, at_a = at_b;
            b = low + ratio * (high - low);
            at_b = loss_at(held_out, logits, exp(b), doubt);
        }
    }
    return exp((low + high) / 2);
}

void tw_temperature_apply(const struct tw_held_out *held_out, double temperature, float *logits)
{
    for (size_t i = 0; i < held_out->count * held_out->classes; i++)
        logits[i] = (float)((double)logits[i] / temperature);
    if (!held_out->is_multi_label)
        tw_log_softmax_rows(logits, held_out->count, held_out->classes);
}

/* Mean over labels of the cross entropy of a sigmoid. */
static double loss_of_labels(const struct tw_held_out *h, const float *logits, size_t row)
{
    double loss = 0;
    for (size_t i = row * h->classes; i < (row + 1) * h->classes; i++) {
        double against = h->targets[i] > 0 ? -(double)logits[i] : (double)logits[i];
        loss += against > 0 ? against + log1p(exp(-against)) : log1p(exp(against));
    }
    return loss / (double)h->classes;
}

static bool is_right(const struct tw_held_out *h, const float *log_scores, size_t row)
{
    const float *values = log_scores + row * h->classes, *targets = h->targets + row * h->classes;
    if (!h->is_multi_label)
        return targets[tw_argmax(values, h->classes)] > 0;
    for (size_t c = 0; c < h->classes; c++) {
        if ((values[c] >= 0) != (targets[c] > 0))
            return false;
    }
    return true;
}

static double loss_of_row(const struct tw_held_out *h, const float *log_scores, size_t row)
{
    double loss = 0;
    if (h->is_multi_label)
        return loss_of_labels(h, log_scores, row);
    for (size_t c = 0; c < h->classes; c++) {
        double target = (double)h->targets[row * h->classes + c];
        loss -= target > 0 ? target * (double)log_scores[row * h->classes + c] : 0;
    }
    return loss;
}

struct tw_judgement tw_judge(const struct tw_held_out *held_out, const float *log_scores)
{
    struct tw_judgement sum = {0};
    double rows = 0;
    for (size_t row = 0; row < held_out->count; row++) {
        if (held_out->folds[row] == TW_NEVER_HELD_OUT)
            continue;
        sum.loss += loss_of_row(held_out, log_scores, row);
        sum.accuracy += is_right(held_out, log_scores, row);
        rows++;
    }
    return (struct tw_judgement){sum.loss / rows, sum.accuracy / rows};
}

struct tw_difference tw_compare(const struct tw_held_out *held_out, const float *log_scores_a,
                                const float *log_scores_b)
{
    double sum = 0, squares = 0, rows = 0;
    for (size_t row = 0; row < held_out->count; row++) {
        if (held_out->folds[row] == TW_NEVER_HELD_OUT)
            continue;
        double change = loss_of_row(held_out, log_scores_a, row) - loss_of_row(held_out, log_scores_b, row);
        sum += change;
        squares += change * change;
        rows++;
    }
    double mean = sum / rows, variance = rows > 1 ? (squares - rows * mean * mean) / (rows - 1) : 0;
    return (struct tw_difference){mean, sqrt(fmax(variance, 0) / rows)};
}
