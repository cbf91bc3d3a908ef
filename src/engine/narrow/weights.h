/* Weights of eight bits, as their file had them before their DequantizeLinear became a constant. */
#ifndef TW_ENGINE_NARROW_WEIGHTS_H
#define TW_ENGINE_NARROW_WEIGHTS_H

#include "graph/graph.h"

/* *whole: a heap block of integers less their zero points, one for each element, or NULL where the value says nothing of its
 * grid, is not on it, or a difference needs more than eight bits. One scale, or one for each index of the first dimension. */
enum tw_status narrow_weights(const struct tw_value *value, int8_t **whole, struct tw_error *error) TW_MUST_USE;

#endif
