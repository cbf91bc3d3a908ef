#include "serve/json.h"

#include "scratch.h"

static void value_is_read_whole(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", " {\"a\": [1, 2.5, \"\\u00e4\", null, true]} \n", "12", "\"x\"", "[]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_object *json = NULL;
        assert_int_equal(tw_json_read(tw_span_of_text(texts[i]), &json, NULL), TW_OK);
        json_object_put(json);
    }
}

static void wrong_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "empty"},         {"{", "ends too early"}, {"{\"a\": 1,}", "byte"}, {"[1] 2", "byte 4"},
        {"[1,]", "byte"},      {"\"\xff\"", "byte"},    {"nope", "byte"},        {"\"a", "ends too early"},
        {"{} // x", "byte 3"}, {"{\"a\" 1}", "byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_object *json = NULL;
        struct tw_error error = {0};
        if (tw_json_read(tw_span_of_text(cases[i].text), &json, &error) != TW_CORRUPT)
            fail_msg("%s was taken", cases[i].text);
        if (!strstr(error.text, cases[i].words))
            fail_msg("%s: %s", cases[i].text, error.text);
    }
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[200001];
    struct json_object *json = NULL;
    struct tw_error error = {0};
    memset(text, '[', 200000);
    text[200000] = 0;
    assert_int_equal(tw_json_read(tw_span_of_text(text), &json, &error), TW_CORRUPT);
    assert_non_null(strstr(error.text, "16 deep"));
}

static void base64_of_every_length_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } cases[] = {{"Zg==", "f"},
                 {"Zm8=", "fo"},
                 {"Zm9v", "foo"},
                 {"Zm9vYg==", "foob"},
                 {"Pz8/Pj4+", "?\x3f?>>>"},
                 {"Pz8_Pj4-", "?\x3f?>>>"},
                 {"Zm9v----", "foo\xfb\xef\xbe"}};
    struct tw_buffer bytes = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tw_base64_decode(cases[i].text, strlen(cases[i].text), &bytes, NULL), TW_OK);
        assert_true(tw_span_equal(tw_buffer_span(&bytes), tw_span_of_text(cases[i].bytes)));
    }
    tw_buffer_release(&bytes);
}

static void what_is_no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",          "Zg",   "Zg=",      "Z===", "====", "Zm9v Zm9",
                                        "Zm9v\nZm9", " Zm9", "Zm9v=Zm9", "Zm9$", "Zm=v", "\xc3\xa4Zm"};
    struct tw_buffer bytes = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (tw_base64_decode(texts[i], strlen(texts[i]), &bytes, NULL) != TW_CORRUPT)
            fail_msg("%s was taken", texts[i]);
    }
    tw_buffer_release(&bytes);
}

static void bytes_are_an_object_of_one_text(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{}", "{\"b64\": 1}", "{\"b64\": \"Zm9v\", \"x\": 1}", "\"Zm9v\"", "{\"B64\": \"Zm9v\"}", "[]", "null"};
    struct tw_buffer bytes = {0};
    struct json_object *json = NULL;
    assert_int_equal(tw_json_read(tw_span_of_text("{\"b64\": \"Zm9v\"}"), &json, NULL), TW_OK);
    assert_int_equal(tw_json_bytes(json, &bytes, NULL), TW_OK);
    assert_int_equal(bytes.size, 3);
    json_object_put(json);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(tw_json_read(tw_span_of_text(wrong[i]), &json, NULL), TW_OK);
        assert_int_equal(tw_json_bytes(json, &bytes, NULL), TW_CORRUPT);
        json_object_put(json);
    }
    tw_buffer_release(&bytes);
}

static void expect_printed(const struct tw_buffer *out, const char *wanted)
{
    if (!tw_span_equal(tw_buffer_span(out), tw_span_of_text(wanted)))
        fail_msg("%.*s is not %s", (int)out->size, (const char *)out->data, wanted);
}

static void text_is_escaped(void **state)
{
    (void)state;
    struct tw_buffer out = {0};
    assert_int_equal(tw_json_put_text(&out, "a\"\\\n\t\x01\x7f\xc3\xa4\xff\xe2\x82", NULL), TW_OK);
    expect_printed(&out, "\"a\\\"\\\\\\n\\t\\u0001\\u007f\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    tw_buffer_release(&out);
}

static void numbers_are_printed_as_tensorflow_serving_prints_them(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {1, "1.0"},
                 {0.5f, "0.5"},
                 {0.1f, "0.1"},
                 {1e-10f, "1e-10"},
                 {1e20f, "1e+20"},
                 {-2.5f, "-2.5"},
                 {0.940807402f, "0.940807402"},
                 {1.0f / 3, "0.333333343"},
                 {1e6f, "1e+06"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_buffer out = {0};
        assert_int_equal(tw_json_put_float(&out, cases[i].value, NULL), TW_OK);
        expect_printed(&out, cases[i].text);
        tw_buffer_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_is_read_whole),
        cmocka_unit_test(wrong_json_is_refused_with_its_place),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(base64_of_every_length_is_decoded),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(bytes_are_an_object_of_one_text),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(numbers_are_printed_as_tensorflow_serving_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
