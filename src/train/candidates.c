#include "train/candidates.h"

#include "base/memory.h"
#include "base/threads.h"
#include "train/multiply.h"

#include <math.h>
#include <string.h>

const struct tw_family tw_families[] = {
    {.name = "nearest class mean",
     .strength_name = "scale",
     .fit = tw_nearest_mean_fit,
     .strength_count = 1,
     .strengths = {1}},
    {.name = "shrinkage LDA",
     .strength_name = "shrinkage",
     .fit = tw_lda_fit,
     .can_blend = true,
     .strength_count = 4,
     .strengths = {0.1, 0.3, 0.5, 0.8}},
    {.name = "logistic regression",
     .strength_name = "C",
     .fit = tw_logistic_fit,
     .can_blend = true,
     .strength_count = 3,
     .strengths = {1, 4, 15}},
    {.name = "RBF kernel machine",
     .strength_name = "ridge",
     .fit = tw_kernel_fit,
     .is_kernel = true,
     .can_blend = true,
     .strength_count = 3,
     .strengths = {0.05, 0.15, 0.5},
     .gamma_count = 3,
     .gammas = {0.5, 1, 2}},
};
const size_t tw_family_count = sizeof tw_families / sizeof *tw_families;

enum { MOST_GROUPS = 32, MOST_SUMS = 512 };
/* Logits of one family that a checkpoint may hold: more are found again sooner than they are kept. */
enum { MOST_KEPT = 8 << 20 };
/* A bias that rules a class out: far below any calibrated logit, and still finite in every sum. */
static const float ruled_out = -1e9f;

void tw_candidates_release(struct tw_candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++)
        tw_free(candidates->items[i].log_scores);
    tw_free(candidates->items);
    *candidates = (struct tw_candidates){0};
}

struct kernel {
    const float *distances; /* squared; count x count */
    float *values;
    size_t count;
    float scale;
};

static enum tw_status exponentiate_row(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct kernel *kernel = context;
    const float *from = kernel->distances + index * kernel->count;
    float *row = kernel->values + index * kernel->count;
    (void)worker;
    (void)error;
    for (size_t i = 0; i < kernel->count; i++)
        row[i] = expf(-kernel->scale * from[i]);
    return TW_OK;
}

static float kernel_scale(const struct tw_design *design, double gamma)
{
    return design->spread > 0 ? (float)(gamma / (2 * design->spread)) : 0;
}

void tw_view_release(struct tw_view *view)
{
    tw_free(view->kernel);
    *view = (struct tw_view){0};
}

static enum tw_status view_linear(struct tw_view *view, struct tw_design *design, struct tw_error *error)
{
    view->problem.basis = tw_design_basis(design);
    view->problem.rank = design->rank;
    return tw_design_scatter(design, &view->problem.scatter, error);
}

static enum tw_status view_kernel(struct tw_view *view, struct tw_design *design, double gamma, struct tw_error *error)
{
    size_t n = design->count;
    const float *distances;
    enum tw_status status = tw_design_distances(design, &distances, error);
    view->kernel = tw_alloc(n * n, sizeof *view->kernel);
    if (status == TW_OK && view->kernel == NULL)
        status = tw_fail_memory(error, n * n * sizeof *view->kernel, "the kernel matrix");
    const struct kernel kernel = {distances, view->kernel, n, kernel_scale(design, gamma)};
    view->problem.basis = view->kernel;
    view->problem.rank = n;
    return status == TW_OK ? tw_parallel_for(design->threads, n, exponentiate_row, (void *)&kernel, error) : status;
}

enum tw_status tw_view_init(struct tw_view *view, const struct tw_task *task, const struct tw_family *family,
                            struct tw_design *design, double gamma, struct tw_error *error)
{
    *view = (struct tw_view){.problem = {.count = design->count,
                                         .width = design->width,
                                         .spread = design->spread,
                                         .targets = task->held_out.targets,
                                         .classes = task->held_out.classes,
                                         .is_multi_label = task->held_out.is_multi_label,
                                         .folds = task->held_out.folds,
                                         .threads = task->threads}};
    return family->is_kernel ? view_kernel(view, design, gamma, error) : view_linear(view, design, error);
}

/* Rows of the fold out of the basis, and their logits into their places in `logits`. */
static enum tw_status score_fold(const struct tw_problem *p, int fold, const float *weights, const float *biases,
                                 float *logits, struct tw_error *error)
{
    size_t taken = 0, *rows = tw_alloc(p->count, sizeof *rows);
    float *basis = tw_alloc(p->count * p->rank, sizeof *basis), *made = tw_alloc(p->count * p->classes, sizeof *made);
    enum tw_status status = TW_OK;
    if (rows == NULL || basis == NULL || made == NULL)
        status = tw_fail_memory(error, p->count * p->rank * sizeof *basis, "a fold");
    for (size_t row = 0; row < p->count && status == TW_OK; row++) {
        if (p->folds[row] != fold)
            continue;
        memcpy(basis + taken * p->rank, p->basis + row * p->rank, p->rank * sizeof *basis);
        rows[taken++] = row;
    }
    if (status == TW_OK)
        status = tw_multiply(basis, weights, taken, p->classes, p->rank, made, p->threads, error);
    for (size_t i = 0; i < taken && status == TW_OK; i++) {
        for (size_t c = 0; c < p->classes; c++)
            logits[rows[i] * p->classes + c] = made[i * p->classes + c] + biases[c];
    }
    tw_free(rows);
    tw_free(basis);
    tw_free(made);
    return status;
}

/* logits: strengths x count x classes, of each row by the rules that were learnt without its fold. */
static enum tw_status cross_validate(const struct tw_task *task, const struct tw_family *family,
                                     const struct tw_problem *p, float *logits, struct tw_error *error)
{
    size_t size = p->rank * p->classes, count = family->strength_count;
    float *weights = tw_alloc(count * size, sizeof *weights), *biases = tw_alloc(count * p->classes, sizeof *biases);
    enum tw_status status = TW_OK;
    if (weights == NULL || biases == NULL)
        status = tw_fail_memory(error, count * size * sizeof *weights, "cross-validation");
    for (size_t fold = 0; fold < task->fold_count && status == TW_OK; fold++) {
        if (tw_is_stopped(task->sink))
            status = tw_fail(error, TW_INTERRUPTED, "interrupted while choosing the head");
        else
            status = family->fit(p, (int)fold, family->strengths, count, weights, biases, error);
        for (size_t s = 0; s < count && status == TW_OK; s++)
            status = score_fold(p, (int)fold, weights + s * size, biases + s * p->classes,
                                logits + s * p->count * p->classes, error);
    }
    tw_free(weights);
    tw_free(biases);
    return status;
}

enum tw_status tw_candidate_ask(const struct tw_candidate *candidate, const struct tw_view *view, const uint8_t *folds,
                                int fold, float *log_scores, struct tw_error *error)
{
    struct tw_problem p = view->problem;
    float *weights = tw_alloc(p.rank * p.classes, sizeof *weights), *bias = tw_alloc(p.classes, sizeof *bias);
    enum tw_status status = TW_OK;
    p.folds = folds;
    if (weights == NULL || bias == NULL)
        status = tw_fail_memory(error, p.rank * p.classes * sizeof *weights, "a rule");
    if (status == TW_OK)
        status = candidate->family->fit(&p, fold, &candidate->strength, 1, weights, bias, error);
    if (status == TW_OK)
        status = score_fold(&p, fold, weights, bias, log_scores, error);
    for (size_t row = 0; row < p.count && status == TW_OK; row++) {
        const struct tw_held_out one = {.count = 1, .classes = p.classes};
        if (folds[row] == fold)
            tw_temperature_apply(&one, candidate->temperature, log_scores + row * p.classes);
    }
    tw_free(weights);
    tw_free(bias);
    return status;
}

static bool are_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return false;
    }
    return true;
}

static enum tw_status add(const struct tw_task *task, struct tw_candidate candidate, const float *logits,
                          struct tw_candidates *candidates, struct tw_error *error)
{
    size_t size = task->held_out.count * task->held_out.classes;
    if (!are_finite(logits, size))
        return TW_OK;
    enum tw_status status = tw_grow((void **)&candidates->items, &candidates->capacity, candidates->count + 1,
                                    sizeof *candidates->items, error);
    if (status != TW_OK)
        return status;
    candidate.log_scores = tw_alloc(size, sizeof *candidate.log_scores);
    if (candidate.log_scores == NULL)
        return tw_fail_memory(error, size * sizeof *candidate.log_scores, "a candidate's scores");
    memcpy(candidate.log_scores, logits, size * sizeof *logits);
    candidate.temperature = tw_temperature_fit(&task->held_out, logits);
    tw_temperature_apply(&task->held_out, candidate.temperature, candidate.log_scores);
    candidate.judgement = tw_judge(&task->held_out, candidate.log_scores);
    candidates->items[candidates->count++] = candidate;
    tw_log(task->sink, TW_LOG_DEBUG, "%s on %s, %s %g, gamma %g: log loss %.4f, accuracy %.4f", candidate.family->name,
           tw_map_name(candidate.map), candidate.family->strength_name, candidate.strength, candidate.gamma,
           candidate.judgement.loss, candidate.judgement.accuracy);
    return TW_OK;
}

/* The logits of cross_validate: from the checkpoint of an earlier run, or computed and kept. */
static enum tw_status find_logits(const struct tw_task *task, const struct tw_family *family, struct tw_design *design,
                                  double gamma, uint64_t number, float *logits, struct tw_error *error)
{
    size_t size = family->strength_count * task->held_out.count * task->held_out.classes;
    bool is_kept = task->place.folder != NULL && size <= MOST_KEPT;
    struct tw_view view = {0};
    if (is_kept && tw_checkpoint_read_step(&task->place, number, logits, size))
        return TW_OK;
    enum tw_status status = tw_view_init(&view, task, family, design, gamma, error);
    if (status == TW_OK)
        status = cross_validate(task, family, &view.problem, logits, error);
    if (status == TW_OK && is_kept)
        status = tw_checkpoint_write(&task->place, number, logits, size, error);
    tw_view_release(&view);
    return status;
}

static enum tw_status judge_view(const struct tw_task *task, const struct tw_family *family, struct tw_design *design,
                                 double gamma, struct tw_candidates *candidates, struct tw_error *error)
{
    size_t size = task->held_out.count * task->held_out.classes;
    float *logits = tw_alloc(family->strength_count * size, sizeof *logits);
    candidates->judged++;
    enum tw_status status = logits != NULL ? find_logits(task, family, design, gamma, candidates->judged, logits, error)
                                           : tw_fail_memory(error, size * sizeof *logits, "cross-validation");
    for (size_t s = 0; s < family->strength_count && status == TW_OK; s++) {
        const struct tw_candidate candidate = {
            .family = family, .map = design->map, .gamma = gamma, .strength = family->strengths[s]};
        status = add(task, candidate, logits + s * size, candidates, error);
    }
    tw_free(logits);
    return status == TW_UNSUPPORTED ? TW_OK : status; /* singular: no candidate */
}

enum tw_status tw_candidates_judge(const struct tw_task *task, const struct tw_family *family, struct tw_design *design,
                                   struct tw_candidates *candidates, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    if (!family->is_kernel)
        return judge_view(task, family, design, 0, candidates, error);
    for (size_t i = 0; i < family->gamma_count && status == TW_OK; i++)
        status = judge_view(task, family, design, family->gammas[i], candidates, error);
    return status;
}

static enum tw_status add_support(const struct tw_design *design, double gamma, struct tw_branch *branch,
                                  struct tw_error *error)
{
    size_t n = design->count, width = design->width;
    struct tw_stage *shift = tw_branch_add(branch, TW_STAGE_SHIFT, width, width);
    struct tw_stage *kernel = shift != NULL ? tw_branch_add(branch, TW_STAGE_RBF, width, n) : NULL;
    if (kernel == NULL)
        return tw_fail_memory(error, n * width * sizeof(float), "the head");
    kernel->scale = kernel_scale(design, gamma);
    for (size_t i = 0; i < width; i++)
        shift->bias[i] = -design->center[i];
    for (size_t row = 0; row < n; row++) {
        double square = 0;
        for (size_t i = 0; i < width; i++) {
            float value = design->features[row * width + i];
            kernel->weights[i * n + row] = value;
            square += (double)value * (double)value;
        }
        kernel->bias[row] = (float)square;
    }
    return TW_OK;
}

/* What becomes of a rule over the basis in the head. Borrowed. */
struct rule {
    const struct tw_task *task;
    const struct tw_candidate *candidate;
    const struct tw_design *design;
    const float *weights, *bias; /* rank x classes; classes */
    const size_t *places;        /* output of each class */
    size_t outputs;
};

static void place_bias(const struct rule *rule, const double *bias, struct tw_stage *dense)
{
    for (size_t i = 0; i < rule->outputs; i++)
        dense->bias[i] = ruled_out;
    for (size_t c = 0; c < rule->task->held_out.classes; c++)
        dense->bias[rule->places[c]] = (float)(bias[c] / rule->candidate->temperature);
}

/* bias (in double, and changed): less what the rows' centre, given as `center`, adds to each class. */
static void move_bias(const float *center, const float *weights, size_t rows, size_t classes, double sign, double *bias)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t c = 0; c < classes; c++)
            bias[c] += sign * (double)center[i] * (double)weights[i * classes + c];
    }
}

static enum tw_status add_linear(const struct rule *rule, double *bias, struct tw_branch *branch,
                                 struct tw_error *error)
{
    size_t classes = rule->task->held_out.classes, inputs = rule->design->width;
    float *unfolded = tw_alloc(inputs * classes, sizeof *unfolded);
    struct tw_stage *dense = unfolded != NULL ? tw_branch_add(branch, TW_STAGE_DENSE, inputs, rule->outputs) : NULL;
    enum tw_status status = dense != NULL
                                ? tw_design_unfold(rule->design, rule->weights, classes, unfolded, error)
                                : tw_fail_memory(error, inputs * rule->outputs * sizeof *unfolded, "the head");
    if (status == TW_OK) {
        move_bias(rule->design->center, unfolded, inputs, classes, -1, bias);
        place_bias(rule, bias, dense);
        for (size_t i = 0; i < inputs; i++) {
            for (size_t c = 0; c < classes; c++)
                dense->weights[i * rule->outputs + rule->places[c]] =
                    (float)((double)unfolded[i * classes + c] / rule->candidate->temperature);
        }
    }
    tw_free(unfolded);
    return status;
}

/* A kernel machine's sum is a small difference of great numbers. Any runtime that adds in f32 loses least when kernel
 * values are taken less their means and when some tens of short sums (a dense layer whose weights are mostly 0) come
 * before the one of them all. */
static enum tw_status add_sums(const struct rule *rule, const float *kernel, double *bias, struct tw_branch *branch,
                               struct tw_error *error)
{
    size_t classes = rule->task->held_out.classes, n = rule->design->count;
    size_t groups = MOST_SUMS / classes < MOST_GROUPS ? MOST_SUMS / classes : MOST_GROUPS;
    groups = groups > 0 ? groups : 1;
    struct tw_stage *shift = tw_branch_add(branch, TW_STAGE_SHIFT, n, n), *parts = NULL, *dense = NULL;
    if (shift != NULL)
        parts = tw_branch_add(branch, TW_STAGE_DENSE, n, groups * classes);
    if (parts != NULL)
        dense = tw_branch_add(branch, TW_STAGE_DENSE, groups * classes, rule->outputs);
    if (dense == NULL)
        return tw_fail_memory(error, n * groups * classes * sizeof(float), "the head");
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t row = 0; row < n; row++)
            sum += (double)kernel[i * n + row];
        shift->bias[i] = (float)(-sum / (double)n);
    }
    move_bias(shift->bias, rule->weights, n, classes, -1, bias);
    place_bias(rule, bias, dense);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < classes; c++)
            parts->weights[i * parts->outputs + i % groups * classes + c] =
                (float)((double)rule->weights[i * classes + c] / rule->candidate->temperature);
    }
    for (size_t i = 0; i < groups * classes; i++)
        dense->weights[i * rule->outputs + rule->places[i % classes]] = 1;
    return TW_OK;
}

static enum tw_status add_rule(const struct rule *rule, const struct tw_view *view, struct tw_branch *branch,
                               struct tw_error *error)
{
    size_t classes = rule->task->held_out.classes;
    double *bias = tw_alloc(classes, sizeof *bias);
    if (bias == NULL)
        return tw_fail_memory(error, classes * sizeof *bias, "the head");
    for (size_t c = 0; c < classes; c++)
        bias[c] = (double)rule->bias[c];
    enum tw_status status = rule->candidate->family->is_kernel ? add_sums(rule, view->kernel, bias, branch, error)
                                                               : add_linear(rule, bias, branch, error);
    tw_free(bias);
    return status;
}

enum tw_status tw_candidate_to_branch(const struct tw_task *task, const struct tw_candidate *candidate,
                                      struct tw_design *design, const size_t *places, size_t outputs,
                                      struct tw_branch *branch, struct tw_error *error)
{
    size_t classes = task->held_out.classes;
    struct tw_view view = {0};
    float *weights = NULL, *bias = tw_alloc(classes, sizeof *bias);
    enum tw_status status = bias != NULL ? tw_view_init(&view, task, candidate->family, design, candidate->gamma, error)
                                         : tw_fail_memory(error, classes * sizeof *bias, "the head");
    if (status == TW_OK && (weights = tw_alloc(view.problem.rank * classes, sizeof *weights)) == NULL)
        status = tw_fail_memory(error, view.problem.rank * classes * sizeof *weights, "the head");
    if (status == TW_OK)
        status = candidate->family->fit(&view.problem, TW_FIT_ALL, &candidate->strength, 1, weights, bias, error);
    branch->weight = 1;
    if (status == TW_OK)
        status = tw_map_to_branch(design->map, design->width, branch, error);
    if (status == TW_OK && candidate->family->is_kernel)
        status = add_support(design, candidate->gamma, branch, error);
    if (status == TW_OK)
        status =
            add_rule(&(struct rule){task, candidate, design, weights, bias, places, outputs}, &view, branch, error);
    tw_view_release(&view);
    tw_free(weights);
    tw_free(bias);
    return status;
}
