#include "tasks/precision.h"

#include "base/clock.h"
#include "base/memory.h"
#include "storage/storage.h"
#include "tasks/runner.h"

#include <math.h>
#include <string.h>

double tw_cosine(const float *a, const float *b, size_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : aa == bb;
}

/* Of f32's time: less of a gain is not worth bits that are lost, nor sure to be one. */
static const double FASTER = 0.9;

struct trial {
    const struct tw_backbone *backbone;
    const struct tw_task_options *options;
    struct tw_runner *runners[2]; /* f32, bf16 */
    float *vectors[2];
    double least, seconds[2]; /* the least of any photo */
    size_t count;             /* photos compared */
};

/* The ok items of the lowest content hashes, in their order, each content once. */
static size_t choose_sample(const struct tw_dataset *dataset, const struct tw_item *sample[TW_PRECISION_SAMPLE])
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->count; i++) {
        const struct tw_item *item = &dataset->items[i];
        size_t at = count;
        if (item->status != TW_ITEM_OK)
            continue;
        while (at > 0 && memcmp(item->content.bytes, sample[at - 1]->content.bytes, TW_DIGEST_BYTES) < 0)
            at--;
        bool is_copy = at > 0 && tw_digest_equal(&item->content, &sample[at - 1]->content);
        if (is_copy || at == TW_PRECISION_SAMPLE)
            continue;
        count = count < TW_PRECISION_SAMPLE ? count + 1 : count;
        memmove(&sample[at + 1], &sample[at], (count - at - 1) * sizeof(const struct tw_item *));
        sample[at] = item;
    }
    return count;
}

/* A photo that cannot be read or decoded says nothing here; the run itself names it. */
static enum tw_status compare_photo(struct trial *trial, const struct tw_item *item, struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    struct tw_photo_size size;
    struct tw_error unread = {0};
    enum tw_status status = tw_storage_read(item->location, trial->options->limits.max_bytes, &bytes, &unread);
    for (int i = 0; i < 2 && !status; i++) {
        double start = tw_clock_seconds();
        status =
            tw_runner_photo(trial->runners[i], 0, tw_buffer_span(&bytes), &trial->vectors[i], &size, NULL, &unread);
        trial->seconds[i] = fmin(trial->seconds[i], tw_clock_seconds() - start);
    }
    tw_buffer_release(&bytes);
    if (status == TW_NO_MEMORY)
        return tw_fail(error, status, "%s", unread.text);
    if (status)
        return TW_OK;
    trial->least = fmin(trial->least, tw_cosine(trial->vectors[0], trial->vectors[1], trial->backbone->embedding_size));
    trial->count++;
    return TW_OK;
}

static enum tw_status try_bf16(struct trial *trial, const struct tw_dataset *dataset, struct tw_error *error)
{
    static const enum tw_precision precisions[] = {TW_PRECISION_F32, TW_PRECISION_BF16};
    static const char *const outputs[] = {"embedding"};
    const struct tw_item *sample[TW_PRECISION_SAMPLE];
    size_t count = choose_sample(dataset, sample);
    enum tw_status status = TW_OK;
    for (int i = 0; i < 2 && !status; i++) {
        const struct tw_runner_options options = {
            .policy = &trial->backbone->policy,
            .limits = &trial->options->limits,
            .outputs = outputs,
            .output_count = 1,
            .workers = 1,
            .precision = precisions[i],
            .threads_inside = trial->options->threads,
        };
        trial->vectors[i] = tw_alloc(trial->backbone->embedding_size, sizeof(float));
        status = trial->vectors[i] ? tw_runner_new(trial->backbone->graph, &options, &trial->runners[i], error)
                                   : tw_fail_memory(error, trial->backbone->embedding_size, "an embedding");
    }
    for (size_t i = 0; i < count && !status; i++)
        status = compare_photo(trial, sample[i], error);
    for (int i = 0; i < 2; i++) {
        tw_runner_free(trial->runners[i]);
        tw_free(trial->vectors[i]);
    }
    return status;
}

enum tw_status tw_backbone_choose_precision(struct tw_backbone *backbone, const struct tw_task_options *options,
                                            const struct tw_dataset *dataset, struct tw_error *error)
{
    struct trial trial = {.backbone = backbone, .options = options, .least = 1, .seconds = {INFINITY, INFINITY}};
    if (backbone->precision != TW_PRECISION_AUTO)
        return TW_OK;
    if (tw_graph_is_quantised(backbone->graph)) {
        backbone->precision = TW_PRECISION_INT8;
        return TW_OK;
    }
    backbone->precision = TW_PRECISION_F32;
    if (tw_engine_precision(TW_PRECISION_BF16) != TW_PRECISION_BF16)
        return TW_OK;
    enum tw_status status = try_bf16(&trial, dataset, error);
    if (status)
        return tw_fail_within(error, status, "choosing a precision");
    if (trial.count > 0 && trial.least >= TW_PRECISION_COSINE && trial.seconds[1] < FASTER * trial.seconds[0])
        backbone->precision = TW_PRECISION_BF16;
    tw_log(
        options->sink, TW_LOG_INFO,
        "precision %s: bf16 keeps a cosine of %.6f to f32 over %zu photos, of which each takes %.1f ms instead of %.1f",
        tw_precision_name(backbone->precision), trial.least, trial.count, trial.seconds[1] * 1e3,
        trial.seconds[0] * 1e3);
    return TW_OK;
}
