#include "train/checkpoint.h"

#include "base/hash.h"
#include "base/memory.h"
#include "storage/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 32 };
static const char magic[8] = "TWCHECK1";

uint64_t tw_checkpoint_identity(const char *settings, const struct tw_examples *e, size_t class_count,
                                int64_t unlabelled_class)
{
    const uint64_t shape[] = {e->width, class_count, e->count, (uint64_t)unlabelled_class};
    uint32_t low = tw_crc32c(tw_crc32c(0, settings, strlen(settings)), shape, sizeof shape);
    uint32_t high = tw_crc32c(low, e->embeddings, e->count * e->width * sizeof(float));
    high = tw_crc32c(high, e->label_starts, (e->count + 1) * sizeof *e->label_starts);
    high = tw_crc32c(high, e->labels, e->label_starts[e->count] * sizeof *e->labels);
    return (uint64_t)high << 32 | low;
}

static char *path_of(const char *folder, uint64_t step)
{
    char name[48];
    snprintf(name, sizeof name, "step-%08llu.twc", (unsigned long long)step);
    return tw_uri_join(folder, name);
}

static bool step_of(const char *name, uint64_t *step)
{
    unsigned long long number;
    int end = 0;
    if (sscanf(name, "step-%llu.twc%n", &number, &end) != 1 || end == 0 || name[end] != 0)
        return false;
    *step = number;
    return true;
}

/* Steps in the folder, greatest first. */
static int compare_steps(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left < right) - (left > right);
}

static enum tw_status list_steps(const char *folder, uint64_t **steps, size_t *count, struct tw_error *error)
{
    struct tw_listing listing = {0};
    *count = 0;
    enum tw_status status = tw_storage_list(folder, &listing, error);
    if (status != TW_OK)
        return status;
    *steps = tw_alloc(listing.count + 1, sizeof **steps);
    if (*steps == NULL)
        status = tw_fail_memory(error, listing.count * sizeof **steps, "checkpoints");
    for (size_t i = 0; i < listing.count && status == TW_OK; i++)
        *count += step_of(listing.entries[i].name, &(*steps)[*count]);
    tw_listing_release(&listing);
    if (status == TW_OK)
        qsort(*steps, *count, sizeof **steps, compare_steps);
    return status;
}

/* Keeps `step` and those before it, `kept` in all. Those above are of another training, or damaged: this one would not have come here
 * else. They would outlive every checkpoint of this one. */
static void remove_others(const struct tw_checkpoint_place *place, uint64_t step, struct tw_error *error)
{
    uint64_t *steps = NULL;
    size_t count;
    if (list_steps(place->folder, &steps, &count, error) == TW_OK) {
        size_t below = 0;
        for (size_t i = 0; i < count; i++) {
            below += steps[i] < step;
            if (steps[i] == step || (steps[i] < step && below < place->kept))
                continue;
            char *path = path_of(place->folder, steps[i]);
            if (path == NULL || tw_storage_remove(path, error) != TW_OK)
                i = count; /* one too many harms nobody */
            tw_free(path);
        }
    }
    tw_free(steps);
}

enum tw_status tw_checkpoint_write(const struct tw_checkpoint_place *place, uint64_t step, const float *state,
                                   size_t count, struct tw_error *error)
{
    uint8_t header[HEADER], tail[4];
    struct tw_writer *writer;
    char *path = path_of(place->folder, step);
    if (path == NULL)
        return tw_fail_memory(error, 1, "a path");
    memcpy(header, magic, sizeof magic);
    tw_store_u64le(header + 8, step);
    tw_store_u64le(header + 16, place->identity);
    tw_store_u64le(header + 24, count);
    uint32_t crc = tw_crc32c(tw_crc32c(0, header, HEADER), state, count * sizeof *state);
    tw_store_u32le(tail, crc);
    enum tw_status status = tw_writer_open(path, &writer, error);
    tw_free(path);
    if (status != TW_OK)
        return status;
    if ((status = tw_writer_write(writer, header, HEADER, error)) != TW_OK ||
        (status = tw_writer_write(writer, state, count * sizeof *state, error)) != TW_OK ||
        (status = tw_writer_write(writer, tail, sizeof tail, error)) != TW_OK) {
        tw_writer_abandon(writer);
        return status;
    }
    status = tw_writer_commit(writer, error);
    if (status == TW_OK)
        remove_others(place, step, &(struct tw_error){0});
    return status;
}

/* NULL: good; else what is wrong. */
static const char *check(struct tw_span bytes, uint64_t identity, uint64_t step, size_t count)
{
    size_t size = bytes.size;
    if (size < HEADER + 4 || memcmp(bytes.data, magic, sizeof magic) != 0)
        return "it is not whole";
    if ((size - HEADER - 4) % sizeof(float) != 0 ||
        tw_load_u64le(bytes.data + 24) != (size - HEADER - 4) / sizeof(float))
        return "it is not whole";
    if (tw_load_u32le(bytes.data + size - 4) != tw_crc32c(0, bytes.data, size - 4))
        return "its checksum does not fit";
    if (tw_load_u64le(bytes.data + 8) != step)
        return "its name and its step differ";
    /* How large a state is may hang on the examples: its size is judged last. */
    if (tw_load_u64le(bytes.data + 16) != identity || tw_load_u64le(bytes.data + 24) != count)
        return "it is of another training";
    return NULL;
}

enum tw_status tw_checkpoint_read(const char *folder, uint64_t identity, uint64_t *step, float *state, size_t count,
                                  const struct tw_sink *sink, struct tw_error *error)
{
    uint64_t *steps = NULL;
    size_t found;
    *step = 0;
    enum tw_status status = list_steps(folder, &steps, &found, error);
    for (size_t i = 0; status == TW_OK && i < found && *step == 0; i++) {
        struct tw_error why = {0};
        char *path = path_of(folder, steps[i]);
        if (path == NULL) {
            status = tw_fail_memory(error, 1, "a path");
            break;
        }
        struct tw_mapping file = {0}; /* a state may be large, and is there once already */
        const char *fault =
            tw_storage_map(path, &file, &why) == TW_OK ? check(file.bytes, identity, steps[i], count) : why.text;
        if (fault == NULL) {
            memcpy(state, file.bytes.data + HEADER, count * sizeof *state);
            *step = steps[i];
        } else {
            tw_log(sink, TW_LOG_WARNING, "checkpoint %s is passed over: %s", path, fault);
        }
        tw_mapping_release(&file);
        tw_free(path);
    }
    tw_free(steps);
    return status;
}

bool tw_checkpoint_read_step(const struct tw_checkpoint_place *place, uint64_t step, float *state, size_t count)
{
    struct tw_mapping file = {0};
    char *path = path_of(place->folder, step);
    bool is_good = path != NULL && tw_storage_map(path, &file, &(struct tw_error){0}) == TW_OK &&
                   check(file.bytes, place->identity, step, count) == NULL;
    if (is_good)
        memcpy(state, file.bytes.data + HEADER, count * sizeof *state);
    tw_mapping_release(&file);
    tw_free(path);
    return is_good;
}

void tw_checkpoint_forget(const struct tw_checkpoint_place *place, uint64_t last)
{
    for (uint64_t step = 1; step <= last; step++) {
        char *path = path_of(place->folder, step);
        if (path != NULL && tw_storage_remove(path, &(struct tw_error){0}) != TW_OK)
            step = last; /* one too many harms nobody */
        tw_free(path);
    }
}
