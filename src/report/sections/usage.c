#include "report/sections/sections.h"

#include <string.h>

static bool has_content(const struct tw_report *report)
{
    return report->run != NULL;
}

/* A word for a shell: in single quotes where it holds anything but what every shell leaves alone. */
static void write_word(struct tw_page *page, const char *folder, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    bool is_plain = *folder && strspn(folder, plain) == strlen(folder) && *folder != '-';
    if (is_plain) {
        tw_html(page, "%s%s", folder, name);
        return;
    }
    tw_html(page, "'");
    for (const char *at = folder; *at;) {
        size_t part = strcspn(at, "'");
        char piece[256];
        part = part < sizeof piece - 1 ? part : sizeof piece - 1;
        memcpy(piece, at, part);
        piece[part] = 0;
        tw_html(page, "%s", piece);
        at += part;
        if (*at == '\'') {
            tw_html(page, "'\\''");
            at++;
        }
    }
    tw_html(page, "%s'", name);
}

static void begin(struct tw_page *page, const char *purpose)
{
    tw_html(page, "<dt>%s</dt><dd><pre tabindex=\"0\"><code>", purpose);
}

static void end(struct tw_page *page)
{
    tw_html(page, "</code></pre></dd>\n");
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    tw_html(page, "<dl class=\"commands\">\n");
    if (r->has_backbone && r->example) {
        begin(page, "Ask it about a photo");
        tw_html(page, "topwork predict ");
        write_word(page, r->run, "/model.onnx");
        tw_html(page, " ");
        write_word(page, r->example, "");
        end(page);
    }
    if (r->input) {
        begin(page, "Measure it again; photos that it has not learnt from give the honest figure");
        tw_html(page, "topwork evaluate ");
        write_word(page, r->run, "");
        tw_html(page, " ");
        write_word(page, r->input, "");
        end(page);
    }
    begin(page, "What the run did");
    tw_html(page, "topwork logs ");
    write_word(page, r->run, "");
    end(page);
    begin(page, "Curves, weights and embeddings in TensorBoard");
    tw_html(page, "tensorboard --logdir ");
    write_word(page, r->run, "/events");
    end(page);
    tw_html(page,
            "</dl>\n<p>model.onnx is one file: it holds network, labels and how a photo becomes its input, and ONNX "
            "Runtime opens it too.</p>\n");
}

const struct tw_section tw_section_usage = {"usage", "How to use it", has_content, write};
