/* Pictures made by the tests themselves, and what is asked of every codec. */
#ifndef TESTS_IMAGE_SAMPLES_H
#define TESTS_IMAGE_SAMPLES_H

#include "base/memory.h"
#include "image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

static const struct tw_decode_policy plain = {.jpeg_dct = TW_DCT_ISLOW, .background = {255, 255, 255}};

/* Slopes and fine detail; every pixel differs from its neighbours. */
static inline struct tw_image pattern(int width, int height)
{
    struct tw_image image = {.width = width, .height = height, .rgb = tw_alloc((size_t)(width * height), 3)};
    for (int i = 0; i < width * height; i++) {
        int x = i % width, y = i / width;
        image.rgb[i * 3] = (uint8_t)(x * 255 / width);
        image.rgb[i * 3 + 1] = (uint8_t)(y * 255 / height);
        image.rgb[i * 3 + 2] = (uint8_t)((x * 7 + y * 13) % 256);
    }
    return image;
}

static inline void append(struct tw_buffer *file, const void *data, size_t size)
{
    assert_int_equal(tw_buffer_append(file, data, size, NULL), TW_OK);
}

struct jpeg_kind {
    J_COLOR_SPACE from, to; /* 0: RGB as YCbCr */
    bool is_progressive, lacks_adobe;
    unsigned restart;
    struct tw_span app1; /* contents of an APP1 marker */
};

/* `pixels` are of the kind's own colour space. */
static inline struct tw_buffer jpeg_of(const uint8_t *pixels, int width, int height, const struct jpeg_kind *kind)
{
    struct jpeg_compress_struct info = {0};
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &data, &size);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.in_color_space = kind->from != 0 ? kind->from : JCS_RGB;
    info.input_components = info.in_color_space == JCS_GRAYSCALE ? 1 : info.in_color_space == JCS_CMYK ? 4 : 3;
    jpeg_set_defaults(&info);
    if (kind->to != 0)
        jpeg_set_colorspace(&info, kind->to);
    jpeg_set_quality(&info, 95, TRUE);
    info.restart_interval = kind->restart;
    if (kind->lacks_adobe)
        info.write_Adobe_marker = FALSE;
    if (kind->is_progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    if (kind->app1.size > 0)
        jpeg_write_marker(&info, JPEG_APP0 + 1, kind->app1.data, (unsigned)kind->app1.size);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = (JSAMPROW)pixels + (size_t)info.next_scanline * (size_t)(width * info.input_components);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    struct tw_buffer file = {0};
    append(&file, data, size);
    free(data);
    return file;
}

static inline void put_png(png_structp png, png_bytep data, size_t size)
{
    append(png_get_io_ptr(png), data, size);
}

static inline void flush_png(png_structp png)
{
    (void)png;
}

struct png_kind {
    int colour, bits; /* PNG_COLOR_TYPE_... */
    bool is_interlaced;
    const png_color *palette;
    int palette_size;
    const uint8_t *palette_alpha; /* of the first colours */
    int palette_alpha_size;
    struct tw_span exif;
};

/* `rows` are packed as PNG packs them, `stride` bytes each. */
static inline struct tw_buffer png_of(const uint8_t *rows, int width, int height, size_t stride,
                                      const struct png_kind *kind)
{
    struct tw_buffer file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep lines[256];
    for (int y = 0; y < height; y++)
        lines[y] = (png_bytep)rows + (size_t)y * stride;
    png_set_write_fn(png, &file, put_png, flush_png);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, kind->bits, kind->colour,
                 kind->is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (kind->palette != NULL)
        png_set_PLTE(png, info, kind->palette, kind->palette_size);
    if (kind->palette_alpha != NULL)
        png_set_tRNS(png, info, kind->palette_alpha, kind->palette_alpha_size, NULL);
    if (kind->exif.size > 0)
        png_set_eXIf_1(png, info, (png_uint_32)kind->exif.size, (png_bytep)kind->exif.data);
    png_set_rows(png, info, lines);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    return file;
}

static inline struct tw_buffer webp_of(const uint8_t *rgba, int width, int height, bool is_lossless)
{
    uint8_t *data = NULL;
    size_t size = is_lossless ? WebPEncodeLosslessRGBA(rgba, width, height, width * 4, &data)
                              : WebPEncodeRGBA(rgba, width, height, width * 4, 90, &data);
    struct tw_buffer file = {0};
    append(&file, data, size);
    WebPFree(data);
    return file;
}

static inline void put_u16(struct tw_buffer *file, unsigned value)
{
    append(file, (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}

static inline void put_u32(struct tw_buffer *file, uint32_t value)
{
    put_u16(file, value & 0xffff);
    put_u16(file, value >> 16);
}

/* The pixels of a file that must be readable. */
static inline struct tw_image read_all(const struct tw_buffer *file, const struct tw_decode_policy *policy)
{
    struct tw_image image = {0};
    struct tw_error error = {0};
    if (tw_image_decode(tw_buffer_span(file), policy, &tw_image_limits_default, &image, &error) != TW_OK)
        fail_msg("%s", error.text);
    return image;
}

static inline enum tw_status status_of(const void *data, size_t size, struct tw_error *error)
{
    static const struct tw_image_limits small = {1 << 20, 1 << 18, 1 << 12};
    uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a read past the end is seen */
    struct tw_image image = {0};
    if (size > 0)
        memcpy(exact, data, size);
    enum tw_status status = tw_image_decode(tw_span_of(exact, size), &plain, &small, &image, error);
    free(exact);
    assert_true((status == TW_OK) == (image.rgb != NULL));
    tw_image_release(&image);
    return status;
}

/* Cut anywhere, a file is refused with a sentence, or (in its last `tail` bytes, which hold no pixels) read as it was. */
static inline void every_truncation_is_refused(const struct tw_buffer *file, size_t tail)
{
    struct tw_image whole = read_all(file, &plain);
    for (size_t size = 0; size < file->size; size++) {
        struct tw_error error = {0};
        enum tw_status status = status_of(file->data, size, &error);
        if (status == TW_OK && size + tail >= file->size) {
            struct tw_buffer cut = {.data = file->data, .size = size};
            struct tw_image image = read_all(&cut, &plain);
            assert_memory_equal(image.rgb, whole.rgb, (size_t)(whole.width * whole.height * 3));
            tw_image_release(&image);
            continue;
        }
        if (status != TW_CORRUPT && status != TW_UNSUPPORTED)
            fail_msg("cut to %zu of %zu bytes: status %d", size, file->size, (int)status);
        assert_true(error.text[0] != 0);
    }
    tw_image_release(&whole);
}

/* Whatever one byte becomes, the answer is pixels or a sentence. */
static inline void every_changed_byte_is_survived(const struct tw_buffer *file)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t at = 0; at < file->size; at++) {
        for (size_t i = 0; i < sizeof changes; i++) {
            struct tw_error error = {0};
            file->data[at] ^= changes[i];
            enum tw_status status = status_of(file->data, file->size, &error);
            file->data[at] ^= changes[i];
            if (status != TW_OK && status != TW_CORRUPT && status != TW_UNSUPPORTED && status != TW_LIMIT)
                fail_msg("byte %zu: status %d", at, (int)status);
        }
    }
}

/* Each allocation fails once. */
static inline void every_failed_allocation_is_reported(const struct tw_buffer *file)
{
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status != TW_OK; n++) {
        struct tw_image image = {0};
        struct tw_error error = {0};
        tw_memory_fail_at(n);
        status = tw_image_decode(tw_buffer_span(file), &plain, &tw_image_limits_default, &image, &error);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || (status == TW_NO_MEMORY && image.rgb == NULL && error.text[0] != 0));
        assert_true(n < 100);
        tw_image_release(&image);
    }
}

static inline void withstands_damage(struct tw_buffer *file, size_t tail)
{
    every_truncation_is_refused(file, tail);
    every_changed_byte_is_survived(file);
    every_failed_allocation_is_reported(file);
    tw_buffer_release(file);
}

static inline void pixel_is(const struct tw_image *image, int x, int y, const uint8_t rgb[3], int tolerance)
{
    const uint8_t *at = image->rgb + (y * image->width + x) * 3;
    for (int c = 0; c < 3; c++) {
        if (abs(at[c] - rgb[c]) > tolerance)
            fail_msg("(%d, %d) is %d %d %d, not %d %d %d", x, y, at[0], at[1], at[2], rgb[0], rgb[1], rgb[2]);
    }
}

#endif
