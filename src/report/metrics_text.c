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
    json_t *rows = json_array();
    for (size_t i = 0; i < m->class_count; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < m->class_count; j++)
            json_array_append_new(row, json_integer((json_int_t)m->confusion[i * m->class_count + j]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *classes_of(const struct tw_metrics_view *m)
{
    json_t *classes = json_array();
    for (size_t i = 0; i < m->class_count; i++) {
        json_t *class = json_object();
        json_object_set_new(class, "label", json_string(m->labels[i]));
        json_object_set_new(class, "count", json_integer((json_int_t)m->class_counts[i]));
        json_object_set_new(class, "predicted", json_integer((json_int_t)m->predicted_counts[i]));
        json_object_set_new(class, "precision", number(m->precision[i]));
        json_object_set_new(class, "recall", number(m->recall[i]));
        json_object_set_new(class, "f1", number(m->f1[i]));
        json_array_append_new(classes, class);
    }
    return classes;
}

enum tw_status tw_metrics_to_json(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    json_t *root = json_object(), *labels = json_array();
    for (size_t i = 0; i < m->class_count; i++)
        json_array_append_new(labels, json_string(m->labels[i]));
    json_object_set_new(root, "accuracy", number(m->accuracy));
    json_object_set_new(root, "balanced_accuracy", number(m->balanced_accuracy));
    json_object_set_new(root, "macro_f1", number(m->macro_f1));
    json_object_set_new(root, "log_loss", number(m->log_loss));
    json_object_set_new(root, "count", json_integer((json_int_t)m->count));
    json_object_set_new(root, "labels", labels);
    json_object_set_new(root, "confusion", confusion_of(m));
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

/* With many classes only the pairs that are most often taken for another. */
static enum tw_status put_pairs(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    size_t n = m->class_count, below = SIZE_MAX, shown = 0;
    enum tw_status status = tw_buffer_append_text(out, "\nmost often taken for another\n", error);
    while (shown < MOST_PAIRS && status == TW_OK) {
        size_t most = 0;
        for (size_t i = 0; i < n * n; i++) {
            if (i / n != i % n && m->confusion[i] > most && m->confusion[i] < below)
                most = m->confusion[i];
        }
        if (most == 0)
            break;
        for (size_t i = 0; i < n * n && shown < MOST_PAIRS && status == TW_OK; i++) {
            if (i / n != i % n && m->confusion[i] == most) {
                status = tw_buffer_printf(out, error, "%6zu  %s -> %s\n", most, m->labels[i / n], m->labels[i % n]);
                shown++;
            }
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

static enum tw_status put_classes(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    int width = label_width(m);
    enum tw_status status = tw_buffer_printf(out, error, "\n%-*s  %6s  %9s  %9s  %9s\n", width, "label", "count",
                                             "precision", "recall", "f1");
    for (size_t i = 0; i < m->class_count && status == TW_OK; i++) {
        char precision[16], recall[16], f1[16];
        share(m->precision[i], precision);
        share(m->recall[i], recall);
        share(m->f1[i], f1);
        status = tw_buffer_printf(out, error, "%-*.*s  %6zu  %9s  %9s  %9s\n", width, width, m->labels[i],
                                  m->class_counts[i], precision, recall, f1);
    }
    return status;
}

enum tw_status tw_metrics_to_text(const struct tw_metrics_view *m, struct tw_buffer *out, struct tw_error *error)
{
    char accuracy[16];
    share(m->accuracy, accuracy);
    enum tw_status status =
        tw_buffer_printf(out, error, "accuracy %s on %zu examples, log loss %.4f\n", accuracy, m->count, m->log_loss);
    if (status == TW_OK)
        status = m->class_count <= WIDEST_MATRIX ? put_matrix(m, out, error) : put_pairs(m, out, error);
    return status == TW_OK ? put_classes(m, out, error) : status;
}
