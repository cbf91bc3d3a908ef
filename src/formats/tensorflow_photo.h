/* A photo's way from encoded bytes to a network's input, in TensorFlow's ops. */
#ifndef TW_FORMATS_TENSORFLOW_PHOTO_H
#define TW_FORMATS_TENSORFLOW_PHOTO_H

#include "formats/tfw.h"
#include "image/image.h"

/* From one photo's bytes (string, scalar) to float [height, width, 3] as the policy asks. */
const char *tfw_photo(struct tfw *tfw, const struct tw_image_policy *policy, const char *bytes);

/* What the parts share. Pixels are uint8 [height, width, 3]; sizes are int32 scalars. */
struct tfw_size {
    const char *height, *width;
};
struct tfw_size tfw_size_of(struct tfw *tfw, const char *pixels);
/* Float [size, 3]; tensorflow_resize.c. */
const char *tfw_resize(struct tfw *tfw, enum tw_resize method, const char *pixels, struct tfw_size size);
/* uint8 pixels of what is neither JPEG nor PNG; what TensorFlow would decode otherwise than we do is an error; tensorflow_odd.c. */
const char *tfw_decode_other(struct tfw *tfw, const struct tw_decode_policy *policy, const char *bytes);
/* The EXIF orientation, 1 to 8, as an int32 scalar; tensorflow_exif.c. */
const char *tfw_orientation(struct tfw *tfw, const char *bytes, const char *is_jpeg, const char *is_png);

#endif
