#include "samples.h"

#include "image/look.h"

/* Broad slopes and a bright corner: different from each of its turns. */
static struct tw_image scene(int edge, int light)
{
    struct tw_image image = {.width = edge, .height = edge, .rgb = tw_alloc((size_t)(edge * edge), 3)};
    for (int i = 0; i < edge * edge; i++) {
        int x = i % edge * 160 / edge, y = i / edge * 160 / edge;
        int level = 30 + x / 4 + y / 2 + (x < 50 && y < 80 ? 70 : 0) + ((x / 23 + y / 37) % 2) * 20 + light;
        for (int c = 0; c < 3; c++)
            image.rgb[3 * i + c] = (uint8_t)(level < 255 ? level : 255);
    }
    return image;
}

static struct tw_image turned(const struct tw_image *image, int turn)
{
    int edge = image->width, last = edge - 1;
    struct tw_image out = {.width = edge, .height = edge, .rgb = tw_alloc((size_t)(edge * edge), 3)};
    for (int i = 0; i < edge * edge; i++) {
        int x = i % edge, y = i / edge, quarters = turn & 3;
        for (int q = 0; q < quarters; q++) { /* undo a quarter clockwise */
            int kept = x;
            x = y;
            y = last - kept;
        }
        x = turn & 4 ? last - x : x;
        memcpy(out.rgb + 3 * i, image->rgb + 3 * (y * edge + x), 3);
    }
    return out;
}

static struct tw_look look_at(const struct tw_image *image)
{
    struct tw_look look;
    assert_int_equal(tw_image_look(image, &look, NULL), TW_OK);
    return look;
}

static void a_turned_photo_has_the_turned_fingerprint(void **state)
{
    (void)state;
    struct tw_image image = scene(160, 0);
    struct tw_look upright = look_at(&image);
    for (int turn = 0; turn < TW_LOOK_TURNS; turn++) {
        struct tw_image other = turned(&image, turn);
        struct tw_look look = look_at(&other);
        assert_true(tw_look_distance(tw_look_turned(upright.fingerprint, turn), look.fingerprint) <= 2);
        assert_true(tw_look_likeness(&upright, turn, &look) > 0.999);
        if (turn != 0) {
            assert_true(tw_look_distance(upright.fingerprint, look.fingerprint) > 12);
            assert_true(tw_look_likeness(&upright, 0, &look) < 0.9);
        }
        tw_image_release(&other);
    }
    tw_image_release(&image);
}

static void scaling_and_light_hardly_change_it(void **state)
{
    (void)state;
    struct tw_image large = scene(320, 0), light = scene(160, 40);
    struct tw_look a = look_at(&large), b = look_at(&light);
    assert_true(tw_look_distance(a.fingerprint, b.fingerprint) <= 3);
    assert_true(tw_look_likeness(&a, 0, &b) > 0.99);
    tw_image_release(&large);
    tw_image_release(&light);
}

static void one_colour_has_no_contrast_and_is_like_nothing(void **state)
{
    (void)state;
    struct tw_image even = scene(40, 0), other = scene(40, 0);
    memset(even.rgb, 77, 40 * 40 * 3);
    struct tw_look a = look_at(&even), b = look_at(&other);
    assert_true(a.contrast < 1e-3f);
    assert_true(b.contrast > 10);
    assert_true(tw_look_likeness(&a, 0, &b) == 0);
    tw_image_release(&even);
    tw_image_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turned_photo_has_the_turned_fingerprint),
        cmocka_unit_test(scaling_and_light_hardly_change_it),
        cmocka_unit_test(one_colour_has_no_contrast_and_is_like_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
