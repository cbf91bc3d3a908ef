/* A network's file: graphdef. */
#include "model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_model_source source = {.name = "fuzz", .bytes = tw_span_of(data, size)};
    read_model(graphdef_matches, graphdef_read, &source);
    return 0;
}
