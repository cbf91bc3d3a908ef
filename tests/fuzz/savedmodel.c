/* A SavedModel: saved_model.pb, then its variables' index and data. */
#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    const struct tw_model_source source = {
        .name = "fuzz", .bytes = parts.parts[0], .open = open_part, .context = &parts};
    read_model(savedmodel_matches, savedmodel_read, &source);
    return 0;
}
