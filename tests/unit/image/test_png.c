#include "samples.h"

static void expect(struct tw_buffer file, const struct tw_decode_policy *policy, const uint8_t *rgb, int count)
{
    struct tw_image image = read_all(&file, policy);
    assert_int_equal(image.width * image.height, count);
    assert_memory_equal(image.rgb, rgb, (size_t)count * 3);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void rgb_is_kept_exactly_also_interlaced(void **state)
{
    (void)state;
    struct tw_image image = pattern(21, 13);
    for (int i = 0; i < 2; i++)
        expect(png_of(image.rgb, 21, 13, 63,
                      &(struct png_kind){.colour = PNG_COLOR_TYPE_RGB, .bits = 8, .is_interlaced = i == 1}),
               &plain, image.rgb, 21 * 13);
    tw_image_release(&image);
}

static void sixteen_bits_keep_their_high_byte(void **state)
{
    (void)state;
    const uint8_t rgb[] = {0x12, 0xff, 0x34, 0x00, 0xfe, 0x80}, gray[] = {0x7f, 0xff};
    expect(png_of(rgb, 1, 1, 6, &(struct png_kind){.colour = PNG_COLOR_TYPE_RGB, .bits = 16}), &plain,
           (uint8_t[]){0x12, 0x34, 0xfe}, 1);
    expect(png_of(gray, 1, 1, 2, &(struct png_kind){.colour = PNG_COLOR_TYPE_GRAY, .bits = 16}), &plain,
           (uint8_t[]){0x7f, 0x7f, 0x7f}, 1);
}

static void low_bit_gray_is_spread_over_all_levels(void **state)
{
    (void)state;
    const uint8_t one[] = {0x40}, two[] = {0x1b};
    expect(png_of(one, 2, 1, 1, &(struct png_kind){.colour = PNG_COLOR_TYPE_GRAY, .bits = 1}), &plain,
           (uint8_t[]){0, 0, 0, 255, 255, 255}, 2);
    expect(png_of(two, 4, 1, 1, &(struct png_kind){.colour = PNG_COLOR_TYPE_GRAY, .bits = 2}), &plain,
           (uint8_t[]){0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255}, 4);
}

static void alpha_is_blended_over_the_background_or_dropped(void **state)
{
    (void)state;
    const uint8_t rgba[] = {100, 150, 200, 255, 100, 150, 200, 0, 100, 150, 200, 51};
    const struct tw_decode_policy over = {.background = {0, 50, 250}}, drop = {.drops_alpha = true};
    const struct png_kind kind = {.colour = PNG_COLOR_TYPE_RGBA, .bits = 8};
    expect(png_of(rgba, 3, 1, 12, &kind), &over, (uint8_t[]){100, 150, 200, 0, 50, 250, 20, 70, 240}, 3);
    expect(png_of(rgba, 3, 1, 12, &kind), &drop, (uint8_t[]){100, 150, 200, 100, 150, 200, 100, 150, 200}, 3);
}

static void gray_with_alpha_is_blended_too(void **state)
{
    (void)state;
    const uint8_t ga[] = {80, 255, 80, 0};
    expect(png_of(ga, 2, 1, 4, &(struct png_kind){.colour = PNG_COLOR_TYPE_GRAY_ALPHA, .bits = 8}), &plain,
           (uint8_t[]){80, 80, 80, 255, 255, 255}, 2);
}

static void palettes_of_every_depth_are_looked_up_with_their_alpha(void **state)
{
    (void)state;
    const png_color colours[] = {{1, 2, 3}, {200, 100, 50}};
    const uint8_t alpha[] = {255, 0}, rgb[] = {1, 2, 3, 200, 100, 50}, shown[] = {1, 2, 3, 255, 255, 255};
    const uint8_t packed[4][2] = {{0x40}, {0x10}, {0x01}, {0, 1}};
    for (int i = 0; i < 4; i++) {
        struct png_kind kind = {
            .colour = PNG_COLOR_TYPE_PALETTE, .bits = 1 << i, .palette = colours, .palette_size = 2};
        size_t stride = i == 3 ? 2 : 1;
        expect(png_of(packed[i], 2, 1, stride, &kind), &plain, rgb, 2);
        kind.palette_alpha = alpha;
        kind.palette_alpha_size = 2;
        expect(png_of(packed[i], 2, 1, stride, &kind), &plain, shown, 2);
    }
}

static void damage_is_withstood(void **state)
{
    (void)state;
    struct tw_image image = pattern(11, 9);
    struct tw_buffer rgb = png_of(image.rgb, 11, 9, 33, &(struct png_kind){.colour = PNG_COLOR_TYPE_RGB, .bits = 8});
    struct tw_buffer interlaced = png_of(
        image.rgb, 11, 9, 33, &(struct png_kind){.colour = PNG_COLOR_TYPE_RGB, .bits = 8, .is_interlaced = true});
    withstands_damage(&rgb, 24); /* IEND, the data's checksums */
    withstands_damage(&interlaced, 24);
    tw_image_release(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rgb_is_kept_exactly_also_interlaced),
        cmocka_unit_test(sixteen_bits_keep_their_high_byte),
        cmocka_unit_test(low_bit_gray_is_spread_over_all_levels),
        cmocka_unit_test(alpha_is_blended_over_the_background_or_dropped),
        cmocka_unit_test(gray_with_alpha_is_blended_too),
        cmocka_unit_test(palettes_of_every_depth_are_looked_up_with_their_alpha),
        cmocka_unit_test(damage_is_withstood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
