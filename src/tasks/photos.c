#include "tasks/photos.h"

#include "records/shards.h"

size_t tw_photos_skipped(const struct tw_dataset *dataset)
{
    size_t skipped = 0;
    for (size_t i = 0; i < dataset->count; i++)
        skipped += dataset->items[i].status == TW_ITEM_SKIPPED;
    return skipped;
}

enum tw_status tw_photos_check_any(const struct tw_dataset *dataset, struct tw_error *error)
{
    if (dataset->count == 0)
        return tw_fail(error, TW_NOT_FOUND, "the input holds no photo");
    const struct tw_item *first = NULL;
    for (size_t i = 0; i < dataset->count; i++) {
        if (dataset->items[i].status == TW_ITEM_OK)
            return TW_OK;
        first = first ? first : &dataset->items[i];
    }
    if (dataset->count == 1)
        return tw_fail(error, TW_CORRUPT, "the one photo cannot be used; %s: %s", first->uri,
                       first->reason ? first->reason : "skipped");
    return tw_fail(error, TW_CORRUPT, "none of the %zu photos can be used; %s: %s", dataset->count, first->uri,
                   first->reason ? first->reason : "skipped");
}

enum tw_status tw_photos_split(struct tw_dataset *dataset, double eval_share, const char *folder,
                               const struct tw_sink *sink, struct tw_error *error)
{
    size_t apart = 0;
    struct tw_manifest old = {0};
    struct tw_kept_sides kept = {0};
    if (!tw_manifest_read(folder, &old, NULL) && old.eval_share == eval_share)
        kept = (struct tw_kept_sides){
            .eval = old.kept_on_eval,
            .train = old.kept_on_train,
            .eval_count = old.kept_on_eval_count,
            .train_count = old.kept_on_train_count,
        };
    enum tw_status status = tw_dataset_split(dataset, eval_share, eval_share > 0, &kept, &apart, error);
    if (!status && apart)
        tw_log(sink, TW_LOG_WARNING,
               "%zu photos look like ones on the other side; both stood there before and stay: another folder for the "
               "results, or --force, splits anew",
               apart);
    tw_manifest_release(&old);
    return status;
}

static enum tw_status list_photos(const char *const *inputs, size_t count, const struct tw_list_options *list,
                                  const struct tw_task_options *options, struct tw_dataset *dataset,
                                  struct tw_error *error)
{
    enum tw_status status = tw_dataset_list(inputs, count, list, dataset, error);
    if (!status && dataset->count == 0)
        status = tw_fail(error, TW_NOT_FOUND, "there is no photo in %s%s", count ? inputs[0] : "the run",
                         count > 1 ? " and the others" : "");
    if (!status)
        status = tw_dataset_hash(dataset, options->threads, options->limits.max_bytes, options->sink, error);
    return status;
}

enum tw_status tw_photos_list_beside(const struct tw_dataset *kept, const char *const *inputs, size_t count,
                                     const struct tw_task_options *options, struct tw_dataset *dataset,
                                     struct tw_error *error)
{
    const struct tw_list_options list = {.kept = kept, .corrections_uri = options->corrections, .sink = options->sink};
    enum tw_status status = list_photos(inputs, count, &list, options, dataset, error);
    if (!status && dataset->count == kept->count && count)
        status =
            tw_fail(error, TW_NOT_FOUND, "there is no photo in %s%s", inputs[0], count > 1 ? " and the others" : "");
    return status ? status : tw_dataset_supersede(dataset, error);
}

enum tw_status tw_photos_list(const char *const *inputs, size_t count, const char *labels_uri,
                              const struct tw_task_options *options, struct tw_dataset *dataset, struct tw_error *error)
{
    const struct tw_list_options list = {
        .labels_uri = labels_uri, .corrections_uri = options->corrections, .sink = options->sink};
    return list_photos(inputs, count, &list, options, dataset, error);
}

enum tw_status tw_photos_list_known(const char *const *inputs, size_t count, const struct tw_labels *labels,
                                    const struct tw_task_options *options, struct tw_dataset *dataset,
                                    struct tw_error *error)
{
    const struct tw_list_options list = {
        .known_labels = labels, .corrections_uri = options->corrections, .sink = options->sink};
    return list_photos(inputs, count, &list, options, dataset, error);
}
