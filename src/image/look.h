/* What can be seen of a photo without a network: how even it is, and a fingerprint that hardly changes when the photo is
 * scaled, recompressed or relit. */
#ifndef TW_IMAGE_LOOK_H
#define TW_IMAGE_LOOK_H

#include "image/image.h"

/* Turns 0 to 3 are quarter turns clockwise, 4 to 7 the same of the mirrored photo. */
enum { TW_LOOK_EDGE = 16, TW_LOOK_TURNS = 8 };

struct tw_look {
    float contrast;                            /* standard deviation of the small picture's grey levels, 0..127.5 */
    uint64_t fingerprint;                      /* bit 8 * v + u: sign of frequency (u, v) of a 32 x 32 grey picture */
    uint8_t grey[TW_LOOK_EDGE * TW_LOOK_EDGE]; /* the photo squeezed to 16 x 16 */
};
/* Fingerprint after Zauner 2010 (perceptual hashing by the discrete cosine transform), with signs in place of the
 * comparison with the median: so a turned photo's fingerprint follows from the upright one's. */
enum tw_status tw_image_look(const struct tw_image *image, struct tw_look *look, struct tw_error *error) TW_MUST_USE;
/* The fingerprint that the photo would have after `turn`. */
uint64_t tw_look_turned(uint64_t fingerprint, int turn);
/* Bits in which two fingerprints differ, 0..64. */
int tw_look_distance(uint64_t a, uint64_t b);
/* Correlation of the grey pictures, -1..1, `a` turned before; 0 where one is even. */
double tw_look_likeness(const struct tw_look *a, int turn, const struct tw_look *b);

#endif
