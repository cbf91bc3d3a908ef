/* A list of photos: uri,label rows, and corrections of it. The input is both, split by a line of "==". */
#include "dataset/dataset.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *split = size > 4 ? memmem(data, size, "\n==\n", 4) : NULL;
    size_t first = split != NULL ? (size_t)(split - data) : size;
    char list[256], corrections[256];
    put_in_folder("list.csv", data, first);
    snprintf(list, sizeof list, "%s/list.csv", folder_of_fuzz());
    snprintf(corrections, sizeof corrections, "%s/corrections.csv", folder_of_fuzz());
    if (split != NULL)
        put_in_folder("corrections.csv", split + 4, size - first - 4);
    struct tw_list_options options = {.corrections_uri = split != NULL ? corrections : NULL};
    struct tw_dataset dataset = {0};
    struct tw_error error = {0};
    const char *inputs[] = {list};
    enum tw_status status = tw_dataset_list(inputs, 1, &options, &dataset, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        char audit[256];
        snprintf(audit, sizeof audit, "%s/audit.csv", folder_of_fuzz());
        for (size_t i = 0; i < dataset.count; i++)
            must(dataset.items[i].status == TW_ITEM_OK || dataset.items[i].reason != NULL,
                 "a skipped photo has a reason");
    }
    tw_dataset_release(&dataset);
    return 0;
}
