#include "formats/inception.h"

#include "formats/layout.h"

#include <stdio.h>
#include <string.h>

/* What a convolution takes: the one before it, the block's input (as it is or averaged), or what the one before it took. */
enum from { LAST, BLOCK, AVERAGED, SHARED };

/* A convolution, batch norm and ReLU. */
struct unit {
    const char *slim, *torch; /* names within the block */
    uint8_t height, width, stride;
    bool is_valid; /* no padding */
    enum from from;
    bool is_end; /* goes into the block's concatenation */
};

static const struct unit stem[] = {
    {"Conv2d_1a_3x3", "Conv2d_1a_3x3", 3, 3, 2, true, BLOCK, false},
    {"Conv2d_2a_3x3", "Conv2d_2a_3x3", 3, 3, 1, true, LAST, false},
    {"Conv2d_2b_3x3", "Conv2d_2b_3x3", 3, 3, 1, false, LAST, true},
};
static const struct unit stem_end[] = {
    {"Conv2d_3b_1x1", "Conv2d_3b_1x1", 1, 1, 1, true, BLOCK, false},
    {"Conv2d_4a_3x3", "Conv2d_4a_3x3", 3, 3, 1, true, LAST, true},
};
static const struct unit block_35[] = {
    {"Branch_0/Conv2d_0a_1x1", "branch1x1", 1, 1, 1, false, BLOCK, true},
    {"Branch_1/Conv2d_0a_1x1", "branch5x5_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_1/Conv2d_0b_5x5", "branch5x5_2", 5, 5, 1, false, LAST, true},
    {"Branch_2/Conv2d_0a_1x1", "branch3x3dbl_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_2/Conv2d_0b_3x3", "branch3x3dbl_2", 3, 3, 1, false, LAST, false},
    {"Branch_2/Conv2d_0c_3x3", "branch3x3dbl_3", 3, 3, 1, false, LAST, true},
    {"Branch_3/Conv2d_0b_1x1", "branch_pool", 1, 1, 1, false, AVERAGED, true},
};
static const struct unit to_17[] = {
    {"Branch_0/Conv2d_1a_1x1", "branch3x3", 3, 3, 2, true, BLOCK, true},
    {"Branch_1/Conv2d_0a_1x1", "branch3x3dbl_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_1/Conv2d_0b_3x3", "branch3x3dbl_2", 3, 3, 1, false, LAST, false},
    {"Branch_1/Conv2d_1a_1x1", "branch3x3dbl_3", 3, 3, 2, true, LAST, true},
};
static const struct unit block_17[] = {
    {"Branch_0/Conv2d_0a_1x1", "branch1x1", 1, 1, 1, false, BLOCK, true},
    {"Branch_1/Conv2d_0a_1x1", "branch7x7_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_1/Conv2d_0b_1x7", "branch7x7_2", 1, 7, 1, false, LAST, false},
    {"Branch_1/Conv2d_0c_7x1", "branch7x7_3", 7, 1, 1, false, LAST, true},
    {"Branch_2/Conv2d_0a_1x1", "branch7x7dbl_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_2/Conv2d_0b_7x1", "branch7x7dbl_2", 7, 1, 1, false, LAST, false},
    {"Branch_2/Conv2d_0c_1x7", "branch7x7dbl_3", 1, 7, 1, false, LAST, false},
    {"Branch_2/Conv2d_0d_7x1", "branch7x7dbl_4", 7, 1, 1, false, LAST, false},
    {"Branch_2/Conv2d_0e_1x7", "branch7x7dbl_5", 1, 7, 1, false, LAST, true},
    {"Branch_3/Conv2d_0b_1x1", "branch_pool", 1, 1, 1, false, AVERAGED, true},
};
static const struct unit to_8[] = {
    {"Branch_0/Conv2d_0a_1x1", "branch3x3_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_0/Conv2d_1a_3x3", "branch3x3_2", 3, 3, 2, true, LAST, true},
    {"Branch_1/Conv2d_0a_1x1", "branch7x7x3_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_1/Conv2d_0b_1x7", "branch7x7x3_2", 1, 7, 1, false, LAST, false},
    {"Branch_1/Conv2d_0c_7x1", "branch7x7x3_3", 7, 1, 1, false, LAST, false},
    {"Branch_1/Conv2d_1a_3x3", "branch7x7x3_4", 3, 3, 2, true, LAST, true},
};
static const struct unit block_8[] = {
    {"Branch_0/Conv2d_0a_1x1", "branch1x1", 1, 1, 1, false, BLOCK, true},
    {"Branch_1/Conv2d_0a_1x1", "branch3x3_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_1/Conv2d_0b_1x3", "branch3x3_2a", 1, 3, 1, false, LAST, true},
    {"Branch_1/Conv2d_0b_3x1", "branch3x3_2b", 3, 1, 1, false, SHARED, true},
    {"Branch_2/Conv2d_0a_1x1", "branch3x3dbl_1", 1, 1, 1, false, BLOCK, false},
    {"Branch_2/Conv2d_0b_3x3", "branch3x3dbl_2", 3, 3, 1, false, LAST, false},
    {"Branch_2/Conv2d_0c_1x3", "branch3x3dbl_3a", 1, 3, 1, false, LAST, true},
    {"Branch_2/Conv2d_0d_3x1", "branch3x3dbl_3b", 3, 1, 1, false, SHARED, true},
    {"Branch_3/Conv2d_0b_1x1", "branch_pool", 1, 1, 1, false, AVERAGED, true},
};

/* A block whose ends are joined, and a max pool of its input where it halves the picture. Without a name: of the stem, whose
 * one end is pooled. */
static const struct block {
    const char *name;
    const struct unit *units;
    size_t count;
    bool has_pool;
} blocks[] = {
#define UNITS(list) list, sizeof list / sizeof *list
    {"", UNITS(stem), true},
    {"", UNITS(stem_end), true},
    {"Mixed_5b", UNITS(block_35), false},
    {"Mixed_5c", UNITS(block_35), false},
    {"Mixed_5d", UNITS(block_35), false},
    {"Mixed_6a", UNITS(to_17), true},
    {"Mixed_6b", UNITS(block_17), false},
    {"Mixed_6c", UNITS(block_17), false},
    {"Mixed_6d", UNITS(block_17), false},
    {"Mixed_6e", UNITS(block_17), false},
    {"Mixed_7a", UNITS(to_8), true},
    {"Mixed_7b", UNITS(block_8), false},
    {"Mixed_7c", UNITS(block_8), false},
#undef UNITS
};

/* Names that Slim's file spells unlike those of its other blocks. */
static const struct {
    const char *block, *regular, *spelled;
} oddities[] = {
    {"Mixed_5c", "Branch_1/Conv2d_0a_1x1", "Branch_1/Conv2d_0b_1x1"},
    {"Mixed_5c", "Branch_1/Conv2d_0b_5x5", "Branch_1/Conv_1_0c_5x5"},
    {"Mixed_7c", "Branch_1/Conv2d_0b_3x1", "Branch_1/Conv2d_0c_3x1"},
};

int inception_unit_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        count += blocks[i].count;
    return (int)count;
}

/* Layers from a unit (of three layers) to the end of its block. A pair is joined by a layer of its own. */
static int depth_of(const struct block *block, size_t unit)
{
    bool has_next = unit + 1 < block->count;
    if (has_next && !block->units[unit].is_end)
        return 3 + depth_of(block, unit + 1);
    bool is_pair = block->units[unit].from == SHARED || (has_next && block->units[unit + 1].from == SHARED);
    return is_pair ? 4 : 3;
}

int inception_unit_by_depth(int place)
{
    const struct block *block = blocks;
    int first = 0;
    while (place - first >= (int)block->count)
        first += (int)(block++)->count;
    for (size_t i = 0; i < block->count; i++) {
        int before = 0;
        for (size_t k = 0; k < block->count; k++) {
            int gap = depth_of(block, k) - depth_of(block, i);
            before += gap > 0 || (gap == 0 && k < i);
        }
        if (before == place - first)
            return first + (int)i;
    }
    return place;
}

enum part { FILTER, GAMMA, BETA, MEAN, VARIANCE, DENSE, DENSE_BIAS };

struct net {
    struct build *build;
    const struct weights *weights;
    enum inception_names names;
    int unit_count; /* so far */
};
enum { MOST_NAME = 160, MOST_ENDS = 8 };

static const char *slim_name(const struct block *block, const struct unit *unit)
{
    for (size_t i = 0; i < sizeof oddities / sizeof *oddities; i++) {
        if (strcmp(oddities[i].block, block->name) == 0 && strcmp(oddities[i].regular, unit->slim) == 0)
            return oddities[i].spelled;
    }
    return unit->slim;
}

/* The tensor's name in the file; `unit` is NULL for the classifier. */
static void tensor_name(const struct net *net, const struct block *block, const struct unit *unit, enum part part,
                        char name[MOST_NAME])
{
    static const char *const slim[] = {
        "weights", "BatchNorm/gamma", "BatchNorm/beta", "BatchNorm/moving_mean", "BatchNorm/moving_variance",
        "weights", "biases"};
    static const char *const torch[] = {"conv.weight",    "bn.weight", "bn.bias", "bn.running_mean",
                                        "bn.running_var", "weight",    "bias"};
    static const char *const keras[] = {"kernel", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias"};
    if (net->names == INCEPTION_SLIM && !unit)
        snprintf(name, MOST_NAME, "InceptionV3/Logits/Conv2d_1c_1x1/%s", slim[part]);
    else if (net->names == INCEPTION_SLIM)
        snprintf(name, MOST_NAME, "InceptionV3/%s%s%s/%s", block->name, *block->name ? "/" : "", slim_name(block, unit),
                 slim[part]);
    else if (net->names == INCEPTION_TORCH && !unit)
        snprintf(name, MOST_NAME, "fc.%s", torch[part]);
    else if (net->names == INCEPTION_TORCH)
        snprintf(name, MOST_NAME, "%s%s%s.%s", block->name, *block->name ? "." : "", unit->torch, torch[part]);
    else if (!unit)
        snprintf(name, MOST_NAME, "predictions/%s", keras[part]);
    else
        snprintf(name, MOST_NAME, "%s_%d/%s", part == FILTER ? "conv2d" : "batch_normalization", net->unit_count,
                 keras[part]);
}

/* A constant of f32 and that rank; -1: it is left out where it may be, or failed. */
static int constant(struct net *net, const char *name, int rank, bool is_optional)
{
    struct build *build = net->build;
    if (build->status)
        return -1;
    const struct weights_tensor *tensor = weights_find(net->weights, name);
    if (!tensor) {
        if (!is_optional)
            build_fail(build, TW_CORRUPT, "tensor '%.200s' of Inception v3 is missing", name);
        return -1;
    }
    char shape[128];
    tw_shape_text(&tensor->shape, shape, sizeof shape);
    if (tensor->shape.rank != rank || tensor->dtype != TW_F32)
        build_fail(build, TW_UNSUPPORTED, "tensor '%.200s' of type %s and shape %s is not f32 of %d dimensions", name,
                   tw_dtype_name(tensor->dtype), shape, rank);
    int id = build_value(build, name);
    weights_set_constant(build, id, tensor);
    return build->status ? -1 : id;
}

/* Torch keeps filters as ONNX does, the others as height, width, in, out. */
static int filter(struct net *net, const struct block *block, const struct unit *unit)
{
    static const int to_oihw[] = {3, 2, 0, 1};
    char name[MOST_NAME];
    tensor_name(net, block, unit, FILTER, name);
    int id = constant(net, name, 4, false);
    if (id >= 0 && net->names != INCEPTION_TORCH)
        id = layout_permute(net->build, id, to_oihw, 4);
    if (id < 0)
        return -1;
    const struct tw_shape *shape = &net->build->graph->values[id].shape;
    if (shape->dims[2] != unit->height || shape->dims[3] != unit->width)
        build_fail(net->build, TW_CORRUPT, "tensor '%.200s' is a filter of %lld x %lld, not of %d x %d", name,
                   (long long)shape->dims[2], (long long)shape->dims[3], unit->height, unit->width);
    return id;
}

/* Slim and Keras leave the scale out, which is one then. */
static int scale(struct net *net, const char *name, int64_t count)
{
    int id = constant(net, name, 1, true);
    if (id >= 0 || net->build->status)
        return id;
    float *ones = build_alloc(net->build, (size_t)count, sizeof *ones);
    for (int64_t i = 0; ones && i < count; i++)
        ones[i] = 1;
    id = build_value(net->build, name);
    build_set_constant(net->build, id, TW_F32, &(struct tw_shape){.rank = 1, .dims = {count}}, ones);
    return id;
}

/* The name of the block's result, or of a unit's. */
static void value_name(const struct block *block, const char *within, char name[MOST_NAME])
{
    snprintf(name, MOST_NAME, "%s%s%s", block->name, *block->name && *within ? "/" : "", within);
}

static int unit_of(struct net *net, const struct block *block, const struct unit *unit, int input)
{
    static const float epsilon = 0.001f;
    struct build *build = net->build;
    char name[MOST_NAME], tensor[MOST_NAME];
    value_name(block, unit->slim, name);
    int ids[] = {input, filter(net, block, unit)}, inputs[5];
    int sum = build_step(build, TW_OP_CONV, name, "convolution", ids, 2);
    if (sum < 0)
        return -1;
    struct tw_node *conv = &build->graph->nodes[build->graph->node_count - 1];
    const int64_t strides[] = {unit->stride, unit->stride};
    int64_t high = unit->is_valid ? 0 : unit->height / 2, wide = unit->is_valid ? 0 : unit->width / 2;
    build_int_list(build, conv, "strides", strides, 2);
    build_int_list(build, conv, "pads", (const int64_t[]){high, wide, high, wide}, 4);
    inputs[0] = sum;
    for (int part = GAMMA; part <= VARIANCE; part++) {
        tensor_name(net, block, unit, (enum part)part, tensor);
        inputs[part] = part == GAMMA ? scale(net, tensor, build->graph->values[ids[1]].shape.dims[0])
                                     : constant(net, tensor, 1, false);
    }
    int normed = build_step(build, TW_OP_BATCH_NORM, name, "batch_norm", inputs, 5);
    if (normed < 0)
        return -1;
    build_float(build, &build->graph->nodes[build->graph->node_count - 1], "epsilon", epsilon);
    net->unit_count++;
    int id = build_value(build, name);
    return build_node(build, TW_OP_RELU, name, &normed, 1, id) ? id : -1;
}

/* Windows of 3 x 3. Torch counts the cells of the padding as zeros, TensorFlow leaves them out. */
static int pool_of(struct net *net, const struct block *block, enum tw_op op, int input, int end)
{
    struct build *build = net->build;
    char name[MOST_NAME];
    value_name(block, op == TW_OP_MAX_POOL ? "MaxPool" : "AvgPool", name);
    int id = end >= 0 ? end : build_fresh(build, name, "3x3");
    struct tw_node *node = build_node(build, op, name, &input, 1, id);
    int64_t stride = op == TW_OP_MAX_POOL ? 2 : 1, pad = op == TW_OP_MAX_POOL ? 0 : 1;
    build_int_list(build, node, "kernel_shape", (const int64_t[]){3, 3}, 2);
    build_int_list(build, node, "strides", (const int64_t[]){stride, stride}, 2);
    build_int_list(build, node, "pads", (const int64_t[]){pad, pad, pad, pad}, 4);
    if (op == TW_OP_AVERAGE_POOL && net->names == INCEPTION_TORCH)
        build_int(build, node, "count_include_pad", 1);
    return node ? id : -1;
}

static int block_of(struct net *net, const struct block *block, int input)
{
    struct build *build = net->build;
    int ends[MOST_ENDS], end_count = 0, last = input, taken = input;
    for (size_t i = 0; i < block->count && !build->status; i++) {
        const struct unit *unit = &block->units[i];
        if (unit->from == LAST)
            taken = last;
        else if (unit->from == BLOCK)
            taken = input;
        else if (unit->from == AVERAGED)
            taken = pool_of(net, block, TW_OP_AVERAGE_POOL, input, -1);
        last = unit_of(net, block, unit, taken);
        if (unit->is_end)
            ends[end_count++] = last;
    }
    if (!*block->name)
        return pool_of(net, block, TW_OP_MAX_POOL, last, -1);
    if (block->has_pool)
        ends[end_count++] = pool_of(net, block, TW_OP_MAX_POOL, input, -1);
    int id = build_value(build, block->name);
    struct tw_node *node = build_node(build, TW_OP_CONCAT, block->name, ends, end_count, id);
    build_int(build, node, "axis", 1);
    return node ? id : -1;
}

/* PreLogits to the classes' scores; *count of outputs grows. A classifier of Slim is a convolution of 1 x 1. */
static void classifier(struct net *net, int features, int *outputs, size_t *count)
{
    static const int to_oihw[] = {3, 2, 0, 1};
    struct build *build = net->build;
    char name[MOST_NAME], bias_name[MOST_NAME];
    tensor_name(net, NULL, NULL, DENSE, name);
    tensor_name(net, NULL, NULL, DENSE_BIAS, bias_name);
    bool is_slim = net->names == INCEPTION_SLIM;
    int kernel = constant(net, name, is_slim ? 4 : 2, true);
    if (kernel < 0)
        return;
    int inputs[] = {features, kernel, constant(net, bias_name, 1, false)};
    if (is_slim) {
        inputs[1] = layout_permute(build, kernel, to_oihw, 4);
        if (inputs[1] < 0)
            return;
        struct tw_value *value = &build->graph->values[inputs[1]];
        if (value->shape.dims[2] != 1 || value->shape.dims[3] != 1)
            build_fail(build, TW_CORRUPT, "tensor '%.200s' is no filter of 1 x 1", name);
        value->shape.rank = 2;
    }
    int logits = build_value(build, "Logits");
    struct tw_node *node = build_node(build, TW_OP_GEMM, "Logits", inputs, 3, logits);
    if (net->names != INCEPTION_KERAS)
        build_int(build, node, "transB", 1);
    int scores = build_value(build, "Predictions");
    build_int(build, build_node(build, TW_OP_SOFTMAX, "Predictions", &logits, 1, scores), "axis", -1);
    outputs[(*count)++] = logits;
    outputs[(*count)++] = scores;
}

/* As the network was trained: pixels to -1 ... 1. Resizing as its framework does it. */
static void set_properties(struct net *net)
{
    static const char *const resizes[] = {"tf1_bilinear", "pillow_bilinear", "tf2_bilinear"};
    struct build *build = net->build;
    char *json = tw_format(
        "{\"decode\":{\"jpeg_dct\":\"%s\",\"exif\":\"apply\",\"alpha\":\"blend\",\"background\":[255,255,255]},"
        "\"resize\":\"%s\",\"fit\":\"squash\",\"width\":299,\"height\":299,\"mean\":[127.5,127.5,127.5],"
        "\"scale\":[0.00784313725,0.00784313725,0.00784313725],\"layout\":\"nchw\",\"channels\":\"rgb\"}",
        net->names == INCEPTION_TORCH ? "islow" : "ifast", resizes[net->names]);
    if (!build->status && (!json || !tw_graph_set_property(build->graph, "topwork.policy", json) ||
                           !tw_graph_set_property(build->graph, "topwork.embedding", "PreLogits")))
        build_fail_memory(build, 1);
    tw_free(json);
}

void inception_build(struct build *build, const struct weights *weights, enum inception_names names)
{
    struct net net = {.build = build, .weights = weights, .names = names};
    int image = build_value(build, "image"), outputs[3];
    size_t count = 0;
    if (build->status)
        return;
    build->graph->values[image].dtype = TW_F32;
    build->graph->values[image].shape = (struct tw_shape){.rank = 4, .dims = {TW_UNKNOWN, 3, 299, 299}};
    if (!tw_graph_set_inputs(build->graph, &image, 1))
        build_fail_memory(build, sizeof image);
    int last = image;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && !build->status; i++)
        last = block_of(&net, &blocks[i], last);
    int pooled = build_step(build, TW_OP_GLOBAL_AVERAGE_POOL, "PreLogits", "pool", &last, 1);
    int features = build_value(build, "PreLogits");
    build_int(build, build_node(build, TW_OP_FLATTEN, "PreLogits", &pooled, 1, features), "axis", 1);
    outputs[count++] = features;
    classifier(&net, features, outputs, &count);
    set_properties(&net);
    for (size_t i = 0; i < count && !build->status; i++)
        build->graph->values[outputs[i]].dtype = TW_F32;
    if (!build->status && !tw_graph_set_outputs(build->graph, outputs, count))
        build_fail_memory(build, sizeof outputs);
}

void inception_build_by_names(struct build *build, const struct weights *weights)
{
    if (build->status)
        return;
    if (weights_find(weights, "InceptionV3/Conv2d_1a_3x3/weights"))
        inception_build(build, weights, INCEPTION_SLIM);
    else if (weights_find(weights, "Conv2d_1a_3x3.conv.weight"))
        inception_build(build, weights, INCEPTION_TORCH);
    else
        build_fail(build, TW_UNSUPPORTED,
                   "it holds %zu tensors (the first is '%.200s') without a network; known are those of Inception v3 as "
                   "Slim, timm, torchvision and Keras call them: bring others as ONNX, TensorFlow Lite or SavedModel",
                   weights->count, weights->count ? weights->tensors[0].name : "none");
}
