#include "engine/against.h"

#include "base/threads.h"

static int conv(struct tw_graph *graph, int x, int64_t in, int64_t out, int64_t size)
{
    int y = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(out, in, size, size)),
                 against_weights(graph, SHAPE(out)));
    SET_INTS(graph, "pads", size / 2, size / 2, size / 2, size / 2);
    return y;
}

static int concat(struct tw_graph *graph, const int *parts, int count, int axis)
{
    int y = net_node(graph, TW_OP_CONCAT, parts, count);
    SET_INT(graph, "axis", axis);
    return y;
}
#define CONCAT(graph, axis, ...) concat(graph, (int[]){__VA_ARGS__}, (int)COUNT(int, __VA_ARGS__), axis)
#define OUTPUTS(graph, ...) assert_true(tw_graph_set_outputs(graph, (int[]){__VA_ARGS__}, COUNT(int, __VA_ARGS__)))

/* Compares and gives up the graph; true where the plan has a step of this algorithm. */
static bool equals_reference_with(struct tw_graph *graph, const char *algorithm, const char *what)
{
    struct tw_plan *plan = against_reference(graph, what);
    bool has_it = false;
    for (size_t i = 0; i < tw_plan_step_count(plan); i++) {
        struct tw_step_info info;
        tw_plan_step(plan, i, &info);
        has_it = has_it || strcmp(info.algorithm, algorithm) == 0;
    }
    tw_plan_free(plan);
    tw_graph_free(graph);
    return has_it;
}

static void concat_of_channels_costs_no_step(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = NODE(graph, TW_OP_RELU, net_input(graph, SHAPE(1, 16, 6, 6)));
    int inner = CONCAT(graph, 1, conv(graph, x, 16, 16, 1), conv(graph, x, 16, 32, 3));
    OUTPUTS(graph, CONCAT(graph, 1, conv(graph, x, 16, 16, 3), inner, conv(graph, x, 16, 16, 1)));
    assert_false(equals_reference_with(graph, "onednn concat", "concat of a concat"));
}

static void concat_on_every_axis_equals_the_reference(void **state)
{
    (void)state;
    for (int axis = 0; axis < 4; axis++) {
        for (int64_t channels = 3; channels < 20; channels += 13) {
            struct tw_graph *graph = tw_graph_new();
            int x = net_input(graph, SHAPE(1, channels, 5, 4));
            int a = conv(graph, x, channels, channels, 3), b = NODE(graph, TW_OP_SIGMOID, x);
            OUTPUTS(graph, CONCAT(graph, axis - 4, a, b, against_weights(graph, SHAPE(1, channels, 5, 4))));
            equals_reference_with(graph, "", "concat");

            graph = tw_graph_new(); /* nothing but steps' results, which may be written in place */
            x = net_input(graph, SHAPE(1, channels, 5, 4));
            a = NODE(graph, TW_OP_SOFTMAX, x), b = NODE(graph, TW_OP_SIGMOID, x);
            OUTPUTS(graph, CONCAT(graph, axis, a, b, conv(graph, x, channels, channels, 1)));
            equals_reference_with(graph, "", "concat of results");
        }
    }
}

static void value_in_two_concats_equals_the_reference(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 16, 5, 5));
    int a = conv(graph, x, 16, 16, 1), b = conv(graph, x, 16, 16, 3);
    int one = CONCAT(graph, 1, a, b), other = CONCAT(graph, 1, b, a, a), both = CONCAT(graph, 1, one, other, one);
    int y = conv(graph, both, 112, 16, 1);
    OUTPUTS(graph, CONCAT(graph, 1, y, b), one, y);
    equals_reference_with(graph, "", "values in two concats");
}

static void concat_of_input_constant_and_reshape_equals_the_reference(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 8)), y = net_input(graph, SHAPE(1, 2, 4));
    int flat = NODE(graph, TW_OP_FLATTEN, y), shaped = NODE(graph, TW_OP_RESHAPE, x, I64(graph, 1, 8));
    int parts = CONCAT(graph, 1, x, flat, shaped, against_weights(graph, SHAPE(1, 3)), NODE(graph, TW_OP_EXP, flat));
    OUTPUTS(graph, NODE(graph, TW_OP_RESHAPE, parts, I64(graph, 5, 7)), parts);
    equals_reference_with(graph, "", "concat of what is not a step's result");
}

/* A reshape lies inside the value that a concat then moves. */
static void reshape_of_what_is_joined_later_equals_the_reference(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 4, 3, 3));
    int a = NODE(graph, TW_OP_SOFTMAX, x), b = NODE(graph, TW_OP_EXP, x);
    int flat = NODE(graph, TW_OP_RESHAPE, a, I64(graph, 1, 36));
    int joined = CONCAT(graph, 1, b, a), later = NODE(graph, TW_OP_NEG, flat);
    OUTPUTS(graph, later, joined, CONCAT(graph, 1, flat, NODE(graph, TW_OP_RESHAPE, joined, I64(graph, 1, 72))));
    equals_reference_with(graph, "", "a reshape of what is joined");
}

static void outputs_may_be_inputs_constants_and_inner_values(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 8, 4, 4)), unused = net_input(graph, SHAPE(1, 3));
    int c = against_weights(graph, SHAPE(2, 3)), a = conv(graph, x, 8, 8, 3);
    int b = NODE(graph, TW_OP_RELU, a), d = NODE(graph, TW_OP_ADD, conv(graph, b, 8, 8, 3), a);
    OUTPUTS(graph, x, c, a, b, NODE(graph, TW_OP_IDENTITY, x), d, unused);
    equals_reference_with(graph, "", "outputs of all kinds");
}

/* One random net: convolutions, residuals, activations, concats, pools, splits and reshapes over values picked at random. */
enum { MOST_VALUES = 40 };
struct random_net {
    struct tw_random random;
    struct tw_graph *graph;
    int ids[MOST_VALUES];
    int64_t channels[MOST_VALUES];
    int count;
};

static int below(struct random_net *net, int limit)
{
    return (int)tw_random_below(&net->random, (uint64_t)limit);
}

static void put(struct random_net *net, int id, int64_t channels)
{
    net->ids[net->count] = id;
    net->channels[net->count++] = channels;
}

static void grow(struct random_net *net)
{
    static const enum tw_op unary[] = {TW_OP_RELU, TW_OP_SIGMOID, TW_OP_ABS, TW_OP_IDENTITY};
    struct tw_graph *graph = net->graph;
    int first = below(net, net->count), second = below(net, net->count), x = net->ids[first], y = net->ids[second];
    int64_t channels = net->channels[first];
    switch (below(net, 8)) {
    case 0:
    case 1: {
        int64_t out = 8 * (1 + below(net, 4));
        put(net, conv(graph, x, channels, out, 1 + 2 * below(net, 2)), out);
        break;
    }
    case 2: {
        int sum = NODE(graph, TW_OP_ADD, conv(graph, x, channels, net->channels[second], 1), y);
        put(net, below(net, 2) ? NODE(graph, TW_OP_RELU, sum) : sum, net->channels[second]);
        break;
    }
    case 3:
    case 4:
        if (channels + net->channels[second] < 200)
            put(net, CONCAT(graph, 1, x, y), channels + net->channels[second]);
        break;
    case 5:
        put(net, NODE(graph, unary[below(net, 4)], x), channels);
        break;
    case 6: {
        int pool = NODE(graph, below(net, 2) ? TW_OP_MAX_POOL : TW_OP_AVERAGE_POOL, x);
        SET_INTS(graph, "kernel_shape", 3, 3);
        SET_INTS(graph, "pads", 1, 1, 1, 1);
        put(net, pool, channels);
        break;
    }
    default: {
        int flat = NODE(graph, TW_OP_RESHAPE, x, I64(graph, 1, -1));
        if (below(net, 2))
            flat = NODE(graph, TW_OP_SIGMOID, flat);
        put(net, NODE(graph, TW_OP_RESHAPE, flat, I64(graph, 1, channels, 6, 5)), channels);
        break;
    }
    }
}

static void random_nets_equal_the_reference(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct random_net net = {.random = {.seed = seed}, .graph = tw_graph_new()};
        char what[64];
        int outputs[3];
        put(&net, net_input(net.graph, SHAPE(1, 8, 6, 5)), 8);
        if (seed % 3 == 0)
            put(&net, net_input(net.graph, SHAPE(1, 5, 6, 5)), 5);
        while (net.count < 22)
            grow(&net);
        for (int i = 0; i < 3; i++) { /* sums of squashed values, so that depth does not raise the numbers */
            outputs[i] = NODE(net.graph, TW_OP_SIGMOID, net.ids[i == 0 ? net.count - 1 : below(&net, net.count)]);
        }
        assert_true(tw_graph_set_outputs(net.graph, outputs, 3));
        snprintf(what, sizeof what, "net of seed %d", (int)seed);
        equals_reference_with(net.graph, "", what);
    }
}

/* A small network with every kind of step: batch left open. */
static struct tw_graph *small_network(void)
{
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(TW_UNKNOWN, 3, 24, 24));
    int a = NODE(graph, TW_OP_RELU, conv(graph, x, 3, 32, 3));
    int b = CONCAT(graph, 1, conv(graph, a, 32, 32, 3), conv(graph, a, 32, 16, 1), a);
    int pooled = NODE(graph, TW_OP_MAX_POOL, b);
    SET_INTS(graph, "kernel_shape", 3, 3);
    SET_INTS(graph, "strides", 2, 2);
    int d = NODE(graph, TW_OP_ADD, conv(graph, pooled, 80, 80, 1), pooled);
    int flat = NODE(graph, TW_OP_FLATTEN, NODE(graph, TW_OP_GLOBAL_AVERAGE_POOL, d));
    int wide = NODE(graph, TW_OP_FLATTEN, d);
    int y = NODE(graph, TW_OP_MATMUL, flat, against_weights(graph, SHAPE(80, 300)));
    int z =
        NODE(graph, TW_OP_GEMM, wide, against_weights(graph, SHAPE(80 * 121, 40)), against_weights(graph, SHAPE(40)));
    OUTPUTS(graph, NODE(graph, TW_OP_SOFTMAX, y), z, flat);
    return graph;
}

/* Images of a batch have the bits that each has alone, whatever the threads inside. */
static void batch_and_threads_inside_change_no_bit(void **state)
{
    (void)state;
    static const int64_t batches[] = {1, 3, 8};
    struct tw_graph *graph = small_network();
    struct tw_plan *single = against_compile(graph, 1, 1);
    struct tw_scratch *scratch = NULL;
    assert_int_equal(tw_scratch_new(single, &scratch, NULL), TW_OK);
    for (size_t i = 0; i < 6; i++) {
        struct tw_plan *plan = against_compile(graph, batches[i / 2], 1 + (int)(i % 2));
        float *inputs[8], *outputs[8];
        against_inputs(plan, false, inputs);
        against_run(plan, outputs);
        size_t pixels = against_floats(tw_plan_input_shape(single, 0));
        for (size_t image = 0; image < (size_t)batches[i / 2]; image++) {
            for (size_t k = 0; k < 3; k++) {
                size_t count = against_floats(tw_plan_output_shape(single, k));
                float *alone[3] = {0};
                alone[k] = tw_alloc(count, sizeof(float));
                assert_int_equal(
                    tw_plan_run(single, scratch, (const float *[]){inputs[0] + image * pixels}, alone, NULL), TW_OK);
                assert_memory_equal(alone[k], outputs[k] + image * count, count * sizeof(float));
                tw_free(alone[k]);
            }
        }
        against_free(inputs, 1);
        against_free(outputs, 3);
        tw_plan_free(plan);
    }
    tw_scratch_free(scratch);
    tw_plan_free(single);
    tw_graph_free(graph);
}

struct shared_run {
    const struct tw_plan *plan;
    const float *expected; /* the first output */
    size_t count;
};

static enum tw_status run_beside_others(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct shared_run *run = context;
    struct tw_scratch *scratch = NULL;
    float *inputs[8], *mine = tw_alloc(run->count, sizeof *mine);
    (void)index, (void)worker;
    enum tw_status status = mine != NULL ? tw_scratch_new(run->plan, &scratch, error) : TW_NO_MEMORY;
    against_inputs(run->plan, false, inputs);
    for (int i = 0; i < 5 && status == TW_OK; i++) {
        status = tw_plan_run(run->plan, scratch, (const float *const *)inputs, (float *[]){mine, NULL, NULL}, error);
        if (status == TW_OK && memcmp(mine, run->expected, run->count * sizeof *mine) != 0)
            status = tw_fail(error, TW_CORRUPT, "run %d has other bits", i);
    }
    tw_scratch_free(scratch);
    against_free(inputs, 1);
    tw_free(mine);
    return status;
}

static void scratches_on_many_threads_give_equal_bits(void **state)
{
    (void)state;
    struct tw_graph *graph = small_network();
    struct tw_plan *plan = against_compile(graph, 2, 1);
    struct tw_error error = {0};
    float *outputs[8];
    against_run(plan, outputs);
    struct shared_run run = {plan, outputs[0], against_floats(tw_plan_output_shape(plan, 0))};
    if (tw_parallel_for(4, 8, run_beside_others, &run, &error))
        fail_msg("%s", error.text);
    against_free(outputs, 3);
    tw_plan_free(plan);
    tw_graph_free(graph);
}

static void graph_may_be_freed_after_compiling(void **state)
{
    (void)state;
    struct tw_graph *graph = small_network();
    struct tw_plan *plan = against_compile(graph, 1, 1);
    float *before[8], *after[8];
    against_run(plan, before);
    tw_graph_free(graph);
    against_run(plan, after);
    assert_memory_equal(before[1], after[1], 40 * sizeof(float));
    against_free(before, 3);
    against_free(after, 3);
    tw_plan_free(plan);
}

static void expect_refusal(const struct tw_graph *graph, struct tw_plan_options options, const char *part)
{
    struct tw_plan *plan = NULL;
    struct tw_error error = {0};
    assert_int_equal(tw_plan_compile(graph, &options, &plan, &error), TW_UNSUPPORTED);
    assert_null(plan);
    if (!strstr(error.text, part))
        fail_msg("'%s' does not hold '%s'", error.text, part);
}

static void what_cannot_be_compiled_is_named(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(TW_UNKNOWN, 3, TW_UNKNOWN, 8));
    OUTPUTS(graph, NODE(graph, TW_OP_RELU, x));
    expect_refusal(graph, tw_plan_options_default, "input input0 is f32 of shape [1,3,?,8]");
    tw_graph_free(graph);

    graph = tw_graph_new();
    x = net_input(graph, SHAPE(4, 3));
    OUTPUTS(graph, NODE(graph, TW_OP_RELU, x));
    expect_refusal(graph, (struct tw_plan_options){.batch = 6}, "batches of 4, 6 are asked for");
    expect_refusal(graph, (struct tw_plan_options){.batch = 4, .precision = TW_PRECISION_INT8}, "precision int8");
    tw_graph_free(graph);

    graph = tw_graph_new();
    x = net_input(graph, SHAPE(1, 3));
    int y = NODE(graph, TW_OP_ARG_MAX, x);
    OUTPUTS(graph, y);
    expect_refusal(graph, tw_plan_options_default, "is i64, not float");
    tw_graph_free(graph);
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    struct tw_graph *graph = small_network();
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; n < 100000 && status; n += 1 + n / 8) {
        struct tw_plan *plan = NULL;
        struct tw_scratch *scratch = NULL;
        tw_memory_fail_at(n);
        status = tw_plan_compile(graph, &tw_plan_options_default, &plan, NULL);
        if (!status)
            status = tw_scratch_new(plan, &scratch, NULL);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
        tw_scratch_free(scratch);
        tw_plan_free(plan);
    }
    assert_int_equal(status, TW_OK);
    tw_graph_free(graph);
}

static void plan_without_nodes_gives_its_input_back(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(2, 3));
    OUTPUTS(graph, x, x);
    equals_reference_with(graph, "", "no nodes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concat_of_channels_costs_no_step),
        cmocka_unit_test(concat_on_every_axis_equals_the_reference),
        cmocka_unit_test(value_in_two_concats_equals_the_reference),
        cmocka_unit_test(concat_of_input_constant_and_reshape_equals_the_reference),
        cmocka_unit_test(reshape_of_what_is_joined_later_equals_the_reference),
        cmocka_unit_test(outputs_may_be_inputs_constants_and_inner_values),
        cmocka_unit_test(random_nets_equal_the_reference),
        cmocka_unit_test(batch_and_threads_inside_change_no_bit),
        cmocka_unit_test(scratches_on_many_threads_give_equal_bits),
        cmocka_unit_test(graph_may_be_freed_after_compiling),
        cmocka_unit_test(what_cannot_be_compiled_is_named),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
        cmocka_unit_test(plan_without_nodes_gives_its_input_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
