#include "engine/winograd/rule.h"

enum { FORMS = 8 };

/* What the parts cost, in fused multiplications of a vector: fitted to the measured times of Inception v3's layers. */
struct costs {
    double transform; /* of one vector that is transformed */
    double weight;    /* of one vector of weights, which comes from memory */
};
static const struct costs costs_avx512 = {28, 25}, costs_avx2 = {14, 12}, costs_portable = {14, 12};

#define FORM(m, r, of)                                                                                                 \
    {                                                                                                                  \
        {"winograd 1d F(" #m "," #r ")", of, m, r},                                                                    \
        {                                                                                                              \
            "winograd 2d F(" #m "x" #m "," #r "x" #r ")", of, m, r                                                     \
        }                                                                                                              \
    }
#define FORMS_OF(of)                                                                                                   \
    {                                                                                                                  \
        FORM(2, 3, of), FORM(4, 3, of), FORM(6, 3, of), FORM(2, 5, of), FORM(4, 5, of), FORM(2, 7, of),                \
            FORM(4, 7, of), FORM(6, 7, of)                                                                             \
    }
/* In one dimension, in two. */
#ifdef __x86_64__
static const struct winograd_rule rules_avx512[FORMS][2] = FORMS_OF(&winograd_avx512);
static const struct winograd_rule rules_avx2[FORMS][2] = FORMS_OF(&winograd_avx2);
#endif
static const struct winograd_rule rules_portable[FORMS][2] = FORMS_OF(&winograd_portable);

static double vectors(int channels, int width)
{
    return (double)((channels + width - 1) / width);
}

/* `points` products for each of `tiles` tiles. */
static double cost_of(const struct winograd_shape *s, const struct costs *costs, int width, double points, double tiles)
{
    double in = vectors(s->in_channels, width), out = vectors(s->out_channels, width);
    return points * out * in * width * (tiles + costs->weight) + points * tiles * (in + out) * costs->transform;
}

static double direct_cost(const struct winograd_shape *s, const struct costs *costs, int width)
{
    struct costs direct = {0, costs->weight};
    return cost_of(s, &direct, width, (double)s->kernel[0] * s->kernel[1], (double)s->out[0] * s->out[1]);
}

/* As though the two dimensions were one or the kernel square; negative: there is no such form. */
static double winograd_cost(const struct winograd_shape *shape, const struct costs *costs, int width, int tile)
{
    struct winograd_shape tiled = *shape;
    double points = 1, tiles = 1;
    for (int i = 0; i < 2; i++) {
        tiled.tile[i] = shape->kernel[i] > 1 ? tile : 1;
        points *= tiled.tile[i] + shape->kernel[i] - 1;
        tiles *= (shape->out[i] + tiled.tile[i] - 1) / tiled.tile[i];
    }
    return winograd_has(&tiled) ? cost_of(shape, costs, width, points, tiles) : -1;
}

static const struct winograd_rule (*rules_for(int width, const struct costs **costs))[2]
{
#ifdef __x86_64__
    if (width == winograd_avx512.width && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        *costs = &costs_avx512;
        return rules_avx512;
    }
    if (width == winograd_avx2.width && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        *costs = &costs_avx2;
        return rules_avx2;
    }
#endif
    *costs = &costs_portable;
    return width == winograd_portable.width ? rules_portable : NULL;
}

const struct winograd_rule *winograd_rule_for(const struct winograd_shape *shape, int width)
{
    const struct costs *costs;
    const struct winograd_rule(*rules)[2] = rules_for(width, &costs);
    const struct winograd_rule *best = NULL;
    bool is_2d = shape->kernel[0] > 1 && shape->kernel[1] > 1;
    int taps = shape->kernel[0] > 1 ? shape->kernel[0] : shape->kernel[1];
    if (rules == NULL || (is_2d && shape->kernel[0] != shape->kernel[1]))
        return NULL;
    double least = direct_cost(shape, costs, width);
    for (int i = 0; i < FORMS; i++) {
        const struct winograd_rule *rule = &rules[i][is_2d];
        double cost = winograd_cost(shape, costs, width, rule->tile);
        if (rule->taps != taps || cost < 0 || cost >= least)
            continue;
        least = cost;
        best = rule;
    }
    return best;
}
