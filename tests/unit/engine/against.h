/* Runs a graph on the engine and on the reference kernels, as the file spelled it, and compares.
 *
 * Tolerance: 2e-5 of (1 + the greatest number of the output), for sums of at most some hundred products of numbers below 1. */
#ifndef TESTS_ENGINE_AGAINST_H
#define TESTS_ENGINE_AGAINST_H

#include "base/random.h"
#include "engine/engine.h"
#include "graph/net.h"

#define TOLERANCE 2e-5

/* Numbers between -1 and 1, the same in every run. */
static inline void against_fill(float *values, size_t count, uint64_t stream)
{
    struct tw_random random = {.seed = 11, .stream = stream};
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(tw_random_unit(&random) * 2 - 1);
}

static inline int against_weights(struct tw_graph *graph, struct tw_shape shape)
{
    int64_t count;
    assert_true(tw_shape_count(&shape, &count));
    float *values = tw_alloc((size_t)count, sizeof *values);
    assert_non_null(values);
    against_fill(values, (size_t)count, graph->value_count);
    int id = net_constant(graph, TW_F32, shape, values, (size_t)count);
    tw_free(values);
    return id;
}

static inline size_t against_floats(const struct tw_shape *shape)
{
    int64_t count = 0;
    assert_true(tw_shape_count(shape, &count));
    return (size_t)count;
}

/* Inputs for every image of a plan; NaN where `is_noise`. Each an own heap block. */
static inline void against_inputs(const struct tw_plan *plan, bool is_noise, float **inputs)
{
    for (size_t i = 0; i < tw_plan_input_count(plan); i++) {
        size_t count = against_floats(tw_plan_input_shape(plan, i));
        inputs[i] = tw_alloc(count, sizeof(float));
        assert_non_null(inputs[i]);
        against_fill(inputs[i], count, 5000 + i);
        for (size_t k = 0; k < count && is_noise; k++)
            inputs[i][k] = NAN;
    }
}

static inline void against_free(float **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tw_free(blocks[i]);
}

static inline struct tw_plan *against_compile(const struct tw_graph *graph, int64_t batch, int threads)
{
    struct tw_plan *plan = NULL;
    struct tw_error error = {0};
    const struct tw_plan_options options = {.batch = batch, .threads_inside = threads};
    if (tw_plan_compile(graph, &options, &plan, &error))
        fail_msg("%s", error.text);
    return plan;
}

/* One run, after one on NaN: what is read before this run writes it shows. outputs: heap blocks of the plan's shapes. */
static inline void against_run(const struct tw_plan *plan, float **outputs)
{
    struct tw_error error = {0};
    struct tw_scratch *scratch = NULL;
    float *noise[8], *inputs[8];
    against_inputs(plan, true, noise);
    against_inputs(plan, false, inputs);
    for (size_t i = 0; i < tw_plan_output_count(plan); i++) {
        outputs[i] = tw_alloc(against_floats(tw_plan_output_shape(plan, i)), sizeof(float));
        assert_non_null(outputs[i]);
    }
    assert_int_equal(tw_scratch_new(plan, &scratch, &error), TW_OK);
    assert_int_equal(tw_plan_run(plan, scratch, (const float *const *)noise, outputs, &error), TW_OK);
    if (tw_plan_run(plan, scratch, (const float *const *)inputs, outputs, &error))
        fail_msg("%s", error.text);
    tw_scratch_free(scratch);
    against_free(noise, tw_plan_input_count(plan));
    against_free(inputs, tw_plan_input_count(plan));
}

static inline void against_same(const char *what, const float *is, const float *should, size_t count)
{
    float greatest = 0;
    for (size_t i = 0; i < count; i++)
        greatest = fmaxf(greatest, fabsf(should[i]));
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)is[i] - (double)should[i]) <= TOLERANCE * (1 + (double)greatest)))
            fail_msg("%s: element %zu is %.9g, the reference has %.9g", what, i, (double)is[i], (double)should[i]);
    }
}

/* Compiles for one image, whatever its first dimension is, and compares every output. Returns the plan. */
static inline struct tw_plan *against_reference(struct tw_graph *graph, const char *what)
{
    struct tw_error error = {0};
    const struct tw_shape *first = &graph->values[graph->inputs[0]].shape;
    struct tw_plan *plan = against_compile(graph, first->rank > 0 ? first->dims[0] : 1, 1);
    float *inputs[8], *outputs[8];
    void *expected[8] = {0};
    against_run(plan, outputs);
    against_inputs(plan, false, inputs);
    net_ready(graph);
    if (tw_reference_run(graph, (const void *const *)inputs, expected, &error))
        fail_msg("%s: %s", what, error.text);
    for (size_t i = 0; i < graph->output_count; i++) {
        assert_true(tw_shape_equal(tw_plan_output_shape(plan, i), &graph->values[graph->outputs[i]].shape));
        against_same(what, outputs[i], expected[i], against_floats(tw_plan_output_shape(plan, i)));
        tw_free(expected[i]);
    }
    against_free(outputs, graph->output_count);
    against_free(inputs, graph->input_count);
    return plan;
}

/* The same for a graph of one output, which is used up; `algorithm` (its beginning; NULL: any) must stand in the plan. */
static inline void against_expect(struct tw_graph *graph, int output, const char *algorithm, const char *what)
{
    bool has_it = algorithm == NULL;
    assert_true(tw_graph_set_outputs(graph, &output, 1));
    struct tw_plan *plan = against_reference(graph, what);
    for (size_t i = 0; i < tw_plan_step_count(plan) && !has_it; i++) {
        struct tw_step_info info;
        tw_plan_step(plan, i, &info);
        has_it = strncmp(info.algorithm, algorithm, strlen(algorithm)) == 0;
    }
    if (!has_it)
        fail_msg("%s: no step is done by %s", what, algorithm);
    tw_plan_free(plan);
    tw_graph_free(graph);
}

#endif
