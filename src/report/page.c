#include "report/page.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "report/html.h"
#include "report/sections/sections.h"
#include "storage/storage.h"

#include <openssl/evp.h>
#include <string.h>

/* page/report.css, as sources.S has it. */
extern const char tw_report_style[], tw_report_style_end[];

static void put_style(struct tw_page *page)
{
    if (!page->status)
        page->status = tw_buffer_append(&page->html, tw_report_style, (size_t)(tw_report_style_end - tw_report_style),
                                        page->error);
}

/* Nothing is loaded and nothing runs: the policy allows the one style sheet by its hash and pictures that are inside. */
static void write_head(struct tw_page *page, const char *title)
{
    struct tw_digest digest = {{0}};
    char hash[48] = "";
    struct tw_span style = tw_span_of(tw_report_style, (size_t)(tw_report_style_end - tw_report_style));
    if (!page->status)
        page->status = tw_digest_of(style, &digest, page->error);
    EVP_EncodeBlock((unsigned char *)hash, digest.bytes, TW_DIGEST_BYTES);
    tw_html(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'sha256-%s'; "
        "base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s: topwork "
        "report</title>\n<style>",
        hash, title);
    put_style(page);
    tw_html(page, "</style>\n</head>\n");
}

static void write_navigation(struct tw_page *page)
{
    tw_html(page, "<nav aria-label=\"Sections\"><ul>\n");
    for (size_t i = 0; tw_sections[i]; i++) {
        if (tw_sections[i]->has_content(page->report))
            tw_html(page, "<li><a href=\"#%s\">%s</a></li>\n", tw_sections[i]->id, tw_sections[i]->title);
    }
    tw_html(page, "</ul></nav>\n");
}

static void write_body(struct tw_page *page, const char *title)
{
    tw_html(page,
            "<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n<header><h1><bdi>%s</bdi></h1><p>Report "
            "of a classifier trained by topwork</p></header>\n",
            title);
    write_navigation(page);
    tw_html(page, "<main id=\"main\">\n");
    for (size_t i = 0; tw_sections[i]; i++) {
        const struct tw_section *section = tw_sections[i];
        if (!section->has_content(page->report))
            continue;
        tw_html(page, "<section id=\"%s\" aria-labelledby=\"%s-title\"><h2 id=\"%s-title\">%s</h2>\n", section->id,
                section->id, section->id, section->title);
        section->write(page);
        tw_html(page, "</section>\n");
    }
    tw_html(page, "</main>\n<svg class=\"pictures\" aria-hidden=\"true\" width=\"0\" height=\"0\"><defs>\n");
    if (!page->status)
        page->status = tw_buffer_append(&page->html, page->pictures.data, page->pictures.size, page->error);
    tw_html(page, "</defs></svg>\n</body>\n</html>\n");
}

enum tw_status tw_page_write(const char *run, const struct tw_report *report, struct tw_error *error)
{
    struct tw_page page = {.report = report, .error = error};
    char *path = tw_uri_join(run, "report.html");
    const char *name = tw_base_name(run);
    if (!path)
        page.status = tw_fail_memory(error, strlen(run), "a path");
    write_head(&page, *name ? name : run);
    write_body(&page, *name ? name : run);
    if (!page.status)
        page.status = tw_storage_write(path, tw_buffer_span(&page.html), error);
    tw_free(path);
    tw_free(page.shown);
    tw_buffer_release(&page.html);
    tw_buffer_release(&page.pictures);
    tw_buffer_release(&page.scratch);
    return page.status;
}
