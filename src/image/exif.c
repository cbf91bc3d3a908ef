#include "image/exif.h"

#include "base/memory.h"

enum { ORIENTATION_TAG = 0x0112, TYPE_SHORT = 3 };

static bool read_u16(struct tw_reader *reader, bool is_big, uint16_t *value)
{
    return is_big ? tw_read_u16be(reader, value) : tw_read_u16le(reader, value);
}

static bool read_u32(struct tw_reader *reader, bool is_big, uint32_t *value)
{
    return is_big ? tw_read_u32be(reader, value) : tw_read_u32le(reader, value);
}

int tw_exif_orientation(struct tw_span tiff)
{
    struct tw_reader reader = tw_reader_of(tiff);
    bool is_big = tw_span_starts(tiff, "MM", 2);
    uint16_t magic, count;
    uint32_t offset;
    if (!is_big && !tw_span_starts(tiff, "II", 2))
        return 1;
    if (!tw_read_skip(&reader, 2) || !read_u16(&reader, is_big, &magic) || magic != 42)
        return 1;
    if (!read_u32(&reader, is_big, &offset) || offset > tiff.size)
        return 1;
    reader.at = offset;
    if (!read_u16(&reader, is_big, &count))
        return 1;
    for (int i = 0; i < count; i++) {
        uint16_t tag, type, value;
        uint32_t values;
        if (!read_u16(&reader, is_big, &tag) || !read_u16(&reader, is_big, &type) ||
            !read_u32(&reader, is_big, &values) || !read_u16(&reader, is_big, &value) || !tw_read_skip(&reader, 2))
            return 1;
        if (tag == ORIENTATION_TAG)
            return type == TYPE_SHORT && values == 1 && value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

/* Where the pixel at (x, y) of the upright picture lies in the stored one of `width` x `height`. */
static size_t stored_place(int orientation, int width, int height, int x, int y)
{
    int from_x = x, from_y = y;
    switch (orientation) {
    case 2:
        from_x = width - 1 - x;
        break;
    case 3:
        from_x = width - 1 - x, from_y = height - 1 - y;
        break;
    case 4:
        from_y = height - 1 - y;
        break;
    case 5:
        from_x = y, from_y = x;
        break;
    case 6:
        from_x = y, from_y = height - 1 - x;
        break;
    case 7:
        from_x = width - 1 - y, from_y = height - 1 - x;
        break;
    case 8:
        from_x = width - 1 - y, from_y = x;
        break;
    default:
        break;
    }
    return ((size_t)from_y * (size_t)width + (size_t)from_x) * 3;
}

enum tw_status tw_image_orient(struct tw_image *image, int orientation, struct tw_error *error)
{
    if (orientation <= 1 || orientation > 8)
        return TW_OK;
    bool is_turned = orientation >= 5;
    int width = is_turned ? image->height : image->width, height = is_turned ? image->width : image->height;
    size_t pixels = (size_t)width * (size_t)height;
    uint8_t *rgb = tw_alloc(pixels, 3);
    if (rgb == NULL)
        return tw_fail_memory(error, pixels * 3, "turning a photo upright");
    uint8_t *to = rgb;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++, to += 3) {
            const uint8_t *from = image->rgb + stored_place(orientation, image->width, image->height, x, y);
            to[0] = from[0], to[1] = from[1], to[2] = from[2];
        }
    }
    tw_free(image->rgb);
    *image = (struct tw_image){.width = width,
                               .height = height,
                               .rgb = rgb,
                               .photo_width = is_turned ? image->photo_height : image->photo_width,
                               .photo_height = is_turned ? image->photo_width : image->photo_height};
    return TW_OK;
}
