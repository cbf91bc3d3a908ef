#include "samples.h"

static uint8_t *rgba_pattern(int width, int height)
{
    struct tw_image image = pattern(width, height);
    uint8_t *rgba = malloc((size_t)(width * height * 4));
    for (int i = 0; i < width * height; i++) {
        memcpy(rgba + i * 4, image.rgb + i * 3, 3);
        rgba[i * 4 + 3] = 255;
    }
    tw_image_release(&image);
    return rgba;
}

static void lossless_is_kept_exactly(void **state)
{
    (void)state;
    uint8_t *rgba = rgba_pattern(19, 14);
    struct tw_image wanted = pattern(19, 14);
    struct tw_buffer file = webp_of(rgba, 19, 14, true);
    struct tw_image image = read_all(&file, &plain);
    assert_int_equal(image.width, 19);
    assert_memory_equal(image.rgb, wanted.rgb, 19 * 14 * 3);
    tw_image_release(&image);
    tw_image_release(&wanted);
    tw_buffer_release(&file);
    free(rgba);
}

static void lossy_is_near_what_was_encoded(void **state)
{
    (void)state;
    uint8_t rgba[16 * 16 * 4];
    for (size_t i = 0; i < sizeof rgba; i += 4)
        memcpy(rgba + i, (uint8_t[]){180, 90, 40, 255}, 4);
    struct tw_buffer file = webp_of(rgba, 16, 16, false);
    struct tw_image image = read_all(&file, &plain);
    pixel_is(&image, 3, 12, (uint8_t[]){180, 90, 40}, 6);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void alpha_is_blended_over_the_background(void **state)
{
    (void)state;
    uint8_t rgba[8 * 8 * 4];
    for (size_t i = 0; i < sizeof rgba; i += 4)
        memcpy(rgba + i, (uint8_t[]){100, 150, 200, 51}, 4);
    struct tw_buffer file = webp_of(rgba, 8, 8, true);
    struct tw_image image = read_all(&file, &(struct tw_decode_policy){.background = {0, 50, 250}});
    pixel_is(&image, 2, 2, (uint8_t[]){20, 70, 240}, 0);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void damage_is_withstood(void **state)
{
    (void)state;
    uint8_t *rgba = rgba_pattern(9, 8);
    struct tw_buffer lossy = webp_of(rgba, 9, 8, false), lossless = webp_of(rgba, 9, 8, true);
    rgba[7] = 9;
    struct tw_buffer with_alpha = webp_of(rgba, 9, 8, false);
    withstands_damage(&lossy, 0);
    withstands_damage(&lossless, 0);
    withstands_damage(&with_alpha, 0);
    free(rgba);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_is_kept_exactly),
        cmocka_unit_test(lossy_is_near_what_was_encoded),
        cmocka_unit_test(alpha_is_blended_over_the_background),
        cmocka_unit_test(damage_is_withstood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
