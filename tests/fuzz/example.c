/* A tf.Example: parsed, as JSON; what was parsed and is written again parses the same. */
#include "fuzz.h"
#include "records/example.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_example example = {0}, again = {0};
    struct tw_buffer text = {0}, bytes = {0};
    struct tw_error error = {0};
    struct tw_span record = tw_span_of(data, size), value;
    must_explain(tw_example_to_json(record, 4, &text, &error), &error);
    must(tw_is_utf8(tw_buffer_span(&text)), "JSON is UTF-8");
    must_explain(tw_example_bytes(record, "image_uri", &value, &error), &error);
    enum tw_status status = tw_example_parse(record, &example, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        must_explain(tw_example_serialise(example.image_uri, example.embedding, example.embedding_size, example.labels,
                                          example.label_count, &bytes, &error),
                     &error);
        must(tw_example_parse(tw_buffer_span(&bytes), &again, &error) == TW_OK, "what is written can be read");
        must(strcmp(again.image_uri, example.image_uri) == 0 && again.embedding_size == example.embedding_size &&
                 again.label_count == example.label_count,
             "the same example");
    }
    tw_example_release(&example);
    tw_example_release(&again);
    tw_buffer_release(&text);
    tw_buffer_release(&bytes);
    return 0;
}
