#include "report/comparison_text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { VERDICT = 1200 };

/* By the usual level of 5 %. */
static void judge(const struct tw_comparison_view *v, char verdict[VERDICT])
{
    bool is_b = v->only_b > v->only_a;
    const char *better = is_b ? v->name_b : v->name_a, *other = is_b ? v->name_a : v->name_b;
    size_t more = is_b ? v->only_b : v->only_a, fewer = is_b ? v->only_a : v->only_b;
    if (v->only_a + v->only_b == 0)
        snprintf(verdict, VERDICT, "%s and %s are right and wrong on the very same examples.", v->name_a, v->name_b);
    else if (v->p_value < 0.05)
        snprintf(
            verdict, VERDICT,
            "%s is better than %s: it alone is right on %zu examples, the other alone on %zu, and equally good models "
            "would differ so much in %.2g %% of such comparisons.",
            better, other, more, fewer, 100 * v->p_value);
    else
        snprintf(verdict, VERDICT,
                 "%zu examples do not tell whether %s or %s is better: each alone is right on %zu and %zu of them, and "
                 "equally "
                 "good models would differ so much in %.2g %% of such comparisons.",
                 v->count, v->name_a, v->name_b, v->only_a, v->only_b, 100 * v->p_value);
}

static json_t *gain(double value, double low, double high)
{
    json_t *object = json_object();
    json_object_set_new(object, "value", json_real(value));
    json_object_set_new(object, "low", json_real(low));
    json_object_set_new(object, "high", json_real(high));
    return object;
}

static json_t *side(const char *name, double accuracy, double log_loss)
{
    json_t *object = json_object();
    json_object_set_new(object, "model", json_string(name));
    json_object_set_new(object, "accuracy", json_real(accuracy));
    json_object_set_new(object, "log_loss", json_real(log_loss));
    return object;
}

enum tw_status tw_comparison_to_json(const struct tw_comparison_view *v, struct tw_buffer *out, struct tw_error *error)
{
    char verdict[VERDICT];
    json_t *root = json_object();
    judge(v, verdict);
    json_object_set_new(root, "a", side(v->name_a, v->accuracy_a, v->log_loss_a));
    json_object_set_new(root, "b", side(v->name_b, v->accuracy_b, v->log_loss_b));
    json_object_set_new(root, "count", json_integer((json_int_t)v->count));
    json_object_set_new(root, "only_a_right", json_integer((json_int_t)v->only_a));
    json_object_set_new(root, "only_b_right", json_integer((json_int_t)v->only_b));
    json_object_set_new(root, "p_value", json_real(v->p_value));
    json_object_set_new(root, "accuracy_gain", gain(v->accuracy_b - v->accuracy_a, v->accuracy_low, v->accuracy_high));
    json_object_set_new(root, "log_loss_gain", gain(v->log_loss_a - v->log_loss_b, v->loss_low, v->loss_high));
    json_object_set_new(root, "verdict", json_string(verdict));
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (text == NULL)
        return tw_fail(error, TW_NO_MEMORY, "the comparison does not fit into memory");
    enum tw_status status = tw_buffer_printf(out, error, "%s\n", text);
    free(text);
    return status;
}

enum tw_status tw_comparison_to_text(const struct tw_comparison_view *v, struct tw_buffer *out, struct tw_error *error)
{
    char verdict[VERDICT];
    judge(v, verdict);
    return tw_buffer_printf(
        out, error,
        "A  %s: accuracy %.1f %%, log loss %.4f\nB  %s: accuracy %.1f %%, log loss %.4f\n"
        "B less A: accuracy %+.1f points (95 %%: %+.1f to %+.1f), McNemar's exact p %.4g, on %zu examples\n%s\n",
        v->name_a, 100 * v->accuracy_a, v->log_loss_a, v->name_b, 100 * v->accuracy_b, v->log_loss_b,
        100 * (v->accuracy_b - v->accuracy_a), 100 * v->accuracy_low, 100 * v->accuracy_high, v->p_value, v->count,
        verdict);
}
