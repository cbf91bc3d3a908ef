/* Products of integers of eight bits with weights of nine, exact in 32 bits, and what follows them: scaled, bounded, and
 * rounded on a grid or left as floats. For weights that have zero points of their own, for CPUs whose products of bytes are cut off in
 * 16 bits, and for matrices. Sums are exact, so every kind of vector unit gives the same bits. */
#ifndef TW_ENGINE_NARROW_WHOLE_H
#define TW_ENGINE_NARROW_WHOLE_H

#include "engine/narrow/numbers.h"

enum { WHOLE_ROWS = 6, WHOLE_COLUMNS = 16, WHOLE_MOST_TAPS = 64 };

/* The bytes of x are read as unsigned; signed ones are turned by `turn` (0x80), which adds 128 to them. */
struct whole_rows {
    const uint8_t *x;
    size_t step;  /* bytes from one row to the next */
    size_t count; /* at most WHOLE_ROWS */
    uint8_t turn;
};

/* What becomes of sums. The lists have room for whole blocks of columns. */
struct whole_finish {
    const int32_t *offsets; /* added; [columns] */
    const float *rests;     /* added once they are floats: what of a bias is less than a step; [columns] */
    const float *scales;    /* then multiplied; [columns] */
    float least, most;      /* bounds of that */
    bool rounds;            /* to whole numbers, plus `zero`, in [low, high], as bytes; else floats */
    int32_t zero, low, high;
};
/* Where they lie: rows of `sum_step` sums, to each of which more[row] is added first; rows of results `y_step` bytes apart. */
struct whole_sums {
    const int32_t *sums;
    size_t sum_step, count, columns;
    const int32_t *more;
    uint8_t *y;
    size_t y_step;
};

/* One pixel of a convolution of each channel by itself: taps[i][c] times weights [pair of taps][channel][2]. */
struct whole_taps {
    const uint8_t *taps[WHOLE_MOST_TAPS]; /* an even number: the last weight may be 0 */
    int count;
    const int16_t *weights;
    size_t channels;
    uint8_t turn;
};

struct whole_kernels {
    bool is_narrow; /* weights are packed as signed bytes, less a shift that is the same for all; else as 16 bits */
    int depth_unit; /* a row's depth is read in units of as many bytes: what lies behind it is multiplied by 0 */
    /* sums [count][columns, rounded up to WHOLE_COLUMNS]. depth in bytes, a multiple of the unit. `turned`: room for
     * 2 * WHOLE_ROWS * depth bytes. */
    void (*multiply)(const struct whole_rows *rows, const void *weights, size_t depth, size_t blocks, void *turned,
                     int32_t *sums);
    int32_t (*row_sum)(const uint8_t *x, size_t count, uint8_t turn);
    void (*convolve)(const struct whole_taps *taps, int32_t *sums);
    void (*finish)(const struct whole_finish *finish, const struct whole_sums *sums);
};
const struct whole_kernels *whole_kernels_here(void);
#ifdef __x86_64__
extern const struct whole_kernels whole_vnni, whole_avx2;
#endif
extern const struct whole_kernels whole_portable;

/* Weights [columns][depth] of -255 to 255 as `multiply` takes them. */
size_t whole_packed_bytes(const struct whole_kernels *kernels, size_t depth, size_t columns);
void whole_pack(const struct whole_kernels *kernels, const int16_t *weights, size_t depth, size_t columns,
                int16_t shift, void *packed);

#endif
