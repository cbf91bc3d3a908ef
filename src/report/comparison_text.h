/* `evaluate --compare`: JSON, and a verdict that people read. */
#ifndef TW_REPORT_COMPARISON_TEXT_H
#define TW_REPORT_COMPARISON_TEXT_H

#include "base/bytes.h"

/* As train/comparison.h has it; plain numbers because report lies beside train. */
struct tw_comparison_view {
    const char *name_a, *name_b;
    size_t count, only_a, only_b;
    double accuracy_a, accuracy_b, log_loss_a, log_loss_b, p_value;
    double accuracy_low, accuracy_high, loss_low, loss_high; /* of b's gain over a, 95 % */
};
/* One JSON object: a, b (accuracy, log_loss), count, only_a_right, only_b_right, p_value, accuracy_gain, log_loss_gain
 * (value, low, high), verdict. Appends, with a newline. */
enum tw_status tw_comparison_to_json(const struct tw_comparison_view *view, struct tw_buffer *out,
                                     struct tw_error *error) TW_MUST_USE;
enum tw_status tw_comparison_to_text(const struct tw_comparison_view *view, struct tw_buffer *out,
                                     struct tw_error *error) TW_MUST_USE;

#endif
