/* RUN/report.html: one file that needs nothing else, for people. */
#ifndef TW_REPORT_PAGE_H
#define TW_REPORT_PAGE_H

#include "report/report.h"

enum tw_status tw_page_write(const char *run, const struct tw_report *report, struct tw_error *error) TW_MUST_USE;

#endif
