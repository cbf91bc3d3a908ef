#include "train/stage.h"

#include "base/memory.h"
#include "engine/gemm.h"
#include "train/dense.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum tw_status stage_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out,
                                     int threads, struct tw_error *error);
struct nodes {
    struct tw_graph *graph;
    const char *name;
    int value;    /* what the next node takes */
    bool is_full; /* an allocation failed */
};
typedef void stage_nodes(const struct tw_stage *stage, struct nodes *nodes);

static const float least_length = 1e-12f;

/* A value of the stage, "NAME_PART" or, for its result, NAME itself. */
static int add_value(struct nodes *nodes, const char *part, size_t width)
{
    char text[96];
    const struct tw_shape shape = {2, {TW_UNKNOWN, (int64_t)width}};
    snprintf(text, sizeof text, part ? "%s_%s" : "%s", nodes->name, part);
    int id = tw_graph_add_value(nodes->graph, text, TW_F32, &shape);
    nodes->is_full |= id < 0;
    return id;
}

static int add_constant(struct nodes *nodes, const char *part, struct tw_shape shape, const float *data)
{
    char text[96];
    snprintf(text, sizeof text, "%s_%s", nodes->name, part);
    int id = tw_graph_add_constant(nodes->graph, text, TW_F32, &shape, data, true);
    nodes->is_full |= id < 0;
    return id;
}

/* A node of up to three inputs (-1: none) whose output is a new value; `part` NULL: the stage's result. */
static int add_node(struct nodes *nodes, enum tw_op op, const char *part, const int inputs[3], size_t width)
{
    int out = add_value(nodes, part, width), count = 0;
    while (count < 3 && inputs[count] >= 0)
        count++;
    if (nodes->is_full)
        return -1;
    const char *name = nodes->graph->values[out].name;
    nodes->is_full = tw_graph_add_node(nodes->graph, op, name, inputs, count, &out, 1) == NULL;
    return out;
}

/* |x| of each row, [N, 1]. */
static int add_length(struct nodes *nodes)
{
    const int64_t last = -1;
    int length = add_node(nodes, TW_OP_REDUCE_L2, "length", (int[]){nodes->value, -1, -1}, 1);
    if (nodes->is_full)
        return -1;
    struct tw_node *node = &nodes->graph->nodes[nodes->graph->node_count - 1];
    nodes->is_full = tw_node_set_ints(nodes->graph, node, "axes", &last, 1, NULL) != TW_OK ||
                     tw_node_set_int(nodes->graph, node, "keepdims", 1, NULL) != TW_OK;
    return length;
}

static int add_number(struct nodes *nodes, const char *part, float value)
{
    return add_constant(nodes, part, (struct tw_shape){1, {1}}, &value);
}

static enum tw_status dense_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                    struct tw_error *error)
{
    const struct tw_layer layer = {stage->inputs, stage->outputs, stage->weights, stage->bias, TW_LAYER_LINEAR};
    return tw_dense_forward(&layer, in, rows, out, threads, error);
}

static void dense_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    const struct tw_shape matrix = {2, {(int64_t)stage->inputs, (int64_t)stage->outputs}};
    int weights = add_constant(nodes, "weights", matrix, stage->weights);
    int bias = add_constant(nodes, "bias", (struct tw_shape){1, {(int64_t)stage->outputs}}, stage->bias);
    nodes->value = add_node(nodes, TW_OP_GEMM, NULL, (int[]){nodes->value, weights, bias}, stage->outputs);
}

static enum tw_status relu_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                   struct tw_error *error)
{
    (void)threads;
    (void)error;
    for (size_t i = 0; i < rows * stage->inputs; i++)
        out[i] = in[i] < 0 ? 0 : in[i];
    return TW_OK;
}

static void relu_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    nodes->value = add_node(nodes, TW_OP_RELU, NULL, (int[]){nodes->value, -1, -1}, stage->outputs);
}

static enum tw_status sqrt_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                   struct tw_error *error)
{
    (void)threads;
    (void)error;
    for (size_t i = 0; i < rows * stage->inputs; i++)
        out[i] = in[i] < 0 ? 0 : sqrtf(in[i]);
    return TW_OK;
}

static void sqrt_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    int positive = add_node(nodes, TW_OP_RELU, "positive", (int[]){nodes->value, -1, -1}, stage->outputs);
    nodes->value = add_node(nodes, TW_OP_SQRT, NULL, (int[]){positive, -1, -1}, stage->outputs);
}

static double square_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

static enum tw_status unit_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                   struct tw_error *error)
{
    (void)threads;
    (void)error;
    for (size_t row = 0; row < rows; row++) {
        const float *from = in + row * stage->inputs;
        float *to = out + row * stage->inputs, length = (float)sqrt(square_of(from, stage->inputs));
        length = length > least_length ? length : least_length;
        for (size_t i = 0; i < stage->inputs; i++)
            to[i] = from[i] / length;
    }
    return TW_OK;
}

static void unit_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    int length = add_length(nodes), least = add_number(nodes, "least", least_length);
    int divisor = add_node(nodes, TW_OP_MAX, "divisor", (int[]){length, least, -1}, 1);
    nodes->value = add_node(nodes, TW_OP_DIV, NULL, (int[]){nodes->value, divisor, -1}, stage->outputs);
}

static enum tw_status shift_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                    struct tw_error *error)
{
    (void)threads;
    (void)error;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < stage->inputs; i++)
            out[row * stage->inputs + i] = in[row * stage->inputs + i] + stage->bias[i];
    }
    return TW_OK;
}

static void shift_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    int bias = add_constant(nodes, "bias", (struct tw_shape){1, {(int64_t)stage->outputs}}, stage->bias);
    nodes->value = add_node(nodes, TW_OP_ADD, NULL, (int[]){nodes->value, bias, -1}, stage->outputs);
}

/* |x - s|^2 = |x|^2 + |s|^2 - 2 x s: one matrix product, then what is rounded below 0 is 0. */
static enum tw_status rbf_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                  struct tw_error *error)
{
    const struct tw_gemm product = {.m = (int64_t)rows,
                                    .n = (int64_t)stage->outputs,
                                    .k = (int64_t)stage->inputs,
                                    .alpha = 1,
                                    .a = in,
                                    .lda = (int64_t)stage->inputs,
                                    .b = stage->weights,
                                    .ldb = (int64_t)stage->outputs,
                                    .c = out,
                                    .ldc = (int64_t)stage->outputs};
    enum tw_status status = tw_gemm_run(&product, threads, error);
    for (size_t row = 0; row < rows && status == TW_OK; row++) {
        float *values = out + row * stage->outputs, square = (float)square_of(in + row * stage->inputs, stage->inputs);
        for (size_t i = 0; i < stage->outputs; i++) {
            float distance = square + stage->bias[i] - 2 * values[i];
            values[i] = expf(-stage->scale * (distance > 0 ? distance : 0));
        }
    }
    return status;
}

static void rbf_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    size_t n = stage->outputs;
    const struct tw_shape matrix = {2, {(int64_t)stage->inputs, (int64_t)n}};
    int weights = add_constant(nodes, "support", matrix, stage->weights);
    int squares = add_constant(nodes, "support_squares", (struct tw_shape){1, {(int64_t)n}}, stage->bias);
    int two = add_number(nodes, "minus_two", -2), scale = add_number(nodes, "minus_scale", -stage->scale);
    int length = add_length(nodes);
    int square = add_node(nodes, TW_OP_MUL, "square", (int[]){length, length, -1}, 1);
    int product = add_node(nodes, TW_OP_MATMUL, "product", (int[]){nodes->value, weights, -1}, n);
    int doubled = add_node(nodes, TW_OP_MUL, "doubled", (int[]){product, two, -1}, n);
    int sum = add_node(nodes, TW_OP_ADD, "sum", (int[]){square, squares, -1}, n);
    int distance = add_node(nodes, TW_OP_ADD, "distance", (int[]){sum, doubled, -1}, n);
    int positive = add_node(nodes, TW_OP_RELU, "positive", (int[]){distance, -1, -1}, n);
    int exponent = add_node(nodes, TW_OP_MUL, "exponent", (int[]){positive, scale, -1}, n);
    nodes->value = add_node(nodes, TW_OP_EXP, NULL, (int[]){exponent, -1, -1}, n);
}

static enum tw_status log_softmax_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out,
                                          int threads, struct tw_error *error)
{
    (void)threads;
    (void)error;
    memcpy(out, in, rows * stage->inputs * sizeof *out);
    tw_log_softmax_rows(out, rows, stage->inputs);
    return TW_OK;
}

static void log_softmax_nodes(const struct tw_stage *stage, struct nodes *nodes)
{
    nodes->value = add_node(nodes, TW_OP_LOG_SOFTMAX, NULL, (int[]){nodes->value, -1, -1}, stage->outputs);
    if (nodes->is_full)
        return;
    struct tw_node *node = &nodes->graph->nodes[nodes->graph->node_count - 1];
    nodes->is_full = tw_node_set_int(nodes->graph, node, "axis", -1, NULL) != TW_OK;
}

static const struct {
    bool has_weights, has_bias;
    stage_forward *forward;
    stage_nodes *nodes;
} kinds[TW_STAGE_KINDS] = {
    [TW_STAGE_DENSE] = {true, true, dense_forward, dense_nodes},
    [TW_STAGE_RELU] = {false, false, relu_forward, relu_nodes},
    [TW_STAGE_SQRT] = {false, false, sqrt_forward, sqrt_nodes},
    [TW_STAGE_UNIT] = {false, false, unit_forward, unit_nodes},
    [TW_STAGE_SHIFT] = {false, true, shift_forward, shift_nodes},
    [TW_STAGE_RBF] = {true, true, rbf_forward, rbf_nodes},
    [TW_STAGE_LOG_SOFTMAX] = {false, false, log_softmax_forward, log_softmax_nodes},
};

enum tw_status tw_stage_init(struct tw_stage *stage, enum tw_stage_kind kind, size_t inputs, size_t outputs,
                             struct tw_error *error)
{
    struct tw_stage made = {.kind = kind, .inputs = inputs, .outputs = outputs};
    if (kinds[kind].has_weights)
        made.weights = tw_alloc(inputs * outputs, sizeof *made.weights);
    if (kinds[kind].has_bias)
        made.bias = tw_alloc(outputs, sizeof *made.bias);
    if ((kinds[kind].has_weights && made.weights == NULL) || (kinds[kind].has_bias && made.bias == NULL)) {
        tw_stage_release(&made);
        return tw_fail_memory(error, inputs * outputs * sizeof(float), "the head");
    }
    *stage = made;
    return TW_OK;
}

void tw_stage_release(struct tw_stage *stage)
{
    tw_free(stage->weights);
    tw_free(stage->bias);
    *stage = (struct tw_stage){0};
}

enum tw_status tw_stage_forward(const struct tw_stage *stage, const float *in, size_t rows, float *out, int threads,
                                struct tw_error *error)
{
    return kinds[stage->kind].forward(stage, in, rows, out, threads, error);
}

enum tw_status tw_stage_to_graph(const struct tw_stage *stage, const char *name, struct tw_graph *graph, int *value,
                                 struct tw_error *error)
{
    struct nodes nodes = {.graph = graph, .name = name, .value = *value};
    kinds[stage->kind].nodes(stage, &nodes);
    if (nodes.is_full)
        return tw_fail_memory(error, stage->inputs * sizeof(float), "the head's graph");
    *value = nodes.value;
    return TW_OK;
}
