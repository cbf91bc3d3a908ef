#include "engine/winograd/winograd.h"

#include "base/memory.h"
#include "engine/winograd/pack.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <unistd.h>

enum { LINE_FLOATS = 16, PANEL = 2 /* blocks of output channels */ };
/* Rounding grows with the square in two dimensions: those longer lose more than 1e-3 of the outputs' spread. */
enum { MAX_TAPS_2D = 5 };

struct winograd {
    struct winograd_shape shape;
    const struct vector_kernels *kernels;
    struct winograd_axis axes[2];
    vector_transform *input[2], *output[2]; /* NULL along an axis of kernel 1 */
    int threads;
    int points;                /* of both axes */
    int in_blocks, out_blocks; /* of channels */
    int tiles[2], tile_count;
    int group;           /* tiles of which the transformed inputs stay in the second-level cache */
    int chunk;           /* direct: points that are gathered at a time, or blocks of channels where nothing is */
    size_t point_floats; /* from one point's transformed inputs to the next */
    size_t thread_floats;
    float *weights, *bias; /* in the caller's pages */
    size_t weight_bytes;
    float least, most;
};

/* Where a thread works. */
struct place {
    float *inputs;   /* [point][block][tile][width] */
    float *products; /* [point][tile][panel's blocks][width] */
    float *corner;   /* a tile's input with the zeros around the image */
    float *half;     /* a tile between its two axes */
};

static vector_transform *input_of(const struct vector_kernels *kernels, const struct winograd_axis *axis)
{
    return axis->outputs == 1 ? NULL : kernels->input[(axis->points - 4) / 2];
}

static vector_transform *output_of(const struct vector_kernels *kernels, const struct winograd_axis *axis)
{
    return axis->outputs == 1 ? NULL : kernels->output[(axis->points - 4) / 2][axis->outputs / 2 - 1];
}

static bool is_direct(const struct winograd_shape *shape)
{
    return shape->tile[0] == 1 && shape->tile[1] == 1;
}

/* The product can read the image itself. */
static bool is_point(const struct winograd_shape *shape)
{
    return shape->kernel[0] * shape->kernel[1] == 1 && shape->stride[0] * shape->stride[1] == 1 &&
           shape->begin[0] == 0 && shape->begin[1] == 0 && shape->in[0] == shape->out[0] &&
           shape->in[1] == shape->out[1];
}

bool winograd_has(const struct winograd_shape *shape)
{
    struct winograd_axis axis;
    for (int i = 0; i < 2; i++) {
        if (!winograd_axis_init(&axis, shape->tile[i], shape->kernel[i]))
            return false;
    }
    if (is_direct(shape))
        return true;
    bool is_2d = shape->kernel[0] > 1 && shape->kernel[1] > 1;
    return shape->stride[0] == 1 && shape->stride[1] == 1 &&
           (is_2d ? shape->tile[0] > 1 && shape->tile[1] > 1 && shape->kernel[0] <= MAX_TAPS_2D &&
                        shape->kernel[1] <= MAX_TAPS_2D
                  : (shape->tile[0] > 1) == (shape->kernel[0] > 1) && (shape->tile[1] > 1) == (shape->kernel[1] > 1));
}

/* An odd number of cache lines: a power of two would put a tile's points into one set of the cache. */
static size_t odd_lines(size_t floats)
{
    return ((floats + LINE_FLOATS - 1) / LINE_FLOATS | 1) * LINE_FLOATS;
}

static size_t cache_floats(void)
{
    long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return (bytes > 0 ? (size_t)bytes : (size_t)512 << 10) / sizeof(float);
}

/* Groups of one size, of which each thread takes some; at most `most` tiles in each. */
static int even_group(const struct winograd *w, size_t most)
{
    size_t rows = (size_t)w->kernels->rows, count = (size_t)w->tile_count, threads = (size_t)w->threads;
    most = most < rows ? rows : most;
    size_t groups = (count + most - 1) / most;
    groups = (groups + threads - 1) / threads * threads;
    return (int)((count + groups - 1) / groups);
}

/* Long sums are cut in chunks whose inputs stay in the cache: so all weights are read once for many tiles. */
static void choose_chunk(struct winograd *w)
{
    bool reads_image = is_point(&w->shape);
    size_t width = (size_t)w->kernels->width, step = width * (size_t)(reads_image ? 1 : w->in_blocks);
    w->group = even_group(w, cache_floats() / 2 / step);
    size_t most = cache_floats() / 2 / (step * (size_t)w->group),
           all = (size_t)(reads_image ? w->in_blocks : w->points);
    most = most < 1 ? 1 : most;
    size_t chunks = (all + most - 1) / most;
    w->chunk = (int)((all + chunks - 1) / chunks);
    w->point_floats = step * (size_t)w->group;
    w->thread_floats = odd_lines(reads_image ? 1 : w->point_floats * (size_t)w->chunk);
}

static void choose_group(struct winograd *w)
{
    size_t width = (size_t)w->kernels->width;
    size_t tile_floats = (size_t)w->points * width * (size_t)(w->in_blocks + PANEL);
    w->group = even_group(w, cache_floats() / 2 / tile_floats);
    w->point_floats = odd_lines((size_t)w->in_blocks * (size_t)w->group * width);
    w->thread_floats = (size_t)w->points * (w->point_floats + odd_lines((size_t)w->group * PANEL * width)) +
                       2 * (size_t)WINOGRAD_MAX_POINTS * WINOGRAD_MAX_POINTS * width;
    w->thread_floats = odd_lines(w->thread_floats);
}

static enum tw_status init(struct winograd *w, struct tw_pages *pages, const float *weights, const float *bias,
                           struct tw_error *error)
{
    size_t width = (size_t)w->kernels->width, outputs = (size_t)w->out_blocks * width;
    size_t count = (size_t)w->points * (size_t)w->in_blocks * width * outputs;
    w->weight_bytes = (count + outputs) * sizeof(float);
    w->weights = tw_pages_take(pages, count * sizeof(float));
    w->bias = tw_pages_take(pages, outputs * sizeof(float));
    struct winograd_pack pack = {.shape = &w->shape,
                                 .axes = {w->axes[0], w->axes[1]},
                                 .width = (int)width,
                                 .in_blocks = w->in_blocks,
                                 .out_blocks = w->out_blocks};
    if (w->weights == NULL || w->bias == NULL || !winograd_pack_weights(&pack, w->threads, weights, w->weights))
        return tw_fail_memory(error, w->weight_bytes, "transformed weights");
    memset(w->bias, 0, outputs * sizeof(float));
    if (bias != NULL)
        memcpy(w->bias, bias, (size_t)w->shape.out_channels * sizeof(float));
    return TW_OK;
}

enum tw_status winograd_new(const struct winograd_shape *shape, const struct winograd_options *options,
                            const float *weights, const float *bias, struct winograd **winograd, struct tw_error *error)
{
    if (!winograd_has(shape))
        return tw_fail(error, TW_UNSUPPORTED, "there is no Winograd form F(%d x %d, %d x %d)", shape->tile[0],
                       shape->tile[1], shape->kernel[0], shape->kernel[1]);
    struct winograd *made = tw_alloc(1, sizeof *made);
    if (made == NULL)
        return tw_fail_memory(error, sizeof *made, "a convolution");
    int width = options->kernels->width;
    made->shape = *shape;
    made->kernels = options->kernels;
    made->threads = options->threads > 0 ? options->threads : 1;
    made->least = options->least;
    made->most = options->most;
    made->in_blocks = (shape->in_channels + width - 1) / width;
    made->out_blocks = (shape->out_channels + width - 1) / width;
    made->points = made->tile_count = 1;
    for (int i = 0; i < 2; i++) {
        (void)winograd_axis_init(&made->axes[i], shape->tile[i], shape->kernel[i]);
        made->input[i] = input_of(made->kernels, &made->axes[i]);
        made->output[i] = output_of(made->kernels, &made->axes[i]);
        made->tiles[i] = (shape->out[i] + shape->tile[i] - 1) / shape->tile[i];
        made->points *= made->axes[i].points;
        made->tile_count *= made->tiles[i];
    }
    if (is_direct(shape))
        choose_chunk(made);
    else
        choose_group(made);
    enum tw_status status = init(made, options->pages, weights, bias, error);
    if (status == TW_OK)
        *winograd = made;
    else
        winograd_free(made);
    return status;
}

void winograd_free(struct winograd *winograd)
{
    tw_free(winograd);
}

size_t winograd_weight_bytes(const struct winograd *winograd)
{
    return winograd->weight_bytes;
}

size_t winograd_scratch_bytes(const struct winograd *winograd)
{
    return winograd->thread_floats * (size_t)winograd->threads * sizeof(float);
}

/* The part of the image that a tile reads: rows and columns [first, end) of the tile's input lie in the image. */
struct window {
    int at[2]; /* of the tile's input in the image; may be negative */
    int first[2], end[2];
    bool is_inside;
};

static struct window window_of(const struct winograd *w, int tile)
{
    const int place[2] = {tile / w->tiles[1], tile % w->tiles[1]};
    struct window window = {.is_inside = true};
    for (int i = 0; i < 2; i++) {
        int points = w->axes[i].points;
        window.at[i] = place[i] * w->shape.tile[i] * w->shape.stride[i] - w->shape.begin[i];
        window.first[i] = window.at[i] < 0 ? -window.at[i] : 0;
        int left = w->shape.in[i] - window.at[i];
        window.end[i] = left < points ? left : points;
        window.is_inside = window.is_inside && window.first[i] == 0 && window.end[i] == points;
    }
    return window;
}

static void copy_corner(const struct winograd *w, const struct window *window, const float *x, float *corner)
{
    size_t width = (size_t)w->kernels->width, across = (size_t)w->axes[1].points * width;
    int columns = window->end[1] - window->first[1];
    for (int row = window->first[0]; row < window->end[0] && columns > 0; row++) {
        size_t from =
            (size_t)(window->at[0] + row) * (size_t)w->shape.in[1] + (size_t)(window->at[1] + window->first[1]);
        memcpy(corner + (size_t)row * across + (size_t)window->first[1] * width, x + from * width,
               (size_t)columns * width * sizeof(float));
    }
}

static void transform_input(const struct winograd *w, const float *x, int tile, float *to, const struct place *place)
{
    size_t width = (size_t)w->kernels->width, plane = (size_t)w->shape.in[0] * (size_t)w->shape.in[1] * width;
    int down = w->axes[0].points, across = w->axes[1].points;
    struct window window = window_of(w, tile);
    size_t row = (size_t)(window.is_inside ? w->shape.in[1] : across) * width;
    if (!window.is_inside)
        memset(place->corner, 0, (size_t)(down * across) * width * sizeof(float));
    for (int block = 0; block < w->in_blocks; block++, x += plane, to += (size_t)w->group * width) {
        const float *from = place->corner;
        if (window.is_inside)
            from = x + ((size_t)window.at[0] * (size_t)w->shape.in[1] + (size_t)window.at[1]) * width;
        else
            copy_corner(w, &window, x, place->corner);
        struct vector_lines lines = {.from = from, .to = to, .to_step = w->point_floats, .count = 1};
        if (down == 1 || across == 1) {
            lines.from_step = down == 1 ? width : row;
            w->input[down == 1](&w->axes[down == 1], &lines);
            continue;
        }
        size_t column = (size_t)down * width;
        lines = (struct vector_lines){from, width, row, place->half, column, width, .count = down};
        w->input[1](&w->axes[1], &lines);
        lines = (struct vector_lines){place->half,     width,          column, to, (size_t)across * w->point_floats,
                                      w->point_floats, .count = across};
        w->input[0](&w->axes[0], &lines);
    }
}

static int panel_columns(const struct winograd *w, int panel)
{
    return w->out_blocks - panel * PANEL < PANEL ? w->out_blocks - panel * PANEL : PANEL;
}

static void transform_output(const struct winograd *w, int panel, int columns, int tile, const float *from, float *y,
                             const struct place *place)
{
    size_t width = (size_t)w->kernels->width, plane = (size_t)w->shape.out[0] * (size_t)w->shape.out[1] * width;
    size_t point = odd_lines((size_t)w->group * (size_t)columns * width), row = (size_t)w->shape.out[1] * width;
    int down = w->axes[0].points, across = w->axes[1].points;
    const int at[2] = {tile / w->tiles[1] * w->shape.tile[0], tile % w->tiles[1] * w->shape.tile[1]};
    int valid[2];
    for (int i = 0; i < 2; i++)
        valid[i] = w->shape.out[i] - at[i] < w->shape.tile[i] ? w->shape.out[i] - at[i] : w->shape.tile[i];
    const float *bias = w->bias + (size_t)panel * PANEL * width;
    y += (size_t)panel * PANEL * plane + ((size_t)at[0] * (size_t)w->shape.out[1] + (size_t)at[1]) * width;
    if (down == 1 || across == 1) {
        bool is_across = down == 1;
        const struct vector_lines lines = {
            from, point, width, y, is_across ? width : row, plane, columns, valid[is_across], bias, w->least, w->most};
        w->output[is_across](&w->axes[is_across], &lines);
        return;
    }
    for (int column = 0; column < columns; column++) {
        size_t half_row = (size_t)across * width;
        struct vector_lines lines = {from + (size_t)column * width,
                                     (size_t)across * point,
                                     point,
                                     place->half,
                                     half_row,
                                     width,
                                     .count = across};
        w->output[0](&w->axes[0], &lines);
        for (int i = 0; i < valid[0]; i++) {
            lines = (struct vector_lines){place->half + (size_t)i * half_row,
                                          width,
                                          0,
                                          y + (size_t)column * plane + (size_t)i * row,
                                          width,
                                          0,
                                          1,
                                          valid[1],
                                          bias + (size_t)column * width,
                                          w->least,
                                          w->most};
            w->output[1](&w->axes[1], &lines);
        }
    }
}

/* How many of `count` outputs from `first` on have their tap before pixel 0. */
static int outside_before(int first, int count, int stride, int offset)
{
    int skipped = offset < 0 ? (-offset + stride - 1) / stride - first : 0;
    return skipped < 0 ? 0 : skipped < count ? skipped : count;
}

/* The pixels under one tap, of `count` outputs of one row from `column` on; nothing but zeros where they lie outside. */
static void gather_row(const struct winograd *w, const float *x, int tap, int row, int column, int count, float *to)
{
    const struct winograd_shape *s = &w->shape;
    size_t width = (size_t)w->kernels->width, step = (size_t)w->group * width;
    int at = row * s->stride[0] + tap / s->kernel[1] - s->begin[0], offset = tap % s->kernel[1] - s->begin[1];
    int before = count, inside = 0;
    if (at >= 0 && at < s->in[0]) {
        before = outside_before(column, count, s->stride[1], offset);
        inside = outside_before(column, count, s->stride[1], offset - s->in[1]) - before;
    }
    ptrdiff_t pixel = (ptrdiff_t)at * s->in[1] + (ptrdiff_t)(column + before) * s->stride[1] + offset;
    const float *from = inside > 0 ? x + pixel * (ptrdiff_t)width : NULL;
    for (int block = 0; block < w->in_blocks; block++, to += step) {
        w->kernels->copy(NULL, 0, to, width, before);
        if (inside > 0) {
            w->kernels->copy(from, (size_t)s->stride[1] * width, to + (size_t)before * width, width, inside);
            from += (size_t)s->in[0] * (size_t)s->in[1] * width;
        }
        w->kernels->copy(NULL, 0, to + (size_t)(before + inside) * width, width, count - before - inside);
    }
}

/* The pixels under the taps [begin, end) of the outputs [first, first + count), in the order of the weights. */
static void gather(const struct winograd *w, const float *x, int first, int count, int begin, int end, float *to)
{
    int across = w->shape.out[1];
    for (int tap = begin; tap < end; tap++, to += w->point_floats) {
        for (int i = first, run; i < first + count; i += run) {
            int column = i % across, left = first + count - i;
            run = across - column < left ? across - column : left;
            gather_row(w, x, tap, i / across, column, run, to + (size_t)(i - first) * (size_t)w->kernels->width);
        }
    }
}

/* One chunk of all sums: channels [first, first + depth) of those under the taps, in the order of the weights. */
static void multiply_chunk(const struct winograd *w, struct vector_product *product, size_t first,
                           const struct winograd_io *io)
{
    size_t width = (size_t)w->kernels->width, all = (size_t)w->points * (size_t)w->in_blocks * width;
    size_t depth = (size_t)product->blocks * width;
    bool is_last = first + depth == all;
    for (int panel = 0; panel * PANEL < w->out_blocks; panel++) {
        int columns = panel_columns(w, panel);
        bool has_next = (panel + 1) * PANEL < w->out_blocks;
        const float *begin = w->weights + (size_t)panel * PANEL * all * width;
        product->b = begin + first * (size_t)columns * width;
        product->next = has_next ? begin + PANEL * all * width + first * PANEL * width : product->b;
        size_t at = (size_t)panel * PANEL * product->c_column;
        product->c = io->y + at;
        product->residual = io->residual != NULL ? io->residual + at : NULL;
        product->columns = columns;
        product->bias = is_last ? w->bias + (size_t)panel * PANEL * width : NULL;
        w->kernels->multiply(product);
    }
}

/* Tiles of one output: products of gathered pixels, or of the image itself, give the outputs. */
static void run_direct(const struct winograd *w, int first, int count, const struct winograd_io *io, float *inputs)
{
    size_t width = (size_t)w->kernels->width, plane = (size_t)w->tile_count * width;
    bool reads_image = is_point(&w->shape);
    int all = reads_image ? w->in_blocks : w->points;
    struct vector_product product = {.a = inputs,
                                     .a_block = reads_image ? plane : (size_t)w->group * width,
                                     .c_tile = width,
                                     .c_column = plane,
                                     .least = w->least,
                                     .most = w->most,
                                     .tiles = count};
    for (int begin = 0; begin < all; begin += w->chunk) {
        int end = begin + w->chunk < all ? begin + w->chunk : all, blocks_each = reads_image ? 1 : w->in_blocks;
        if (!reads_image)
            gather(w, io->x, first, count, begin, end, inputs);
        else
            product.a = io->x + (size_t)first * width + (size_t)begin * plane;
        product.adds = begin > 0;
        product.blocks = (end - begin) * blocks_each;
        struct winograd_io part = {.y = io->y + (size_t)first * width};
        part.residual = io->residual != NULL ? io->residual + (size_t)first * width : NULL;
        multiply_chunk(w, &product, (size_t)(begin * blocks_each) * width, &part);
    }
}

static void run_group(const struct winograd *w, int first, int count, const float *x, float *y,
                      const struct place *place)
{
    size_t width = (size_t)w->kernels->width, depth = (size_t)w->in_blocks * width;
    for (int i = 0; i < count; i++)
        transform_input(w, x, first + i, place->inputs + (size_t)i * width, place);
    const float *weights = w->weights;
    for (int panel = 0; panel * PANEL < w->out_blocks; panel++) {
        int columns = panel_columns(w, panel);
        size_t point = odd_lines((size_t)w->group * (size_t)columns * width);
        struct vector_product product = {.a_block = (size_t)w->group * width,
                                         .c_tile = (size_t)columns * width,
                                         .c_column = width,
                                         .tiles = count,
                                         .blocks = w->in_blocks,
                                         .columns = columns};
        for (int i = 0; i < w->points; i++, weights += depth * (size_t)columns * width) {
            product.a = place->inputs + (size_t)i * w->point_floats;
            product.b = weights;
            product.next = weights + depth * (size_t)columns * width;
            product.c = place->products + (size_t)i * point;
            w->kernels->multiply(&product);
        }
        for (int i = 0; i < count; i++)
            transform_output(w, panel, columns, first + i, place->products + (size_t)i * (size_t)columns * width, y,
                             place);
    }
}

void winograd_run(const struct winograd *w, const struct winograd_io *io, void *scratch)
{
    int groups = (w->tile_count + w->group - 1) / w->group;
    size_t width = (size_t)w->kernels->width, tile_floats = (size_t)WINOGRAD_MAX_POINTS * WINOGRAD_MAX_POINTS * width;
#pragma omp parallel for num_threads(w->threads) schedule(static) if (w->threads > 1)
    for (int i = 0; i < groups; i++) {
        float *begin = (float *)scratch + (size_t)omp_get_thread_num() * w->thread_floats;
        int first = i * w->group, left = w->tile_count - first, count = left < w->group ? left : w->group;
        struct place place = {.corner = begin, .half = begin + tile_floats, .inputs = begin + 2 * tile_floats};
        if (is_direct(&w->shape)) {
            run_direct(w, first, count, io, begin);
        } else {
            place.products = place.inputs + (size_t)w->points * w->point_floats;
            run_group(w, first, count, io->x, io->y, &place);
        }
    }
}
