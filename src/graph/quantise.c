#include "graph/quantise.h"

#include "base/text.h"
#include "graph/passes.h"

#include <math.h>
#include <string.h>

static bool is_constant(const struct tw_graph *graph, int id)
{
    return graph->values[id].data != NULL;
}

static bool is_quantisable(const struct tw_graph *graph, const struct tw_node *node)
{
    if (node->op != TW_OP_CONV || is_constant(graph, node->inputs[0]) || !is_constant(graph, node->inputs[1]) ||
        (node->input_count > 2 && node->inputs[2] >= 0 && !is_constant(graph, node->inputs[2])))
        return false;
    return graph->values[node->inputs[1]].dtype == TW_F32 && graph->values[node->inputs[1]].shape.rank == 4;
}

/* Gives on what it reads, one of its numbers or their mean. */
static bool keeps_grid(const struct tw_graph *graph, const struct tw_node *node)
{
    bool is_pool = node->op == TW_OP_MAX_POOL || node->op == TW_OP_AVERAGE_POOL;
    if (node->residual >= 0 || node->activation != TW_ACT_NONE || (!is_pool && node->op != TW_OP_CONCAT) ||
        (node->output_count > 1 && node->outputs[1] >= 0))
        return false;
    for (int i = 0; i < node->input_count; i++) {
        if (is_constant(graph, node->inputs[i]) || graph->values[node->inputs[i]].dtype != TW_F32)
            return false;
    }
    return graph->values[node->outputs[0]].shape.rank == 4 &&
           (is_pool || tw_node_int(node, "axis", 0) == 1 || tw_node_int(node, "axis", 0) == -3);
}

/* The value that stands for a group while groups grow. */
static int representative(int *parents, int id)
{
    while (parents[id] != id)
        id = parents[id] = parents[parents[id]];
    return id;
}

/* Backwards: who reads says what is wanted. parents[id] -1: not wanted. */
static void mark_wanted(const struct tw_graph *graph, int *parents)
{
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct tw_node *node = &graph->nodes[n];
        int x = node->inputs && node->input_count ? node->inputs[0] : -1, y = node->outputs[0];
        bool is_convolution = is_quantisable(graph, node);
        if (is_convolution)
            parents[x] = parents[x] < 0 ? x : parents[x];
        if (is_convolution && node->residual >= 0 && !is_constant(graph, node->residual))
            parents[node->residual] = parents[node->residual] < 0 ? node->residual : parents[node->residual];
        if (!keeps_grid(graph, node) || parents[y] < 0)
            continue;
        for (int i = 0; i < node->input_count; i++) {
            int id = node->inputs[i];
            parents[id] = parents[id] < 0 ? id : parents[id];
            parents[representative(parents, id)] = representative(parents, y);
        }
    }
}

enum tw_status tw_grid_groups_find(const struct tw_graph *graph, struct tw_grid_groups *groups, struct tw_error *error)
{
    int *parents = tw_alloc(graph->value_count + 1, sizeof *parents);
    int *group = tw_alloc(graph->value_count + 1, sizeof *group);
    if (!parents || !group) {
        tw_free(parents);
        tw_free(group);
        return tw_fail_memory(error, graph->value_count * sizeof *group, "grids");
    }
    for (size_t i = 0; i < graph->value_count; i++)
        parents[i] = group[i] = -1;
    mark_wanted(graph, parents);
    *groups = (struct tw_grid_groups){.group = group, .value_count = graph->value_count};
    for (size_t i = 0; i < graph->value_count; i++) {
        if (parents[i] < 0)
            continue;
        int first = representative(parents, (int)i);
        if (group[first] < 0)
            group[first] = (int)groups->count++;
        group[i] = group[first];
    }
    tw_free(parents);
    return TW_OK;
}

void tw_grid_groups_release(struct tw_grid_groups *groups)
{
    tw_free(groups->group);
    *groups = (struct tw_grid_groups){0};
}

/* A constant of a name that no value has, made of `base`; -1: no memory. */
static int add_constant(struct tw_graph *graph, const char *base, const char *suffix, enum tw_dtype dtype,
                        const struct tw_shape *shape, const void *data)
{
    char *name = tw_format("%s_%s", base, suffix);
    for (int i = 2; name && tw_graph_find_value(graph, name) >= 0; i++) {
        tw_free(name);
        name = tw_format("%s_%s_%d", base, suffix, i);
    }
    int id = !name  ? -1
             : data ? tw_graph_add_constant(graph, name, dtype, shape, data, true)
                    : tw_graph_add_value(graph, name, dtype, shape);
    tw_free(name);
    return id;
}

static bool add_node(struct tw_graph *graph, enum tw_op op, const int *inputs, int count, int output)
{
    return tw_graph_add_node(graph, op, graph->values[output].name, inputs, count, &output, 1) != NULL;
}

/* What is read of a value from now on; -1: no memory. */
static int put_on_grid(struct tw_graph *graph, int id, const struct tw_grid *grid)
{
    const struct tw_value value = graph->values[id];
    const struct tw_shape one = {0};
    int scale = add_constant(graph, value.name, "scale", TW_F32, &one, &grid->scale);
    int zero = add_constant(graph, value.name, "zero_point", TW_U8, &one, &grid->zero);
    int whole = add_constant(graph, value.name, "quantised", TW_U8, &value.shape, NULL);
    int real = add_constant(graph, value.name, "dequantised", TW_F32, &value.shape, NULL);
    if (scale < 0 || zero < 0 || whole < 0 || real < 0)
        return -1;
    for (size_t n = 0; n < graph->node_count; n++) {
        struct tw_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            node->inputs[i] = node->inputs[i] == id ? real : node->inputs[i];
        node->residual = node->residual == id ? real : node->residual;
    }
    return add_node(graph, TW_OP_QUANTIZE_LINEAR, (int[]){id, scale, zero}, 3, whole) &&
                   add_node(graph, TW_OP_DEQUANTIZE_LINEAR, (int[]){whole, scale, zero}, 3, real)
               ? real
               : -1;
}

/* A convolution's weights: one line for each output channel. */
struct lines {
    const struct tw_value *weights, *bias; /* bias NULL: none */
    size_t count, length, plane;           /* plane: weights of one input channel */
    int64_t groups;
    int8_t *whole;
    float *scales, *bias_scales;
    int32_t *biases;
};

static void release_lines(struct lines *lines)
{
    tw_free(lines->whole);
    tw_free(lines->scales);
    tw_free(lines->bias_scales);
    tw_free(lines->biases);
}

static float element(const struct tw_value *value, size_t at)
{
    float x;
    memcpy(&x, (const float *)value->data + at, sizeof x);
    return x;
}

/* The mean shift of an output by the weights' rounding: to be taken off. */
static double round_line(struct lines *lines, size_t line, const float *means)
{
    float greatest = 0;
    for (size_t i = 0; i < lines->length; i++)
        greatest = fmaxf(greatest, fabsf(element(lines->weights, line * lines->length + i)));
    float scale = greatest > 0 ? greatest / 127 : 1;
    size_t channels = lines->length / lines->plane;
    size_t first = line / (lines->count / (size_t)lines->groups) * channels;
    double shift = 0;
    lines->scales[line] = scale;
    for (size_t i = 0; i < lines->length; i++) {
        size_t at = line * lines->length + i;
        float weight = element(lines->weights, at), q = nearbyintf(weight / scale);
        q = fminf(fmaxf(q, -127), 127);
        lines->whole[at] = (int8_t)q;
        if (means)
            shift += ((double)q * (double)scale - (double)weight) * (double)means[first + i / lines->plane];
    }
    return shift;
}

static enum tw_status round_weights(struct lines *lines, float x_scale, const float *means, struct tw_error *error)
{
    lines->whole = tw_alloc(lines->count * lines->length + 1, 1);
    lines->scales = tw_alloc(lines->count, sizeof *lines->scales);
    lines->bias_scales = tw_alloc(lines->count, sizeof *lines->bias_scales);
    lines->biases = tw_alloc(lines->count, sizeof *lines->biases);
    if (!lines->whole || !lines->scales || !lines->bias_scales || !lines->biases)
        return tw_fail_memory(error, lines->count * lines->length, "weights");
    for (size_t i = 0; i < lines->count; i++) {
        double shift = round_line(lines, i, means);
        double bias = lines->bias ? (double)element(lines->bias, i) : 0;
        lines->bias_scales[i] = x_scale * lines->scales[i];
        double steps = nearbyint((bias - shift) / (double)lines->bias_scales[i]);
        lines->biases[i] = (int32_t)fmin(fmax(steps, -2147483647.0), 2147483647.0);
    }
    return TW_OK;
}

static enum tw_status rewrite(struct tw_graph *graph, size_t index, const struct lines *lines, struct tw_error *error)
{
    const char *name = lines->weights->name;
    struct tw_shape shape = lines->weights->shape, each = {.rank = 1, .dims = {(int64_t)lines->count}};
    int *inputs = tw_arena_alloc(&graph->arena, 3, sizeof *inputs);
    int8_t *zeros = tw_alloc(lines->count, 1);
    int ids[] = {
        zeros ? add_constant(graph, name, "quantised", TW_I8, &shape, lines->whole) : -1,
        add_constant(graph, name, "scale", TW_F32, &each, lines->scales),
        zeros ? add_constant(graph, name, "zero_point", TW_I8, &each, zeros) : -1,
        add_constant(graph, name, "bias_quantised", TW_I32, &each, lines->biases),
        add_constant(graph, name, "bias_scale", TW_F32, &each, lines->bias_scales),
        add_constant(graph, name, "dequantised", TW_F32, &shape, NULL),
        add_constant(graph, name, "bias", TW_F32, &each, NULL),
    };
    tw_free(zeros);
    bool is_made = inputs != NULL;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        is_made = is_made && ids[i] >= 0;
    for (int i = 0; i < 2 && is_made; i++) {
        is_made = add_node(graph, TW_OP_DEQUANTIZE_LINEAR, i ? &ids[3] : &ids[0], i ? 2 : 3, ids[5 + i]);
        if (is_made && tw_node_set_int(graph, &graph->nodes[graph->node_count - 1], "axis", 0, error))
            return TW_NO_MEMORY;
    }
    if (!is_made)
        return tw_fail_memory(error, lines->count * lines->length, "weights");
    struct tw_node *node = &graph->nodes[index];
    inputs[0] = node->inputs[0];
    inputs[1] = ids[5];
    inputs[2] = ids[6];
    node->inputs = inputs;
    node->input_count = 3;
    return TW_OK;
}

static enum tw_status quantise_convolution(struct tw_graph *graph, size_t index, const struct tw_grid *grid,
                                           const float *means, struct tw_error *error)
{
    const struct tw_node *node = &graph->nodes[index];
    const struct tw_value weights = graph->values[node->inputs[1]];
    bool has_bias = node->input_count > 2 && node->inputs[2] >= 0;
    const struct tw_value bias = has_bias ? graph->values[node->inputs[2]] : (struct tw_value){0};
    struct lines lines = {
        .weights = &weights,
        .bias = has_bias ? &bias : NULL,
        .count = (size_t)weights.shape.dims[0],
        .length = (size_t)(weights.shape.dims[1] * weights.shape.dims[2] * weights.shape.dims[3]),
        .plane = (size_t)(weights.shape.dims[2] * weights.shape.dims[3]),
        .groups = tw_node_int(node, "group", 1),
    };
    enum tw_status status = round_weights(&lines, grid->scale, means, error);
    if (!status)
        status = rewrite(graph, index, &lines, error);
    release_lines(&lines);
    return status;
}

enum tw_status tw_graph_quantise(struct tw_graph *graph, const struct tw_grid_groups *groups,
                                 const struct tw_grid *grids, const float *const *means, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    size_t node_count = graph->node_count;
    for (size_t n = 0; n < node_count && !status; n++) {
        if (!is_quantisable(graph, &graph->nodes[n]))
            continue;
        int x = graph->nodes[n].inputs[0];
        status = quantise_convolution(graph, n, &grids[groups->group[x]], means[x], error);
    }
    for (size_t id = 0; id < groups->value_count && !status; id++) {
        if (groups->group[id] >= 0 && put_on_grid(graph, (int)id, &grids[groups->group[id]]) < 0)
            status = tw_fail_memory(error, 1, "a network's grids");
    }
    if (!status)
        status = tw_graph_sort(graph, error);
    return status ? status : tw_graph_infer(graph, &tw_graph_limits_default, error);
}
