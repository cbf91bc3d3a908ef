/* A folder of files for one test, and its listing. */
#ifndef TESTS_DATASET_FOLDER_H
#define TESTS_DATASET_FOLDER_H

#include "base/memory.h"
#include "dataset/dataset.h"
#include "scratch.h"

/* A photo for all that listing knows: a file of its own content. */
static inline void put_photo(const char *path)
{
    put_text(path, path);
}

static inline struct tw_dataset list_as(const char *input, const struct tw_list_options *options)
{
    struct tw_dataset dataset = {0};
    struct tw_error error = {0};
    if (tw_dataset_list(&input, 1, options, &dataset, &error) != TW_OK)
        fail_msg("%s", error.text);
    return dataset;
}

static inline struct tw_dataset list(const char *input)
{
    return list_as(input, &(struct tw_list_options){0});
}

static inline void refused(const char *input, const struct tw_list_options *options, enum tw_status status,
                           const char *words)
{
    struct tw_dataset dataset = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_dataset_list(&input, 1, options, &dataset, &error), status);
    if (strstr(error.text, words) == NULL)
        fail_msg("%s", error.text);
    assert_null(dataset.items);
}

/* The labels of an item by name, joined by '+'. */
static inline const char *labels_of(const struct tw_dataset *dataset, size_t index)
{
    static char text[256];
    const struct tw_item *item = &dataset->items[index];
    text[0] = 0;
    for (size_t i = 0; i < item->label_count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "+" : "", dataset->labels.names[item->labels[i]]);
    }
    return text;
}

static inline void item_is(const struct tw_dataset *dataset, size_t index, const char *uri, const char *labels)
{
    assert_true(index < dataset->count);
    assert_string_equal(dataset->items[index].uri, uri);
    if (dataset->items[index].status != TW_ITEM_OK)
        fail_msg("%s: %s", uri, dataset->items[index].reason);
    assert_string_equal(labels_of(dataset, index), labels);
}

static inline void item_is_skipped(const struct tw_dataset *dataset, size_t index, const char *uri, const char *words)
{
    assert_true(index < dataset->count);
    assert_string_equal(dataset->items[index].uri, uri);
    assert_int_equal(dataset->items[index].status, TW_ITEM_SKIPPED);
    if (strstr(dataset->items[index].reason, words) == NULL)
        fail_msg("%s: %s", uri, dataset->items[index].reason);
}

#endif
