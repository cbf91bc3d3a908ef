/* For benchmarks: embedding records with classes in them, as many as are asked for.
 *   make-records FOLDER ROWS VALUES CLASSES SHARDS [SPREAD [SEED]]
 * Values are like a network's after its last ReLU and mean: a level of their own, a point in 64 directions that is the class's
 * own one and, SPREAD times as far, the row's, noise; never below 0. Row i has class i mod CLASSES. */
#include "base/memory.h"
#include "base/random.h"
#include "base/cpus.h"
#include "base/threads.h"
#include "records/example.h"
#include "records/shards.h"
#include "records/tfrecord.h"
#include "storage/storage.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIRECTIONS = 64, STREAM_LEVELS = 1, STREAM_DIRECTIONS = 2, STREAM_MARKS = 3, STREAM_ROWS = 1000 };

struct job {
    const char *folder;
    size_t rows, values, classes, shards;
    float spread;
    uint64_t seed;
    float *levels, *directions, *marks;
};

/* Nearly normal, with variance 1: the sum of four uniform numbers. */
static float noise(struct tw_random *random)
{
    uint64_t bits = tw_random_next(random);
    int sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int)(bits >> (16 * i) & 0xffff);
    return (float)(sum - 2 * 0xffff) * (1.7320508f / 0x10000);
}

static float *draw(const struct job *job, uint64_t stream, size_t count, float scale)
{
    struct tw_random random = {.seed = job->seed, .stream = stream};
    float *values = tw_alloc(count, sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        values[i] = scale * noise(&random);
    return values;
}

static void make_row(const struct job *job, size_t row, float *out)
{
    struct tw_random random = {.seed = job->seed, .stream = STREAM_ROWS + row};
    const float *mark = job->marks + row % job->classes * DIRECTIONS;
    for (size_t i = 0; i < job->values; i++)
        out[i] = 0.6f + job->levels[i] + 0.1f * noise(&random);
    for (size_t k = 0; k < DIRECTIONS; k++) {
        float share = mark[k] + job->spread * noise(&random);
        for (size_t i = 0; i < job->values; i++)
            out[i] += share * job->directions[k * job->values + i];
    }
    for (size_t i = 0; i < job->values; i++)
        out[i] = out[i] > 0 ? out[i] : 0;
}

static enum tw_status write_shard(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct job *job = context;
    struct tw_record_writer *writer = NULL;
    struct tw_buffer record = {0};
    float *values = tw_alloc(job->values, sizeof *values);
    char *name = tw_shard_name("train", index, job->shards), *path = name ? tw_uri_join(job->folder, name) : NULL;
    (void)worker;
    enum tw_status status = values && path ? tw_record_writer_open(path, TW_GZIP, &writer, error)
                                           : tw_fail_memory(error, job->values * sizeof *values, "a row");
    for (size_t row = index; !status && row < job->rows; row += job->shards) {
        char key[32];
        int64_t label = (int64_t)(row % job->classes);
        snprintf(key, sizeof key, "made/%09zu.jpg", row);
        make_row(job, row, values);
        tw_buffer_clear(&record);
        status = tw_example_serialise(key, values, job->values, &label, 1, &record, error);
        if (!status)
            status = tw_record_writer_add(writer, tw_buffer_span(&record), error);
    }
    if (!status)
        status = tw_record_writer_commit(writer, NULL, error);
    else
        tw_record_writer_abandon(writer);
    tw_buffer_release(&record);
    tw_free(values);
    tw_free(name);
    tw_free(path);
    return status;
}

static size_t number(const char *text)
{
    return (size_t)strtoull(text, NULL, 10);
}

int main(int count, char **arguments)
{
    struct tw_error error = {0};
    if (count < 6) {
        fprintf(stderr, "make-records FOLDER ROWS VALUES CLASSES SHARDS [SPREAD [SEED]]\n");
        return 2;
    }
    struct job job = {
        .folder = arguments[1],
        .rows = number(arguments[2]),
        .values = number(arguments[3]),
        .classes = number(arguments[4]),
        .shards = number(arguments[5]),
        .spread = count > 6 ? strtof(arguments[6], NULL) : 1.5f,
        .seed = count > 7 ? number(arguments[7]) : 1,
    };
    job.levels = draw(&job, STREAM_LEVELS, job.values, 0.2f);
    job.directions = draw(&job, STREAM_DIRECTIONS, DIRECTIONS * job.values, 0.03f);
    job.marks = draw(&job, STREAM_MARKS, job.classes * DIRECTIONS, 1);
    enum tw_status status = job.levels && job.directions && job.marks
                                ? tw_storage_make_folders(job.folder, &error)
                                : tw_fail_memory(&error, job.classes * DIRECTIONS * sizeof(float), "the classes");
    if (!status)
        status = tw_parallel_for(tw_cpu_count(), job.shards, write_shard, &job, &error);
    if (status)
        fprintf(stderr, "%s\n", error.text);
    tw_free(job.levels);
    tw_free(job.directions);
    tw_free(job.marks);
    return status ? 1 : 0;
}
