#include "engine/plan.h"

#include "base/text.h"
#include "engine/onednn.h"
#include "graph/passes.h"

#include <inttypes.h>
#include <omp.h>
#include <string.h>

const struct tw_plan_options tw_plan_options_default = {.batch = 1, .threads_inside = 1, .precision = TW_PRECISION_F32};

/* In the order in which they are asked; the last one takes everything. */
static tw_step_planner *const planners[] = {
    tw_step_narrow_conv,   tw_step_narrow_product, tw_step_narrow_depthwise, tw_step_narrow_matrix, tw_step_narrow_pool,
    tw_step_narrow_concat, tw_step_quantise,       tw_step_winograd,         tw_step_conv,          tw_step_pool,
    tw_step_concat,        tw_step_elementwise,    tw_step_product,          tw_step_alias,         tw_step_transpose,
    tw_step_rows,          tw_step_reference,
};

void tw_plan_free(struct tw_plan *plan)
{
    if (plan == NULL)
        return;
    for (int i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].primitive != NULL)
            dnnl_primitive_destroy(plan->steps[i].primitive);
        if (plan->steps[i].state != NULL)
            plan->steps[i].free_state(plan->steps[i].state);
        tw_free(plan->steps[i].arguments);
    }
    tw_pages_release(&plan->weights);
    if (plan->engine != NULL)
        dnnl_engine_destroy(plan->engine);
    tw_graph_free(plan->graph);
    tw_free(plan->steps);
    tw_free(plan->slots);
    tw_free(plan->own);
    tw_free(plan->quantised);
    tw_free(plan->plain);
    tw_free(plan->input_shapes);
    tw_free(plan->output_shapes);
    tw_free(plan->output_slots);
    tw_free(plan);
}

/* An unknown first dimension is the batch: one image is compiled and run that often. */
static enum tw_status fix_inputs(struct tw_graph *graph, int64_t batch, int64_t *runs, struct tw_error *error)
{
    int64_t inner = 0;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct tw_value *value = &graph->values[graph->inputs[i]];
        char shape[128];
        if (value->shape.rank > 0 && value->shape.dims[0] == TW_UNKNOWN)
            value->shape.dims[0] = 1;
        int64_t count, first = value->shape.rank > 0 ? value->shape.dims[0] : 1;
        tw_shape_text(&value->shape, shape, sizeof shape);
        if (value->dtype != TW_F32 || !tw_shape_count(&value->shape, &count) || count < 1)
            return tw_fail(error, TW_UNSUPPORTED,
                           "the network's input %s is %s of shape %s, not float with known dimensions", value->name,
                           tw_dtype_name(value->dtype), shape);
        if (inner != 0 && inner != first)
            return tw_fail(error, TW_UNSUPPORTED,
                           "the network's inputs have different first dimensions (%" PRId64 ", %" PRId64 ")", inner,
                           first);
        inner = first;
    }
    if (inner == 0)
        return tw_fail(error, TW_UNSUPPORTED, "the network has no input");
    if (batch < inner || batch % inner != 0)
        return tw_fail(error, TW_UNSUPPORTED,
                       "the network is made for batches of %" PRId64 ", %" PRId64 " are asked for", inner, batch);
    *runs = batch / inner;
    return TW_OK;
}

static enum tw_status plan_node(struct tw_plan *plan, const struct tw_node *node, struct tw_error *error)
{
    bool is_done = false;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < sizeof planners / sizeof *planners && !is_done && status == TW_OK; i++)
        status = planners[i](plan, node, &is_done, error);
    if (status != TW_OK)
        return tw_fail_within(error, status, "node %s (%s)", tw_node_label(plan->graph, node),
                              tw_op_table[node->op].name);
    return TW_OK;
}

static enum tw_status plan_steps(struct tw_plan *plan, struct tw_error *error)
{
    struct tw_graph *graph = plan->graph;
    plan->own = tw_alloc(graph->value_count, sizeof *plan->own);
    plan->plain = tw_alloc(graph->value_count, sizeof *plan->plain);
    plan->output_slots = tw_alloc(graph->output_count, sizeof *plan->output_slots);
    if (plan->own == NULL || plan->plain == NULL || plan->output_slots == NULL)
        return tw_fail_memory(error, graph->value_count * sizeof *plan->own, "a plan");
    for (size_t i = 0; i < graph->value_count; i++)
        plan->own[i] = plan->plain[i] = NO_SLOT;
    enum tw_status status = tw_plan_find_quantised(plan, error);
    if (status == TW_OK)
        status = tw_onednn_check(dnnl_engine_create(&plan->engine, dnnl_cpu, 0), "the CPU engine", error);
    for (size_t i = 0; i < graph->input_count && status == TW_OK; i++) {
        struct tw_layout layout;
        int value = graph->inputs[i];
        if ((status = tw_onednn_plain(&graph->values[value].shape, &layout, error)) == TW_OK)
            status = tw_plan_output_slot(plan, value, &layout, &plan->plain[value], error);
    }
    for (size_t i = 0; i < graph->node_count && status == TW_OK; i++)
        status = plan_node(plan, &graph->nodes[i], error);
    for (size_t i = 0; i < graph->output_count && status == TW_OK; i++) {
        const struct tw_value *value = &graph->values[graph->outputs[i]];
        if (value->dtype != TW_F32)
            return tw_fail(error, TW_UNSUPPORTED, "the network's output %s is %s, not float", value->name,
                           tw_dtype_name(value->dtype));
        status = tw_plan_plain_slot(plan, graph->outputs[i], &plan->output_slots[i], error);
    }
    return status;
}

/* Slots inside slots inside slots: everything points at what holds it all. */
static void flatten_roots(struct tw_plan *plan)
{
    for (int i = 0; i < plan->slot_count; i++) {
        struct slot *slot = &plan->slots[i];
        int root = slot->root;
        size_t offset = slot->root_offset;
        while (plan->slots[root].root != root) {
            offset += plan->slots[root].root_offset;
            root = plan->slots[root].root;
        }
        if (root != i) { /* what points here goes on working: its chain only gets shorter by whole links */
            slot->root = root;
            slot->root_offset = offset;
        }
    }
}

static void mark(struct tw_plan *plan, int slot, int step)
{
    struct slot *root = &plan->slots[plan->slots[slot].root];
    root->first = step < root->first ? step : root->first;
    root->last = step > root->last ? step : root->last;
}

static enum tw_status place(struct tw_plan *plan, struct tw_error *error)
{
    flatten_roots(plan);
    for (int i = 0; i < plan->step_count; i++) {
        const struct step *step = &plan->steps[i];
        for (int j = 0; j < step->argument_count; j++)
            mark(plan, step->arguments[j].slot, i);
        plan->scratchpad_bytes =
            step->scratchpad_bytes > plan->scratchpad_bytes ? step->scratchpad_bytes : plan->scratchpad_bytes;
    }
    for (size_t i = 0; i < plan->graph->input_count; i++)
        mark(plan, plan->own[plan->graph->inputs[i]], 0);
    for (size_t i = 0; i < plan->graph->output_count; i++)
        mark(plan, plan->output_slots[i], plan->step_count);
    plan->arena_bytes = tw_place_slots(plan->slots, plan->slot_count);
    return plan->arena_bytes != SIZE_MAX ? TW_OK : tw_fail_memory(error, (size_t)plan->slot_count, "a plan");
}

static enum tw_status copy_shapes(struct tw_plan *plan, const int *ids, size_t count, struct tw_shape **shapes,
                                  struct tw_error *error)
{
    *shapes = tw_alloc(count, sizeof **shapes);
    if (*shapes == NULL)
        return tw_fail_memory(error, count * sizeof **shapes, "shapes");
    for (size_t i = 0; i < count; i++) {
        (*shapes)[i] = plan->graph->values[ids[i]].shape;
        if ((*shapes)[i].rank > 0)
            (*shapes)[i].dims[0] *= plan->runs;
    }
    return TW_OK;
}

enum tw_status tw_plan_prepare_graph(const struct tw_graph *graph, int64_t batch, struct tw_graph **prepared,
                                     int64_t *runs, struct tw_error *error)
{
    struct tw_graph *made = NULL;
    enum tw_status status = tw_graph_clone(graph, &made, error);
    if (status == TW_OK && (status = fix_inputs(made, batch, runs, error)) == TW_OK &&
        (status = tw_graph_sort(made, error)) == TW_OK &&
        (status = tw_graph_infer(made, &tw_graph_limits_default, error)) == TW_OK)
        status = tw_graph_optimise(made, error);
    if (status == TW_OK)
        *prepared = made;
    else
        tw_graph_free(made);
    return status;
}

static enum tw_status compile(struct tw_plan *plan, const struct tw_graph *graph, int64_t batch, struct tw_error *error)
{
    enum tw_status status = tw_plan_prepare_graph(graph, batch, &plan->graph, &plan->runs, error);
    if (status != TW_OK || (status = plan_steps(plan, error)) != TW_OK || (status = place(plan, error)) != TW_OK ||
        (status = copy_shapes(plan, plan->graph->inputs, plan->graph->input_count, &plan->input_shapes, error)) !=
            TW_OK)
        return status;
    return copy_shapes(plan, plan->graph->outputs, plan->graph->output_count, &plan->output_shapes, error);
}

enum tw_status tw_plan_compile_trial(const struct tw_graph *graph, const struct tw_plan_options *options,
                                     const struct trial *trial, struct tw_plan **plan, struct tw_error *error)
{
    if (options->precision == TW_PRECISION_INT8 && !tw_graph_is_quantised(graph))
        return tw_fail(error, TW_UNSUPPORTED,
                       "precision int8 is for quantised networks, and this one is not: `topwork backbone quantize` "
                       "makes one of it");
    struct tw_plan *made = tw_alloc(1, sizeof *made);
    if (made == NULL)
        return tw_fail_memory(error, sizeof *made, "a plan");
    made->precision =
        tw_engine_precision(options->precision) == TW_PRECISION_BF16 ? TW_PRECISION_BF16 : TW_PRECISION_F32;
    made->threads_inside = options->threads_inside > 0 ? options->threads_inside : 1;
    made->choices = options->choices;
    made->trial = *trial;
    int threads = omp_get_max_threads();
    omp_set_num_threads(made->threads_inside); /* kernels are made for this many */
    enum tw_status status = compile(made, graph, options->batch, error);
    omp_set_num_threads(threads);
    made->choices = NULL;
    if (status == TW_OK)
        *plan = made;
    else
        tw_plan_free(made);
    return status;
}

enum tw_status tw_plan_compile(const struct tw_graph *graph, const struct tw_plan_options *options,
                               struct tw_plan **plan, struct tw_error *error)
{
    return tw_plan_compile_trial(graph, options, &(struct trial){TRIAL_NONE, 0}, plan, error);
}

bool tw_graph_is_quantised(const struct tw_graph *graph)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct tw_node *node = &graph->nodes[i];
        if (node->op == TW_OP_QUANTIZE_LINEAR || node->op == TW_OP_DEQUANTIZE_LINEAR)
            return true;
    }
    return false;
}

size_t tw_plan_input_count(const struct tw_plan *plan)
{
    return plan->graph->input_count;
}

size_t tw_plan_output_count(const struct tw_plan *plan)
{
    return plan->graph->output_count;
}

const char *tw_plan_input_name(const struct tw_plan *plan, size_t index)
{
    return plan->graph->values[plan->graph->inputs[index]].name;
}

const char *tw_plan_output_name(const struct tw_plan *plan, size_t index)
{
    return plan->graph->values[plan->graph->outputs[index]].name;
}

const struct tw_shape *tw_plan_input_shape(const struct tw_plan *plan, size_t index)
{
    return &plan->input_shapes[index];
}

const struct tw_shape *tw_plan_output_shape(const struct tw_plan *plan, size_t index)
{
    return &plan->output_shapes[index];
}

size_t tw_plan_arena_bytes(const struct tw_plan *plan)
{
    return plan->arena_bytes + plan->scratchpad_bytes;
}

size_t tw_plan_weight_bytes(const struct tw_plan *plan)
{
    return plan->weight_bytes;
}

size_t tw_plan_step_count(const struct tw_plan *plan)
{
    return (size_t)plan->step_count;
}

void tw_plan_step(const struct tw_plan *plan, size_t index, struct tw_step_info *info)
{
    const struct step *step = &plan->steps[index];
    *info = (struct tw_step_info){step->name,      step->op,   step->algorithm, step->key,
                                  step->precision, step->flop, step->seconds};
}
