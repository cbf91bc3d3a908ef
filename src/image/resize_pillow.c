#include "image/resize.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { WEIGHT_BITS = 22 };

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys' cubic with a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* For each target place the source places [first, first + count) and their weights. */
struct weights {
    int *first, *count;
    int32_t *values; /* most for each target place */
    int most;
};

static void weights_release(struct weights *weights)
{
    tw_free(weights->first);
    tw_free(weights->values);
}

static enum tw_status weights_init(struct weights *weights, int source, int target, bool is_bicubic,
                                   struct tw_error *error)
{
    double scale = (double)source / target, stretch = scale > 1 ? scale : 1;
    double support = (is_bicubic ? 2.0 : 1.0) * stretch;
    *weights = (struct weights){.most = (int)ceil(support) * 2 + 1};
    size_t cells = (size_t)target * (size_t)weights->most;
    double *exact = tw_alloc((size_t)weights->most, sizeof *exact);
    weights->first = tw_alloc((size_t)target * 2, sizeof *weights->first);
    weights->values = tw_alloc(cells, sizeof *weights->values);
    if (exact == NULL || weights->first == NULL || weights->values == NULL) {
        tw_free(exact);
        weights_release(weights);
        return tw_fail_memory(error, cells * sizeof *weights->values, "resizing");
    }
    weights->count = weights->first + target;
    for (int i = 0; i < target; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > source ? source : end;
        for (int j = first; j < end; j++) {
            double x = (j - centre + 0.5) * (1.0 / stretch);
            exact[j - first] = is_bicubic ? cubic(x) : triangle(x);
            sum += exact[j - first];
        }
        weights->first[i] = first;
        weights->count[i] = end - first;
        for (int j = 0; j < end - first; j++) {
            double fixed = (sum != 0 ? exact[j] / sum : exact[j]) * (1 << WEIGHT_BITS);
            weights->values[(size_t)i * (size_t)weights->most + (size_t)j] =
                (int32_t)(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
        }
    }
    tw_free(exact);
    return TW_OK;
}

static uint8_t to_level(int32_t sum)
{
    int32_t level = sum >> WEIGHT_BITS;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void resize_row(const struct weights *weights, const uint8_t *row, int target, uint8_t *out)
{
    for (int i = 0; i < target; i++) {
        const int32_t *values = weights->values + (size_t)i * (size_t)weights->most;
        const uint8_t *from = row + (size_t)weights->first[i] * 3;
        int32_t sums[3] = {1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1)};
        for (int j = 0; j < weights->count[i]; j++, from += 3) {
            for (int c = 0; c < 3; c++)
                sums[c] += from[c] * values[j];
        }
        for (int c = 0; c < 3; c++)
            *out++ = to_level(sums[c]);
    }
}

static enum tw_status across(const struct tw_image *image, int width, bool is_bicubic, uint8_t *out,
                             struct tw_error *error)
{
    struct weights weights;
    enum tw_status status = weights_init(&weights, image->width, width, is_bicubic, error);
    if (status != TW_OK)
        return status;
    for (size_t y = 0; y < (size_t)image->height; y++)
        resize_row(&weights, image->rgb + y * (size_t)image->width * 3, width, out + y * (size_t)width * 3);
    weights_release(&weights);
    return TW_OK;
}

static void add_rows(const struct weights *weights, int at, const struct tw_image *image, int32_t *sums)
{
    size_t row = (size_t)image->width * 3;
    const int32_t *values = weights->values + (size_t)at * (size_t)weights->most;
    for (size_t x = 0; x < row; x++)
        sums[x] = 1 << (WEIGHT_BITS - 1);
    for (int j = 0; j < weights->count[at]; j++) {
        const uint8_t *from = image->rgb + (size_t)(weights->first[at] + j) * row;
        for (size_t x = 0; x < row; x++)
            sums[x] += from[x] * values[j];
    }
}

static enum tw_status down(const struct tw_image *image, int height, bool is_bicubic, uint8_t *out,
                           struct tw_error *error)
{
    struct weights weights;
    size_t row = (size_t)image->width * 3;
    enum tw_status status = weights_init(&weights, image->height, height, is_bicubic, error);
    if (status != TW_OK)
        return status;
    int32_t *sums = tw_alloc(row, sizeof *sums);
    if (sums == NULL)
        status = tw_fail_memory(error, row * sizeof *sums, "resizing");
    for (int y = 0; y < height && status == TW_OK; y++) {
        add_rows(&weights, y, image, sums);
        for (size_t x = 0; x < row; x++)
            *out++ = to_level(sums[x]);
    }
    tw_free(sums);
    weights_release(&weights);
    return status;
}

/* Since Pillow 13 rows come first where the height loses more than twice the pixels that the width does. */
static bool is_down_first(const struct tw_image *image, int width, int height)
{
    int lost_width = image->width > width ? image->width - width : 0;
    return height < image->height && image->height - height > 2 * (int64_t)lost_width;
}

enum tw_status tw_resize_pillow(const struct tw_image *image, bool is_bicubic, int width, int height, uint8_t *out,
                                struct tw_error *error)
{
    bool changes_width = width != image->width, changes_height = height != image->height;
    size_t row = (size_t)width * 3;
    if (!changes_width && !changes_height) {
        memcpy(out, image->rgb, (size_t)height * row);
        return TW_OK;
    }
    if (!changes_height)
        return across(image, width, is_bicubic, out, error);
    if (!changes_width)
        return down(image, height, is_bicubic, out, error);
    bool is_down = is_down_first(image, width, height);
    struct tw_image half = {
        .width = is_down ? image->width : width,
        .height = is_down ? height : image->height,
    };
    size_t pixels = (size_t)half.width * (size_t)half.height;
    half.rgb = tw_alloc(pixels, 3);
    if (half.rgb == NULL)
        return tw_fail_memory(error, pixels * 3, "resizing");
    enum tw_status status =
        is_down ? down(image, height, is_bicubic, half.rgb, error) : across(image, width, is_bicubic, half.rgb, error);
    if (status == TW_OK)
        status = is_down ? across(&half, width, is_bicubic, out, error) : down(&half, height, is_bicubic, out, error);
    tw_image_release(&half);
    return status;
}
