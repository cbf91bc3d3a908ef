/* JSON of requests, base64 in it, and texts put into answers. */
#include "fuzz.h"
#include "serve/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_object *json = NULL;
    struct tw_buffer bytes = {0}, text = {0};
    struct tw_error error = {0};
    enum tw_status status = tw_json_read(tw_span_of(data, size), &json, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        error = (struct tw_error){0};
        status = tw_json_bytes(json, &bytes, &error);
        must_explain(status, &error);
        must(status != TW_OK || tw_json_is_bytes(json), "what has bytes is an object of bytes");
    }
    json_object_put(json);
    char *copy = malloc(size + 1);
    must(copy != NULL, "memory");
    memcpy(copy, data, size);
    copy[size] = 0;
    must(tw_json_put_text(&text, copy, &error) == TW_OK && tw_is_utf8(tw_buffer_span(&text)),
         "a text of JSON is UTF-8");
    must(tw_json_read(tw_buffer_span(&text), &json, &error) == TW_OK, "a text of JSON is JSON");
    json_object_put(json);
    free(copy);
    tw_buffer_release(&text);
    tw_buffer_release(&bytes);
    return 0;
}
