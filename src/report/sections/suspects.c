#include "report/sections/sections.h"

#include "base/text.h"

enum { SHOWN = 24 };

static bool has_content(const struct tw_report *report)
{
    return report->has_doubts;
}

static void write_suspect(struct tw_page *page, const struct tw_report_suspect *suspect)
{
    const struct tw_report *r = page->report;
    const char *name = tw_base_name(suspect->key);
    tw_html(page, "<li class=\"photo wrong\"><figure>");
    tw_html_picture(page, suspect->key);
    tw_html(page,
            "<figcaption><span class=\"name\" title=\"%s\"><bdi>%s</bdi></span><span class=\"truth\">labelled "
            "<bdi>%s</bdi>, %.0f %%</span><span class=\"verdict\">looks like <bdi>%s</bdi>, %.0f %%</span>"
            "</figcaption></figure></li>\n",
            suspect->key, name, r->labels[suspect->label], 100 * suspect->own, r->labels[suspect->suggested],
            100 * suspect->other);
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    const char *things = r->has_photos ? "photos" : "examples";
    if (!r->suspect_count) {
        tw_html(page, "<p>Heads that had not learnt from them doubt no label of the %zu training %s.</p>\n",
                r->train_count, things);
        return;
    }
    tw_html(page,
            "<p>Of the %zu training %s, %zu have a label that heads which had not learnt from them find unlikely, the "
            "most doubtful first. Not all are wrong: some are merely hard.</p>\n<ul class=\"photos\">\n",
            r->train_count, things, r->suspect_count);
    for (size_t i = 0; i < r->suspect_count && i < SHOWN; i++)
        write_suspect(page, &r->suspects[i]);
    tw_html(page, "</ul>\n");
    if (r->suspect_count > SHOWN)
        tw_html(page, "<p>%zu more are not shown here.</p>\n", r->suspect_count - SHOWN);
    if (r->input) {
        tw_html(page, "<p>To list them all and decide about each:</p>\n<pre tabindex=\"0\"><code>topwork check ");
        tw_html_word(page, r->input, "");
        tw_html(page, " --suspects -o ");
        tw_html_word(page, r->run, "-checked");
        tw_html(page, "</code></pre>\n");
    }
}

const struct tw_section tw_section_suspects = {"suspects", "Labels that may be wrong", has_content, write};
