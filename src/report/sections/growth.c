#include "report/sections/sections.h"

enum { MOST_CLASSES = 200 };

static bool has_content(const struct tw_report *report)
{
    return report->growth != NULL;
}

static void write_change(struct tw_page *page, double before, double after)
{
    tw_html(page, "<td class=\"number\">");
    tw_html_percent(page, before);
    tw_html(page, "</td><td class=\"number\">");
    tw_html_percent(page, after);
    tw_html(page, "</td>");
}

static void write_row(struct tw_page *page, const struct tw_class_growth *class)
{
    tw_html(page, "<tr><th scope=\"row\"><bdi>%s</bdi>", class->label);
    if (!class->was)
        tw_html(page, " <small>new</small>");
    tw_html(page, "</th><td><bdi>%s</bdi></td><td class=\"number\">%zu</td>", class->was ? class->was : "–",
            class->count);
    write_change(page, class->recall_before, class->recall_after);
    write_change(page, class->precision_before, class->precision_after);
    tw_html(page, "</tr>\n");
}

static void write_verdict(struct tw_page *page)
{
    const struct tw_growth *g = page->report->growth;
    tw_html(page, "<p class=\"lead\">On the %zu photos that the run before held out too, accuracy went from ",
            g->count);
    tw_html_percent(page, g->accuracy_before);
    tw_html(page, " to ");
    tw_html_percent(page, g->accuracy_after);
    tw_html(
        page,
        ".</p>\n<p>%zu of them only the model before gets right, %zu only this one: models that are equally good would "
        "differ so much in %.0f %% of such comparisons. It learnt from %zu examples, the one before from %zu.</p>\n",
        g->only_before, g->only_after, 100 * g->p_value, g->train_after, g->train_before);
}

static void write(struct tw_page *page)
{
    const struct tw_growth *g = page->report->growth;
    if (g->count)
        write_verdict(page);
    else
        tw_html(page, "<p>No photo that the run before held out is left to compare the two models on.</p>\n");
    tw_html_table(page, "Classes before and after");
    tw_html(
        page,
        "<thead><tr><th scope=\"col\">class</th><th scope=\"col\">was</th><th scope=\"col\" class=\"number\">compared "
        "on</th><th scope=\"col\" class=\"number\">found before</th><th scope=\"col\" class=\"number\">found now</th>"
        "<th scope=\"col\" class=\"number\">precision before</th><th scope=\"col\" class=\"number\">precision "
        "now</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < g->class_count && i < MOST_CLASSES; i++)
        write_row(page, &g->classes[i]);
    tw_html_table_end(page);
    if (g->class_count > MOST_CLASSES)
        tw_html(page, "<p>The other %zu classes are left out here.</p>\n", g->class_count - MOST_CLASSES);
    for (size_t i = 0; i < g->removed_count; i++)
        tw_html(page, "%s<bdi>%s</bdi>%s", i ? ", " : "<p>Classes that are no more: ", g->removed[i],
                i + 1 == g->removed_count ? ".</p>\n" : "");
}

const struct tw_section tw_section_growth = {"growth", "What changed since the run before", has_content, write};
