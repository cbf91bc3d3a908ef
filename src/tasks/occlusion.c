#include "tasks/occlusion.h"

#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { MOST_OUTPUTS = 8 };

/* Pixels from left to right (exclusive) and from top to bottom. */
struct place {
    int left, top, right, bottom;
};
/* A copy of the photo for one worker, and its answers. */
struct canvas {
    struct tw_image image;
    float *scores, *logits;
};
struct views {
    struct tw_runner *runner;
    const struct tw_image *image;
    const struct tw_occlusion_options *options;
    struct tw_occlusion *made;
    struct canvas *canvases;
    uint8_t mean[3];
    pthread_mutex_t lock; /* guards progress */
    struct tw_progress progress;
};

static void find_mean(const struct tw_image *image, uint8_t mean[3])
{
    size_t count = (size_t)image->width * (size_t)image->height;
    uint64_t sums[3] = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++)
            sums[c] += image->rgb[i * 3 + c];
    }
    for (size_t c = 0; c < 3; c++)
        mean[c] = (uint8_t)((sums[c] + count / 2) / count);
}

/* Two places wide, about the middle of its own. */
static struct place place_of(const struct views *v, size_t index)
{
    int64_t row = (int64_t)(index / v->made->columns), column = (int64_t)(index % v->made->columns);
    int64_t rows = (int64_t)v->made->rows, columns = (int64_t)v->made->columns;
    int64_t width = v->image->width, height = v->image->height;
    int64_t left = (2 * column - 1) * width / (2 * columns), right = (2 * column + 3) * width / (2 * columns);
    int64_t top = (2 * row - 1) * height / (2 * rows), bottom = (2 * row + 3) * height / (2 * rows);
    return (struct place){.left = (int)(left > 0 ? left : 0),
                          .top = (int)(top > 0 ? top : 0),
                          .right = (int)(right < width ? right : width),
                          .bottom = (int)(bottom < height ? bottom : height)};
}

static void cover(const struct views *v, struct place place, struct tw_image *image)
{
    for (int y = place.top; y < place.bottom; y++) {
        uint8_t *row = image->rgb + (size_t)y * (size_t)image->width * 3;
        for (int x = place.left; x < place.right; x++)
            memcpy(row + (size_t)x * 3, v->mean, 3);
    }
}

static void uncover(const struct views *v, struct place place, struct tw_image *image)
{
    size_t bytes = (size_t)(place.right - place.left) * 3;
    for (int y = place.top; y < place.bottom; y++) {
        size_t at = ((size_t)y * (size_t)image->width + (size_t)place.left) * 3;
        memcpy(image->rgb + at, v->image->rgb + at, bytes);
    }
}

/* From logits, not from scores: where a score is all but 1, its distance from 1 is lost in its last bits. */
static double odds_of(const struct tw_occlusion_options *o, const float *logits)
{
    double most = -INFINITY, sum = 0;
    if (o->is_independent)
        return (double)logits[o->label];
    for (size_t c = 0; c < o->label_count; c++)
        most = c != o->label ? fmax(most, (double)logits[c]) : most;
    for (size_t c = 0; c < o->label_count; c++)
        sum += c != o->label ? exp((double)logits[c] - most) : 0;
    return (double)logits[o->label] - most - log(sum);
}

static enum tw_status ask(struct views *v, int worker, double *odds, float *score, struct tw_error *error)
{
    const struct tw_occlusion_options *o = v->options;
    struct canvas *canvas = &v->canvases[worker];
    float *outputs[MOST_OUTPUTS] = {NULL};
    outputs[o->scores] = canvas->scores;
    outputs[o->logits] = canvas->logits;
    enum tw_status status = tw_runner_image(v->runner, worker, &canvas->image, outputs, error);
    if (status)
        return status;
    *odds = odds_of(o, canvas->logits);
    *score = canvas->scores[o->label];
    return TW_OK;
}

static enum tw_status ask_covered(void *context, size_t index, int worker, struct tw_error *error)
{
    struct views *v = context;
    struct place place = place_of(v, index);
    double odds;
    if (tw_is_stopped(v->options->sink))
        return tw_fail(error, TW_INTERRUPTED, "interrupted");
    cover(v, place, &v->canvases[worker].image);
    enum tw_status status = ask(v, worker, &odds, &v->made->scores[index], error);
    uncover(v, place, &v->canvases[worker].image);
    if (status)
        return status;
    v->made->drops[index] = v->made->odds - odds;
    pthread_mutex_lock(&v->lock);
    v->progress.done++;
    tw_progress(v->options->sink, &v->progress);
    pthread_mutex_unlock(&v->lock);
    return TW_OK;
}

static enum tw_status prepare(struct views *v, struct tw_error *error)
{
    const struct tw_occlusion_options *o = v->options;
    size_t bytes = (size_t)v->image->width * (size_t)v->image->height * 3, labels = o->label_count;
    v->canvases = tw_alloc((size_t)o->workers, sizeof *v->canvases);
    if (!v->canvases)
        return tw_fail_memory(error, (size_t)o->workers * sizeof *v->canvases, "covered photos");
    for (int i = 0; i < o->workers; i++) {
        struct canvas *canvas = &v->canvases[i];
        canvas->image =
            (struct tw_image){.width = v->image->width, .height = v->image->height, .rgb = tw_alloc(bytes, 1)};
        canvas->scores = tw_alloc(labels, sizeof *canvas->scores);
        canvas->logits = tw_alloc(labels, sizeof *canvas->logits);
        if (!canvas->image.rgb || !canvas->scores || !canvas->logits)
            return tw_fail_memory(error, bytes, "a covered photo");
        memcpy(canvas->image.rgb, v->image->rgb, bytes);
    }
    return TW_OK;
}

static void release(struct views *v)
{
    for (int i = 0; v->canvases && i < v->options->workers; i++) {
        tw_image_release(&v->canvases[i].image);
        tw_free(v->canvases[i].scores);
        tw_free(v->canvases[i].logits);
    }
    tw_free(v->canvases);
    pthread_mutex_destroy(&v->lock);
}

static size_t least(size_t a, int b)
{
    return a < (size_t)b ? a : (size_t)b;
}

enum tw_status tw_occlude(struct tw_runner *runner, const struct tw_image *image,
                          const struct tw_occlusion_options *options, struct tw_occlusion *occlusion,
                          struct tw_error *error)
{
    struct tw_occlusion made = {.rows = least(options->grid, image->height),
                                .columns = least(options->grid, image->width)};
    size_t count = made.rows * made.columns;
    struct views v = {.runner = runner,
                      .image = image,
                      .options = options,
                      .made = &made,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .progress = {.stage = "explain", .unit = "covered places", .total = count}};
    float whole;
    made.drops = tw_alloc(count, sizeof *made.drops);
    made.scores = tw_alloc(count, sizeof *made.scores);
    find_mean(image, v.mean);
    enum tw_status status =
        made.drops && made.scores ? prepare(&v, error) : tw_fail_memory(error, count * sizeof *made.drops, "the map");
    if (!status)
        status = ask(&v, 0, &made.odds, &whole, error);
    if (!status)
        status = tw_parallel_for(options->workers, count, ask_covered, &v, error);
    release(&v);
    if (status)
        tw_occlusion_release(&made);
    else
        *occlusion = made;
    return status;
}

void tw_occlusion_release(struct tw_occlusion *occlusion)
{
    tw_free(occlusion->drops);
    tw_free(occlusion->scores);
    *occlusion = (struct tw_occlusion){0};
}
