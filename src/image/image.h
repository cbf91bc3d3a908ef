/* Bytes of a photo to RGB pixels, and pixels to a network's input, by a policy that is recorded and travels with the
 * model. Content decides the codec, never the name. */
#ifndef TW_IMAGE_IMAGE_H
#define TW_IMAGE_IMAGE_H

#include "base/bytes.h"

/* 8-bit RGB, rows without padding. Owned. Zero-initialise; release accepts the zero state. */
struct tw_image {
    int width, height;
    uint8_t *rgb;                  /* height * width * 3 */
    int photo_width, photo_height; /* of what was decoded: greater where the decoder left pixels out (jpeg_least) */
};
void tw_image_release(struct tw_image *image);

/* Checked before memory is taken. */
struct tw_image_limits {
    size_t max_bytes;   /* of the encoded file; default 256 MiB */
    int64_t max_pixels; /* width * height; default 178,956,970 (Pillow's error bound) */
    int max_dimension;  /* width or height; default 65,500 (JPEG's own) */
};
extern const struct tw_image_limits tw_image_limits_default;

enum tw_jpeg_dct { TW_DCT_IFAST, TW_DCT_ISLOW }; /* TensorFlow's default is IFAST */
enum tw_exif { TW_EXIF_APPLY, TW_EXIF_IGNORE };
enum tw_resize { TW_RESIZE_TF1_BILINEAR, TW_RESIZE_TF2_BILINEAR, TW_RESIZE_PILLOW_BILINEAR, TW_RESIZE_PILLOW_BICUBIC };
enum tw_fit { TW_FIT_SQUASH, TW_FIT_CENTRE_CROP, TW_FIT_LETTERBOX };

/* How bytes become pixels. 16-bit channels keep their high byte as TensorFlow's uint8 decode does; CMYK and YCCK turn to
 * RGB by k*c/255 (Adobe, inverted) or (255-k)*(255-c)/255. */
struct tw_decode_policy {
    enum tw_jpeg_dct jpeg_dct;
    enum tw_exif exif;
    uint8_t background[3]; /* what shows through alpha; default white */
    /* As TensorFlow's decode_image(channels=3): alpha is dropped, not blended. --ignore-exif does not set this. */
    bool drops_alpha;
    /* 0: all pixels. Else a JPEG is decoded at a half, a quarter or an eighth of its size as long as no side falls below
     * this many pixels: much faster for large photos, and nearly the same once they are small. */
    int jpeg_least;
};

/* The whole way from bytes to a network's input. Input value = (pixel - mean) * scale, per channel in RGB order. */
struct tw_image_policy {
    struct tw_decode_policy decode;
    enum tw_resize resize;
    enum tw_fit fit;
    int width, height;
    float mean[3], scale[3];
    bool is_nhwc; /* the layout of the input tensor; NCHW otherwise */
    bool is_bgr;  /* channel order of the input tensor */
};

/* Inception v3 of 2015: IFAST, EXIF applied, white, TF1 bilinear, squash 299 x 299, (pixel - 128) * 0.0078125, NCHW. */
extern const struct tw_image_policy tw_image_policy_default;
/* Asks for jpeg_least of twice the input's longer side. */
void tw_image_policy_decode_fast(struct tw_image_policy *policy);

/* JSON object text of a policy (keys in a fixed order, so equal policies give equal text), and back. Unknown values are
 * TW_UNSUPPORTED with the key and the value. The result is owned by the caller (tw_free). */
char *tw_image_policy_to_json(const struct tw_image_policy *policy);
enum tw_status tw_image_policy_from_json(const char *json, struct tw_image_policy *policy,
                                         struct tw_error *error) TW_MUST_USE;

/* What a file claims to be, without decoding it. `format` is a word: "jpeg", "png", "gif", "bmp", "webp". */
struct tw_image_info {
    const char *format;
    int width, height; /* as stored, before EXIF orientation */
    int orientation;   /* EXIF 1..8; 1 where there is none */
};
enum tw_status tw_image_probe(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error) TW_MUST_USE;

/* Errors: TW_UNSUPPORTED (not an image, or a kind not built in), TW_CORRUPT (damaged, truncated), TW_LIMIT. */
enum tw_status tw_image_decode(struct tw_span bytes, const struct tw_decode_policy *policy,
                               const struct tw_image_limits *limits, struct tw_image *image,
                               struct tw_error *error) TW_MUST_USE;

/* Pixels to the network's input: resize, fit, normalise, lay out. `tensor` holds 3 * width * height floats. */
enum tw_status tw_image_to_tensor(const struct tw_image *image, const struct tw_image_policy *policy, float *tensor,
                                  struct tw_error *error) TW_MUST_USE;

/* JPEG bytes of a picture at most `edge` pixels wide and high (thumbnails); quality 1..100. Appends. */
enum tw_status tw_image_thumbnail(const struct tw_image *image, int edge, int quality, struct tw_buffer *jpeg,
                                  struct tw_error *error) TW_MUST_USE;
/* PNG bytes of the picture as it is. Appends. */
enum tw_status tw_image_to_png(const struct tw_image *image, struct tw_buffer *png, struct tw_error *error) TW_MUST_USE;

#endif
