/* A table of kernels. */
#include "engine/choices.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_choices *choices = NULL, *again = NULL;
    struct tw_buffer text = {0};
    struct tw_error error = {0};
    must(tw_choices_new(&choices, &error) == TW_OK && tw_choices_new(&again, &error) == TW_OK, "memory");
    enum tw_status status = tw_choices_read(choices, tw_span_of(data, size), &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        must(tw_choices_write(choices, &text, &error) == TW_OK, "memory");
        must(tw_choices_read(again, tw_buffer_span(&text), &error) == TW_OK &&
                 tw_choices_count(again) == tw_choices_count(choices),
             "what is written can be read");
    }
    tw_choices_free(choices);
    tw_choices_free(again);
    tw_buffer_release(&text);
    return 0;
}
