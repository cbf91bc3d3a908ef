/* A network's file: safetensors. */
#include "model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_model_source source = {.name = "fuzz", .bytes = tw_span_of(data, size)};
    read_model(safetensors_matches, safetensors_read, &source);
    return 0;
}
