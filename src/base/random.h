/* Random numbers that are the same everywhere: a counter-based generator, so that item i of stream s under a seed is
 * the same whoever asks and in whatever order. Mixing function: splitmix64 (Steele, Lea, Flood 2014). */
#ifndef TW_BASE_RANDOM_H
#define TW_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* 64 random bits for (seed, stream, index). */
uint64_t tw_random_at(uint64_t seed, uint64_t stream, uint64_t index);

/* numbers[i] = that for index first + i. */
void tw_random_fill(uint64_t seed, uint64_t stream, uint64_t first, size_t count, uint64_t *numbers);

/* A generator that walks the indices of one stream. */
struct tw_random {
    uint64_t seed, stream, index;
};
uint64_t tw_random_next(struct tw_random *random);
/* In [0, limit), without bias; limit > 0. */
uint64_t tw_random_below(struct tw_random *random, uint64_t limit);
/* In [0, 1), 53 bits. */
double tw_random_unit(struct tw_random *random);
/* Standard normal (Box-Muller; one value a call). */
double tw_random_normal(struct tw_random *random);

#endif
