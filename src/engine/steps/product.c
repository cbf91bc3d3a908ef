/* Gemm and MatMul, of stacks of matrices too, by oneDNN's sgemm, then bias, residual and activation row by row. In the fixed
 * tiles of gemm.h: left to itself, sgemm cuts the sum among its threads, and the bits hang on their number. */
#include "engine/gemm.h"
#include "engine/onednn.h"
#include "engine/plan.h"
#include "engine/vector/rows.h"
#include "graph/ops/support.h"

#include <omp.h>
#include <string.h>

struct shape {
    int64_t batch, m, n, k; /* `batch` products, each of its own matrices */
    bool transposes_a, transposes_b;
};

/* One matrix for all rows of a stack, or as many as there are in the other. */
static bool find_stack(const struct tw_shape *a, const struct tw_shape *b, struct shape *s)
{
    s->transposes_a = s->transposes_b = false;
    s->m = a->dims[a->rank - 2];
    s->k = a->dims[a->rank - 1];
    s->n = b->dims[b->rank - 1];
    if (b->rank == 2)
        s->m = op_product(a, 0, a->rank - 1);
    else
        s->batch = op_product(a, 0, a->rank - 2);
    bool is_same = b->rank == 2 || a->rank == b->rank;
    for (int i = 0; i < a->rank - 2 && b->rank > 2 && is_same; i++)
        is_same = a->dims[i] == b->dims[i];
    return is_same && s->batch > 0 && s->m > 0 && s->n > 0 && s->k > 0;
}

static bool find_shape(const struct tw_graph *graph, const struct tw_node *node, struct shape *s)
{
    const struct tw_shape *a = &graph->values[node->inputs[0]].shape, *b = &graph->values[node->inputs[1]].shape;
    if (a->rank < 2 || b->rank < 2)
        return false;
    s->batch = 1;
    if (node->op == TW_OP_MATMUL && (a->rank > 2 || b->rank > 2))
        return find_stack(a, b, s);
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
    if (tw_node_float(node, "beta", 1) != 1)
        return false;
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
    float alpha = tw_node_float(node, "alpha", 1);
    bool has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    float *y = memory[step->argument_count - 1];
    const float *bias = has_bias ? memory[2] : NULL, *residual = node->residual >= 0 ? memory[has_bias ? 3 : 2] : NULL;
    bool is_row = has_bias && step->graph->values[node->inputs[2]].shape.rank == 2 &&
                  step->graph->values[node->inputs[2]].shape.dims[0] == s.m && s.m > 1;
    struct tw_gemm gemm = {
        .transposes_a = s.transposes_a,
        .transposes_b = s.transposes_b,
        .m = s.m,
        .n = s.n,
        .k = s.k,
        .alpha = node->op == TW_OP_GEMM ? alpha : 1,
        .lda = s.transposes_a ? s.m : s.k,
        .ldb = s.transposes_b ? s.k : s.n,
        .ldc = s.n,
    };
    enum tw_status status = TW_OK;
    for (int64_t i = 0; i < s.batch && status == TW_OK; i++) {
        gemm.a = (const float *)memory[0] + i * s.m * s.k;
        gemm.b = (const float *)memory[1] + i * s.k * s.n;
        gemm.c = y + i * s.m * s.n;
        status = tw_gemm_run(&gemm, omp_get_max_threads(), error);
    }
    if (status != TW_OK)
        return status;
    const struct row_activation activation = {node->activation, node->activation_alpha, node->activation_beta};
    const struct row_kernels *kernels = row_kernels_here();
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s.batch * s.m; i++)
        kernels->finish(&activation, bias != NULL ? bias + (is_row ? i * s.n : 0) : NULL,
                        residual != NULL ? residual + i * s.n : NULL, y + i * s.n, (size_t)s.n);
    return TW_OK;
}

enum tw_status tw_step_product(struct tw_plan *plan, const struct tw_node *node, bool *is_done, struct tw_error *error)
{
    struct argument arguments[5];
    struct shape s;
    struct tw_layout layout;
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
    plan->steps[plan->step_count - 1].flop = 2.0 * (double)s.batch * (double)s.m * (double)s.n * (double)s.k;
    *is_done = true;
    return TW_OK;
}
