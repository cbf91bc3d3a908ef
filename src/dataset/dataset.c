#include "dataset/dataset.h"

#include "base/memory.h"
#include "dataset/internal.h"

#include <string.h>

enum tw_status tw_dataset_add(struct tw_dataset *dataset, const char *uri, const char *location, struct tw_item **item,
                              struct tw_error *error)
{
    enum tw_status status =
        tw_grow((void **)&dataset->items, &dataset->capacity, dataset->count + 1, sizeof *dataset->items, error);
    if (status != TW_OK)
        return status;
    struct tw_item made = {.uri = tw_strdup(uri), .location = tw_strdup(location)};
    if (made.uri == NULL || made.location == NULL) {
        tw_free(made.uri);
        tw_free(made.location);
        return tw_fail_memory(error, 1, "a photo's name");
    }
    dataset->items[dataset->count] = made;
    *item = &dataset->items[dataset->count++];
    return TW_OK;
}

bool tw_item_has_same_labels(const struct tw_item *a, const struct tw_item *b)
{
    return a->label_count == b->label_count &&
           (a->label_count == 0 || memcmp(a->labels, b->labels, a->label_count * sizeof *a->labels) == 0);
}

enum tw_status tw_item_skip(struct tw_item *item, const char *reason, struct tw_error *error)
{
    char *copy = tw_strdup(reason);
    if (copy == NULL)
        return tw_fail_memory(error, 1, "a reason");
    tw_free(item->reason);
    item->reason = copy;
    item->status = TW_ITEM_SKIPPED;
    return TW_OK;
}

enum tw_status tw_item_remark(struct tw_item *item, const char *text, struct tw_error *error)
{
    char *joined = item->reason != NULL ? tw_format("%s; %s", item->reason, text) : tw_strdup(text);
    if (joined == NULL)
        return tw_fail_memory(error, 1, "a remark");
    tw_free(item->reason);
    item->reason = joined;
    return TW_OK;
}

void tw_dataset_release(struct tw_dataset *dataset)
{
    for (size_t i = 0; i < dataset->count; i++) {
        struct tw_item *item = &dataset->items[i];
        tw_free(item->uri);
        tw_free(item->location);
        tw_free(item->labels);
        tw_free(item->reason);
    }
    tw_free(dataset->items);
    tw_labels_release(&dataset->labels);
    *dataset = (struct tw_dataset){0};
}
