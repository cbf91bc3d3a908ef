#include "serve/json.h"

#include "base/text.h"

#include <limits.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tw_status tw_json_read(struct tw_span text, struct json_object **json, struct tw_error *error)
{
    if (text.size == 0)
        return tw_fail(error, TW_CORRUPT, "the body is empty, it should be JSON");
    if (text.size > INT_MAX)
        return tw_fail(error, TW_LIMIT, "the JSON has %zu bytes, over the limit of %d", text.size, INT_MAX);
    struct json_tokener *tokener = json_tokener_new_ex(TW_JSON_MOST_DEPTH);
    if (!tokener)
        return tw_fail_memory(error, text.size, "reading JSON");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *read = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    enum json_tokener_error problem = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    /* A number at the end of the text might go on: only more text tells. */
    if (problem == json_tokener_continue) {
        read = json_tokener_parse_ex(tokener, "", 1);
        problem = json_tokener_get_error(tokener);
    }
    json_tokener_free(tokener);
    while (problem == json_tokener_success && end < text.size && strchr(" \t\r\n", text.data[end]) && text.data[end])
        end++;
    if (problem == json_tokener_success && end == text.size) {
        *json = read;
        return TW_OK;
    }
    json_object_put(read);
    if (problem == json_tokener_error_depth)
        return tw_fail(error, TW_CORRUPT, "the JSON is nested more than %d deep", TW_JSON_MOST_DEPTH);
    if (problem == json_tokener_continue || problem == json_tokener_error_parse_eof)
        return tw_fail(error, TW_CORRUPT, "the JSON ends too early, after %zu bytes", text.size);
    return tw_fail(error, TW_CORRUPT, "the JSON is wrong at byte %zu: %s", end,
                   problem == json_tokener_success ? "it should end here" : json_tokener_error_desc(problem));
}

bool tw_json_is_bytes(struct json_object *json)
{
    struct json_object *text;
    return json_object_is_type(json, json_type_object) && json_object_object_length(json) == 1 &&
           json_object_object_get_ex(json, "b64", &text);
}

enum tw_status tw_json_bytes(struct json_object *json, struct tw_buffer *bytes, struct tw_error *error)
{
    struct json_object *text = NULL;
    if (!tw_json_is_bytes(json) || !json_object_object_get_ex(json, "b64", &text) ||
        !json_object_is_type(text, json_type_string))
        return tw_fail(error, TW_CORRUPT, "a photo's bytes should be {\"b64\": \"...\"}");
    return tw_base64_decode(json_object_get_string(text), (size_t)json_object_get_string_len(text), bytes, error);
}

/* The URL-safe alphabet to the standard one; the same block otherwise. */
static void to_standard(uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
}

/* OpenSSL's decoder skips spaces at both ends, takes '=' anywhere, and leaves out '-' at the end: none of them may be in what it is
 * given. */
enum tw_status tw_base64_decode(const char *text, size_t size, struct tw_buffer *bytes, struct tw_error *error)
{
    tw_buffer_clear(bytes);
    size_t padding = size >= 2 && text[size - 1] == '=' ? text[size - 2] == '=' ? 2 : 1 : 0;
    if (size == 0 || size % 4 || size > INT_MAX)
        return tw_fail(error, TW_CORRUPT, "base64 of %zu characters: it should be a multiple of 4, and not empty",
                       size);
    if (memchr(text, '=', size - padding) || memchr(text, ' ', size) || memchr(text, '\n', size) ||
        memchr(text, '\r', size) || memchr(text, '\t', size))
        return tw_fail(error, TW_CORRUPT, "base64 with a space or a = inside it");
    struct tw_buffer standard = {0};
    bool is_safe = memchr(text, '-', size) || memchr(text, '_', size);
    enum tw_status status = tw_buffer_reserve(bytes, size / 4 * 3 + 1, error);
    if (!status && is_safe)
        status = tw_buffer_append(&standard, text, size, error);
    if (!status) {
        to_standard(standard.data, standard.size);
        const void *source = is_safe ? (const void *)standard.data : text;
        int got = EVP_DecodeBlock(bytes->data, source, (int)size);
        if (got < 0)
            status = tw_fail(error, TW_CORRUPT, "base64 with a character that it does not have");
        else
            bytes->size = (size_t)got - padding;
    }
    tw_buffer_release(&standard);
    return status;
}

enum tw_status tw_base64_put(struct tw_buffer *out, struct tw_span bytes, struct tw_error *error)
{
    if (bytes.size > INT_MAX / 2)
        return tw_fail(error, TW_LIMIT, "%zu bytes are too many for base64", bytes.size);
    enum tw_status status = tw_buffer_reserve(out, out->size + bytes.size / 3 * 4 + 5, error);
    if (!status)
        out->size += (size_t)EVP_EncodeBlock(out->data + out->size, bytes.data, (int)bytes.size);
    return status;
}

/* Length of the UTF-8 character at `at`, 0 where there is none. */
static size_t character_at(const char *at)
{
    uint8_t first = (uint8_t)*at;
    size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    return strnlen(at, length) == length && tw_is_utf8(tw_span_of(at, length)) ? length : 0;
}

enum tw_status tw_json_put_escaped(struct tw_buffer *out, const char *text, struct tw_error *error)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    enum tw_status status = TW_OK;
    for (const char *at = text; *at && !status;) {
        const char *place = strchr(escaped, *at);
        size_t length = character_at(at);
        if (place)
            status = tw_buffer_printf(out, error, "\\%c", letters[place - escaped]);
        else if ((uint8_t)*at < 0x20 || *at == 0x7f)
            status = tw_buffer_printf(out, error, "\\u%04x", (unsigned)(uint8_t)*at);
        else if (length)
            status = tw_buffer_append(out, at, length, error);
        else
            status = tw_buffer_append_text(out, "\xef\xbf\xbd", error);
        at += length ? length : 1;
    }
    return status;
}

enum tw_status tw_json_put_text(struct tw_buffer *out, const char *text, struct tw_error *error)
{
    enum tw_status status = tw_buffer_append_text(out, "\"", error);
    if (!status)
        status = tw_json_put_escaped(out, text, error);
    return status ? status : tw_buffer_append_text(out, "\"", error);
}

enum tw_status tw_json_put_float(struct tw_buffer *out, float value, struct tw_error *error)
{
    char text[40];
    if (!isfinite(value))
        return tw_buffer_append_text(out, "null", error);
    snprintf(text, sizeof text, "%g", (double)value);
    if (strtof(text, NULL) != value)
        snprintf(text, sizeof text, "%.9g", (double)value);
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return tw_buffer_append_text(out, text, error);
}
