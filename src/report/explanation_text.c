#include "report/explanation_text.h"

#include "base/memory.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_COLUMN = 32, SHOWN_KEY = 1024 };
static const double all_but_equal = 0.99999;

static json_t *map_of(const struct tw_explanation_view *v)
{
    json_t *map = json_object(), *drops = json_array(), *scores = json_array();
    for (size_t row = 0; row < v->rows; row++) {
        json_t *row_drops = json_array(), *row_scores = json_array();
        for (size_t i = row * v->columns; i < (row + 1) * v->columns; i++) {
            json_array_append_new(row_drops, json_real(v->drops[i]));
            json_array_append_new(row_scores, json_real((double)v->scores[i]));
        }
        json_array_append_new(drops, row_drops);
        json_array_append_new(scores, row_scores);
    }
    json_object_set_new(map, "rows", json_integer((json_int_t)v->rows));
    json_object_set_new(map, "columns", json_integer((json_int_t)v->columns));
    json_object_set_new(map, "drops", drops);
    json_object_set_new(map, "scores", scores);
    if (v->map != NULL)
        json_object_set_new(map, "picture", json_string(v->map));
    return map;
}

/* File names are bytes, JSON is UTF-8: what is not stands as \xNN. */
static json_t *text_of(const char *text)
{
    char shown[SHOWN_KEY];
    tw_printable(text, shown, sizeof shown);
    return json_string(tw_is_utf8(tw_span_of_text(text)) ? text : shown);
}

static json_t *neighbours_of(const struct tw_explanation_view *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->neighbour_count; i++) {
        const struct tw_explanation_neighbour *neighbour = &v->neighbours[i];
        json_t *object = json_object();
        json_object_set_new(object, "key", text_of(neighbour->key));
        json_object_set_new(object, "labels", text_of(neighbour->labels));
        json_object_set_new(object, "similarity", json_real(neighbour->similarity));
        if (neighbour->thumbnail != NULL)
            json_object_set_new(object, "thumbnail", json_string(neighbour->thumbnail));
        json_array_append_new(list, object);
    }
    return list;
}

enum tw_status tw_explanation_to_json(const struct tw_explanation_view *v, struct tw_buffer *out,
                                      struct tw_error *error)
{
    json_t *root = json_object();
    json_object_set_new(root, "key", text_of(v->key));
    json_object_set_new(root, "prediction", json_string(v->prediction));
    json_object_set_new(root, "label", json_string(v->label));
    json_object_set_new(root, "score", json_real(v->score));
    json_object_set_new(root, "log_odds", json_real(v->odds));
    json_object_set_new(root, "sureness", json_string(v->sureness));
    json_object_set_new(root, "map", map_of(v));
    json_object_set_new(root, "nearest", neighbours_of(v));
    if (v->missing != NULL)
        json_object_set_new(root, "nearest_missing", text_of(v->missing));
    else
        json_object_set_new(root, "nearest_of", json_integer((json_int_t)v->example_count));
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(root);
    enum tw_status status =
        text != NULL ? tw_buffer_printf(out, error, "%s\n", text) : tw_fail_memory(error, 1, "the explanation");
    free(text);
    return status;
}

static size_t strongest(const struct tw_explanation_view *v)
{
    size_t best = 0;
    for (size_t i = 1; i < v->rows * v->columns; i++)
        best = v->drops[i] > v->drops[best] ? i : best;
    return best;
}

/* Where a place is, in words: "upper left", "middle". */
static const char *where(const struct tw_explanation_view *v, size_t place)
{
    static const char *const words[3][3] = {{"the upper left", "the upper middle", "the upper right"},
                                            {"the left", "the middle", "the right"},
                                            {"the lower left", "the lower middle", "the lower right"}};
    size_t row = (2 * (place / v->columns) + 1) * 3 / (2 * v->rows);
    size_t column = (2 * (place % v->columns) + 1) * 3 / (2 * v->columns);
    return words[row][column];
}

static enum tw_status put_map(const struct tw_explanation_view *v, struct tw_buffer *out, struct tw_error *error)
{
    static const char shades[] = {' ', '.', ':', '+', '#'};
    double greatest = 0;
    size_t place = strongest(v);
    for (size_t i = 0; i < v->rows * v->columns; i++)
        greatest = fmax(greatest, fabs(v->drops[i]));
    if (v->drops[place] <= 0)
        return tw_buffer_printf(out, error, "no place of it speaks for %s: covering any changes nothing or helps\n",
                                v->label);
    enum tw_status status =
        tw_buffer_printf(out, error, "what speaks most for %s is in %s: with that covered the score is %.4f\n\n",
                         v->label, where(v, place), (double)v->scores[place]);
    for (size_t row = 0; row < v->rows && status == TW_OK; row++) {
        status = tw_buffer_append_text(out, "  |", error);
        for (size_t i = row * v->columns; i < (row + 1) * v->columns && status == TW_OK; i++) {
            double share = v->drops[i] / greatest;
            char shade = share < -0.2 ? '-' : shades[share > 0 ? (int)fmin(share * 5, 4) : 0];
            status = tw_buffer_printf(out, error, "%c%c", shade, shade);
        }
        if (status == TW_OK)
            status = tw_buffer_append_text(out, "|\n", error);
    }
    if (status == TW_OK)
        status = tw_buffer_printf(out, error, "  # + : . speak for %s, from most to least; - against it\n", v->label);
    return status;
}

static enum tw_status put_neighbours(const struct tw_explanation_view *v, struct tw_buffer *out, struct tw_error *error)
{
    size_t same = 0;
    int width = 5;
    if (v->missing != NULL)
        return tw_buffer_printf(out, error, "\nno nearest training photos: %s\n", v->missing);
    for (size_t i = 0; i < v->neighbour_count; i++) {
        int length = (int)strnlen(v->neighbours[i].labels, LABEL_COLUMN);
        same += v->neighbours[i].has_label;
        width = length > width ? length : width;
    }
    enum tw_status status = tw_buffer_printf(
        out, error, "\n%zu of the %zu nearest of %zu training photos %s %s\n\nsimilarity  %-*s  photo\n", same,
        v->neighbour_count, v->example_count, same == 1 ? "is" : "are", v->label, width, "label");
    for (size_t i = 0; i < v->neighbour_count && status == TW_OK; i++) {
        const struct tw_explanation_neighbour *neighbour = &v->neighbours[i];
        bool is_same = neighbour->similarity > all_but_equal;
        char key[SHOWN_KEY];
        tw_printable(neighbour->key, key, sizeof key);
        status = tw_buffer_printf(out, error, "%10.4f  %-*.*s  %s%s\n", neighbour->similarity, width, width,
                                  neighbour->labels, key, is_same ? "  (the same photo)" : "");
    }
    return status;
}

enum tw_status tw_explanation_to_text(const struct tw_explanation_view *v, struct tw_buffer *out,
                                      struct tw_error *error)
{
    char key[SHOWN_KEY];
    tw_printable(v->key, key, sizeof key);
    enum tw_status status =
        tw_buffer_printf(out, error, "%s: %s, score %.4f (%s)\n", key, v->label, v->score, v->sureness);
    if (status == TW_OK && strcmp(v->label, v->prediction) != 0)
        status = tw_buffer_printf(out, error, "the model's own answer is %s\n", v->prediction);
    if (status == TW_OK)
        status = put_map(v, out, error);
    return status == TW_OK ? put_neighbours(v, out, error) : status;
}
