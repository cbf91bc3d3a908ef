#include "train/comparison.h"

#include "base/memory.h"
#include "base/threads.h"
#include "train/judged.h"

#include <math.h>

enum { RESAMPLES = 2000 };

enum tw_status tw_outcomes_of(const struct tw_examples *examples, const float *scores, size_t class_count,
                              int64_t unlabelled_class, struct tw_outcome **outcomes, size_t *count,
                              struct tw_error *error)
{
    struct tw_judged judged = {0};
    enum tw_status status = tw_judged_make(examples, scores, class_count, unlabelled_class, &judged, error);
    if (status != TW_OK)
        return status;
    struct tw_outcome *made = tw_alloc(judged.count + 1, sizeof *made);
    for (size_t i = 0; i < judged.count && made != NULL; i++)
        made[i] = (struct tw_outcome){judged.rows[i].truth == judged.rows[i].prediction, judged.rows[i].loss};
    if (made == NULL)
        status = tw_fail_memory(error, judged.count * sizeof *made, "the outcomes");
    *outcomes = made;
    *count = judged.count;
    tw_judged_release(&judged);
    return status;
}

double tw_mcnemar_exact(size_t few, size_t many)
{
    size_t total = few + many, least = few < many ? few : many;
    double tail = 0, logarithm = -(double)total * log(2); /* of the chance of i successes */
    for (size_t i = 0; i <= least; i++) {
        tail += exp(logarithm);
        logarithm += log((double)(total - i)) - log((double)(i + 1));
    }
    return fmin(1, 2 * tail);
}

struct pairs {
    const struct tw_outcome *a, *b;
    size_t count;
    double *accuracy, *loss; /* RESAMPLES each */
};

static enum tw_status resample(void *context, size_t index, int worker, struct tw_error *error)
{
    struct pairs *pairs = context;
    uint8_t *weights = tw_alloc(pairs->count, 1);
    double accuracy = 0, loss = 0, count = 0;
    (void)worker;
    if (weights == NULL)
        return tw_fail_memory(error, pairs->count, "a resample");
    tw_resample(index, pairs->count, weights);
    for (size_t i = 0; i < pairs->count; i++) {
        accuracy += weights[i] * ((double)pairs->b[i].is_right - (double)pairs->a[i].is_right);
        loss += weights[i] * (pairs->a[i].loss - pairs->b[i].loss);
        count += weights[i];
    }
    pairs->accuracy[index] = accuracy / count;
    pairs->loss[index] = loss / count;
    tw_free(weights);
    return TW_OK;
}

enum tw_status tw_compare_outcomes(const struct tw_outcome *a, const struct tw_outcome *b, size_t count, int threads,
                                   struct tw_comparison *comparison, struct tw_error *error)
{
    struct tw_comparison made = {.count = count};
    if (count == 0)
        return tw_fail(error, TW_INVALID, "there is nothing to compare two models on");
    double *gains = tw_alloc(2 * (size_t)RESAMPLES, sizeof *gains);
    if (gains == NULL)
        return tw_fail_memory(error, 2 * (size_t)RESAMPLES * sizeof *gains, "the comparison");
    size_t right_a = 0, right_b = 0;
    for (size_t i = 0; i < count; i++) {
        right_a += a[i].is_right;
        right_b += b[i].is_right;
        made.only_a += a[i].is_right && !b[i].is_right;
        made.only_b += b[i].is_right && !a[i].is_right;
        made.log_loss_a += a[i].loss / (double)count;
        made.log_loss_b += b[i].loss / (double)count;
    }
    made.accuracy_a = (double)right_a / (double)count;
    made.accuracy_b = (double)right_b / (double)count;
    made.p_value = tw_mcnemar_exact(made.only_a, made.only_b);
    struct pairs pairs = {a, b, count, gains, gains + RESAMPLES};
    enum tw_status status = tw_parallel_for(threads, RESAMPLES, resample, &pairs, error);
    if (status == TW_OK) {
        made.accuracy_gain = tw_interval_of(pairs.accuracy, RESAMPLES);
        made.loss_gain = tw_interval_of(pairs.loss, RESAMPLES);
        made.resamples = RESAMPLES;
        *comparison = made;
    }
    tw_free(gains);
    return status;
}
