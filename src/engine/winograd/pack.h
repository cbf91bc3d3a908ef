/* Transformed weights in the order in which the products read them. */
#ifndef TW_ENGINE_WINOGRAD_PACK_H
#define TW_ENGINE_WINOGRAD_PACK_H

#include "engine/winograd/winograd.h"

struct winograd_pack {
    const struct winograd_shape *shape;
    struct winograd_axis axes[2];
    int width;      /* of a block of channels */
    int in_blocks;  /* rounded up */
    int out_blocks; /* rounded up */
};
/* Panels of two blocks of output channels (the last may be of one), in each [point][input channel][channels of the panel].
 * `packed` has points * in_blocks * width * out_blocks * width floats. False: no memory. */
bool winograd_pack_weights(const struct winograd_pack *pack, int threads, const float *weights, float *packed);

#endif
