/* A packed body. */
#include "fuzz.h"
#include "serve/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_buffer bytes = {0};
    struct tw_error error = {0};
    enum tw_status status = tw_inflate(tw_span_of(data, size), 1 << 16, &bytes, &error);
    must_explain(status, &error);
    must(status != TW_OK || bytes.size <= 1 << 16, "the limit of a body");
    tw_buffer_release(&bytes);
    return 0;
}
