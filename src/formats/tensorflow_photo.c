#include "formats/tensorflow_photo.h"

#include <string.h>

/* Whether the file begins with these bytes. */
static const char *starts(struct tfw *tfw, const char *bytes, struct tw_span prefix)
{
    const char *head = TFW(tfw, "Substr T=int32", bytes, tfw_int(tfw, 0), tfw_int(tfw, (int32_t)prefix.size));
    return TFW(tfw, "Equal T=string", head, tfw_span(tfw, prefix));
}

static const char *decode_jpeg(struct tfw *tfw, const struct tw_decode_policy *policy, const char *bytes, int ratio)
{
    return TFW(tfw,
               tfw_text(tfw,
                        "DecodeJpeg channels=3 ratio=%d fancy_upscaling=true try_recover_truncated=false "
                        "acceptable_fraction=1.0 dct_method='%s'",
                        ratio, policy->jpeg_dct == TW_DCT_IFAST ? "INTEGER_FAST" : "INTEGER_ACCURATE"),
               bytes);
}

/* At a half, a quarter or an eighth of its size where the policy allows it: the ratio is an attribute, so one decoder each. */
static const char *decode_shrunk(struct tfw *tfw, const struct tw_decode_policy *policy, const char *bytes)
{
    const char *size = TFW(tfw, "ExtractJpegShape output_type=int32", bytes);
    const char *sides = TFW(tfw, "GatherV2 Tparams=int32 Tindices=int32 Taxis=int32", size,
                            tfw_ints(tfw, (const int32_t[]){0, 1}, 2), tfw_int(tfw, 0));
    const char *least = TFW(tfw, "Min T=int32 Tidx=int32 keep_dims=false", sides, tfw_int(tfw, 0)),
               *step = tfw_int(tfw, 0);
    const char *decoded[4];
    for (int divisor = 2; divisor <= 8; divisor *= 2) {
        const char *part = TFW(tfw, "FloorDiv T=int32", least, tfw_int(tfw, divisor));
        const char *fits = TFW(tfw, "GreaterEqual T=int32", part, tfw_int(tfw, policy->jpeg_least));
        step = TFW(tfw, "Add T=int32", step, TFW(tfw, "Cast SrcT=bool DstT=int32", fits));
    }
    for (int i = 0; i < 4; i++) {
        const char *is_it = TFW(tfw, "Equal T=int32", step, tfw_int(tfw, i));
        const char *split = TFW(tfw, "Switch T=string", bytes, is_it);
        decoded[i] = decode_jpeg(tfw, policy, tfw_port(tfw, split, 1), 1 << i);
    }
    return TFW(tfw, "Merge T=uint8 N=4", decoded[0], decoded[1], decoded[2], decoded[3]);
}

/* The alpha of a PNG. Where there is none in the file, TensorFlow fills in the greatest level of the file's own depth: 15 of a
 * palette of four bits (seen in 2.21). All of it being that means none. */
static const char *mend_alpha(struct tfw *tfw, const char *bytes, const char *alpha)
{
    enum { DEPTH_AT = 24 };
    static const uint8_t zeros[DEPTH_AT + 1];
    const char *zero = tfw_int(tfw, 0), *one = tfw_int(tfw, 1);
    const char *head = TFW(tfw, "Substr T=int32", bytes, zero, tfw_int(tfw, DEPTH_AT + 1));
    head = TFW(tfw, "DecodeRaw out_type=uint8 little_endian=true", head);
    head = TFW(tfw, "ConcatV2 T=uint8 Tidx=int32 N=2", head,
               tfw_tensor(tfw, TW_U8, &(struct tw_shape){.rank = 1, .dims = {DEPTH_AT + 1}}, zeros), zero);
    const char *depth =
        TFW(tfw, "GatherV2 Tparams=uint8 Tindices=int32 Taxis=int32", head, tfw_int(tfw, DEPTH_AT), zero);
    depth = TFW(tfw, "Cast SrcT=uint8 DstT=int32", depth);
    depth = TFW(tfw, "Minimum T=int32", depth, tfw_int(tfw, 8));
    const char *filler = TFW(tfw, "Sub T=int32", TFW(tfw, "LeftShift T=int32", one, depth), one);
    const char *is_filler = TFW(tfw, "All Tidx=int32 keep_dims=false", TFW(tfw, "Equal T=int32", alpha, filler),
                                tfw_ints(tfw, (const int32_t[]){0, 1, 2}, 3));
    const char *rest = TFW(tfw, "Sub T=int32", tfw_int(tfw, 255), filler);
    return TFW(tfw, "Add T=int32", alpha,
               TFW(tfw, "Mul T=int32", rest, TFW(tfw, "Cast SrcT=bool DstT=int32", is_filler)));
}

/* Over the background, rounded as image/codec.h rounds. */
static const char *blend(struct tfw *tfw, const struct tw_decode_policy *policy, const char *bytes, const char *rgba)
{
    const uint8_t *b = policy->background;
    const int32_t background[] = {b[0], b[1], b[2]};
    const char *wide = TFW(tfw, "Cast SrcT=uint8 DstT=int32", rgba), *axis = tfw_int(tfw, 2);
    const char *parts =
        TFW(tfw, "SplitV T=int32 Tlen=int32 num_split=2", wide, tfw_ints(tfw, (const int32_t[]){3, 1}, 2), axis);
    const char *alpha = mend_alpha(tfw, bytes, tfw_port(tfw, parts, 1)), *whole = tfw_int(tfw, 255);
    const char *over = TFW(tfw, "Mul T=int32", parts, alpha);
    const char *under = TFW(tfw, "Mul T=int32", tfw_ints(tfw, background, 3), TFW(tfw, "Sub T=int32", whole, alpha));
    const char *sum = TFW(tfw, "Add T=int32", TFW(tfw, "Add T=int32", over, under), tfw_int(tfw, 127));
    return TFW(tfw, "Cast SrcT=int32 DstT=uint8", TFW(tfw, "FloorDiv T=int32", sum, whole));
}

static const char *decode(struct tfw *tfw, const struct tw_decode_policy *policy, const char *bytes,
                          const char *is_jpeg, const char *is_png)
{
    const char *split = TFW(tfw, "Switch T=string", bytes, is_jpeg), *of_jpeg = tfw_port(tfw, split, 1);
    const char *jpeg =
        policy->jpeg_least > 0 ? decode_shrunk(tfw, policy, of_jpeg) : decode_jpeg(tfw, policy, of_jpeg, 1);
    const char *others = TFW(tfw, "Switch T=string", split, is_png);
    const char *png =
        TFW(tfw, policy->drops_alpha ? "DecodePng channels=3 dtype=uint8" : "DecodePng channels=4 dtype=uint8",
            tfw_port(tfw, others, 1));
    if (!policy->drops_alpha)
        png = blend(tfw, policy, tfw_port(tfw, others, 1), png);
    return TFW(tfw, "Merge T=uint8 N=3", jpeg, png, tfw_decode_other(tfw, policy, others));
}

static const char *flag_of(struct tfw *tfw, const char *orientation, const bool flags[9])
{
    const char *table = tfw_tensor(tfw, TW_BOOL, &(struct tw_shape){.rank = 1, .dims = {9}}, flags);
    return TFW(tfw, "GatherV2 Tparams=bool Tindices=int32 Taxis=int32", table, orientation, tfw_int(tfw, 0));
}

/* Rows become columns where it is turned, then it is mirrored. */
static const char *turn(struct tfw *tfw, const char *pixels, const char *orientation)
{
    static const bool is_turned[9] = {[5] = true, [6] = true, [7] = true, [8] = true},
                      is_left_right[9] = {[2] = true, [3] = true, [6] = true, [7] = true},
                      is_upside_down[9] = {[3] = true, [4] = true, [7] = true, [8] = true}, never[9] = {false};
    const char *order = TFW(tfw, "Select T=int32", flag_of(tfw, orientation, is_turned),
                            tfw_ints(tfw, (const int32_t[]){1, 0, 2}, 3), tfw_ints(tfw, (const int32_t[]){0, 1, 2}, 3));
    const char *turned = TFW(tfw, "Transpose T=uint8 Tperm=int32", pixels, order);
    const char *mirrors = TFW(tfw, "Pack T=bool N=3 axis=0", flag_of(tfw, orientation, is_upside_down),
                              flag_of(tfw, orientation, is_left_right), flag_of(tfw, orientation, never));
    return TFW(tfw, "Reverse T=uint8", turned, mirrors);
}

struct tfw_size tfw_size_of(struct tfw *tfw, const char *pixels)
{
    const char *shape = TFW(tfw, "Shape T=uint8 out_type=int32", pixels);
    const char *parts = TFW(tfw, "Unpack T=int32 num=3 axis=0", shape);
    return (struct tfw_size){parts, tfw_port(tfw, parts, 1)};
}

static const char *to_double(struct tfw *tfw, const char *whole)
{
    return TFW(tfw, "Cast SrcT=int32 DstT=double", whole);
}

/* A length in whole pixels, one at least. */
static const char *rounded(struct tfw *tfw, const char *length)
{
    const char *whole = TFW(tfw, "Floor T=double", TFW(tfw, "Add T=double", length, tfw_double(tfw, 0.5)));
    return TFW(tfw, "Maximum T=int32", TFW(tfw, "Cast SrcT=double DstT=int32", whole), tfw_int(tfw, 1));
}

static const char *half_of_rest(struct tfw *tfw, const char *whole, const char *part)
{
    return TFW(tfw, "FloorDiv T=int32", TFW(tfw, "Sub T=int32", whole, part), tfw_int(tfw, 2));
}

/* The greatest centred part of the target's shape. */
static const char *crop(struct tfw *tfw, const struct tw_image_policy *policy, const char *pixels)
{
    struct tfw_size size = tfw_size_of(tfw, pixels);
    const char *shape = tfw_double(tfw, (double)policy->width / policy->height);
    const char *across = TFW(tfw, "Mul T=double", to_double(tfw, size.height), shape);
    const char *down = TFW(tfw, "RealDiv T=double", to_double(tfw, size.width), shape);
    const char *is_wide = TFW(tfw, "Greater T=double", to_double(tfw, size.width), across);
    const char *width = TFW(tfw, "Select T=int32", is_wide, rounded(tfw, across), size.width);
    const char *height = TFW(tfw, "Select T=int32", is_wide, size.height, rounded(tfw, down));
    const char *begin = TFW(tfw, "Pack T=int32 N=3 axis=0", half_of_rest(tfw, size.height, height),
                            half_of_rest(tfw, size.width, width), tfw_int(tfw, 0));
    const char *extent = TFW(tfw, "Pack T=int32 N=3 axis=0", height, width, tfw_int(tfw, 3));
    return TFW(tfw, "Slice T=uint8 Index=int32", pixels, begin, extent);
}

/* All of the picture in the middle of the background. */
static const char *letterbox(struct tfw *tfw, const struct tw_image_policy *policy, const char *pixels)
{
    const uint8_t *b = policy->decode.background;
    const float background[] = {b[0], b[1], b[2]};
    struct tfw_size size = tfw_size_of(tfw, pixels);
    const char *whole_width = tfw_int(tfw, policy->width), *whole_height = tfw_int(tfw, policy->height);
    const char *across = TFW(tfw, "RealDiv T=double", tfw_double(tfw, policy->width), to_double(tfw, size.width));
    const char *down = TFW(tfw, "RealDiv T=double", tfw_double(tfw, policy->height), to_double(tfw, size.height));
    const char *scale = TFW(tfw, "Minimum T=double", across, down);
    const char *width = rounded(tfw, TFW(tfw, "Mul T=double", to_double(tfw, size.width), scale));
    const char *height = rounded(tfw, TFW(tfw, "Mul T=double", to_double(tfw, size.height), scale));
    width = TFW(tfw, "Minimum T=int32", width, whole_width);
    height = TFW(tfw, "Minimum T=int32", height, whole_height);
    const char *resized = tfw_resize(tfw, policy->resize, pixels, (struct tfw_size){height, width});
    const char *top = half_of_rest(tfw, whole_height, height), *left = half_of_rest(tfw, whole_width, width);
    const char *bottom = TFW(tfw, "Sub T=int32", TFW(tfw, "Sub T=int32", whole_height, height), top);
    const char *right = TFW(tfw, "Sub T=int32", TFW(tfw, "Sub T=int32", whole_width, width), left),
               *none = tfw_int(tfw, 0);
    const char *pads =
        TFW(tfw, "Pack T=int32 N=3 axis=0", TFW(tfw, "Pack T=int32 N=2 axis=0", top, bottom),
            TFW(tfw, "Pack T=int32 N=2 axis=0", left, right), TFW(tfw, "Pack T=int32 N=2 axis=0", none, none));
    /* Pad puts zeros: what stands over the background is put into it, and the background added to all. */
    const char *ground = tfw_tensor(tfw, TW_F32, &(struct tw_shape){.rank = 1, .dims = {3}}, background);
    const char *padded = TFW(tfw, "Pad T=float Tpaddings=int32", TFW(tfw, "Sub T=float", resized, ground), pads);
    return TFW(tfw, "Add T=float", padded, ground);
}

static const char *fit(struct tfw *tfw, const struct tw_image_policy *policy, const char *pixels)
{
    if (policy->fit == TW_FIT_LETTERBOX)
        return letterbox(tfw, policy, pixels);
    if (policy->fit == TW_FIT_CENTRE_CROP)
        pixels = crop(tfw, policy, pixels);
    struct tfw_size size = {tfw_int(tfw, policy->height), tfw_int(tfw, policy->width)};
    return tfw_resize(tfw, policy->resize, pixels, size);
}

const char *tfw_photo(struct tfw *tfw, const struct tw_image_policy *policy, const char *bytes)
{
    const struct tw_shape three = {.rank = 1, .dims = {3}};
    const char *is_jpeg = starts(tfw, bytes, tw_span_of("\xff\xd8\xff", 3));
    const char *is_png = starts(tfw, bytes, tw_span_of("\x89PNG\r\n\x1a\n", 8));
    const char *pixels = decode(tfw, &policy->decode, bytes, is_jpeg, is_png);
    if (policy->decode.exif == TW_EXIF_APPLY)
        pixels = turn(tfw, pixels, tfw_orientation(tfw, bytes, is_jpeg, is_png));
    const char *fitted = fit(tfw, policy, pixels);
    const char *centred = TFW(tfw, "Sub T=float", fitted, tfw_tensor(tfw, TW_F32, &three, policy->mean));
    const char *scaled = TFW(tfw, "Mul T=float", centred, tfw_tensor(tfw, TW_F32, &three, policy->scale));
    return policy->is_bgr ? TFW(tfw, "ReverseV2 T=float Tidx=int32", scaled, tfw_ints(tfw, (const int32_t[]){2}, 1))
                          : scaled;
}
