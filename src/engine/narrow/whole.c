#include "engine/narrow/whole.h"

#include "engine/isa.h"

#include <math.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* `count` columns of one row: a constant for whole blocks, which the compiler makes vectors of. */
INLINE void finish_block(const struct whole_finish *f, const int32_t *restrict sums, int32_t more, size_t first,
                         size_t count, uint8_t *restrict y)
{
    const int32_t *restrict offsets = f->offsets + first;
    const float *restrict rests = f->rests + first, *restrict scales = f->scales + first;
    float values[WHOLE_COLUMNS];
    for (size_t c = 0; c < count; c++) {
        float value = ((float)(sums[first + c] + offsets[c] + more) + rests[c]) * scales[c];
        value = value > f->least ? value : f->least;
        values[c] = value < f->most ? value : f->most;
    }
    if (!f->rounds) {
        memcpy(y + first * sizeof(float), values, count * sizeof(float));
        return;
    }
    float low = (float)(f->low - f->zero), high = (float)(f->high - f->zero);
    for (size_t c = 0; c < count; c++) {
        float value = nearbyintf(values[c]);
        value = value > low ? value : low;
        value = value < high ? value : high;
        y[first + c] = (uint8_t)((int32_t)value + f->zero);
    }
}

INLINE void finish_body(const struct whole_finish *f, const struct whole_sums *s)
{
    for (size_t r = 0; r < s->count; r++) {
        const int32_t *sums = s->sums + r * s->sum_step;
        size_t c = 0;
        for (; c + WHOLE_COLUMNS <= s->columns; c += WHOLE_COLUMNS)
            finish_block(f, sums, s->more[r], c, WHOLE_COLUMNS, s->y + r * s->y_step);
        if (c < s->columns)
            finish_block(f, sums, s->more[r], c, s->columns - c, s->y + r * s->y_step);
    }
}

INLINE void convolve_body(const struct whole_taps *taps, size_t first, int32_t *restrict sums)
{
    for (size_t c = first; c < taps->channels; c++) {
        int32_t sum = 0;
        for (int t = 0; t < taps->count; t++)
            sum += (int32_t)(taps->taps[t][c] ^ taps->turn) *
                   (int32_t)taps->weights[((size_t)(t / 2) * taps->channels + c) * 2 + (size_t)(t % 2)];
        sums[c] = sum;
    }
}

static void multiply_portable(const struct whole_rows *rows, const void *weights, size_t depth, size_t blocks,
                              void *turned, int32_t *sums)
{
    (void)turned;
    for (size_t r = 0; r < rows->count; r++) {
        const uint8_t *x = rows->x + r * rows->step;
        for (size_t b = 0; b < blocks; b++) {
            const int16_t *w = (const int16_t *)weights + b * depth * WHOLE_COLUMNS;
            int32_t *restrict sum = sums + (r * blocks + b) * WHOLE_COLUMNS;
            memset(sum, 0, WHOLE_COLUMNS * sizeof *sum);
            for (size_t k = 0; k < depth; k++) {
                for (size_t c = 0; c < WHOLE_COLUMNS; c++)
                    sum[c] += (int32_t)(x[k] ^ rows->turn) * w[(k / 2 * WHOLE_COLUMNS + c) * 2 + k % 2];
            }
        }
    }
}

static void convolve_portable(const struct whole_taps *taps, int32_t *sums)
{
    convolve_body(taps, 0, sums);
}

static void finish_portable(const struct whole_finish *f, const struct whole_sums *sums)
{
    finish_body(f, sums);
}

static int32_t row_sum_portable(const uint8_t *x, size_t count, uint8_t turn)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i] ^ turn;
    return sum;
}

const struct whole_kernels whole_portable = {
    .depth_unit = 2,
    .multiply = multiply_portable,
    .row_sum = row_sum_portable,
    .convolve = convolve_portable,
    .finish = finish_portable,
};

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

/* Pairs of 16 bits: products of a byte and nine bits do not overflow in 32. */
AVX2 INLINE void tile_avx2(const int16_t *x, size_t depth, const int16_t *w, int rows, int32_t *sums, size_t sum_row)
{
    __m256i acc[WHOLE_ROWS][2];
    for (int r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = _mm256_setzero_si256();
    for (size_t k = 0; k < depth; k += 2, w += 2 * WHOLE_COLUMNS) {
        __m256i a = _mm256_load_si256((const __m256i *)w), b = _mm256_load_si256((const __m256i *)w + 1);
        for (int r = 0; r < rows; r++) {
            int32_t pair;
            memcpy(&pair, x + (size_t)r * depth + k, sizeof pair);
            __m256i both = _mm256_set1_epi32(pair);
            acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(both, a));
            acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(both, b));
        }
    }
    for (int r = 0; r < rows; r++) {
        _mm256_storeu_si256((__m256i *)(sums + (size_t)r * sum_row), acc[r][0]);
        _mm256_storeu_si256((__m256i *)(sums + (size_t)r * sum_row) + 1, acc[r][1]);
    }
}

AVX2 static void multiply_avx2(const struct whole_rows *rows, const void *weights, size_t depth, size_t blocks,
                               void *turned, int32_t *sums)
{
    int16_t *restrict x = turned;
    uint8_t turn = rows->turn;
    for (size_t r = 0; r < rows->count; r++) {
        const uint8_t *restrict from = rows->x + r * rows->step;
        for (size_t k = 0; k < depth; k++)
            x[r * depth + k] = (int16_t)(from[k] ^ turn);
    }
    for (size_t b = 0; b < blocks; b++) {
        const int16_t *w = (const int16_t *)weights + b * depth * WHOLE_COLUMNS;
        int32_t *sum = sums + b * WHOLE_COLUMNS;
        size_t row = blocks * WHOLE_COLUMNS;
        if (rows->count == WHOLE_ROWS) {
            tile_avx2(x, depth, w, WHOLE_ROWS, sum, row);
            continue;
        }
        for (size_t r = 0; r < rows->count; r++)
            tile_avx2(x + r * depth, depth, w, 1, sum + r * row, row);
    }
}

AVX2 INLINE void convolve_sixteen(const struct whole_taps *taps, size_t c, int32_t *sums)
{
    const __m128i turn = _mm_set1_epi8((char)taps->turn);
    __m256i acc[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int t = 0; t < taps->count; t += 2) {
        const __m256i *w = (const __m256i *)(taps->weights + ((size_t)(t / 2) * taps->channels + c) * 2);
        __m128i a = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(taps->taps[t] + c)), turn);
        __m128i b = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(taps->taps[t + 1] + c)), turn);
        acc[0] = _mm256_add_epi32(
            acc[0], _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), _mm256_loadu_si256(w)));
        acc[1] = _mm256_add_epi32(
            acc[1], _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)), _mm256_loadu_si256(w + 1)));
    }
    _mm256_storeu_si256((__m256i *)sums, acc[0]);
    _mm256_storeu_si256((__m256i *)sums + 1, acc[1]);
}

AVX2 static void convolve_avx2(const struct whole_taps *taps, int32_t *sums)
{
    const __m256i zero = _mm256_setzero_si256(), turn = _mm256_set1_epi8((char)taps->turn);
    size_t c = 0;
    for (; c + 32 <= taps->channels; c += 32) {
        __m256i acc[4] = {zero, zero, zero, zero};
        for (int t = 0; t < taps->count; t += 2) {
            const __m256i *w = (const __m256i *)(taps->weights + ((size_t)(t / 2) * taps->channels + c) * 2);
            __m256i a = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(taps->taps[t] + c)), turn);
            __m256i b = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(taps->taps[t + 1] + c)), turn);
            /* Both taps in turn: channels 0 to 7 and 16 to 23, then those between. */
            __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
            acc[0] = _mm256_add_epi32(
                acc[0], _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(low)), _mm256_loadu_si256(w)));
            acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(high)),
                                                                _mm256_loadu_si256(w + 1)));
            acc[2] = _mm256_add_epi32(acc[2], _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(low, 1)),
                                                                _mm256_loadu_si256(w + 2)));
            acc[3] = _mm256_add_epi32(acc[3], _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(high, 1)),
                                                                _mm256_loadu_si256(w + 3)));
        }
        for (size_t i = 0; i < 4; i++)
            _mm256_storeu_si256((__m256i *)(sums + c) + i, acc[i]);
    }
    if (c + 16 <= taps->channels) {
        convolve_sixteen(taps, c, sums + c);
        c += 16;
    }
    convolve_body(taps, c, sums);
}

AVX2 static void finish_avx2(const struct whole_finish *f, const struct whole_sums *sums)
{
    finish_body(f, sums);
}

AVX2 static int32_t row_sum_avx2(const uint8_t *x, size_t count, uint8_t turn)
{
    const __m256i turns = _mm256_set1_epi8((char)turn);
    __m256i sums = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i bytes = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(x + i)), turns);
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    }
    int64_t parts[4];
    _mm256_storeu_si256((__m256i *)parts, sums);
    return (int32_t)(parts[0] + parts[1] + parts[2] + parts[3]) + row_sum_portable(x + i, count - i, turn);
}

const struct whole_kernels whole_avx2 = {
    .depth_unit = 2,
    .multiply = multiply_avx2,
    .row_sum = row_sum_avx2,
    .convolve = convolve_avx2,
    .finish = finish_avx2,
};

VNNI INLINE void tile_vnni(const uint8_t *x, size_t x_row, uint8_t turn, size_t depth, const int8_t *w, int rows,
                           int blocks, int32_t *sums, size_t sum_row)
{
    __m512i acc[WHOLE_ROWS][4];
    const __m512i turns = _mm512_set1_epi8((char)turn);
    for (int r = 0; r < rows; r++) {
        for (int b = 0; b < blocks; b++)
            acc[r][b] = _mm512_setzero_si512();
    }
    for (size_t k = 0; k < depth; k += 4) {
        __m512i weights[4];
        for (int b = 0; b < blocks; b++)
            weights[b] = _mm512_load_si512(w + (size_t)b * depth * WHOLE_COLUMNS + k * WHOLE_COLUMNS);
        for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, x + (size_t)r * x_row + k, sizeof four);
            __m512i all = _mm512_set1_epi32(four);
            if (turn)
                all = _mm512_xor_si512(all, turns);
            for (int b = 0; b < blocks; b++)
                acc[r][b] = _mm512_dpbusd_epi32(acc[r][b], all, weights[b]);
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int b = 0; b < blocks; b++)
            _mm512_storeu_si512(sums + (size_t)r * sum_row + (size_t)b * WHOLE_COLUMNS, acc[r][b]);
    }
}

VNNI INLINE void columns_vnni(const struct whole_rows *rows, uint8_t turn, const int8_t *w, size_t depth, int blocks,
                              int32_t *sums, size_t sum_row)
{
    if (rows->count == WHOLE_ROWS) {
        tile_vnni(rows->x, rows->step, turn, depth, w, WHOLE_ROWS, blocks, sums, sum_row);
        return;
    }
    for (size_t r = 0; r < rows->count; r++)
        tile_vnni(rows->x + r * rows->step, rows->step, turn, depth, w, 1, blocks, sums + r * sum_row, sum_row);
}

VNNI INLINE void all_vnni(const struct whole_rows *rows, uint8_t turn, const int8_t *w, size_t depth, size_t blocks,
                          int32_t *sums)
{
    size_t row = blocks * WHOLE_COLUMNS, b = 0;
    for (; b + 4 <= blocks; b += 4)
        columns_vnni(rows, turn, w + b * depth * WHOLE_COLUMNS, depth, 4, sums + b * WHOLE_COLUMNS, row);
    if (b + 2 <= blocks) {
        columns_vnni(rows, turn, w + b * depth * WHOLE_COLUMNS, depth, 2, sums + b * WHOLE_COLUMNS, row);
        b += 2;
    }
    if (b < blocks)
        columns_vnni(rows, turn, w + b * depth * WHOLE_COLUMNS, depth, 1, sums + b * WHOLE_COLUMNS, row);
}

VNNI static void multiply_vnni(const struct whole_rows *rows, const void *weights, size_t depth, size_t blocks,
                               void *turned, int32_t *sums)
{
    (void)turned;
    if (rows->turn)
        all_vnni(rows, 0x80, weights, depth, blocks, sums);
    else
        all_vnni(rows, 0, weights, depth, blocks, sums);
}

/* Rounds as the portable way does: to the nearest, ties to even. */
VNNI static void finish_vnni(const struct whole_finish *f, const struct whole_sums *s)
{
    const __m512 least = _mm512_set1_ps(f->least), most = _mm512_set1_ps(f->most);
    const __m512 low = _mm512_set1_ps((float)(f->low - f->zero)), high = _mm512_set1_ps((float)(f->high - f->zero));
    const __m512i zero = _mm512_set1_epi32(f->zero);
    for (size_t c = 0; c < s->columns; c += WHOLE_COLUMNS) {
        size_t left = s->columns - c;
        __mmask16 mask = (__mmask16)(left >= WHOLE_COLUMNS ? 0xffff : (1U << left) - 1);
        const __m512i offset = _mm512_loadu_si512(f->offsets + c);
        const __m512 scale = _mm512_loadu_ps(f->scales + c), rest = _mm512_loadu_ps(f->rests + c);
        for (size_t r = 0; r < s->count; r++) {
            __m512i sum = _mm512_add_epi32(_mm512_loadu_si512(s->sums + r * s->sum_step + c), offset);
            __m512 value = _mm512_cvtepi32_ps(_mm512_add_epi32(sum, _mm512_set1_epi32(s->more[r])));
            value = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(_mm512_add_ps(value, rest), scale), least), most);
            if (!f->rounds) {
                _mm512_mask_storeu_ps((float *)(void *)(s->y + r * s->y_step) + c, mask, value);
                continue;
            }
            value = _mm512_min_ps(_mm512_max_ps(value, low), high);
            __m512i whole = _mm512_add_epi32(_mm512_cvtps_epi32(value), zero);
            _mm_mask_storeu_epi8(s->y + r * s->y_step + c, mask, _mm512_cvtepi32_epi8(whole));
        }
    }
}

const struct whole_kernels whole_vnni = {
    .is_narrow = true,
    .depth_unit = 4,
    .multiply = multiply_vnni,
    .row_sum = row_sum_avx2,
    .convolve = convolve_avx2,
    .finish = finish_vnni,
};
#endif

const struct whole_kernels *whole_kernels_here(void)
{
#ifdef __x86_64__
    if (tw_isa_has_vnni() && tw_isa_has_avx512())
        return &whole_vnni;
    if (tw_isa_has_avx2())
        return &whole_avx2;
#endif
    return &whole_portable;
}

static size_t blocks_of(size_t columns)
{
    return (columns + WHOLE_COLUMNS - 1) / WHOLE_COLUMNS;
}

static size_t padded_depth(const struct whole_kernels *kernels, size_t depth)
{
    size_t unit = (size_t)kernels->depth_unit;
    return (depth + unit - 1) / unit * unit;
}

size_t whole_packed_bytes(const struct whole_kernels *kernels, size_t depth, size_t columns)
{
    return blocks_of(columns) * WHOLE_COLUMNS * padded_depth(kernels, depth) * (kernels->is_narrow ? 1 : 2);
}

void whole_pack(const struct whole_kernels *kernels, const int16_t *weights, size_t depth, size_t columns,
                int16_t shift, void *packed)
{
    size_t unit = (size_t)kernels->depth_unit, padded = padded_depth(kernels, depth);
    memset(packed, 0, whole_packed_bytes(kernels, depth, columns));
    for (size_t n = 0; n < columns; n++) {
        for (size_t k = 0; k < depth; k++) {
            size_t at = n / WHOLE_COLUMNS * padded * WHOLE_COLUMNS +
                        (k / unit * WHOLE_COLUMNS + n % WHOLE_COLUMNS) * unit + k % unit;
            int16_t weight = (int16_t)(weights[n * depth + k] - shift);
            if (kernels->is_narrow)
                ((int8_t *)packed)[at] = (int8_t)weight;
            else
                ((int16_t *)packed)[at] = weight;
        }
    }
}
