/* Photos that TensorFlow decodes otherwise than we do, and without a word: a wrong answer is worse than none, so the graph refuses
 * them. By the layouts of image/codecs/gif.c, bmp.c and webp.c; numbers are int32. */
#include "formats/tensorflow_photo.h"

enum { HEAD = 1400, GIF_WINDOW = 300, RAMP_AT = 54, RAMP = 1024, BMP_HEADER = 40 };

static const char *slice(struct tfw *tfw, const char *head, const char *at, int count)
{
    const char *begin = TFW(tfw, "ExpandDims T=int32 Tdim=int32", at, tfw_int(tfw, 0));
    return TFW(tfw, "Slice T=int32 Index=int32", head, begin, tfw_ints(tfw, (const int32_t[]){count}, 1));
}

static const char *byte_at(struct tfw *tfw, const char *head, int at)
{
    return TFW(tfw, "GatherV2 Tparams=int32 Tindices=int32 Taxis=int32", head, tfw_int(tfw, at), tfw_int(tfw, 0));
}

static const char *is_equal(struct tfw *tfw, const char *a, int b)
{
    return TFW(tfw, "Equal T=int32", a, tfw_int(tfw, b));
}

static const char *both(struct tfw *tfw, const char *a, const char *b)
{
    return TFW(tfw, "LogicalAnd", a, b);
}

static const char *all_of(struct tfw *tfw, const char *flags)
{
    return TFW(tfw, "All Tidx=int32 keep_dims=false", flags, tfw_int(tfw, 0));
}

/* A graphic control block that names a transparent colour, between the colour table and the first frame. */
static const char *shows_through(struct tfw *tfw, const char *head)
{
    const char *flags = byte_at(tfw, head, 10), *eight = tfw_int(tfw, 8), *two = tfw_int(tfw, 2);
    const char *colours = TFW(tfw, "LeftShift T=int32", two, TFW(tfw, "FloorMod T=int32", flags, eight));
    const char *table = TFW(tfw, "Mul T=int32", TFW(tfw, "Mul T=int32", colours, tfw_int(tfw, 3)),
                            TFW(tfw, "FloorDiv T=int32", flags, tfw_int(tfw, 128)));
    const char *start = TFW(tfw, "Add T=int32", table, tfw_int(tfw, 13));
    static const int marks[] = {0x21, 0xf9, 4};
    const char *control = slice(tfw, head, TFW(tfw, "Add T=int32", start, tfw_int(tfw, 3)), GIF_WINDOW);
    const char *found = TFW(tfw, "Equal T=int32", TFW(tfw, "FloorMod T=int32", control, two), tfw_int(tfw, 1));
    for (int i = 0; i < 3; i++) {
        const char *at = TFW(tfw, "Add T=int32", start, tfw_int(tfw, i));
        found = both(tfw, found, is_equal(tfw, slice(tfw, head, at, GIF_WINDOW), marks[i]));
    }
    return TFW(tfw, "Any Tidx=int32 keep_dims=false", found, tfw_int(tfw, 0));
}

/* Eight bits through a table of greys. */
static const char *is_grey(struct tfw *tfw, const char *head)
{
    int32_t greys[RAMP], mask[RAMP];
    for (int i = 0; i < RAMP; i++) {
        greys[i] = i % 4 == 3 ? 0 : i / 4;
        mask[i] = i % 4 != 3;
    }
    const char *table =
        TFW(tfw, "Mul T=int32", slice(tfw, head, tfw_int(tfw, RAMP_AT), RAMP), tfw_ints(tfw, mask, RAMP));
    const char *is_ramp = all_of(tfw, TFW(tfw, "Equal T=int32", table, tfw_ints(tfw, greys, RAMP)));
    return both(tfw, is_ramp,
                both(tfw, is_equal(tfw, byte_at(tfw, head, 28), 8), is_equal(tfw, byte_at(tfw, head, 14), BMP_HEADER)));
}

static const char *is_plain_bmp(struct tfw *tfw, const char *head)
{
    const char *bits = byte_at(tfw, head, 28);
    const char *is_deep = TFW(tfw, "LogicalOr", is_equal(tfw, bits, 24), is_equal(tfw, bits, 32));
    const char *is_unpacked = all_of(tfw, is_equal(tfw, slice(tfw, head, tfw_int(tfw, 30), 4), 0));
    return both(tfw, is_unpacked, TFW(tfw, "LogicalOr", is_deep, is_grey(tfw, head)));
}

/* By the flag of an extended file, or of a lossless one. */
static const char *has_alpha(struct tfw *tfw, const char *head)
{
    static const int kinds[] = {'X', 'L'}, flags_at[] = {20, 24};
    const char *is_either = NULL;
    for (int i = 0; i < 2; i++) {
        const char *bits = TFW(tfw, "FloorDiv T=int32", byte_at(tfw, head, flags_at[i]), tfw_int(tfw, 16));
        const char *is_set = is_equal(tfw, TFW(tfw, "FloorMod T=int32", bits, tfw_int(tfw, 2)), 1);
        const char *is_it = both(tfw, is_set, is_equal(tfw, byte_at(tfw, head, 15), kinds[i]));
        is_either = is_either ? TFW(tfw, "LogicalOr", is_either, is_it) : is_it;
    }
    return both(tfw, is_either,
                both(tfw, is_equal(tfw, byte_at(tfw, head, 0), 'R'), is_equal(tfw, byte_at(tfw, head, 8), 'W')));
}

static const char *refuse(struct tfw *tfw, const char *is_fine, const char *text)
{
    const char *assertion = TFW(tfw, "Assert T={string} summarize=3", is_fine, tfw_span(tfw, tw_span_of_text(text)));
    return assertion ? tfw_text(tfw, "^%s", assertion) : NULL;
}

const char *tfw_decode_other(struct tfw *tfw, const struct tw_decode_policy *policy, const char *bytes)
{
    static const uint8_t zeros[HEAD];
    const char *zero = tfw_int(tfw, 0);
    const char *head = TFW(tfw, "Substr T=int32", bytes, zero, tfw_int(tfw, HEAD));
    head = TFW(tfw, "DecodeRaw out_type=uint8 little_endian=true", head);
    head = TFW(tfw, "ConcatV2 T=uint8 Tidx=int32 N=2", head,
               tfw_tensor(tfw, TW_U8, &(struct tw_shape){.rank = 1, .dims = {HEAD}}, zeros), zero);
    head = TFW(tfw, "Cast SrcT=uint8 DstT=int32", head);
    const char *is_bmp =
        both(tfw, is_equal(tfw, byte_at(tfw, head, 0), 'B'), is_equal(tfw, byte_at(tfw, head, 1), 'M'));
    const char *is_gif =
        both(tfw, is_equal(tfw, byte_at(tfw, head, 0), 'G'), is_equal(tfw, byte_at(tfw, head, 3), '8'));
    const char *is_odd_bmp = both(tfw, is_bmp, TFW(tfw, "LogicalNot", is_plain_bmp(tfw, head)));
    const char *bmp = refuse(tfw, TFW(tfw, "LogicalNot", is_odd_bmp),
                             "this BMP has a colour table, masks or packed pixels, which TensorFlow does not read");
    const char *spec = "DecodeImage channels=3 dtype=uint8 expand_animations=false";
    if (policy->drops_alpha)
        return TFW(tfw, spec, bytes, bmp);
    const char *is_odd_gif = both(tfw, is_gif, shows_through(tfw, head));
    const char *gif =
        refuse(tfw, TFW(tfw, "LogicalNot", is_odd_gif),
               "this GIF has transparent parts, which TensorFlow shows otherwise than the model's training did");
    const char *webp =
        refuse(tfw, TFW(tfw, "LogicalNot", has_alpha(tfw, head)),
               "this WebP has alpha, which TensorFlow drops and the model's training put on a background");
    return TFW(tfw, spec, bytes, bmp, gif, webp);
}
