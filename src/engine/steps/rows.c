/* Softmax and layer normalisation of the last dimensions, and what is done to each number by itself that the library has not. */
#include "engine/onednn.h"
#include "engine/plan.h"
#include "engine/vector/rows.h"
#include "graph/ops/support.h"

enum { AT_ONCE = 1 << 12 };

struct rows {
    const struct row_kernels *kernels;
    size_t count, length; /* rows, and numbers in each */
    float epsilon;
    bool has_bias;
};

static enum tw_status run_softmax(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct rows *rows = step->state;
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows->count; i++)
        rows->kernels->softmax((const float *)memory[0] + i * rows->length, (float *)memory[1] + i * rows->length,
                               rows->length);
    return TW_OK;
}

static enum tw_status run_norm(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct rows *rows = step->state;
    const struct row_norm norm = {memory[1], rows->has_bias ? memory[2] : NULL, rows->epsilon};
    float *y = memory[rows->has_bias ? 3 : 2];
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows->count; i++)
        rows->kernels->normalise(&norm, (const float *)memory[0] + i * rows->length, y + i * rows->length,
                                 rows->length);
    return TW_OK;
}

static enum tw_status run_each(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct rows *rows = step->state;
    const struct row_activation gelu = {.kind = TW_ACT_GELU};
    (void)error;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows->length; i += AT_ONCE) {
        size_t count = rows->length - i < AT_ONCE ? rows->length - i : AT_ONCE;
        const float *x = (const float *)memory[0] + i;
        float *y = (float *)memory[1] + i;
        if (step->node->op == TW_OP_ERF) {
            rows->kernels->erf(x, y, count);
            continue;
        }
        for (size_t k = 0; k < count; k++)
            y[k] = x[k];
        rows->kernels->finish(&gelu, NULL, NULL, y, count);
    }
    return TW_OK;
}

static enum tw_status add(struct tw_plan *plan, const struct tw_node *node, const struct rows *rows,
                          enum tw_status (*run)(const struct step *, void *const *, struct tw_error *),
                          struct tw_error *error)
{
    struct argument arguments[4] = {{0}};
    struct tw_layout layout;
    int count = 0, inputs = run == run_norm ? node->input_count : 1;
    enum tw_status status = TW_OK;
    for (int i = 0; i < inputs && status == TW_OK; i++)
        status = tw_plan_plain_slot(plan, node->inputs[i], &arguments[count++].slot, error);
    if (status != TW_OK ||
        (status = tw_onednn_plain(&plan->graph->values[node->outputs[0]].shape, &layout, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &layout, &arguments[count].slot, error)) != TW_OK)
        return status;
    arguments[count++].kind = DNNL_ARG_DST;
    struct rows *state = tw_alloc(1, sizeof *state);
    if (state == NULL)
        return tw_fail_memory(error, sizeof *state, "a step");
    if ((status = tw_plan_add_step(plan, node, "vector rows", NULL, arguments, count, error)) != TW_OK) {
        tw_free(state);
        return status;
    }
    *state = *rows;
    struct step *step = &plan->steps[plan->step_count - 1];
    step->run = run;
    step->state = state;
    step->free_state = tw_free;
    return TW_OK;
}

/* Whether scale and bias have a number for each of a row. */
static bool fits_row(const struct tw_plan *plan, const struct tw_node *node, size_t length)
{
    for (int i = 1; i < node->input_count; i++) {
        int64_t count;
        const struct tw_value *value = node->inputs[i] < 0 ? NULL : &plan->graph->values[node->inputs[i]];
        if (value == NULL || value->dtype != TW_F32 || !tw_shape_count(&value->shape, &count) ||
            (size_t)count != length)
            return false;
    }
    return true;
}

enum tw_status tw_step_rows(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    int axis;
    int64_t total;
    bool is_each = node->op == TW_OP_ERF || (node->op == TW_OP_GELU && op_text_is(node, "approximate", "none", "none"));
    bool is_softmax = node->op == TW_OP_SOFTMAX, is_norm = node->op == TW_OP_LAYER_NORM;
    if ((!is_each && !is_softmax && !is_norm) || node->residual >= 0 || node->activation != TW_ACT_NONE ||
        (node->output_count > 1 && node->outputs[1] >= 0))
        return TW_OK;
    const struct tw_value *x = &plan->graph->values[node->inputs[0]];
    if (x->dtype != TW_F32 || x->shape.rank < 1 || !tw_shape_count(&x->shape, &total) || total < 1 ||
        op_axis(tw_node_int(node, "axis", -1), x->shape.rank, &axis, &(struct tw_error){0}) != TW_OK)
        return TW_OK;
    struct rows rows = {.kernels = row_kernels_here(), .epsilon = tw_node_float(node, "epsilon", 1e-5F)};
    rows.length = is_each ? (size_t)total : (size_t)op_product(&x->shape, axis, x->shape.rank);
    rows.count = (size_t)total / rows.length;
    rows.has_bias = is_norm && node->input_count > 2;
    if ((is_softmax && axis != x->shape.rank - 1) || (is_norm && !fits_row(plan, node, rows.length)))
        return TW_OK;
    *is_done = true;
    return add(plan, node, &rows, is_softmax ? run_softmax : is_norm ? run_norm : run_each, error);
}
