#include "image/image.h"

#include "base/memory.h"
#include "image/resize.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

struct failure {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this */
    jmp_buf back;
};

static void jump(j_common_ptr info)
{
    struct failure *failure = (struct failure *)(void *)info->err;
    longjmp(failure->back, 1);
}

static enum tw_status encode(const struct tw_image *image, int quality, struct tw_buffer *jpeg, struct tw_error *error)
{
    struct jpeg_compress_struct info = {0};
    struct failure failure = {0};
    /* In a block of their own: their values change between setjmp and the jump. */
    struct {
        unsigned char *data;
        unsigned long size;
    } volatile written = {0};
    info.err = jpeg_std_error(&failure.base);
    failure.base.error_exit = jump;
    if (setjmp(failure.back)) {
        jpeg_destroy_compress(&info);
        free(written.data);
        return tw_fail(error, TW_NO_MEMORY, "a thumbnail cannot be written");
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, (unsigned char **)&written.data, (unsigned long *)&written.size);
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
    enum tw_status status = tw_buffer_append(jpeg, written.data, written.size, error);
    free(written.data);
    return status;
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
