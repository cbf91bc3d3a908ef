#include "image/image.h"

#include "base/memory.h"
#include "image/resize.h"

#include <math.h>
#include <string.h>

const struct tw_image_policy tw_image_policy_default = {
    .decode = {.jpeg_dct = TW_DCT_IFAST, .exif = TW_EXIF_APPLY, .background = {255, 255, 255}},
    .resize = TW_RESIZE_TF1_BILINEAR,
    .fit = TW_FIT_SQUASH,
    .width = 299,
    .height = 299,
    .mean = {128, 128, 128},
    .scale = {0.0078125f, 0.0078125f, 0.0078125f},
};

void tw_image_policy_decode_fast(struct tw_image_policy *policy)
{
    policy->decode.jpeg_least = 2 * (policy->width > policy->height ? policy->width : policy->height);
}

enum tw_status tw_resize(const struct tw_image *image, enum tw_resize method, int width, int height, float *out,
                         struct tw_error *error)
{
    if (method == TW_RESIZE_TF1_BILINEAR || method == TW_RESIZE_TF2_BILINEAR)
        return tw_resize_tensorflow(image, method == TW_RESIZE_TF2_BILINEAR, width, height, out, error);
    size_t count = (size_t)width * (size_t)height * 3;
    uint8_t *levels = tw_alloc(count, 1);
    if (levels == NULL)
        return tw_fail_memory(error, count, "resizing");
    enum tw_status status = tw_resize_pillow(image, method == TW_RESIZE_PILLOW_BICUBIC, width, height, levels, error);
    for (size_t i = 0; i < count && status == TW_OK; i++)
        out[i] = (float)levels[i];
    tw_free(levels);
    return status;
}

static int at_least_1(double x)
{
    return x < 1 ? 1 : (int)x;
}

/* The greatest centred part that has the target's shape, as Pillow's ImageOps.fit, in whole pixels. */
static enum tw_status crop(const struct tw_image *image, int width, int height, struct tw_image *part,
                           struct tw_error *error)
{
    double shape = (double)width / height;
    bool is_wide = image->width > image->height * shape;
    int w = is_wide ? at_least_1(round(image->height * shape)) : image->width;
    int h = is_wide ? image->height : at_least_1(round(image->width / shape));
    size_t left = (size_t)(image->width - w) / 2, top = (size_t)(image->height - h) / 2;
    uint8_t *rgb = tw_alloc((size_t)w * (size_t)h, 3);
    if (rgb == NULL)
        return tw_fail_memory(error, (size_t)w * (size_t)h * 3, "cropping");
    for (size_t y = 0; y < (size_t)h; y++)
        memcpy(rgb + y * (size_t)w * 3, image->rgb + ((top + y) * (size_t)image->width + left) * 3, (size_t)w * 3);
    *part = (struct tw_image){.width = w, .height = h, .rgb = rgb};
    return TW_OK;
}

/* All of the picture in the middle of the background, as Pillow's ImageOps.pad. */
static enum tw_status letterbox(const struct tw_image *image, const struct tw_image_policy *policy, float *out,
                                struct tw_error *error)
{
    double scale = fmin((double)policy->width / image->width, (double)policy->height / image->height);
    int w = at_least_1(fmin(round(image->width * scale), policy->width));
    int h = at_least_1(fmin(round(image->height * scale), policy->height));
    size_t left = (size_t)(policy->width - w) / 2, top = (size_t)(policy->height - h) / 2,
           row = (size_t)policy->width * 3;
    float *inner = tw_alloc((size_t)w * (size_t)h * 3, sizeof *inner);
    if (inner == NULL)
        return tw_fail_memory(error, (size_t)w * (size_t)h * 3 * sizeof *inner, "letterboxing");
    enum tw_status status = tw_resize(image, policy->resize, w, h, inner, error);
    for (size_t i = 0; i < row * (size_t)policy->height; i++)
        out[i] = (float)policy->decode.background[i % 3];
    for (size_t y = 0; y < (size_t)h && status == TW_OK; y++)
        memcpy(out + (top + y) * row + left * 3, inner + y * (size_t)w * 3, (size_t)w * 3 * sizeof *inner);
    tw_free(inner);
    return status;
}

static enum tw_status fit_pixels(const struct tw_image *image, const struct tw_image_policy *policy, float *out,
                                 struct tw_error *error)
{
    if (policy->fit == TW_FIT_SQUASH)
        return tw_resize(image, policy->resize, policy->width, policy->height, out, error);
    if (policy->fit == TW_FIT_LETTERBOX)
        return letterbox(image, policy, out, error);
    struct tw_image part = {0};
    enum tw_status status = crop(image, policy->width, policy->height, &part, error);
    if (status == TW_OK)
        status = tw_resize(&part, policy->resize, policy->width, policy->height, out, error);
    tw_image_release(&part);
    return status;
}

enum tw_status tw_image_to_tensor(const struct tw_image *image, const struct tw_image_policy *policy, float *tensor,
                                  struct tw_error *error)
{
    size_t plane = (size_t)policy->width * (size_t)policy->height;
    float *pixels = tw_alloc_aligned(plane * 3 * sizeof *pixels);
    if (pixels == NULL)
        return tw_fail_memory(error, plane * 3 * sizeof *pixels, "the input of a network");
    enum tw_status status = fit_pixels(image, policy, pixels, error);
    for (size_t c = 0; c < 3 && status == TW_OK; c++) {
        size_t channel = policy->is_bgr ? 2 - c : c;
        size_t step = policy->is_nhwc ? 3 : 1, start = policy->is_nhwc ? channel : channel * plane;
        for (size_t i = 0; i < plane; i++)
            tensor[start + i * step] = (pixels[i * 3 + c] - policy->mean[c]) * policy->scale[c];
    }
    tw_free(pixels);
    return status;
}
