#include "tasks/check.h"

#include "base/memory.h"
#include "base/threads.h"
#include "dataset/near.h"
#include "storage/storage.h"
#include "tasks/photos.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TINY_SIDE = 64, HUGE_PIXELS = 50000000, SMALL_CLASS = 5, UNBALANCED_TIMES = 10 };
static const float blank_contrast = 3;

const struct tw_finding_name tw_finding_names[TW_FINDING_KINDS] = {
    [TW_FINDING_UNUSABLE] = {"unusable", "not usable", true},
    [TW_FINDING_CONFLICT] = {"conflict",
                             "the same photo under two labels: nobody knows which is right, all are left out", true},
    [TW_FINDING_COPY] = {"copy", "copies of another photo, byte for byte", false},
    [TW_FINDING_SHARED] = {"shared", "to evaluate on, and alike to a photo to train on: the accuracy would flatter",
                           true},
    [TW_FINDING_SUSPECT] = {"suspect", "the label is likely wrong", true},
    [TW_FINDING_NEAR_CONFLICT] = {"near-conflict", "alike to a photo that has another label", true},
    [TW_FINDING_NEAR_COPY] = {"near-copy", "alike to another photo: scaled, recompressed, turned or mirrored", false},
    [TW_FINDING_BLANK] = {"blank", "one colour, or nearly", true},
    [TW_FINDING_TINY] = {"tiny", "a side of less than 64 pixels", false},
    [TW_FINDING_HUGE] = {"huge", "more than 50 million pixels, slow to decode", false},
    [TW_FINDING_TURNED] = {"turned", "stored turned (EXIF orientation is applied)", false},
    [TW_FINDING_UNLABELLED] = {"unlabelled", "without a label: they train a class of their own", false},
    [TW_FINDING_SMALL_CLASS] = {"small-class", "classes with fewer than 5 photos", true},
    [TW_FINDING_UNBALANCED] = {"unbalanced", "a class has more than 10 times the photos of another", false},
};

/* What was seen of a photo. */
struct sight {
    struct tw_look look;
    bool is_seen, is_turned;
};

struct job {
    const struct tw_check_options *options;
    struct tw_check_result *result;
    struct sight *sights;
    const struct tw_look **looks; /* NULL: not seen */
    size_t count;                 /* photos of both sets */
    pthread_mutex_t lock;         /* guards progress */
    struct tw_progress progress;
};

static struct tw_item *item_at(struct tw_check_result *result, size_t index)
{
    return index < result->photos.count ? &result->photos.items[index]
                                        : &result->eval_photos.items[index - result->photos.count];
}

const struct tw_item *tw_check_item(const struct tw_check_result *result, size_t index)
{
    return item_at((struct tw_check_result *)result, index); /* only looked at */
}

enum tw_status tw_check_add(struct tw_check_result *result, const struct tw_finding *finding, struct tw_error *error)
{
    enum tw_status status = tw_grow((void **)&result->findings, &result->finding_capacity, result->finding_count + 1,
                                    sizeof *result->findings, error);
    char *copy = finding->detail && !status ? tw_strdup(finding->detail) : NULL;
    if (!status && finding->detail && !copy)
        status = tw_fail_memory(error, strlen(finding->detail), "a finding");
    if (status)
        return status;
    struct tw_finding *added = &result->findings[result->finding_count++];
    *added = *finding;
    added->detail = copy;
    result->counts[finding->kind]++;
    result->problems += tw_finding_names[finding->kind].is_problem;
    return TW_OK;
}

static enum tw_status add(struct tw_check_result *result, enum tw_finding_kind kind, size_t item, size_t other,
                          const char *detail, struct tw_error *error)
{
    const struct tw_finding finding = {kind, item, other, -1, (char *)detail}; /* copied */
    return tw_check_add(result, &finding, error);
}

static enum tw_status see_photo(struct job *job, struct tw_item *item, struct sight *sight, struct tw_error *error)
{
    const struct tw_task_options *task = &job->options->task;
    struct tw_decode_policy policy = tw_image_policy_default.decode;
    struct tw_buffer bytes = {0};
    struct tw_image_info info = {0};
    struct tw_image image = {0};
    policy.exif = task->ignores_exif ? TW_EXIF_IGNORE : TW_EXIF_APPLY;
    enum tw_status status = tw_storage_read(item->location, task->limits.max_bytes, &bytes, error);
    if (!status)
        status = tw_image_decode(tw_buffer_span(&bytes), &policy, &task->limits, &image, error);
    if (!status)
        status = tw_image_probe(tw_buffer_span(&bytes), &info, error);
    if (!status)
        status = tw_image_look(&image, &sight->look, error);
    if (!status) {
        sight->is_seen = true;
        sight->is_turned = info.orientation != 1;
        item->width = image.width;
        item->height = image.height;
    }
    tw_image_release(&image);
    tw_buffer_release(&bytes);
    return status;
}

static enum tw_status see_one(void *context, size_t index, int worker, struct tw_error *error)
{
    struct job *job = context;
    struct tw_item *item = item_at(job->result, index);
    struct tw_error why = {0};
    enum tw_status status = TW_OK;
    (void)worker;
    if (tw_is_stopped(job->options->task.sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted while looking at photos");
    if (item->status == TW_ITEM_OK)
        status = see_photo(job, item, &job->sights[index], &why);
    if (status == TW_NO_MEMORY || status == TW_IO)
        return tw_fail(error, status, "%s", why.text);
    if (status)
        status = tw_item_skip(item, why.text, error);
    pthread_mutex_lock(&job->lock);
    job->progress.done++;
    job->progress.skipped += item->status == TW_ITEM_SKIPPED;
    tw_progress(job->options->task.sink, &job->progress);
    pthread_mutex_unlock(&job->lock);
    return status;
}

static enum tw_status judge_skipped(struct job *job, size_t index, struct tw_error *error)
{
    const struct tw_item *item = tw_check_item(job->result, index);
    static const enum tw_finding_kind kinds[] = {[TW_SKIP_UNUSABLE] = TW_FINDING_UNUSABLE,
                                                 [TW_SKIP_COPY] = TW_FINDING_COPY,
                                                 [TW_SKIP_CONFLICT] = TW_FINDING_CONFLICT};
    if (item->cause == TW_SKIP_CORRECTION)
        return TW_OK;
    return add(job->result, kinds[item->cause], index, SIZE_MAX, item->reason, error);
}

static enum tw_status judge_photo(struct job *job, size_t index, struct tw_error *error)
{
    const struct tw_item *item = tw_check_item(job->result, index);
    const struct sight *sight = &job->sights[index];
    struct tw_check_result *result = job->result;
    if (item->status == TW_ITEM_SKIPPED)
        return judge_skipped(job, index, error);
    char size[48];
    snprintf(size, sizeof size, "%d x %d pixels", item->width, item->height);
    enum tw_status status = TW_OK;
    if (item->label_count == 0)
        status = add(result, TW_FINDING_UNLABELLED, index, SIZE_MAX, NULL, error);
    if (!status && sight->look.contrast < blank_contrast)
        status = add(result, TW_FINDING_BLANK, index, SIZE_MAX, NULL, error);
    if (!status && (item->width < TINY_SIDE || item->height < TINY_SIDE))
        status = add(result, TW_FINDING_TINY, index, SIZE_MAX, size, error);
    if (!status && (int64_t)item->width * item->height > HUGE_PIXELS)
        status = add(result, TW_FINDING_HUGE, index, SIZE_MAX, size, error);
    if (!status && sight->is_turned)
        status = add(result, TW_FINDING_TURNED, index, SIZE_MAX, NULL, error);
    for (size_t i = 0; i < item->label_count; i++)
        result->class_counts[item->labels[i]]++;
    return status;
}

static enum tw_status judge_pair(struct job *job, const struct tw_near_pair *pair, struct tw_error *error)
{
    static const char *const turns[TW_LOOK_TURNS] = {"",
                                                     ", turned by 90 degrees",
                                                     ", turned by 180 degrees",
                                                     ", turned by 270 degrees",
                                                     ", mirrored",
                                                     ", mirrored, turned by 90 degrees",
                                                     ", mirrored, turned by 180 degrees",
                                                     ", mirrored, turned by 270 degrees"};
    const struct tw_item *a = tw_check_item(job->result, pair->first), *b = tw_check_item(job->result, pair->second);
    size_t trained = job->result->photos.count;
    char detail[96];
    bool is_same = tw_digest_equal(&a->content, &b->content);
    enum tw_finding_kind kind = is_same ? TW_FINDING_COPY : TW_FINDING_NEAR_COPY;
    if (!tw_item_has_same_labels(a, b))
        kind = TW_FINDING_NEAR_CONFLICT;
    else if (pair->first < trained && pair->second >= trained)
        kind = TW_FINDING_SHARED;
    if (is_same)
        snprintf(detail, sizeof detail, "the same bytes");
    else
        snprintf(detail, sizeof detail, "alike to %.1f %%%s", pair->likeness * 100, turns[pair->turn]);
    return add(job->result, kind, pair->second, pair->first, detail, error);
}

static enum tw_status compare_photos(struct job *job, struct tw_error *error)
{
    struct tw_near_pair *pairs = NULL;
    size_t count = 0;
    for (size_t i = 0; i < job->count; i++)
        job->looks[i] = job->sights[i].is_seen ? &job->sights[i].look : NULL;
    enum tw_status status = tw_near_find(job->looks, job->count, &tw_near_options_default, &pairs, &count, error);
    for (size_t i = 0; i < count && !status; i++)
        status = judge_pair(job, &pairs[i], error);
    tw_free(pairs);
    return status;
}

static enum tw_status judge_classes(struct tw_check_result *result, struct tw_error *error)
{
    const struct tw_labels *labels = &result->photos.labels;
    size_t least = 0, most = 0;
    char detail[1200];
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < labels->count && !status; i++) {
        size_t count = result->class_counts[i];
        least = count < result->class_counts[least] ? i : least;
        most = count > result->class_counts[most] ? i : most;
        snprintf(detail, sizeof detail, "%s: %zu photo%s", labels->names[i], count, count == 1 ? "" : "s");
        if (count < SMALL_CLASS)
            status = add(result, TW_FINDING_SMALL_CLASS, SIZE_MAX, SIZE_MAX, detail, error);
    }
    if (status || labels->count == 0 || result->class_counts[most] <= UNBALANCED_TIMES * result->class_counts[least])
        return status;
    snprintf(detail, sizeof detail, "%.500s: %zu photos, %.500s: %zu", labels->names[most], result->class_counts[most],
             labels->names[least], result->class_counts[least]);
    return add(result, TW_FINDING_UNBALANCED, SIZE_MAX, SIZE_MAX, detail, error);
}

static int compare_findings(const void *a, const void *b)
{
    const struct tw_finding *left = a, *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->item != right->item)
        return left->item < right->item ? -1 : 1;
    return left->detail && right->detail ? strcmp(left->detail, right->detail) : 0;
}

static enum tw_status list(const struct tw_check_options *options, struct tw_check_result *result,
                           struct tw_error *error)
{
    const struct tw_task_options *task = &options->task;
    enum tw_status status =
        tw_photos_list(options->inputs, options->input_count, options->labels_uri, task, &result->photos, error);
    if (status || options->eval_input_count == 0)
        return status;
    const struct tw_list_options eval = {
        .known_labels = &result->photos.labels, .corrections_uri = task->corrections, .sink = task->sink};
    status = tw_dataset_list(options->eval_inputs, options->eval_input_count, &eval, &result->eval_photos, error);
    return status ? status
                  : tw_dataset_hash(&result->eval_photos, task->threads, task->limits.max_bytes, task->sink, error);
}

static enum tw_status look(struct job *job, struct tw_error *error)
{
    struct tw_check_result *result = job->result;
    job->count = result->photos.count + result->eval_photos.count;
    job->progress = (struct tw_progress){.stage = "check", .unit = "photos", .total = job->count};
    job->sights = tw_alloc(job->count, sizeof *job->sights);
    job->looks = tw_alloc(job->count, sizeof *job->looks);
    result->class_counts = tw_alloc(result->photos.labels.count + 1, sizeof *result->class_counts);
    if (!job->sights || !job->looks || !result->class_counts)
        return tw_fail_memory(error, job->count * sizeof *job->sights, "looking at photos");
    enum tw_status status = tw_parallel_for(job->options->task.threads, job->count, see_one, job, error);
    for (size_t i = 0; i < job->count && !status; i++)
        status = judge_photo(job, i, error);
    if (!status)
        status = compare_photos(job, error);
    if (!status)
        status = judge_classes(result, error);
    return status;
}

static enum tw_status check_photos(const struct tw_check_options *options, struct tw_check_result *result,
                                   struct tw_error *error)
{
    struct job job = {.options = options, .result = result, .lock = PTHREAD_MUTEX_INITIALIZER};
    enum tw_status status = list(options, result, error);
    if (!status)
        status = look(&job, error);
    if (!status && options->wants_suspects)
        status = tw_check_labels(options, result, error);
    tw_free(job.sights);
    tw_free(job.looks);
    pthread_mutex_destroy(&job.lock);
    return status;
}

enum tw_status tw_check(const struct tw_check_options *options, struct tw_check_result *result, struct tw_error *error)
{
    struct tw_check_result made = {0};
    struct tw_input input = {0};
    enum tw_status status = tw_input_classify(options->inputs, options->input_count, &input, error);
    if (!status)
        status =
            input.has_records ? tw_check_records(options, &input, &made, error) : check_photos(options, &made, error);
    if (!status && made.finding_count)
        qsort(made.findings, made.finding_count, sizeof *made.findings, compare_findings);
    tw_input_release(&input);
    if (status) {
        tw_check_result_release(&made);
        return status;
    }
    *result = made;
    return TW_OK;
}

void tw_check_result_release(struct tw_check_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++)
        tw_free(result->findings[i].detail);
    tw_free(result->findings);
    tw_free(result->class_counts);
    tw_free(result->doubts);
    tw_dataset_release(&result->photos);
    tw_dataset_release(&result->eval_photos);
    *result = (struct tw_check_result){0};
}
