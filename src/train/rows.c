#include "train/rows.h"

#include "base/memory.h"
#include "base/threads.h"
#include "engine/gemm.h"

#include <math.h>
#include <string.h>

enum { ROWS_AT_ONCE = 64, STRIP = 512 };

struct loading {
    const struct tw_rows *rows;
    const size_t *which;
    size_t first, count;
    float *out;
};

static enum tw_status load_some(void *context, size_t index, int worker, struct tw_error *error)
{
    const struct loading *l = context;
    size_t width = l->rows->examples->width, from = index * ROWS_AT_ONCE, end = from + ROWS_AT_ONCE;
    float *scratch = tw_alloc(width, sizeof *scratch);
    enum tw_status status = scratch ? TW_OK : tw_fail_memory(error, width * sizeof *scratch, "a row");
    (void)worker;
    for (size_t i = from; i < l->count && i < end && status == TW_OK; i++) {
        size_t row = l->which != NULL ? l->which[l->first + i] : l->first + i;
        float *to = l->out + i * width;
        status = tw_map_row(l->rows->map, l->rows->examples->embeddings + row * width, width, scratch, to, error);
        for (size_t j = 0; l->rows->shift != NULL && j < width; j++)
            to[j] -= l->rows->shift[j];
    }
    tw_free(scratch);
    return status;
}

enum tw_status tw_rows_load(const struct tw_rows *rows, const size_t *which, size_t first, size_t count, float *out,
                            struct tw_error *error)
{
    struct loading loading = {rows, which, first, count, out};
    return tw_parallel_for(rows->threads, (count + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, load_some, &loading, error);
}

struct tw_row_classes tw_row_classes_of(const struct tw_examples *examples, size_t row, const int64_t *unlabelled_class)
{
    size_t first = examples->label_starts[row], count = examples->label_starts[row + 1] - first;
    if (count > 0)
        return (struct tw_row_classes){examples->labels + first, count};
    return (struct tw_row_classes){unlabelled_class, *unlabelled_class >= 0};
}

enum tw_status tw_statistics_init(struct tw_statistics *statistics, size_t width, size_t classes,
                                  struct tw_error *error)
{
    struct tw_statistics s = {.width = width, .classes = classes};
    s.scatter = tw_alloc(width * width, sizeof *s.scatter);
    s.sums = tw_alloc(classes * width, sizeof *s.sums);
    s.class_weights = tw_alloc(classes, sizeof *s.class_weights);
    if (s.scatter == NULL || s.sums == NULL || s.class_weights == NULL) {
        tw_statistics_release(&s);
        return tw_fail_memory(error, (width + classes) * width * sizeof *s.scatter, "a covariance");
    }
    *statistics = s;
    return TW_OK;
}

void tw_statistics_release(struct tw_statistics *statistics)
{
    tw_free(statistics->scatter);
    tw_free(statistics->sums);
    tw_free(statistics->class_weights);
    *statistics = (struct tw_statistics){0};
}

static void add_row(struct tw_statistics *s, const struct tw_block *block, size_t index)
{
    size_t row = block->which != NULL ? block->which[block->first + index] : block->first + index;
    const struct tw_row_classes classes = tw_row_classes_of(block->examples, row, &block->unlabelled_class);
    float *values = block->values + index * s->width;
    if (classes.count == 0 || (block->is_left_out != NULL && block->is_left_out[row])) {
        for (size_t i = 0; i < s->width; i++)
            values[i] = 0;
        return;
    }
    float share = 1 / (float)classes.count;
    s->count += 1;
    for (size_t c = 0; c < classes.count; c++) {
        float *sums = s->sums + (size_t)classes.classes[c] * s->width;
        s->class_weights[classes.classes[c]] += (double)share;
        for (size_t i = 0; i < s->width; i++)
            sums[i] += share * values[i];
    }
}

/* scatter += sign * values transposed * values, on and below the diagonal. */
static enum tw_status add_products(float sign, const float *values, size_t count, size_t width, float *scatter,
                                   int threads, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < width && status == TW_OK && count > 0; i += STRIP) {
        size_t size = width - i < STRIP ? width - i : STRIP;
        const struct tw_gemm product = {.transposes_a = true,
                                        .m = (int64_t)size,
                                        .n = (int64_t)(i + size),
                                        .k = (int64_t)count,
                                        .alpha = sign,
                                        .a = values + i,
                                        .lda = (int64_t)width,
                                        .b = values,
                                        .ldb = (int64_t)width,
                                        .beta = 1,
                                        .c = scatter + i * width,
                                        .ldc = (int64_t)width};
        status = tw_gemm_run(&product, threads, error);
    }
    return status;
}

enum tw_status tw_statistics_add(struct tw_statistics *statistics, const struct tw_block *block, struct tw_error *error)
{
    for (size_t i = 0; i < block->count; i++)
        add_row(statistics, block, i);
    return add_products(1, block->values, block->count, statistics->width, statistics->scatter, block->threads, error);
}

/* within = (scatter - sum of weight * mean * mean transposed) / count. */
enum tw_status tw_statistics_to_lda(const struct tw_statistics *s, struct tw_lda *lda, struct tw_error *error)
{
    size_t width = s->width;
    float *rooted = tw_alloc(s->classes * width, sizeof *rooted);
    if (rooted == NULL)
        return tw_fail_memory(error, s->classes * width * sizeof *rooted, "a covariance");
    lda->total = s->count;
    for (size_t c = 0; c < s->classes; c++) {
        double weight = lda->class_weights[c] = s->class_weights[c], root = sqrt(weight);
        for (size_t i = 0; i < width; i++) {
            double mean = weight > 0 ? (double)s->sums[c * width + i] / weight : 0;
            lda->means[c * width + i] = (float)mean;
            rooted[c * width + i] = (float)(root * mean);
        }
    }
    memcpy(lda->within, s->scatter, width * width * sizeof *lda->within);
    enum tw_status status = add_products(-1, rooted, s->classes, width, lda->within, lda->threads, error);
    for (size_t i = 0; i < width * width && status == TW_OK; i++)
        lda->within[i] = (float)((double)lda->within[i] / s->count);
    tw_free(rooted);
    return status;
}
