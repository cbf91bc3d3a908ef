#include "image/image.h"

#include <png.h>
#include <setjmp.h>

struct output {
    struct tw_buffer *png;
    struct tw_error *error;
    enum tw_status status;
    jmp_buf back;
};

static void fail_and_jump(png_structp png, png_const_charp text)
{
    struct output *output = png_get_error_ptr(png);
    if (output->status == TW_OK)
        output->status = tw_fail(output->error, TW_NO_MEMORY, "a PNG cannot be written (%s)", text);
    longjmp(output->back, 1);
}

static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void append(png_structp png, png_bytep data, size_t size)
{
    struct output *output = png_get_io_ptr(png);
    output->status = tw_buffer_append(output->png, data, size, output->error);
    if (output->status != TW_OK)
        png_error(png, "no memory");
}

static void flush(png_structp png)
{
    (void)png;
}

enum tw_status tw_image_to_png(const struct tw_image *image, struct tw_buffer *png, struct tw_error *error)
{
    struct output output = {.png = png, .error = error};
    size_t size_before = png->size;
    png_infop info = NULL;
    png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, fail_and_jump, ignore_warning);
    if (writer == NULL)
        return tw_fail_memory(error, 1, "a PNG");
    if (setjmp(output.back)) {
        png_destroy_write_struct(&writer, &info);
        png->size = size_before;
        return output.status;
    }
    info = png_create_info_struct(writer);
    if (info == NULL)
        png_error(writer, "no memory");
    png_set_write_fn(writer, &output, append, flush);
    png_set_IHDR(writer, info, (png_uint_32)image->width, (png_uint_32)image->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer, info);
    for (int y = 0; y < image->height; y++)
        png_write_row(writer, image->rgb + (size_t)y * (size_t)image->width * 3);
    png_write_end(writer, NULL);
    png_destroy_write_struct(&writer, &info);
    return TW_OK;
}
