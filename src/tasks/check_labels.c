/* Labels that are likely wrong, from embeddings: of photos, which are embedded first, or of records. */
#include "tasks/check.h"

#include "base/memory.h"
#include "tasks/embedding.h"
#include "tasks/example_set.h"
#include "tasks/tune.h"

#include <stdio.h>

static enum tw_status add_suspect(struct tw_check_result *result, const struct tw_doubt *doubt, struct tw_error *error)
{
    char detail[1200];
    const struct tw_labels *labels = &result->photos.labels;
    snprintf(detail, sizeof detail, "%.500s %.1f %%, %.500s %.1f %%", labels->names[doubt->label], doubt->own * 100,
             labels->names[doubt->suggested], doubt->other * 100);
    const struct tw_finding finding = {TW_FINDING_SUSPECT, doubt->row, SIZE_MAX, doubt->suggested, detail};
    return tw_check_add(result, &finding, error);
}

/* items[row]: the photo of each row of the set. */
static enum tw_status doubt(const struct tw_check_options *options, const struct tw_example_set *set,
                            const size_t *items, struct tw_check_result *result, struct tw_error *error)
{
    struct tw_examples examples = tw_example_set_view(set);
    const struct tw_recipe_options recipe = {
        .seed = options->seed,
        .threads = options->task.threads,
        .class_count = result->photos.labels.count,
        .unlabelled_class = -1,
        .sink = options->task.sink,
    };
    enum tw_status status = tw_doubt_find(&examples, &recipe, &result->doubts, &result->doubt_count, error);
    for (size_t i = 0; i < result->doubt_count && !status; i++) {
        struct tw_doubt *found = &result->doubts[i];
        found->row = items[found->row];
        if (found->is_suspect)
            status = add_suspect(result, found, error);
    }
    return status;
}

static enum tw_status collect(const struct tw_dataset *photos, struct tw_embedding_store *store,
                              struct tw_example_set *set, size_t *items, struct tw_error *error)
{
    struct tw_buffer scratch = {0};
    size_t size = store->embedding_size;
    float *values = tw_alloc(size, sizeof *values);
    enum tw_status status = values ? TW_OK : tw_fail_memory(error, size * sizeof *values, "an embedding");
    for (size_t i = 0; i < photos->count && !status; i++) {
        const struct tw_item *item = &photos->items[i];
        if (item->status != TW_ITEM_OK || item->label_count == 0)
            continue;
        items[set->count] = i;
        status = tw_embedding_load(store, item, &scratch, values, error);
        if (!status)
            status = tw_example_set_add(set,
                                        &(struct tw_example_row){.key = item->uri,
                                                                 .embedding = values,
                                                                 .width = size,
                                                                 .labels = item->labels,
                                                                 .label_count = item->label_count},
                                        error);
    }
    tw_free(values);
    tw_buffer_release(&scratch);
    return status;
}

enum tw_status tw_check_labels(const struct tw_check_options *options, struct tw_check_result *result,
                               struct tw_error *error)
{
    struct tw_backbone backbone = {0};
    struct tw_embedding_store store = {0};
    struct tw_example_set set = {0};
    size_t *items = tw_alloc(result->photos.count + 1, sizeof *items);
    enum tw_status status = items ? tw_backbone_open(&options->task, &backbone, error)
                                  : tw_fail_memory(error, result->photos.count * sizeof *items, "photos");
    if (!status)
        status = tw_storage_make_folders(options->output, error);
    if (!status)
        status = tw_backbone_choose_kernels(&backbone, &options->task, NULL, error);
    if (!status)
        status = tw_embedding_store_open(&options->task, &backbone, options->output, false, &store, error);
    if (!status)
        status = tw_embed_items(&result->photos, &options->task, &backbone, &store, error);
    if (!status)
        status = collect(&result->photos, &store, &set, items, error);
    if (!status)
        status = doubt(options, &set, items, result, error);
    tw_embedding_store_close(&store, !status);
    tw_backbone_release(&backbone);
    tw_example_set_release(&set);
    tw_free(items);
    return status;
}

/* Rows as photos, so that findings have names. */
static enum tw_status list_rows(const struct tw_example_set *set, struct tw_check_result *result, size_t *items,
                                struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t row = 0; row < set->count && !status; row++) {
        struct tw_item *item;
        size_t count = set->starts[row + 1] - set->starts[row];
        items[row] = row;
        status = tw_dataset_add(&result->photos, set->keys[row], set->keys[row], &item, error);
        if (status || count == 0)
            continue;
        item->labels = tw_alloc(count, sizeof *item->labels);
        if (!item->labels)
            return tw_fail_memory(error, count * sizeof *item->labels, "labels");
        for (size_t i = 0; i < count; i++) {
            item->labels[i] = set->labels[set->starts[row] + i];
            result->class_counts[item->labels[i]]++;
        }
        item->label_count = count;
    }
    return status;
}

enum tw_status tw_check_records(const struct tw_check_options *options, const struct tw_input *input,
                                struct tw_check_result *result, struct tw_error *error)
{
    struct tw_example_set set = {0};
    size_t *items = NULL;
    enum tw_status status = tw_example_set_from_records(input, 0, &options->task, &set, NULL, error);
    if (!status)
        status = tw_input_labels(input, options->labels_uri, set.greatest_label, &result->photos.labels, error);
    if (!status) {
        items = tw_alloc(set.count + 1, sizeof *items);
        result->class_counts = tw_alloc(result->photos.labels.count + 1, sizeof *result->class_counts);
        status = items && result->class_counts ? list_rows(&set, result, items, error)
                                               : tw_fail_memory(error, set.count * sizeof *items, "records");
    }
    if (!status)
        status = doubt(options, &set, items, result, error);
    tw_example_set_release(&set);
    tw_free(items);
    return status;
}
