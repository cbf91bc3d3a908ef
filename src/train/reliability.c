#include "train/reliability.h"

#include "base/memory.h"
#include "train/judged.h"
#include "train/metrics.h"
#include "train/solver.h"

#include <math.h>

size_t tw_confidence_bin(float confidence)
{
    double place = ceil((double)confidence * TW_CONFIDENCE_BINS) - 1;
    return place < 0 || isnan(place) ? 0 : place >= TW_CONFIDENCE_BINS ? TW_CONFIDENCE_BINS - 1 : (size_t)place;
}

/* Sums; means come at the end. */
static void add(struct tw_reliability *r, double confidence, bool is_right, double loss)
{
    struct tw_reliability_bin *bin = &r->bins[tw_confidence_bin((float)confidence)];
    r->count++;
    r->log_loss += loss;
    r->accuracy += is_right;
    bin->count++;
    bin->confidence += confidence;
    bin->right += is_right;
}

static void finish(struct tw_reliability *r)
{
    double count = (double)r->count;
    if (r->count == 0)
        return;
    for (size_t i = 0; i < TW_CONFIDENCE_BINS; i++) {
        struct tw_reliability_bin *bin = &r->bins[i];
        r->error += fabs(bin->confidence - bin->right) / count;
        bin->confidence /= bin->count > 0 ? (double)bin->count : 1;
        bin->right /= bin->count > 0 ? (double)bin->count : 1;
    }
    r->log_loss /= count;
    r->accuracy /= count;
}

/* Log of the sum of exp(values * factor). */
static double log_sum(const float *values, size_t count, double factor)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, (double)values[i] * factor);
    for (size_t i = 0; i < count; i++)
        sum += exp((double)values[i] * factor - most);
    return most + log(sum);
}

void tw_reliability_held_out(const struct tw_held_out *held_out, const float *log_scores, double undone,
                             struct tw_reliability *reliability)
{
    struct tw_reliability made = {0};
    size_t classes = held_out->classes;
    for (size_t row = 0; row < held_out->count; row++) {
        const float *scores = log_scores + row * classes, *target = held_out->targets + row * classes;
        if (held_out->folds[row] == TW_NEVER_HELD_OUT)
            continue;
        size_t best = tw_argmax(scores, classes);
        double sum = log_sum(scores, classes, undone), loss = 0;
        for (size_t c = 0; c < classes; c++)
            loss -= target[c] > 0 ? (double)target[c] * ((double)scores[c] * undone - sum) : 0;
        add(&made, exp((double)scores[best] * undone - sum), target[best] > 0, loss);
    }
    finish(&made);
    *reliability = made;
}

enum tw_status tw_reliability_evaluated(const struct tw_examples *examples, const float *scores, size_t class_count,
                                        int64_t unlabelled_class, double undone, struct tw_reliability *reliability,
                                        struct tw_error *error)
{
    struct tw_reliability made = {0};
    struct tw_judged judged = {0};
    float *raw = tw_alloc(examples->count * class_count, sizeof *raw);
    if (raw == NULL)
        return tw_fail_memory(error, examples->count * class_count * sizeof *raw, "scores");
    for (size_t row = 0; row < examples->count; row++) {
        const float *of_row = scores + row * class_count;
        double sum = 0;
        for (size_t c = 0; c < class_count; c++)
            sum += pow((double)of_row[c], undone);
        for (size_t c = 0; c < class_count; c++)
            raw[row * class_count + c] = (float)(pow((double)of_row[c], undone) / sum);
    }
    enum tw_status status = tw_judged_make(examples, raw, class_count, unlabelled_class, &judged, error);
    for (size_t i = 0; i < judged.count; i++) {
        const struct tw_judged_row *row = &judged.rows[i];
        add(&made, (double)row->confidence, row->truth == row->prediction, row->loss);
    }
    finish(&made);
    tw_judged_release(&judged);
    tw_free(raw);
    if (status == TW_OK)
        *reliability = made;
    return status;
}
