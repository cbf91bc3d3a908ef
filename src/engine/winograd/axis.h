/* One axis of a Winograd (Toom-Cook) convolution F(m, r): m outputs of an r-tap filter from n = m + r - 1 inputs by n
 * products instead of m * r. (Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, 2015.)
 *
 * The filter g and the m outputs are seen as polynomials, their product is known by its values at n points, and turned
 * round: y = A^T [(G g) * (B^T d)]. The points are 0, pairs +p and -p, and infinity, so that the rows of a pair share an
 * even and an odd half. With M(x) = x * prod (x^2 - p^2), B^T's rows are the coefficients of M(x) / (x - point), and of M
 * for infinity; what they are divided by stands in G, so every leading coefficient is 1:
 *     row 0          sum zero[l] d[2l]                       zero: prod over all pairs of (x^2 - p^2)
 *     rows +p, -p    sum quotient[l] d[2l+2]  +- p * sum quotient[l] d[2l+1]     quotient: the same without this pair
 *     row infinity   sum zero[l] d[2l+1]
 * With one output there is nothing to save: the points are the taps, G and B are the identity.
 * Order of the n points: 0, +p1, -p1, +p2, -p2, ..., infinity. All coefficients are exact in float. */
#ifndef TW_ENGINE_WINOGRAD_AXIS_H
#define TW_ENGINE_WINOGRAD_AXIS_H

#include <stdbool.h>

enum { WINOGRAD_MAX_POINTS = 12, WINOGRAD_MAX_PAIRS = 5, WINOGRAD_MAX_TAPS = 7, WINOGRAD_MAX_OUTPUTS = 6 };

struct winograd_axis {
    int outputs, taps, points; /* m, r, n; all 1 for an axis that the filter does not move along */
    float point[WINOGRAD_MAX_PAIRS];
    float zero[WINOGRAD_MAX_PAIRS + 1];
    float quotient[WINOGRAD_MAX_PAIRS][WINOGRAD_MAX_PAIRS];
    float power[WINOGRAD_MAX_PAIRS][WINOGRAD_MAX_OUTPUTS]; /* p^a: A^T's column of +p */
    double filter[WINOGRAD_MAX_POINTS][WINOGRAD_MAX_TAPS]; /* G */
};
/* False: there is no F(outputs, taps) here. Those that there are: F(2,3), F(4,3), F(6,3), F(2,5), F(4,5), F(2,7), F(4,7),
 * F(6,7), and F(1, any up to WINOGRAD_MAX_TAPS). */
bool winograd_axis_init(struct winograd_axis *axis, int outputs, int taps);

#endif
