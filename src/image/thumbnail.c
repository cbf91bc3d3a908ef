#include "image/image.h"

#include "base/memory.h"
#include "image/resize.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

/* libjpeg writes blocks of its own; they go to the buffer one by one. */
struct output {
    struct jpeg_destination_mgr base; /* first: libjpeg knows only this */
    struct tw_buffer *jpeg;
    struct tw_error *error;
    enum tw_status status;
    JOCTET block[4096];
};

struct failure {
    struct jpeg_error_mgr base; /* first, too */
    jmp_buf back;
};

static void jump(j_common_ptr info)
{
    struct failure *failure = (struct failure *)(void *)info->err;
    longjmp(failure->back, 1);
}

static void begin(j_compress_ptr info)
{
    struct output *output = (struct output *)(void *)info->dest;
    output->base.next_output_byte = output->block;
    output->base.free_in_buffer = sizeof output->block;
}

static void append(j_compress_ptr info, size_t size)
{
    struct output *output = (struct output *)(void *)info->dest;
    output->status = tw_buffer_append(output->jpeg, output->block, size, output->error);
    if (output->status != TW_OK)
        jump((j_common_ptr)info);
}

static boolean put_block(j_compress_ptr info)
{
    append(info, sizeof((struct output *)0)->block);
    begin(info);
    return TRUE;
}

static void put_rest(j_compress_ptr info)
{
    const struct output *output = (const struct output *)(void *)info->dest;
    append(info, sizeof output->block - output->base.free_in_buffer);
}

static enum tw_status encode(const struct tw_image *image, int quality, struct tw_buffer *jpeg, struct tw_error *error)
{
    struct jpeg_compress_struct info = {0};
    struct failure failure = {0};
    struct output output = {.jpeg = jpeg, .error = error};
    size_t size_before = jpeg->size;
    info.err = jpeg_std_error(&failure.base);
    failure.base.error_exit = jump;
    if (setjmp(failure.back)) {
        jpeg_destroy_compress(&info);
        jpeg->size = size_before;
        return output.status != TW_OK ? output.status : tw_fail(error, TW_NO_MEMORY, "a thumbnail cannot be written");
    }
    jpeg_create_compress(&info);
    output.base.init_destination = begin;
    output.base.empty_output_buffer = put_block;
    output.base.term_destination = put_rest;
    info.dest = &output.base;
    info.image_width = (JDIMENSION)image->width;
    info.image_height = (JDIMENSION)image->height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = image->rgb + (size_t)info.next_scanline * (size_t)image->width * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return TW_OK;
}

enum tw_status tw_image_thumbnail(const struct tw_image *image, int edge, int quality, struct tw_buffer *jpeg,
                                  struct tw_error *error)
{
    int longer = image->width > image->height ? image->width : image->height;
    if (longer <= edge)
        return encode(image, quality, jpeg, error);
    struct tw_image small = {
        .width = (int)((int64_t)image->width * edge / longer),
        .height = (int)((int64_t)image->height * edge / longer),
    };
    small.width = small.width < 1 ? 1 : small.width;
    small.height = small.height < 1 ? 1 : small.height;
    size_t pixels = (size_t)small.width * (size_t)small.height;
    small.rgb = tw_alloc(pixels, 3);
    if (small.rgb == NULL)
        return tw_fail_memory(error, pixels * 3, "a thumbnail");
    enum tw_status status = tw_resize_pillow(image, false, small.width, small.height, small.rgb, error);
    if (status == TW_OK)
        status = encode(&small, quality, jpeg, error);
    tw_image_release(&small);
    return status;
}
