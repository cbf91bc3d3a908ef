/* BMP: "BM", u32le file size, 4 reserved, u32le offset of the pixels; then a header whose u32le size tells its kind: 12 (OS/2)
 * or 40 and more (Windows): i32le width, i32le height (negative: top row first), u16le planes, u16le bits, u32le compression
 * (0 none, 1 RLE8, 2 RLE4, 3 and 6 bit masks), 3 words, u32le colours, 1 word; masks; palette of BGR or BGR0. Rows are padded
 * to 4 bytes. Source: Microsoft's documentation of BITMAPINFOHEADER and BITMAPV5HEADER. */
#include "image/codec.h"

#include <string.h>

enum { NONE = 0, RLE8 = 1, RLE4 = 2, FIELDS = 3, ALPHA_FIELDS = 6 };

struct header {
    uint32_t pixels_at, size, compression, colours;
    int width, height;
    bool is_top_down;
    uint16_t bits;
    uint32_t masks[4]; /* red, green, blue, alpha */
    size_t palette_at;
};

static bool matches(struct tw_span bytes)
{
    uint32_t size = bytes.size >= 18 ? tw_load_u32le(bytes.data + 14) : 0;
    return tw_span_starts(bytes, "BM", 2) && (size == 12 || (size >= 40 && size <= 124));
}

static bool read_masks(struct tw_reader *reader, struct header *header)
{
    static const uint32_t of_16[4] = {0x7c00, 0x3e0, 0x1f, 0}, of_32[4] = {0xff0000, 0xff00, 0xff, 0};
    memcpy(header->masks, header->bits == 16 ? of_16 : of_32, sizeof header->masks);
    if (header->compression != FIELDS && header->compression != ALPHA_FIELDS)
        return true;
    size_t count = header->size >= 56 || header->compression == ALPHA_FIELDS ? 4 : 3;
    for (size_t i = 0; i < count; i++) {
        if (!tw_read_u32le(reader, &header->masks[i]))
            return false;
    }
    if (header->size == 40)
        header->palette_at = reader->at;
    return true;
}

static bool read_windows_header(struct tw_reader *reader, struct header *header)
{
    uint32_t width, height;
    uint16_t planes;
    if (!tw_read_u32le(reader, &width) || !tw_read_u32le(reader, &height) || !tw_read_u16le(reader, &planes) ||
        !tw_read_u16le(reader, &header->bits) || !tw_read_u32le(reader, &header->compression) ||
        !tw_read_skip(reader, 12) || !tw_read_u32le(reader, &header->colours) || !tw_read_skip(reader, 4))
        return false;
    if (width > INT32_MAX || height == 0x80000000u)
        return false;
    header->is_top_down = height > INT32_MAX;
    header->width = (int)width;
    header->height = header->is_top_down ? (int)(0u - height) : (int)height;
    return read_masks(reader, header);
}

static bool read_header(struct tw_span bytes, struct header *header)
{
    struct tw_reader reader = tw_reader_of(bytes);
    *header = (struct header){0};
    if (!tw_read_skip(&reader, 10) || !tw_read_u32le(&reader, &header->pixels_at) ||
        !tw_read_u32le(&reader, &header->size))
        return false;
    header->palette_at = 14 + (size_t)header->size;
    if (header->size != 12)
        return read_windows_header(&reader, header);
    uint16_t width, height, planes;
    if (!tw_read_u16le(&reader, &width) || !tw_read_u16le(&reader, &height) || !tw_read_u16le(&reader, &planes) ||
        !tw_read_u16le(&reader, &header->bits))
        return false;
    header->width = width;
    header->height = height;
    return true;
}

static enum tw_status probe(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error)
{
    struct header header;
    if (!read_header(bytes, &header))
        return tw_fail(error, TW_CORRUPT, "the BMP has no whole header: it is truncated or damaged");
    info->width = header.width;
    info->height = header.height;
    return TW_OK;
}

static enum tw_status check_kind(const struct header *header, struct tw_error *error)
{
    uint32_t c = header->compression;
    int bits = header->bits;
    bool is_plain = c == NONE && (bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32);
    bool is_packed = (c == RLE8 && bits == 8) || (c == RLE4 && bits == 4);
    bool is_masked = (c == FIELDS || c == ALPHA_FIELDS) && (bits == 16 || bits == 32);
    if (is_plain || ((is_packed || is_masked) && header->size != 12 && !(is_packed && header->is_top_down)))
        return TW_OK;
    return tw_fail(error, TW_UNSUPPORTED, "the BMP has %d bits a pixel in compression %u, which is not read", bits, c);
}

struct palette {
    uint8_t rgb[256][3];
    size_t count;
};

static bool read_palette(struct tw_span bytes, const struct header *header, struct palette *palette)
{
    size_t step = header->size == 12 ? 3 : 4;
    struct tw_reader reader = tw_reader_of(bytes);
    *palette = (struct palette){.count = header->bits <= 8 ? (size_t)1 << header->bits : 0};
    if (header->colours != 0 && header->colours < palette->count)
        palette->count = header->colours;
    if (!tw_read_skip(&reader, header->palette_at))
        return false;
    for (size_t i = 0; i < palette->count; i++) {
        struct tw_span colour;
        if (!tw_read_span(&reader, step, &colour))
            return false;
        for (int c = 0; c < 3; c++)
            palette->rgb[i][c] = colour.data[2 - c];
    }
    return true;
}

static uint8_t masked(uint32_t pixel, uint32_t mask)
{
    if (mask == 0)
        return 0;
    int shift = __builtin_ctz(mask);
    uint64_t most = mask >> shift;
    return (uint8_t)(((pixel & mask) >> shift) * 255ull / most);
}

static void put_index(const struct palette *palette, unsigned index, uint8_t *to)
{
    if (index < palette->count)
        memcpy(to, palette->rgb[index], 3);
}

static void unpack_row(const struct header *header, const struct palette *palette,
                       const struct tw_decode_policy *policy, const uint8_t *row, uint8_t *to)
{
    int bits = header->bits;
    for (int x = 0; x < header->width; x++, to += 3) {
        if (bits <= 8) {
            int first = x * bits;
            put_index(palette, (unsigned)(row[first / 8] >> (8 - bits - first % 8)) & ((1u << bits) - 1), to);
        } else if (bits == 24) {
            for (int c = 0; c < 3; c++)
                to[c] = row[x * 3 + 2 - c];
        } else {
            uint32_t pixel =
                bits == 32 ? tw_load_u32le(row + x * 4) : (uint32_t)row[x * 2] | (uint32_t)row[x * 2 + 1] << 8;
            uint8_t rgb[3];
            for (int c = 0; c < 3; c++)
                rgb[c] = masked(pixel, header->masks[c]);
            tw_blend(policy, rgb, header->masks[3] != 0 ? masked(pixel, header->masks[3]) : 255, to);
        }
    }
}

static bool decode_rows(struct tw_span bytes, const struct header *header, const struct palette *palette,
                        const struct tw_decode_policy *policy, const struct tw_image *image)
{
    size_t stride = ((size_t)header->width * header->bits + 31) / 32 * 4;
    struct tw_reader reader = tw_reader_of(bytes);
    if (!tw_read_skip(&reader, header->pixels_at))
        return false;
    for (int i = 0; i < header->height; i++) {
        int y = header->is_top_down ? i : header->height - 1 - i;
        struct tw_span row;
        size_t left = tw_reader_left(&reader), needed = ((size_t)header->width * header->bits + 7) / 8;
        if (left < needed || !tw_read_span(&reader, left < stride ? left : stride, &row))
            return false;
        unpack_row(header, palette, policy, row.data, image->rgb + (size_t)y * (size_t)image->width * 3);
    }
    return true;
}

struct cursor {
    const struct header *header;
    const struct palette *palette;
    const struct tw_image *image;
    int x, y;
};

static void put_run(struct cursor *cursor, unsigned index)
{
    if (cursor->x < cursor->header->width && cursor->y < cursor->header->height) {
        size_t y = (size_t)(cursor->header->height - 1 - cursor->y);
        put_index(cursor->palette, index,
                  cursor->image->rgb + (y * (size_t)cursor->image->width + (size_t)cursor->x) * 3);
        cursor->x++;
    }
}

/* `count` pixels given one by one, padded to 16 bits. */
static bool read_literal(struct tw_reader *reader, struct cursor *cursor, uint8_t count)
{
    bool is_4 = cursor->header->bits == 4;
    size_t size = is_4 ? ((size_t)count + 1) / 2 : count;
    struct tw_span data;
    if (!tw_read_span(reader, size, &data))
        return false;
    for (unsigned i = 0; i < count; i++)
        put_run(cursor, is_4 ? (i % 2 == 0 ? data.data[i / 2] >> 4 : data.data[i / 2] & 15u) : data.data[i]);
    return size % 2 == 0 || tw_read_skip(reader, 1);
}

/* Pairs: count and value; count 0: value 0 ends a row, 1 ends all, 2 moves, more is a literal of that length. */
static bool decode_runs(struct tw_span bytes, const struct header *header, const struct palette *palette,
                        const struct tw_image *image)
{
    struct cursor cursor = {header, palette, image, 0, 0};
    struct tw_reader reader = tw_reader_of(bytes);
    uint8_t count, value;
    if (!tw_read_skip(&reader, header->pixels_at))
        return false;
    while (tw_read_u8(&reader, &count) && tw_read_u8(&reader, &value)) {
        uint8_t right, up;
        for (unsigned i = 0; i < count; i++)
            put_run(&cursor, header->bits == 8 ? value : (i % 2 == 0 ? value >> 4 : value & 15u));
        if (count != 0)
            continue;
        if (value == 1)
            return true;
        if (value == 0) {
            cursor.x = 0;
            if (++cursor.y >= header->height)
                return true;
        } else if (value == 2) {
            if (!tw_read_u8(&reader, &right) || !tw_read_u8(&reader, &up))
                return false;
            cursor.x += cursor.x < header->width ? right : 0;
            cursor.y += up;
            if (cursor.y >= header->height)
                return true;
        } else if (!read_literal(&reader, &cursor, value)) {
            return false;
        }
    }
    return false;
}

static enum tw_status decode(struct tw_span bytes, const struct tw_decode_policy *policy, struct tw_image *image,
                             struct tw_error *error)
{
    struct header header;
    struct palette palette;
    if (!read_header(bytes, &header))
        return tw_fail(error, TW_CORRUPT, "the BMP has no whole header: it is truncated or damaged");
    enum tw_status status = check_kind(&header, error);
    if (status != TW_OK)
        return status;
    bool is_packed = header.compression == RLE8 || header.compression == RLE4;
    if (!read_palette(bytes, &header, &palette) || !(is_packed ? decode_runs(bytes, &header, &palette, image)
                                                               : decode_rows(bytes, &header, &palette, policy, image)))
        return tw_fail(error, TW_CORRUPT, "the BMP ends too early: it is truncated");
    return TW_OK;
}

const struct tw_codec tw_codec_bmp = {.name = "bmp", .matches = matches, .probe = probe, .decode = decode};
