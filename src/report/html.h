/* The page while it is written. Everything that is put by tw_html is escaped; only what this folder's sources spell out
 * themselves is markup. The first failure stays, later calls do nothing. */
#ifndef TW_REPORT_HTML_H
#define TW_REPORT_HTML_H

#include "report/report.h"

struct tw_page_picture {
    const char *key;
    bool is_there;
};
struct tw_page {
    const struct tw_report *report;
    struct tw_buffer html;
    struct tw_buffer pictures;     /* definitions of the photos that are shown, each once */
    struct tw_page_picture *shown; /* by key: those that were asked for */
    size_t shown_count, shown_capacity;
    struct tw_buffer scratch;
    enum tw_status status;
    struct tw_error *error;
};

/* Markup with values. %s is escaped, for text and quoted attributes alike; %d, %zu and %.Nf are numbers; no other
 * conversions. The format itself goes out as it stands. */
void tw_html(struct tw_page *page, const char *format, ...) TW_PRINTF(2, 3);
/* Text escaped to a buffer: & < > " ' as references, control characters and what is not UTF-8 as U+FFFD. */
enum tw_status tw_html_escape(struct tw_buffer *out, const char *text, struct tw_error *error) TW_MUST_USE;
/* A share as percent, "-" where it is not known. */
void tw_html_percent(struct tw_page *page, double share);

/* The picture of a key's photo, nothing where there is none or no room for it: pictures are limited to a few MB for a page. */
void tw_html_picture(struct tw_page *page, const char *key);
/* A list item with photo `index` of the report: its picture , name, truth, prediction and score. */
void tw_html_photo(struct tw_page *page, size_t index);

/* Two texts as one word for a shell: in single quotes where it holds anything but what every shell leaves alone. */
void tw_html_word(struct tw_page *page, const char *folder, const char *name);
/* Opens a table that can be scrolled by itself: the reader tabs to it. `name` is what it holds. tw_html_table_end closes it. */
void tw_html_table(struct tw_page *page, const char *name);
void tw_html_table_end(struct tw_page *page);

/* Of the whole, by name; NaN values where it is not there. */
struct tw_number tw_report_measure(const struct tw_report *report, const char *name);
struct tw_number tw_report_class_measure(const struct tw_report *report, size_t class, const char *name);

#endif
