/* Weights of eight bits, as their file had them before their DequantizeLinear became a constant. */
#ifndef TW_ENGINE_NARROW_WEIGHTS_H
#define TW_ENGINE_NARROW_WEIGHTS_H

#include "graph/graph.h"

/* Integers less their zero points, which may need nine bits, one for each element in C order. */
struct narrow_weights {
    int16_t *whole; /* NULL: the value says nothing of its grid, or is not on it */
    int16_t least, most;
};
/* One scale, or one for each index of dimension `axis`. */
enum tw_status narrow_weights_find(const struct tw_value *value, int axis, struct narrow_weights *weights,
                                   struct tw_error *error) TW_MUST_USE;
void narrow_weights_release(struct narrow_weights *weights);
/* Whether their zero points are those of a grid that lies about 0: 0, or 128 for unsigned bytes. */
bool narrow_weights_are_even(const struct tw_value *value);
/* The step of index `channel` of that dimension. */
float narrow_weights_scale(const struct tw_value *value, size_t channel);
/* The bias as a number of steps, and what is left of it: 0 where it lies on that grid. `bias` NULL: 0. */
int32_t narrow_bias(const struct tw_value *bias, size_t channel, float step, float *rest);

#endif
