/* What TensorBoard shows of a finished run: final scalars, the confusion matrix, photos taken for another class, precision
 * and recall, settings, embeddings. */
#ifndef TW_REPORT_SUMMARIES_H
#define TW_REPORT_SUMMARIES_H

#include "report/report.h"

/* Into the event files of `folder`/eval and the projector's files. Those of an earlier end of the run go. */
enum tw_status tw_summaries_write(const char *folder, const struct tw_report *report, size_t step,
                                  struct tw_error *error) TW_MUST_USE;

#endif
