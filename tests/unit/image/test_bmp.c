#include "samples.h"

struct bmp_kind {
    unsigned header, bits, compression, colours;
    int width, height;
    const uint8_t *palette;
    size_t palette_size;
    const uint32_t *masks;
    size_t mask_count;
};

static struct tw_buffer bmp_of(const struct bmp_kind *kind, const void *pixels, size_t size)
{
    struct tw_buffer file = {0};
    size_t masks = kind->mask_count * 4, beyond = kind->header == 40 ? masks : 0;
    append(&file, "BM", 2);
    put_u32(&file, 0);
    put_u32(&file, 0);
    put_u32(&file, (uint32_t)(14 + kind->header + beyond + kind->palette_size));
    put_u32(&file, kind->header);
    if (kind->header == 12) {
        put_u16(&file, (unsigned)kind->width);
        put_u16(&file, (unsigned)kind->height);
        put_u16(&file, 1);
        put_u16(&file, kind->bits);
    } else {
        put_u32(&file, (uint32_t)kind->width);
        put_u32(&file, (uint32_t)kind->height);
        put_u16(&file, 1);
        put_u16(&file, kind->bits);
        put_u32(&file, kind->compression);
        for (int i = 0; i < 3; i++)
            put_u32(&file, 0);
        put_u32(&file, kind->colours);
        put_u32(&file, 0);
        for (size_t i = 0; i < kind->mask_count; i++)
            put_u32(&file, kind->masks[i]);
        while (file.size < 14 + kind->header)
            append(&file, "", 1);
    }
    if (kind->palette_size > 0)
        append(&file, kind->palette, kind->palette_size);
    append(&file, pixels, size);
    return file;
}

static void expect(const struct bmp_kind *kind, const void *pixels, size_t size, const uint8_t *rgb)
{
    struct tw_buffer file = bmp_of(kind, pixels, size);
    struct tw_image image = read_all(&file, &(struct tw_decode_policy){.background = {0, 0, 0}});
    assert_memory_equal(image.rgb, rgb, (size_t)(image.width * image.height * 3));
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static const uint8_t palette[] = {3, 2, 1, 0, 50, 100, 200, 0}; /* BGR0: (1, 2, 3) and (200, 100, 50) */
static const uint8_t both[] = {1, 2, 3, 200, 100, 50};

static void rows_of_24_bits_come_bottom_up_or_top_down(void **state)
{
    (void)state;
    const uint8_t pixels[] = {3, 2, 1, 0, 50, 100, 200, 0};
    expect(&(struct bmp_kind){40, 24, .width = 1, .height = -2}, pixels, 8, both);
    expect(&(struct bmp_kind){40, 24, .width = 1, .height = 2}, pixels, 8, (uint8_t[]){200, 100, 50, 1, 2, 3});
}

static void the_last_row_may_lack_its_padding(void **state)
{
    (void)state;
    expect(&(struct bmp_kind){40, 24, .width = 1, .height = -1}, (uint8_t[]){3, 2, 1}, 3, both);
}

static void palettes_of_1_4_and_8_bits_are_looked_up(void **state)
{
    (void)state;
    const uint8_t packed[3][4] = {{0x40}, {0x01}, {0, 1}};
    const unsigned bits[] = {1, 4, 8};
    for (int i = 0; i < 3; i++)
        expect(&(struct bmp_kind){40, bits[i], 0, 2, 2, 1, .palette = palette, .palette_size = 8}, packed[i], 4, both);
}

static void the_os2_header_has_palettes_of_three_bytes(void **state)
{
    (void)state;
    const uint8_t three[] = {3, 2, 1, 50, 100, 200};
    expect(&(struct bmp_kind){12, 1, .width = 2, .height = 1, .palette = three, .palette_size = 6},
           (uint8_t[]){0x40, 0, 0, 0}, 4, both);
}

static void sixteen_bits_are_5_5_5_or_as_the_masks_say(void **state)
{
    (void)state;
    const uint32_t masks[] = {0xf800, 0x07e0, 0x001f};
    const uint8_t white_red[] = {0xff, 0x7f, 0x00, 0x7c}, green_blue[] = {0xe0, 0x07, 0x1f, 0x00};
    expect(&(struct bmp_kind){40, 16, .width = 2, .height = 1}, white_red, 4, (uint8_t[]){255, 255, 255, 255, 0, 0});
    expect(&(struct bmp_kind){40, 16, 3, .width = 2, .height = 1, .masks = masks, .mask_count = 3}, green_blue, 4,
           (uint8_t[]){0, 255, 0, 0, 0, 255});
}

static void thirty_two_bits_have_alpha_only_where_a_mask_says_so(void **state)
{
    (void)state;
    const uint32_t masks[] = {0xff0000, 0xff00, 0xff, 0xff000000};
    const uint8_t pixels[] = {50, 100, 200, 0};
    expect(&(struct bmp_kind){40, 32, .width = 1, .height = 1}, pixels, 4, both + 3);
    expect(&(struct bmp_kind){108, 32, 3, .width = 1, .height = 1, .masks = masks, .mask_count = 4}, pixels, 4,
           (uint8_t[]){0, 0, 0});
}

static void runs_of_8_and_4_bits_are_unpacked(void **state)
{
    (void)state;
    /* Three pixels of colour 1; a literal of three; end. Rows from the bottom. */
    const uint8_t rle8[] = {3, 1, 0, 0, 0, 3, 1, 0, 1, 0, 0, 1}, rle4[] = {3, 0x11, 0, 0, 0, 3, 0x10, 0x10, 0, 1};
    const uint8_t rgb[] = {200, 100, 50, 1, 2, 3, 200, 100, 50, 200, 100, 50, 200, 100, 50, 200, 100, 50};
    expect(&(struct bmp_kind){40, 8, 1, 2, 3, 2, .palette = palette, .palette_size = 8}, rle8, sizeof rle8, rgb);
    expect(&(struct bmp_kind){40, 4, 2, 2, 3, 2, .palette = palette, .palette_size = 8}, rle4, sizeof rle4, rgb);
}

static void runs_and_moves_beyond_the_picture_are_harmless(void **state)
{
    (void)state;
    const uint8_t runs[] = {255, 1, 0, 2, 255, 255, 255, 1};
    struct tw_buffer file =
        bmp_of(&(struct bmp_kind){40, 8, 1, 2, 3, 2, .palette = palette, .palette_size = 8}, runs, sizeof runs);
    struct tw_error error = {0};
    assert_int_equal(status_of(file.data, file.size, &error), TW_OK);
    tw_buffer_release(&file);
}

static void unknown_kinds_are_named(void **state)
{
    (void)state;
    struct tw_buffer file = bmp_of(&(struct bmp_kind){40, 24, 4, .width = 1, .height = 1}, "abcd", 4);
    struct tw_error error = {0};
    assert_int_equal(status_of(file.data, file.size, &error), TW_UNSUPPORTED);
    assert_non_null(strstr(error.text, "24 bits"));
    tw_buffer_release(&file);
}

static void damage_is_withstood(void **state)
{
    (void)state;
    const uint8_t rle8[] = {3, 1, 0, 0, 0, 3, 1, 0, 1, 0, 0, 1}, pixels[] = {3, 2, 1, 0, 50, 100, 200, 0};
    struct tw_buffer plain_rows = bmp_of(&(struct bmp_kind){40, 24, .width = 1, .height = 2}, pixels, 8);
    struct tw_buffer runs =
        bmp_of(&(struct bmp_kind){40, 8, 1, 2, 3, 2, .palette = palette, .palette_size = 8}, rle8, sizeof rle8);
    withstands_damage(&plain_rows, 1);
    withstands_damage(&runs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_24_bits_come_bottom_up_or_top_down),
        cmocka_unit_test(the_last_row_may_lack_its_padding),
        cmocka_unit_test(palettes_of_1_4_and_8_bits_are_looked_up),
        cmocka_unit_test(the_os2_header_has_palettes_of_three_bytes),
        cmocka_unit_test(sixteen_bits_are_5_5_5_or_as_the_masks_say),
        cmocka_unit_test(thirty_two_bits_have_alpha_only_where_a_mask_says_so),
        cmocka_unit_test(runs_of_8_and_4_bits_are_unpacked),
        cmocka_unit_test(runs_and_moves_beyond_the_picture_are_harmless),
        cmocka_unit_test(unknown_kinds_are_named),
        cmocka_unit_test(damage_is_withstood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
