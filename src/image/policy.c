#include "image/image.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const dct_words[] = {[TW_DCT_IFAST] = "ifast", [TW_DCT_ISLOW] = "islow", NULL};
static const char *const exif_words[] = {[TW_EXIF_APPLY] = "apply", [TW_EXIF_IGNORE] = "ignore", NULL};
static const char *const alpha_words[] = {"blend", "drop", NULL};
static const char *const layout_words[] = {"nchw", "nhwc", NULL};
static const char *const channel_words[] = {"rgb", "bgr", NULL};
static const char *const resize_words[] = {
    [TW_RESIZE_TF1_BILINEAR] = "tf1_bilinear",
    [TW_RESIZE_TF2_BILINEAR] = "tf2_bilinear",
    [TW_RESIZE_PILLOW_BILINEAR] = "pillow_bilinear",
    [TW_RESIZE_PILLOW_BICUBIC] = "pillow_bicubic",
    NULL,
};
static const char *const fit_words[] = {
    [TW_FIT_SQUASH] = "squash",
    [TW_FIT_CENTRE_CROP] = "centre_crop",
    [TW_FIT_LETTERBOX] = "letterbox",
    NULL,
};

char *tw_image_policy_to_json(const struct tw_image_policy *policy)
{
    const uint8_t *b = policy->decode.background;
    const float *m = policy->mean, *s = policy->scale;
    struct tw_buffer text = {0};
    char fast[40] = ""; /* absent where it is not asked for: texts of earlier versions stay as they are */
    if (policy->decode.jpeg_least > 0)
        snprintf(fast, sizeof fast, ",\"jpeg_least\":%d", policy->decode.jpeg_least);
    enum tw_status status = tw_buffer_printf(
        &text, NULL,
        "{\"decode\":{\"jpeg_dct\":\"%s\",\"exif\":\"%s\",\"alpha\":\"%s\",\"background\":[%d,%d,%d]%s},\"resize\":\"%"
        "s\","
        "\"fit\":\"%s\",\"width\":%d,\"height\":%d,\"mean\":[%.9g,%.9g,%.9g],\"scale\":[%.9g,%.9g,%.9g],\"layout\":\"%"
        "s\","
        "\"channels\":\"%s\"}",
        dct_words[policy->decode.jpeg_dct], exif_words[policy->decode.exif], alpha_words[policy->decode.drops_alpha],
        b[0], b[1], b[2], fast, resize_words[policy->resize], fit_words[policy->fit], policy->width, policy->height,
        (double)m[0], (double)m[1], (double)m[2], (double)s[0], (double)s[1], (double)s[2],
        layout_words[policy->is_nhwc], channel_words[policy->is_bgr]);
    char *json = status == TW_OK ? tw_strndup((const char *)text.data, text.size) : NULL;
    tw_buffer_release(&text);
    return json;
}

/* A key that is absent keeps what `choice` holds. */
static enum tw_status read_word(const json_t *object, const char *key, const char *const *words, int *choice,
                                struct tw_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return TW_OK;
    const char *text = json_string_value(value);
    for (int i = 0; text != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *choice = i;
            return TW_OK;
        }
    }
    return tw_fail(error, TW_UNSUPPORTED, "the image policy's \"%s\" is %.60s, which this version does not know", key,
                   text != NULL ? text : "no text");
}

static enum tw_status read_size(const json_t *object, const char *key, int *size, struct tw_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > 4096)
        return tw_fail(error, TW_UNSUPPORTED, "the image policy's \"%s\" is not a whole number from 1 to 4096", key);
    *size = (int)json_integer_value(value);
    return TW_OK;
}

static enum tw_status read_three(const json_t *object, const char *key, float *numbers, struct tw_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return TW_OK;
    for (size_t i = 0; i < 3; i++) {
        const json_t *number = json_array_get(value, i);
        if (json_array_size(value) != 3 || !json_is_number(number) || !isfinite((float)json_number_value(number)))
            return tw_fail(error, TW_UNSUPPORTED, "the image policy's \"%s\" is not a list of three numbers", key);
        numbers[i] = (float)json_number_value(number) + 0.0f; /* -0 would be written, and read again as 0 */
    }
    return TW_OK;
}

static enum tw_status refuse_unknown_keys(const json_t *object, const char *const *known, struct tw_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] == NULL)
            return tw_fail(error, TW_UNSUPPORTED, "the image policy has \"%.60s\", which this version does not know",
                           key);
    }
    return TW_OK;
}

static enum tw_status read_decode(const json_t *object, struct tw_decode_policy *policy, struct tw_error *error)
{
    static const char *const known[] = {"jpeg_dct", "exif", "alpha", "background", "jpeg_least", NULL};
    int dct = (int)policy->jpeg_dct, exif = (int)policy->exif, drops = policy->drops_alpha;
    float background[3] = {policy->background[0], policy->background[1], policy->background[2]};
    if (object == NULL)
        return TW_OK;
    if (!json_is_object(object))
        return tw_fail(error, TW_UNSUPPORTED, "the image policy's \"decode\" is not a JSON object");
    enum tw_status status = refuse_unknown_keys(object, known, error);
    if (status != TW_OK || (status = read_word(object, "jpeg_dct", dct_words, &dct, error)) != TW_OK ||
        (status = read_word(object, "exif", exif_words, &exif, error)) != TW_OK ||
        (status = read_word(object, "alpha", alpha_words, &drops, error)) != TW_OK ||
        (status = read_three(object, "background", background, error)) != TW_OK)
        return status;
    policy->jpeg_dct = (enum tw_jpeg_dct)dct;
    policy->exif = (enum tw_exif)exif;
    policy->drops_alpha = drops != 0;
    const json_t *least = json_object_get(object, "jpeg_least");
    if (least != NULL &&
        (!json_is_integer(least) || json_integer_value(least) < 0 || json_integer_value(least) > 65500))
        return tw_fail(error, TW_UNSUPPORTED,
                       "the image policy's \"jpeg_least\" is not a whole number from 0 to 65500");
    if (least != NULL)
        policy->jpeg_least = (int)json_integer_value(least);
    for (int c = 0; c < 3; c++) {
        if (!(background[c] >= 0 && background[c] <= 255) || background[c] != floorf(background[c]))
            return tw_fail(error, TW_UNSUPPORTED,
                           "the image policy's background %g is not a whole number from 0 to 255",
                           (double)background[c]);
        policy->background[c] = (uint8_t)background[c];
    }
    return TW_OK;
}

static enum tw_status read_policy(const json_t *root, struct tw_image_policy *policy, struct tw_error *error)
{
    static const char *const known[] = {"decode", "resize", "fit",    "width",    "height",
                                        "mean",   "scale",  "layout", "channels", NULL};
    int resize = (int)policy->resize, fit = (int)policy->fit, layout = policy->is_nhwc, channels = policy->is_bgr;
    enum tw_status status = refuse_unknown_keys(root, known, error);
    if (status != TW_OK || (status = read_decode(json_object_get(root, "decode"), &policy->decode, error)) != TW_OK ||
        (status = read_word(root, "resize", resize_words, &resize, error)) != TW_OK ||
        (status = read_word(root, "fit", fit_words, &fit, error)) != TW_OK ||
        (status = read_word(root, "layout", layout_words, &layout, error)) != TW_OK ||
        (status = read_word(root, "channels", channel_words, &channels, error)) != TW_OK ||
        (status = read_size(root, "width", &policy->width, error)) != TW_OK ||
        (status = read_size(root, "height", &policy->height, error)) != TW_OK ||
        (status = read_three(root, "mean", policy->mean, error)) != TW_OK ||
        (status = read_three(root, "scale", policy->scale, error)) != TW_OK)
        return status;
    policy->resize = (enum tw_resize)resize;
    policy->fit = (enum tw_fit)fit;
    policy->is_nhwc = layout != 0;
    policy->is_bgr = channels != 0;
    return TW_OK;
}

enum tw_status tw_image_policy_from_json(const char *json, struct tw_image_policy *policy, struct tw_error *error)
{
    json_error_t where;
    struct tw_image_policy read = tw_image_policy_default;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root)) {
        bool is_json = root != NULL;
        json_decref(root);
        return is_json ? tw_fail(error, TW_CORRUPT, "the image policy is JSON, but not an object")
                       : tw_fail(error, TW_CORRUPT, "the image policy is not JSON (%s)", where.text);
    }
    enum tw_status status = read_policy(root, &read, error);
    json_decref(root);
    if (status == TW_OK)
        *policy = read;
    return status;
}
