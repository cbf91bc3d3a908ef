#include "report/sections/sections.h"

static bool has_content(const struct tw_report *report)
{
    return report->fact_count > 0;
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    tw_html(page, "<dl class=\"facts\">\n");
    for (size_t i = 0; i < r->fact_count; i++)
        tw_html(page, "<dt>%s</dt><dd><bdi>%s</bdi></dd>\n", r->facts[i].name, r->facts[i].value);
    tw_html(page, "</dl>\n");
}

const struct tw_section tw_section_provenance = {"provenance", "What it was made from", has_content, write};
