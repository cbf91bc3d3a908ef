#include "report/sections/sections.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool has_content(const struct tw_report *report)
{
    return report->recipe_json && strstr(report->recipe_json, "\"candidates\":[");
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* What distinguishes a candidate besides head and features: the first number that is none of the figures of all. */
static void setting_of(const json_t *candidate, char *out, size_t size)
{
    static const char *const figures[] = {"temperature", "log_loss", "accuracy"};
    const char *key;
    json_t *value;
    size_t used = 0;
    out[0] = 0;
    json_object_foreach((json_t *)(uintptr_t)candidate, key, value)
    {
        bool is_figure = !json_is_number(value);
        for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
            is_figure |= strcmp(key, figures[i]) == 0;
        if (is_figure || used >= size)
            continue;
        int written = snprintf(out + used, size - used, "%s%s %g", used ? ", " : "", key, json_number_value(value));
        used += written > 0 ? (size_t)written : 0;
    }
}

static bool is_chosen(const json_t *recipe, const json_t *candidate)
{
    const json_t *chosen = json_object_get(recipe, "chosen");
    for (size_t i = 0; i < json_array_size(chosen); i++) {
        if (json_equal(json_array_get(chosen, i), candidate))
            return true;
    }
    return false;
}

static void write_row(struct tw_page *page, const json_t *recipe, const json_t *candidate)
{
    char setting[120];
    bool is_taken = is_chosen(recipe, candidate);
    setting_of(candidate, setting, sizeof setting);
    tw_html(
        page,
        "<tr%s><th scope=\"row\">%s%s</th><td>%s</td><td>%s</td><td class=\"number\">%.4f</td><td class=\"number\">",
        is_taken ? " class=\"chosen\"" : "", text_of(candidate, "head"), is_taken ? " (taken)" : "",
        text_of(candidate, "of"), setting, number_of(candidate, "log_loss"));
    tw_html_percent(page, number_of(candidate, "accuracy"));
    tw_html(page, "</td></tr>\n");
}

static void write_sentence(struct tw_page *page, const json_t *recipe)
{
    const json_t *chosen = json_object_get(recipe, "chosen");
    tw_html(
        page,
        "<p>Each head below was judged on training examples that it had not learnt from, in %.0f folds; the "
        "evaluation examples had no part in it. Of those whose log loss lies within one standard error of the least, "
        "the simplest was taken: ",
        number_of(recipe, "folds"));
    for (size_t i = 0; i < json_array_size(chosen); i++)
        tw_html(page, "%s<strong>%s</strong> on %s", i ? ", blended with " : "",
                text_of(json_array_get(chosen, i), "head"), text_of(json_array_get(chosen, i), "of"));
    tw_html(page, ", with a log loss of %.4f and ", number_of(recipe, "log_loss"));
    tw_html_percent(page, number_of(recipe, "accuracy"));
    tw_html(page, " right there.</p>\n");
}

static void write(struct tw_page *page)
{
    json_t *recipe = json_loads(page->report->recipe_json, 0, NULL);
    const json_t *candidates = json_object_get(recipe, "candidates");
    write_sentence(page, recipe);
    tw_html(page, "<details><summary>All %zu that were tried</summary>", json_array_size(candidates));
    tw_html_table(page, "Heads that were tried");
    tw_html(page,
            "<thead><tr><th scope=\"col\">head</th><th scope=\"col\">on</th><th scope=\"col\">setting</th><th "
            "scope=\"col\" class=\"number\">log loss</th><th scope=\"col\" class=\"number\">right</th></tr></thead>"
            "<tbody>\n");
    for (size_t i = 0; i < json_array_size(candidates); i++)
        write_row(page, recipe, json_array_get(candidates, i));
    tw_html_table_end(page);
    tw_html(page, "</details>\n");
    json_decref(recipe);
}

const struct tw_section tw_section_choice = {"choice", "Which heads were tried", has_content, write};
