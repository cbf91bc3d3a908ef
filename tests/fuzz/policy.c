/* An image policy as JSON: one that is taken is written and taken again. */
#include "base/memory.h"
#include "fuzz.h"
#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL, "memory");
    memcpy(text, data, size);
    text[size] = 0;
    struct tw_image_policy policy = tw_image_policy_default, again = tw_image_policy_default;
    struct tw_error error = {0};
    enum tw_status status = tw_image_policy_from_json(text, &policy, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        char *written = tw_image_policy_to_json(&policy);
        must(written != NULL && tw_image_policy_from_json(written, &again, &error) == TW_OK,
             "what is written can be read");
        char *twice = tw_image_policy_to_json(&again);
        must(twice != NULL && strcmp(twice, written) == 0, "the same policy");
        tw_free(written);
        tw_free(twice);
    }
    free(text);
    return 0;
}
