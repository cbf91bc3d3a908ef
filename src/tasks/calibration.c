#include "tasks/calibration.h"

#include <math.h>

enum { STEPS = 255, TRIALS = 100 };
static const double outermost = 0.00005;

const char *tw_calibration_name(enum tw_calibration_method method)
{
    static const char *const names[] = {"minmax", "percentile", "mse"};
    return names[method];
}

void tw_calibration_widen(struct tw_calibration *calibration, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        calibration->least = values[i] < calibration->least ? values[i] : calibration->least;
        calibration->greatest = values[i] > calibration->greatest ? values[i] : calibration->greatest;
    }
}

void tw_calibration_count(struct tw_calibration *calibration, const float *values, size_t count)
{
    float least = calibration->least, width = calibration->greatest - least;
    float each = width > 0 ? TW_CALIBRATION_BINS / width : 0;
    for (size_t i = 0; i < count; i++) {
        float at = (values[i] - least) * each;
        int bin = at > 0 ? (int)fminf(at, TW_CALIBRATION_BINS - 1) : 0;
        calibration->bins[bin]++;
    }
    calibration->count += count;
}

static double bin_width(const struct tw_calibration *c)
{
    return ((double)c->greatest - (double)c->least) / TW_CALIBRATION_BINS;
}

/* What lies outside is a share of `outermost` at most, at each end. */
static void trim(const struct tw_calibration *c, double *low, double *high)
{
    double allowed = (double)c->count * outermost, seen = 0;
    int first = 0, last = TW_CALIBRATION_BINS - 1;
    while (first < last && (seen += (double)c->bins[first]) <= allowed)
        first++;
    for (seen = 0; last > first && (seen += (double)c->bins[last]) <= allowed;)
        last--;
    *low = fmin(0, (double)c->least + bin_width(c) * first);
    *high = fmax(0, (double)c->least + bin_width(c) * (last + 1));
}

/* Numbers outside are moved to the ends; rounding inside costs a twelfth of a step's square each. */
static double squared_error(const struct tw_calibration *c, double low, double high)
{
    double width = bin_width(c), step = (high - low) / STEPS, sum = 0;
    for (int i = 0; i < TW_CALIBRATION_BINS; i++) {
        double x = (double)c->least + width * (i + 0.5);
        double off = x < low ? low - x : x > high ? x - high : 0;
        sum += (double)c->bins[i] * (off > 0 ? off * off : step * step / 12);
    }
    return sum;
}

/* Shrinks one end, then the other, by hundredths. */
static void search(const struct tw_calibration *c, double *low, double *high)
{
    double least = squared_error(c, *low, *high), full[] = {*low, *high};
    for (int end = 1; end >= 0; end--) {
        for (int trial = TRIALS - 1; trial > TRIALS / 5; trial--) {
            double tried = full[end] * trial / TRIALS;
            double error = end ? squared_error(c, *low, tried) : squared_error(c, tried, *high);
            if (tried == 0 || error >= least)
                continue;
            least = error;
            *(end ? high : low) = tried;
        }
    }
}

struct tw_grid tw_calibration_grid(const struct tw_calibration *calibration, enum tw_calibration_method method)
{
    double low = (double)calibration->least, high = (double)calibration->greatest;
    if (method == TW_CALIBRATION_PERCENTILE)
        trim(calibration, &low, &high);
    else if (method == TW_CALIBRATION_MSE)
        search(calibration, &low, &high);
    float scale = (float)((high - low) / STEPS);
    if (!(scale > 0) || !isfinite(scale))
        return (struct tw_grid){.scale = 1};
    return (struct tw_grid){.scale = scale, .zero = (uint8_t)fmin(fmax(nearbyint(-low / (double)scale), 0), STEPS)};
}
