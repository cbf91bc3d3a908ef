#include "tasks/policy_guess.h"

#include <stdio.h>
#include <string.h>

/* Width, height and layout from the input's shape; false when it is no picture of three channels. */
static bool read_shape(const struct tw_shape *shape, struct tw_image_policy *policy)
{
    if (shape->rank != 4)
        return false;
    bool is_nhwc = shape->dims[1] != 3 && shape->dims[3] == 3;
    if (!is_nhwc && shape->dims[1] != 3)
        return false;
    int64_t height = shape->dims[is_nhwc ? 1 : 2], width = shape->dims[is_nhwc ? 2 : 3];
    enum { LARGEST = 4096 };
    if (height > LARGEST || width > LARGEST || height == 0 || width == 0)
        return false;
    policy->is_nhwc = is_nhwc;
    if (height > 0 && width > 0) {
        policy->height = (int)height;
        policy->width = (int)width;
    }
    return true;
}

/* "(pixel - 128) * 0.0078125": the form in which published conversions state it. */
static bool read_scale(const char *text, struct tw_image_policy *policy)
{
    float mean, scale;
    int end = 0;
    if (!text || sscanf(text, " ( pixel - %f ) * %f %n", &mean, &scale, &end) != 2 || text[end])
        return false;
    for (int i = 0; i < 3; i++) {
        policy->mean[i] = mean;
        policy->scale[i] = scale;
    }
    return true;
}

static bool read_resize(const char *text, struct tw_image_policy *policy)
{
    if (!text || strncmp(text, "bilinear", 8) != 0 || strstr(text, "align_corners=True"))
        return false;
    policy->resize = strstr(text, "half_pixel_centers=True") ? TW_RESIZE_TF2_BILINEAR : TW_RESIZE_TF1_BILINEAR;
    return true;
}

enum tw_status tw_policy_of_graph(const struct tw_graph *graph, struct tw_image_policy *policy, bool *is_guessed,
                                  struct tw_error *error)
{
    const char *own = tw_graph_property(graph, "topwork.policy");
    *is_guessed = false;
    if (own)
        return tw_image_policy_from_json(own, policy, error);
    struct tw_image_policy found = tw_image_policy_default;
    const struct tw_value *input = graph->input_count == 1 ? &graph->values[graph->inputs[0]] : NULL;
    char shape[64] = "none";
    if (input)
        tw_shape_text(&input->shape, shape, sizeof shape);
    if (!input || !read_shape(&input->shape, &found))
        return tw_fail(error, TW_UNSUPPORTED, "the network's input is %s, not one picture [N,3,height,width]", shape);
    bool has_scale = read_scale(tw_graph_property(graph, "input_scale"), &found);
    bool has_resize = read_resize(tw_graph_property(graph, "resize"), &found);
    if (!has_scale && !has_resize && !found.is_nhwc) {
        /* Networks exported from PyTorch: ImageNet's mean and deviation, antialiased bilinear. */
        static const float mean[] = {123.675f, 116.28f, 103.53f};
        static const float scale[] = {1 / 58.395f, 1 / 57.12f, 1 / 57.375f};
        memcpy(found.mean, mean, sizeof mean);
        memcpy(found.scale, scale, sizeof scale);
        found.resize = TW_RESIZE_PILLOW_BILINEAR;
    }
    *is_guessed = !has_scale || !has_resize;
    *policy = found;
    return TW_OK;
}
