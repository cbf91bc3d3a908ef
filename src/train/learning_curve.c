#include "train/learning_curve.h"

#include "base/memory.h"
#include "base/random.h"
#include "train/judged.h"
#include "train/solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DRAWS = 4, RESAMPLES = 1000, LEAST_ROWS = 10, ROWS_OF_CLASS = 2 };
/* Parts of what a fold leaves to learn from, and how often each is drawn: what is small differs most and costs least. */
static const struct {
    double share;
    size_t draws;
} sizes[TW_MOST_CURVE_POINTS] = {{0.125, 4}, {0.25, 2}, {0.5, 2}, {1, 1}};
static const uint64_t draw_stream = 0x6375727665, choice_stream = 0x63686f696365;

struct curve {
    const struct tw_curve_request *request;
    struct tw_learning_curve made;
    /* Of each point and draw: count, whether the row was right. */
    bool *right[TW_MOST_CURVE_POINTS][MOST_DRAWS];
    double rows[TW_MOST_CURVE_POINTS]; /* learnt from, in the mean */
    uint8_t *roles;
    bool *answers;
    size_t *by_class, *starts; /* rows of class c: by_class[starts[c] .. starts[c + 1]) */
    size_t *order;             /* room for the rows of one class */
};

/* roles: `share` of each class's rows outside the fold, one at least, by random numbers that hang on fold, size and draw. */
static size_t draw_part(struct curve *c, size_t fold, size_t point, size_t draw)
{
    const struct tw_curve_request *r = c->request;
    struct tw_random random = {.seed = r->seed,
                               .stream = draw_stream + (fold * TW_MOST_CURVE_POINTS + point) * MOST_DRAWS + draw};
    size_t taken = 0;
    memset(c->roles, 0, r->count);
    for (size_t class = 0; class < r->class_count; class ++) {
        size_t found = 0;
        for (size_t i = c->starts[class]; i < c->starts[class + 1]; i++) {
            if (r->folds[c->by_class[i]] != fold)
                c->order[found++] = c->by_class[i];
        }
        size_t wanted = (size_t)ceil(sizes[point].share * (double)found);
        for (size_t i = 0; i < wanted; i++) {
            size_t other = i + (size_t)tw_random_below(&random, found - i), kept = c->order[i];
            c->order[i] = c->order[other];
            c->order[other] = kept;
            c->roles[c->order[i]] = 1;
        }
        taken += wanted;
    }
    return taken;
}

static enum tw_status ask_point(struct curve *c, size_t point, size_t place, struct tw_error *error)
{
    const struct tw_curve_request *r = c->request;
    enum tw_status status = TW_OK;
    double taken = 0;
    for (size_t draw = 0; draw < sizes[point].draws && status == TW_OK; draw++) {
        for (size_t fold = 0; fold < r->fold_count && status == TW_OK; fold++) {
            if (tw_is_stopped(r->sink))
                return tw_fail(error, TW_INTERRUPTED, "interrupted while drawing the learning curve");
            taken += (double)draw_part(c, fold, point, draw);
            bool is_given = sizes[point].share >= 1 && r->is_right != NULL;
            if (!is_given)
                status = r->ask(r->context, c->roles, c->answers, error);
            for (size_t row = 0; row < r->count; row++) {
                if (r->folds[row] == fold)
                    c->right[place][draw][row] = is_given ? r->is_right[row] : c->answers[row];
            }
        }
    }
    c->rows[place] = taken / (double)(sizes[point].draws * r->fold_count);
    c->made.points[place].rows = (size_t)(c->rows[place] + 0.5);
    c->made.points[place].draws = sizes[point].draws;
    return status;
}

/* Floor and scale with the least squares for a given exponent; returns the squares. */
static double fit_at(const double *rows, const double *errors, size_t count, double exponent, double *floor,
                     double *scale)
{
    double n = (double)count, x = 0, y = 0, xx = 0, xy = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        double value = pow(rows[i], -exponent);
        x += value;
        y += errors[i];
        xx += value * value;
        xy += value * errors[i];
    }
    double spread = n * xx - x * x;
    *scale = spread > 0 ? fmax((n * xy - x * y) / spread, 0) : 0;
    *floor = (y - *scale * x) / n;
    if (*floor < 0) {
        *floor = 0;
        *scale = xx > 0 ? xy / xx : 0;
    }
    for (size_t i = 0; i < count; i++) {
        double off = *floor + *scale * pow(rows[i], -exponent) - errors[i];
        squares += off * off;
    }
    return squares;
}

void tw_power_law_fit(const double *rows, const double *errors, size_t count, double *floor, double *scale,
                      double *exponent)
{
    double least = INFINITY;
    for (int step = 2; step <= 20; step++) {
        double base, slope, squares = fit_at(rows, errors, count, step * 0.05, &base, &slope);
        if (squares >= least)
            continue;
        least = squares;
        *floor = base;
        *scale = slope;
        *exponent = step * 0.05;
    }
}

static double gain_of(double scale, double exponent, size_t rows)
{
    return scale * (pow((double)rows, -exponent) - pow(2 * (double)rows, -exponent));
}

/* Errors at each point, rows weighed by `weights` (NULL: once each), draws by `chosen`. */
static void find_errors(const struct curve *c, const uint8_t *weights, size_t chosen[][MOST_DRAWS], double *errors)
{
    const struct tw_curve_request *r = c->request;
    for (size_t p = 0; p < c->made.point_count; p++) {
        double wrong = 0, total = 0;
        for (size_t draw = 0; draw < c->made.points[p].draws; draw++) {
            double times = chosen != NULL ? (double)chosen[p][draw] : 1;
            const bool *right = c->right[p][draw];
            for (size_t row = 0; row < r->count && times > 0; row++) {
                double weight = r->folds[row] != TW_NEVER_HELD_OUT ? times * (weights != NULL ? weights[row] : 1) : 0;
                total += weight;
                wrong += right[row] ? 0 : weight;
            }
        }
        errors[p] = total > 0 ? wrong / total : 0;
    }
}

static void choose_draws(const struct curve *c, uint64_t number, size_t chosen[][MOST_DRAWS])
{
    struct tw_random random = {.seed = c->request->seed, .stream = choice_stream + number};
    memset(chosen, 0, TW_MOST_CURVE_POINTS * sizeof *chosen);
    for (size_t p = 0; p < c->made.point_count; p++) {
        for (size_t i = 0; i < c->made.points[p].draws; i++)
            chosen[p][tw_random_below(&random, c->made.points[p].draws)]++;
    }
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The best exponent of few points jumps with every row; the median of those of the resamples does not. */
static void settle_law(struct curve *c, double *exponents)
{
    double errors[TW_MOST_CURVE_POINTS];
    size_t points = c->made.point_count;
    for (size_t p = 0; p < points; p++)
        errors[p] = 1 - c->made.points[p].accuracy;
    qsort(exponents, RESAMPLES, sizeof *exponents, compare_numbers);
    c->made.exponent = exponents[RESAMPLES / 2];
    fit_at(c->rows, errors, points, c->made.exponent, &c->made.floor, &c->made.scale);
    c->made.gain = gain_of(c->made.scale, c->made.exponent, c->request->count);
}

static enum tw_status find_intervals(struct curve *c, struct tw_error *error)
{
    size_t count = c->request->count, points = c->made.point_count, chosen[TW_MOST_CURVE_POINTS][MOST_DRAWS];
    uint8_t *weights = tw_alloc(count, 1);
    double *values = tw_alloc((points + 2) * RESAMPLES, sizeof *values), errors[TW_MOST_CURVE_POINTS];
    enum tw_status status =
        weights != NULL && values != NULL ? TW_OK : tw_fail_memory(error, count, "the learning curve");
    for (size_t i = 0; i < RESAMPLES && status == TW_OK; i++) {
        double floor, scale, exponent;
        tw_resample(i, count, weights);
        choose_draws(c, i, chosen);
        find_errors(c, weights, chosen, errors);
        tw_power_law_fit(c->rows, errors, points, &floor, &scale, &exponent);
        for (size_t p = 0; p < points; p++)
            values[p * RESAMPLES + i] = 1 - errors[p];
        values[points * RESAMPLES + i] = gain_of(scale, exponent, count);
        values[(points + 1) * RESAMPLES + i] = exponent;
    }
    for (size_t p = 0; p < points && status == TW_OK; p++)
        c->made.points[p].interval = tw_interval_of(values + p * RESAMPLES, RESAMPLES);
    if (status == TW_OK)
        c->made.gain_interval = tw_interval_of(values + points * RESAMPLES, RESAMPLES);
    if (status == TW_OK)
        settle_law(c, values + (points + 1) * RESAMPLES);
    tw_free(weights);
    tw_free(values);
    return status;
}

static void sort_by_class(struct curve *c)
{
    const struct tw_curve_request *r = c->request;
    for (size_t row = 0; row < r->count; row++)
        c->starts[r->classes[row] + 1]++;
    for (size_t class = 0; class < r->class_count; class ++)
        c->starts[class + 1] += c->starts[class];
    for (size_t row = 0; row < r->count; row++)
        c->by_class[c->starts[r->classes[row]]++] = row;
    for (size_t class = r->class_count; class > 0; class --)
        c->starts[class] = c->starts[class - 1];
    c->starts[0] = 0;
}

static enum tw_status prepare(struct curve *c, struct tw_error *error)
{
    size_t count = c->request->count;
    c->roles = tw_alloc(count, 1);
    c->answers = tw_alloc(count, sizeof *c->answers);
    c->order = tw_alloc(count, sizeof *c->order);
    c->by_class = tw_alloc(count, sizeof *c->by_class);
    c->starts = tw_alloc(c->request->class_count + 1, sizeof *c->starts);
    bool has_all =
        c->roles != NULL && c->answers != NULL && c->order != NULL && c->by_class != NULL && c->starts != NULL;
    if (has_all)
        sort_by_class(c);
    for (size_t p = 0; p < TW_MOST_CURVE_POINTS && has_all; p++) {
        for (size_t draw = 0; draw < MOST_DRAWS && has_all; draw++)
            has_all = (c->right[p][draw] = tw_alloc(count, sizeof(bool))) != NULL;
    }
    return has_all ? TW_OK : tw_fail_memory(error, count, "the learning curve");
}

static void release(struct curve *c)
{
    for (size_t p = 0; p < TW_MOST_CURVE_POINTS; p++) {
        for (size_t draw = 0; draw < MOST_DRAWS; draw++)
            tw_free(c->right[p][draw]);
    }
    tw_free(c->roles);
    tw_free(c->answers);
    tw_free(c->order);
    tw_free(c->by_class);
    tw_free(c->starts);
}

/* The first size whose part is large enough to learn from. */
static size_t first_point(const struct tw_curve_request *r)
{
    double taught = (double)r->count * (1 - 1 / (double)r->fold_count);
    double least = fmax(LEAST_ROWS, ROWS_OF_CLASS * (double)r->class_count);
    size_t first = 0;
    while (first < TW_MOST_CURVE_POINTS && sizes[first].share * taught < least)
        first++;
    return first;
}

enum tw_status tw_learning_curve_make(const struct tw_curve_request *request, struct tw_learning_curve *curve,
                                      struct tw_error *error)
{
    struct curve c = {.request = request, .made = {.rows = request->count}};
    double errors[TW_MOST_CURVE_POINTS];
    size_t first = request->fold_count >= 2 ? first_point(request) : TW_MOST_CURVE_POINTS;
    if (first + 3 > TW_MOST_CURVE_POINTS)
        return TW_OK;
    c.made.point_count = TW_MOST_CURVE_POINTS - first;
    enum tw_status status = prepare(&c, error);
    for (size_t point = first; point < TW_MOST_CURVE_POINTS && status == TW_OK; point++) {
        status = ask_point(&c, point, point - first, error);
        tw_progress(request->sink, &(struct tw_progress){.stage = "curve",
                                                         .unit = "sizes",
                                                         .done = point - first + 1,
                                                         .total = TW_MOST_CURVE_POINTS - first});
    }
    if (status == TW_OK) {
        find_errors(&c, NULL, NULL, errors);
        for (size_t p = 0; p < c.made.point_count; p++)
            c.made.points[p].accuracy = 1 - errors[p];
        status = find_intervals(&c, error);
    }
    release(&c);
    if (status == TW_OK)
        *curve = c.made;
    return status;
}
