#include "engine/winograd/pack.h"

#include "base/memory.h"

#include <omp.h>

enum { MAX_COLUMNS = 32, MAX_KERNEL = WINOGRAD_MAX_TAPS * WINOGRAD_MAX_TAPS };

/* One input channel's filters for a panel, [tap][column], and what becomes of them. */
struct filters {
    double taps[MAX_KERNEL][MAX_COLUMNS];
    double half[WINOGRAD_MAX_POINTS * WINOGRAD_MAX_TAPS][MAX_COLUMNS];
};

static void read_filters(const struct winograd_pack *p, const float *weights, int first, int columns, int channel,
                         struct filters *f)
{
    const struct winograd_shape *s = p->shape;
    int area = s->kernel[0] * s->kernel[1];
    for (int column = 0; column < columns; column++) {
        int out = first + column;
        bool is_given = out < s->out_channels && channel < s->in_channels;
        const float *from = weights + ((size_t)out * (size_t)s->in_channels + (size_t)channel) * (size_t)area;
        for (int tap = 0; tap < area; tap++)
            f->taps[tap][column] = is_given ? (double)from[tap] : 0;
    }
}

/* to[i * step + ...] = sum over k of G[i][k] * from[k * step + ...]; in double, rounded once at the end. */
static void apply(const struct winograd_axis *axis, const double (*from)[MAX_COLUMNS], int step, int point, int columns,
                  double *to)
{
    for (int column = 0; column < columns; column++)
        to[column] = axis->filter[point][0] * from[0][column];
    for (int k = 1; k < axis->taps; k++) {
        for (int column = 0; column < columns; column++)
            to[column] += axis->filter[point][k] * from[k * step][column];
    }
}

static void transform(const struct winograd_pack *p, struct filters *f, int columns, size_t point_floats, float *to)
{
    const struct winograd_axis *down = &p->axes[0], *across = &p->axes[1];
    double sum[MAX_COLUMNS];
    for (int i = 0; i < down->points; i++) {
        for (int k = 0; k < across->taps; k++)
            apply(down, (const double(*)[MAX_COLUMNS])f->taps + k, across->taps, i, columns,
                  f->half[i * across->taps + k]);
    }
    for (int i = 0; i < down->points; i++) {
        for (int j = 0; j < across->points; j++, to += point_floats) {
            apply(across, (const double(*)[MAX_COLUMNS])f->half + i * across->taps, 1, j, columns, sum);
            for (int column = 0; column < columns; column++)
                to[column] = (float)sum[column];
        }
    }
}

bool winograd_pack_weights(const struct winograd_pack *p, int threads, const float *weights, float *packed)
{
    size_t depth = (size_t)p->in_blocks * (size_t)p->width, points = (size_t)(p->axes[0].points * p->axes[1].points);
    int panels = (p->out_blocks + 1) / 2;
    struct filters *filters = tw_alloc((size_t)threads, sizeof *filters);
    if (filters == NULL)
        return false;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int panel = 0; panel < panels; panel++) {
        struct filters *own = &filters[omp_get_thread_num()];
        int blocks = p->out_blocks - 2 * panel < 2 ? 1 : 2, columns = blocks * p->width;
        float *to = packed + (size_t)panel * points * depth * 2 * (size_t)p->width;
        for (size_t channel = 0; channel < depth; channel++, to += columns) {
            read_filters(p, weights, panel * 2 * p->width, columns, (int)channel, own);
            transform(p, own, columns, depth * (size_t)columns, to);
        }
    }
    tw_free(filters);
    return true;
}
