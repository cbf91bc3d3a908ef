/* dict.txt. */
#include "dataset/dataset.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_labels labels = {0};
    struct tw_error error = {0};
    enum tw_status status = tw_labels_read(file_of(data, size), &labels, &error);
    must_explain(status, &error);
    for (size_t i = 0; status == TW_OK && i < labels.count; i++) {
        size_t id = labels.count;
        must(tw_labels_find(&labels, labels.names[i], &id) && id == i, "a label is found by its name");
    }
    tw_labels_release(&labels);
    return 0;
}
