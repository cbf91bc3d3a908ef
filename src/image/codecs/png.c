/* PNG (ISO/IEC 15948): 8 signature bytes, then chunks: u32be length, 4 letters, data, u32be CRC; IHDR first with u32be
 * width and height; eXIf holds a TIFF block. Decoding is libpng's. 16-bit channels keep their high byte. */
#include "image/codec.h"

#include "base/memory.h"
#include "image/exif.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

static bool matches(struct tw_span bytes)
{
    return tw_span_starts(bytes, "\x89PNG\r\n\x1a\n", 8);
}

static enum tw_status probe(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(bytes);
    struct tw_span kind, data;
    uint32_t size;
    (void)tw_read_skip(&reader, 8);
    bool is_first = true;
    while (tw_read_u32be(&reader, &size) && tw_read_span(&reader, 4, &kind)) {
        if (is_first && !tw_span_starts(kind, "IHDR", 4))
            break;
        if (tw_span_starts(kind, "IDAT", 4) || !tw_read_span(&reader, size, &data) || !tw_read_skip(&reader, 4))
            break;
        if (is_first) {
            struct tw_reader header = tw_reader_of(data);
            uint32_t width, height;
            if (!tw_read_u32be(&header, &width) || !tw_read_u32be(&header, &height) || width > INT32_MAX ||
                height > INT32_MAX)
                break;
            info->width = (int)width;
            info->height = (int)height;
            is_first = false;
        } else if (tw_span_starts(kind, "eXIf", 4)) {
            info->orientation = tw_exif_orientation(data);
        }
    }
    if (is_first)
        return tw_fail(error, TW_CORRUPT, "the PNG has no whole header: it is truncated or damaged");
    return TW_OK;
}

struct state {
    struct tw_reader reader;
    jmp_buf back;
    bool is_cut;
    char text[120];
};

static void fail_and_jump(png_structp png, png_const_charp text)
{
    struct state *state = png_get_error_ptr(png);
    snprintf(state->text, sizeof state->text, "%s", text);
    longjmp(state->back, 1);
}

static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    struct state *state = png_get_io_ptr(png);
    struct tw_span part;
    if (!tw_read_span(&state->reader, size, &part)) {
        state->is_cut = true;
        png_error(png, "truncated");
    }
    memcpy(out, part.data, size);
}

/* Whatever the file holds becomes 8-bit RGBA. */
static void ask_for_rgba(png_structp png, png_infop info)
{
    png_set_strip_16(png);
    png_set_expand(png);
    int colour = png_get_color_type(png, info);
    if (colour == PNG_COLOR_TYPE_GRAY || colour == PNG_COLOR_TYPE_GRAY_ALPHA)
        png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static enum tw_status decode(struct tw_span bytes, const struct tw_decode_policy *policy, struct tw_image *image,
                             struct tw_error *error)
{
    struct state state = {.reader = tw_reader_of(bytes)};
    size_t width = (size_t)image->width, height = (size_t)image->height;
    volatile enum tw_status status = TW_OK; /* set after a jump */
    png_infop info = NULL;
    uint8_t *rgba = tw_alloc(width * height, 4);
    png_bytep *rows = tw_alloc(height, sizeof *rows);
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, fail_and_jump, ignore_warning);
    if (png != NULL)
        info = png_create_info_struct(png);
    if (rgba == NULL || rows == NULL || info == NULL) {
        status = tw_fail_memory(error, width * height * 4, "the pixels of a PNG");
        goto done;
    }
    for (size_t y = 0; y < height; y++)
        rows[y] = rgba + y * width * 4;
    if (setjmp(state.back)) {
        status = state.is_cut ? tw_fail(error, TW_CORRUPT, "the PNG ends too early: it is truncated")
                              : tw_fail(error, TW_CORRUPT, "the PNG is damaged (%s)", state.text);
        goto done;
    }
    png_set_read_fn(png, &state, read_bytes);
    png_read_info(png, info);
    ask_for_rgba(png, info);
    if (png_get_rowbytes(png, info) != width * 4)
        png_error(png, "two headers");
    png_read_image(png, rows);
    for (size_t i = 0; i < width * height; i++)
        tw_blend(policy, rgba + i * 4, rgba[i * 4 + 3], image->rgb + i * 3);
done:
    if (png != NULL)
        png_destroy_read_struct(&png, &info, NULL);
    tw_free(rows);
    tw_free(rgba);
    return status;
}

const struct tw_codec tw_codec_png = {.name = "png", .matches = matches, .probe = probe, .decode = decode};
