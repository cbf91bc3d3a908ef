#include "image/look.h"

#include "image/resize.h"

#include <math.h>

enum { EDGE = 32, FREQUENCIES = 8 };

/* Rec. 601 luma in 1/1000. */
static double grey_of(const uint8_t *rgb)
{
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000.0;
}

static uint64_t fingerprint_of(const double *grey)
{
    double rows[EDGE][FREQUENCIES], waves[FREQUENCIES][EDGE];
    uint64_t bits = 0;
    for (int u = 0; u < FREQUENCIES; u++) {
        for (int x = 0; x < EDGE; x++)
            waves[u][x] = cos((2 * x + 1) * u * M_PI / (2 * EDGE));
    }
    for (int y = 0; y < EDGE; y++) {
        for (int u = 0; u < FREQUENCIES; u++) {
            rows[y][u] = 0;
            for (int x = 0; x < EDGE; x++)
                rows[y][u] += grey[y * EDGE + x] * waves[u][x];
        }
    }
    for (int v = 0; v < FREQUENCIES; v++) {
        for (int u = 0; u < FREQUENCIES; u++) {
            double sum = 0;
            for (int y = 0; y < EDGE; y++)
                sum += rows[y][u] * waves[v][y];
            if (sum > 0 && u + v > 0) /* frequency 0 is the brightness: it tells nothing */
                bits |= UINT64_C(1) << (FREQUENCIES * v + u);
        }
    }
    return bits;
}

enum tw_status tw_image_look(const struct tw_image *image, struct tw_look *look, struct tw_error *error)
{
    uint8_t rgb[EDGE * EDGE * 3];
    double grey[EDGE * EDGE], sum = 0, squares = 0;
    enum tw_status status = tw_resize_pillow(image, false, EDGE, EDGE, rgb, error);
    if (status != TW_OK)
        return status;
    for (int i = 0; i < EDGE * EDGE; i++) {
        grey[i] = grey_of(rgb + 3 * i);
        sum += grey[i];
        squares += grey[i] * grey[i];
    }
    double mean = sum / (EDGE * EDGE), variance = squares / (EDGE * EDGE) - mean * mean;
    look->contrast = (float)sqrt(variance > 0 ? variance : 0);
    look->fingerprint = fingerprint_of(grey);
    for (int y = 0; y < TW_LOOK_EDGE; y++) {
        for (int x = 0; x < TW_LOOK_EDGE; x++) {
            const double *at = grey + 2 * y * EDGE + 2 * x;
            look->grey[y * TW_LOOK_EDGE + x] = (uint8_t)((at[0] + at[1] + at[EDGE] + at[EDGE + 1]) / 4 + 0.5);
        }
    }
    return TW_OK;
}

/* Mirroring flips the sign of odd frequencies along x, a flip from top to bottom that of odd ones along y; swapping the axes
 * swaps u and v. */
static const uint64_t odd_u = UINT64_C(0xaaaaaaaaaaaaaaaa), odd_v = UINT64_C(0xff00ff00ff00ff00);

static uint64_t swapped(uint64_t bits)
{
    uint64_t out = 0;
    for (int v = 0; v < FREQUENCIES; v++) {
        for (int u = 0; u < FREQUENCIES; u++)
            out |= (bits >> (FREQUENCIES * v + u) & 1) << (FREQUENCIES * u + v);
    }
    return out;
}

uint64_t tw_look_turned(uint64_t fingerprint, int turn)
{
    uint64_t bits = turn & 4 ? fingerprint ^ odd_u : fingerprint;
    if (turn & 1)
        bits = swapped(bits) ^ odd_u; /* a quarter turn clockwise: swap the axes, then mirror */
    if (turn & 2)
        bits ^= odd_u ^ odd_v;
    return bits & ~UINT64_C(1);
}

int tw_look_distance(uint64_t a, uint64_t b)
{
    return __builtin_popcountll(a ^ b);
}

/* Where pixel (x, y) of the turned picture comes from. */
static int source_of(int x, int y, int turn)
{
    const int last = TW_LOOK_EDGE - 1;
    if (turn & 2) {
        x = last - x;
        y = last - y;
    }
    if (turn & 1) {
        int kept = x;
        x = y;
        y = last - kept;
    }
    return y * TW_LOOK_EDGE + (turn & 4 ? last - x : x);
}

double tw_look_likeness(const struct tw_look *a, int turn, const struct tw_look *b)
{
    enum { COUNT = TW_LOOK_EDGE * TW_LOOK_EDGE };
    double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < COUNT; i++) {
        double p = a->grey[source_of(i % TW_LOOK_EDGE, i / TW_LOOK_EDGE, turn)], q = b->grey[i];
        sum_a += p;
        sum_b += q;
        aa += p * p;
        bb += q * q;
        ab += p * q;
    }
    double variance = (aa - sum_a * sum_a / COUNT) * (bb - sum_b * sum_b / COUNT);
    return variance > 0 ? (ab - sum_a * sum_b / COUNT) / sqrt(variance) : 0;
}
