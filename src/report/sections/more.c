#include "report/sections/sections.h"

#include <math.h>

enum { LEFT = 52, TOP = 12, WIDTH = 430, HEIGHT = 190, STEPS = 40 };

/* The chart's ranges: examples by their logarithm, accuracy as it is. */
struct frame {
    double first, last, low, high;
};

static bool has_content(const struct tw_report *report)
{
    return report->curve && report->curve->point_count > 0;
}

static double x_of(const struct frame *frame, double rows)
{
    return LEFT + WIDTH * log(rows / frame->first) / log(frame->last / frame->first);
}

static double y_of(const struct frame *frame, double accuracy)
{
    double share = (accuracy - frame->low) / (frame->high - frame->low);
    return TOP + HEIGHT * (1 - fmin(fmax(share, 0), 1));
}

static double law(const struct tw_curve_view *curve, double rows)
{
    return 1 - curve->floor - curve->scale * pow(rows, -curve->exponent);
}

static struct frame frame_of(const struct tw_curve_view *curve)
{
    struct frame frame = {.first = (double)curve->points[0].rows, .last = 2 * (double)curve->rows, .low = 1, .high = 0};
    for (size_t i = 0; i < curve->point_count; i++) {
        frame.low = fmin(frame.low, curve->points[i].low);
        frame.high = fmax(frame.high, curve->points[i].high);
    }
    frame.high = fmax(frame.high, law(curve, (double)curve->rows) + curve->gain_high);
    /* Four steps of whole percents, up to 100 at most. */
    double step = fmax(ceil((frame.high - frame.low) * 100 / 4 + 0.25), 1);
    frame.low = fmin(floor(100 * frame.low), 100 - 4 * step) / 100;
    frame.high = frame.low + 4 * step / 100;
    return frame;
}

static void write_axes(struct tw_page *page, const struct frame *frame, const struct tw_curve_view *curve)
{
    for (int i = 0; i <= 4; i++) {
        double value = frame->low + (frame->high - frame->low) * i / 4, y = y_of(frame, value);
        tw_html(page,
                "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/><text class=\"end\" x=\"%d\" "
                "y=\"%.1f\">%.0f %%</text>\n",
                LEFT, y, LEFT + WIDTH, y, LEFT - 5, y + 4, 100 * value);
    }
    for (size_t i = 0; i < curve->point_count; i++)
        tw_html(page, "<text class=\"middle\" x=\"%.1f\" y=\"%d\">%zu</text>\n",
                x_of(frame, (double)curve->points[i].rows), TOP + HEIGHT + 18, curve->points[i].rows);
    tw_html(page, "<text class=\"end\" x=\"%d\" y=\"%d\">%zu</text>\n", LEFT + WIDTH + 14, TOP + HEIGHT + 18,
            2 * curve->rows);
}

static void write_law(struct tw_page *page, const struct frame *frame, const struct tw_curve_view *curve)
{
    tw_html(page, "<polyline class=\"train\" points=\"");
    for (int i = 0; i <= STEPS; i++) {
        double rows = frame->first * pow(frame->last / frame->first, (double)i / STEPS);
        tw_html(page, "%.1f,%.1f ", x_of(frame, rows), y_of(frame, law(curve, rows)));
    }
    tw_html(page, "\"/>\n");
}

static void write_mark(struct tw_page *page, const struct frame *frame, double rows, const double values[3])
{
    double x = x_of(frame, rows);
    tw_html(page, "<line class=\"reach\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x, y_of(frame, values[1]),
            x, y_of(frame, values[2]));
    tw_html(page, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", x, y_of(frame, values[0]));
}

static void write_chart(struct tw_page *page, const struct tw_curve_view *curve)
{
    const struct frame frame = frame_of(curve);
    double now = law(curve, (double)curve->rows);
    tw_html(page,
            "<div class=\"charts\"><figure><figcaption>Accuracy over examples to learn from <span class=\"key "
            "eval\">seen</span> <span "
            "class=\"key train\">law fitted to it</span></figcaption><svg class=\"chart\" viewBox=\"0 0 500 240\" "
            "role=\"img\" aria-label=\"Accuracy over the number of examples; the table below has the numbers\">\n");
    write_axes(page, &frame, curve);
    write_law(page, &frame, curve);
    for (size_t i = 0; i < curve->point_count; i++) {
        const struct tw_curve_point_view *point = &curve->points[i];
        write_mark(page, &frame, (double)point->rows, (double[]){point->accuracy, point->low, point->high});
    }
    write_mark(page, &frame, frame.last, (double[]){now + curve->gain, now + curve->gain_low, now + curve->gain_high});
    tw_html(page, "</svg></figure></div>\n");
}

static void write(struct tw_page *page)
{
    const struct tw_curve_view *curve = page->report->curve;
    tw_html(
        page,
        "<p class=\"lead\">Twice the %s would bring about <strong>%.1f points</strong> of accuracy (95 %%: %.1f to "
        "%.1f).</p>\n<p>Heads learnt from parts of the training examples and were asked about the others. The error "
        "falls with the number of examples as a power of it, towards a floor; the law that fits says what twice as "
        "many of the same kind would bring. Examples of what it gets wrong today bring more.</p>\n",
        page->report->has_photos ? "photos" : "examples", 100 * curve->gain, 100 * curve->gain_low,
        100 * curve->gain_high);
    write_chart(page, curve);
    tw_html(page, "<details><summary>The numbers</summary>");
    tw_html_table(page, "Numbers of the learning curve");
    tw_html(page,
            "<thead><tr><th scope=\"col\" class=\"number\">examples</th><th scope=\"col\" class=\"number\">drawn"
            "</th><th scope=\"col\" class=\"number\">accuracy</th><th scope=\"col\">95 %%</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < curve->point_count; i++) {
        const struct tw_curve_point_view *point = &curve->points[i];
        tw_html(page,
                "<tr><th scope=\"row\" class=\"number\">%zu</th><td class=\"number\">%zu times</td><td "
                "class=\"number\">%.1f %%"
                "</td><td>%.1f–%.1f %%</td></tr>\n",
                point->rows, point->draws, 100 * point->accuracy, 100 * point->low, 100 * point->high);
    }
    tw_html_table_end(page);
    tw_html(page, "</details>\n");
}

const struct tw_section tw_section_more = {"more", "What more photos would bring", has_content, write};
