#include "report/sections/sections.h"

static bool has_content(const struct tw_report *report)
{
    return report->run != NULL;
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
        tw_html_word(page, r->run, "/model.onnx");
        tw_html(page, " ");
        tw_html_word(page, r->example, "");
        end(page);
        begin(page, "Ask it why: the nearest training photos, and the part of the photo that speaks for the answer");
        tw_html(page, "topwork explain ");
        tw_html_word(page, r->run, "");
        tw_html(page, " ");
        tw_html_word(page, r->example, "");
        end(page);
        begin(page, "Serve it over HTTP");
        tw_html(page, "topwork serve ");
        tw_html_word(page, r->run, "");
        end(page);
    }
    if (r->input) {
        begin(page, "Measure it again; photos that it has not learnt from give the honest figure");
        tw_html(page, "topwork evaluate ");
        tw_html_word(page, r->run, "");
        tw_html(page, " ");
        tw_html_word(page, r->input, "");
        end(page);
    }
    begin(page, "What the run did");
    tw_html(page, "topwork logs ");
    tw_html_word(page, r->run, "");
    end(page);
    begin(page, "Curves, weights and embeddings in TensorBoard");
    tw_html(page, "tensorboard --logdir ");
    tw_html_word(page, r->run, "/events");
    end(page);
    tw_html(page,
            "</dl>\n<p>model.onnx is one file: it holds network, labels and how a photo becomes its input, and ONNX "
            "Runtime opens it too.</p>\n");
}

const struct tw_section tw_section_usage = {"usage", "How to use it", has_content, write};
