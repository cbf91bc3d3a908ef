/* EXIF as far as orientation goes: a TIFF block (byte order, 42, offset of the first directory; directory: u16 count, then
 * 12-byte entries tag, type, count, value). */
#ifndef TW_IMAGE_EXIF_H
#define TW_IMAGE_EXIF_H

#include "image/image.h"

/* 1..8 of the tag 0x0112 in the block's first directory; 1 where there is none or it makes no sense. */
int tw_exif_orientation(struct tw_span tiff);

/* Turns and mirrors pixels so that they stand as `orientation` (1..8) says. */
enum tw_status tw_image_orient(struct tw_image *image, int orientation, struct tw_error *error) TW_MUST_USE;

#endif
