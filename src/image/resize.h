/* Resizing as TensorFlow and Pillow do it, number for number. */
#ifndef TW_IMAGE_RESIZE_H
#define TW_IMAGE_RESIZE_H

#include "image/image.h"

/* Result: width * height * 3 floats, HWC, in pixel units 0..255. */
enum tw_status tw_resize(const struct tw_image *image, enum tw_resize method, int width, int height, float *out,
                         struct tw_error *error) TW_MUST_USE;

/* TensorFlow's ResizeBilinear, align_corners false, all in float: source place of i is i * scale (TF1) or
 * (i + 0.5) * scale - 0.5 (TF2, half_pixel_centers); no antialiasing. */
enum tw_status tw_resize_tensorflow(const struct tw_image *image, bool has_half_pixel_centres, int width, int height,
                                    float *out, struct tw_error *error) TW_MUST_USE;

/* Pillow's Image.resize of 8-bit pictures: antialiased, one direction after the other (the order as Pillow 13 chooses
 * it), fixed-point weights of 22 bits, results rounded to 8 bits after each. `out` holds width * height * 3 bytes. */
enum tw_status tw_resize_pillow(const struct tw_image *image, bool is_bicubic, int width, int height, uint8_t *out,
                                struct tw_error *error) TW_MUST_USE;

#endif
