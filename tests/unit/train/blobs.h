/* Made-up embeddings: a cloud of rows around each class's own point. */
#ifndef TESTS_TRAIN_BLOBS_H
#define TESTS_TRAIN_BLOBS_H

#include "base/memory.h"
#include "base/random.h"
#include "train/examples.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct blobs {
    struct tw_examples examples;
    float *embeddings;
    int64_t *labels;
    size_t *starts;
    char **keys;
};

/* `per_class` rows of each of `classes` classes, classes taking turns; values are `spread` wide about 2 where the class has
 * its mark, about 1 elsewhere; below 0 only where `is_signed`. */
static inline struct blobs blobs_make(size_t classes, size_t per_class, size_t width, double spread, bool is_signed)
{
    struct tw_random random = {.seed = 5, .stream = classes * 1000 + width};
    struct blobs b = {0};
    size_t count = classes * per_class;
    b.embeddings = tw_alloc(count * width, sizeof(float));
    b.labels = tw_alloc(count, sizeof(int64_t));
    b.starts = tw_alloc(count + 1, sizeof(size_t));
    b.keys = tw_alloc(count, sizeof(char *));
    for (size_t row = 0; row < count; row++) {
        b.labels[row] = (int64_t)(row % classes);
        b.starts[row + 1] = row + 1;
        b.keys[row] = tw_format("photo-%04zu", row);
        for (size_t i = 0; i < width; i++) {
            double value = (i % classes == row % classes ? 2 : 1) + spread * tw_random_normal(&random);
            b.embeddings[row * width + i] = (float)(is_signed ? value - 1.5 : fabs(value));
        }
    }
    b.examples = (struct tw_examples){.embeddings = b.embeddings,
                                      .count = count,
                                      .width = width,
                                      .keys = (const char *const *)b.keys,
                                      .labels = b.labels,
                                      .label_starts = b.starts};
    return b;
}

static inline void blobs_release(struct blobs *b)
{
    for (size_t i = 0; b->keys != NULL && i < b->examples.count; i++)
        tw_free(b->keys[i]);
    tw_free(b->keys);
    tw_free(b->embeddings);
    tw_free(b->labels);
    tw_free(b->starts);
}

#endif
