#include "report/sections/sections.h"

#include <math.h>

enum { BINS = 10, LEFT = 58, TOP = 10, SIDE = 260 };

struct bin {
    size_t count, right;
    double score; /* sum */
};

/* Where the bars would reach without calibration. */
static void write_before(struct tw_page *page)
{
    const struct tw_calibration_view *c = page->report->calibration;
    for (int i = 0; c && c->temperature > 0 && i < TW_VIEW_BINS; i++) {
        const struct tw_bin_view *bin = &c->eval_before.bins[i];
        if (bin->count)
            tw_html(page, "<circle class=\"before\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", LEFT + SIDE * bin->confidence,
                    TOP + SIDE * (1 - bin->right));
    }
}

static void write_chart(struct tw_page *page, const struct bin bins[BINS])
{
    tw_html(page, "<svg class=\"chart\" viewBox=\"0 0 348 310\" role=\"img\" aria-label=\"Share of right answers over "
                  "score; the table below has the numbers\">\n");
    for (int i = 0; i <= 4; i++) {
        int y = TOP + SIDE - SIDE * i / 4, x = LEFT + SIDE * i / 4;
        tw_html(page,
                "<line class=\"grid\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/><text class=\"end\" x=\"%d\" "
                "y=\"%d\">%d %%</text><text class=\"middle\" x=\"%d\" y=\"%d\">%d %%</text>\n",
                LEFT, y, LEFT + SIDE, y, LEFT - 4, y + 4, 25 * i, x, TOP + SIDE + 16, 25 * i);
    }
    tw_html(page, "<text class=\"middle\" x=\"%d\" y=\"%d\">score</text>\n", LEFT + SIDE / 2, TOP + SIDE + 34);
    for (int i = 0; i < BINS; i++) {
        if (!bins[i].count)
            continue;
        double share = (double)bins[i].right / (double)bins[i].count;
        tw_html(page, "<rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>\n",
                LEFT + SIDE * i / BINS + 1, TOP + SIDE - SIDE * share, SIDE / BINS - 2, SIDE * share);
    }
    write_before(page);
    tw_html(page, "<line class=\"ideal\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/></svg>\n", LEFT, TOP + SIDE,
            LEFT + SIDE, TOP);
}

static void write_figures(struct tw_page *page, const char *of, const struct tw_reliability_view *before,
                          const struct tw_reliability_view *after)
{
    if (!after->count)
        return;
    tw_html(
        page,
        "<tr><th scope=\"row\">%zu %s</th><td class=\"number\">%.1f points</td><td class=\"number\">%.1f points</td>"
        "<td class=\"number\">%.4f</td><td class=\"number\">%.4f</td></tr>\n",
        after->count, of, 100 * before->error, 100 * after->error, before->log_loss, after->log_loss);
}

static void write_temperature(struct tw_page *page)
{
    const struct tw_calibration_view *c = page->report->calibration;
    const char *things = page->report->has_photos ? "photos" : "examples";
    if (!c || !(c->temperature > 0)) {
        tw_html(page, "<p>This head's scores are as it learnt them: they were not calibrated.</p>\n");
        return;
    }
    tw_html(
        page,
        "<p>A head's own scores are often too sure, or not sure enough. Training %s that it had not learnt from showed "
        "by how much, and its logits are divided by one number, %.2f, which changes no answer.</p>\n",
        things, c->temperature);
    tw_html_table(page, "Scores before and after calibration");
    tw_html(page,
            "<thead><tr><th scope=\"col\">asked about</th><th scope=\"col\" class=\"number\">off before</th><th "
            "scope=\"col\" class=\"number\">off after</th><th scope=\"col\" class=\"number\">log loss before</th><th "
            "scope=\"col\" class=\"number\">log loss after</th></tr></thead><tbody>\n");
    write_figures(page, page->report->has_photos ? "training photos, held out" : "training examples, held out",
                  &c->held_out_before, &c->held_out_after);
    write_figures(page, page->report->has_photos ? "evaluation photos" : "evaluation examples", &c->eval_before,
                  &c->eval_after);
    tw_html_table_end(page);
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    struct bin bins[BINS] = {{0}};
    for (size_t i = 0; i < r->photo_count; i++) {
        const struct tw_report_photo *photo = &r->photos[i];
        double score = (double)photo->scores[photo->prediction];
        int place = score >= 0 && score < 1 ? (int)(score * BINS) : score >= 1 ? BINS - 1 : 0;
        bins[place].count++;
        bins[place].right += photo->truth == photo->prediction;
        bins[place].score += score;
    }
    struct tw_number error = tw_report_measure(r, "calibration_error");
    tw_html(page, "<p>Where scores can be taken at their word, the bars reach the dashed line: of the answers with a "
                  "score of 80 %%, 80 %% are right.");
    if (!isnan(error.value))
        tw_html(page, " On average they are off by %.1f points.", 100 * error.value);
    if (r->calibration && r->calibration->eval_before.count)
        tw_html(page, " The circles are where they would stand without calibration.");
    tw_html(page, "</p>\n");
    write_chart(page, bins);
    write_temperature(page);
    tw_html(page,
            "<details><summary>The numbers</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
            "aria-label=\"Numbers of the scores\"><table><thead><tr><th scope=\"col\">score</th><th scope=\"col\" "
            "class=\"number\">answers</th><th scope=\"col\" class=\"number\">mean score</th><th scope=\"col\" "
            "class=\"number\">right</th></tr></thead><tbody>\n");
    for (int i = 0; i < BINS; i++) {
        double count = (double)bins[i].count;
        tw_html(page, "<tr><th scope=\"row\">%d–%d %%</th><td class=\"number\">%zu</td><td class=\"number\">", 10 * i,
                10 * i + 10, bins[i].count);
        tw_html_percent(page, count > 0 ? bins[i].score / count : NAN);
        tw_html(page, "</td><td class=\"number\">");
        tw_html_percent(page, count > 0 ? (double)bins[i].right / count : NAN);
        tw_html(page, "</td></tr>\n");
    }
    tw_html(page, "</tbody></table></div></details>\n");
}

const struct tw_section tw_section_calibration = {"calibration", "How far its scores can be trusted",
                                                  tw_section_has_metrics, write};
