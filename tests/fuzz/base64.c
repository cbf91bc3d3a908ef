/* base64: what decodes encodes to the same, save the alphabet. */
#include "fuzz.h"
#include "serve/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_buffer bytes = {0}, text = {0}, again = {0};
    struct tw_error error = {0};
    enum tw_status status = tw_base64_decode((const char *)data, size, &bytes, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        must(tw_base64_put(&text, tw_buffer_span(&bytes), &error) == TW_OK && text.size == size, "as long as it was");
        must(tw_base64_decode((const char *)text.data, text.size, &again, &error) == TW_OK &&
                 tw_span_equal(tw_buffer_span(&again), tw_buffer_span(&bytes)),
             "the same bytes");
    }
    tw_buffer_release(&bytes);
    tw_buffer_release(&text);
    tw_buffer_release(&again);
    return 0;
}
