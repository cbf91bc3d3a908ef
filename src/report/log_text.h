/* A line of log.jsonl as people read it. */
#ifndef TW_REPORT_LOG_TEXT_H
#define TW_REPORT_LOG_TEXT_H

#include "report/run_log.h"

/* Appends one line with its end. A line that is none of ours is shown as it stands, control characters spelled out. */
enum tw_status tw_log_line_to_text(struct tw_span line, struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;
/* Whether the line ends a run. */
bool tw_log_line_is_end(struct tw_span line);
/* The point that a line holds; false: it holds none. */
bool tw_log_line_to_point(struct tw_span line, struct tw_log_point *point);

#endif
