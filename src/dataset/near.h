/* Photos that look alike: scaled, recompressed, relit, turned or mirrored copies. */
#ifndef TW_DATASET_NEAR_H
#define TW_DATASET_NEAR_H

#include "image/look.h"

struct tw_near_pair {
    size_t first, second; /* first < second; second is the first one turned */
    int turn;             /* TW_LOOK_TURNS kinds */
    double likeness;      /* of the grey pictures */
};
struct tw_near_options {
    int max_distance;    /* of fingerprints, at most 7: what the search by bytes finds for sure. Default 7 */
    double min_likeness; /* default 0.95 */
};
extern const struct tw_near_options tw_near_options_default;

/* One pair for each photo beyond the first of a group that hangs together. looks[i] NULL: left out, as are even ones.
 * Above 200,000 photos turned copies are not looked for. The pairs are the caller's (tw_free). */
enum tw_status tw_near_find(const struct tw_look *const *looks, size_t count, const struct tw_near_options *options,
                            struct tw_near_pair **pairs, size_t *pair_count, struct tw_error *error) TW_MUST_USE;

#endif
