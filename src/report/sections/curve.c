#include "report/sections/sections.h"

#include <math.h>

enum { LEFT = 52, TOP = 12, WIDTH = 440, HEIGHT = 190, MOST_POINTS = 400, MOST_ROWS = 50 };

typedef double value_of_point(const struct tw_log_point *point);

static double train_loss(const struct tw_log_point *point)
{
    return point->train_loss;
}

static double eval_loss(const struct tw_log_point *point)
{
    return point->eval_loss;
}

static double train_accuracy(const struct tw_log_point *point)
{
    return point->train_accuracy;
}

static double eval_accuracy(const struct tw_log_point *point)
{
    return point->eval_accuracy;
}

struct chart {
    const char *title;
    value_of_point *train, *eval;
    double least, greatest; /* of the vertical axis */
    bool is_share;
};

static bool has_content(const struct tw_report *report)
{
    return report->point_count > 1;
}

static void write_line(struct tw_page *page, const struct chart *chart, value_of_point *value, const char *class)
{
    const struct tw_report *r = page->report;
    size_t last = r->points[r->point_count - 1].step;
    size_t shown = r->point_count < MOST_POINTS ? r->point_count : MOST_POINTS;
    tw_html(page, "<polyline class=\"%s\" points=\"", class);
    for (size_t k = 0; k < shown; k++) {
        size_t i = k * (r->point_count - 1) / (shown - 1);
        double y = value(&r->points[i]);
        if (isnan(y))
            continue;
        double x = LEFT + WIDTH * (double)r->points[i].step / (double)(last ? last : 1);
        y = (y - chart->least) / (chart->greatest - chart->least);
        tw_html(page, "%.1f,%.1f ", x, TOP + HEIGHT * (1 - y));
    }
    tw_html(page, "\"/>\n");
}

static double greatest_of(const struct tw_report *r, value_of_point *value, double greatest)
{
    for (size_t i = 0; i < r->point_count; i++) {
        double found = value(&r->points[i]);
        greatest = found > greatest && isfinite(found) ? found : greatest;
    }
    return greatest;
}

static void write_chart(struct tw_page *page, const struct chart *chart)
{
    const struct tw_report *r = page->report;
    size_t last = r->points[r->point_count - 1].step;
    tw_html(page,
            "<figure><figcaption>%s <span class=\"key train\">training</span> <span class=\"key eval\">evaluation"
            "</span></figcaption><svg class=\"chart\" viewBox=\"0 0 500 240\" role=\"img\" aria-label=\"%s over "
            "steps; the table below has the numbers\">\n",
            chart->title, chart->title);
    for (int i = 0; i <= 4; i++) {
        double value = chart->least + (chart->greatest - chart->least) * i / 4;
        int y = TOP + HEIGHT - HEIGHT * i / 4;
        tw_html(page,
                "<line class=\"grid\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/><text class=\"end\" x=\"%d\" y=\"%d\">",
                LEFT, y, LEFT + WIDTH, y, LEFT - 5, y + 4);
        if (chart->is_share)
            tw_html(page, "%.0f %%", 100 * value);
        else
            tw_html(page, "%.2f", value);
        tw_html(page, "</text>\n");
    }
    tw_html(page, "<text x=\"%d\" y=\"%d\">0</text><text class=\"end\" x=\"%d\" y=\"%d\">step %zu</text>\n", LEFT,
            TOP + HEIGHT + 18, LEFT + WIDTH, TOP + HEIGHT + 18, last);
    write_line(page, chart, chart->train, "train");
    write_line(page, chart, chart->eval, "eval");
    tw_html(page, "</svg></figure>\n");
}

static void write_cell(struct tw_page *page, double value)
{
    tw_html(page, "<td class=\"number\">");
    if (isnan(value))
        tw_html(page, "–");
    else
        tw_html(page, "%.4f", value);
    tw_html(page, "</td>");
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    struct chart loss = {"Loss", train_loss, eval_loss, 0, 0, false};
    struct chart accuracy = {"Accuracy", train_accuracy, eval_accuracy, 0, 1, true};
    loss.greatest = greatest_of(r, eval_loss, greatest_of(r, train_loss, 0.05));
    tw_html(page, "<div class=\"charts\">\n");
    write_chart(page, &loss);
    write_chart(page, &accuracy);
    tw_html(page,
            "</div>\n<details><summary>The numbers</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
            "aria-label=\"Numbers of the curves\"><table><thead><tr><th scope=\"col\" "
            "class=\"number\">step</th><th scope=\"col\" class=\"number\">loss</th><th scope=\"col\" "
            "class=\"number\">accuracy</th><th scope=\"col\" class=\"number\">evaluation loss</th><th scope=\"col\" "
            "class=\"number\">evaluation accuracy</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->point_count; i += r->point_count / MOST_ROWS + 1) {
        const struct tw_log_point *point = &r->points[i];
        tw_html(page, "<tr><th scope=\"row\" class=\"number\">%zu</th>", point->step);
        write_cell(page, point->train_loss);
        write_cell(page, point->train_accuracy);
        write_cell(page, point->eval_loss);
        write_cell(page, point->eval_accuracy);
        tw_html(page, "</tr>\n");
    }
    tw_html(page, "</tbody></table></div></details>\n");
}

const struct tw_section tw_section_curve = {"curve", "How it learnt", has_content, write};
