#include "report/sections/sections.h"

#include <math.h>

enum { MOST_CLASSES = 1000 };

static void write_measure(struct tw_page *page, struct tw_number number)
{
    tw_html(page, "<td class=\"number\">");
    tw_html_percent(page, number.value);
    if (!isnan(number.low) && !isnan(number.value))
        tw_html(page, " <small>%.0f–%.0f</small>", 100 * number.low, 100 * number.high);
    tw_html(page, "</td>");
}

static void write(struct tw_page *page)
{
    static const char *const names[] = {"precision", "recall", "f1", "average_precision"};
    static const char *const titles[] = {"precision", "recall", "F1", "average precision"};
    const struct tw_report *r = page->report;
    size_t shown = r->class_count < MOST_CLASSES ? r->class_count : MOST_CLASSES;
    tw_html(page, "<p>Precision: of what is taken for the class, how much is of it. Recall: of the class, how much is "
                  "found. Small numbers are the 95 %% interval.</p>\n<div class=\"scroll\" tabindex=\"0\" "
                  "role=\"region\" aria-label=\"Table of classes\"><table><thead><tr><th scope=\"col\">class</th><th "
                  "scope=\"col\" "
                  "class=\"number\">to learn from</th><th scope=\"col\" class=\"number\">evaluated</th>");
    for (size_t i = 0; i < 4; i++)
        tw_html(page, "<th scope=\"col\" class=\"number\">%s</th>", titles[i]);
    tw_html(page, "</tr></thead><tbody>\n");
    for (size_t c = 0; c < shown; c++) {
        tw_html(page,
                "<tr><th scope=\"row\"><bdi>%s</bdi></th><td class=\"number\">%zu</td><td class=\"number\">%zu</td>",
                r->labels[c], r->train_counts[c], r->metrics->class_counts[c]);
        for (size_t i = 0; i < 4; i++)
            write_measure(page, tw_report_class_measure(r, c, names[i]));
        tw_html(page, "</tr>\n");
    }
    tw_html(page, "</tbody></table></div>\n");
    if (shown < r->class_count)
        tw_html(page, "<p>The other %zu classes are in metrics.json.</p>\n", r->class_count - shown);
}

const struct tw_section tw_section_classes = {"classes", "Classes", tw_section_has_metrics, write};
