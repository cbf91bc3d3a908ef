#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/gemm.h"
#include "train/adam.h"
#include "train/checkpoint.h"
#include "train/dense.h"
#include "train/metrics.h"
#include "train/recipes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of random numbers under the seed; those of epochs and steps lie above. */
enum { STREAM_HIDDEN = 1, STREAM_OUTPUT = 2, STREAM_DROPOUT = 3, STREAM_EPOCHS = 1000 };
enum { EVAL_SAMPLE = 1000 };
/* Of the state in a checkpoint. */
enum { LAYOUT = 2 };

static struct tw_recipe_options with_defaults(const struct tw_recipe_options *given)
{
    struct tw_recipe_options options = *given;
    options.steps = options.steps ? options.steps : 1000;
    options.batch = options.batch ? options.batch : 100;
    options.hidden = options.hidden ? options.hidden : 512;
    options.dropout = options.dropout >= 0 ? options.dropout : 0.5;
    options.learning_rate = options.learning_rate > 0 ? options.learning_rate : 1e-3;
    options.adam_epsilon = options.adam_epsilon > 0 ? options.adam_epsilon : 1e-3;
    options.checkpoint_every_steps = options.checkpoint_every_steps ? options.checkpoint_every_steps : 100;
    options.eval_every_steps = options.eval_every_steps ? options.eval_every_steps : 100;
    options.threads = options.threads > 0 ? options.threads : 1;
    return options;
}

char *tw_workshop_describe(const struct tw_recipe_options *given)
{
    struct tw_recipe_options o = with_defaults(given);
    return tw_format(
        "{\"recipe\":\"workshop\",\"seed\":%llu,\"steps\":%zu,\"batch\":%zu,\"hidden\":%zu,\"dropout\":%.9g,"
        "\"learning_rate\":%.9g,\"adam_epsilon\":%.9g}",
        (unsigned long long)o.seed, o.steps, o.batch, o.hidden, o.dropout, o.learning_rate, o.adam_epsilon);
}

/* Everything that training changes lies in `state` (weights, then Adam's two means), so that a checkpoint is one block. The
 * hidden layer's weights stand first, an output a row: a step works on the outputs that are on, and on all their inputs. */
struct training {
    const struct tw_examples *examples;
    struct tw_recipe_options options;
    size_t width, hidden, classes, batch, parameters;
    struct tw_layer layers[2]; /* views into state, but for the hidden weights: see show_weights */
    float *state, *gradients;  /* gradients: of all behind the hidden weights */
    float *hidden_weights;     /* inputs x outputs, as a layer has them */
    float *inputs, *blocks, *activations, *mask, *logits, *targets, *back;
    size_t *order;
    uint64_t epoch; /* that `order` is of, + 1 */
};

static void lay_out(struct training *t)
{
    float *at = t->state + t->width * t->hidden;
    t->layers[0] = (struct tw_layer){.inputs = t->width, .outputs = t->hidden, .activation = TW_LAYER_RELU};
    t->layers[1] = (struct tw_layer){.inputs = t->hidden, .outputs = t->classes};
    t->layers[0].weights = t->hidden_weights;
    t->layers[0].bias = at;
    t->layers[1].weights = at + t->hidden;
    t->layers[1].bias = at + t->hidden + t->hidden * t->classes;
}

static void transpose(const float *from, size_t rows, size_t columns, float *to)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++)
            to[i * rows + row] = from[row * columns + i];
    }
}

/* Makes `layers` the head as it stands. */
static void show_weights(struct training *t)
{
    transpose(t->state, t->hidden, t->width, t->hidden_weights);
}

static enum tw_status training_init(struct training *t, const struct tw_examples *examples,
                                    const struct tw_recipe_options *options, struct tw_error *error)
{
    *t = (struct training){.examples = examples, .options = with_defaults(options)};
    t->width = examples->width;
    t->hidden = t->options.hidden;
    t->classes = options->class_count;
    t->batch = t->options.batch;
    t->parameters = t->width * t->hidden + t->hidden + t->hidden * t->classes + t->classes;
    t->state = tw_alloc(3 * t->parameters, sizeof(float));
    t->gradients = tw_alloc(t->parameters - t->width * t->hidden, sizeof(float));
    t->hidden_weights = tw_alloc(t->width * t->hidden, sizeof(float));
    t->blocks = tw_alloc(tw_adam_packed_size(t->batch, t->width), sizeof(float));
    t->inputs = tw_alloc(t->batch * t->width, sizeof(float));
    t->activations = tw_alloc(t->batch * t->hidden, sizeof(float));
    t->mask = tw_alloc(t->batch * t->hidden, sizeof(float));
    t->back = tw_alloc(t->batch * t->hidden, sizeof(float));
    t->logits = tw_alloc(t->batch * t->classes, sizeof(float));
    t->targets = tw_alloc(t->batch * t->classes, sizeof(float));
    t->order = tw_alloc(examples->count, sizeof *t->order);
    if (t->state == NULL || t->gradients == NULL || t->hidden_weights == NULL || t->blocks == NULL ||
        t->inputs == NULL || t->activations == NULL || t->mask == NULL || t->back == NULL || t->logits == NULL ||
        t->targets == NULL || t->order == NULL)
        return tw_fail_memory(error, 4 * t->parameters * sizeof(float), "training");
    lay_out(t);
    for (size_t i = 0; i < 2; i++) {
        struct tw_layer start = {0}, *layer = &t->layers[i];
        enum tw_status status = tw_layer_init(&start, layer->inputs, layer->outputs, t->options.seed,
                                              i == 0 ? STREAM_HIDDEN : STREAM_OUTPUT, error);
        if (status == TW_OK)
            memcpy(layer->weights, start.weights, layer->inputs * layer->outputs * sizeof(float));
        tw_free(start.weights);
        tw_free(start.bias);
        if (status != TW_OK)
            return status;
    }
    transpose(t->hidden_weights, t->width, t->hidden, t->state);
    return TW_OK;
}

static void training_release(struct training *t)
{
    float *const blocks[] = {t->state,       t->gradients, t->hidden_weights, t->inputs, t->blocks,
                             t->activations, t->mask,      t->back,           t->logits, t->targets};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        tw_free(blocks[i]);
    tw_free(t->order);
}

/* The order of an epoch comes from the seed and its number alone, so that a resumed run needs none of its past. */
static void shuffle(struct training *t, uint64_t epoch)
{
    struct tw_random random = {.seed = t->options.seed, .stream = STREAM_EPOCHS + epoch};
    size_t count = t->examples->count;
    if (t->epoch == epoch + 1)
        return;
    for (size_t i = 0; i < count; i++)
        t->order[i] = i;
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)tw_random_below(&random, i), kept = t->order[i - 1];
        t->order[i - 1] = t->order[j];
        t->order[j] = kept;
    }
    t->epoch = epoch + 1;
}

static void gather_batch(struct training *t, uint64_t step)
{
    for (size_t i = 0; i < t->batch; i++) {
        uint64_t place = step * t->batch + i;
        shuffle(t, place / t->examples->count);
        size_t row = t->order[place % t->examples->count];
        memcpy(t->inputs + i * t->width, t->examples->embeddings + row * t->width, t->width * sizeof(float));
        tw_adam_pack(t->inputs + i * t->width, i, t->batch, t->width, t->blocks);
        tw_examples_target(t->examples, row, t->options.unlabelled_class, t->targets + i * t->classes, t->classes);
    }
}

/* The hidden outputs after their product: bias, ReLU, dropout. */
static void activate(struct training *t, uint64_t step)
{
    size_t count = t->batch * t->hidden;
    uint64_t limit = (uint64_t)(t->options.dropout * 0x1p32), first = step * ((count + 1) / 2);
    float scale = (float)(1 / (1 - t->options.dropout));
    for (size_t i = 0; i < count; i += 2) { /* 32 bits of a number for each of two places */
        uint64_t bits = tw_random_at(t->options.seed, STREAM_DROPOUT, first + i / 2);
        t->mask[i] = scale * (float)(bits >> 32 >= limit);
        if (i + 1 < count)
            t->mask[i + 1] = scale * (float)((bits & 0xffffffffu) >= limit);
    }
    for (size_t row = 0; row < t->batch; row++) {
        float *values = t->activations + row * t->hidden;
        const float *mask = t->mask + row * t->hidden, *bias = t->layers[0].bias;
        for (size_t i = 0; i < t->hidden; i++) {
            float value = values[i] + bias[i], positive = value > 0 ? value : 0;
            values[i] = positive * mask[i]; /* without a branch: no CPU foresees which are on */
        }
    }
}

static enum tw_status multiply(const struct tw_gemm *shape, int threads, struct tw_error *error)
{
    struct tw_gemm product = *shape;
    product.alpha = 1;
    product.lda = product.transposes_a ? product.m : product.k;
    product.ldb = product.transposes_b ? product.k : product.n;
    product.ldc = product.n;
    return tw_gemm_run(&product, threads, error);
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
static void judge(struct training *t, double *loss, double *accuracy)
{
    size_t right = 0;
    *loss = 0;
    tw_softmax_rows(t->logits, t->batch, t->classes);
    for (size_t row = 0; row < t->batch; row++) {
        float *scores = t->logits + row * t->classes;
        const float *target = t->targets + row * t->classes;
        right += target[tw_argmax(scores, t->classes)] > 0;
        for (size_t i = 0; i < t->classes; i++) {
            if (target[i] > 0)
                *loss -= (double)target[i] * log(fmax((double)scores[i], 1e-15));
            scores[i] = (scores[i] - target[i]) / (float)t->batch;
        }
    }
    *loss /= (double)t->batch;
    *accuracy = (double)right / (double)t->batch;
}

static enum tw_status find_gradients(struct training *t, uint64_t step, double *loss, double *accuracy,
                                     struct tw_error *error)
{
    int64_t batch = (int64_t)t->batch, hidden = (int64_t)t->hidden, classes = (int64_t)t->classes;
    float *bias_gradient = t->gradients, *output_gradient = bias_gradient + t->hidden;
    const struct tw_gemm forward = {.transposes_b = true,
                                    .m = batch,
                                    .n = hidden,
                                    .k = (int64_t)t->width,
                                    .a = t->inputs,
                                    .b = t->state,
                                    .c = t->activations};
    enum tw_status status = multiply(&forward, t->options.threads, error);
    if (status != TW_OK)
        return status;
    activate(t, step);
    status = tw_dense_forward(&t->layers[1], t->activations, t->batch, t->logits, 1, error);
    if (status != TW_OK)
        return status;
    judge(t, loss, accuracy);
    const struct tw_gemm output = {.transposes_a = true,
                                   .m = hidden,
                                   .n = classes,
                                   .k = batch,
                                   .a = t->activations,
                                   .b = t->logits,
                                   .c = output_gradient};
    const struct tw_gemm back = {.transposes_b = true,
                                 .m = batch,
                                 .n = hidden,
                                 .k = classes,
                                 .a = t->logits,
                                 .b = t->layers[1].weights,
                                 .c = t->back};
    if ((status = multiply(&output, 1, error)) != TW_OK || (status = multiply(&back, 1, error)) != TW_OK)
        return status;
    for (size_t i = 0; i < t->batch * t->hidden; i++) {
        float is_on = t->activations[i] > 0 ? 1 : 0;
        t->back[i] *= is_on * t->mask[i];
    }
    sum_rows(t->logits, t->batch, t->classes, output_gradient + t->hidden * t->classes);
    sum_rows(t->back, t->batch, t->hidden, bias_gradient);
    return TW_OK;
}

static enum tw_status update_weights(struct training *t, uint64_t step, struct tw_error *error)
{
    size_t count = t->width * t->hidden, rest = t->parameters - count;
    const struct tw_adam_layer layer = {
        .adam = tw_adam_at(step, t->options.learning_rate, t->options.adam_epsilon),
        .rows = t->batch,
        .inputs = t->width,
        .outputs = t->hidden,
        .blocks = t->blocks,
        .back = t->back,
        .weights = t->state,
        .mean = t->state + t->parameters,
        .square = t->state + 2 * t->parameters,
    };
    tw_adam_apply(&layer.adam, t->gradients, rest, t->state + count, t->state + t->parameters + count,
                  t->state + 2 * t->parameters + count);
    return tw_adam_layer_run(&layer, t->options.threads, error);
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
    const struct tw_head head = {.branch_count = 1, .branches = {view_branch(t)}};
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
    const struct tw_examples *e = t->examples;
    uint64_t shape[] = {LAYOUT, t->width, t->classes, e->count, (uint64_t)t->options.unlabelled_class};
    uint32_t low = tw_crc32c(tw_crc32c(0, text, strlen(text)), shape, sizeof shape);
    uint32_t high = tw_crc32c(low, e->embeddings, e->count * e->width * sizeof(float));
    high = tw_crc32c(high, e->label_starts, (e->count + 1) * sizeof *e->label_starts);
    high = tw_crc32c(high, e->labels, e->label_starts[e->count] * sizeof *e->labels);
    tw_free(text);
    *identity = (uint64_t)high << 32 | low;
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
        .learning_rate = o->learning_rate,
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

/* Asked to stop: what is learnt so far is kept. */
static enum tw_status stop_at(struct training *t, uint64_t identity, uint64_t step, struct tw_error *error)
{
    const char *folder = t->options.checkpoint_folder;
    enum tw_status status = TW_OK;
    if (folder != NULL && step > 0)
        status = tw_checkpoint_write(folder, identity, step, t->state, 3 * t->parameters, error);
    if (status != TW_OK)
        return status;
    return tw_fail(error, TW_INTERRUPTED, "interrupted at step %llu of %zu: the same command goes on from there",
                   (unsigned long long)step, t->options.steps);
}

static enum tw_status run_steps(struct training *t, struct tw_error *error)
{
    const struct tw_recipe_options *o = &t->options;
    uint64_t identity = 0, step = 0;
    double loss, accuracy;
    enum tw_status status = find_identity(t, &identity, error);
    if (status == TW_OK && o->checkpoint_folder != NULL)
        status = tw_checkpoint_read(o->checkpoint_folder, identity, &step, t->state, 3 * t->parameters, o->sink, error);
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
        tw_progress(o->sink, &(struct tw_progress){.stage = "train", .unit = "steps", .done = step, .total = o->steps});
        if (status == TW_OK)
            status = report(t, step, loss, accuracy, error);
        if (status == TW_OK && o->checkpoint_folder != NULL && step % o->checkpoint_every_steps == 0)
            status = tw_checkpoint_write(o->checkpoint_folder, identity, step, t->state, 3 * t->parameters, error);
    }
    return status;
}

static enum tw_status hand_over(const struct training *t, struct tw_head *head, struct tw_error *error)
{
    const struct tw_branch view = view_branch(t);
    struct tw_head made = {.branch_count = 1, .branches = {{.weight = 1}}};
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
    if (status == TW_OK)
        status = hand_over(&t, head, error);
    training_release(&t);
    return status;
}
