#include "report/sections/sections.h"

#include <math.h>

enum { FEW_PHOTOS = 20 };

static bool has_content(const struct tw_report *report)
{
    return report->class_count > 0;
}

static void write_accuracy(struct tw_page *page, const char *things)
{
    const struct tw_report *r = page->report;
    struct tw_number accuracy = tw_report_measure(r, "accuracy");
    size_t right = 0;
    for (size_t i = 0; i < r->photo_count; i++)
        right += r->photos[i].truth == r->photos[i].prediction;
    tw_html(page,
            "<p class=\"lead\"><strong>%zu of %zu</strong> %s that it never saw in training are classified correctly: ",
            right, r->photo_count, things);
    tw_html_percent(page, accuracy.value);
    if (right == r->photo_count && right > 0) {
        tw_html(page, ". So few cannot tell that from an accuracy of ");
        tw_html_percent(page, pow(0.05, 1 / (double)right));
        tw_html(page, " or more");
    } else if (right > 0 && !isnan(accuracy.low)) {
        tw_html(page, ". With other %s of the same kind expect between ", things);
        tw_html_percent(page, accuracy.low);
        tw_html(page, " and ");
        tw_html_percent(page, accuracy.high);
    }
    tw_html(page, ".</p>\n");
}

static void write_confusion(struct tw_page *page)
{
    const struct tw_metrics_view *m = page->report->metrics;
    const struct tw_confused_view *most = NULL;
    for (size_t i = 0; i < m->pair_count; i++) {
        bool is_wrong = m->pairs[i].truth != m->pairs[i].prediction;
        if (is_wrong && (!most || m->pairs[i].count > most->count))
            most = &m->pairs[i];
    }
    if (most)
        tw_html(page, "<li>Its most frequent mistake: <bdi>%s</bdi> taken for <bdi>%s</bdi>, %zu of %zu.</li>\n",
                m->labels[most->truth], m->labels[most->prediction], most->count, m->class_counts[most->truth]);
    else
        tw_html(page, "<li>It made no mistake: the evaluation set may be too small or too easy to tell more.</li>\n");
}

static void write_weakest(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    double least = INFINITY;
    size_t weakest = 0;
    for (size_t c = 0; c < r->class_count; c++) {
        double recall = tw_report_class_measure(r, c, "recall").value;
        if (recall < least) {
            least = recall;
            weakest = c;
        }
    }
    if (least >= 1)
        return;
    tw_html(page, "<li>Its weakest class: <bdi>%s</bdi>, of which it finds ", r->labels[weakest]);
    tw_html_percent(page, least);
    tw_html(page, " (%zu to learn from).</li>\n", r->train_counts[weakest]);
}

static void write_advice(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    size_t few = 0, first = 0;
    for (size_t c = 0; c < r->class_count; c++) {
        if (r->train_counts[c] >= FEW_PHOTOS)
            continue;
        first = few ? first : c;
        few++;
    }
    if (few == 1)
        tw_html(page, "<li><bdi>%s</bdi> has only %zu examples to learn from: more would help most there.</li>\n",
                r->labels[first], r->train_counts[first]);
    else if (few)
        tw_html(page, "<li>%zu classes have fewer than %d examples to learn from: more would help most there.</li>\n",
                few, FEW_PHOTOS);
    if (r->skip_count)
        tw_html(page, "<li>%zu of %zu photos were not used: <a href=\"#audit\">see why</a>.</li>\n", r->skip_count,
                r->input_count);
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    const char *things = r->has_photos ? "photos" : "examples";
    if (tw_section_has_metrics(r))
        write_accuracy(page, things);
    else
        tw_html(page, "<p class=\"lead\">Nothing was kept aside to evaluate on, so how good the model is, is not known."
                      " Train with --eval or --eval-share to know.</p>\n");
    tw_html(page, "<ul>\n<li>It tells %zu classes, learnt from %zu %s.</li>\n", r->class_count, r->train_count, things);
    if (tw_section_has_metrics(r)) {
        write_confusion(page);
        write_weakest(page);
    }
    write_advice(page);
    tw_html(page, "</ul>\n");
}

const struct tw_section tw_section_summary = {"summary", "In short", has_content, write};
