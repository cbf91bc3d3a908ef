#include "samples.h"

#include "image/exif.h"

static struct tw_buffer tiff_of(bool is_big, unsigned orientation)
{
    const uint8_t little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const uint8_t big[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    struct tw_buffer tiff = {0};
    append(&tiff, is_big ? big : little, sizeof big);
    tiff.data[is_big ? 19 : 18] = (uint8_t)orientation;
    return tiff;
}

static void orientation_is_read_in_both_byte_orders(void **state)
{
    (void)state;
    for (unsigned orientation = 0; orientation <= 9; orientation++) {
        for (int is_big = 0; is_big < 2; is_big++) {
            struct tw_buffer tiff = tiff_of(is_big == 1, orientation);
            int wanted = orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
            assert_int_equal(tw_exif_orientation(tw_buffer_span(&tiff)), wanted);
            tw_buffer_release(&tiff);
        }
    }
}

static void cut_or_changed_exif_means_upright_or_another_orientation(void **state)
{
    (void)state;
    struct tw_buffer tiff = tiff_of(true, 6);
    for (size_t size = 0; size < tiff.size; size++) {
        uint8_t *exact = malloc(size > 0 ? size : 1);
        memcpy(exact, tiff.data, size);
        int found = tw_exif_orientation(tw_span_of(exact, size));
        assert_int_equal(found, size < 22 ? 1 : 6);
        free(exact);
    }
    for (size_t at = 0; at < tiff.size; at++) {
        tiff.data[at] ^= 0xff;
        int found = tw_exif_orientation(tw_buffer_span(&tiff));
        assert_in_range(found, 1, 8);
        tiff.data[at] ^= 0xff;
    }
    tw_buffer_release(&tiff);
}

/* After the EXIF standard: where the stored row 0 and column 0 lie in the upright picture. */
static void upright_place(int orientation, const struct tw_image *stored, int x, int y, int *to_x, int *to_y)
{
    static const bool is_turned[] = {0, 0, 0, 0, 0, 1, 1, 1, 1};
    static const bool row_0_is_last[] = {0, 0, 0, 1, 1, 0, 1, 1, 0};
    static const bool column_0_is_last[] = {0, 0, 1, 1, 0, 0, 0, 1, 1};
    int row = row_0_is_last[orientation] ? stored->height - 1 - y : y;
    int column = column_0_is_last[orientation] ? stored->width - 1 - x : x;
    *to_x = is_turned[orientation] ? row : column;
    *to_y = is_turned[orientation] ? column : row;
}

static void stands_upright(const struct tw_image *stored, const struct tw_image *image, int orientation)
{
    assert_int_equal(image->width, orientation >= 5 ? stored->height : stored->width);
    assert_int_equal(image->height, orientation >= 5 ? stored->width : stored->height);
    for (int i = 0; i < stored->width * stored->height; i++) {
        int x, y;
        upright_place(orientation, stored, i % stored->width, i / stored->width, &x, &y);
        pixel_is(image, x, y, stored->rgb + i * 3, 0);
    }
}

static void every_orientation_is_applied_or_ignored_as_the_policy_says(void **state)
{
    (void)state;
    const struct tw_decode_policy ignoring = {.jpeg_dct = TW_DCT_ISLOW, .exif = TW_EXIF_IGNORE};
    struct tw_image picture = pattern(5, 3);
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
        struct tw_buffer tiff = tiff_of(orientation % 2 == 0, orientation), app1 = {0};
        append(&app1, "Exif\0", 6);
        append(&app1, tiff.data, tiff.size);
        struct png_kind kind = {.colour = PNG_COLOR_TYPE_RGB, .bits = 8, .exif = tw_buffer_span(&tiff)};
        struct tw_buffer files[] = {
            png_of(picture.rgb, 5, 3, 15, &kind),
            jpeg_of(picture.rgb, 5, 3, &(struct jpeg_kind){.app1 = tw_buffer_span(&app1)}),
        };
        for (int i = 0; i < 2; i++) {
            struct tw_image stored = read_all(&files[i], &ignoring), upright = read_all(&files[i], &plain);
            struct tw_image_info info;
            assert_int_equal(stored.width, 5);
            stands_upright(&stored, &upright, (int)orientation);
            assert_int_equal(tw_image_probe(tw_buffer_span(&files[i]), &info, NULL), TW_OK);
            assert_int_equal(info.orientation, orientation);
            assert_int_equal(info.width, 5);
            tw_image_release(&stored);
            tw_image_release(&upright);
            tw_buffer_release(&files[i]);
        }
        tw_buffer_release(&tiff);
        tw_buffer_release(&app1);
    }
    tw_image_release(&picture);
}

/* libwebp alone writes no EXIF: the chunks are put together here. */
static void webp_orientation_is_applied(void **state)
{
    (void)state;
    struct tw_image picture = pattern(5, 3);
    uint8_t rgba[15 * 4];
    for (int i = 0; i < 15; i++) {
        memcpy(rgba + i * 4, picture.rgb + i * 3, 3);
        rgba[i * 4 + 3] = 255;
    }
    struct tw_buffer bare = webp_of(rgba, 5, 3, true), file = {0}, tiff = tiff_of(false, 6);
    append(&file, "RIFF", 4);
    put_u32(&file, (uint32_t)(4 + 18 + (bare.size - 12) + 8 + tiff.size));
    append(&file, "WEBPVP8X", 8);
    put_u32(&file, 10);
    append(&file, (uint8_t[]){0x08, 0, 0, 0, 4, 0, 0, 2, 0, 0}, 10);
    append(&file, bare.data + 12, bare.size - 12);
    append(&file, "EXIF", 4);
    put_u32(&file, (uint32_t)tiff.size);
    append(&file, tiff.data, tiff.size);
    struct tw_image image = read_all(&file, &plain);
    stands_upright(&picture, &image, 6);
    tw_image_release(&image);
    tw_image_release(&picture);
    tw_buffer_release(&bare);
    tw_buffer_release(&tiff);
    withstands_damage(&file, 0);
}

static struct tw_buffer png_header(uint32_t width, uint32_t height)
{
    struct tw_buffer file = {0};
    const uint32_t sides[] = {__builtin_bswap32(width), __builtin_bswap32(height)};
    append(&file, "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16);
    append(&file, sides, 8);
    append(&file, "\x08\x02\0\0\0\0\0\0\0", 9);
    return file;
}

/* The next allocation would fail: the refusal comes before it. */
static void refused_before_memory(struct tw_buffer file, const struct tw_image_limits *limits, const char *words)
{
    struct tw_image image = {0};
    struct tw_error error = {0};
    tw_memory_fail_at(1);
    enum tw_status status = tw_image_decode(tw_buffer_span(&file), &plain, limits, &image, &error);
    tw_memory_fail_at(0);
    assert_int_equal(status, TW_LIMIT);
    if (strstr(error.text, words) == NULL)
        fail_msg("%s", error.text);
    tw_buffer_release(&file);
}

static void limits_are_checked_before_memory_is_taken(void **state)
{
    (void)state;
    const struct tw_image_limits *usual = &tw_image_limits_default;
    refused_before_memory(png_header(60000, 60000), usual, "60000 x 60000 pixels (3600000000), more than the limit");
    refused_before_memory(png_header(70000, 1), usual, "more than the limit of 65500 a side");
    refused_before_memory(png_header(1, 0x7fffffff), usual, "more than the limit of 65500 a side");
    refused_before_memory(png_header(10, 10), &(struct tw_image_limits){20, 1000, 1000},
                          "33 bytes, more than the limit of 20");
    refused_before_memory(png_header(10, 10), &(struct tw_image_limits){1000, 99, 1000}, "more than the limit of 99");
    refused_before_memory(png_header(10, 9), &(struct tw_image_limits){1000, 99, 9}, "more than the limit of 9 a side");
}

static void a_picture_at_the_limits_is_read(void **state)
{
    (void)state;
    struct tw_image picture = pattern(11, 9), image = {0};
    struct tw_buffer file = png_of(picture.rgb, 11, 9, 33, &(struct png_kind){.colour = PNG_COLOR_TYPE_RGB, .bits = 8});
    const struct tw_image_limits exact = {file.size, 99, 11};
    assert_int_equal(tw_image_decode(tw_buffer_span(&file), &plain, &exact, &image, NULL), TW_OK);
    tw_image_release(&picture);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void pictures_without_pixels_are_refused(void **state)
{
    (void)state;
    struct tw_error error = {0};
    struct tw_buffer file = png_header(0, 5);
    assert_int_equal(status_of(file.data, file.size, &error), TW_CORRUPT);
    assert_non_null(strstr(error.text, "no pixels"));
    tw_buffer_release(&file);
}

static void what_is_no_photo_is_named_by_its_content(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } cases[] = {
        {"", 0, "empty"},
        {"This is a shopping list.\n", 25, "this is text"},
        {"\0\0\0\x18"
         "ftypheic....",
         16, "HEIC"},
        {"II*\0........", 12, "TIFF"},
        {"%PDF-1.7", 8, "PDF"},
        {"PK\x03\x04....", 8, "ZIP"},
        {"<!DOCTYPE html>", 15, "HTML"},
        {"\x01\x02\x03\x04", 4, "an unknown kind of file"},
        {"RIFF....WAVE", 12, "sound"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_error error = {0};
        enum tw_status status = status_of(cases[i].bytes, cases[i].size, &error);
        assert_int_equal(status, cases[i].size == 0 ? TW_CORRUPT : TW_UNSUPPORTED);
        if (strstr(error.text, cases[i].words) == NULL)
            fail_msg("%s", error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientation_is_read_in_both_byte_orders),
        cmocka_unit_test(cut_or_changed_exif_means_upright_or_another_orientation),
        cmocka_unit_test(every_orientation_is_applied_or_ignored_as_the_policy_says),
        cmocka_unit_test(webp_orientation_is_applied),
        cmocka_unit_test(limits_are_checked_before_memory_is_taken),
        cmocka_unit_test(a_picture_at_the_limits_is_read),
        cmocka_unit_test(pictures_without_pixels_are_refused),
        cmocka_unit_test(what_is_no_photo_is_named_by_its_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
