#include "samples.h"

#include "image/resize.h"

static const enum tw_resize methods[] = {TW_RESIZE_TF1_BILINEAR, TW_RESIZE_TF2_BILINEAR, TW_RESIZE_PILLOW_BILINEAR,
                                         TW_RESIZE_PILLOW_BICUBIC};
static const int sizes[][2] = {{1, 1}, {9, 7}, {4, 30}, {30, 4}, {18, 14}, {5, 5}};

static void the_same_size_changes_nothing(void **state)
{
    (void)state;
    struct tw_image image = pattern(9, 7);
    float out[9 * 7 * 3];
    for (size_t m = 0; m < 4; m++) {
        assert_int_equal(tw_resize(&image, methods[m], 9, 7, out, NULL), TW_OK);
        for (int i = 0; i < 9 * 7 * 3; i++)
            assert_true(out[i] == (float)image.rgb[i]);
    }
    tw_image_release(&image);
}

static void one_colour_stays_that_colour_at_every_size(void **state)
{
    (void)state;
    struct tw_image image = pattern(9, 7);
    float out[30 * 30 * 3];
    for (int i = 0; i < 9 * 7 * 3; i++)
        image.rgb[i] = (uint8_t)(i % 3 == 0 ? 255 : i % 3 == 1 ? 0 : 123);
    for (size_t m = 0; m < 4; m++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            assert_int_equal(tw_resize(&image, methods[m], sizes[s][0], sizes[s][1], out, NULL), TW_OK);
            for (int i = 0; i < sizes[s][0] * sizes[s][1] * 3; i++)
                assert_true(out[i] == (i % 3 == 0 ? 255.0f : i % 3 == 1 ? 0.0f : 123.0f));
        }
    }
    tw_image_release(&image);
}

/* A row of gray levels to a row of another length. */
static void row_becomes(enum tw_resize method, const uint8_t *levels, int count, const float *wanted, int wanted_count)
{
    struct tw_image image = {.width = count, .height = 1, .rgb = tw_alloc((size_t)count, 3)};
    float out[64];
    for (int i = 0; i < count * 3; i++)
        image.rgb[i] = levels[i / 3];
    assert_int_equal(tw_resize(&image, method, wanted_count, 1, out, NULL), TW_OK);
    for (int i = 0; i < wanted_count; i++) {
        if (out[i * 3] != wanted[i])
            fail_msg("place %d is %g, not %g", i, (double)out[i * 3], (double)wanted[i]);
    }
    tw_image_release(&image);
}

static void two_levels_doubled_lie_where_each_method_puts_them(void **state)
{
    (void)state;
    const uint8_t levels[] = {0, 100};
    row_becomes(TW_RESIZE_TF1_BILINEAR, levels, 2, (float[]){0, 50, 100, 100}, 4);
    row_becomes(TW_RESIZE_TF2_BILINEAR, levels, 2, (float[]){0, 25, 75, 100}, 4);
    row_becomes(TW_RESIZE_PILLOW_BILINEAR, levels, 2, (float[]){0, 25, 75, 100}, 4);
}

static void halving_samples_in_tensorflow_and_averages_in_pillow(void **state)
{
    (void)state;
    const uint8_t levels[] = {0, 100, 200, 40};
    row_becomes(TW_RESIZE_TF1_BILINEAR, levels, 4, (float[]){0, 200}, 2);
    row_becomes(TW_RESIZE_TF2_BILINEAR, levels, 4, (float[]){50, 120}, 2);
    /* Weights 3/4, 3/4, 1/4 of 7/4. */
    row_becomes(TW_RESIZE_PILLOW_BILINEAR, levels, 4, (float[]){71, 117}, 2);
}

static struct tw_image_policy pixels_of(int width, int height, enum tw_fit fit)
{
    struct tw_image_policy policy = {.width = width, .height = height, .fit = fit, .is_nhwc = true};
    for (int c = 0; c < 3; c++)
        policy.scale[c] = 1;
    return policy;
}

static void centre_crop_takes_the_middle(void **state)
{
    (void)state;
    struct tw_image wide = pattern(8, 2), high = pattern(2, 8);
    struct tw_image_policy policy = pixels_of(2, 2, TW_FIT_CENTRE_CROP);
    float out[12];
    assert_int_equal(tw_image_to_tensor(&wide, &policy, out, NULL), TW_OK);
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == (float)wide.rgb[(i / 6 * 8 + 3) * 3 + i % 6]);
    assert_int_equal(tw_image_to_tensor(&high, &policy, out, NULL), TW_OK);
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == (float)high.rgb[3 * 2 * 3 + i]);
    tw_image_release(&wide);
    tw_image_release(&high);
}

static void letterbox_keeps_all_on_the_background(void **state)
{
    (void)state;
    struct tw_image wide = pattern(4, 2);
    struct tw_image_policy policy = pixels_of(4, 4, TW_FIT_LETTERBOX);
    memcpy(policy.decode.background, (uint8_t[]){7, 8, 9}, 3);
    float out[48];
    assert_int_equal(tw_image_to_tensor(&wide, &policy, out, NULL), TW_OK);
    for (int i = 0; i < 48; i++) {
        int row = i / 12;
        bool is_inside = row == 1 || row == 2;
        assert_true(out[i] == (is_inside ? (float)wide.rgb[i - 12] : (float)(7 + i % 3)));
    }
    tw_image_release(&wide);
}

static void extreme_shapes_fit_without_fault(void **state)
{
    (void)state;
    struct tw_image thin = pattern(400, 1), tall = pattern(1, 400);
    float out[16 * 9 * 3];
    for (int fit = TW_FIT_SQUASH; fit <= TW_FIT_LETTERBOX; fit++) {
        struct tw_image_policy policy = pixels_of(16, 9, (enum tw_fit)fit);
        for (size_t m = 0; m < 4; m++) {
            policy.resize = methods[m];
            assert_int_equal(tw_image_to_tensor(&thin, &policy, out, NULL), TW_OK);
            assert_int_equal(tw_image_to_tensor(&tall, &policy, out, NULL), TW_OK);
        }
    }
    tw_image_release(&thin);
    tw_image_release(&tall);
}

static void layout_channels_mean_and_scale_are_the_policys(void **state)
{
    (void)state;
    struct tw_image image = pattern(3, 2);
    struct tw_image_policy policy = {
        .width = 3, .height = 2, .mean = {1, 2, 3}, .scale = {0.5f, 2, 4}, .resize = TW_RESIZE_TF1_BILINEAR};
    for (int kind = 0; kind < 4; kind++) {
        float out[18];
        policy.is_nhwc = kind % 2 == 1;
        policy.is_bgr = kind / 2 == 1;
        assert_int_equal(tw_image_to_tensor(&image, &policy, out, NULL), TW_OK);
        for (int i = 0; i < 18; i++) {
            int place = policy.is_nhwc ? i / 3 : i % 6, channel = policy.is_nhwc ? i % 3 : i / 6;
            int c = policy.is_bgr ? 2 - channel : channel;
            assert_true(out[i] == ((float)image.rgb[place * 3 + c] - policy.mean[c]) * policy.scale[c]);
        }
    }
    tw_image_release(&image);
}

static void failed_allocations_are_reported(void **state)
{
    (void)state;
    struct tw_image image = pattern(20, 10);
    float out[7 * 7 * 3];
    for (int fit = TW_FIT_SQUASH; fit <= TW_FIT_LETTERBOX; fit++) {
        for (size_t m = 0; m < 4; m++) {
            struct tw_image_policy policy = pixels_of(7, 7, (enum tw_fit)fit);
            enum tw_status status = TW_NO_MEMORY;
            policy.resize = methods[m];
            for (uint64_t n = 1; status != TW_OK; n++) {
                tw_memory_fail_at(n);
                status = tw_image_to_tensor(&image, &policy, out, NULL);
                tw_memory_fail_at(0);
                assert_true(status == TW_OK || status == TW_NO_MEMORY);
                assert_true(n < 50);
            }
        }
    }
    tw_image_release(&image);
}

static void thumbnails_keep_the_shape_and_are_never_enlarged(void **state)
{
    (void)state;
    static const int cases[][4] = {{100, 50, 20, 10}, {50, 100, 10, 20}, {12, 9, 12, 9}, {200, 1, 20, 1}};
    for (size_t i = 0; i < 4; i++) {
        struct tw_image image = pattern(cases[i][0], cases[i][1]);
        struct tw_buffer jpeg = {0};
        append(&jpeg, "before", 6);
        assert_int_equal(tw_image_thumbnail(&image, 20, 90, &jpeg, NULL), TW_OK);
        assert_memory_equal(jpeg.data, "before", 6);
        struct tw_buffer file = {.data = jpeg.data + 6, .size = jpeg.size - 6};
        struct tw_image small = read_all(&file, &plain);
        assert_int_equal(small.width, cases[i][2]);
        assert_int_equal(small.height, cases[i][3]);
        tw_image_release(&small);
        tw_image_release(&image);
        tw_buffer_release(&jpeg);
    }
}

static void a_thumbnail_that_finds_no_memory_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct tw_image image = pattern(300, 200);
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; status != TW_OK; n++) {
        struct tw_buffer jpeg = {0};
        struct tw_error error = {0};
        append(&jpeg, "before", 6);
        tw_memory_fail_at(n);
        status = tw_image_thumbnail(&image, 280, 95, &jpeg, &error);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || (status == TW_NO_MEMORY && jpeg.size == 6));
        assert_true(n < 100);
        tw_buffer_release(&jpeg);
    }
    tw_image_release(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_size_changes_nothing),
        cmocka_unit_test(one_colour_stays_that_colour_at_every_size),
        cmocka_unit_test(two_levels_doubled_lie_where_each_method_puts_them),
        cmocka_unit_test(halving_samples_in_tensorflow_and_averages_in_pillow),
        cmocka_unit_test(centre_crop_takes_the_middle),
        cmocka_unit_test(letterbox_keeps_all_on_the_background),
        cmocka_unit_test(extreme_shapes_fit_without_fault),
        cmocka_unit_test(layout_channels_mean_and_scale_are_the_policys),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(thumbnails_keep_the_shape_and_are_never_enlarged),
        cmocka_unit_test(a_thumbnail_that_finds_no_memory_leaves_the_buffer_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
