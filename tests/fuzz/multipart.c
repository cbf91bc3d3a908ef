/* A form's body; its content type is the first line. */
#include "fuzz.h"
#include "serve/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    char type[256];
    if (end == NULL || (size_t)(end - data) >= sizeof type)
        return -1;
    memcpy(type, data, (size_t)(end - data));
    type[end - data] = 0;
    size_t head = (size_t)(end - data) + 1;
    struct tw_parts parts = {0};
    struct tw_error error = {0};
    enum tw_status status = tw_parts_read(tw_span_of(data + head, size - head), type, &parts, &error);
    must_explain(status, &error);
    for (size_t i = 0; status == TW_OK && i < parts.count; i++)
        must(parts.parts[i].content.data >= data + head &&
                 parts.parts[i].content.data + parts.parts[i].content.size <= data + size,
             "a part lies in the body");
    tw_parts_release(&parts);
    return 0;
}
