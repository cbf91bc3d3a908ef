/* The way from a photo's bytes to the network's input, as a graph of 2015 holds it: DecodeJpeg, Cast, ExpandDims,
 * ResizeBilinear, Sub, Mul. One decoder and one resizer serve all of topwork, so these nodes turn into a policy. */
#include "formats/graphdef.h"

#include <math.h>
#include "image/image.h"

#include <jansson.h>
#include <string.h>

/* Value = (pixel - mean) * scale so far; at each node of the way. */
struct way {
    double mean[3], scale[3];
    int64_t width, height;
    bool has_resize, has_half_pixels, is_accurate;
    int last;
};

static bool is_op(const struct tf_node *node, const char *op)
{
    return strcmp(node->op, op) == 0;
}

static bool is_decoder(const struct tf_node *node)
{
    return is_op(node, "DecodeJpeg") || is_op(node, "DecodePng") || is_op(node, "DecodeImage");
}

/* False: the node is no step of the way. */
static bool take_arithmetic(struct tf_graph *tf, const struct tf_node *node, int from, struct way *way)
{
    float values[3];
    size_t count;
    bool is_sub = is_op(node, "Sub"), is_add = is_op(node, "Add") || is_op(node, "AddV2");
    bool is_mul = is_op(node, "Mul"), is_div = is_op(node, "Div") || is_op(node, "RealDiv");
    if ((!is_sub && !is_add && !is_mul && !is_div) || node->input_count != 2)
        return false;
    bool is_second = node->inputs[1] == from;
    if ((is_second && (is_sub || is_div)) || !tf_const_floats(tf, node->inputs[is_second ? 0 : 1], values, 3, &count) ||
        (count != 1 && count != 3))
        return false;
    for (size_t i = 0; i < 3; i++) {
        double value = (double)values[count == 3 ? i : 0];
        if (!isfinite(value) || ((is_mul || is_div) && fabs(value) < 1e-30))
            return false;
        if (is_sub || is_add)
            way->mean[i] += (is_sub ? value : -value) / way->scale[i];
        else
            way->scale[i] = is_mul ? way->scale[i] * value : way->scale[i] / value;
    }
    return true;
}

static bool take_resize(struct tf_graph *tf, const struct tf_node *node, struct way *way)
{
    enum { LARGEST = 1 << 14 };
    int64_t size[2];
    size_t count;
    if (!is_op(node, "ResizeBilinear") || way->has_resize)
        return false;
    if (node->input_count != 2 || !tf_const_ints(tf, node->inputs[1], size, 2, &count) || count != 2 || size[0] < 1 ||
        size[0] > LARGEST || size[1] < 1 || size[1] > LARGEST || tf_int(tf, node, "align_corners", 0)) {
        tf_fail(tf, node, "resizes photos to no constant size, or with aligned corners, which is not known");
        return false;
    }
    way->height = size[0];
    way->width = size[1];
    way->has_half_pixels = tf_int(tf, node, "half_pixel_centers", 0) != 0;
    way->has_resize = true;
    return true;
}

static bool take_step(struct tf_graph *tf, const struct tf_node *node, int from, struct way *way)
{
    static const char *const neutral[] = {"ExpandDims", "Identity", "CheckNumerics", "StopGradient"};
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++) {
        if (is_op(node, neutral[i]))
            return node->input_count > 0 && node->inputs[0] == from;
    }
    if (is_op(node, "Cast"))
        return tf_dtype(tf_int(tf, node, "DstT", 0)) == TW_F32;
    return take_resize(tf, node, way) || take_arithmetic(tf, node, from, way);
}

/* Along the one consumer of each node, as far as steps are known. */
static void follow(struct tf_graph *tf, int decoder, struct way *way)
{
    *way = (struct way){.scale = {1, 1, 1}, .last = decoder};
    way->is_accurate = tf_word_is(tf, &tf->nodes[decoder], "dct_method", "INTEGER_ACCURATE");
    for (size_t i = 0; i < tf->node_count && !tf->build->status; i++) {
        const struct tf_node *here = &tf->nodes[way->last];
        if (here->consumer_count != 1 || !take_step(tf, &tf->nodes[here->last_consumer], way->last, way))
            return;
        way->last = here->last_consumer;
    }
}

static void set_property(struct tf_graph *tf, const char *key, const char *value)
{
    if (!tf->build->status && !tw_graph_set_property(tf->build->graph, key, value))
        build_fail_memory(tf->build, strlen(value));
}

/* The JSON of image/image.h: an image policy as text. Photos stand upright as people
 * see them (EXIF applied), though TensorFlow's decoder does not turn them. */
static void write_policy(struct tf_graph *tf, const struct way *way)
{
    struct tw_buffer json = {0};
    struct build *build = tf->build;
    const double *m = way->mean, *s = way->scale;
    if (!build->status)
        build->status = tw_buffer_printf(
            &json, build->error,
            "{\"decode\":{\"jpeg_dct\":\"%s\",\"exif\":\"apply\",\"alpha\":\"blend\",\"background\":[255,255,255]},"
            "\"resize\":\"%s\",\"fit\":\"squash\",\"width\":%lld,\"height\":%lld,"
            "\"mean\":[%.9g,%.9g,%.9g],\"scale\":[%.9g,%.9g,%.9g],\"layout\":\"nchw\",\"channels\":\"rgb\"}",
            way->is_accurate ? "islow" : "ifast", way->has_half_pixels ? "tf2_bilinear" : "tf1_bilinear",
            (long long)way->width, (long long)way->height, m[0], m[1], m[2], s[0], s[1], s[2]);
    if (!build->status)
        build->status = tw_buffer_append(&json, "", 1, build->error);
    if (!build->status)
        set_property(tf, "topwork.policy", (const char *)json.data);
    tw_buffer_release(&json);
}

static void make_input(struct tf_graph *tf, const struct way *way)
{
    struct tf_node *node = &tf->nodes[way->last];
    struct build *build = tf->build;
    int id = build_value(build, node->name);
    node->output_count = 1;
    node->outputs = build_alloc(build, 1, sizeof *node->outputs);
    if (build->status)
        return;
    build->graph->values[id].dtype = TW_F32;
    build->graph->values[id].shape = (struct tw_shape){.rank = 4, .dims = {TW_UNKNOWN, 3, way->height, way->width}};
    node->outputs[0] = (struct layout_forms){.native = -1, .nchw = id};
    tf->image_node = way->last;
    if (!tw_graph_set_inputs(build->graph, &id, 1))
        build_fail_memory(build, sizeof id);
}

/* What savedmodel_write.c has put beside the graph, JSON of keys and texts. */
static void take_properties(struct tf_graph *tf, const char *text, struct way *way)
{
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *value;
    const char *key;
    struct tw_image_policy policy;
    if (!json_is_object(object)) {
        build_fail(tf->build, TW_CORRUPT, "node 'topwork/properties' holds no JSON object");
        json_decref(object);
        return;
    }
    json_object_foreach(object, key, value)
    {
        const char *spelled = json_string_value(value);
        if (spelled)
            set_property(tf, key, spelled);
    }
    json_decref(object);
    const char *spelled = tw_graph_property(tf->build->graph, "topwork.policy");
    if (tf->build->status)
        return;
    if (!spelled) {
        build_fail(tf->build, TW_CORRUPT, "node 'topwork/properties' holds no image policy");
        return;
    }
    tf->build->status = tw_image_policy_from_json(spelled, &policy, tf->build->error);
    way->width = policy.width;
    way->height = policy.height;
}

bool tf_find_own_input(struct tf_graph *tf)
{
    struct tf_link photo, properties;
    const char *const *texts;
    size_t count = 0;
    if (!tf_find_output(tf, "topwork/photo", &photo) || !tf_find_output(tf, "topwork/properties", &properties))
        return false;
    struct way way = {.last = photo.node};
    if (!tf_const_texts(tf, properties.node, &texts, &count) || count != 1) {
        build_fail(tf->build, TW_CORRUPT, "node 'topwork/properties' is no constant text");
        return true;
    }
    take_properties(tf, texts[0], &way);
    if (!tf->build->status)
        make_input(tf, &way);
    return true;
}

void tf_find_image_input(struct tf_graph *tf)
{
    int decoder = -1;
    for (size_t i = 0; i < tf->node_count; i++) {
        if (!is_decoder(&tf->nodes[i]))
            continue;
        if (decoder >= 0) {
            tf_fail(tf, &tf->nodes[i], "is the second decoder of photos; one is known");
            return;
        }
        decoder = (int)i;
    }
    for (size_t i = 0; i < tf->node_count; i++) {
        if (strcmp(tf->nodes[i].name, "pool_3") == 0)
            set_property(tf, "topwork.embedding", "pool_3");
    }
    if (decoder < 0)
        return;
    struct way way;
    follow(tf, decoder, &way);
    int64_t channels = tf_int(tf, &tf->nodes[decoder], "channels", 0);
    if (!way.has_resize || (channels != 3 && channels != 0)) {
        tf_fail(tf, &tf->nodes[decoder],
                "decodes photos, but not to three channels that ResizeBilinear brings to one size");
        return;
    }
    write_policy(tf, &way);
    make_input(tf, &way);
}
