#include "report/sections/sections.h"

#include "base/memory.h"

#include <stdlib.h>

enum { WIDEST = 30, MOST_PAIRS = 50, MOST_OF_A_CELL = 24, MOST_OF_RIGHT = 6 };

static size_t shade(size_t count, size_t of)
{
    return of && count ? 1 + (9 * count + of / 2) / of : 0;
}

static void write_row(struct tw_page *page, size_t truth)
{
    const struct tw_metrics_view *m = page->report->metrics;
    size_t n = m->class_count;
    tw_html(page, "<tr><th scope=\"row\"><bdi>%s</bdi></th>", m->labels[truth]);
    for (size_t j = 0; j < n; j++) {
        size_t count = m->confusion[truth * n + j];
        tw_html(page, "<td class=\"%s s%zu\">", truth == j ? "hit" : "miss", shade(count, m->class_counts[truth]));
        if (count)
            tw_html(page, "<a href=\"#cell-%zu-%zu\" aria-label=\"%zu of %s taken for %s: show them\">%zu</a>", truth,
                    j, count, m->labels[truth], m->labels[j], count);
        else
            tw_html(page, "<span class=\"none\">0</span>");
        tw_html(page, "</td>");
    }
    tw_html(page, "<td class=\"sum\">%zu</td></tr>\n", m->class_counts[truth]);
}

static void write_matrix(struct tw_page *page)
{
    const struct tw_metrics_view *m = page->report->metrics;
    tw_html(page,
            "<p>A row is what photos are labelled, a column what they were taken for. Choose a number to see its "
            "photos.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion matrix\"><table "
            "class=\"matrix\"><caption>Labelled (rows), taken for (columns)</caption><thead><tr><td></td>");
    for (size_t j = 0; j < m->class_count; j++)
        tw_html(page, "<th scope=\"col\"><span><bdi>%s</bdi></span></th>", m->labels[j]);
    tw_html(page, "<th scope=\"col\"><span>all</span></th></tr></thead><tbody>\n");
    for (size_t i = 0; i < m->class_count; i++)
        write_row(page, i);
    tw_html(page, "</tbody></table></div>\n");
}

static int compare_pairs(const void *a, const void *b)
{
    const struct tw_confused_view *left = a, *right = b;
    bool is_left_right = left->truth == left->prediction, is_right_right = right->truth == right->prediction;
    if (is_left_right != is_right_right)
        return is_left_right ? 1 : -1;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (left->truth != right->truth)
        return left->truth < right->truth ? -1 : 1;
    return (left->prediction > right->prediction) - (left->prediction < right->prediction);
}

static void write_pairs(struct tw_page *page, const struct tw_confused_view *pairs, size_t count)
{
    const struct tw_metrics_view *m = page->report->metrics;
    tw_html(page,
            "<p>The most frequent mistakes; with %zu classes the whole matrix would not be readable.</p>\n<div "
            "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Mistakes\"><table><thead><tr><th "
            "scope=\"col\">labelled</th><th scope=\"col\">taken for</th><th "
            "scope=\"col\" class=\"number\">how often</th></tr></thead><tbody>\n",
            m->class_count);
    for (size_t i = 0; i < count && i < MOST_PAIRS; i++) {
        const struct tw_confused_view *pair = &pairs[i];
        if (pair->truth != pair->prediction)
            tw_html(page,
                    "<tr><th scope=\"row\"><bdi>%s</bdi></th><td><bdi>%s</bdi></td><td class=\"number\"><a "
                    "href=\"#cell-%zu-%zu\">%zu of %zu</a></td></tr>\n",
                    m->labels[pair->truth], m->labels[pair->prediction], pair->truth, pair->prediction, pair->count,
                    m->class_counts[pair->truth]);
    }
    tw_html(page, "</tbody></table></div>\n");
}

/* The photos of a cell, hidden until its link is followed. */
static void write_cell(struct tw_page *page, const struct tw_confused_view *pair)
{
    const struct tw_report *r = page->report;
    size_t shown = 0, most = pair->truth == pair->prediction ? MOST_OF_RIGHT : MOST_OF_A_CELL;
    tw_html(page,
            "<section class=\"cell\" id=\"cell-%zu-%zu\" tabindex=\"-1\"><h3>%zu labelled <bdi>%s</bdi>, taken for "
            "<bdi>%s</bdi></h3>\n<ul class=\"photos\">\n",
            pair->truth, pair->prediction, pair->count, r->labels[pair->truth], r->labels[pair->prediction]);
    for (size_t i = 0; i < r->photo_count && shown < most; i++) {
        if (r->photos[i].truth == pair->truth && r->photos[i].prediction == pair->prediction) {
            tw_html_photo(page, i);
            shown++;
        }
    }
    tw_html(page, "</ul>\n");
    if (shown < pair->count)
        tw_html(page, "<p>%zu more are in predictions.csv.</p>\n", pair->count - shown);
    tw_html(page, "<p><a href=\"#confusion\">Back to the matrix</a></p></section>\n");
}

static void write(struct tw_page *page)
{
    const struct tw_metrics_view *m = page->report->metrics;
    struct tw_confused_view *pairs = tw_alloc(m->pair_count + 1, sizeof *pairs);
    if (!pairs) {
        page->status = tw_fail_memory(page->error, m->pair_count * sizeof *pairs, "the report");
        return;
    }
    for (size_t i = 0; i < m->pair_count; i++)
        pairs[i] = m->pairs[i];
    qsort(pairs, m->pair_count, sizeof *pairs, compare_pairs);
    bool has_matrix = m->confusion && m->class_count <= WIDEST;
    if (has_matrix)
        write_matrix(page);
    else
        write_pairs(page, pairs, m->pair_count);
    for (size_t i = 0; i < m->pair_count && (has_matrix || i < MOST_PAIRS); i++)
        write_cell(page, &pairs[i]);
    tw_free(pairs);
}

const struct tw_section tw_section_confusion = {"confusion", "What is taken for what", tw_section_has_metrics, write};
