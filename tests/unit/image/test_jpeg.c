#include "samples.h"

static struct tw_buffer sample(const struct jpeg_kind *kind)
{
    struct tw_image image = pattern(40, 25);
    struct tw_buffer file = jpeg_of(image.rgb, 40, 25, kind);
    tw_image_release(&image);
    return file;
}

static void same_pixels(const struct jpeg_kind *a, const struct jpeg_kind *b)
{
    struct tw_buffer files[] = {sample(a), sample(b)};
    struct tw_image images[] = {read_all(&files[0], &plain), read_all(&files[1], &plain)};
    assert_memory_equal(images[0].rgb, images[1].rgb, 40 * 25 * 3);
    for (int i = 0; i < 2; i++) {
        tw_image_release(&images[i]);
        tw_buffer_release(&files[i]);
    }
}

static void baseline_is_near_what_was_encoded(void **state)
{
    (void)state;
    struct tw_image image = pattern(40, 25);
    memset(image.rgb, 90, 40 * 25 * 3);
    struct tw_buffer file = jpeg_of(image.rgb, 40, 25, &(struct jpeg_kind){0});
    struct tw_image back = read_all(&file, &plain);
    assert_int_equal(back.width, 40);
    assert_int_equal(back.height, 25);
    for (int i = 0; i < 40 * 25; i++)
        pixel_is(&back, i % 40, i / 40, (uint8_t[]){90, 90, 90}, 1);
    tw_image_release(&image);
    tw_image_release(&back);
    tw_buffer_release(&file);
}

static void sides_are(const struct tw_buffer *file, int least, int width, int height)
{
    struct tw_decode_policy policy = plain;
    policy.jpeg_least = least;
    struct tw_image image = read_all(file, &policy);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    assert_int_equal(image.photo_width, 401);
    assert_int_equal(image.photo_height, 250);
    for (int i = 0; i < width * height; i++)
        pixel_is(&image, i % width, i / width, (uint8_t[]){90, 90, 90}, 1);
    tw_image_release(&image);
}

static void large_files_are_decoded_at_the_part_of_their_size_that_the_policy_allows(void **state)
{
    (void)state;
    struct tw_image image = pattern(401, 250);
    memset(image.rgb, 90, 401 * 250 * 3);
    struct tw_buffer file = jpeg_of(image.rgb, 401, 250, &(struct jpeg_kind){0});
    sides_are(&file, 0, 401, 250);
    sides_are(&file, 126, 401, 250);
    sides_are(&file, 125, 201, 125);
    sides_are(&file, 62, 101, 63);
    sides_are(&file, 1, 51, 32);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void progressive_and_restarted_files_give_the_baselines_pixels(void **state)
{
    (void)state;
    same_pixels(&(struct jpeg_kind){0}, &(struct jpeg_kind){.is_progressive = true});
    same_pixels(&(struct jpeg_kind){0}, &(struct jpeg_kind){.restart = 2});
}

static void the_dct_of_the_policy_is_used(void **state)
{
    (void)state;
    struct tw_buffer file = sample(&(struct jpeg_kind){0});
    struct tw_image slow = read_all(&file, &plain), fast = read_all(&file, &(struct tw_decode_policy){TW_DCT_IFAST});
    assert_memory_not_equal(slow.rgb, fast.rgb, 40 * 25 * 3);
    tw_image_release(&slow);
    tw_image_release(&fast);
    tw_buffer_release(&file);
}

static void gray_has_three_equal_channels(void **state)
{
    (void)state;
    uint8_t gray[16 * 16];
    memset(gray, 77, sizeof gray);
    struct tw_buffer file = jpeg_of(gray, 16, 16, &(struct jpeg_kind){.from = JCS_GRAYSCALE});
    struct tw_image image = read_all(&file, &plain);
    pixel_is(&image, 5, 9, (uint8_t[]){77, 77, 77}, 1);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void cmyk_becomes(const struct jpeg_kind *kind, const uint8_t rgb[3])
{
    uint8_t cmyk[16 * 16 * 4];
    for (size_t i = 0; i < sizeof cmyk; i += 4)
        memcpy(cmyk + i, (uint8_t[]){40, 120, 230, 200}, 4);
    struct tw_buffer file = jpeg_of(cmyk, 16, 16, kind);
    struct tw_image image = read_all(&file, &plain);
    pixel_is(&image, 7, 8, rgb, 3);
    tw_image_release(&image);
    tw_buffer_release(&file);
}

static void adobe_cmyk_and_ycck_are_read_as_inverted(void **state)
{
    (void)state;
    const uint8_t rgb[] = {200 * 40 / 255, 200 * 120 / 255, 200 * 230 / 255};
    cmyk_becomes(&(struct jpeg_kind){.from = JCS_CMYK, .to = JCS_CMYK}, rgb);
    cmyk_becomes(&(struct jpeg_kind){.from = JCS_CMYK, .to = JCS_YCCK}, rgb);
}

static void cmyk_without_the_adobe_marker_is_read_as_it_is(void **state)
{
    (void)state;
    const uint8_t rgb[] = {55 * 215 / 255, 55 * 135 / 255, 55 * 25 / 255};
    cmyk_becomes(&(struct jpeg_kind){.from = JCS_CMYK, .to = JCS_CMYK, .lacks_adobe = true}, rgb);
}

static void damage_is_withstood(void **state)
{
    (void)state;
    uint8_t cmyk[16 * 16 * 4] = {9, 99, 200, 50};
    struct tw_buffer files[] = {
        sample(&(struct jpeg_kind){0}),
        sample(&(struct jpeg_kind){.is_progressive = true}),
        jpeg_of(cmyk, 16, 16, &(struct jpeg_kind){.from = JCS_CMYK, .to = JCS_YCCK}),
    };
    for (size_t i = 0; i < 3; i++)
        withstands_damage(&files[i], 2); /* the end marker */
}

static void twelve_bits_are_named_as_not_read(void **state)
{
    (void)state;
    struct tw_error error = {0};
    struct tw_buffer file = sample(&(struct jpeg_kind){0});
    for (size_t i = 0; i + 4 < file.size; i++) {
        if (file.data[i] == 0xff && file.data[i + 1] == 0xc0) {
            file.data[i + 4] = 12;
            break;
        }
    }
    assert_int_equal(status_of(file.data, file.size, &error), TW_UNSUPPORTED);
    assert_non_null(strstr(error.text, "of a kind that is not read"));
    tw_buffer_release(&file);
}

/* The same refining scan again and again: cheap to send, dear to decode. */
static void endless_scans_are_refused(void **state)
{
    (void)state;
    struct tw_buffer file = sample(&(struct jpeg_kind){.is_progressive = true}), bomb = {0};
    struct tw_error error = {0};
    size_t last = 0;
    for (size_t i = 0; i + 1 < file.size; i++) {
        if (file.data[i] == 0xff && file.data[i + 1] == 0xda)
            last = i;
    }
    append(&bomb, file.data, file.size - 2);
    for (int i = 0; i < 600; i++)
        append(&bomb, file.data + last, file.size - 2 - last);
    append(&bomb, "\xff\xd9", 2);
    assert_int_equal(status_of(bomb.data, bomb.size, &error), TW_LIMIT);
    assert_non_null(strstr(error.text, "500 scans"));
    tw_buffer_release(&file);
    tw_buffer_release(&bomb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baseline_is_near_what_was_encoded),
        cmocka_unit_test(large_files_are_decoded_at_the_part_of_their_size_that_the_policy_allows),
        cmocka_unit_test(progressive_and_restarted_files_give_the_baselines_pixels),
        cmocka_unit_test(the_dct_of_the_policy_is_used),
        cmocka_unit_test(gray_has_three_equal_channels),
        cmocka_unit_test(adobe_cmyk_and_ycck_are_read_as_inverted),
        cmocka_unit_test(cmyk_without_the_adobe_marker_is_read_as_it_is),
        cmocka_unit_test(damage_is_withstood),
        cmocka_unit_test(twelve_bits_are_named_as_not_read),
        cmocka_unit_test(endless_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
