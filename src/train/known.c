#include "train/known.h"

#include "base/memory.h"
#include "engine/gemm.h"

#include <math.h>
#include <stdlib.h>

static const double strangest_share = 0.04;
static const float least_length = 1e-12f;
enum { MEANS_SAMPLE = 1000 };

static float length_of(const float *row, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)row[i] * (double)row[i];
    return fmaxf((float)sqrt(sum), least_length);
}

/* By its first label; -1: none. */
static int64_t class_of(const struct tw_examples *examples, size_t row)
{
    size_t first = examples->label_starts[row];
    return first < examples->label_starts[row + 1] ? examples->labels[first] : -1;
}

/* Rows to keep, in their order, evenly spread over each class. */
static enum tw_status choose_rows(const struct tw_examples *examples, size_t class_count, size_t share, size_t *rows,
                                  size_t *count, struct tw_error *error)
{
    size_t *totals = tw_alloc(2 * class_count, sizeof *totals);
    if (totals == NULL)
        return tw_fail_memory(error, 2 * class_count * sizeof *totals, "the detector of unknown photos");
    size_t *seen = totals + class_count;
    for (size_t row = 0; row < examples->count; row++) {
        if (class_of(examples, row) >= 0)
            totals[class_of(examples, row)]++;
    }
    for (size_t row = 0; row < examples->count; row++) {
        int64_t class = class_of(examples, row);
        if (class < 0)
            continue;
        size_t total = totals[class], kept = total < share ? total : share, place = seen[class]++;
        if ((place + 1) * kept / total > place * kept / total)
            rows[(*count)++] = row;
    }
    tw_free(totals);
    return TW_OK;
}

static int compare(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

/* Each support row's cosine to the nearest other one. */
static enum tw_status find_threshold(struct tw_known *known, int threads, struct tw_error *error)
{
    size_t count = known->support_count;
    int64_t n = (int64_t)count;
    float *products = tw_alloc(count * count + count, sizeof *products), *nearest = products + count * count;
    if (products == NULL)
        return tw_fail_memory(error, count * count * sizeof *products, "the detector of unknown photos");
    const struct tw_gemm gemm = {.transposes_a = true,
                                 .m = n,
                                 .n = n,
                                 .k = (int64_t)known->width,
                                 .alpha = 1,
                                 .a = known->support,
                                 .lda = n,
                                 .b = known->support,
                                 .ldb = n,
                                 .c = products,
                                 .ldc = n};
    enum tw_status status = tw_gemm_run(&gemm, threads, error);
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        nearest[i] = -1;
        for (size_t j = 0; j < count; j++)
            nearest[i] = i != j ? fmaxf(nearest[i], products[i * count + j]) : nearest[i];
    }
    qsort(nearest, count, sizeof *nearest, compare);
    known->threshold = nearest[(size_t)(strangest_share * (double)count)];
    tw_free(products);
    return status;
}

/* Each class's mean as a column of length 1; `sums` is classes x width. A class without rows is a column of 0. */
static void fill_means(const float *sums, size_t class_count, struct tw_known *known)
{
    for (size_t c = 0; c < class_count; c++) {
        float length = length_of(sums + c * known->width, known->width);
        for (size_t i = 0; i < known->width; i++)
            known->support[i * class_count + c] = sums[c * known->width + i] / length;
    }
}

/* A row's likeness, its own class's mean taken without it. */
static float likeness_without(const struct tw_known *known, const float *unit, const float *sum, size_t class)
{
    float best = -1, rest_length = 0, product = 0;
    for (size_t c = 0; c < known->support_count; c++) {
        float other = 0;
        for (size_t i = 0; i < known->width && c != class; i++)
            other += unit[i] * known->support[i * known->support_count + c];
        best = c != class ? fmaxf(best, other) : best;
    }
    for (size_t i = 0; i < known->width; i++) {
        float rest = sum[i] - unit[i];
        rest_length += rest * rest;
        product += rest * unit[i];
    }
    return fmaxf(best, product / fmaxf(sqrtf(rest_length), least_length));
}

/* Where rows of all classes would be too many: the classes' means. */
static enum tw_status fit_means(const struct tw_examples *examples, size_t class_count, struct tw_known *known,
                                struct tw_error *error)
{
    size_t width = examples->width, wanted = examples->count < MEANS_SAMPLE ? examples->count : MEANS_SAMPLE, taken = 0;
    float *sums = tw_alloc(class_count * width, sizeof *sums), *unit = tw_alloc(width, sizeof *unit);
    float *likeness = tw_alloc(wanted + 1, sizeof *likeness);
    known->support = tw_alloc(width * class_count, sizeof *known->support);
    enum tw_status status = TW_OK;
    if (sums == NULL || unit == NULL || likeness == NULL || known->support == NULL)
        status = tw_fail_memory(error, 2 * class_count * width * sizeof *sums, "the detector of unknown photos");
    for (size_t row = 0; row < examples->count && status == TW_OK; row++) {
        int64_t class = class_of(examples, row);
        const float *from = examples->embeddings + row * width;
        float length = class >= 0 ? length_of(from, width) : 1;
        for (size_t i = 0; i < width && class >= 0; i++)
            sums[(size_t) class * width + i] += from[i] / length;
    }
    if (status == TW_OK) {
        known->support_count = class_count;
        fill_means(sums, class_count, known);
    }
    for (size_t k = 0; k < wanted && status == TW_OK; k++) {
        size_t row = k * examples->count / wanted;
        int64_t class = class_of(examples, row);
        const float *from = examples->embeddings + row * width;
        float length = length_of(from, width);
        for (size_t i = 0; i < width; i++)
            unit[i] = from[i] / length;
        if (class >= 0)
            likeness[taken++] = likeness_without(known, unit, sums + (size_t) class * width, (size_t) class);
    }
    if (status == TW_OK && taken > 1) {
        qsort(likeness, taken, sizeof *likeness, compare);
        known->threshold = likeness[(size_t)(strangest_share * (double)taken)];
    }
    tw_free(sums);
    tw_free(unit);
    tw_free(likeness);
    if (status != TW_OK || taken < 2)
        tw_known_release(known);
    return status;
}

enum tw_status tw_known_fit(const struct tw_examples *examples, size_t class_count, int threads, struct tw_known *known,
                            struct tw_error *error)
{
    size_t share = TW_LEAST_SUPPORT / class_count, count = 0;
    share = share > TW_SUPPORT_OF_CLASS ? share : TW_SUPPORT_OF_CLASS;
    struct tw_known made = {.width = examples->width};
    if (share * class_count > TW_MOST_SUPPORT && class_count > (size_t)TW_MOST_MEAN_VALUES / examples->width)
        return TW_OK;
    if (share * class_count > TW_MOST_SUPPORT) {
        enum tw_status fitted = fit_means(examples, class_count, &made, error);
        *known = made;
        return fitted;
    }
    size_t *rows = tw_alloc(examples->count, sizeof *rows);
    if (rows == NULL)
        return tw_fail_memory(error, examples->count * sizeof *rows, "the detector of unknown photos");
    enum tw_status status = choose_rows(examples, class_count, share, rows, &count, error);
    if (status == TW_OK && count > 1 && (made.support = tw_alloc(made.width * count, sizeof *made.support)) == NULL)
        status = tw_fail_memory(error, made.width * count * sizeof *made.support, "the detector of unknown photos");
    if (status == TW_OK && count > 1) {
        made.support_count = count;
        for (size_t j = 0; j < count; j++) {
            const float *row = examples->embeddings + rows[j] * made.width;
            float length = length_of(row, made.width);
            for (size_t i = 0; i < made.width; i++)
                made.support[i * count + j] = row[i] / length;
        }
        status = find_threshold(&made, threads, error);
    }
    tw_free(rows);
    if (status == TW_OK)
        *known = made;
    else
        tw_known_release(&made);
    return status;
}

float tw_known_score(const struct tw_known *known, const float *embedding)
{
    double best = -1, length = (double)length_of(embedding, known->width);
    for (size_t j = 0; j < known->support_count; j++) {
        double product = 0;
        for (size_t i = 0; i < known->width; i++)
            product += (double)embedding[i] * (double)known->support[i * known->support_count + j];
        best = fmax(best, product / length);
    }
    return (float)best;
}

static struct tw_node *add_node(struct tw_graph *graph, enum tw_op op, const char *name, const int *inputs, int count,
                                int64_t width, int *output)
{
    const struct tw_shape shape = {2, {TW_UNKNOWN, width}};
    *output = tw_graph_add_value(graph, name, TW_F32, &shape);
    return *output >= 0 ? tw_graph_add_node(graph, op, name, inputs, count, output, 1) : NULL;
}

static enum tw_status add_reduction(struct tw_graph *graph, enum tw_op op, const char *name, int input, int *output,
                                    struct tw_error *error)
{
    static const int64_t axis = 1;
    struct tw_node *node = add_node(graph, op, name, &input, 1, 1, output);
    if (node == NULL)
        return tw_fail_memory(error, 1, "the detector's graph");
    enum tw_status status = tw_node_set_ints(graph, node, "axes", &axis, 1, error);
    return status == TW_OK ? tw_node_set_int(graph, node, "keepdims", 1, error) : status;
}

enum tw_status tw_known_to_graph(const struct tw_known *known, struct tw_graph *graph, int embedding_id,
                                 struct tw_error *error)
{
    const struct tw_shape of_support = {2, {(int64_t)known->width, (int64_t)known->support_count}}, of_one = {1, {1}};
    int products, best, length, floored, result, outputs[16];
    if (tw_graph_find_value(graph, "known") >= 0)
        return tw_fail(error, TW_CONFLICT, "the backbone has a value named known already");
    if (graph->output_count + 1 > sizeof outputs / sizeof *outputs)
        return tw_fail(error, TW_LIMIT, "the backbone has %zu outputs, too many to add one", graph->output_count);
    int support = tw_graph_add_constant(graph, "known_support", TW_F32, &of_support, known->support, true);
    int least = tw_graph_add_constant(graph, "known_least", TW_F32, &of_one, &least_length, true);
    if (support < 0 || least < 0 ||
        add_node(graph, TW_OP_MATMUL, "known_products", (int[]){embedding_id, support}, 2,
                 (int64_t)known->support_count, &products) == NULL)
        return tw_fail_memory(error, 1, "the detector's graph");
    enum tw_status status = add_reduction(graph, TW_OP_REDUCE_MAX, "known_best", products, &best, error);
    if (status == TW_OK)
        status = add_reduction(graph, TW_OP_REDUCE_L2, "known_length", embedding_id, &length, error);
    if (status != TW_OK)
        return status;
    if (add_node(graph, TW_OP_MAX, "known_floored", (int[]){length, least}, 2, 1, &floored) == NULL ||
        add_node(graph, TW_OP_DIV, "known", (int[]){best, floored}, 2, 1, &result) == NULL)
        return tw_fail_memory(error, 1, "the detector's graph");
    for (size_t i = 0; i < graph->output_count; i++)
        outputs[i] = graph->outputs[i];
    outputs[graph->output_count] = result;
    return tw_graph_set_outputs(graph, outputs, graph->output_count + 1)
               ? TW_OK
               : tw_fail_memory(error, 1, "the detector's graph");
}

void tw_known_release(struct tw_known *known)
{
    tw_free(known->support);
    *known = (struct tw_known){0};
}
