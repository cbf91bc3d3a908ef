#include "engine/winograd/rule.h"

#include <string.h>

/* In one dimension, in two. */
static const struct winograd_rule rules[][2] = {
    {{"winograd 1d F(2,3)", 2, 3}, {"winograd 2d F(2x2,3x3)", 2, 3}},
    {{"winograd 1d F(4,3)", 4, 3}, {"winograd 2d F(4x4,3x3)", 4, 3}},
    {{"winograd 1d F(6,3)", 6, 3}, {"winograd 2d F(6x6,3x3)", 6, 3}},
    {{"winograd 1d F(2,5)", 2, 5}, {"winograd 2d F(2x2,5x5)", 2, 5}},
    {{"winograd 1d F(4,5)", 4, 5}, {"winograd 2d F(4x4,5x5)", 4, 5}},
    {{"winograd 1d F(2,7)", 2, 7}},
    {{"winograd 1d F(4,7)", 4, 7}},
    {{"winograd 1d F(6,7)", 6, 7}},
};
/* No tiles: a product of matrices, with the weights fetched ahead. */
static const struct winograd_rule point_rule = {"vector 1x1", 1, 1}, direct_rule = {"vector direct", 1, 1};

/* What the parts cost, in fused multiplications of a vector: fitted to the measured times of Inception v3's layers. */
struct costs {
    double transform; /* of one vector that is transformed */
    double weight;    /* of one vector of weights, which comes from memory */
};
static const struct costs costs_16 = {28, 25}, costs_8 = {14, 12}; /* by the width of a block */

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

static struct winograd_shape with_tile(const struct winograd_shape *shape, int tile)
{
    struct winograd_shape tiled = *shape;
    for (int i = 0; i < 2; i++)
        tiled.tile[i] = shape->kernel[i] > 1 ? tile : 1;
    return tiled;
}

static double winograd_cost(const struct winograd_shape *shape, const struct costs *costs, int width, int tile)
{
    struct winograd_shape tiled = with_tile(shape, tile);
    double points = 1, tiles = 1;
    for (int i = 0; i < 2; i++) {
        points *= tiled.tile[i] + shape->kernel[i] - 1;
        tiles *= (shape->out[i] + tiled.tile[i] - 1) / tiled.tile[i];
    }
    return cost_of(shape, costs, width, points, tiles);
}

static const struct winograd_rule *untiled(const struct winograd_shape *shape)
{
    struct winograd_shape direct = with_tile(shape, 1);
    if (shape->kernel[0] * shape->kernel[1] * shape->stride[0] * shape->stride[1] == 1)
        return &point_rule;
    return winograd_has(&direct) ? &direct_rule : NULL;
}

/* The form with tiles that `rules[index]` names, where it is one of this shape; as though the two dimensions were one or the
 * kernel square. */
static const struct winograd_rule *tiled_rule(const struct winograd_shape *shape, size_t index)
{
    bool is_2d = shape->kernel[0] > 1 && shape->kernel[1] > 1;
    const struct winograd_rule *rule = &rules[index][is_2d];
    int taps = shape->kernel[0] > 1 ? shape->kernel[0] : shape->kernel[1];
    struct winograd_shape tiled = with_tile(shape, rule->tile);
    bool is_even = !is_2d || shape->kernel[0] == shape->kernel[1];
    return rule->name != NULL && rule->taps == taps && is_even && winograd_has(&tiled) ? rule : NULL;
}

const struct winograd_rule *winograd_rule_at(const struct winograd_shape *shape, int index)
{
    const struct winograd_rule *first = untiled(shape);
    if (first != NULL && index-- == 0)
        return first;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct winograd_rule *rule = tiled_rule(shape, i);
        if (rule != NULL && index-- == 0)
            return rule;
    }
    return NULL;
}

const struct winograd_rule *winograd_rule_named(const struct winograd_shape *shape, const char *name)
{
    const struct winograd_rule *rule;
    for (int i = 0; (rule = winograd_rule_at(shape, i)) != NULL; i++) {
        if (strcmp(rule->name, name) == 0)
            break;
    }
    return rule;
}

const struct winograd_rule *winograd_rule_for(const struct winograd_shape *shape, int width)
{
    const struct costs *costs = width == 16 ? &costs_16 : &costs_8;
    const struct winograd_rule *best = NULL;
    if (shape->kernel[0] * shape->kernel[1] == 1 || shape->stride[0] * shape->stride[1] > 1)
        return untiled(shape);
    double least = direct_cost(shape, costs, width);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct winograd_rule *rule = tiled_rule(shape, i);
        double cost = rule != NULL ? winograd_cost(shape, costs, width, rule->tile) : least;
        if (cost >= least)
            continue;
        least = cost;
        best = rule;
    }
    return best;
}
