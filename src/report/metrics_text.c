#include "report/metrics_text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST_MATRIX = 20, MOST_PAIRS = 20, LABEL_CELL = 24 };

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *confusion_of(const struct tw_metrics_view *m)
{
    if (m->confusion == NULL)
        return json_null();
    json_t *rows = json_array();
    for (size_t i = 0; i < m->class_count; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < m->class_count; j++)
            json_array_append_new(row, json_integer((json_int_t)m->confusion[i * m->class_count + j]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *pairs_of(const struct tw_metrics_view *m)
{
    json_t *pairs = json_array();
    for (size_t i = 0; i < m->pair_count; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_integer((json_int_t)m->pairs[i].truth));
        json_array_append_new(pair, json_integer((json_int_t)m->pairs[i].prediction));
        json_array_append_new(pair, json_integer((json_int_t)m->pairs[i].count));
        json_array_append_new(pairs, pair);
    }
    return pairs;
}

/* Each number by its name, and the intervals of those that have one. */
static void put_numbers(json_t *object, const struct tw_number *numbers, size_t count)
{
    json_t *intervals = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(object, numbers[i].name, number(numbers[i].value));
        if (!isfinite(numbers[i].low))
            continue;
        json_t *interval = json_array();
        json_array_append_new(interval, number(numbers[i].low));
        json_array_append_new(interval, number(numbers[i].high));
        json_object_set_new(intervals, numbers[i].name, interval);
    }
    json_object_set_new(object, "intervals", intervals);
}

static json_t *classes_of(const struct tw_metrics_view *m)
{
    json_t *classes = json_array();
    for (size_t i = 0; i < m->class_count; i++) {
        json_t *class = json_object();
        json_object_set_new(class, "label", json_string(m->labels[i]));
        json_object_set_new(class, "count", json_integer((json_int_t)m->class_counts[i]));
        json_object_set_new(class, "predicted", json_integer((json_int_t)m->predicted_counts[i]));
        put_numbers(class, m->class_measures + i * m->class_measure_count, m->class_measure_count);
        json_array_append_new(classes, class);
    }
    return classes;
}

enum tw_status tw_metrics_to_json(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    json_t *root = json_object(), *labels = json_array();
    for (size_t i = 0; i < m->class_count; i++)
        json_array_append_new(labels, json_string(m->labels[i]));
    put_numbers(root, m->measures, m->measure_count);
    json_object_set_new(root, "resamples", json_integer((json_int_t)m->resamples));
    json_object_set_new(root, "count", json_integer((json_int_t)m->count));
    json_object_set_new(root, "labels", labels);
    json_object_set_new(root, "confusion", confusion_of(m));
    if (m->confusion == NULL)
        json_object_set_new(root, "confusion_pairs", pairs_of(m));
    json_object_set_new(root, "per_class", classes_of(m));
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (text == NULL)
        return tw_fail(error, TW_NO_MEMORY, "the metrics do not fit into memory");
    enum tw_status status = tw_buffer_append_text(out, text, error);
    free(text);
    return status == TW_OK ? tw_buffer_append_text(out, "\n", error) : status;
}

static int label_width(const struct tw_metrics_view *m)
{
    size_t width = 5;
    for (size_t i = 0; i < m->class_count; i++) {
        size_t length = strlen(m->labels[i]);
        width = length > width ? length : width;
    }
    return (int)(width < LABEL_CELL ? width : LABEL_CELL);
}

static enum tw_status put_matrix(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    int width = label_width(m), cell = width < 10 ? width : 10;
    enum tw_status status = tw_buffer_printf(out, error, "\n%-*s  predicted\n%-*s", width, "", width, "truth");
    for (size_t j = 0; j < m->class_count && status == TW_OK; j++)
        status = tw_buffer_printf(out, error, "  %*.*s", cell, cell, m->labels[j]);
    for (size_t i = 0; i < m->class_count && status == TW_OK; i++) {
        status = tw_buffer_printf(out, error, "\n%-*.*s", width, width, m->labels[i]);
        for (size_t j = 0; j < m->class_count && status == TW_OK; j++)
            status = tw_buffer_printf(out, error, "  %*zu", cell, m->confusion[i * m->class_count + j]);
    }
    return status == TW_OK ? tw_buffer_append_text(out, "\n", error) : status;
}

/* With many classes only the pairs that are most often taken for another, ties in the order of the labels. */
static enum tw_status put_pairs(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    size_t below = SIZE_MAX, shown = 0;
    enum tw_status status = tw_buffer_append_text(out, "\nmost often taken for another\n", error);
    while (shown < MOST_PAIRS && status == TW_OK) {
        size_t most = 0;
        for (size_t i = 0; i < m->pair_count; i++) {
            const struct tw_confused_view *pair = &m->pairs[i];
            if (pair->truth != pair->prediction && pair->count > most && pair->count < below)
                most = pair->count;
        }
        if (most == 0)
            break;
        for (size_t i = 0; i < m->pair_count && shown < MOST_PAIRS && status == TW_OK; i++) {
            const struct tw_confused_view *pair = &m->pairs[i];
            if (pair->truth == pair->prediction || pair->count != most)
                continue;
            status = tw_buffer_printf(out, error, "%6zu  %s -> %s\n", most, m->labels[pair->truth],
                                      m->labels[pair->prediction]);
            shown++;
        }
        below = most;
    }
    return status;
}

static void share(double value, char out[16])
{
    if (isfinite(value))
        snprintf(out, 16, "%.1f %%", 100 * value);
    else
        snprintf(out, 16, "-");
}

static double value_of(const struct tw_number *numbers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(numbers[i].name, name) == 0)
            return numbers[i].value;
    }
    return NAN;
}

static enum tw_status put_classes(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    static const char *const shown[] = {"precision", "recall", "f1"};
    int width = label_width(m);
    enum tw_status status = tw_buffer_printf(out, error, "\n%-*s  %6s  %9s  %9s  %9s\n", width, "label", "count",
                                             "precision", "recall", "f1");
    for (size_t i = 0; i < m->class_count && status == TW_OK; i++) {
        const struct tw_number *numbers = m->class_measures + i * m->class_measure_count;
        char cells[3][16];
        for (size_t j = 0; j < 3; j++)
            share(value_of(numbers, m->class_measure_count, shown[j]), cells[j]);
        status = tw_buffer_printf(out, error, "%-*.*s  %6zu  %9s  %9s  %9s\n", width, width, m->labels[i],
                                  m->class_counts[i], cells[0], cells[1], cells[2]);
    }
    return status;
}

/* How far the accuracy can be trusted. Resamples of rows that are all right are all right too: there the bound that would
 * still let so many go well in a row, one time in twenty, says more. */
static enum tw_status put_trust(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    const struct tw_number *accuracy = &m->measures[0];
    char low[16], high[16];
    if (!isfinite(accuracy->low) || m->count == 0)
        return TW_OK;
    share(accuracy->low, low);
    share(accuracy->high, high);
    if (accuracy->value >= 1) {
        share(pow(0.05, 1 / (double)m->count), low);
        return tw_buffer_printf(
            out, error, "all are right; %zu examples cannot tell that from an accuracy of %s or more\n", m->count, low);
    }
    if (accuracy->value <= 0) {
        share(1 - pow(0.05, 1 / (double)m->count), high);
        return tw_buffer_printf(
            out, error, "none is right; %zu examples cannot tell that from an accuracy of up to %s\n", m->count, high);
    }
    return tw_buffer_printf(out, error, "another %zu such examples would give an accuracy between %s and %s (95 %%)\n",
                            m->count, low, high);
}

enum tw_status tw_metrics_to_text(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    char accuracy[16];
    share(m->measures[0].value, accuracy);
    enum tw_status status = tw_buffer_printf(out, error, "accuracy %s on %zu examples, log loss %.4f\n", accuracy,
                                             m->count, value_of(m->measures, m->measure_count, "log_loss"));
    if (status == TW_OK)
        status = put_trust(m, out, error);
    if (status == TW_OK)
        status = m->class_count <= WIDEST_MATRIX ? put_matrix(m, out, error) : put_pairs(m, out, error);
    return status == TW_OK ? put_classes(m, out, error) : status;
}
