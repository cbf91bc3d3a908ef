#include "train/design.h"

#include "base/memory.h"
#include "train/multiply.h"

#include <math.h>
#include <string.h>

enum { STRIP = 512 };
/* Added to the Gram matrix's diagonal, in parts of its mean: equal rows make it singular. */
static const float jitter = 1e-5f;

static const struct {
    const char *name;
    bool has_sqrt, has_unit;
} maps[TW_MAPS] = {
    [TW_MAP_PLAIN] = {"embeddings", false, false},
    [TW_MAP_SQRT] = {"square roots", true, false},
    [TW_MAP_UNIT] = {"unit vectors", false, true},
    [TW_MAP_SQRT_UNIT] = {"unit square roots", true, true},
};

const char *tw_map_name(enum tw_map map)
{
    return maps[map].name;
}

enum tw_status tw_map_to_branch(enum tw_map map, size_t width, struct tw_branch *branch, struct tw_error *error)
{
    if ((maps[map].has_sqrt && tw_branch_add(branch, TW_STAGE_SQRT, width, width) == NULL) ||
        (maps[map].has_unit && tw_branch_add(branch, TW_STAGE_UNIT, width, width) == NULL))
        return tw_fail_memory(error, 1, "the head");
    return TW_OK;
}

enum tw_status tw_map_row(enum tw_map map, const float *from, size_t width, float *scratch, float *to,
                          struct tw_error *error)
{
    const struct tw_stage root = {.kind = TW_STAGE_SQRT, .inputs = width, .outputs = width};
    const struct tw_stage unit = {.kind = TW_STAGE_UNIT, .inputs = width, .outputs = width};
    float *rooted = maps[map].has_unit ? scratch : to;
    enum tw_status status = TW_OK;
    if (maps[map].has_sqrt)
        status = tw_stage_forward(&root, from, 1, rooted, 1, error);
    else
        memcpy(rooted, from, width * sizeof *to);
    return status == TW_OK && maps[map].has_unit ? tw_stage_forward(&unit, scratch, 1, to, 1, error) : status;
}

static enum tw_status map_features(struct tw_design *d, const float *embeddings, struct tw_error *error)
{
    float *scratch = tw_alloc(d->width, sizeof *scratch);
    enum tw_status status = scratch != NULL ? TW_OK : tw_fail_memory(error, d->width * sizeof *scratch, "a row");
    for (size_t i = 0; i < d->count && status == TW_OK; i++)
        status = tw_map_row(d->map, embeddings + i * d->width, d->width, scratch, d->features + i * d->width, error);
    tw_free(scratch);
    return status;
}

static enum tw_status centre(struct tw_design *d, struct tw_error *error)
{
    double *sums = tw_alloc(d->width, sizeof *sums), square = 0;
    if (sums == NULL)
        return tw_fail_memory(error, d->width * sizeof *sums, "the mean");
    for (size_t i = 0; i < d->count; i++) {
        for (size_t j = 0; j < d->width; j++)
            sums[j] += (double)d->features[i * d->width + j];
    }
    for (size_t j = 0; j < d->width; j++)
        d->center[j] = (float)(sums[j] / (double)d->count);
    tw_free(sums);
    for (size_t i = 0; i < d->count; i++) {
        float *row = d->features + i * d->width;
        for (size_t j = 0; j < d->width; j++) {
            row[j] -= d->center[j];
            square += (double)row[j] * (double)row[j];
        }
    }
    d->spread = square / (double)d->count;
    return TW_OK;
}

/* Lower half of a * at, in strips of rows, and its mirror image. */
static enum tw_status self_product(const float *a, size_t rows, size_t width, int threads, float *out,
                                   struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < rows && status == TW_OK; i += STRIP) {
        size_t size = rows - i < STRIP ? rows - i : STRIP;
        const struct tw_gemm product = {.transposes_b = true,
                                        .m = (int64_t)size,
                                        .n = (int64_t)(i + size),
                                        .k = (int64_t)width,
                                        .alpha = 1,
                                        .a = a + i * width,
                                        .lda = (int64_t)width,
                                        .b = a,
                                        .ldb = (int64_t)width,
                                        .c = out + i * rows,
                                        .ldc = (int64_t)rows};
        status = tw_gemm_run(&product, threads, error);
    }
    for (size_t i = 0; i < rows && status == TW_OK; i++) {
        for (size_t j = 0; j < i; j++)
            out[j * rows + i] = out[i * rows + j];
    }
    return status;
}

static enum tw_status reduce(struct tw_design *d, struct tw_error *error)
{
    d->reduced = tw_alloc(d->count * d->count, sizeof *d->reduced);
    if (d->reduced == NULL)
        return tw_fail_memory(error, d->count * d->count * sizeof *d->reduced, "the Gram matrix");
    enum tw_status status = self_product(d->features, d->count, d->width, d->threads, d->reduced, error);
    for (size_t i = 0; i < d->count && status == TW_OK; i++)
        d->reduced[i * d->count + i] += jitter * (float)d->spread;
    return status == TW_OK ? tw_cholesky_factor(d->reduced, d->count, d->threads, &d->reduction, error) : status;
}

enum tw_status tw_design_init(struct tw_design *design, const struct tw_examples *examples, enum tw_map map,
                              int threads, struct tw_error *error)
{
    struct tw_design d = {.map = map, .threads = threads, .count = examples->count, .width = examples->width};
    d.rank = d.count < d.width ? d.count : d.width;
    d.features = tw_alloc(d.count * d.width, sizeof *d.features);
    d.center = tw_alloc(d.width, sizeof *d.center);
    enum tw_status status = d.features != NULL && d.center != NULL
                                ? map_features(&d, examples->embeddings, error)
                                : tw_fail_memory(error, d.count * d.width * sizeof *d.features, "the embeddings");
    if (status == TW_OK)
        status = centre(&d, error);
    if (status == TW_OK && d.rank < d.width && d.spread > 0)
        status = reduce(&d, error);
    if (status != TW_OK) {
        tw_design_release(&d);
        return status;
    }
    *design = d;
    return TW_OK;
}

void tw_design_release(struct tw_design *design)
{
    tw_free(design->features);
    tw_free(design->center);
    tw_free(design->reduced);
    tw_free(design->scatter);
    tw_free(design->distances);
    tw_cholesky_release(&design->reduction);
    *design = (struct tw_design){0};
}

const float *tw_design_basis(const struct tw_design *design)
{
    return design->reduced != NULL ? design->reduced : design->features;
}

enum tw_status tw_design_scatter(struct tw_design *design, const float **scatter, struct tw_error *error)
{
    const float *basis = tw_design_basis(design);
    size_t rank = design->rank;
    enum tw_status status = TW_OK;
    if (design->scatter == NULL) {
        design->scatter = tw_alloc(rank * rank, sizeof *design->scatter);
        status = design->scatter != NULL ? tw_multiply_transposed(basis, basis, rank, rank, design->count,
                                                                  design->scatter, design->threads, error)
                                         : tw_fail_memory(error, rank * rank * sizeof(float), "the scatter matrix");
    }
    *scatter = design->scatter;
    return status;
}

static enum tw_status compute_distances(struct tw_design *design, struct tw_error *error)
{
    size_t n = design->count;
    float *out = design->distances, *squares = tw_alloc(n, sizeof *squares);
    if (squares == NULL)
        return tw_fail_memory(error, n * sizeof *squares, "distances");
    enum tw_status status = self_product(design->features, n, design->width, design->threads, out, error);
    for (size_t i = 0; i < n; i++)
        squares[i] = out[i * n + i];
    for (size_t i = 0; i < n && status == TW_OK; i++) {
        for (size_t j = 0; j < n; j++) {
            float distance = squares[i] + squares[j] - 2 * out[i * n + j];
            out[i * n + j] = i != j && distance > 0 ? distance : 0;
        }
    }
    tw_free(squares);
    return status;
}

enum tw_status tw_design_distances(struct tw_design *design, const float **distances, struct tw_error *error)
{
    size_t n = design->count;
    enum tw_status status = TW_OK;
    if (design->distances == NULL) {
        design->distances = tw_alloc(n * n, sizeof *design->distances);
        status = design->distances != NULL ? compute_distances(design, error)
                                           : tw_fail_memory(error, n * n * sizeof(float), "distances");
    }
    *distances = design->distances;
    return status;
}

enum tw_status tw_design_unfold(const struct tw_design *design, const float *weights, size_t columns, float *out,
                                struct tw_error *error)
{
    if (design->reduced == NULL) {
        memcpy(out, weights, design->rank * columns * sizeof *out);
        return TW_OK;
    }
    float *rows = tw_alloc(design->rank * columns, sizeof *rows);
    if (rows == NULL)
        return tw_fail_memory(error, design->rank * columns * sizeof *rows, "the head");
    memcpy(rows, weights, design->rank * columns * sizeof *rows);
    enum tw_status status = tw_cholesky_solve_upper(&design->reduction, rows, columns, error);
    if (status == TW_OK)
        status = tw_multiply_transposed(design->features, rows, design->width, columns, design->count, out,
                                        design->threads, error);
    tw_free(rows);
    return status;
}
