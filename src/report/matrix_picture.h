/* A confusion matrix as a picture: shades by share of a row, class numbers at the margins, counts where they fit. */
#ifndef TW_REPORT_MATRIX_PICTURE_H
#define TW_REPORT_MATRIX_PICTURE_H

#include "image/image.h"
#include "report/metrics_text.h"

enum { TW_MATRIX_MOST_CLASSES = 600 };
/* TW_LIMIT for more classes; the metrics have a confusion matrix. */
enum tw_status tw_matrix_picture(const struct tw_metrics_view *metrics, struct tw_image *picture,
                                 struct tw_error *error) TW_MUST_USE;

#endif
