#include "report/growth.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 20, WIDEST_LABEL = 24 };

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *class_of(const struct tw_class_growth *c)
{
    json_t *class = json_object();
    json_object_set_new(class, "label", json_string(c->label));
    json_object_set_new(class, "was", c->was != NULL ? json_string(c->was) : json_null());
    json_object_set_new(class, "count", json_integer((json_int_t)c->count));
    json_object_set_new(class, "precision_before", number(c->precision_before));
    json_object_set_new(class, "precision_after", number(c->precision_after));
    json_object_set_new(class, "recall_before", number(c->recall_before));
    json_object_set_new(class, "recall_after", number(c->recall_after));
    return class;
}

enum tw_status tw_growth_to_json(const struct tw_growth *g, struct tw_buffer *out, struct tw_error *error)
{
    json_t *root = json_object(), *classes = json_array(), *removed = json_array();
    for (size_t i = 0; i < g->class_count; i++)
        json_array_append_new(classes, class_of(&g->classes[i]));
    for (size_t i = 0; i < g->removed_count; i++)
        json_array_append_new(removed, json_string(g->removed[i]));
    json_object_set_new(root, "count", json_integer((json_int_t)g->count));
    json_object_set_new(root, "accuracy_before", number(g->accuracy_before));
    json_object_set_new(root, "accuracy_after", number(g->accuracy_after));
    json_object_set_new(root, "only_before", json_integer((json_int_t)g->only_before));
    json_object_set_new(root, "only_after", json_integer((json_int_t)g->only_after));
    json_object_set_new(root, "p_value", number(g->p_value));
    json_object_set_new(root, "train_before", json_integer((json_int_t)g->train_before));
    json_object_set_new(root, "train_after", json_integer((json_int_t)g->train_after));
    json_object_set_new(root, "per_class", classes);
    json_object_set_new(root, "removed", removed);
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (text == NULL)
        return tw_fail(error, TW_NO_MEMORY, "what has grown does not fit into memory");
    enum tw_status status = tw_buffer_append_text(out, text, error);
    free(text);
    return status;
}

static void share(double value, char out[16])
{
    if (isfinite(value))
        snprintf(out, 16, "%.1f %%", 100 * value);
    else
        snprintf(out, 16, "-");
}

static enum tw_status put_class(const struct tw_class_growth *c, int width, struct tw_buffer *out,
                                struct tw_error *error)
{
    char cells[4][16];
    const double values[] = {c->precision_before, c->precision_after, c->recall_before, c->recall_after};
    for (size_t i = 0; i < 4; i++)
        share(values[i], cells[i]);
    enum tw_status status = tw_buffer_printf(out, error, "%-*.*s  %6zu  %9s  %9s  %9s  %9s", width, width, c->label,
                                             c->count, cells[0], cells[1], cells[2], cells[3]);
    if (status == TW_OK && c->was == NULL)
        status = tw_buffer_append_text(out, "  new", error);
    else if (status == TW_OK && strcmp(c->was, c->label) != 0)
        status = tw_buffer_printf(out, error, "  was %s", c->was);
    return status == TW_OK ? tw_buffer_append_text(out, "\n", error) : status;
}

enum tw_status tw_growth_to_text(const struct tw_growth *g, struct tw_buffer *out, struct tw_error *error)
{
    char before[16], after[16];
    int width = 5;
    if (g->count == 0)
        return tw_buffer_append_text(
            out, "\nthe run before held no photo out that is still there: nothing to compare\n", error);
    share(g->accuracy_before, before);
    share(g->accuracy_after, after);
    enum tw_status status = tw_buffer_printf(out, error,
                                             "\nsince the run before, on the %zu photos that it held out: accuracy %s "
                                             "then, %s now; %zu right only then, %zu "
                                             "only now (McNemar's exact p %.3g)\n",
                                             g->count, before, after, g->only_before, g->only_after, g->p_value);
    for (size_t i = 0; i < g->class_count; i++) {
        int length = (int)strnlen(g->classes[i].label, WIDEST_LABEL);
        width = length > width ? length : width;
    }
    if (status == TW_OK)
        status = tw_buffer_printf(out, error, "\n%-*s  %6s  %20s  %20s\n%-*s  %6s  %9s  %9s  %9s  %9s\n", width, "", "",
                                  "precision", "recall", width, "label", "count", "then", "now", "then", "now");
    size_t shown = g->class_count < MOST_ROWS ? g->class_count : MOST_ROWS;
    for (size_t i = 0; i < shown && status == TW_OK; i++)
        status = put_class(&g->classes[i], width, out, error);
    if (status == TW_OK && shown < g->class_count)
        status = tw_buffer_printf(out, error, "the other %zu classes are in metrics.json\n", g->class_count - shown);
    return status;
}
