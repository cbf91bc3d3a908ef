/* Own products of integers: every kind of vector unit gives the numbers that plain loops give. */
#include "engine/narrow/whole.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 1 << 14 };

/* Those that this CPU can run. */
static const struct whole_kernels *kind_at(int kind)
{
#ifdef __x86_64__
    bool has_vnni = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (kind == 1 && __builtin_cpu_supports("avx2"))
        return &whole_avx2;
    if (kind == 2 && has_vnni)
        return &whole_vnni;
#endif
    (void)kind;
    return &whole_portable;
}

static void fill(uint8_t *bytes, size_t count)
{
    struct tw_random random = {.seed = 4, .stream = count};
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(tw_random_unit(&random) * 256);
    memset(bytes, 255, count / 4); /* what is cut off where sums are of 16 bits */
}

static void fill_weights(int16_t *weights, size_t count)
{
    struct tw_random random = {.seed = 6, .stream = count};
    for (size_t i = 0; i < count; i++)
        weights[i] = (int16_t)((int)(tw_random_unit(&random) * 256) - 117);
    weights[0] = 138;
}

static void expect_product(const struct whole_kernels *kernels, size_t rows, size_t depth, size_t columns, uint8_t turn)
{
    static uint8_t x[MOST];
    static int16_t weights[MOST];
    size_t unit = (size_t)kernels->depth_unit, padded = (depth + unit - 1) / unit * unit;
    size_t blocks = (columns + WHOLE_COLUMNS - 1) / WHOLE_COLUMNS;
    int16_t shift = kernels->is_narrow ? 11 : 0;
    fill(x, rows * padded);
    fill_weights(weights, columns * depth);
    void *packed = tw_alloc_aligned(whole_packed_bytes(kernels, depth, columns));
    void *turned = tw_alloc_aligned(2 * WHOLE_ROWS * padded);
    int32_t *sums = tw_alloc_aligned(WHOLE_ROWS * blocks * WHOLE_COLUMNS * sizeof *sums);
    assert_true(packed != NULL && turned != NULL && sums != NULL);
    whole_pack(kernels, weights, depth, columns, shift, packed);
    const struct whole_rows all = {x, padded, rows, turn};
    kernels->multiply(&all, packed, padded, blocks, turned, sums);
    for (size_t r = 0; r < rows; r++) {
        int32_t row = kernels->row_sum(x + r * padded, depth, turn), should_row = 0;
        for (size_t n = 0; n < columns; n++) {
            int32_t should = 0;
            should_row = 0;
            for (size_t k = 0; k < depth; k++) {
                should += (int32_t)(x[r * padded + k] ^ turn) * weights[n * depth + k];
                should_row += x[r * padded + k] ^ turn;
            }
            assert_int_equal(sums[r * blocks * WHOLE_COLUMNS + n] + shift * row, should);
        }
        assert_int_equal(row, should_row);
    }
    tw_free(packed);
    tw_free(turned);
    tw_free(sums);
}

static void products_are_exact_for_every_size(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        for (size_t rows = 1; rows <= WHOLE_ROWS; rows++) {
            expect_product(kind_at(kind), rows, 27, 100, 0);
            expect_product(kind_at(kind), rows, 64, 17, 0x80);
            expect_product(kind_at(kind), rows, 1, 1, 0x80);
            expect_product(kind_at(kind), rows, 130, 48, 0);
        }
    }
}

static void channels_by_themselves_are_exact(void **state)
{
    static uint8_t x[10 * 91];
    static int16_t weights[5 * 91 * 2];
    int32_t sums[91];
    (void)state;
    fill(x, sizeof x);
    fill_weights(weights, sizeof weights / sizeof *weights);
    for (int kind = 0; kind < 3; kind++) {
        struct whole_taps taps = {.count = 10, .weights = weights, .channels = 91, .turn = kind ? 0x80 : 0};
        for (int t = 0; t < 10; t++)
            taps.taps[t] = x + t * 91;
        kind_at(kind)->convolve(&taps, sums);
        for (size_t c = 0; c < 91; c++) {
            int32_t should = 0;
            for (size_t t = 0; t < 10; t++)
                should += (int32_t)(x[t * 91 + c] ^ taps.turn) * weights[(t / 2 * 91 + c) * 2 + t % 2];
            assert_int_equal(sums[c], should);
        }
    }
}

static void sums_are_bounded_and_rounded_alike(void **state)
{
    enum { COLUMNS = 37, ROWS = 3, STEP = 48 };
    int32_t sums[ROWS * STEP], offsets[STEP], more[ROWS] = {0, -7, 12};
    float scales[STEP], rests[STEP];
    struct tw_random random = {.seed = 8};
    (void)state;
    for (size_t i = 0; i < ROWS * STEP; i++)
        sums[i] = (int32_t)((tw_random_unit(&random) - 0.5) * 4000);
    for (size_t i = 0; i < STEP; i++) {
        offsets[i] = (int32_t)i * 3;
        rests[i] = i % 5 == 2 ? 0.25F : 0;
        scales[i] = i % 2 ? 0.5F : 0.037F; /* halves are ties */
    }
    for (int form = 0; form < 3; form++) {
        uint8_t results[3][ROWS * COLUMNS * sizeof(float)] = {{0}};
        const struct whole_finish finish = {.offsets = offsets,
                                            .rests = rests,
                                            .scales = scales,
                                            .least = form == 1 ? 0 : -INFINITY,
                                            .most = form == 1 ? 60.3F : INFINITY,
                                            .rounds = form > 0,
                                            .zero = form == 2 ? -5 : 9,
                                            .low = form == 2 ? -128 : 0,
                                            .high = form == 2 ? 127 : 255};
        size_t each = form ? 1 : sizeof(float);
        for (int kind = 0; kind < 3; kind++) {
            const struct whole_sums all = {sums, STEP, ROWS, COLUMNS, more, results[kind], COLUMNS * each};
            kind_at(kind)->finish(&finish, &all);
            assert_memory_equal(results[kind], results[0], ROWS * COLUMNS * each);
        }
        double exact = (double)(sums[1] + offsets[1]) * 0.5;
        if (form == 2)
            assert_int_equal((int8_t)results[0][1], (int)fmin(fmax(nearbyint(exact) - 5, -128), 127));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_exact_for_every_size),
        cmocka_unit_test(channels_by_themselves_are_exact),
        cmocka_unit_test(sums_are_bounded_and_rounded_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
