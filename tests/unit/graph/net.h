/* Small graphs for the tests of this folder. */
#ifndef TESTS_GRAPH_NET_H
#define TESTS_GRAPH_NET_H

#include "graph/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(type, ...) (sizeof((type[]){__VA_ARGS__}) / sizeof(type))
#define SHAPE(...) ((struct tw_shape){.rank = (int)COUNT(int64_t, __VA_ARGS__), .dims = {__VA_ARGS__}})
#define SCALAR ((struct tw_shape){0})
#define F32(graph, shape, ...) net_constant(graph, TW_F32, shape, (float[]){__VA_ARGS__}, COUNT(float, __VA_ARGS__))
#define I64(graph, ...)                                                                                                \
    net_constant(graph, TW_I64, SHAPE((int64_t)COUNT(int64_t, __VA_ARGS__)), (int64_t[]){__VA_ARGS__},                 \
                 COUNT(int64_t, __VA_ARGS__))
#define NODE(graph, op, ...) net_node(graph, op, (int[]){__VA_ARGS__}, (int)COUNT(int, __VA_ARGS__))
#define SET_INTS(graph, name, ...)                                                                                     \
    assert_int_equal(                                                                                                  \
        tw_node_set_ints(graph, net_last(graph), name, (int64_t[]){__VA_ARGS__}, COUNT(int64_t, __VA_ARGS__), NULL),   \
        TW_OK)
#define SET_INT(graph, name, value) assert_int_equal(tw_node_set_int(graph, net_last(graph), name, value, NULL), TW_OK)
#define SET_FLOAT(graph, name, value)                                                                                  \
    assert_int_equal(tw_node_set_float(graph, net_last(graph), name, value, NULL), TW_OK)
#define SET_TEXT(graph, name, value)                                                                                   \
    assert_int_equal(tw_node_set_text(graph, net_last(graph), name, value, NULL), TW_OK)
#define EXPECT(graph, id, shape, ...) net_expect(graph, id, shape, (double[]){__VA_ARGS__}, COUNT(double, __VA_ARGS__))

static inline int net_constant(struct tw_graph *graph, enum tw_dtype dtype, struct tw_shape shape, const void *data,
                               size_t count)
{
    char name[32];
    int64_t expected;
    snprintf(name, sizeof name, "constant%zu", graph->value_count);
    assert_true(tw_shape_count(&shape, &expected));
    assert_int_equal(expected, count);
    int id = tw_graph_add_constant(graph, name, dtype, &shape, data, true);
    assert_true(id >= 0);
    return id;
}

static inline int net_input(struct tw_graph *graph, struct tw_shape shape)
{
    char name[32];
    snprintf(name, sizeof name, "input%zu", graph->value_count);
    int id = tw_graph_add_value(graph, name, TW_F32, &shape);
    int ids[8];
    assert_true(id >= 0 && graph->input_count < 7);
    if (graph->input_count)
        memcpy(ids, graph->inputs, graph->input_count * sizeof *ids);
    ids[graph->input_count] = id;
    assert_true(tw_graph_set_inputs(graph, ids, graph->input_count + 1));
    return id;
}

static inline struct tw_node *net_last(struct tw_graph *graph)
{
    return &graph->nodes[graph->node_count - 1];
}

static inline int net_node(struct tw_graph *graph, enum tw_op op, const int *inputs, int count)
{
    char name[32];
    snprintf(name, sizeof name, "%s%zu", tw_op_table[op].name, graph->value_count);
    int id = tw_graph_add_value(graph, name, TW_DTYPE_NONE, NULL);
    assert_true(id >= 0);
    assert_non_null(tw_graph_add_node(graph, op, name, inputs, count, &id, 1));
    return id;
}

/* One more output of the last node. */
static inline int net_more(struct tw_graph *graph)
{
    char name[32];
    snprintf(name, sizeof name, "more%zu", graph->value_count);
    int ids[8], id = tw_graph_add_value(graph, name, TW_DTYPE_NONE, NULL);
    struct tw_node *node = net_last(graph);
    memcpy(ids, node->outputs, (size_t)node->output_count * sizeof *ids);
    ids[node->output_count] = id;
    struct tw_node copy = *node;
    graph->node_count--;
    node = tw_graph_add_node(graph, copy.op, copy.name, copy.inputs, copy.input_count, ids, copy.output_count + 1);
    assert_non_null(node);
    node->attributes = copy.attributes;
    node->attribute_count = copy.attribute_count;
    return id;
}

static inline void net_ready(struct tw_graph *graph)
{
    struct tw_error error = {0};
    enum tw_status status = tw_graph_sort(graph, &error);
    if (!status)
        status = tw_graph_infer(graph, &tw_graph_limits_default, &error);
    if (status)
        print_error("%s\n", error.text);
    assert_int_equal(status, TW_OK);
}

static inline double net_element(enum tw_dtype dtype, const void *data, size_t at)
{
    switch (dtype) {
    case TW_F32:
        return (double)((const float *)data)[at];
    case TW_F64:
        return ((const double *)data)[at];
    case TW_I64:
        return (double)((const int64_t *)data)[at];
    case TW_I32:
        return ((const int32_t *)data)[at];
    case TW_I8:
        return ((const int8_t *)data)[at];
    case TW_F16:
    case TW_BF16:
        return ((const uint16_t *)data)[at];
    default:
        return ((const uint8_t *)data)[at];
    }
}

/* A graph of constants only: its one output `id` has this shape and these elements, to 1e-5 of their size. */
static inline void net_expect(struct tw_graph *graph, int id, struct tw_shape shape, const double *expected,
                              size_t count)
{
    struct tw_error error = {0};
    void *output = NULL;
    assert_true(tw_graph_set_outputs(graph, &id, 1));
    net_ready(graph);
    char has[128], wants[128];
    tw_shape_text(&graph->values[id].shape, has, sizeof has);
    tw_shape_text(&shape, wants, sizeof wants);
    assert_string_equal(has, wants);
    if (tw_reference_run(graph, NULL, &output, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < count; i++) {
        double value = net_element(graph->values[id].dtype, output, i);
        if (!(fabs(value - expected[i]) <= 1e-5 * (1 + fabs(expected[i]))) && value != expected[i])
            fail_msg("element %zu is %.9g, not %.9g", i, value, expected[i]);
    }
    tw_free(output);
}

/* The graph is refused with a sentence that holds `part`. */
static inline void net_expect_refusal(struct tw_graph *graph, enum tw_status expected, const char *part)
{
    struct tw_error error = {0};
    enum tw_status status = tw_graph_sort(graph, &error);
    if (!status)
        status = tw_graph_infer(graph, &tw_graph_limits_default, &error);
    if (!status)
        fail_msg("the graph was taken");
    if (!strstr(error.text, part))
        fail_msg("'%s' does not hold '%s'", error.text, part);
    assert_int_equal(status, expected);
}

#endif
