#include "report/sections/sections.h"

enum { MOST_ROWS = 100 };

static bool has_content(const struct tw_report *report)
{
    return report->double_count > 0;
}

static void write_row(struct tw_page *page, const struct tw_report_double *twice)
{
    tw_html(page, "<tr><th scope=\"row\" class=\"key\"><bdi>%s</bdi></th><td>", twice->key);
    if (twice->other)
        tw_html(page, "the same as <bdi>%s</bdi>, under the same label", twice->other);
    else
        tw_html(page, "%s", twice->reason);
    tw_html(page, "</td></tr>\n");
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    size_t conflicts = 0;
    for (size_t i = 0; i < r->double_count; i++)
        conflicts += r->doubles[i].is_conflict;
    tw_html(page, "<p>%zu photos stand in the input more than once.", r->double_count);
    if (conflicts)
        tw_html(page,
                " %zu of them under different labels: nobody can know which is right, so none of those was used. "
                "Keep one and remove the others.",
                conflicts);
    tw_html(page, "</p>\n");
    tw_html_table(page, "Photos that stand there more than once");
    tw_html(page, "<thead><tr><th scope=\"col\">photo</th><th scope=\"col\">where else</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->double_count && i < MOST_ROWS; i++)
        write_row(page, &r->doubles[i]);
    tw_html_table_end(page);
    if (r->double_count > MOST_ROWS)
        tw_html(page, "<p>%zu more are in audit.csv.</p>\n", r->double_count - MOST_ROWS);
}

const struct tw_section tw_section_doubles = {"doubles", "Photos that stand there twice", has_content, write};
