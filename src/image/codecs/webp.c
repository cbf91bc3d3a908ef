/* WebP: "RIFF", u32le size, "WEBP", chunks of 4 letters, u32le size, data padded to even; EXIF holds a TIFF block, with or
 * without the JPEG prefix. Decoding is libwebp's; of an animation the first frame, on its canvas. */
#include "image/codec.h"

#include "base/memory.h"
#include "image/exif.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static bool matches(struct tw_span bytes)
{
    return tw_span_starts(bytes, "RIFF", 4) && bytes.size >= 12 && memcmp(bytes.data + 8, "WEBP", 4) == 0;
}

static int find_orientation(struct tw_span bytes)
{
    struct tw_reader reader = tw_reader_of(bytes);
    struct tw_span kind, data;
    uint32_t size;
    (void)tw_read_skip(&reader, 12);
    while (tw_read_span(&reader, 4, &kind) && tw_read_u32le(&reader, &size) && tw_read_span(&reader, size, &data)) {
        if (tw_span_starts(kind, "EXIF", 4)) {
            size_t prefix = tw_span_starts(data, "Exif\0", 6) ? 6 : 0;
            return tw_exif_orientation(tw_span_of(data.data + prefix, data.size - prefix));
        }
        if (size % 2 != 0 && !tw_read_skip(&reader, 1))
            break;
    }
    return 1;
}

static enum tw_status probe(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error)
{
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(bytes.data, bytes.size, &features) != VP8_STATUS_OK)
        return tw_fail(error, TW_CORRUPT, "the WebP has no whole header: it is truncated or damaged");
    info->width = features.width;
    info->height = features.height;
    info->orientation = find_orientation(bytes);
    return TW_OK;
}

static void draw(const struct tw_decode_policy *policy, const WebPIterator *frame, const uint8_t *rgba, int width,
                 int height, struct tw_image *image)
{
    for (int y = 0; y < height && frame->y_offset + y < image->height; y++) {
        for (int x = 0; x < width && frame->x_offset + x < image->width; x++) {
            const uint8_t *from = rgba + ((size_t)y * (size_t)width + (size_t)x) * 4;
            size_t at = (size_t)(frame->y_offset + y) * (size_t)image->width + (size_t)(frame->x_offset + x);
            tw_blend(policy, from, from[3], image->rgb + at * 3);
        }
    }
}

static enum tw_status decode(struct tw_span bytes, const struct tw_decode_policy *policy, struct tw_image *image,
                             struct tw_error *error)
{
    WebPData data = {bytes.data, bytes.size};
    WebPIterator frame = {0};
    uint8_t *rgba = NULL;
    int width = 0, height = 0;
    enum tw_status status = TW_OK;
    WebPDemuxer *demuxer = WebPDemux(&data);
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height; i++)
        memcpy(image->rgb + i * 3, policy->background, 3);
    if (demuxer != NULL && WebPDemuxGetFrame(demuxer, 1, &frame) && frame.complete)
        rgba = WebPDecodeRGBA(frame.fragment.bytes, frame.fragment.size, &width, &height);
    if (rgba != NULL)
        draw(policy, &frame, rgba, width, height, image);
    else
        status = tw_fail(error, TW_CORRUPT, "the WebP is truncated or damaged");
    WebPFree(rgba);
    WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demuxer);
    return status;
}

const struct tw_codec tw_codec_webp = {.name = "webp", .matches = matches, .probe = probe, .decode = decode};
