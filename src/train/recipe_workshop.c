#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/batch_layer.h"
#include "engine/gemm.h"
#include "engine/pages.h"
#include "train/checkpoint.h"
#include "train/dense.h"
#include "train/descent.h"
#include "train/held_part.h"
#include "train/metrics.h"
#include "train/recipes.h"
#include "train/workshop_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of random numbers under the seed; those of epochs and steps lie above. */
enum { STREAM_HIDDEN = 1, STREAM_OUTPUT = 2, STREAM_DROPOUT = 3, STREAM_EPOCHS = 1000 };
static const uint64_t STREAM_MIXUP = (uint64_t)1 << 62;
enum { EVAL_SAMPLE = 1000, BLOCK_BYTES = 256 << 20 };
/* Numbers of the epochs over all rows, where others came before. */
static const uint64_t last_epochs = (uint64_t)1 << 40;
static const float least_score = 1e-30f;
/* Of the state in a checkpoint. */
enum { LAYOUT = 5 };
/* The last quarter of the steps learns from all rows (a tenth cost 0.8 points of accuracy on flowers, a quarter nothing that
 * could be told). Before it a part of them is held, by which scores are calibrated; with fewer steps than this nothing is. */
enum { LAST_SHARE = 4, LEAST_STEPS = 20 };

/* Everything that training changes lies in `state` (weights, then Adam's two means), so that a checkpoint is one block. The
 * hidden layer's weights stand first, as `hidden_layer` lays them. What belongs to a hidden output in each row of the batch
 * lies side by side: a step works on the outputs that are on. */
struct training {
    const struct tw_examples *examples;
    struct tw_recipe_options options;
    size_t width, hidden, classes, batch, parameters;
    struct tw_batch_layer hidden_layer;
    struct tw_layer layers[2]; /* views into state, but for the hidden weights: see show_weights */
    struct tw_pages pages;     /* that hold state */
    float *state, *gradients;  /* gradients: of all behind the hidden weights */
    float *hidden_weights;     /* inputs x outputs, as a layer has them */
    float *activations, *back; /* hidden x hidden_layer.stride */
    uint64_t *chances;         /* of dropout, for one hidden output */
    float *mask;               /* hidden x batch */
    float *logits, *targets;
    float *mixed, *pure_targets; /* batch x width, batch x classes; NULL: rows are not mixed */
    /* The rows of the batch in which a hidden output is on, and its gradient there: hidden x batch. */
    size_t *counts;
    uint32_t *rows;
    float *factors;
    const float **batch_rows;
    size_t *order;  /* rows of the epoch; behind them room for the blocks' numbers */
    uint64_t epoch; /* that `order` is of, + 1 */
    struct tw_held_part part;
    uint64_t last_phase; /* the step that learns from all rows first; 0: all do */
    struct tw_descent_options descent;
    float *
        best; /* in state; NULL: without patience. The parameters that had the least loss of held rows, then struct patience */
    size_t state_size;                        /* floats of state: parameters, Adam's, log scores of the held rows */
    struct tw_calibration_record calibration; /* when it has ended */
};

/* How the loss of held rows went: at the end of the state, so that a run that goes on later has it. */
struct patience {
    double least_loss;
    uint64_t best_step, stopped_at; /* 0: there is none yet; it goes on */
};
enum { PATIENCE_FLOATS = (sizeof(struct patience) + sizeof(float) - 1) / sizeof(float) };

static void lay_out(struct training *t)
{
    float *at = t->state + t->hidden_layer.size;
    t->layers[0] = (struct tw_layer){.inputs = t->width, .outputs = t->hidden, .activation = TW_LAYER_RELU};
    t->layers[1] = (struct tw_layer){.inputs = t->hidden, .outputs = t->classes};
    t->layers[0].weights = t->hidden_weights;
    t->layers[0].bias = at;
    t->layers[1].weights = at + t->hidden;
    t->layers[1].bias = at + t->hidden + t->hidden * t->classes;
}

/* Makes `layers` the head as it stands. */
static void show_weights(struct training *t)
{
    tw_batch_layer_unpack(&t->hidden_layer, t->state, t->hidden_weights);
}

static enum tw_status take_memory(struct training *t, struct tw_error *error)
{
    size_t wide = t->hidden * t->hidden_layer.stride, narrow = t->hidden * t->batch;
    t->state_size = 3 * t->parameters + t->part.count * t->classes;
    size_t best = t->state_size;
    if (t->options.patience > 0)
        t->state_size += t->parameters + PATIENCE_FLOATS;
    t->state = tw_pages_take(&t->pages, t->state_size * sizeof(float));
    t->gradients = tw_alloc(t->parameters - t->hidden_layer.size, sizeof(float));
    t->hidden_weights = tw_alloc(t->width * t->hidden, sizeof(float));
    t->activations = tw_alloc(wide, sizeof(float));
    t->back = tw_alloc(wide, sizeof(float));
    t->chances = tw_alloc(t->batch, sizeof *t->chances);
    t->mask = tw_alloc(narrow, sizeof(float));
    t->logits = tw_alloc(t->batch * t->classes, sizeof(float));
    t->targets = tw_alloc(t->batch * t->classes, sizeof(float));
    bool mixes = t->options.mixup > 0;
    t->mixed = mixes ? tw_alloc(t->batch * t->width, sizeof(float)) : NULL;
    t->pure_targets = mixes ? tw_alloc(t->batch * t->classes, sizeof(float)) : NULL;
    t->counts = tw_alloc(t->hidden, sizeof *t->counts);
    t->rows = tw_alloc(narrow, sizeof *t->rows);
    t->factors = tw_alloc(narrow, sizeof *t->factors);
    t->batch_rows = tw_alloc(t->batch, sizeof *t->batch_rows);
    t->order = tw_alloc(2 * t->examples->count, sizeof *t->order);
    if (t->state == NULL || t->gradients == NULL || t->hidden_weights == NULL || t->activations == NULL ||
        t->back == NULL || t->chances == NULL || t->mask == NULL || t->logits == NULL || t->targets == NULL ||
        (mixes && (t->mixed == NULL || t->pure_targets == NULL)) || t->counts == NULL || t->rows == NULL ||
        t->factors == NULL || t->batch_rows == NULL || t->order == NULL)
        return tw_fail_memory(error, 4 * t->parameters * sizeof(float), "training");
    memset(t->state, 0, t->state_size * sizeof *t->state);
    t->best = t->options.patience > 0 ? t->state + best : NULL;
    return TW_OK;
}

static enum tw_status training_init(struct training *t, const struct tw_examples *examples,
                                    const struct tw_recipe_options *options, struct tw_error *error)
{
    *t = (struct training){.examples = examples, .options = workshop_defaults(options)};
    t->width = examples->width;
    t->hidden = t->options.hidden;
    t->classes = options->class_count;
    t->batch = t->options.batch;
    if (t->options.epochs > 0)
        t->options.steps = (t->options.epochs * examples->count + t->batch - 1) / t->batch;
    t->descent = (struct tw_descent_options){.optimizer = t->options.optimizer,
                                             .learning_rate = t->options.learning_rate,
                                             .epsilon = t->options.adam_epsilon,
                                             .momentum = t->options.momentum,
                                             .weight_decay = t->options.weight_decay,
                                             .schedule = t->options.schedule,
                                             .warm_up = t->options.warm_up};
    enum tw_status status = tw_batch_layer_init(&t->hidden_layer, t->width, t->hidden, t->batch, error);
    t->parameters = t->hidden_layer.size + t->hidden + t->hidden * t->classes + t->classes;
    if (status == TW_OK && t->options.steps >= LEAST_STEPS && !t->options.is_multi_label)
        status = tw_held_part_make(examples, t->classes, options->unlabelled_class, t->options.seed, &t->part, error);
    if (status == TW_OK && t->options.patience > 0 && t->part.count == 0)
        status =
            tw_fail(error, TW_INVALID,
                    "patience looks at examples held out of training, and none can be: it takes one label a photo, "
                    "at least %d steps, and classes with more than one example",
                    LEAST_STEPS);
    t->last_phase = t->part.count > 0 ? t->options.steps - t->options.steps / LAST_SHARE : 0;
    if (status == TW_OK)
        status = take_memory(t, error);
    if (status != TW_OK)
        return status;
    lay_out(t);
    for (size_t i = 0; i < 2; i++) {
        struct tw_layer start = {0}, *layer = &t->layers[i];
        status = tw_layer_init(&start, layer->inputs, layer->outputs, t->options.seed,
                               i == 0 ? STREAM_HIDDEN : STREAM_OUTPUT, error);
        if (status == TW_OK)
            memcpy(layer->weights, start.weights, layer->inputs * layer->outputs * sizeof(float));
        tw_free(start.weights);
        tw_free(start.bias);
        if (status != TW_OK)
            return status;
    }
    tw_batch_layer_pack(&t->hidden_layer, t->hidden_weights, t->state);
    return TW_OK;
}

static void training_release(struct training *t)
{
    void *const blocks[] = {t->gradients, t->hidden_weights, t->activations, t->back,       t->chances,
                            t->mask,      t->logits,         t->targets,     t->counts,     t->rows,
                            t->mixed,     t->pure_targets,   t->factors,     t->batch_rows, t->order};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        tw_free(blocks[i]);
    tw_held_part_release(&t->part);
    tw_pages_release(&t->pages);
    tw_batch_layer_release(&t->hidden_layer);
}

static void shuffle_places(struct tw_random *random, size_t *places, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)tw_random_below(random, i), kept = places[i - 1];
        places[i - 1] = places[j];
        places[j] = kept;
    }
}

static size_t block_rows(size_t width)
{
    size_t rows = (size_t)BLOCK_BYTES / sizeof(float) / width;
    return rows > 0 ? rows : 1;
}

/* Block after block in an order of its own, so that what is larger than memory is read once an epoch and a piece at a time;
 * the rows of a block lie by their digests and are a sample as any other. Most sets are one block. */
static void shuffle_blocks(const struct training *t, struct tw_random *random, size_t block)
{
    size_t count = t->examples->count, blocks = (count + block - 1) / block, at = 0;
    size_t *numbers = t->order + count;
    for (size_t i = 0; i < blocks; i++)
        numbers[i] = i;
    if (blocks > 1)
        shuffle_places(random, numbers, blocks);
    for (size_t i = 0; i < blocks; i++) {
        size_t first = numbers[i] * block, size = count - first < block ? count - first : block;
        for (size_t row = 0; row < size; row++)
            t->order[at + row] = first + row;
        shuffle_places(random, t->order + at, size);
        at += size;
    }
}

/* The order of an epoch comes from the seed and its number alone, so that a resumed run needs none of its past. */
static void shuffle(struct training *t, uint64_t epoch, bool skips_held)
{
    struct tw_random random = {.seed = t->options.seed, .stream = STREAM_EPOCHS + epoch};
    if (t->epoch == epoch + 1)
        return;
    shuffle_blocks(t, &random, block_rows(t->examples->width));
    size_t kept = 0;
    for (size_t i = 0; i < t->examples->count && skips_held; i++) {
        if (!t->part.is_held[t->order[i]])
            t->order[kept++] = t->order[i];
    }
    t->epoch = epoch + 1;
}

/* Beta(alpha, alpha) by Johnk (1964), from numbers that hang on the place alone. */
static double draw_share(const struct training *t, uint64_t place)
{
    struct tw_random random = {.seed = t->options.seed, .stream = STREAM_MIXUP + place};
    double x = 0, y = 0;
    do {
        x = pow(tw_random_unit(&random), 1 / t->options.mixup);
        y = pow(tw_random_unit(&random), 1 / t->options.mixup);
    } while (x + y > 1 || x + y <= 0);
    return x / (x + y);
}

/* Each row with the one before it in the batch. */
static void mix(struct training *t, uint64_t step)
{
    memcpy(t->pure_targets, t->targets, t->batch * t->classes * sizeof(float));
    for (size_t i = 0; i < t->batch; i++) {
        size_t other = (i + t->batch - 1) % t->batch;
        float share = (float)draw_share(t, step * t->batch + i), rest = 1 - share;
        const float *a = t->batch_rows[i], *b = t->batch_rows[other];
        for (size_t k = 0; k < t->width; k++)
            t->mixed[i * t->width + k] = share * a[k] + rest * b[k];
        for (size_t c = 0; c < t->classes; c++)
            t->targets[i * t->classes + c] =
                share * t->pure_targets[i * t->classes + c] + rest * t->pure_targets[other * t->classes + c];
    }
    for (size_t i = 0; i < t->batch; i++)
        t->batch_rows[i] = t->mixed + i * t->width;
}

/* Softmax targets stay shares of 1; those of sigmoids move towards one half. */
static void smooth(struct training *t)
{
    float doubt = (float)t->options.label_smoothing;
    float even = t->options.is_multi_label ? 0.5f : 1 / (float)t->classes;
    for (size_t i = 0; i < t->batch * t->classes; i++)
        t->targets[i] = (1 - doubt) * t->targets[i] + doubt * even;
}

static void gather_batch(struct training *t, uint64_t step)
{
    bool is_last = step >= t->last_phase;
    size_t count = is_last ? t->examples->count : t->part.other_count;
    uint64_t first = is_last ? step - t->last_phase : step, before = is_last && t->last_phase > 0 ? last_epochs : 0;
    for (size_t i = 0; i < t->batch; i++) {
        uint64_t place = first * t->batch + i;
        shuffle(t, before + place / count, !is_last);
        size_t row = t->order[place % count];
        t->batch_rows[i] = t->examples->embeddings + row * t->width;
        tw_examples_target(t->examples, row, t->options.unlabelled_class, t->targets + i * t->classes, t->classes);
    }
    for (size_t i = 0; i < t->batch * t->classes && t->options.is_multi_label; i++)
        t->targets[i] = (float)(t->targets[i] > 0);
    if (t->options.mixup > 0)
        mix(t, step);
    if (t->options.label_smoothing > 0)
        smooth(t);
    tw_batch_layer_set_rows(&t->hidden_layer, t->batch_rows);
}

/* 32 bits of a random number for each of two places. */
static void draw_mask(struct training *t, uint64_t step)
{
    size_t pairs = (t->batch + 1) / 2;
    uint64_t limit = (uint64_t)(t->options.dropout * 0x1p32);
    float scale = (float)(1 / (1 - t->options.dropout));
    for (size_t output = 0; output < t->hidden; output++) {
        float *mask = t->mask + output * t->batch;
        tw_random_fill(t->options.seed, STREAM_DROPOUT, (step * t->hidden + output) * pairs, pairs, t->chances);
        for (size_t i = 0; i < t->batch / 2; i++) {
            mask[2 * i] = scale * (float)(t->chances[i] >> 32 >= limit);
            mask[2 * i + 1] = scale * (float)((t->chances[i] & 0xffffffffu) >= limit);
        }
        if (t->batch % 2 != 0)
            mask[t->batch - 1] = scale * (float)(t->chances[pairs - 1] >> 32 >= limit);
    }
}

/* The hidden outputs after their product: bias, ReLU, dropout. */
static void activate(struct training *t, uint64_t step)
{
    draw_mask(t, step);
    for (size_t output = 0; output < t->hidden; output++) {
        float *values = t->activations + output * t->hidden_layer.stride, bias = t->layers[0].bias[output];
        const float *mask = t->mask + output * t->batch;
        for (size_t i = 0; i < t->batch; i++) {
            float value = values[i] + bias;
            values[i] = (value > 0 ? value : 0) * mask[i]; /* without a branch: no CPU foresees which are on */
        }
    }
}

static void sum_rows(const float *values, size_t rows, size_t count, float *sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = 0;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < count; i++)
            sums[i] += values[row * count + i];
    }
}

/* Cross entropy and accuracy of the batch; logits become their gradients. */
/* The same where each label is a question of its own; the accuracy is of whole rows. */
static void judge_labels(struct training *t, double *loss, double *accuracy)
{
    size_t right = 0;
    *loss = 0;
    tw_sigmoid_values(t->logits, t->batch * t->classes);
    for (size_t row = 0; row < t->batch; row++) {
        bool is_right = true;
        for (size_t i = row * t->classes; i < (row + 1) * t->classes; i++) {
            double score = (double)t->logits[i];
            double target = (double)t->targets[i];
            is_right = is_right && (score >= 0.5) == (target >= 0.5);
            *loss -=
                (target * log(fmax(score, 1e-15)) + (1 - target) * log(fmax(1 - score, 1e-15))) / (double)t->classes;
            t->logits[i] = (t->logits[i] - t->targets[i]) / (float)t->batch;
        }
        right += is_right;
    }
    *loss /= (double)t->batch;
    *accuracy = (double)right / (double)t->batch;
}

static void judge(struct training *t, double *loss, double *accuracy)
{
    if (t->options.is_multi_label) {
        judge_labels(t, loss, accuracy);
        return;
    }
    size_t right = 0;
    *loss = 0;
    tw_softmax_rows(t->logits, t->batch, t->classes);
    for (size_t row = 0; row < t->batch; row++) {
        float *scores = t->logits + row * t->classes;
        const float *target = t->targets + row * t->classes;
        right += target[tw_argmax(scores, t->classes)] >= target[tw_argmax(target, t->classes)];
        for (size_t i = 0; i < t->classes; i++) {
            if (target[i] > 0)
                *loss -= (double)target[i] * log(fmax((double)scores[i], 1e-15));
            scores[i] = (scores[i] - target[i]) / (float)t->batch;
        }
    }
    *loss /= (double)t->batch;
    *accuracy = (double)right / (double)t->batch;
}

/* logits = activations * weights + bias. */
static enum tw_status find_logits(struct training *t, struct tw_error *error)
{
    const struct tw_layer *layer = &t->layers[1];
    const struct tw_gemm product = {.transposes_a = true,
                                    .m = (int64_t)t->batch,
                                    .n = (int64_t)t->classes,
                                    .k = (int64_t)t->hidden,
                                    .alpha = 1,
                                    .a = t->activations,
                                    .lda = (int64_t)t->hidden_layer.stride,
                                    .b = layer->weights,
                                    .ldb = (int64_t)t->classes,
                                    .c = t->logits,
                                    .ldc = (int64_t)t->classes};
    enum tw_status status = tw_gemm_run(&product, t->options.threads, error);
    for (size_t row = 0; row < t->batch && status == TW_OK; row++) {
        for (size_t i = 0; i < t->classes; i++)
            t->logits[row * t->classes + i] += layer->bias[i];
    }
    return status;
}

/* The rows in which each hidden output is on, and the gradient there. */
static void find_active(struct training *t, float *bias_gradient)
{
    for (size_t output = 0; output < t->hidden; output++) {
        const float *back = t->back + output * t->hidden_layer.stride, *mask = t->mask + output * t->batch;
        const float *values = t->activations + output * t->hidden_layer.stride;
        uint32_t *rows = t->rows + output * t->batch;
        float *factors = t->factors + output * t->batch, sum = 0;
        size_t count = 0;
        for (size_t row = 0; row < t->batch;
             row++) { /* written always, kept where it counts: no branch to guess wrong */
            rows[count] = (uint32_t)row;
            factors[count] = back[row] * mask[row];
            count += values[row] > 0;
        }
        for (size_t i = 0; i < count; i++)
            sum += factors[i];
        t->counts[output] = count;
        bias_gradient[output] = sum;
    }
}

static enum tw_status find_gradients(struct training *t, uint64_t step, double *loss, double *accuracy,
                                     struct tw_error *error)
{
    int64_t batch = (int64_t)t->batch, hidden = (int64_t)t->hidden, classes = (int64_t)t->classes;
    int64_t stride = (int64_t)t->hidden_layer.stride;
    float *bias_gradient = t->gradients, *output_gradient = bias_gradient + t->hidden;
    enum tw_status status =
        tw_batch_layer_forward(&t->hidden_layer, t->state, t->activations, t->options.threads, error);
    if (status != TW_OK)
        return status;
    activate(t, step);
    status = find_logits(t, error);
    if (status != TW_OK)
        return status;
    judge(t, loss, accuracy);
    const struct tw_gemm output = {.m = hidden,
                                   .n = classes,
                                   .k = batch,
                                   .alpha = 1,
                                   .a = t->activations,
                                   .lda = stride,
                                   .b = t->logits,
                                   .ldb = classes,
                                   .c = output_gradient,
                                   .ldc = classes};
    const struct tw_gemm back = {.transposes_b = true,
                                 .m = hidden,
                                 .n = batch,
                                 .k = classes,
                                 .alpha = 1,
                                 .a = t->layers[1].weights,
                                 .lda = classes,
                                 .b = t->logits,
                                 .ldb = classes,
                                 .c = t->back,
                                 .ldc = stride};
    if ((status = tw_gemm_run(&output, 1, error)) != TW_OK || (status = tw_gemm_run(&back, 1, error)) != TW_OK)
        return status;
    find_active(t, bias_gradient);
    sum_rows(t->logits, t->batch, t->classes, output_gradient + t->hidden * t->classes);
    return TW_OK;
}

static enum tw_status update_weights(struct training *t, uint64_t step, struct tw_error *error)
{
    size_t count = t->hidden_layer.size, rest = t->parameters - count;
    float *mean = t->state + t->parameters, *square = t->state + 2 * t->parameters;
    const struct tw_descent descent = tw_descent_at(&t->descent, step, t->options.steps);
    const struct tw_batch_step update = {
        .rate = descent.rate,
        .epsilon = descent.epsilon,
        .mean_share = descent.mean_share,
        .square_share = descent.square_share,
        .counts = t->counts,
        .rows = t->rows,
        .factors = t->factors,
        .weights = t->state,
        .mean = mean,
        .square = square,
    };
    if (descent.kept < 1) {
        for (size_t i = 0; i < count; i++)
            t->state[i] *= descent.kept;
        for (size_t i = 0; i < t->hidden * t->classes; i++)
            t->layers[1].weights[i] *= descent.kept;
    }
    tw_descent_apply(&descent, t->gradients, rest, t->state + count, mean + count, square + count);
    return tw_batch_layer_step(&t->hidden_layer, &update, t->options.threads, error);
}

static struct tw_branch view_branch(const struct training *t)
{
    const struct tw_layer *in = &t->layers[0], *out = &t->layers[1];
    return (struct tw_branch){
        .weight = 1,
        .stage_count = 3,
        .stages = {{TW_STAGE_DENSE, in->inputs, in->outputs, in->weights, in->bias, 0},
                   {TW_STAGE_RELU, in->outputs, in->outputs, NULL, NULL, 0},
                   {TW_STAGE_DENSE, out->inputs, out->outputs, out->weights, out->bias, 0}},
    };
}

static enum tw_status evaluate(struct training *t, struct tw_training_point *point, struct tw_error *error)
{
    const struct tw_head head = {
        .is_sigmoid = t->options.is_multi_label, .branch_count = 1, .branches = {view_branch(t)}};
    struct tw_examples sample = *t->options.eval;
    struct tw_metrics metrics = {0};
    sample.count = sample.count < EVAL_SAMPLE ? sample.count : EVAL_SAMPLE;
    float *scores = tw_alloc(sample.count * t->classes, sizeof *scores);
    if (scores == NULL)
        return tw_fail_memory(error, sample.count * t->classes * sizeof *scores, "scores");
    enum tw_status status = tw_head_scores(&head, sample.embeddings, sample.count, t->options.threads, scores, error);
    if (status == TW_OK)
        status = tw_metrics_compute(&sample, scores, t->classes, t->options.unlabelled_class, &metrics, error);
    point->eval_loss = metrics.log_loss;
    point->eval_accuracy = metrics.accuracy;
    point->eval_count = sample.count;
    tw_metrics_release(&metrics);
    tw_free(scores);
    return status;
}

/* What a checkpoint must agree with: options, shapes and the examples themselves. */
static enum tw_status find_identity(const struct training *t, uint64_t *identity, struct tw_error *error)
{
    char *text = tw_workshop_describe(&t->options);
    if (text == NULL)
        return tw_fail_memory(error, 1, "the recipe's text");
    char *settings = tw_format("layout %d, blocks of %zu, of %s", LAYOUT, (size_t)t->hidden_layer.block, text);
    tw_free(text);
    if (settings == NULL)
        return tw_fail_memory(error, 1, "the recipe's text");
    *identity = tw_checkpoint_identity(settings, t->examples, t->classes, t->options.unlabelled_class);
    tw_free(settings);
    return TW_OK;
}

static enum tw_status report(struct training *t, uint64_t done, double loss, double accuracy, struct tw_error *error)
{
    const struct tw_recipe_options *o = &t->options;
    if (done % o->eval_every_steps != 0 && done != o->steps)
        return TW_OK;
    show_weights(t);
    const struct tw_layer *hidden = &t->layers[0], *output = &t->layers[1];
    const struct tw_weights weights[] = {
        {"hidden/weights", hidden->weights, hidden->inputs * hidden->outputs},
        {"hidden/bias", hidden->bias, hidden->outputs},
        {"output/weights", output->weights, output->inputs * output->outputs},
        {"output/bias", output->bias, output->outputs},
    };
    struct tw_training_point point = {
        .step = done,
        .step_count = o->steps,
        .batch = t->batch,
        .train_loss = loss,
        .train_accuracy = accuracy,
        .learning_rate = tw_descent_rate(&t->descent, done - 1, o->steps),
        .eval_loss = NAN,
        .eval_accuracy = NAN,
        .weights = weights,
        .weight_count = sizeof weights / sizeof *weights,
    };
    enum tw_status status = TW_OK;
    double start = tw_clock_seconds();
    if (o->eval != NULL && o->eval->count > 0)
        status = evaluate(t, &point, error);
    point.eval_seconds = tw_clock_seconds() - start;
    if (status == TW_OK && o->observe != NULL)
        o->observe(o->observer_context, &point);
    return status;
}

/* What the head says of the rows that it has not learnt from, into the state, so that a run that goes on later has it. */
static enum tw_status ask_held(struct training *t, struct tw_error *error)
{
    const struct tw_head head = {.branch_count = 1, .branches = {view_branch(t)}};
    float *scores = t->state + 3 * t->parameters, *embeddings = tw_held_part_embeddings(&t->part, t->examples);
    if (embeddings == NULL)
        return tw_fail_memory(error, t->part.count * t->width * sizeof *embeddings, "held rows");
    show_weights(t);
    enum tw_status status = tw_head_scores(&head, embeddings, t->part.count, t->options.threads, scores, error);
    for (size_t i = 0; i < t->part.count * t->classes; i++)
        scores[i] = logf(fmaxf(scores[i], least_score));
    tw_free(embeddings);
    return status;
}

/* The first phase ends here: a last one of a quarter follows. */
static void end_first_phase(struct training *t, uint64_t step)
{
    uint64_t last = step / (LAST_SHARE - 1);
    t->last_phase = step;
    t->options.steps = step + (last > 0 ? last : 1);
}

/* Looks whether the loss of held rows still falls; where it has not for too long, the best weights come back. */
static enum tw_status have_patience(struct training *t, uint64_t step, struct tw_error *error)
{
    struct patience p;
    if (t->best == NULL || step >= t->last_phase || step % t->options.eval_every_steps != 0)
        return TW_OK;
    memcpy(&p, t->best + t->parameters, sizeof p);
    enum tw_status status = ask_held(t, error);
    if (status != TW_OK)
        return status;
    const float *scores = t->state + 3 * t->parameters;
    double loss = 0;
    for (size_t i = 0; i < t->part.count * t->classes; i++)
        loss -= t->part.targets[i] > 0 ? (double)t->part.targets[i] * (double)scores[i] : 0;
    loss /= (double)t->part.count;
    if (p.best_step == 0 || loss < p.least_loss) {
        p.least_loss = loss;
        p.best_step = step;
        memcpy(t->best, t->state, t->parameters * sizeof *t->best);
    } else if (step - p.best_step >= t->options.patience * t->options.eval_every_steps) {
        tw_log(t->options.sink, TW_LOG_INFO,
               "step %llu: the loss of held examples has not fallen since step %llu (%.4f), whose weights go on",
               (unsigned long long)step, (unsigned long long)p.best_step, p.least_loss);
        memcpy(t->state, t->best, t->parameters * sizeof *t->best);
        p.stopped_at = step;
        end_first_phase(t, step);
    }
    memcpy(t->best + t->parameters, &p, sizeof p);
    return TW_OK;
}

static enum tw_status keep(const struct training *t, uint64_t identity, uint64_t step, struct tw_error *error)
{
    const struct tw_checkpoint_place place = {t->options.checkpoint_folder, identity, t->options.keep_checkpoints};
    return tw_checkpoint_write(&place, step, t->state, t->state_size, error);
}

static bool is_time_to_keep(const struct training *t, uint64_t step, double *kept_s)
{
    const struct tw_recipe_options *o = &t->options;
    double now = tw_clock_seconds();
    bool is_time = (o->checkpoint_every_steps > 0 && step % o->checkpoint_every_steps == 0) ||
                   (o->checkpoint_every_seconds > 0 && now - *kept_s >= o->checkpoint_every_seconds);
    if (o->checkpoint_folder == NULL || !is_time)
        return false;
    *kept_s = now;
    return true;
}

/* Asked to stop: what is learnt so far is kept. */
static enum tw_status stop_at(struct training *t, uint64_t identity, uint64_t step, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    if (t->options.checkpoint_folder != NULL && step > 0)
        status = keep(t, identity, step, error);
    if (status != TW_OK)
        return status;
    return tw_fail(error, TW_INTERRUPTED, "interrupted at step %llu of %zu: the same command goes on from there",
                   (unsigned long long)step, t->options.steps);
}

static enum tw_status run_steps(struct training *t, struct tw_error *error)
{
    const struct tw_recipe_options *o = &t->options;
    uint64_t identity = 0, step = 0;
    double loss = NAN, accuracy = NAN, kept_s = tw_clock_seconds();
    enum tw_status status = find_identity(t, &identity, error);
    if (status == TW_OK && o->checkpoint_folder != NULL)
        status = tw_checkpoint_read(o->checkpoint_folder, identity, &step, t->state, t->state_size, o->sink, error);
    struct patience p = {0};
    if (t->best != NULL)
        memcpy(&p, t->best + t->parameters, sizeof p);
    if (p.stopped_at > 0)
        end_first_phase(t, p.stopped_at);
    if (step > 0)
        tw_log(o->sink, TW_LOG_INFO, "going on from step %llu of %zu", (unsigned long long)step, o->steps);
    while (step < o->steps && status == TW_OK) {
        if (tw_is_stopped(o->sink))
            return stop_at(t, identity, step, error);
        gather_batch(t, step);
        status = find_gradients(t, step, &loss, &accuracy, error);
        if (status == TW_OK)
            status = update_weights(t, step, error);
        step++;
        if (status == TW_OK)
            status = have_patience(t, step, error);
        if (status == TW_OK && step == t->last_phase)
            status = ask_held(t, error);
        tw_progress(o->sink, &(struct tw_progress){.stage = "train", .unit = "steps", .done = step, .total = o->steps});
        if (status == TW_OK)
            status = report(t, step, loss, accuracy, error);
        if (status == TW_OK && is_time_to_keep(t, step, &kept_s))
            status = keep(t, identity, step, error);
    }
    return status;
}

static enum tw_status hand_over(const struct training *t, struct tw_head *head, struct tw_error *error)
{
    const struct tw_branch view = view_branch(t);
    struct tw_head made = {.is_sigmoid = t->options.is_multi_label, .branch_count = 1, .branches = {{.weight = 1}}};
    for (size_t i = 0; i < view.stage_count; i++) {
        const struct tw_stage *from = &view.stages[i];
        struct tw_stage *to = tw_branch_add(&made.branches[0], from->kind, from->inputs, from->outputs);
        if (to == NULL) {
            tw_head_release(&made);
            return tw_fail_memory(error, t->parameters * sizeof(float), "the head");
        }
        if (from->weights != NULL)
            memcpy(to->weights, from->weights, from->inputs * from->outputs * sizeof(float));
        if (from->bias != NULL)
            memcpy(to->bias, from->bias, from->outputs * sizeof(float));
    }
    struct tw_stage *last = &made.branches[0].stages[view.stage_count - 1];
    float scale = t->calibration.temperature > 0 ? (float)(1 / t->calibration.temperature) : 1;
    for (size_t i = 0; i < last->inputs * last->outputs; i++)
        last->weights[i] *= scale;
    for (size_t i = 0; i < last->outputs; i++)
        last->bias[i] *= scale;
    for (size_t i = 0; i < t->parameters; i++) {
        if (!isfinite(t->state[i])) {
            tw_head_release(&made);
            return tw_fail(error, TW_CORRUPT,
                           "training went to infinity: are the embeddings sound, the learning rate %g small enough?",
                           t->options.learning_rate);
        }
    }
    *head = made;
    return TW_OK;
}

enum tw_status tw_workshop_train(const struct tw_examples *examples, const struct tw_recipe_options *options,
                                 struct tw_head *head, struct tw_error *error)
{
    struct training t;
    enum tw_status status = training_init(&t, examples, options, error);
    if (status == TW_OK)
        status = run_steps(&t, error);
    if (status == TW_OK)
        show_weights(&t);
    if (status == TW_OK && t.last_phase > 0)
        status = tw_held_part_calibrate(&t.part, t.state + 3 * t.parameters, &t.calibration, error);
    if (status == TW_OK)
        status = hand_over(&t, head, error);
    for (size_t i = 0; i < options->class_count && status == TW_OK && options->thresholds != NULL; i++)
        options->thresholds[i] = 0.5f;
    if (status == TW_OK && options->calibration != NULL)
        *options->calibration = t.calibration;
    training_release(&t);
    return status;
}
