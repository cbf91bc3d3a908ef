#include "base/random.h"

#include <math.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t key_of(uint64_t seed, uint64_t stream)
{
    return mix(mix(seed + 0x9e3779b97f4a7c15u) ^ (stream + 0xd1b54a32d192ed03u));
}

static uint64_t number_at(uint64_t key, uint64_t index)
{
    return mix(key + (index + 1) * 0x9e3779b97f4a7c15u);
}

uint64_t tw_random_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    return number_at(key_of(seed, stream), index);
}

void tw_random_fill(uint64_t seed, uint64_t stream, uint64_t first, size_t count, uint64_t *numbers)
{
    uint64_t key = key_of(seed, stream);
    for (size_t i = 0; i < count; i++)
        numbers[i] = number_at(key, first + i);
}

uint64_t tw_random_next(struct tw_random *random)
{
    return tw_random_at(random->seed, random->stream, random->index++);
}

uint64_t tw_random_below(struct tw_random *random, uint64_t limit)
{
    uint64_t reject_below = (0 - limit) % limit;
    uint64_t bits;
    do
        bits = tw_random_next(random);
    while (bits < reject_below);
    return bits % limit;
}

double tw_random_unit(struct tw_random *random)
{
    return (double)(tw_random_next(random) >> 11) * 0x1p-53;
}

double tw_random_normal(struct tw_random *random)
{
    double radius = sqrt(-2.0 * log(1.0 - tw_random_unit(random)));
    return radius * cos(6.283185307179586 * tw_random_unit(random));
}
