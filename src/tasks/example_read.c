/* Rows from records and from photos that are embedded. */
#include "base/memory.h"
#include "base/threads.h"
#include "records/example.h"
#include "records/tfrecord.h"
#include "storage/storage.h"
#include "tasks/example_set.h"

#include <pthread.h>

struct reading {
    const struct tw_input *input;
    const struct tw_sink *sink;
    pthread_mutex_t lock; /* guards what follows */
    struct tw_example_set *train, *eval;
    struct tw_progress progress; /* in files */
};

static enum tw_status check_shard(const struct tw_record_file *file, struct tw_error *error)
{
    if (!file->has_digest)
        return TW_OK;
    struct tw_mapping mapping = {0};
    struct tw_digest digest;
    enum tw_status status = tw_storage_map(file->uri, &mapping, error);
    if (!status)
        status = tw_digest_of(mapping.bytes, &digest, error);
    if (!status && !tw_digest_equal(&digest, &file->digest))
        status = tw_fail(error, TW_CORRUPT, "%s is not the shard that its manifest names: the bytes differ", file->uri);
    tw_mapping_release(&mapping);
    return status;
}

/* Files are read side by side; in which order their rows arrive does not matter, they are sorted. */
static enum tw_status add_record(struct reading *reading, const struct tw_record_file *file,
                                 const struct tw_example *example, struct tw_error *error)
{
    struct tw_digest digest;
    struct tw_example_row row = {
        .key = example->image_uri,
        .embedding = example->embedding,
        .width = example->embedding_size,
        .labels = example->labels,
        .label_count = example->label_count,
        .digest = &digest,
    };
    enum tw_status status = tw_example_row_digest(&row, &digest, error);
    if (status)
        return status;
    pthread_mutex_lock(&reading->lock);
    status = tw_example_set_add(file->is_eval && reading->eval ? reading->eval : reading->train, &row, error);
    pthread_mutex_unlock(&reading->lock);
    return status;
}

static enum tw_status read_file(void *context, size_t index, int worker, struct tw_error *error)
{
    struct reading *reading = context;
    const struct tw_record_file *file = &reading->input->files[index];
    struct tw_record_reader *reader = NULL;
    struct tw_example example = {0};
    (void)worker;
    enum tw_status status = check_shard(file, error);
    if (!status)
        status = tw_record_reader_open(file->uri, &tw_record_limits_default, &reader, error);
    bool has_record = true;
    for (size_t i = 0; !status; i++) {
        struct tw_span record;
        if (tw_is_stopped(reading->sink)) {
            status = tw_fail(error, TW_INTERRUPTED, "interrupted while reading records");
            break;
        }
        status = tw_record_reader_next(reader, &record, &has_record, error);
        if (status || !has_record)
            break;
        status = tw_example_parse(record, &example, error);
        if (status)
            status = tw_fail_within(error, status, "%s, record %zu", file->uri, i);
        else
            status = add_record(reading, file, &example, error);
    }
    pthread_mutex_lock(&reading->lock);
    reading->progress.done++;
    tw_progress(reading->sink, &reading->progress);
    pthread_mutex_unlock(&reading->lock);
    tw_example_release(&example);
    tw_record_reader_free(reader);
    return status;
}

enum tw_status tw_example_set_from_records(const struct tw_input *input, double eval_share,
                                           const struct tw_task_options *task, struct tw_example_set *train,
                                           struct tw_example_set *eval, struct tw_error *error)
{
    struct reading reading = {
        .input = input,
        .sink = task->sink,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .train = train,
        .eval = eval,
        .progress = {.stage = "read", .unit = "files", .total = input->file_count},
    };
    bool has_sides = false;
    for (size_t i = 0; i < input->file_count; i++)
        has_sides |= input->files[i].is_eval;
    enum tw_status status = tw_parallel_for(task->threads, input->file_count, read_file, &reading, error);
    pthread_mutex_destroy(&reading.lock);
    if (!status && train->count == 0 && (!eval || eval->count == 0))
        status =
            tw_fail(error, TW_CORRUPT, "%s holds no record", input->file_count ? input->files[0].uri : "the input");
    if (!status && eval && !has_sides && eval_share > 0)
        status = tw_example_set_split(train, eval_share, eval, error);
    if (!status)
        status = tw_example_set_sort(train, TW_ROWS_BY_CONTENT, error);
    if (!status && eval)
        status = tw_example_set_sort(eval, TW_ROWS_BY_KEY, error);
    return status;
}

enum tw_status tw_example_set_from_items(const struct tw_dataset *dataset, enum tw_side side,
                                         struct tw_embedding_store *store, struct tw_example_set *set,
                                         struct tw_error *error)
{
    struct tw_buffer scratch = {0};
    float *values = tw_alloc(store->embedding_size, sizeof *values);
    enum tw_status status =
        values ? TW_OK : tw_fail_memory(error, store->embedding_size * sizeof *values, "an embedding");
    for (size_t i = 0; i < dataset->count && !status; i++) {
        const struct tw_item *item = &dataset->items[i];
        if (item->status != TW_ITEM_OK || item->side != side)
            continue;
        status = tw_embedding_load(store, item, &scratch, values, error);
        if (!status)
            status = tw_example_set_add(set,
                                        &(struct tw_example_row){.key = item->uri,
                                                                 .embedding = values,
                                                                 .width = store->embedding_size,
                                                                 .labels = item->labels,
                                                                 .label_count = item->label_count,
                                                                 .cluster = item->cluster},
                                        error);
    }
    tw_free(values);
    tw_buffer_release(&scratch);
    enum tw_row_order order = side == TW_SIDE_EVAL ? TW_ROWS_BY_KEY : TW_ROWS_BY_CONTENT;
    return status ? status : tw_example_set_sort(set, order, error);
}
