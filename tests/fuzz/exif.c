/* An EXIF block, and what it says done to pixels. */
#include "fuzz.h"
#include "image/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int orientation = tw_exif_orientation(tw_span_of(data, size));
    must(orientation >= 1 && orientation <= 8, "an orientation of 1 to 8");
    uint8_t *rgb = malloc(3 * 2 * 3);
    must(rgb != NULL, "memory");
    for (size_t i = 0; i < (size_t)3 * 2 * 3; i++)
        rgb[i] = (uint8_t)i;
    struct tw_image image = {.width = 3, .height = 2, .rgb = rgb};
    struct tw_error error = {0};
    must_explain(tw_image_orient(&image, orientation, &error), &error);
    must(image.width * image.height == 6, "as many pixels");
    tw_image_release(&image);
    return 0;
}
