#include "base/memory.h"
#include "image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_default_is_inception_v3_of_2015(void **state)
{
    (void)state;
    char *json = tw_image_policy_to_json(&tw_image_policy_default);
    assert_string_equal(
        json,
        "{\"decode\":{\"jpeg_dct\":\"ifast\",\"exif\":\"apply\",\"alpha\":\"blend\",\"background\":[255,255,255]},"
        "\"resize\":\"tf1_bilinear\",\"fit\":\"squash\",\"width\":299,\"height\":299,\"mean\":[128,128,128],"
        "\"scale\":[0.0078125,0.0078125,0.0078125],\"layout\":\"nchw\",\"channels\":\"rgb\"}");
    tw_free(json);
}

static void round_trips(const struct tw_image_policy *policy)
{
    struct tw_image_policy back;
    struct tw_error error = {0};
    char *json = tw_image_policy_to_json(policy);
    if (tw_image_policy_from_json(json, &back, &error) != TW_OK)
        fail_msg("%s", error.text);
    char *again = tw_image_policy_to_json(&back);
    assert_string_equal(json, again);
    assert_int_equal(back.resize, policy->resize);
    assert_int_equal(back.fit, policy->fit);
    assert_int_equal(back.decode.drops_alpha, policy->decode.drops_alpha);
    assert_int_equal(back.decode.jpeg_least, policy->decode.jpeg_least);
    assert_memory_equal(back.mean, policy->mean, sizeof back.mean);
    assert_memory_equal(back.scale, policy->scale, sizeof back.scale);
    assert_memory_equal(back.decode.background, policy->decode.background, 3);
    tw_free(json);
    tw_free(again);
}

static void every_value_survives_a_round_trip(void **state)
{
    (void)state;
    struct tw_image_policy policy = {
        .decode = {TW_DCT_ISLOW, TW_EXIF_IGNORE, {0, 127, 255}, true},
        .width = 1,
        .height = 4096,
        .mean = {123.675f, 0, -1e-30f},
        .scale = {1.0f / 255, 1.0f / 3, 3.4e38f},
        .is_nhwc = true,
        .is_bgr = true,
    };
    for (int resize = TW_RESIZE_TF1_BILINEAR; resize <= TW_RESIZE_PILLOW_BICUBIC; resize++) {
        for (int fit = TW_FIT_SQUASH; fit <= TW_FIT_LETTERBOX; fit++) {
            policy.resize = (enum tw_resize)resize;
            policy.fit = (enum tw_fit)fit;
            round_trips(&policy);
            policy.decode.jpeg_least = 598 - policy.decode.jpeg_least;
        }
    }
}

static void keys_that_are_absent_are_the_defaults(void **state)
{
    (void)state;
    struct tw_image_policy policy;
    assert_int_equal(tw_image_policy_from_json("{\"width\": 160, \"height\": 120}", &policy, NULL), TW_OK);
    assert_int_equal(policy.width, 160);
    assert_int_equal(policy.height, 120);
    assert_int_equal(policy.resize, TW_RESIZE_TF1_BILINEAR);
    assert_true(policy.mean[1] == 128);
}

static void what_is_not_known_is_refused_by_key_and_value(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "not JSON"},
        {"[1]", "not an object"},
        {"{\"width\":1", "not JSON"},
        {"{\"width\":1,\"width\":2,\"height\":1}", "not JSON"},
        {"{\"height\":9}", "\"width\""},
        {"{\"width\":0,\"height\":9}", "\"width\""},
        {"{\"width\":9,\"height\":4097}", "\"height\""},
        {"{\"width\":9.5,\"height\":9}", "\"width\""},
        {"{\"width\":9,\"height\":9,\"resize\":\"lanczos\"}", "\"resize\" is lanczos"},
        {"{\"width\":9,\"height\":9,\"fit\":3}", "\"fit\" is no text"},
        {"{\"width\":9,\"height\":9,\"gamma\":2.2}", "\"gamma\""},
        {"{\"width\":9,\"height\":9,\"mean\":[1,2]}", "\"mean\""},
        {"{\"width\":9,\"height\":9,\"mean\":128}", "\"mean\""},
        {"{\"width\":9,\"height\":9,\"scale\":[1,2,\"3\"]}", "\"scale\""},
        {"{\"width\":9,\"height\":9,\"scale\":[1,2,1e300]}", "\"scale\""},
        {"{\"width\":9,\"height\":9,\"decode\":\"fast\"}", "\"decode\""},
        {"{\"width\":9,\"height\":9,\"decode\":{\"jpeg_dct\":\"float\"}}", "\"jpeg_dct\" is float"},
        {"{\"width\":9,\"height\":9,\"decode\":{\"gamma\":1}}", "\"gamma\""},
        {"{\"width\":9,\"height\":9,\"decode\":{\"background\":[0,0,256]}}", "256"},
        {"{\"width\":9,\"height\":9,\"decode\":{\"background\":[0,0,0.5]}}", "0.5"},
        {"{\"width\":9,\"height\":9,\"decode\":{\"background\":[0,0,-1]}}", "-1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_image_policy policy = {.width = 77};
        struct tw_error error = {0};
        enum tw_status status = tw_image_policy_from_json(cases[i][0], &policy, &error);
        assert_true(status == TW_UNSUPPORTED || status == TW_CORRUPT);
        assert_int_equal(policy.width, 77);
        if (strstr(error.text, cases[i][1]) == NULL)
            fail_msg("%s: %s", cases[i][0], error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_inception_v3_of_2015),
        cmocka_unit_test(every_value_survives_a_round_trip),
        cmocka_unit_test(keys_that_are_absent_are_the_defaults),
        cmocka_unit_test(what_is_not_known_is_refused_by_key_and_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
