/* TensorBoard's embedding projector: tensors.tsv, metadata.tsv, sprite.jpg and projector_config.pbtxt in a folder. */
#ifndef TW_REPORT_PROJECTOR_H
#define TW_REPORT_PROJECTOR_H

#include "report/report.h"

/* Rows are thinned out evenly to what a browser takes: at most 1,000, and a million numbers. */
enum tw_status tw_projector_write(const char *folder, const struct tw_report *report,
                                  struct tw_error *error) TW_MUST_USE;

#endif
