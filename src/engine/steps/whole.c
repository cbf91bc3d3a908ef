#include "engine/steps/whole.h"

#include <math.h>

uint8_t tw_whole_turn(const struct grid *grid)
{
    return grid->is_signed ? 0x80 : 0;
}

int32_t tw_whole_zero(const struct grid *grid)
{
    return grid->zero + (grid->is_signed ? 128 : 0);
}

bool tw_whole_can_finish(const struct tw_node *node)
{
    return node->residual < 0 &&
           (node->activation == TW_ACT_NONE || node->activation == TW_ACT_RELU || node->activation == TW_ACT_CLIP);
}

void tw_whole_result_release(struct whole_result *result)
{
    tw_free(result->offsets);
    tw_free(result->rests);
    tw_free(result->scales);
}

static void set_bounds(const struct tw_node *node, const struct grid *grid, struct whole_finish *finish)
{
    float scale = finish->rounds ? grid->scale : 1;
    finish->least = node->activation == TW_ACT_RELU   ? 0
                    : node->activation == TW_ACT_CLIP ? node->activation_alpha / scale
                                                      : -INFINITY;
    finish->most = node->activation == TW_ACT_CLIP ? node->activation_beta / scale : INFINITY;
    finish->zero = grid->zero;
    finish->low = grid->is_signed ? -128 : 0;
    finish->high = grid->is_signed ? 127 : 255;
}

enum tw_status tw_whole_result(const struct tw_plan *plan, const struct tw_node *node,
                               const struct whole_source *source, struct whole_result *result, struct tw_error *error)
{
    const struct quantised *y = &plan->quantised[node->outputs[0]];
    *result = (struct whole_result){
        .y_value = y->rounds >= 0 ? y->rounds : node->outputs[0],
        .y_type = y->rounds < 0              ? dnnl_f32
                  : y->rounds_grid.is_signed ? dnnl_s8
                                             : dnnl_u8,
        .y_bytes = y->rounds < 0 ? sizeof(float) : 1,
        .finish.rounds = y->rounds >= 0,
        .offsets = tw_alloc(source->columns + WHOLE_COLUMNS, sizeof *result->offsets),
        .rests = tw_alloc(source->columns + WHOLE_COLUMNS, sizeof *result->rests),
        .scales = tw_alloc(source->columns + WHOLE_COLUMNS, sizeof *result->scales),
    };
    if (result->offsets == NULL || result->rests == NULL || result->scales == NULL) {
        tw_whole_result_release(result);
        return tw_fail_memory(error, source->columns * sizeof *result->scales, "scales");
    }
    set_bounds(node, &y->rounds_grid, &result->finish);
    for (size_t i = 0; i < source->columns; i++) {
        float step = source->x_grid.scale * narrow_weights_scale(source->weights, i);
        result->scales[i] = result->finish.rounds ? step / y->rounds_grid.scale : step;
        result->offsets[i] =
            narrow_bias(source->bias, i, step, &result->rests[i]) - tw_whole_zero(&source->x_grid) * source->sums[i];
    }
    result->finish.offsets = result->offsets;
    result->finish.rests = result->rests;
    result->finish.scales = result->scales;
    return TW_OK;
}
