/* What steps of own integer products share: narrow/whole.h in a plan. */
#ifndef TW_ENGINE_STEPS_WHOLE_H
#define TW_ENGINE_STEPS_WHOLE_H

#include "engine/narrow/weights.h"
#include "engine/narrow/whole.h"
#include "engine/plan.h"

/* Where a node's result goes and how its sums become it. offsets, rests and scales are owned. */
struct whole_result {
    int y_value; /* the node's output, or the integers that are read from it */
    dnnl_data_type_t y_type;
    size_t y_bytes; /* of one number */
    struct whole_finish finish;
    int32_t *offsets;
    float *rests, *scales;
};
/* What a node computes: integers of `x_grid` times weights of a scale for each of `columns`, whose integers sum up to
 * sums[column], plus a bias. */
struct whole_source {
    struct grid x_grid;
    const struct tw_value *weights, *bias; /* bias NULL: none */
    size_t columns;
    const int32_t *sums;
};
/* Whether the node's activation is one that `finish` knows, and nothing is added to its result. */
bool tw_whole_can_finish(const struct tw_node *node);
enum tw_status tw_whole_result(const struct tw_plan *plan, const struct tw_node *node,
                               const struct whole_source *source, struct whole_result *result,
                               struct tw_error *error) TW_MUST_USE;
void tw_whole_result_release(struct whole_result *result);
/* What turns bytes on the grid into unsigned ones, and the zero among these. */
uint8_t tw_whole_turn(const struct grid *grid);
int32_t tw_whole_zero(const struct grid *grid);

#endif
