#include "samples.h"

#include <gif_lib.h>

struct frame {
    int left, top, width, height;
    bool is_interlaced;
    int transparent; /* -1: none */
    const GifByteType *indices;
};

static int put_bytes(GifFileType *gif, const GifByteType *data, int size)
{
    append(gif->UserData, data, (size_t)size);
    return size;
}

/* Four colours: black, red, green, blue. Rows of an interlaced frame are given in the file's order. */
static struct tw_buffer gif_of(int width, int height, const struct frame *frames, int count)
{
    static const GifColorType colours[] = {{0, 0, 0}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
    struct tw_buffer file = {0};
    int code;
    GifFileType *gif = EGifOpen(&file, put_bytes, &code);
    ColorMapObject *map = GifMakeMapObject(4, colours);
    EGifSetGifVersion(gif, true);
    assert_int_equal(EGifPutScreenDesc(gif, width, height, 2, 0, map), GIF_OK);
    for (int i = 0; i < count; i++) {
        GraphicsControlBlock control = {.TransparentColor = frames[i].transparent};
        GifByteType block[4];
        EGifGCBToExtension(&control, block);
        assert_int_equal(EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, block), GIF_OK);
        assert_int_equal(EGifPutImageDesc(gif, frames[i].left, frames[i].top, frames[i].width, frames[i].height,
                                          frames[i].is_interlaced, NULL),
                         GIF_OK);
        for (int y = 0; y < frames[i].height; y++)
            assert_int_equal(EGifPutLine(gif, (GifPixelType *)frames[i].indices + y * frames[i].width, frames[i].width),
                             GIF_OK);
    }
    EGifCloseFile(gif, &code);
    GifFreeMapObject(map);
    return file;
}

static const uint8_t black[] = {0, 0, 0}, red[] = {255, 0, 0}, green[] = {0, 255, 0}, blue[] = {0, 0, 255};

static void the_first_frame_is_drawn_and_no_other(void **state)
{
    (void)state;
    const struct frame frames[] = {
        {0, 0, 2, 2, false, -1, (const GifByteType[]){0, 1, 2, 3}},
        {0, 0, 2, 2, false, -1, (const GifByteType[]){1, 1, 1, 1}},
    };
    struct tw_buffer file = gif_of(2, 2, frames, 2);
    struct tw_image image = read_all(&file, &plain);
    pixel_is(&image, 0, 0, black, 0);
    pixel_is(&image, 1, 0, red, 0);
    pixel_is(&image, 0, 1, green, 0);
    pixel_is(&image, 1, 1, blue, 0);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void transparent_and_uncovered_pixels_show_the_background(void **state)
{
    (void)state;
    const struct frame frame = {1, 1, 2, 1, false, 1, (const GifByteType[]){1, 2}};
    const struct tw_decode_policy over = {.background = {9, 8, 7}};
    struct tw_buffer file = gif_of(4, 3, &frame, 1);
    struct tw_image image = read_all(&file, &over);
    assert_int_equal(image.width, 4);
    assert_int_equal(image.height, 3);
    pixel_is(&image, 0, 0, over.background, 0);
    pixel_is(&image, 1, 1, over.background, 0);
    pixel_is(&image, 2, 1, green, 0);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void interlaced_rows_find_their_place(void **state)
{
    (void)state;
    /* Rows 0, 8, 4, 2, 6, 1, 3, 5, 7 of nine come in this order; each is marked by its number modulo 4. */
    const struct frame frame = {0, 0, 1, 9, true, -1, (const GifByteType[]){0, 0, 0, 2, 2, 1, 3, 1, 3}};
    const uint8_t *colours[] = {black, red, green, blue};
    struct tw_buffer file = gif_of(1, 9, &frame, 1);
    struct tw_image image = read_all(&file, &plain);
    for (int y = 0; y < 9; y++)
        pixel_is(&image, 0, y, colours[y % 4], 0);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void a_frame_larger_than_its_canvas_is_cut(void **state)
{
    (void)state;
    const struct frame frame = {1, 0, 2, 2, false, -1, (const GifByteType[]){1, 2, 3, 1}};
    struct tw_buffer file = gif_of(2, 1, &frame, 1);
    struct tw_image image = read_all(&file, &plain);
    pixel_is(&image, 1, 0, red, 0);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void damage_is_withstood(void **state)
{
    (void)state;
    const struct frame frame = {0, 0, 4, 3, false, 2, (const GifByteType[]){0, 1, 2, 3, 3, 2, 1, 0, 1, 1, 2, 2}};
    struct tw_buffer file = gif_of(5, 4, &frame, 1);
    withstands_damage(&file, 3); /* the end of the codes, of the blocks, of the file */
}

static void a_gif_without_a_frame_is_refused(void **state)
{
    (void)state;
    struct tw_buffer file = gif_of(5, 4, NULL, 0);
    struct tw_error error = {0};
    assert_int_equal(status_of(file.data, file.size, &error), TW_CORRUPT);
    assert_non_null(strstr(error.text, "no whole frame"));
    tw_buffer_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_frame_is_drawn_and_no_other),
        cmocka_unit_test(transparent_and_uncovered_pixels_show_the_background),
        cmocka_unit_test(interlaced_rows_find_their_place),
        cmocka_unit_test(a_frame_larger_than_its_canvas_is_cut),
        cmocka_unit_test(damage_is_withstood),
        cmocka_unit_test(a_gif_without_a_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
