#include "image/resize.h"

#include "base/memory.h"

#include <math.h>

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

enum tw_status tw_resize_tensorflow(const struct tw_image *image, bool has_half_pixel_centres, int width, int height,
                                    float *out, struct tw_error *error)
{
    size_t count = (size_t)width * (size_t)height * 3, row = (size_t)image->width * 3;
    if (width == image->width && height == image->height) {
        for (size_t i = 0; i < count; i++)
            out[i] = (float)image->rgb[i];
        return TW_OK;
    }
    struct place *xs = tw_alloc((size_t)width + (size_t)height, sizeof *xs);
    if (xs == NULL)
        return tw_fail_memory(error, ((size_t)width + (size_t)height) * sizeof *xs, "resizing");
    struct place *ys = xs + width;
    find_places(xs, width, image->width, has_half_pixel_centres);
    find_places(ys, height, image->height, has_half_pixel_centres);
    for (int y = 0; y < height; y++) {
        const uint8_t *upper = image->rgb + (size_t)ys[y].low * row, *lower = image->rgb + (size_t)ys[y].high * row;
        for (int x = 0; x < width; x++) {
            size_t left = (size_t)xs[x].low * 3, right = (size_t)xs[x].high * 3;
            for (size_t c = 0; c < 3; c++) {
                float tl = upper[left + c], tr = upper[right + c], bl = lower[left + c], br = lower[right + c];
                float top = tl + (tr - tl) * xs[x].lerp;
                float bottom = bl + (br - bl) * xs[x].lerp;
                *out++ = top + (bottom - top) * ys[y].lerp;
            }
        }
    }
    tw_free(xs);
    return TW_OK;
}
