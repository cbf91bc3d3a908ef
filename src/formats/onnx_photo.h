/* A network as ONNX with the decoding of a photo before it. */
#ifndef TW_FORMATS_ONNX_PHOTO_H
#define TW_FORMATS_ONNX_PHOTO_H

#include "formats/format.h"
#include "image/image.h"

/* As tw_onnx_write, of opset 20 at least, but the input is "image_bytes", the file of one photo as uint8 [size]: ImageDecoder,
 * Resize, Sub and Mul stand before the network. They know no EXIF and no choice of a JPEG's arithmetic: what of the policy
 * they cannot do exactly is the caller's to weigh. TW_UNSUPPORTED: a fit other than squash. */
enum tw_status tw_onnx_write_photo(const struct tw_graph *graph, const struct tw_image_policy *policy,
                                   const char *producer_version, struct tw_buffer *out,
                                   struct tw_error *error) TW_MUST_USE;

#endif
