/* A network's file: tflite. */
#include "model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_model_source source = {.name = "fuzz", .bytes = tw_span_of(data, size)};
    read_model(tflite_matches, tflite_read, &source);
    return 0;
}
