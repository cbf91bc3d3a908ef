#include "image/image.h"

#include "base/memory.h"
#include "image/codec.h"
#include "image/exif.h"

const struct tw_image_limits tw_image_limits_default = {
    .max_bytes = 256u << 20,
    .max_pixels = 178956970,
    .max_dimension = 65500,
};

void tw_image_release(struct tw_image *image)
{
    tw_free(image->rgb);
    *image = (struct tw_image){0};
}

static enum tw_status find_codec(struct tw_span bytes, const struct tw_codec **codec, struct tw_error *error)
{
    if (bytes.size == 0)
        return tw_fail(error, TW_CORRUPT, "the file is empty (0 bytes)");
    for (size_t i = 0; tw_codecs[i] != NULL; i++) {
        if (tw_codecs[i]->matches(bytes)) {
            *codec = tw_codecs[i];
            return TW_OK;
        }
    }
    return tw_fail(error, TW_UNSUPPORTED, "this is %s, not a photo that topwork reads (JPEG, PNG, GIF, BMP, WebP)",
                   tw_kind_of(bytes));
}

static enum tw_status check_limits(const struct tw_image_info *info, const struct tw_image_limits *limits,
                                   struct tw_error *error)
{
    if (info->width < 1 || info->height < 1)
        return tw_fail(error, TW_CORRUPT, "the %s has no pixels (%d x %d)", info->format, info->width, info->height);
    if (info->width > limits->max_dimension || info->height > limits->max_dimension)
        return tw_fail(error, TW_LIMIT, "the %s is %d x %d pixels, more than the limit of %d a side", info->format,
                       info->width, info->height, limits->max_dimension);
    int64_t pixels = (int64_t)info->width * info->height;
    if (pixels > limits->max_pixels)
        return tw_fail(error, TW_LIMIT, "the %s is %d x %d pixels (%lld), more than the limit of %lld", info->format,
                       info->width, info->height, (long long)pixels, (long long)limits->max_pixels);
    return TW_OK;
}

enum tw_status tw_image_probe(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error)
{
    const struct tw_codec *codec = NULL;
    enum tw_status status = find_codec(bytes, &codec, error);
    if (status != TW_OK)
        return status;
    struct tw_image_info found = {.format = codec->name, .orientation = 1};
    status = codec->probe(bytes, &found, error);
    if (status == TW_OK)
        *info = found;
    return status;
}

enum tw_status tw_image_decode(struct tw_span bytes, const struct tw_decode_policy *policy,
                               const struct tw_image_limits *limits, struct tw_image *image, struct tw_error *error)
{
    if (bytes.size > limits->max_bytes)
        return tw_fail(error, TW_LIMIT, "the file has %zu bytes, more than the limit of %zu", bytes.size,
                       limits->max_bytes);
    const struct tw_codec *codec = NULL;
    struct tw_image_info info = {.orientation = 1};
    struct tw_image decoded = {0};
    enum tw_status status = find_codec(bytes, &codec, error);
    if (status != TW_OK)
        return status;
    info.format = codec->name;
    if ((status = codec->probe(bytes, &info, error)) != TW_OK || (status = check_limits(&info, limits, error)) != TW_OK)
        return status;
    int divisor = codec->shrinks_by != NULL ? codec->shrinks_by(&info, policy) : 1;
    decoded = (struct tw_image){.width = (info.width + divisor - 1) / divisor,
                                .height = (info.height + divisor - 1) / divisor,
                                .photo_width = info.width,
                                .photo_height = info.height};
    size_t pixels = (size_t)decoded.width * (size_t)decoded.height;
    decoded.rgb = tw_alloc(pixels, 3);
    if (decoded.rgb == NULL)
        return tw_fail_memory(error, pixels * 3, "the pixels of a photo");
    status = codec->decode(bytes, policy, &decoded, error);
    if (status == TW_OK && policy->exif == TW_EXIF_APPLY)
        status = tw_image_orient(&decoded, info.orientation, error);
    if (status != TW_OK) {
        tw_image_release(&decoded);
        return status;
    }
    *image = decoded;
    return TW_OK;
}
