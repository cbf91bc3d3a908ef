/* Resizing as TensorFlow and Pillow do it, number for number. */
#ifndef TW_IMAGE_RESIZE_H
#define TW_IMAGE_RESIZE_H

#include "image/image.h"

/* Result: width * height * 3 floats, HWC, in pixel units 0..255. Bilinear of TensorFlow: float results (align_corners
 * false; TF1 half_pixel_centers false, TF2 true). Pillow's: antialiased, 8-bit results held as floats, its own two passes
 * of fixed-point coefficients (Pillow's src/libImaging/Resample.c describes them). */
enum tw_status tw_resize(const struct tw_image *image, enum tw_resize method, int width, int height, float *out,
                         struct tw_error *error) TW_MUST_USE;

/* The part of the source that `fit` uses and where it lies in the target: CENTRE_CROP takes the greatest centred part of
 * the target's shape; LETTERBOX keeps all and centres it, the rest is the decode policy's background. Documented in
 * resize.c with Pillow's ImageOps.fit and ImageOps.pad as the models. */
#endif
