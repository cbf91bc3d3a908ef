#include "report/matrix_picture.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { DIGIT_WIDTH = 3, DIGIT_HEIGHT = 5, LARGEST_SIDE = 1200 };

/* Rows of a digit from the top, three bits each, the left one highest. */
static const uint8_t digits[10][DIGIT_HEIGHT] = {
    {7, 5, 5, 5, 7}, {2, 6, 2, 2, 7}, {7, 1, 7, 4, 7}, {7, 1, 7, 1, 7}, {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7}, {7, 4, 7, 5, 7}, {7, 1, 1, 2, 2}, {7, 5, 7, 5, 7}, {7, 5, 7, 1, 7},
};

struct colour {
    uint8_t rgb[3];
};

static void fill(struct tw_image *picture, int left, int top, int width, int height, struct colour colour)
{
    for (int y = top; y < top + height && y < picture->height; y++) {
        for (int x = left; x < left + width && x < picture->width; x++) {
            if (x >= 0 && y >= 0)
                memcpy(picture->rgb + ((size_t)y * (size_t)picture->width + (size_t)x) * 3, colour.rgb, 3);
        }
    }
}

/* A number in the middle of a cell; left out where it does not fit. */
static void write_number(struct tw_image *picture, size_t number, const int cell[4], struct colour colour)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%zu", number), scale = 2;
    if (length * (DIGIT_WIDTH + 1) * scale > cell[2])
        scale = 1;
    int width = length * (DIGIT_WIDTH + 1) * scale - scale, height = DIGIT_HEIGHT * scale;
    if (width > cell[2] || height > cell[3])
        return;
    int left = cell[0] + (cell[2] - width) / 2, top = cell[1] + (cell[3] - height) / 2;
    for (int i = 0; i < length; i++) {
        for (int bit = 0; bit < DIGIT_WIDTH * DIGIT_HEIGHT; bit++) {
            int row = bit / DIGIT_WIDTH, column = bit % DIGIT_WIDTH;
            if (digits[text[i] - '0'][row] >> (DIGIT_WIDTH - 1 - column) & 1)
                fill(picture, left + (i * (DIGIT_WIDTH + 1) + column) * scale, top + row * scale, scale, scale, colour);
        }
    }
}

/* From white to blue where the class is right, to red where it is not. */
static struct colour shade(double share, bool is_right)
{
    static const double blue[3] = {33, 102, 172}, red[3] = {178, 24, 43};
    const double *target = is_right ? blue : red;
    struct colour colour;
    for (int c = 0; c < 3; c++)
        colour.rgb[c] = (uint8_t)(255 + (target[c] - 255) * share + 0.5);
    return colour;
}

enum tw_status tw_matrix_picture(const struct tw_metrics_view *metrics, struct tw_image *picture,
                                 struct tw_error *error)
{
    size_t n = metrics->class_count;
    if (n > TW_MATRIX_MOST_CLASSES)
        return tw_fail(error, TW_LIMIT, "a matrix of %zu classes is too large for a picture (at most %d)", n,
                       TW_MATRIX_MOST_CLASSES);
    int cell = LARGEST_SIDE / (int)(n + 1), margin;
    cell = cell > 44 ? 44 : cell;
    margin = cell > 16 ? cell : 16;
    struct tw_image made = {.width = margin + cell * (int)n, .height = margin + cell * (int)n};
    size_t bytes = (size_t)made.width * (size_t)made.height * 3;
    made.rgb = tw_alloc(bytes, 1);
    if (!made.rgb)
        return tw_fail_memory(error, bytes, "a picture");
    const struct colour black = {{40, 40, 40}}, white = {{255, 255, 255}};
    fill(&made, 0, 0, made.width, made.height, white);
    for (size_t i = 0; i < n; i++) {
        int at = margin + cell * (int)i;
        write_number(&made, i, (int[]){0, at, margin, cell}, black);
        write_number(&made, i, (int[]){at, 0, cell, margin}, black);
        for (size_t j = 0; j < n; j++) {
            size_t count = metrics->confusion[i * n + j];
            double share = metrics->class_counts[i] ? (double)count / (double)metrics->class_counts[i] : 0;
            int left = margin + cell * (int)j, border = cell > 8;
            fill(&made, left, at, cell - border, cell - border, shade(share, i == j));
            if (count)
                write_number(&made, count, (int[]){left, at, cell - 2, cell - 2}, share > 0.5 ? white : black);
        }
    }
    *picture = made;
    return TW_OK;
}
