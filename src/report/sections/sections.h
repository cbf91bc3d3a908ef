/* The page's sections: one file and one table line each. */
#ifndef TW_REPORT_SECTIONS_SECTIONS_H
#define TW_REPORT_SECTIONS_SECTIONS_H

#include "report/html.h"

struct tw_section {
    const char *id, *title;
    bool (*has_content)(const struct tw_report *report);
    void (*write)(struct tw_page *page); /* what stands below the heading (h2) */
};
extern const struct tw_section tw_section_summary, tw_section_confusion, tw_section_classes, tw_section_gallery,
    tw_section_calibration, tw_section_curve, tw_section_more, tw_section_choice, tw_section_suspects,
    tw_section_doubles, tw_section_growth, tw_section_audit, tw_section_usage, tw_section_provenance;
/* In the page's order, ending with NULL. */
extern const struct tw_section *const tw_sections[];

/* Whether anything was evaluated: for sections that stand on it. */
bool tw_section_has_metrics(const struct tw_report *report);

#endif
