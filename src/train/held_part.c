#include "train/held_part.h"

#include "base/memory.h"
#include "base/random.h"
#include "train/folds.h"
#include "train/solver.h"

#include <string.h>

enum { PARTS = 10, MOST_READ_ROWS = 50000 };
static const uint64_t part_stream = 0x68656c64;

/* Each row's first class with weight. */
static enum tw_status find_classes(const struct tw_examples *examples, size_t class_count, int64_t unlabelled_class,
                                   size_t *classes, struct tw_error *error)
{
    float *target = tw_alloc(class_count, sizeof *target);
    if (target == NULL)
        return tw_fail_memory(error, class_count * sizeof *target, "a target");
    for (size_t row = 0; row < examples->count; row++) {
        tw_examples_target(examples, row, unlabelled_class, target, class_count);
        while (classes[row] + 1 < class_count && !(target[classes[row]] > 0))
            classes[row]++;
    }
    tw_free(target);
    return TW_OK;
}

static enum tw_status choose(const struct tw_examples *examples, const size_t *classes, uint64_t seed, uint8_t *folds,
                             struct tw_error *error)
{
    size_t fold_count = 0;
    if (examples->count <= MOST_READ_ROWS) {
        enum tw_status status = tw_folds_make(examples, classes, seed, PARTS, folds, &fold_count, error);
        if (status == TW_OK && fold_count < 2)
            memset(folds, TW_NEVER_HELD_OUT, examples->count);
        return status;
    }
    for (size_t row = 0; row < examples->count; row++)
        folds[row] = (uint8_t)(tw_random_at(seed, part_stream, row) % PARTS);
    return TW_OK;
}

static enum tw_status list(const struct tw_examples *examples, const uint8_t *folds, struct tw_held_part *part,
                           struct tw_error *error)
{
    part->rows = tw_alloc(TW_MOST_HELD, sizeof *part->rows);
    part->is_held = tw_alloc(examples->count, sizeof *part->is_held);
    if (part->rows == NULL || part->is_held == NULL)
        return tw_fail_memory(error, examples->count, "a part of the rows");
    for (size_t row = 0; row < examples->count; row++) {
        part->is_held[row] = folds[row] == 0 && part->count < TW_MOST_HELD;
        if (part->is_held[row])
            part->rows[part->count++] = row;
    }
    part->other_count = examples->count - part->count;
    return TW_OK;
}

enum tw_status tw_held_part_make(const struct tw_examples *examples, size_t class_count, int64_t unlabelled_class,
                                 uint64_t seed, struct tw_held_part *part, struct tw_error *error)
{
    struct tw_held_part made = {.classes = class_count};
    size_t *classes = tw_alloc(examples->count, sizeof *classes);
    uint8_t *folds = tw_alloc(examples->count, sizeof *folds);
    enum tw_status status = classes != NULL && folds != NULL
                                ? find_classes(examples, class_count, unlabelled_class, classes, error)
                                : tw_fail_memory(error, examples->count * sizeof *classes, "a part of the rows");
    if (status == TW_OK)
        status = choose(examples, classes, seed, folds, error);
    if (status == TW_OK)
        status = list(examples, folds, &made, error);
    if (status == TW_OK && (made.targets = tw_alloc(made.count * class_count, sizeof *made.targets)) == NULL)
        status = tw_fail_memory(error, made.count * class_count * sizeof *made.targets, "targets");
    for (size_t i = 0; i < made.count && status == TW_OK; i++)
        tw_examples_target(examples, made.rows[i], unlabelled_class, made.targets + i * class_count, class_count);
    tw_free(classes);
    tw_free(folds);
    if (status == TW_OK)
        *part = made;
    else
        tw_held_part_release(&made);
    return status;
}

void tw_held_part_release(struct tw_held_part *part)
{
    tw_free(part->rows);
    tw_free(part->is_held);
    tw_free(part->targets);
    *part = (struct tw_held_part){0};
}

float *tw_held_part_embeddings(const struct tw_held_part *part, const struct tw_examples *examples)
{
    float *values = tw_alloc(part->count * examples->width, sizeof *values);
    for (size_t i = 0; i < part->count && values != NULL; i++)
        memcpy(values + i * examples->width, examples->embeddings + part->rows[i] * examples->width,
               examples->width * sizeof *values);
    return values;
}

enum tw_status tw_held_part_calibrate(const struct tw_held_part *part, const float *log_scores,
                                      struct tw_calibration_record *record, struct tw_error *error)
{
    uint8_t *folds = tw_alloc(part->count, sizeof *folds);
    if (folds == NULL)
        return tw_fail_memory(error, part->count, "calibration");
    const struct tw_held_out held_out = {
        .targets = part->targets, .folds = folds, .count = part->count, .classes = part->classes};
    record->temperature = tw_temperature_fit(&held_out, log_scores);
    tw_reliability_held_out(&held_out, log_scores, 1, &record->before);
    tw_reliability_held_out(&held_out, log_scores, 1 / record->temperature, &record->after);
    tw_free(folds);
    return TW_OK;
}
