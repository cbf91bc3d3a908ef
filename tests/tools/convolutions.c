/* Times and errors of every form of the engine's own convolutions on Inception v3's stride-1 layers: what the rules of
 * engine/winograd/rule.c hang on. One thread; least of some runs, the forms in turn.
 *   taskset -c 1 build/tests/tools/convolutions [WIDTH [RUNS]]      WIDTH: channels in a block, 16 (AVX-512) or 8
 * Errors are against sums in double: greatest and root mean square, of the outputs' root mean square. */
#include "base/memory.h"
#include "base/random.h"
#include "engine/winograd/rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FORMS = 4, SAMPLES = 4000 };

static const struct winograd_shape layers[] = {
    {32, 32, {149, 149}, {147, 147}, {3, 3}, {1, 1}, {0, 0}, {0}},
    {32, 64, {147, 147}, {147, 147}, {3, 3}, {1, 1}, {1, 1}, {0}},
    {80, 192, {73, 73}, {71, 71}, {3, 3}, {1, 1}, {0, 0}, {0}},
    {48, 64, {35, 35}, {35, 35}, {5, 5}, {1, 1}, {2, 2}, {0}},
    {64, 96, {35, 35}, {35, 35}, {3, 3}, {1, 1}, {1, 1}, {0}},
    {96, 96, {35, 35}, {35, 35}, {3, 3}, {1, 1}, {1, 1}, {0}},
    {128, 128, {17, 17}, {17, 17}, {1, 7}, {1, 1}, {0, 3}, {0}},
    {160, 160, {17, 17}, {17, 17}, {7, 1}, {1, 1}, {3, 0}, {0}},
    {192, 192, {17, 17}, {17, 17}, {1, 7}, {1, 1}, {0, 3}, {0}},
    {448, 384, {8, 8}, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {0}},
    {384, 384, {8, 8}, {8, 8}, {1, 3}, {1, 1}, {0, 1}, {0}},
    {768, 192, {17, 17}, {17, 17}, {1, 1}, {1, 1}, {0, 0}, {0}},
};

struct layer {
    struct winograd_shape shape;
    int width;
    size_t x_floats, y_floats, weight_floats;
    float *x, *y, *weights;
};

struct form {
    struct winograd *winograd;
    struct tw_pages pages;
    void *scratch;
    double seconds;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Near a normal distribution; inputs as ReLU leaves them. */
static float *numbers(size_t count, double scale, double least)
{
    struct tw_random random = {.seed = 7, .stream = count};
    float *values = tw_alloc_aligned(count * sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++) {
        double sum = tw_random_unit(&random) + tw_random_unit(&random) + tw_random_unit(&random) - 1.5;
        values[i] = (float)fmax(2 * scale * sum, least);
    }
    return values;
}

static size_t place(const int *size, int width, int channel, int row, int column)
{
    return (((size_t)(channel / width) * (size_t)size[0] + (size_t)row) * (size_t)size[1] + (size_t)column) *
               (size_t)width +
           (size_t)(channel % width);
}

static double exact(const struct layer *l, int channel, int row, int column)
{
    const struct winograd_shape *s = &l->shape;
    int area = s->kernel[0] * s->kernel[1];
    double sum = 0;
    for (int i = 0; i < s->in_channels * area; i++) {
        int y = row + i % area / s->kernel[1] - s->begin[0], x = column + i % s->kernel[1] - s->begin[1];
        if (y >= 0 && x >= 0 && y < s->in[0] && x < s->in[1])
            sum += (double)l->x[place(s->in, l->width, i / area, y, x)] *
                   (double)l->weights[channel * s->in_channels * area + i];
    }
    return sum;
}

static void find_errors(const struct layer *l, double *greatest, double *mean)
{
    const struct winograd_shape *s = &l->shape;
    struct tw_random random = {.seed = 3};
    double errors = 0, squares = 0, most = 0;
    for (int i = 0; i < SAMPLES; i++) {
        int channel = (int)(tw_random_unit(&random) * s->out_channels),
            row = (int)(tw_random_unit(&random) * s->out[0]);
        int column = (int)(tw_random_unit(&random) * s->out[1]);
        double should = exact(l, channel, row, column);
        double error = (double)l->y[place(s->out, l->width, channel, row, column)] - should;
        errors += error * error;
        squares += should * should;
        most = fmax(most, fabs(error));
    }
    *greatest = most / sqrt(squares / SAMPLES);
    *mean = sqrt(errors / squares);
}

static bool make_form(const struct layer *l, int tile, struct form *form)
{
    struct winograd_shape shape = l->shape;
    struct tw_error error = {0};
    const struct winograd_options options = {vector_kernels_for(l->width), -INFINITY, INFINITY, 1, &form->pages};
    for (int i = 0; i < 2; i++)
        shape.tile[i] = shape.kernel[i] > 1 ? tile : 1;
    bool is_known = winograd_has(&shape) && (tile == 1 || shape.kernel[0] * shape.kernel[1] > 1);
    if (!is_known || winograd_new(&shape, &options, l->weights, NULL, &form->winograd, &error))
        return false;
    form->scratch = tw_alloc_aligned(winograd_scratch_bytes(form->winograd));
    form->seconds = INFINITY;
    return form->scratch != NULL;
}

static void measure(const struct layer *l, int runs)
{
    static const int tiles[FORMS] = {1, 2, 4, 6};
    const struct winograd_shape *s = &l->shape;
    const struct winograd_rule *rule = winograd_rule_for(s, l->width);
    struct form forms[FORMS] = {0};
    const struct winograd_io io = {l->x, NULL, l->y};
    bool has[FORMS];
    for (int i = 0; i < FORMS; i++)
        has[i] = make_form(l, tiles[i], &forms[i]);
    for (int run = 0; run < runs * FORMS; run++) {
        struct form *form = &forms[run % FORMS];
        double start = now();
        if (has[run % FORMS])
            winograd_run(form->winograd, &io, form->scratch);
        form->seconds = fmin(form->seconds, now() - start);
    }
    double flop = 2.0 * s->out[0] * s->out[1] * (double)l->weight_floats;
    printf("%dx%d of %d, %d to %d channels; chosen: %s\n", s->kernel[0], s->kernel[1], s->in[0], s->in_channels,
           s->out_channels, rule != NULL ? rule->name : "the library");
    for (int i = 0; i < FORMS; i++) {
        double greatest, mean;
        if (has[i]) {
            winograd_run(forms[i].winograd, &io, forms[i].scratch);
            find_errors(l, &greatest, &mean);
            printf("    tile %d  %7.3f ms  %6.1f GFLOP/s  error %.1e, mean %.1e\n", tiles[i], forms[i].seconds * 1e3,
                   flop / forms[i].seconds * 1e-9, greatest, mean);
        }
        winograd_free(forms[i].winograd);
        tw_free(forms[i].scratch);
        tw_pages_release(&forms[i].pages);
    }
}

int main(int count, char **arguments)
{
    int width = count > 1 ? atoi(arguments[1]) : 16, runs = count > 2 ? atoi(arguments[2]) : 20;
    if (vector_kernels_for(width) == NULL) {
        fprintf(stderr, "no kernels for blocks of %d channels on this CPU\n", width);
        return 1;
    }
    printf("%s\n", vector_kernels_for(width)->name);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct layer l = {.shape = layers[i], .width = width};
        const struct winograd_shape *s = &l.shape;
        double sums = (double)s->in_channels * s->kernel[0] * s->kernel[1];
        l.x_floats = (size_t)s->in_channels * (size_t)s->in[0] * (size_t)s->in[1];
        l.y_floats = (size_t)s->out_channels * (size_t)s->out[0] * (size_t)s->out[1];
        l.weight_floats = (size_t)s->out_channels * (size_t)sums;
        l.x = numbers(l.x_floats, 1, 0);
        l.weights = numbers(l.weight_floats, sqrt(2 / sums), -INFINITY);
        l.y = tw_alloc_aligned(l.y_floats * sizeof(float));
        if (l.x == NULL || l.weights == NULL || l.y == NULL)
            return 1;
        measure(&l, runs);
        tw_free(l.x);
        tw_free(l.weights);
        tw_free(l.y);
    }
    return 0;
}
