/* The orientation that a photo's EXIF part names, found by TensorFlow's ops: as image/codecs/jpeg.c, png.c, webp.c and image/exif.c
 * find it. Numbers are int64 scalars; zeros stand behind the bytes, so that every look ahead lies inside. */
#include "formats/tensorflow_photo.h"

#include <string.h>

enum { LOOK_AHEAD = 16, JPEG_HEAD = 10, PNG_HEAD = 8, TIFF_HEAD = 8, ENTRY = 12, FIELDS = 4, ORIENTATION_TAG = 0x112 };
/* Parts before a photo's pixels are some tens; a file of endless ones would cost minutes. */
enum { MOST_PARTS = 10000 };

static const char *number(struct tfw *tfw, int64_t value)
{
    return tfw_tensor(tfw, TW_I64, &(struct tw_shape){0}, &value);
}

static const char *numbers(struct tfw *tfw, const int64_t *values, int count)
{
    return tfw_tensor(tfw, TW_I64, &(struct tw_shape){.rank = 1, .dims = {count}}, values);
}

static const char *add(struct tfw *tfw, const char *a, const char *b)
{
    return TFW(tfw, "Add T=int64", a, b);
}

static const char *both(struct tfw *tfw, const char *a, const char *b)
{
    return TFW(tfw, "LogicalAnd", a, b);
}

static const char *is_equal(struct tfw *tfw, const char *a, int64_t b)
{
    return TFW(tfw, "Equal T=int64", a, number(tfw, b));
}

static const char *is_at_most(struct tfw *tfw, const char *a, const char *b)
{
    return TFW(tfw, "LessEqual T=int64", a, b);
}

static const char *choose(struct tfw *tfw, const char *question, const char *yes, const char *no)
{
    return TFW(tfw, "Select T=int64", question, yes, no);
}

static const char *take(struct tfw *tfw, const char *bytes, const char *at, const char *count)
{
    const char *zero = tfw_int(tfw, 0);
    const char *begin = TFW(tfw, "ExpandDims T=int64 Tdim=int32", at, zero);
    const char *size = TFW(tfw, "ExpandDims T=int64 Tdim=int32", count, zero);
    return TFW(tfw, "Slice T=uint8 Index=int64", bytes, begin, size);
}

/* `count` bytes from `at` on, as numbers. */
static const char *look(struct tfw *tfw, const char *bytes, const char *at, int count)
{
    return TFW(tfw, "Cast SrcT=uint8 DstT=int64", take(tfw, bytes, at, number(tfw, count)));
}

static const char *weighed(struct tfw *tfw, const char *bytes, const int64_t *weights, int count)
{
    const char *product = TFW(tfw, "Mul T=int64", bytes, numbers(tfw, weights, count));
    return TFW(tfw, "Sum T=int64 Tidx=int32 keep_dims=false", product, tfw_int(tfw, 0));
}

/* Whether the `count` looked-at bytes from `skip` on are this text. */
static const char *has(struct tfw *tfw, const char *looked, int looked_count, int skip, const char *text, int count)
{
    int64_t wanted[LOOK_AHEAD], mask[LOOK_AHEAD];
    for (int i = 0; i < looked_count; i++) {
        bool is_asked = i >= skip && i < skip + count;
        wanted[i] = is_asked ? (uint8_t)text[i - skip] : 0;
        mask[i] = is_asked;
    }
    const char *masked = TFW(tfw, "Mul T=int64", looked, numbers(tfw, mask, looked_count));
    const char *equal = TFW(tfw, "Equal T=int64", masked, numbers(tfw, wanted, looked_count));
    return TFW(tfw, "All Tidx=int32 keep_dims=false", equal, tfw_int(tfw, 0));
}

/* Where a TIFF block lies. Begin 0: none was found. */
struct tiff {
    const char *begin, *end;
};

/* A walk over a file's parts. Variables: where the next part begins (-1: there is none), the TIFF block, parts left. */
struct walk {
    struct tfw_loop loop;
    const char *bytes, *total;
};

static void begin_walk(struct tfw *tfw, struct walk *walk, const char *at, struct tiff found)
{
    walk->loop.count = 4;
    walk->loop.at_once = 1;
    for (int i = 0; i < 4; i++)
        walk->loop.types[i] = "int64";
    const char *const start[] = {at, found.begin, found.end, number(tfw, MOST_PARTS)};
    tfw_loop_begin(tfw, &walk->loop, start);
    walk->bytes = tfw_loop_invariant(tfw, &walk->loop, "uint8", walk->bytes);
    walk->total = tfw_loop_invariant(tfw, &walk->loop, "int64", walk->total);
    const char *zero = number(tfw, 0);
    const char *goes_on = both(tfw, TFW(tfw, "GreaterEqual T=int64", walk->loop.now[0], zero),
                               TFW(tfw, "Greater T=int64", walk->loop.now[3], zero));
    tfw_loop_body(tfw, &walk->loop, goes_on);
}

static struct tiff end_walk(struct tfw *tfw, struct walk *walk, const char *next, const char *is_found,
                            struct tiff here)
{
    const char *const values[] = {next, choose(tfw, is_found, here.begin, walk->loop.now[1]),
                                  choose(tfw, is_found, here.end, walk->loop.now[2]),
                                  add(tfw, walk->loop.now[3], number(tfw, -1))};
    tfw_loop_end(tfw, &walk->loop, values);
    return (struct tiff){walk->loop.exits[1], walk->loop.exits[2]};
}

static struct tiff walk_jpeg(struct tfw *tfw, const char *bytes, const char *total, const char *is_jpeg)
{
    static const int64_t length_weights[JPEG_HEAD] = {0, 0, 256, 1}, kind_weights[JPEG_HEAD] = {0, 1},
                         mark_weights[JPEG_HEAD] = {1};
    struct walk walk = {.loop.frame = "jpeg_parts", .bytes = bytes, .total = total};
    const char *none = number(tfw, -1), *start = choose(tfw, is_jpeg, number(tfw, 2), none);
    begin_walk(tfw, &walk, start, (struct tiff){number(tfw, 0), number(tfw, 0)});
    const char *at = walk.loop.now[0], *head = look(tfw, walk.bytes, at, JPEG_HEAD);
    const char *length = weighed(tfw, head, length_weights, JPEG_HEAD);
    const char *kind = weighed(tfw, head, kind_weights, JPEG_HEAD);
    const char *is_mark = is_equal(tfw, weighed(tfw, head, mark_weights, JPEG_HEAD), 0xff);
    const char *is_fill = both(tfw, is_mark, is_equal(tfw, kind, 0xff));
    const char *is_last = TFW(tfw, "LogicalOr", is_equal(tfw, kind, 0xda), is_equal(tfw, kind, 0xd9));
    const char *next = add(tfw, add(tfw, at, number(tfw, 2)), length);
    const char *is_whole = both(tfw, is_at_most(tfw, number(tfw, 2), length), is_at_most(tfw, next, walk.total));
    const char *is_part = both(tfw, both(tfw, is_mark, TFW(tfw, "LogicalNot", is_last)), is_whole);
    const char *is_exif =
        both(tfw, both(tfw, is_part, is_equal(tfw, kind, 0xe1)),
             both(tfw, has(tfw, head, JPEG_HEAD, 4, "Exif\0", 6), is_at_most(tfw, number(tfw, 8), length)));
    const char *goes_on = both(tfw, is_part, TFW(tfw, "LogicalNot", is_exif));
    const char *then = choose(tfw, goes_on, next, number(tfw, -1));
    then = choose(tfw, is_fill, add(tfw, at, number(tfw, 1)), then);
    return end_walk(tfw, &walk, then, is_exif, (struct tiff){add(tfw, at, number(tfw, JPEG_HEAD)), next});
}

static struct tiff walk_png(struct tfw *tfw, const char *bytes, const char *total, const char *is_png,
                            struct tiff found)
{
    static const int64_t size_weights[PNG_HEAD] = {1 << 24, 1 << 16, 1 << 8, 1};
    struct walk walk = {.loop.frame = "png_parts", .bytes = bytes, .total = total};
    const char *start = choose(tfw, is_png, number(tfw, PNG_HEAD), number(tfw, -1));
    begin_walk(tfw, &walk, start, found);
    const char *at = walk.loop.now[0], *head = look(tfw, walk.bytes, at, PNG_HEAD);
    const char *begin = add(tfw, at, number(tfw, PNG_HEAD));
    const char *end = add(tfw, begin, weighed(tfw, head, size_weights, PNG_HEAD));
    const char *next = add(tfw, end, number(tfw, 4));
    const char *is_data = has(tfw, head, PNG_HEAD, 4, "IDAT", 4);
    const char *goes_on = both(tfw, TFW(tfw, "LogicalNot", is_data), is_at_most(tfw, next, walk.total));
    const char *is_exif = both(tfw, goes_on, has(tfw, head, PNG_HEAD, 4, "eXIf", 4));
    return end_walk(tfw, &walk, choose(tfw, goes_on, next, number(tfw, -1)), is_exif, (struct tiff){begin, end});
}

/* The first EXIF chunk counts; its TIFF block may stand behind what JPEG puts before it. */
static struct tiff walk_webp(struct tfw *tfw, const char *bytes, const char *total, struct tiff found)
{
    enum { FIRST = 12, LOOK = 14 };
    static const int64_t size_weights[LOOK] = {0, 0, 0, 0, 1, 1 << 8, 1 << 16, 1 << 24};
    struct walk walk = {.loop.frame = "webp_parts", .bytes = bytes, .total = total};
    const char *opening = look(tfw, bytes, number(tfw, 0), FIRST), *none = number(tfw, -1);
    const char *is_webp = both(tfw, has(tfw, opening, FIRST, 0, "RIFF", 4), has(tfw, opening, FIRST, 8, "WEBP", 4));
    begin_walk(tfw, &walk, choose(tfw, is_webp, number(tfw, FIRST), none), found);
    const char *begin = add(tfw, walk.loop.now[0], number(tfw, 8));
    const char *head = look(tfw, walk.bytes, walk.loop.now[0], LOOK), *six = number(tfw, 6);
    const char *size = weighed(tfw, head, size_weights, LOOK), *end = add(tfw, begin, size);
    const char *is_whole = is_at_most(tfw, end, walk.total);
    const char *is_exif = both(tfw, is_whole, has(tfw, head, LOOK, 0, "EXIF", 4));
    const char *has_prefix = both(tfw, has(tfw, head, LOOK, 8, "Exif\0", 6), is_at_most(tfw, six, size));
    const char *rest = TFW(tfw, "FloorMod T=int64", size, number(tfw, 2));
    const char *goes_on = both(tfw, is_whole, TFW(tfw, "LogicalNot", is_exif));
    const char *next = choose(tfw, goes_on, add(tfw, end, rest), number(tfw, -1));
    next = choose(tfw, is_at_most(tfw, next, walk.total), next, number(tfw, -1));
    const struct tiff here = {choose(tfw, has_prefix, add(tfw, begin, six), begin), end};
    return end_walk(tfw, &walk, next, is_exif, here);
}

/* What a number of the TIFF block is by the file's order of bytes. */
static const char *of_order(struct tfw *tfw, const char *is_big, const char *head, const int64_t *big,
                            const int64_t *little)
{
    return choose(tfw, is_big, weighed(tfw, head, big, TIFF_HEAD), weighed(tfw, head, little, TIFF_HEAD));
}

/* Tag, type, count and value of every entry of the first directory, one row each, as doubles; behind them a row that says
 * orientation 1. `*count`: the rows before that. */
static const char *entries(struct tfw *tfw, const char *bytes, struct tiff tiff, const char **count)
{
    static const int64_t big_magic[TIFF_HEAD] = {0, 0, 256, 1}, little_magic[TIFF_HEAD] = {0, 0, 1, 256};
    static const int64_t big_offset[TIFF_HEAD] = {0, 0, 0, 0, 1 << 24, 1 << 16, 1 << 8, 1};
    static const int64_t little_offset[TIFF_HEAD] = {0, 0, 0, 0, 1, 1 << 8, 1 << 16, 1 << 24};
    static const int64_t big_count[TIFF_HEAD] = {256, 1}, little_count[TIFF_HEAD] = {1, 256};
    static const double big[ENTRY][FIELDS] = {
        {256},          {1},       {0, 256},       {0, 1},      {0, 0, 1 << 24}, {0, 0, 1 << 16},
        {0, 0, 1 << 8}, {0, 0, 1}, {0, 0, 0, 256}, {0, 0, 0, 1}};
    static const double little[ENTRY][FIELDS] = {{1},          {256},          {0, 1},          {0, 256},
                                                 {0, 0, 1},    {0, 0, 1 << 8}, {0, 0, 1 << 16}, {0, 0, 1 << 24},
                                                 {0, 0, 0, 1}, {0, 0, 0, 256}};
    static const double upright[1][FIELDS] = {{ORIENTATION_TAG, 3, 1, 1}};
    const struct tw_shape weights = {.rank = 2, .dims = {ENTRY, FIELDS}}, row = {.rank = 2, .dims = {1, FIELDS}};
    const char *zero = number(tfw, 0), *head = look(tfw, bytes, tiff.begin, TIFF_HEAD);
    const char *is_big = has(tfw, head, TIFF_HEAD, 0, "MM", 2), *is_little = has(tfw, head, TIFF_HEAD, 0, "II", 2);
    const char *offset = of_order(tfw, is_big, head, big_offset, little_offset);
    const char *directory = add(tfw, tiff.begin, offset);
    const char *first = add(tfw, directory, number(tfw, 2));
    const char *is_sound = both(tfw, TFW(tfw, "LogicalOr", is_big, is_little),
                                is_equal(tfw, of_order(tfw, is_big, head, big_magic, little_magic), 42));
    is_sound = both(tfw, is_sound, is_at_most(tfw, add(tfw, tiff.begin, number(tfw, TIFF_HEAD)), tiff.end));
    is_sound = both(tfw, is_sound, is_at_most(tfw, first, tiff.end));
    is_sound = both(tfw, is_sound, TFW(tfw, "Greater T=int64", tiff.begin, zero));
    const char *count_head = look(tfw, bytes, choose(tfw, is_sound, directory, zero), TIFF_HEAD);
    const char *room = TFW(tfw, "FloorDiv T=int64", TFW(tfw, "Sub T=int64", tiff.end, first), number(tfw, ENTRY));
    const char *named = of_order(tfw, is_big, count_head, big_count, little_count);
    *count = choose(tfw, is_sound, TFW(tfw, "Minimum T=int64", named, room), zero);
    const char *size = TFW(tfw, "Mul T=int64", *count, number(tfw, ENTRY));
    const char *block = take(tfw, bytes, choose(tfw, is_sound, first, zero), size);
    const char *table = TFW(tfw, "Reshape T=uint8 Tshape=int32", block, tfw_ints(tfw, (const int32_t[]){-1, ENTRY}, 2));
    const char *used = TFW(tfw, "Select T=double", is_big, tfw_tensor(tfw, TW_F64, &weights, big),
                           tfw_tensor(tfw, TW_F64, &weights, little));
    const char *fields = TFW(tfw, "MatMul T=double transpose_a=false transpose_b=false",
                             TFW(tfw, "Cast SrcT=uint8 DstT=double", table), used);
    return TFW(tfw, "ConcatV2 T=double Tidx=int32 N=2", fields, tfw_tensor(tfw, TW_F64, &row, upright),
               tfw_int(tfw, 0));
}

static const char *field(struct tfw *tfw, const char *row, int index)
{
    return TFW(tfw, "GatherV2 Tparams=double Tindices=int32 Taxis=int32", row, tfw_int(tfw, index), tfw_int(tfw, 0));
}

const char *tfw_orientation(struct tfw *tfw, const char *bytes, const char *is_jpeg, const char *is_png)
{
    static const uint8_t zeros[LOOK_AHEAD];
    const char *raw = TFW(tfw, "DecodeRaw out_type=uint8 little_endian=true", bytes);
    const char *total = TFW(tfw, "Size T=uint8 out_type=int64", raw);
    const char *behind = tfw_tensor(tfw, TW_U8, &(struct tw_shape){.rank = 1, .dims = {LOOK_AHEAD}}, zeros);
    const char *padded = TFW(tfw, "ConcatV2 T=uint8 Tidx=int32 N=2", raw, behind, tfw_int(tfw, 0));
    struct tiff tiff = walk_jpeg(tfw, padded, total, is_jpeg);
    const char *count;
    tiff = walk_png(tfw, padded, total, is_png, tiff);
    tiff = walk_webp(tfw, padded, total, tiff);
    const char *table = entries(tfw, padded, tiff, &count), *zero = tfw_int(tfw, 0), *one = number(tfw, 1);
    const char *tags = TFW(tfw, "GatherV2 Tparams=double Tindices=int32 Taxis=int32", table, zero, tfw_int(tfw, 1));
    const char *is_other = TFW(tfw, "NotEqual T=double", tags, tfw_double(tfw, ORIENTATION_TAG));
    const char *places = TFW(tfw, "Range Tidx=int64", number(tfw, 0), add(tfw, count, one), one);
    const char *behind_all =
        TFW(tfw, "Mul T=int64", TFW(tfw, "Cast SrcT=bool DstT=int64", is_other), number(tfw, INT32_MAX));
    const char *place = TFW(tfw, "Min T=int64 Tidx=int32 keep_dims=false", add(tfw, places, behind_all), zero);
    const char *row = TFW(tfw, "GatherV2 Tparams=double Tindices=int64 Taxis=int32", table, place, zero);
    const char *value = field(tfw, row, 3);
    const char *is_right = both(tfw, TFW(tfw, "Equal T=double", field(tfw, row, 1), tfw_double(tfw, 3)),
                                TFW(tfw, "Equal T=double", field(tfw, row, 2), tfw_double(tfw, 1)));
    is_right = both(tfw, is_right, TFW(tfw, "GreaterEqual T=double", value, tfw_double(tfw, 1)));
    is_right = both(tfw, is_right, TFW(tfw, "LessEqual T=double", value, tfw_double(tfw, 8)));
    return TFW(tfw, "Cast SrcT=double DstT=int32", TFW(tfw, "Select T=double", is_right, value, tfw_double(tfw, 1)));
}
