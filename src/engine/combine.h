/* Sums of a few rows, each times a factor: a matrix product in which most factors are zero and are left out. */
#ifndef TW_ENGINE_COMBINE_H
#define TW_ENGINE_COMBINE_H

#include <stddef.h>
#include <stdint.h>

enum { TW_COMBINE_WIDTH = 64 };

/* sum = factors[0] * row indices[0] + factors[1] * row indices[1] ..., in this order; rows and sum are TW_COMBINE_WIDTH
 * floats wide, row i begins at rows + i * TW_COMBINE_WIDTH. */
typedef void tw_combine(const float *rows, const uint32_t *indices, const float *factors, size_t count, float *sum);
/* The fastest that this CPU can run. */
tw_combine *tw_combine_choose(void);

#endif
