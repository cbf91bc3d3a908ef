/* A network made out of the input, computed by the plan and by the plain kernels: same shapes, numbers within what Winograd's
 * rounding explains. */
#include "engine/engine.h"
#include "fuzz.h"
#include "graph/op.h"

#include <math.h>

enum { MOST_NODES = 8, MOST_ELEMENTS = 1 << 14 };

struct maker {
    struct bytes_left left;
    struct tw_graph *graph;
    int values[MOST_NODES + 2], count; /* all of four dimensions */
    int constants;
};

static float number(struct maker *m)
{
    return (float)((int)take(&m->left, 33) - 16) / 8;
}

/* Numbers from a seed: as many bytes as a weight needs would be the whole input. */
static int constant(struct maker *m, const struct tw_shape *shape, float scale)
{
    int64_t count = 0;
    char name[32];
    must(tw_shape_count(shape, &count) && count <= 1 << 16, "a small constant");
    float *data = malloc((size_t)(count > 0 ? count : 1) * sizeof *data);
    must(data != NULL, "memory");
    uint32_t state = take(&m->left, 256) + 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = ((float)(state >> 16) / 32768 - 1) * scale;
    }
    snprintf(name, sizeof name, "c%d", m->constants++);
    int id = tw_graph_add_constant(m->graph, name, TW_F32, shape, data, true);
    free(data);
    return id;
}

static int integers(struct maker *m, const int64_t *values, int64_t count)
{
    char name[32];
    const struct tw_shape shape = {1, {count}};
    snprintf(name, sizeof name, "c%d", m->constants++);
    return tw_graph_add_constant(m->graph, name, TW_I64, &shape, values, true);
}

static struct tw_node *node(struct maker *m, enum tw_op op, const int *inputs, int count)
{
    char name[32];
    const struct tw_shape any = {TW_UNKNOWN, {0}};
    snprintf(name, sizeof name, "v%d", m->count);
    int out = tw_graph_add_value(m->graph, name, TW_F32, &any);
    m->values[m->count] = out;
    return tw_graph_add_node(m->graph, op, name, inputs, count, &out, 1);
}

static void set_window(struct maker *m, struct tw_node *n, int64_t kh, int64_t kw)
{
    const int64_t kernel[] = {kh, kw}, strides[] = {1 + take(&m->left, 3), 1 + take(&m->left, 3)};
    const int64_t pads[] = {take(&m->left, (unsigned)kh), take(&m->left, (unsigned)kw), take(&m->left, (unsigned)kh),
                            take(&m->left, (unsigned)kw)};
    must(tw_node_set_ints(m->graph, n, "kernel_shape", kernel, 2, NULL) == TW_OK &&
             tw_node_set_ints(m->graph, n, "strides", strides, 2, NULL) == TW_OK &&
             tw_node_set_ints(m->graph, n, "pads", pads, 4, NULL) == TW_OK,
         "memory");
}

static int channels_of(struct maker *m, int id)
{
    return (int)m->graph->values[id].shape.dims[1];
}

static void add_convolution(struct maker *m, int input)
{
    static const int sizes[] = {1, 3, 5, 7, 2};
    int channels = channels_of(m, input), kh = sizes[take(&m->left, 5)], kw = sizes[take(&m->left, 5)];
    bool is_depthwise = take(&m->left, 4) == 0;
    int groups = is_depthwise ? channels : channels % 2 == 0 && take(&m->left, 4) == 0 ? 2 : 1;
    int made = is_depthwise ? channels : groups * (1 + (int)take(&m->left, 24));
    const struct tw_shape weights = {4, {made, channels / groups, kh, kw}}, bias = {1, {made}};
    int inputs[] = {input, constant(m, &weights, 1 / sqrtf((float)(channels / groups * kh * kw))),
                    constant(m, &bias, 1)};
    struct tw_node *n = node(m, TW_OP_CONV, inputs, 2 + (int)take(&m->left, 2));
    set_window(m, n, kh, kw);
    must(tw_node_set_int(m->graph, n, "group", groups, NULL) == TW_OK, "memory");
}

static void add_pool(struct maker *m, int input)
{
    bool is_max = take(&m->left, 2);
    struct tw_node *n = node(m, is_max ? TW_OP_MAX_POOL : TW_OP_AVERAGE_POOL, &input, 1);
    set_window(m, n, 1 + take(&m->left, 4), 1 + take(&m->left, 4));
    if (!is_max)
        must(tw_node_set_int(m->graph, n, "count_include_pad", take(&m->left, 2), NULL) == TW_OK, "memory");
}

static void add_pair(struct maker *m, int a, int b)
{
    static const enum tw_op ops[] = {TW_OP_ADD, TW_OP_MUL, TW_OP_SUB, TW_OP_MAX};
    int inputs[] = {a, b};
    if (take(&m->left, 3) == 0) {
        const struct tw_shape shape = {4, {1, channels_of(m, a), 1, 1}};
        inputs[1] = constant(m, &shape, 1);
    }
    node(m, ops[take(&m->left, 4)], inputs, 2);
}

static void add_unary(struct maker *m, int input)
{
    static const enum tw_op ops[] = {
        TW_OP_RELU, TW_OP_SIGMOID,  TW_OP_TANH, TW_OP_HARD_SWISH, TW_OP_LEAKY_RELU,         TW_OP_ABS,
        TW_OP_ELU,  TW_OP_SOFTPLUS, TW_OP_ERF,  TW_OP_GELU,       TW_OP_GLOBAL_AVERAGE_POOL};
    node(m, ops[take(&m->left, sizeof ops / sizeof *ops)], &input, 1);
}

static void add_shuffle(struct maker *m, int input)
{
    static const int64_t orders[][4] = {{0, 2, 3, 1}, {0, 3, 1, 2}, {0, 1, 3, 2}, {0, 2, 1, 3}};
    struct tw_node *n = node(m, TW_OP_TRANSPOSE, &input, 1);
    must(tw_node_set_ints(m->graph, n, "perm", orders[take(&m->left, 4)], 4, NULL) == TW_OK, "memory");
}

static void add_joint(struct maker *m, int a, int b)
{
    const int inputs[] = {a, b};
    struct tw_node *n = node(m, TW_OP_CONCAT, inputs, 2);
    must(tw_node_set_int(m->graph, n, "axis", 1 + take(&m->left, 3), NULL) == TW_OK, "memory");
}

static void add_rest(struct maker *m, int input)
{
    unsigned which = take(&m->left, 4);
    if (which == 0) {
        const struct tw_shape none = {0, {0}};
        int inputs[] = {input, constant(m, &none, 0), constant(m, &none, 0)};
        ((float *)(uintptr_t)m->graph->values[inputs[1]].data)[0] = number(m) - 2;
        ((float *)(uintptr_t)m->graph->values[inputs[2]].data)[0] = number(m) + 2;
        node(m, TW_OP_CLIP, inputs, 3);
    } else if (which == 1) {
        struct tw_node *n = node(m, TW_OP_SOFTMAX, &input, 1);
        must(tw_node_set_int(m->graph, n, "axis", 1 + take(&m->left, 3), NULL) == TW_OK, "memory");
    } else if (which == 2) {
        const int64_t pads[] = {0, 0, take(&m->left, 3), take(&m->left, 3), 0, 0, take(&m->left, 3), take(&m->left, 3)};
        const int inputs[] = {input, integers(m, pads, 8)};
        node(m, TW_OP_PAD, inputs, 2);
    } else {
        const struct tw_shape channels = {1, {channels_of(m, input)}};
        int inputs[] = {input, constant(m, &channels, 1), constant(m, &channels, 1), constant(m, &channels, 1),
                        constant(m, &channels, 0)};
        float *variance = (float *)(uintptr_t)m->graph->values[inputs[4]].data;
        for (int i = 0; i < channels_of(m, input); i++)
            variance[i] = 0.5f + (float)(i % 4);
        node(m, TW_OP_BATCH_NORM, inputs, 5);
    }
}

/* One more node, if its shape can be known and stays small. */
static bool grow(struct maker *m)
{
    static const struct tw_graph_limits limits = {.max_nodes = 100, .max_tensor_bytes = MOST_ELEMENTS * 4};
    int a = m->values[m->count - 1 - (int)take(&m->left, m->count < 3 ? (unsigned)m->count : 3)];
    int b = m->values[take(&m->left, (unsigned)m->count)];
    switch (take(&m->left, 9)) {
    case 0:
    case 1:
    case 2:
        add_convolution(m, a);
        break;
    case 3:
        add_pool(m, a);
        break;
    case 4:
        add_pair(m, a, b);
        break;
    case 5:
        add_unary(m, a);
        break;
    case 6:
        add_shuffle(m, a);
        break;
    case 7:
        add_joint(m, a, b);
        break;
    default:
        add_rest(m, a);
    }
    struct tw_error error = {0};
    enum tw_status status = tw_graph_infer(m->graph, &limits, &error);
    must_explain(status, &error);
    int64_t count = 0;
    if (status != TW_OK || !tw_shape_count(&m->graph->values[m->values[m->count]].shape, &count) || count < 1)
        return false;
    m->count++;
    return true;
}

static void compare(const struct tw_graph *graph, const struct tw_plan *plan, const float *input)
{
    struct tw_scratch *scratch = NULL;
    struct tw_error error = {0};
    void *wanted[2] = {NULL, NULL};
    float *got[2] = {NULL, NULL};
    const void *plain[] = {input};
    const float *inputs[] = {input};
    enum tw_status status = tw_reference_run(graph, plain, wanted, &error);
    must_explain(status, &error);
    if (status != TW_OK)
        return;
    for (size_t o = 0; o < graph->output_count; o++) {
        must(tw_shape_equal(tw_plan_output_shape(plan, o), &graph->values[graph->outputs[o]].shape), "the same shapes");
        int64_t count = 0;
        must(tw_shape_count(tw_plan_output_shape(plan, o), &count), "a known shape");
        got[o] = calloc((size_t)count, sizeof(float));
        must(got[o] != NULL, "memory");
    }
    must(tw_scratch_new(plan, &scratch, &error) == TW_OK && tw_plan_run(plan, scratch, inputs, got, &error) == TW_OK,
         "a run");
    for (size_t o = 0; o < graph->output_count; o++) {
        int64_t count = 0;
        float largest = 1, worst = 0;
        const float *exact = wanted[o];
        must(tw_shape_count(tw_plan_output_shape(plan, o), &count), "a known shape");
        for (int64_t i = 0; i < count; i++) {
            if (isfinite(exact[i]) && fabsf(exact[i]) > largest)
                largest = fabsf(exact[i]);
            float off = fabsf(exact[i] - got[o][i]);
            if (isfinite(exact[i]) && !(off <= worst))
                worst = off;
        }
        if (!(worst <= 2e-3f * largest))
            fprintf(stderr, "output %zu is off by %g of %g\n", o, (double)worst, (double)largest);
        must(worst <= 2e-3f * largest, "the plan computes what the plain kernels do");
        free(got[o]);
        free(wanted[o]);
    }
    tw_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct maker m = {.left = {data, size}, .graph = tw_graph_new()};
    struct tw_plan_options options = tw_plan_options_default;
    struct tw_plan *plan = NULL;
    struct tw_error error = {0};
    must(m.graph != NULL, "memory");
    const struct tw_shape shape = {4, {1, 1 + take(&m.left, 24), 1 + take(&m.left, 12), 1 + take(&m.left, 12)}};
    m.values[0] = tw_graph_add_value(m.graph, "in", TW_F32, &shape);
    m.count = 1;
    must(tw_graph_set_inputs(m.graph, m.values, 1) && tw_graph_set_outputs(m.graph, m.values, 1), "memory");
    bool is_whole = true;
    while (is_whole && m.count < MOST_NODES && m.left.size > 0)
        is_whole = grow(&m);
    int outputs[] = {m.values[m.count - 1], m.values[m.count / 2]};
    if (is_whole && m.count > 1) {
        must(tw_graph_set_outputs(m.graph, outputs, outputs[0] == outputs[1] || outputs[1] == m.values[0] ? 1 : 2),
             "memory");
        int64_t count = 0;
        must(tw_shape_count(&shape, &count), "a known shape");
        float *input = malloc((size_t)count * sizeof *input);
        must(input != NULL, "memory");
        for (int64_t i = 0; i < count; i++)
            input[i] = sinf((float)i * 1.7f);
        enum tw_status status = tw_plan_compile(m.graph, &options, &plan, &error);
        must_explain(status, &error);
        if (status == TW_OK)
            compare(m.graph, plan, input);
        tw_plan_free(plan);
        free(input);
    }
    tw_graph_free(m.graph);
    return 0;
}
