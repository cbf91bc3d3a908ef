/* The embeddings as solvers take them: mapped, centred and, where there are fewer rows than values in a row, turned into
 * the rows of a Cholesky factor of their Gram matrix, which has the same inner products. A linear rule over the basis is a
 * linear rule over the embeddings and the other way round, so cost grows with the lesser of the two. */
#ifndef TW_TRAIN_DESIGN_H
#define TW_TRAIN_DESIGN_H

#include "train/cholesky.h"
#include "train/examples.h"
#include "train/head.h"

enum tw_map { TW_MAP_PLAIN, TW_MAP_SQRT, TW_MAP_UNIT, TW_MAP_SQRT_UNIT, TW_MAPS };
const char *tw_map_name(enum tw_map map);
/* One row through the very stages that the head will have; `scratch` holds `width` values. */
enum tw_status tw_map_row(enum tw_map map, const float *from, size_t width, float *scratch, float *to,
                          struct tw_error *error) TW_MUST_USE;

/* Zero-initialise; release accepts the zero state. */
struct tw_design {
    enum tw_map map;
    int threads;
    size_t count, width, rank; /* rank: the lesser of count and width */
    double spread;             /* mean squared length of the centred rows; 0: all rows are equal */
    float *features;           /* count x width, centred */
    float *center;             /* width */
    float *reduced;            /* count x rank, or NULL: the features are the basis */
    struct tw_cholesky reduction;
    float *scatter, *distances; /* NULL: not asked for yet */
};
enum tw_status tw_design_init(struct tw_design *design, const struct tw_examples *examples, enum tw_map map,
                              int threads, struct tw_error *error) TW_MUST_USE;
void tw_design_release(struct tw_design *design);
const float *tw_design_basis(const struct tw_design *design);
/* basis transposed * basis (rank x rank), and squared distances of rows (count x count; symmetric, 0 on the diagonal):
 * computed at the first call, the design's own. */
enum tw_status tw_design_scatter(struct tw_design *design, const float **scatter, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_design_distances(struct tw_design *design, const float **distances,
                                   struct tw_error *error) TW_MUST_USE;

/* The stages of the map, at the branch's end. */
enum tw_status tw_map_to_branch(enum tw_map map, size_t width, struct tw_branch *branch,
                                struct tw_error *error) TW_MUST_USE;
/* out (width x columns): the weights over mapped embeddings that say what `weights` (rank x columns) say over the basis;
 * to each column's bias must be added -center * out. */
enum tw_status tw_design_unfold(const struct tw_design *design, const float *weights, size_t columns, float *out,
                                struct tw_error *error) TW_MUST_USE;

#endif
