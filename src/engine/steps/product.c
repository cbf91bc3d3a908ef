/* Gemm and MatMul of matrices by oneDNN's sgemm, then bias, residual and activation as the reference has them. In the fixed
 * tiles of gemm.h: left to itself, sgemm cuts the sum among its threads, and the bits hang on their number. */
#include "engine/gemm.h"
#include "engine/onednn.h"
#include "engine/plan.h"

#include <omp.h>
#include <string.h>

struct shape {
    int64_t m, n, k;
    bool transposes_a, transposes_b;
};

static bool find_shape(const struct tw_graph *graph, const struct tw_node *node, struct shape *s)
{
    const struct tw_shape *a = &graph->values[node->inputs[0]].shape, *b = &graph->values[node->inputs[1]].shape;
    if (a->rank != 2 || b->rank != 2)
        return false;
    s->transposes_a = node->op == TW_OP_GEMM && tw_node_int(node, "transA", 0) != 0;
    s->transposes_b = node->op == TW_OP_GEMM && tw_node_int(node, "transB", 0) != 0;
    s->m = a->dims[s->transposes_a ? 1 : 0];
    s->k = a->dims[s->transposes_a ? 0 : 1];
    s->n = b->dims[s->transposes_b ? 0 : 1];
    return s->m > 0 && s->n > 0 && s->k > 0;
}

/* The third argument is added row by row: one number a column, or one for each element. */
static bool has_simple_bias(const struct tw_graph *graph, const struct tw_node *node, const struct shape *s)
{
    if (node->input_count < 3 || node->inputs[2] < 0)
        return true;
    const struct tw_shape *c = &graph->values[node->inputs[2]].shape;
    if (c->rank == 1)
        return c->dims[0] == s->n;
    return c->rank == 2 && c->dims[1] == s->n && (c->dims[0] == 1 || c->dims[0] == s->m);
}

static enum tw_status run(const struct step *step, void *const *memory, struct tw_error *error)
{
    const struct tw_node *node = step->node;
    struct shape s;
    (void)find_shape(step->graph, node, &s);
    float alpha = tw_node_float(node, "alpha", 1), beta = tw_node_float(node, "beta", 1);
    bool has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    float *y = memory[step->argument_count - 1];
    const float *bias = has_bias ? memory[2] : NULL, *residual = node->residual >= 0 ? memory[has_bias ? 3 : 2] : NULL;
    bool is_row = has_bias && step->graph->values[node->inputs[2]].shape.rank == 2 &&
                  step->graph->values[node->inputs[2]].shape.dims[0] == s.m && s.m > 1;
    const struct tw_gemm gemm = {
        .transposes_a = s.transposes_a,
        .transposes_b = s.transposes_b,
        .m = s.m,
        .n = s.n,
        .k = s.k,
        .alpha = node->op == TW_OP_GEMM ? alpha : 1,
        .a = memory[0],
        .lda = s.transposes_a ? s.m : s.k,
        .b = memory[1],
        .ldb = s.transposes_b ? s.k : s.n,
        .c = y,
        .ldc = s.n,
    };
    enum tw_status status = tw_gemm_run(&gemm, omp_get_max_threads(), error);
    for (int64_t i = 0; i < s.m * s.n && status == TW_OK; i++) {
        float value = y[i];
        if (bias != NULL)
            value += beta * bias[is_row ? i : i % s.n];
        if (residual != NULL)
            value += residual[i];
        y[i] = tw_activate(node->activation, node->activation_alpha, node->activation_beta, value);
    }
    return status;
}

enum tw_status tw_step_product(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct argument arguments[5];
    struct shape s;
    dnnl_memory_desc_t layout;
    int count = 0, y;
    if ((node->op != TW_OP_GEMM && node->op != TW_OP_MATMUL) || !find_shape(plan->graph, node, &s) ||
        !has_simple_bias(plan->graph, node, &s))
        return TW_OK;
    enum tw_status status = TW_OK;
    for (int i = 0; i < node->input_count && i < 3 && status == TW_OK; i++) {
        if (node->inputs[i] >= 0)
            status = tw_plan_plain_slot(plan, node->inputs[i], &arguments[count++].slot, error);
    }
    if (status == TW_OK && node->residual >= 0)
        status = tw_plan_plain_slot(plan, node->residual, &arguments[count++].slot, error);
    if (status != TW_OK ||
        (status = tw_onednn_plain(&plan->graph->values[node->outputs[0]].shape, &layout, error)) != TW_OK ||
        (status = tw_plan_output_slot(plan, node->outputs[0], &layout, &y, error)) != TW_OK)
        return status;
    for (int i = 0; i < count; i++)
        arguments[i].kind = 0;
    arguments[count++] = (struct argument){DNNL_ARG_DST, y};
    status = tw_plan_add_step(plan, node, "onednn sgemm", NULL, arguments, count, error);
    if (status != TW_OK)
        return status;
    plan->steps[plan->step_count - 1].run = run;
    plan->steps[plan->step_count - 1].flop = 2.0 * (double)s.m * (double)s.n * (double)s.k;
    *is_done = true;
    return TW_OK;
}
