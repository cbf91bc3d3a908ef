#include "image/resize.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Between which two source places a target place lies, and how far from the lower. */
struct place {
    int low, high;
    float lerp;
};

static void find_places(struct place *places, int count, int source, bool has_half_pixel_centres)
{
    float scale = (float)source / (float)count;
    for (int i = 0; i < count; i++) {
        float at = has_half_pixel_centres ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale;
        float low = floorf(at);
        places[i].low = low > 0 ? (int)low : 0;
        places[i].high = (int)fminf(ceilf(at), (float)(source - 1));
        places[i].lerp = at - low;
    }
}

typedef float four_floats __attribute__((vector_size(16)));
typedef uint8_t four_bytes __attribute__((vector_size(4)));

/* A pixel's channels, and a byte of its neighbour. */
static inline four_floats load_four(const uint8_t *at)
{
#ifdef __SSE2__ /* which the compiler does not find by itself */
    int32_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    __m128i zero = _mm_setzero_si128(), pairs = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), zero);
    return (four_floats)_mm_cvtepi32_ps(_mm_unpacklo_epi16(pairs, zero));
#else
    four_bytes bytes;
    memcpy(&bytes, at, sizeof bytes);
    return __builtin_convertvector(bytes, four_floats);
#endif
}

/* A source row drawn out or together to the target's width. Four channels at a time, of which the next pixel overwrites the
 * last; so pixels at the row's end are left to the loop below. */
static void resize_row(const uint8_t *row, int source, const struct place *xs, int width, float *out)
{
    int x = 0;
    for (; x < width - 1 && xs[x].high < source - 1; x++) {
        four_floats left = load_four(row + (size_t)xs[x].low * 3), right = load_four(row + (size_t)xs[x].high * 3);
        four_floats value = left + (right - left) * xs[x].lerp;
        memcpy(out + (size_t)x * 3, &value, sizeof value);
    }
    for (; x < width; x++) {
        const uint8_t *left = row + (size_t)xs[x].low * 3, *right = row + (size_t)xs[x].high * 3;
        for (size_t c = 0; c < 3; c++)
            out[(size_t)x * 3 + c] = (float)left[c] + ((float)right[c] - (float)left[c]) * xs[x].lerp;
    }
}

/* The two source rows last drawn: a target's next row often lies between one of them and the next, or the same. */
struct rows {
    float *values[2];
    int numbers[2]; /* -1: none yet */
};

static const float *take_row(struct rows *rows, const struct tw_image *image, const struct place *xs, int width,
                             int number, int kept)
{
    int at = rows->numbers[0] == number || (rows->numbers[1] != number && rows->numbers[1] == kept) ? 0 : 1;
    if (rows->numbers[at] != number)
        resize_row(image->rgb + (size_t)number * (size_t)image->width * 3, image->width, xs, width, rows->values[at]);
    rows->numbers[at] = number;
    return rows->values[at];
}

static void blend_rows(const float *restrict top, const float *restrict bottom, float lerp, size_t count,
                       float *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = top[i] + (bottom[i] - top[i]) * lerp;
}

enum tw_status tw_resize_tensorflow(const struct tw_image *image, bool has_half_pixel_centres, int width, int height,
                                    float *out, struct tw_error *error)
{
    size_t row = (size_t)width * 3, places = (size_t)width + (size_t)height;
    if (width == image->width && height == image->height) {
        for (size_t i = 0; i < row * (size_t)height; i++)
            out[i] = (float)image->rgb[i];
        return TW_OK;
    }
    struct place *xs = tw_alloc(places, sizeof *xs), *ys = xs + width;
    float *values = tw_alloc_aligned(2 * row * sizeof *values);
    enum tw_status status = TW_OK;
    if (xs == NULL || values == NULL) {
        status = tw_fail_memory(error, places * sizeof *xs + 2 * row * sizeof *values, "resizing");
        goto done;
    }
    struct rows rows = {{values, values + row}, {-1, -1}};
    find_places(xs, width, image->width, has_half_pixel_centres);
    find_places(ys, height, image->height, has_half_pixel_centres);
    for (int y = 0; y < height; y++, out += row) {
        const float *top = take_row(&rows, image, xs, width, ys[y].low, ys[y].high);
        const float *bottom = take_row(&rows, image, xs, width, ys[y].high, ys[y].low);
        blend_rows(top, bottom, ys[y].lerp, row, out);
    }
done:
    tw_free(xs);
    tw_free(values);
    return status;
}
