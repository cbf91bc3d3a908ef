/* Which values are integers on a grid for the steps, though the graph has them as floats between DequantizeLinear and
 * QuantizeLinear. What reads such a value in integers never asks for its floats, so that nobody makes them. */
#include "engine/isa.h"
#include "engine/narrow/weights.h"
#include "engine/steps/convolution.h"

#include <math.h>
#include <string.h>

static bool one_element(const struct tw_value *value)
{
    int64_t count;
    return value->data != NULL && tw_shape_count(&value->shape, &count) && count == 1;
}

static bool is_whole(enum tw_dtype dtype)
{
    return dtype == TW_U8 || dtype == TW_I8;
}

bool tw_plan_grid(const struct tw_plan *plan, const struct tw_node *node, struct grid *grid)
{
    const struct tw_value *values = plan->graph->values, *scale = &values[node->inputs[1]];
    const struct tw_value *zero = node->input_count > 2 && node->inputs[2] >= 0 ? &values[node->inputs[2]] : NULL;
    const struct tw_value *whole = &values[node->op == TW_OP_QUANTIZE_LINEAR ? node->outputs[0] : node->inputs[0]];
    if (!is_whole(whole->dtype) || scale->dtype != TW_F32 || !one_element(scale) ||
        (zero != NULL && (zero->dtype != whole->dtype || !one_element(zero))))
        return false;
    *grid = (struct grid){.is_signed = whole->dtype == TW_I8};
    memcpy(&grid->scale, scale->data, sizeof grid->scale);
    if (zero != NULL)
        grid->zero = grid->is_signed ? *(const int8_t *)zero->data : *(const uint8_t *)zero->data;
    return isfinite(grid->scale) && grid->scale > 0;
}

bool tw_plan_is_bf16(const struct tw_plan *plan, int value)
{
    int slot = plan->own[value];
    return slot != NO_SLOT && plan->slots[slot].layout.ndims > 0 && plan->slots[slot].layout.data_type == dnnl_bf16;
}

bool tw_grid_equal(const struct grid *a, const struct grid *b)
{
    return memcmp(&a->scale, &b->scale, sizeof a->scale) == 0 && a->zero == b->zero && a->is_signed == b->is_signed;
}

void tw_grid_table(const struct grid *from, const struct grid *to, uint8_t table[256])
{
    uint8_t q[256];
    float x[256];
    for (int i = 0; i < 256; i++)
        q[i] = (uint8_t)i;
    narrow_kernels_here()->dequantise(q, 256, from, x);
    narrow_kernels_here()->quantise(x, 256, to, table);
}

/* Without products of four bytes integers gain little over floats (some 1.3 on AVX2, nothing on AVX-512), and Winograd's
 * convolutions save more than that: where most of a network is such, and its weights are those of any kernel. */
static bool find_prefers_floats(const struct tw_graph *graph)
{
    double direct = 0, saved = 0;
    if (tw_isa_has_vnni())
        return false;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct tw_node *node = &graph->nodes[i];
        if (!tw_is_convolution(graph, node))
            continue;
        const struct tw_value *w = &graph->values[node->inputs[1]];
        struct op_window window;
        if (w->quantisation.scale != NULL && !narrow_weights_are_even(w))
            return false;
        if (op_window_of(node, &graph->values[node->inputs[0]].shape, &w->shape, &window, &(struct tw_error){0}) !=
            TW_OK)
            continue;
        double work =
            (double)op_product(&graph->values[node->outputs[0]].shape, 0, 4) * (double)op_product(&w->shape, 1, 4);
        bool is_winograd = window.stride[1] == 1 && window.stride[2] == 1 && tw_node_int(node, "group", 1) == 1 &&
                           window.kernel[1] * window.kernel[2] > 1;
        direct += work;
        saved += is_winograd ? work : 0;
    }
    return saved > 0.4 * direct;
}

/* Whether the node only gives on numbers of its inputs, all of which lie on one grid. */
static bool keeps_grid(const struct tw_plan *plan, const struct tw_node *node, struct grid *grid)
{
    if ((node->op != TW_OP_CONCAT && node->op != TW_OP_MAX_POOL) || node->activation != TW_ACT_NONE ||
        node->residual >= 0)
        return false;
    for (int i = 0; i < node->input_count; i++) {
        const struct quantised *x = &plan->quantised[node->inputs[i]];
        if (!x->is_on_grid || (i > 0 && !tw_grid_equal(&x->grid, grid)))
            return false;
        *grid = x->grid;
    }
    return true;
}

/* Pairs of QuantizeLinear and DequantizeLinear as one rounding of floats. Nodes are in order. */
static void find_roundings(struct tw_plan *plan, const int *readers)
{
    for (size_t i = 0; i < plan->graph->node_count; i++) {
        const struct tw_node *node = &plan->graph->nodes[i];
        struct quantised *y =
            node->output_count > 0 && node->outputs[0] >= 0 ? &plan->quantised[node->outputs[0]] : NULL;
        struct grid grid;
        if (y == NULL)
            continue;
        if (keeps_grid(plan, node, &grid)) {
            y->is_on_grid = true;
            y->grid = grid;
        }
        if (node->op == TW_OP_QUANTIZE_LINEAR && plan->graph->values[node->inputs[0]].data == NULL &&
            plan->graph->values[node->inputs[0]].dtype == TW_F32 && tw_plan_grid(plan, node, &grid) &&
            readers[node->outputs[0]] == 1) {
            y->before = node->inputs[0]; /* if what reads it is the way back */
            y->grid = grid;
        }
        struct quantised *x = node->op == TW_OP_DEQUANTIZE_LINEAR ? &plan->quantised[node->inputs[0]] : NULL;
        if (x != NULL && x->before >= 0 && tw_plan_grid(plan, node, &grid) && tw_grid_equal(&grid, &x->grid)) {
            y->before = x->before;
            x->is_on_grid = y->is_on_grid = true;
            y->grid = grid;
            y->whole = plan->quantised[y->before].rounds = -1;
        }
    }
}

static void note_node(struct tw_plan *plan, int index, int *readers)
{
    const struct tw_node *node = &plan->graph->nodes[index];
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0) {
            plan->quantised[node->inputs[i]].last_use = index;
            readers[node->inputs[i]]++;
        }
    }
    if (node->residual >= 0) {
        plan->quantised[node->residual].last_use = index;
        readers[node->residual]++;
    }
    struct grid grid;
    if ((node->op != TW_OP_QUANTIZE_LINEAR && node->op != TW_OP_DEQUANTIZE_LINEAR) ||
        plan->graph->values[node->inputs[0]].data != NULL || !tw_plan_grid(plan, node, &grid))
        return;
    if (node->op == TW_OP_DEQUANTIZE_LINEAR) {
        struct quantised *made = &plan->quantised[node->outputs[0]];
        made->whole = node->inputs[0];
        made->whole_grid = grid;
    } else if (plan->graph->values[node->inputs[0]].dtype == TW_F32) {
        struct quantised *read = &plan->quantised[node->inputs[0]];
        read->rounds = node->outputs[0];
        read->rounds_grid = grid;
    }
}

enum tw_status tw_plan_find_quantised(struct tw_plan *plan, struct tw_error *error)
{
    const struct tw_graph *graph = plan->graph;
    int *readers = tw_alloc(graph->value_count + 1, sizeof *readers);
    plan->quantised = tw_alloc(graph->value_count + 1, sizeof *plan->quantised);
    if (readers == NULL || plan->quantised == NULL) {
        tw_free(readers);
        return tw_fail_memory(error, graph->value_count * sizeof *plan->quantised, "a plan");
    }
    for (size_t i = 0; i < graph->value_count; i++)
        plan->quantised[i] = (struct quantised){.whole = -1, .rounds = -1, .last_use = -1, .before = -1};
    for (size_t i = 0; i < graph->node_count; i++)
        note_node(plan, (int)i, readers);
    for (size_t i = 0; i < graph->output_count; i++) {
        readers[graph->outputs[i]]++;
        plan->quantised[graph->outputs[i]].last_use = INT32_MAX;
    }
    for (size_t i = 0; i < graph->value_count; i++) {
        struct quantised *value = &plan->quantised[i];
        if (readers[i] != 1)
            value->rounds = -1;
        /* Who reads the floats reads the integers. */
        if (value->whole >= 0 && plan->quantised[value->whole].last_use < value->last_use)
            plan->quantised[value->whole].last_use = value->last_use;
    }
    plan->prefers_floats = tw_graph_is_quantised(graph) && find_prefers_floats(graph);
    if (plan->prefers_floats)
        find_roundings(plan, readers);
    tw_free(readers);
    return TW_OK;
}
