#include "report/heat_picture.h"

#include "base/memory.h"
#include "image/resize.h"

#include <math.h>

enum { GAP = 8 };

/* Between the middles of places, as light falls off; beyond the outermost ones as they are. */
static double value_at(const struct tw_heat *heat, double x, double y)
{
    double column = fmin(fmax(x * (double)heat->columns - 0.5, 0), (double)(heat->columns - 1));
    double row = fmin(fmax(y * (double)heat->rows - 0.5, 0), (double)(heat->rows - 1));
    size_t left = (size_t)column, top = (size_t)row;
    size_t right = left + 1 < heat->columns ? left + 1 : left, below = top + 1 < heat->rows ? top + 1 : top;
    double along = column - (double)left, down = row - (double)top;
    double upper =
        heat->values[top * heat->columns + left] * (1 - along) + heat->values[top * heat->columns + right] * along;
    double lower =
        heat->values[below * heat->columns + left] * (1 - along) + heat->values[below * heat->columns + right] * along;
    return upper * (1 - down) + lower * down;
}

static double greatest_of(const struct tw_heat *heat)
{
    double greatest = 0;
    for (size_t i = 0; i < heat->rows * heat->columns; i++)
        greatest = fmax(greatest, fabs(heat->values[i]));
    return greatest;
}

static uint8_t to_byte(double value)
{
    return (uint8_t)(fmin(fmax(value, 0), 255) + 0.5);
}

/* `share`: -1 (against) to 1 (for). */
static void paint(const float *rgb, double share, uint8_t *out)
{
    static const double for_it[3] = {230, 97, 1}, against[3] = {5, 113, 176};
    double grey = 0.299 * (double)rgb[0] + 0.587 * (double)rgb[1] + 0.114 * (double)rgb[2];
    double strength = 0.9 * fabs(share);
    for (int c = 0; c < 3; c++) {
        double colour = share > 0 ? for_it[c] : against[c], lit = colour * (0.55 + 0.45 * grey / 255);
        out[c] = to_byte(grey * (1 - strength) + lit * strength);
    }
}

enum tw_status tw_heat_picture(const struct tw_image *photo, const struct tw_heat *heat, struct tw_image *picture,
                               struct tw_error *error)
{
    int longest = photo->width > photo->height ? photo->width : photo->height;
    double scale = longest > TW_HEAT_EDGE ? (double)TW_HEAT_EDGE / longest : 1, greatest = greatest_of(heat);
    int width = (int)fmax(1, photo->width * scale + 0.5), height = (int)fmax(1, photo->height * scale + 0.5);
    struct tw_image made = {.width = 2 * width + GAP, .height = height};
    size_t pixels = (size_t)width * (size_t)height, bytes = (size_t)made.width * (size_t)made.height * 3;
    float *small = tw_alloc(pixels * 3, sizeof *small);
    made.rgb = tw_alloc(bytes, 1);
    enum tw_status status = small && made.rgb ? tw_resize(photo, TW_RESIZE_PILLOW_BILINEAR, width, height, small, error)
                                              : tw_fail_memory(error, pixels * 3 * sizeof *small, "a picture");
    for (size_t i = 0; i < bytes && !status; i++)
        made.rgb[i] = 255;
    for (size_t i = 0; i < pixels && !status; i++) {
        size_t x = i % (size_t)width, y = i / (size_t)width;
        uint8_t *plain = made.rgb + (y * (size_t)made.width + x) * 3, *mapped = plain + ((size_t)width + GAP) * 3;
        double value = value_at(heat, ((double)x + 0.5) / width, ((double)y + 0.5) / height);
        for (size_t c = 0; c < 3; c++)
            plain[c] = to_byte((double)small[i * 3 + c]);
        paint(small + i * 3, greatest > 0 ? value / greatest : 0, mapped);
    }
    tw_free(small);
    if (status)
        tw_image_release(&made);
    else
        *picture = made;
    return status;
}
