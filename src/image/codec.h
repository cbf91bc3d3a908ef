/* One image format: a file in codecs/ and a line in codecs/table.c. A codec takes bytes and gives pixels as stored; what
 * holds for all (limits, orientation) is done once, in decode.c. */
#ifndef TW_IMAGE_CODEC_H
#define TW_IMAGE_CODEC_H

#include "image/image.h"

struct tw_codec {
    const char *name;
    bool (*matches)(struct tw_span bytes);
    /* Header only; orientation from EXIF where the format has it. Dimensions may be anything: the caller checks them. */
    enum tw_status (*probe)(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error);
    /* By which whole number the decoder divides both sides, rounding up, under the policy; NULL: never. */
    int (*shrinks_by)(const struct tw_image_info *info, const struct tw_decode_policy *policy);
    /* `image` comes with the probed dimensions, shrunk, and memory for them. */
    enum tw_status (*decode)(struct tw_span bytes, const struct tw_decode_policy *policy, struct tw_image *image,
                             struct tw_error *error);
};
extern const struct tw_codec tw_codec_jpeg, tw_codec_png, tw_codec_gif, tw_codec_bmp, tw_codec_webp;
/* All of them, ending with NULL. */
extern const struct tw_codec *const tw_codecs[];

/* What `bytes` are when no codec matches, for the error: "a HEIC photo", "text", "an unknown kind of file". */
const char *tw_kind_of(struct tw_span bytes);

/* One pixel over the background, or without its alpha where the policy drops that. */
static inline void tw_blend(const struct tw_decode_policy *policy, const uint8_t *rgb, uint8_t alpha, uint8_t *out)
{
    for (int c = 0; c < 3; c++) {
        if (policy->drops_alpha || alpha == 255)
            out[c] = rgb[c];
        else
            out[c] = (uint8_t)((rgb[c] * alpha + policy->background[c] * (255 - alpha) + 127) / 255);
    }
}

#endif
