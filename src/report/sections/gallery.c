#include "report/sections/sections.h"

#include "base/memory.h"

#include <stdlib.h>

enum { MOST_CLASSES = 60, SHOWN = 8, OPEN_CLASSES = 6 };

/* A photo and how far up it stands in a list. */
struct ranked {
    double rank;
    size_t photo;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? 1 : -1;
    return (left->photo > right->photo) - (left->photo < right->photo);
}

/* How far the best score stands before the next. */
static double lead_of(const struct tw_report *r, size_t index)
{
    const struct tw_report_photo *photo = &r->photos[index];
    float second = 0;
    for (size_t c = 0; c < r->class_count; c++) {
        if (c != photo->prediction && photo->scores[c] > second)
            second = photo->scores[c];
    }
    return (double)(photo->scores[photo->prediction] - second);
}

enum kind { SUREST, WRONG, DOUBTFUL };

static void write_list(struct tw_page *page, size_t class, enum kind kind, struct ranked *list)
{
    static const char *const titles[] = {"Surest and right", "Wrong, the surest first", "Most doubtful"};
    const struct tw_report *r = page->report;
    size_t count = 0;
    for (size_t i = 0; i < r->photo_count; i++) {
        const struct tw_report_photo *photo = &r->photos[i];
        bool is_right = photo->truth == photo->prediction;
        if (photo->truth != class || (kind == SUREST && !is_right) || (kind == WRONG && is_right))
            continue;
        double rank = kind == DOUBTFUL ? -lead_of(r, i) : (double)photo->scores[photo->prediction];
        list[count++] = (struct ranked){rank, i};
    }
    if (!count)
        return;
    qsort(list, count, sizeof *list, compare_ranked);
    tw_html(page, "<h4>%s</h4>\n<ul class=\"photos\">\n", titles[kind]);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        tw_html_photo(page, list[i].photo);
    tw_html(page, "</ul>\n");
}

static void write(struct tw_page *page)
{
    const struct tw_report *r = page->report;
    struct ranked *list = tw_alloc(r->photo_count, sizeof *list), *order = tw_alloc(r->class_count, sizeof *order);
    if (!list || !order) {
        page->status = tw_fail_memory(page->error, r->photo_count * sizeof *list, "the report");
        goto done;
    }
    for (size_t c = 0; c < r->class_count; c++) {
        double recall = tw_report_class_measure(r, c, "recall").value;
        order[c] = (struct ranked){recall >= 0 ? -recall : -2, c};
    }
    qsort(order, r->class_count, sizeof *order, compare_ranked);
    tw_html(page, "<p>Evaluation photos of each class, the weakest class first.</p>\n");
    for (size_t i = 0; i < r->class_count && i < MOST_CLASSES; i++) {
        size_t class = order[i].photo;
        if (!r->metrics->class_counts[class])
            continue;
        tw_html(page, "<details%s><summary><h3><bdi>%s</bdi></h3> <span>", i < OPEN_CLASSES ? " open" : "",
                r->labels[class]);
        tw_html_percent(page, tw_report_class_measure(r, class, "recall").value);
        tw_html(page, " of %zu found</span></summary>\n", r->metrics->class_counts[class]);
        write_list(page, class, WRONG, list);
        write_list(page, class, DOUBTFUL, list);
        write_list(page, class, SUREST, list);
        tw_html(page, "</details>\n");
    }
    if (r->class_count > MOST_CLASSES)
        tw_html(page, "<p>The other %zu classes are left out here.</p>\n", r->class_count - MOST_CLASSES);
done:
    tw_free(list);
    tw_free(order);
}

const struct tw_section tw_section_gallery = {"gallery", "Photos", tw_section_has_metrics, write};
