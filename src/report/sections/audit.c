#include "report/sections/sections.h"

enum { MOST_ROWS = 200 };

static bool has_content(const struct tw_report *report)
{
    return report->has_photos;
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    if (!r->skip_count) {
        tw_html(page, "<p>All %zu photos were used.</p>\n", r->input_count);
        return;
    }
    tw_html(page,
            "<p>%zu of %zu photos were used, %zu were not. audit.csv has a row for every photo.</p>\n<div "
            "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of photos that were not "
            "used\"><table><thead>"
            "<tr><th scope=\"col\">photo</th><th scope=\"col\">why it was not used</th></tr></thead><tbody>\n",
            r->input_count - r->skip_count, r->input_count, r->skip_count);
    for (size_t i = 0; i < r->skip_count && i < MOST_ROWS; i++)
        tw_html(page, "<tr><th scope=\"row\" class=\"key\"><bdi>%s</bdi></th><td>%s</td></tr>\n", r->skips[i].key,
                r->skips[i].reason);
    tw_html(page, "</tbody></table></div>\n");
    if (r->skip_count > MOST_ROWS)
        tw_html(page, "<p>%zu more are in audit.csv.</p>\n", r->skip_count - MOST_ROWS);
}

const struct tw_section tw_section_audit = {"audit", "Photos that were not used", has_content, write};
