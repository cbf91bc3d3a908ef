/* Logistic regression over blocks of rows, from LDA's rule: steps along the gradient times the inverse of the shrunk covariance,
 * which is near the inverse Hessian's shape, with momentum, the step falling to 0 over the passes. */
#include "base/memory.h"
#include "base/random.h"
#include "base/threads.h"
#include "engine/gemm.h"
#include "train/large.h"
#include "train/metrics.h"
#include "train/multiply.h"

#include <math.h>
#include <string.h>

enum { STREAM_BLOCKS = 7000, MOST_PASSES = 12, MOST_STALE = 3, ROWS_AT_ONCE = 64 };
/* Rows x values x classes: above the first there is no pass, the second is what all passes together may be. */
static const double most_products = 2e13, wanted_products = 7e12;
/* Rows of a class lie far out in its direction, where its curvature is: where classes are many their mean says too little. */
static const double least_curvature = 0.05;
static const double first_rate = 0.01, momentum_share = 0.9, shrinkage = 0.9, patience = 0.02;

struct descent {
    const struct tw_large *large;
    size_t block_rows, block_count, passes;
    size_t *order;
    float *values, *logits;
    float *gradient, *velocity; /* width x classes, then classes of the biases */
    double *losses;             /* of the block's rows; below 0: the row does not count */
    bool *are_right;
    size_t first, count; /* the block's rows */
    struct tw_rule rule;
    struct tw_cholesky factor;
    double curvature, seen_loss, seen_right, seen;
};

/* A row's logits become its scores less its target; returns its loss. */
static double judge_row(const struct descent *d, const struct tw_row_classes *of, float *logits, bool *is_right)
{
    const struct tw_large *l = d->large;
    float most = -INFINITY;
    double sum = 0, loss = 0;
    for (size_t c = 0; c < l->classes; c++) {
        logits[c] += d->rule.biases[c];
        most = logits[c] > most ? logits[c] : most;
    }
    *is_right = false;
    for (size_t k = 0; k < of->count; k++) {
        *is_right |= logits[of->classes[k]] == most;
        loss += (double)(most - logits[of->classes[k]]) / (double)of->count;
    }
    for (size_t c = 0; c < l->classes; c++) {
        logits[c] = expf(logits[c] - most);
        sum += (double)logits[c];
    }
    float scale = (float)(1 / sum);
    for (size_t c = 0; c < l->classes; c++)
        logits[c] *= scale;
    for (size_t k = 0; k < of->count; k++)
        logits[of->classes[k]] -= 1 / (float)of->count;
    return loss + log(sum);
}

static enum tw_status judge_rows(void *context, size_t index, int worker, struct tw_error *error)
{
    struct descent *d = context;
    const struct tw_large *l = d->large;
    size_t from = index * ROWS_AT_ONCE, end = from + ROWS_AT_ONCE;
    (void)worker;
    (void)error;
    for (size_t i = from; i < d->count && i < end; i++) {
        size_t row = d->first + i;
        const struct tw_row_classes of = tw_row_classes_of(l->examples, row, &l->options->unlabelled_class);
        float *logits = d->logits + i * l->classes;
        if (of.count > 0 && !l->is_held[row]) {
            d->losses[i] = judge_row(d, &of, logits, &d->are_right[i]);
        } else {
            d->losses[i] = -1;
            memset(logits, 0, l->classes * sizeof *logits);
        }
    }
    return TW_OK;
}

/* The block's gradient, over its rows that count; false in *has_rows where none does. */
static enum tw_status find_gradient(struct descent *d, size_t block, bool *has_rows, struct tw_error *error)
{
    const struct tw_large *l = d->large;
    size_t left = l->examples->count - block * d->block_rows, weights = l->width * l->classes;
    d->first = block * d->block_rows;
    d->count = left < d->block_rows ? left : d->block_rows;
    double taught = 0;
    enum tw_status status = tw_rows_load(&l->rows, NULL, d->first, d->count, d->values, error);
    if (status == TW_OK)
        status = tw_multiply(d->values, d->rule.weights, d->count, l->classes, l->width, d->logits, l->threads, error);
    if (status == TW_OK)
        status = tw_parallel_for(l->threads, (d->count + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, judge_rows, d, error);
    if (status == TW_OK)
        status = tw_multiply_transposed(d->values, d->logits, l->width, l->classes, d->count, d->gradient, l->threads,
                                        error);
    if (status != TW_OK)
        return status;
    memset(d->gradient + weights, 0, l->classes * sizeof *d->gradient);
    for (size_t i = 0; i < d->count; i++) {
        if (d->losses[i] < 0)
            continue;
        taught += 1;
        d->seen_loss += d->losses[i];
        d->seen_right += d->are_right[i];
        for (size_t c = 0; c < l->classes; c++)
            d->gradient[weights + c] += d->logits[i * l->classes + c];
    }
    d->seen += taught;
    *has_rows = taught > 0;
    float scale = taught > 0 ? (float)(1 / (taught * d->curvature)) : 0;
    for (size_t i = 0; i < weights + l->classes; i++)
        d->gradient[i] *= scale;
    return tw_cholesky_solve(&d->factor, d->gradient, l->classes, error);
}

static void move(struct descent *d, double rate)
{
    const struct tw_large *l = d->large;
    size_t weights = l->width * l->classes;
    float momentum = (float)momentum_share, step = (float)rate;
    for (size_t i = 0; i < weights + l->classes; i++)
        d->velocity[i] = momentum * d->velocity[i] - step * d->gradient[i];
    for (size_t i = 0; i < weights; i++)
        d->rule.weights[i] += d->velocity[i];
    for (size_t c = 0; c < l->classes; c++)
        d->rule.biases[c] += d->velocity[weights + c];
}

static double rate_at(const struct descent *d, size_t step)
{
    return first_rate * (0.5 + 0.5 * cos(M_PI * ((double)step + 0.5) / (double)(d->passes * d->block_count)));
}

/* The order of a pass comes from the seed and its number. */
static void shuffle(struct descent *d, size_t pass)
{
    struct tw_random random = {.seed = d->large->options->seed, .stream = STREAM_BLOCKS + pass};
    for (size_t i = 0; i < d->block_count; i++)
        d->order[i] = i;
    for (size_t i = d->block_count; i > 1; i--) {
        size_t j = (size_t)tw_random_below(&random, i), kept = d->order[i - 1];
        d->order[i - 1] = d->order[j];
        d->order[j] = kept;
    }
}

static enum tw_status run_pass(struct descent *d, size_t pass, struct tw_error *error)
{
    const struct tw_large *l = d->large;
    size_t total = d->passes * d->block_count;
    enum tw_status status = TW_OK;
    shuffle(d, pass);
    d->seen = d->seen_loss = d->seen_right = 0;
    for (size_t i = 0; i < d->block_count && status == TW_OK; i++) {
        size_t done = pass * d->block_count + i;
        bool has_rows = false;
        if (tw_is_stopped(l->options->sink))
            return tw_fail(error, TW_INTERRUPTED, "interrupted while learning the head");
        status = find_gradient(d, d->order[i], &has_rows, error);
        if (status == TW_OK && has_rows)
            move(d, rate_at(d, done));
        tw_progress(l->options->sink,
                    &(struct tw_progress){.stage = "train", .unit = "blocks", .done = done + 1, .total = total});
    }
    return status;
}

static void observe(const struct descent *d, size_t pass)
{
    const struct tw_recipe_options *o = d->large->options;
    const struct tw_training_point point = {
        .step = (pass + 1) * d->block_count,
        .step_count = d->passes * d->block_count,
        .batch = d->block_rows,
        .train_loss = d->seen_loss / d->seen,
        .train_accuracy = d->seen_right / d->seen,
        .learning_rate = rate_at(d, (pass + 1) * d->block_count - 1),
        .eval_loss = NAN,
        .eval_accuracy = NAN,
    };
    if (o->observe != NULL && d->seen > 0)
        o->observe(o->observer_context, &point);
}

/* Mean of p (1 - p) over rows and classes, by the start's answers. */
static double curvature_of(const struct tw_large *l)
{
    double sum = 0;
    size_t count = l->held_out.count, present = 0;
    for (size_t i = 0; i < count * l->classes; i++) {
        double share = exp((double)l->best_log_scores[i]);
        sum += share * (1 - share);
    }
    for (size_t c = 0; c < l->classes; c++)
        present += l->lda.class_weights[c] > 0;
    return fmax(sum / (double)count / (double)present, least_curvature);
}

static enum tw_status descent_init(struct descent *d, const struct tw_large *l, const struct tw_rule *start,
                                   double temperature, struct tw_error *error)
{
    size_t weights = l->width * l->classes;
    d->large = l;
    d->block_rows = tw_large_block_rows(l);
    d->block_count = (l->examples->count + d->block_rows - 1) / d->block_rows;
    d->order = tw_alloc(d->block_count, sizeof *d->order);
    d->values = tw_alloc(d->block_rows * l->width, sizeof *d->values);
    d->logits = tw_alloc(d->block_rows * l->classes, sizeof *d->logits);
    d->gradient = tw_alloc(weights + l->classes, sizeof *d->gradient);
    d->velocity = tw_alloc(weights + l->classes, sizeof *d->velocity);
    d->losses = tw_alloc(d->block_rows, sizeof *d->losses);
    d->are_right = tw_alloc(d->block_rows, sizeof *d->are_right);
    d->curvature = curvature_of(l);
    if (d->order == NULL || d->values == NULL || d->logits == NULL || d->gradient == NULL || d->velocity == NULL ||
        d->losses == NULL || d->are_right == NULL)
        return tw_fail_memory(error, 2 * weights * sizeof(float), "logistic regression");
    enum tw_status status = tw_rule_init(&d->rule, l->width, l->classes, error);
    for (size_t i = 0; i < weights && status == TW_OK; i++)
        d->rule.weights[i] = (float)((double)start->weights[i] / temperature);
    for (size_t c = 0; c < l->classes && status == TW_OK; c++)
        d->rule.biases[c] = (float)((double)start->biases[c] / temperature);
    return status;
}

static void descent_release(struct descent *d)
{
    void *const blocks[] = {d->order, d->values, d->logits, d->gradient, d->velocity, d->losses, d->are_right};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        tw_free(blocks[i]);
    tw_rule_release(&d->rule);
    tw_cholesky_release(&d->factor);
}

/* Until a pass is clearly worse than the best before it, LDA's start included, or MOST_STALE of them in a row are no better. */
static enum tw_status run(struct tw_large *l, struct descent *d, size_t start, size_t *trained, struct tw_rule *fitted,
                          struct tw_error *error)
{
    size_t weights = l->width * l->classes * sizeof(float), scores = l->held_out.count * l->classes;
    double least = l->candidates[start].judgement.loss;
    size_t stale = 0;
    float *answers = tw_alloc(scores, sizeof *answers);
    enum tw_status status = answers != NULL ? TW_OK : tw_fail_memory(error, scores * sizeof *answers, "scores");
    for (size_t pass = 0; pass < d->passes && status == TW_OK; pass++) {
        const struct tw_large_candidate candidate = {.head = "logistic regression",
                                                     .strength_name = "passes",
                                                     .map = l->rows.map,
                                                     .strength = (double)(pass + 1)};
        status = run_pass(d, pass, error);
        if (status == TW_OK)
            status = tw_large_judge(l, candidate, &d->rule, error);
        if (status != TW_OK)
            break;
        observe(d, pass);
        double loss = l->candidates[l->candidate_count - 1].judgement.loss;
        stale = loss < least ? 0 : stale + 1;
        if (loss > least * (1 + patience) || stale == MOST_STALE)
            break;
        if (stale > 0)
            continue;
        if (fitted->weights == NULL)
            status = tw_rule_init(fitted, l->width, l->classes, error);
        if (status != TW_OK)
            break;
        least = loss;
        *trained = l->candidate_count - 1;
        memcpy(fitted->weights, d->rule.weights, weights);
        memcpy(fitted->biases, d->rule.biases, l->classes * sizeof *fitted->biases);
        memcpy(answers, l->log_scores, scores * sizeof *answers);
    }
    memcpy(l->log_scores, answers, scores * sizeof *answers);
    tw_free(answers);
    return status;
}

enum tw_status tw_large_fit_logistic(struct tw_large *large, size_t start, const struct tw_rule *rule, size_t *trained,
                                     struct tw_rule *fitted, struct tw_error *error)
{
    double products = (double)large->examples->count * (double)large->width * (double)large->classes;
    struct descent d = {0};
    if (products > most_products)
        return TW_OK;
    enum tw_status status = descent_init(&d, large, rule, large->candidates[start].temperature, error);
    double passes = floor(wanted_products / products);
    d.passes = passes < 1 ? 1 : passes > MOST_PASSES ? MOST_PASSES : (size_t)passes;
    if (status == TW_OK)
        status = tw_lda_factor(&large->lda, shrinkage, &d.factor, error);
    if (status == TW_OK)
        status = run(large, &d, start, trained, fitted, error);
    descent_release(&d);
    return status;
}
