/* Resizing in TensorFlow's ops: its own, or Pillow's in whole numbers, as image/resize_pillow.c does it: a matrix of weights
 * of 22 bits for each axis, rounded to levels between the two. */
#include "formats/tensorflow_photo.h"

enum { WEIGHT_BITS = 22 };

static const char *binary(struct tfw *tfw, const char *op, const char *a, const char *b)
{
    return TFW(tfw, tfw_text(tfw, "%s T=double", op), a, b);
}

static const char *whole(struct tfw *tfw, const char *x)
{
    return TFW(tfw, "Cast SrcT=double DstT=int32", x);
}

static const char *real(struct tfw *tfw, const char *x)
{
    return TFW(tfw, "Cast SrcT=int32 DstT=double", x);
}

/* [count] or [count, 1] of 0, 1, 2 ... */
static const char *places(struct tfw *tfw, const char *count, bool is_column)
{
    const char *list = TFW(tfw, "Range Tidx=int32", tfw_int(tfw, 0), count, tfw_int(tfw, 1));
    return is_column ? TFW(tfw, "ExpandDims T=int32 Tdim=int32", list, tfw_int(tfw, 1)) : list;
}

static const char *triangle(struct tfw *tfw, const char *distance)
{
    return binary(tfw, "Maximum", binary(tfw, "Sub", tfw_double(tfw, 1), distance), tfw_double(tfw, 0));
}

/* Keys' cubic with a = -0.5; its two parts. */
static const char *cubic(struct tfw *tfw, const char *x)
{
    const double a = -0.5;
    const char *inner = binary(tfw, "Sub", binary(tfw, "Mul", tfw_double(tfw, a + 2), x), tfw_double(tfw, a + 3));
    inner = binary(tfw, "Add", binary(tfw, "Mul", binary(tfw, "Mul", inner, x), x), tfw_double(tfw, 1));
    const char *outer = binary(tfw, "Mul", binary(tfw, "Sub", x, tfw_double(tfw, 5)), x);
    outer = binary(tfw, "Mul", binary(tfw, "Add", outer, tfw_double(tfw, 8)), x);
    outer = binary(tfw, "Mul", binary(tfw, "Sub", outer, tfw_double(tfw, 4)), tfw_double(tfw, a));
    const char *is_inner = TFW(tfw, "Less T=double", x, tfw_double(tfw, 1));
    const char *is_outer = TFW(tfw, "Less T=double", x, tfw_double(tfw, 2));
    const char *zeros = TFW(tfw, "ZerosLike T=double", x);
    return TFW(tfw, "Select T=double", is_inner, inner, TFW(tfw, "Select T=double", is_outer, outer, zeros));
}

/* int32 [target, source]: what each target place takes of each source place. */
static const char *weights(struct tfw *tfw, const char *source, const char *target, bool is_bicubic)
{
    const char *zero = tfw_int(tfw, 0), *half = tfw_double(tfw, 0.5), *one = tfw_double(tfw, 1);
    const char *scale = binary(tfw, "RealDiv", real(tfw, source), real(tfw, target));
    const char *stretch = binary(tfw, "Maximum", scale, one);
    const char *support = binary(tfw, "Mul", tfw_double(tfw, is_bicubic ? 2 : 1), stretch);
    const char *centre = binary(tfw, "Mul", binary(tfw, "Add", real(tfw, places(tfw, target, true)), half), scale);
    const char *first = whole(tfw, binary(tfw, "Add", binary(tfw, "Sub", centre, support), half));
    const char *end = whole(tfw, binary(tfw, "Add", binary(tfw, "Add", centre, support), half));
    const char *column = places(tfw, source, false);
    const char *is_used =
        TFW(tfw, "LogicalAnd", TFW(tfw, "GreaterEqual T=int32", column, TFW(tfw, "Maximum T=int32", first, zero)),
            TFW(tfw, "Less T=int32", column, TFW(tfw, "Minimum T=int32", end, source)));
    const char *away = binary(tfw, "Add", binary(tfw, "Sub", real(tfw, column), centre), half);
    const char *distance = TFW(tfw, "Abs T=double", binary(tfw, "Mul", away, binary(tfw, "RealDiv", one, stretch)));
    const char *exact = binary(tfw, "Mul", is_bicubic ? cubic(tfw, distance) : triangle(tfw, distance),
                               TFW(tfw, "Cast SrcT=bool DstT=double", is_used));
    const char *sum = TFW(tfw, "Sum T=double Tidx=int32 keep_dims=true", exact, tfw_int(tfw, 1));
    const char *fixed = binary(tfw, "Mul", binary(tfw, "RealDiv", exact, sum), tfw_double(tfw, 1 << WEIGHT_BITS));
    const char *away_from_zero = binary(tfw, "Mul", TFW(tfw, "Sign T=double", fixed), half);
    return whole(tfw, binary(tfw, "Add", fixed, away_from_zero));
}

/* [source, other, 3] to [target, other, 3], int32 levels. */
static const char *apply(struct tfw *tfw, const char *matrix, const char *levels)
{
    const char *shape = TFW(tfw, "Unpack T=int32 num=3 axis=0", TFW(tfw, "Shape T=int32 out_type=int32", levels));
    const char *any = tfw_int(tfw, -1), *three = tfw_int(tfw, 3);
    const char *rows =
        TFW(tfw, "Reshape T=int32 Tshape=int32", levels, TFW(tfw, "Pack T=int32 N=2 axis=0", shape, any));
    const char *sums = TFW(tfw, "MatMul T=int32 transpose_a=false transpose_b=false", matrix, rows);
    const char *up = TFW(tfw, "Add T=int32", sums, tfw_int(tfw, 1 << (WEIGHT_BITS - 1)));
    const char *level = TFW(tfw, "RightShift T=int32", up, tfw_int(tfw, WEIGHT_BITS));
    level = TFW(tfw, "Minimum T=int32", TFW(tfw, "Maximum T=int32", level, tfw_int(tfw, 0)), tfw_int(tfw, 255));
    const char *back = TFW(tfw, "Pack T=int32 N=3 axis=0", any, tfw_port(tfw, shape, 1), three);
    return TFW(tfw, "Reshape T=int32 Tshape=int32", level, back);
}

static const char *merge(struct tfw *tfw, const char *question, const char *yes, const char *no)
{
    const char *if_yes = tfw_port(tfw, TFW(tfw, "Switch T=int32", yes, question), 1);
    return TFW(tfw, "Merge T=int32 N=2", if_yes, TFW(tfw, "Switch T=int32", no, question));
}

/* Columns first, save where the height loses more than twice the pixels that the width does: as Pillow since 13. */
static const char *resize_pillow(struct tfw *tfw, bool is_bicubic, const char *pixels, struct tfw_size size)
{
    struct tfw_size from = tfw_size_of(tfw, pixels);
    const char *zero = tfw_int(tfw, 0), *turn = tfw_ints(tfw, (const int32_t[]){1, 0, 2}, 3);
    const char *lost = TFW(tfw, "Maximum T=int32", TFW(tfw, "Sub T=int32", from.width, size.width), zero);
    const char *lost_down = TFW(tfw, "Sub T=int32", from.height, size.height);
    const char *is_down_first =
        TFW(tfw, "LogicalAnd", TFW(tfw, "Greater T=int32", lost_down, zero),
            TFW(tfw, "Greater T=int32", lost_down, TFW(tfw, "Mul T=int32", lost, tfw_int(tfw, 2))));
    const char *keep = tfw_ints(tfw, (const int32_t[]){0, 1, 2}, 3);
    const char *before = TFW(tfw, "Select T=int32", is_down_first, keep, turn);
    const char *after = TFW(tfw, "Select T=int32", is_down_first, turn, keep);
    const char *down = weights(tfw, from.height, size.height, is_bicubic);
    const char *across = weights(tfw, from.width, size.width, is_bicubic);
    const char *levels =
        TFW(tfw, "Cast SrcT=uint8 DstT=int32", TFW(tfw, "Transpose T=uint8 Tperm=int32", pixels, before));
    levels = apply(tfw, merge(tfw, is_down_first, down, across), levels);
    levels = TFW(tfw, "Transpose T=int32 Tperm=int32", levels, turn);
    levels = apply(tfw, merge(tfw, is_down_first, across, down), levels);
    levels = TFW(tfw, "Transpose T=int32 Tperm=int32", levels, after);
    return TFW(tfw, "Cast SrcT=int32 DstT=float", levels);
}

const char *tfw_resize(struct tfw *tfw, enum tw_resize method, const char *pixels, struct tfw_size size)
{
    if (method == TW_RESIZE_PILLOW_BILINEAR || method == TW_RESIZE_PILLOW_BICUBIC)
        return resize_pillow(tfw, method == TW_RESIZE_PILLOW_BICUBIC, pixels, size);
    const char *zero = tfw_int(tfw, 0), *sizes = TFW(tfw, "Pack T=int32 N=2 axis=0", size.height, size.width);
    const char *batch = TFW(tfw, "ExpandDims T=uint8 Tdim=int32", pixels, zero);
    const char *resized =
        TFW(tfw,
            method == TW_RESIZE_TF2_BILINEAR ? "ResizeBilinear T=uint8 align_corners=false half_pixel_centers=true"
                                             : "ResizeBilinear T=uint8 align_corners=false half_pixel_centers=false",
            batch, sizes);
    return TFW(tfw, "Squeeze T=float squeeze_dims=[0]", resized);
}
